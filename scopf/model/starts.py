"""Points from which an optimisation may start, each a pure function of an energized network.

Every function returns `bus_vm`, `bus_va` (rad), `gen_pg` and `gen_qg`, per unit, in the order of
the network's tables and within their bounds; the reference buses have their own angles. Every AC
island meets its own load. With DC lines there are `dcline_pf`, `dcline_qf` and `dcline_qt` as well:
the active power is the case's, as near as its bounds allow, the reactive in the middle of its range
or in its ratio to the active.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from scopf.arrays import Complexes, Flags, Floats, Ints
from scopf.network.islands import firsts
from scopf.network.network import Network
from scopf.network.powers import injections, jacobian
from scopf.network.tables import REFERENCE

log = logging.getLogger(__name__)

_ITERATIONS = 20  # of Newton's method in one power flow
_TOLERANCE = 1e-8  # on the largest power mismatch, per unit
_ORDER = "MMD_AT_PLUS_A"  # fill-reducing order for matrices of symmetric pattern


def flat(net: Network) -> dict[str, Floats]:
    """Voltages 1 p.u. as far as allowed, one angle per island, units in the middle of their ranges.

    Args:
        net: energized network.

    Returns:
        bus_vm, bus_va of shape (n_bus,) and gen_pg, gen_qg of shape (n_gen,), per unit and rad.
        Without one of the bounds the other counts as the middle, without both zero.
    """
    bus, gen = net.bus, net.gen
    return {
        "bus_vm": _near_one(net),
        "bus_va": np.where(bus.type == REFERENCE, bus.va, bus.va[_first_reference(net)]),
        "gen_pg": _middle(gen.pmin, gen.pmax),
        "gen_qg": _middle(gen.qmin, gen.qmax),
    } | _dclines(net)


def middle(net: Network) -> dict[str, Floats]:
    """Like `flat`, with voltages in the middle of their ranges (1 p.u. without a bound) as well."""
    centre = 0.5 * (net.bus.vmin + net.bus.vmax)
    return flat(net) | {"bus_vm": np.where(np.isfinite(centre), centre, _near_one(net))}


def dc(net: Network) -> dict[str, Floats]:
    """Like `flat`, with active power that meets the load and the angles of the DC power flow.

    From the case's own operating point every unit moves the same fraction of its way to its bound,
    up or down as the load asks: the case's pattern of flows is one that the network can carry,
    while a merit order overloads it and puts nearly every unit on a bound, which is what an
    interior-point method has to get away from. The flow of a branch is
    (theta_f - theta_t - shift) / (x tap). Should its equations be singular, which series capacitors
    can bring about, the angles stay flat, which is logged.

    Args:
        net: energized network.

    Returns:
        As `flat` does.
    """
    pg = _dispatch(net, _drawn(net).real + net.bus.gs)
    return flat(net) | {"bus_va": _dc_angles(net, pg), "gen_pg": pg}


def power_flow(net: Network) -> dict[str, Floats]:
    """The AC power flow, by Newton's method in polar coordinates from the point of `dc`.

    Buses with units hold the first unit's set point `vg`, clipped to the bounds. Units share
    load and losses as in `dc`; what is left is the reference bus's. Reactive power is divided among
    the units of a bus in proportion to their ranges. Limits are ignored until the flow is solved;
    then everything is clipped to its bounds.

    Args:
        net: energized network.

    Returns:
        As `flat` does. Where Newton's method fails this is the point of `dc`, which is logged.
    """
    start, at, y = dc(net), net.gen_at, net.ybus()
    load = _drawn(net)
    regulated = np.isin(np.arange(len(net.bus)), at)
    slack = _slack(net, regulated)
    vm = start["bus_vm"].copy()
    first = np.unique(at, return_index=True)[1]
    set_point = np.where(net.gen.vg > 0, net.gen.vg, 1.0)[first]
    vm[at[first]] = np.clip(set_point, net.bus.vmin[at[first]], net.bus.vmax[at[first]])
    va = start["bus_va"]
    pg = start["gen_pg"]
    for losses_known in (False, True):
        solved = _newton(y, vm, va, _bus_sum(net, pg) - load, slack, regulated)
        if solved is None:
            log.info("%s: the power flow does not converge, the DC one is the start", net.name)
            return start
        vm, va = solved
        load = _drawn(net, vm)
        power = injections(y, vm, va) + load
        if not losses_known:
            pg = _dispatch(net, power.real)
    at_slack = np.isin(at, slack)
    shared = _spread(power.real, at, net.gen.pmin, net.gen.pmax)
    first = _first_reference(net)
    va = np.where(net.bus.type == REFERENCE, net.bus.va, va + (net.bus.va - va)[first])
    return {
        **start,
        "bus_vm": np.clip(vm, net.bus.vmin, net.bus.vmax),
        "bus_va": va,
        "gen_pg": np.where(at_slack, shared, pg),
        "gen_qg": _spread(power.imag, at, net.gen.qmin, net.gen.qmax),
    }


STARTS: dict[str, Callable[[Network], dict[str, Floats]]] = {
    "flat": flat,
    "middle": middle,
    "dc": dc,
    "power-flow": power_flow,
}


# -- ranges -----------------------------------------------


def _near_one(net: Network) -> Floats:
    return np.minimum(np.maximum(1.0, net.bus.vmin), net.bus.vmax)


def _middle(low: Floats, high: Floats) -> Floats:
    """Middle of each range; the only bound where there is one, zero where there is none."""
    with np.errstate(invalid="ignore"):
        centre = 0.5 * (low + high)
    return np.where(np.isfinite(centre), centre, np.clip(0.0, low, high))


def _spread(total: Floats, at: Ints, low: Floats, high: Floats) -> Floats:
    """Divide totals among units, those of one place each at the same fraction of its range.

    Args:
        total: wanted sum of each place, shape (places,).
        at: place of each unit, shape (units,).
        low: lower bounds, shape (units,); -inf counts as one far enough for the total.
        high: upper bounds, in the same way.

    Returns:
        A value within the bounds of each unit, shape (units,); the sum is the total if possible.
    """
    count = len(total)
    finite = np.where(np.isfinite(low), abs(low), 0.0) + np.where(np.isfinite(high), abs(high), 0.0)
    far = (1.0 + abs(total) + np.bincount(at, finite, minlength=count))[at]
    low, high = np.where(low == -np.inf, -far, low), np.where(high == np.inf, far, high)
    least = np.bincount(at, low, minlength=count)
    width = np.bincount(at, high - low, minlength=count)
    fraction = np.clip((total - least) / np.where(width > 0, width, 1.0), 0.0, 1.0)[at]
    shared: Floats = np.clip(low + fraction * (high - low), low, high)
    return shared


def _dispatch(net: Network, drawn: Floats) -> Floats:
    """Active power of every unit, moved from the case's point so that each island meets its load.

    Args:
        net: the network.
        drawn: active power that is drawn at each bus, shape (n_bus,).
    """
    gen, island = net.gen, net.island[net.gen_at]
    point = np.clip(gen.pg, gen.pmin, gen.pmax)
    total = np.bincount(net.island, drawn).astype(np.float64)
    more = (total > np.bincount(island, point, minlength=len(total)))[island]
    low, high = np.where(more, point, gen.pmin), np.where(more, gen.pmax, point)
    return _spread(total, island, low, high)


def _first_reference(net: Network) -> Ints:
    """Position of the first reference of each bus's island, shape (n_bus,)."""
    references = np.flatnonzero(net.bus.type == REFERENCE)
    _, first = np.unique(net.island[references], return_index=True)
    return references[first][net.island - 1]


def _bus_sum(net: Network, power: Floats) -> Floats:
    """Sum of the units' powers at each bus, shape (n_bus,)."""
    return np.bincount(net.gen_at, power, minlength=len(net.bus)).astype(np.float64)


def _dclines(net: Network) -> dict[str, Floats]:
    line = net.dcline
    if not len(line):
        return {}
    pf = np.clip(line.pf, line.pmin, line.pmax)
    found = {"dcline_pf": pf}
    for end, p, tan_phi in (("f", pf, line.tan_phi_f), ("t", line.received(pf), line.tan_phi_t)):
        low, high = getattr(line, f"qmin{end}"), getattr(line, f"qmax{end}")
        fixed = np.clip(-tan_phi * p, low, high)
        found[f"dcline_q{end}"] = np.where(np.isnan(tan_phi), _middle(low, high), fixed)
    return found


def _drawn(net: Network, vm: Floats | None = None) -> Complexes:
    """Power drawn from each bus by loads and DC lines, at 1 p.u. if no voltages are given."""
    p, q = net.bus.demand(1.0 if vm is None else vm)
    line, drawn = _dclines(net), p + 1j * q
    if not line:
        return np.asarray(drawn)
    pf = line["dcline_pf"]
    return np.asarray(drawn - net.dcline_sum(pf, line["dcline_qf"], line["dcline_qt"]))


# -- power flows -----------------------------------------------


def _dc_angles(net: Network, pg: Floats) -> Floats:
    """Angles of the DC power flow, those of all reference buses given; shape (n_bus,), rad."""
    branch, n, m = net.branch, len(net.bus), len(net.branch)
    x = np.where(branch.x == 0, abs(branch.r), branch.x)  # a branch without x still connects
    b = 1.0 / (x * branch.tap)
    ones, k = np.ones(m), np.arange(m)
    cells = np.concatenate([k, k]), np.concatenate([net.branch_from, net.branch_to])
    ends = sparse.coo_array((np.concatenate([ones, -ones]), cells), shape=(m, n)).tocsr()
    matrix = (ends.T @ (sparse.diags_array(b) @ ends)).tocsc()
    va = flat(net)["bus_va"]
    injected = _bus_sum(net, pg) - _drawn(net).real - net.bus.gs + ends.T @ (b * branch.shift)
    free = net.bus.type != REFERENCE
    wanted = (injected - matrix @ np.where(free, 0.0, va))[free]
    found = _solve(matrix[free][:, free], wanted)
    if found is None:
        log.info("%s: the DC power flow is singular, the start has flat angles", net.name)
    else:
        va[free] = found
    return va


def _solve(matrix: sparse.csc_array, right: Floats) -> Floats | None:
    """Solution of a sparse linear system; None where it is singular."""
    if not len(right):
        return right
    try:
        found: Floats = linalg.splu(matrix, permc_spec=_ORDER).solve(right)
    except RuntimeError:  # "Factor is exactly singular"
        return None
    return found if np.isfinite(found).all() else None


def _slack(net: Network, regulated: Flags) -> Ints:
    """Buses whose balance of active power is left open: references, if they have units.

    In an island without such a reference it is the bus of the largest unit, if there is one.
    """
    found = np.flatnonzero((net.bus.type == REFERENCE) & regulated)
    at = net.gen_at[np.argsort(-net.gen.pmax, kind="stable")]
    at = at[~np.isin(net.island[at], net.island[found])]
    return np.sort(np.concatenate([found, at[firsts(net.island[at])]]))


def _newton(
    y: sparse.csc_array,
    vm: Floats,
    va: Floats,
    wanted: Complexes,
    slack: Ints,
    regulated: Flags,
) -> tuple[Floats, Floats] | None:
    """Voltages at which every bus injects the wanted power.

    Args:
        y: bus admittance matrix, n x n, per unit.
        vm: first magnitudes, shape (n,), per unit; those of regulated buses stay as they are.
        va: first angles, shape (n,), rad; those of slack buses stay as they are.
        wanted: injections, shape (n,), per unit; active ones of slack buses and reactive ones of
            regulated buses do not matter.
        slack: positions of the slack buses.
        regulated: whether a bus holds its voltage, shape (n,).

    Returns:
        Magnitudes and angles, each of shape (n,); None when Newton's method fails.
    """
    n = len(vm)
    turning, changing = np.ones(n, dtype=bool), ~regulated
    turning[slack] = False
    kept = np.concatenate([turning, changing])  # of n angles or active, n magnitudes or reactive
    with np.errstate(all="ignore"):
        for _ in range(_ITERATIONS + 1):
            gap = injections(y, vm, va) - wanted
            missing = np.concatenate([gap.real, gap.imag])[kept]
            if not np.isfinite(missing).all():
                return None
            if abs(missing).max(initial=0.0) < _TOLERANCE:
                return (vm, va) if (vm > 0).all() else None
            slopes = jacobian(y, vm, va)[kept][:, kept].tocsc()
            step = _solve(slopes, -missing)
            if step is None:
                return None
            both = np.concatenate([va, vm])
            both[kept] += step
            va, vm = both[:n], both[n:]
    return None
