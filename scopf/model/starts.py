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

from scopf.arrays import Complexes, Floats, Ints
from scopf.dynamics.dc_flow import dc_angles
from scopf.dynamics.newton import Equations
from scopf.dynamics.set_points import slack_buses
from scopf.network.network import Network
from scopf.network.powers import injections
from scopf.network.tables import REFERENCE

log = logging.getLogger(__name__)


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
    pg = _dispatch(net, _drawn(net) + net.bus.gs)
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
    start, at, n = dc(net), net.gen_at, len(net.bus)
    anchors, takers, island = slack_buses(net, np.ones(len(net.gen), dtype=bool))
    share, held = np.zeros(n), np.zeros(n, dtype=bool)
    share[takers], held[at] = 1.0, True
    first = np.unique(at, return_index=True)[1]
    set_point = np.where(net.gen.vg > 0, net.gen.vg, 1.0)[first]
    vm, va, pg = start["bus_vm"].copy(), start["bus_va"], start["gen_pg"]
    vm[at[first]] = np.clip(set_point, net.bus.vmin[at[first]], net.bus.vmax[at[first]])
    for losses_known in (False, True):
        power = _bus_sum(net, pg) + _from_dclines(net)
        one = np.zeros(n, dtype=np.int64)
        equations = Equations(net, power, share, np.zeros(n), vm, held, anchors, island, one)
        found = equations.solve(vm, va)
        if not found.converged.all():
            log.info("%s: the power flow does not converge, the DC one is the start", net.name)
            return start
        vm, va = found.vm, found.va
        needed = injections(equations.y, vm, va) + equations.drawn(vm) - _from_dclines(net)
        if not losses_known:
            pg = _dispatch(net, needed.real)
    shared = _spread(needed.real, at, net.gen.pmin, net.gen.pmax)
    return {
        **start,
        "bus_vm": np.clip(vm, net.bus.vmin, net.bus.vmax),
        "bus_va": np.where(net.bus.type == REFERENCE, net.bus.va, va),
        "gen_pg": np.where(np.isin(at, takers), shared, pg),
        "gen_qg": _spread(needed.imag, at, net.gen.qmin, net.gen.qmax),
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


def _from_dclines(net: Network) -> Complexes:
    """Power that DC lines inject into each bus at the start."""
    line = _dclines(net)
    if not line:
        return np.zeros(len(net.bus), dtype=np.complex128)
    return net.dcline_sum(line["dcline_pf"], line["dcline_qf"], line["dcline_qt"])


def _drawn(net: Network) -> Floats:
    """Active power drawn from each bus by loads, at 1 p.u., and DC lines."""
    return np.asarray(net.bus.demand(1.0)[0] - _from_dclines(net).real)


# -- power flows -----------------------------------------------


def _dc_angles(net: Network, pg: Floats) -> Floats:
    """Angles of the DC power flow, those of all reference buses given; shape (n_bus,), rad."""
    va = flat(net)["bus_va"]
    injected = _bus_sum(net, pg) - _drawn(net) - net.bus.gs
    found = dc_angles(net, injected, np.flatnonzero(net.bus.type == REFERENCE), va)
    if found is None:
        log.info("%s: the DC power flow is singular, the start has flat angles", net.name)
        return va
    return found
