"""Faults of a network, all of them at once, by table, row and the user's own numbers."""

from __future__ import annotations

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.errors import Fault
from scopf.network.piecewise import bends_down, count
from scopf.network.tables import Branches, Buses, DcLines, Gens, Table, positions

# Our columns by the names that users know them by (the MATPOWER format's).
COLUMNS = {
    "bus": {
        "pd": "Pd", "qd": "Qd", "gs": "Gs", "bs": "Bs",
        "vm": "Vm", "va": "Va", "vmin": "Vmin", "vmax": "Vmax",
        "pd_current": "constant-current P", "qd_current": "constant-current Q",
    },
    "gen": {
        "pg": "Pg", "qg": "Qg", "pmin": "Pmin", "pmax": "Pmax", "qmin": "Qmin", "qmax": "Qmax",
        "vg": "Vg", "mbase": "mBase", "cost_p": "cost", "cost_q": "reactive cost",
        "pc1": "Pc1", "pc2": "Pc2", "qc1min": "Qc1min", "qc1max": "Qc1max",
        "qc2min": "Qc2min", "qc2max": "Qc2max", "ramp_agc": "ramp_agc", "ramp_10": "ramp_10",
        "ramp_30": "ramp_30", "ramp_q": "ramp_q", "apf": "apf", "startup": "startup cost",
        "shutdown": "shutdown cost",
    },
    "branch": {
        "r": "r", "x": "x", "b": "b", "rate": "rateA", "tap": "ratio", "shift": "angle",
        "angmin": "angmin", "angmax": "angmax", "rate_b": "rateB", "rate_c": "rateC",
    },
    "dcline": {
        "pf": "Pf", "qf": "Qf", "qt": "Qt", "vf": "Vf", "vt": "Vt", "pmin": "Pmin", "pmax": "Pmax",
        "qminf": "QminF", "qmaxf": "QmaxF", "qmint": "QminT", "qmaxt": "QmaxT",
        "loss0": "loss0", "loss1": "loss1", "cost": "cost", "tan_phi_f": "tan phi at the from bus",
        "tan_phi_t": "tan phi at the to bus",
    },
}  # fmt: skip
_MAY_BE_INFINITE = {
    "pmin", "pmax", "qmin", "qmax", "vmax", "rate", "rate_b", "rate_c", "angmin", "angmax",
    "qminf", "qmaxf", "qmint", "qmaxt", "ramp_agc", "ramp_10", "ramp_30", "ramp_q",
}  # fmt: skip
_MAY_BE_NAN = {"tan_phi_f", "tan_phi_t"}
_COSTS = {  # points, polynomial: how they are called
    "gen": {"cost_p_points": ("cost_p", "cost"), "cost_q_points": ("cost_q", "reactive cost")},
    "dcline": {"cost_points": ("cost", "cost")},
}


def faults(
    base_mva: float, bus: Buses, gen: Gens, branch: Branches, dcline: DcLines
) -> list[Fault]:
    """Every fault of a network, table by table."""
    if not (np.isfinite(base_mva) and base_mva > 0):
        return [Fault(f"the system base must be a positive number of MVA, got {base_mva}")]
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is infinite
        found = _bus_faults(bus)
        found += _gen_faults(gen, bus, base_mva) + _branch_faults(branch, bus, base_mva)
        return found + _dcline_faults(dcline, bus, base_mva)


def _bus_faults(bus: Buses) -> list[Fault]:
    if not len(bus):
        return [Fault("has no rows", "bus")]
    found = _number_faults(bus) + _repeated(bus, "bus number")
    unknown = ~np.isin(bus.type, (1, 2, 3, 4))
    found += _where(bus, unknown, "bus type {} is none of 1, 2, 3, 4", bus.type, column="type")
    crossed = bus.vmin > bus.vmax
    text = "Vmin {:g} > Vmax {:g}"
    found += _where(bus, crossed, text, bus.vmin, bus.vmax, column="vmin")
    low = (bus.vmax <= 0) & ~crossed
    found += _where(bus, low, "Vmax {:g} must be positive", bus.vmax, column="vmax")
    return found


def _gen_faults(gen: Gens, bus: Buses, base: float) -> list[Fault]:
    on, at = gen.in_service, positions(bus.id, gen.bus)
    if not len(gen):
        return [Fault("there is no generator", "gen")]
    found = _number_faults(gen) + _repeated(gen, "generator number")
    found += _cost_faults(gen, on)
    unknown = at < 0
    found += _where(gen, unknown, "unknown bus {}", gen.bus, column="bus")
    for low, high, unit in (("pmin", "pmax", "MW"), ("qmin", "qmax", "MVAr")):
        found += _bound_faults(gen, on, low, high, unit, base)
    found += _curve_faults(gen, on, base) + _dispatchable_faults(gen, on, base)
    flat = on & ~(gen.mbase > 0) & np.isfinite(gen.mbase)
    found += _where(gen, flat, "mBase {:g} must be positive", gen.mbase, column="mbase")
    if not on.any():
        found.append(Fault("no generator is in service", "gen"))
    elif not unknown.any() and not (on & bus.in_service[at]).any():
        found.append(Fault("every generator in service is at an isolated bus", "gen"))
    return found


def _bound_faults(
    table: Table, on: Flags, low: str, high: str, unit: str, base: float
) -> list[Fault]:
    """Bounds of powers between which there is nothing."""
    shown = COLUMNS[table.key]
    lower, upper = getattr(table, low) * base, getattr(table, high) * base
    text = f"{shown[low]} {{:g}} {unit} > {shown[high]} {{:g}} {unit}"
    found = _where(table, on & (lower > upper), text, lower, upper, column=low)
    empty = on & ((lower == np.inf) | (upper == -np.inf))
    return found + _where(table, empty, f"no finite {low[0].upper()} is allowed", column=low)


def _cost_faults(table: Table, on: Flags) -> list[Fault]:
    """Polynomials of the wrong shape, and points that make no convex function."""
    found = []
    for points, (polynomial, shown) in _COSTS[table.key].items():
        shape = getattr(table, polynomial).shape
        if len(shape) != 2 or shape[1] < 3:
            text = f"{polynomial} needs coefficients of order 0, 1 and 2 in its columns, not"
            found.append(Fault(f"{text} {shape}", table.key, column=polynomial))
            continue
        table_of_points: Floats = getattr(table, points)
        if table_of_points.ndim != 3 or table_of_points.shape[2] != 2:
            text = f"{points} needs the shape (rows, points, 2), not {table_of_points.shape}"
            found.append(Fault(text, table.key, column=points))
            continue
        found += _point_faults(table, on, points, polynomial, shown)
    return found


def _point_faults(table: Table, on: Flags, name: str, polynomial: str, shown: str) -> list[Fault]:
    points: Floats = getattr(table, name)
    if not points.shape[1]:
        return []
    number, missing = count(points), np.isnan(points)
    after = np.arange(points.shape[1]) < number[:, None]
    infinite = np.asarray(np.isinf(points).any(axis=(1, 2)))
    infinite |= (np.asarray(missing.any(axis=2)) & after).any(axis=1)
    text = f"a point of the piecewise-linear {shown} is not finite"
    found = _where(table, infinite, text, column=name)
    given: Flags = (number > 0) & ~infinite
    single = given & (number < 2)
    found += _where(table, single, f"a piecewise-linear {shown} needs two points", column=name)
    both = given & (getattr(table, polynomial) != 0).any(axis=1)
    text = f"has both a piecewise-linear and a polynomial {shown}"
    found += _where(table, both, text, column=name)
    with np.errstate(invalid="ignore"):
        back = given & (np.diff(points[:, :, 0], axis=1) <= 0).any(axis=1)
    text = f"the powers of the piecewise-linear {shown} do not increase from point to point"
    found += _where(table, back, text, column=name)
    bent = on & given & ~single & ~back & bends_down(points)
    text = (
        f"the piecewise-linear {shown} is not convex: its slope falls at a point, and then a "
        "local optimum need not be the least cost; give points whose slopes increase"
    )
    return found + _where(table, bent, text, column=name)


def _curve_faults(gen: Gens, on: Flags, base: float) -> list[Fault]:
    """P-Q curves without a slope, or that allow no Q at all."""
    same = (gen.qmin == gen.qmax) & (gen.qc1min == gen.qmin) & (gen.qc1max == gen.qmin)
    same &= (gen.qc2min == gen.qmin) & (gen.qc2max == gen.qmin)
    curved = on & gen.has_curve & ~same
    crossed = curved & ~(gen.pc1 < gen.pc2)
    text = "the P-Q curve needs Pc1 < Pc2, got {:g} MW and {:g} MW"
    found = _where(gen, crossed, text, gen.pc1 * base, gen.pc2 * base, column="pc1")
    empty = curved & (gen.qc1max <= gen.qc1min) & (gen.qc2max <= gen.qc2min)
    text = "the P-Q curve allows no Q: Qc1max <= Qc1min and Qc2max <= Qc2min"
    return found + _where(gen, empty, text, column="qc1max")


def _dispatchable_faults(gen: Gens, on: Flags, base: float) -> list[Fault]:
    """Loads of constant power factor whose limits do not define it."""
    load = on & gen.constant_pf
    if not load.any():
        return []
    no_load = load & ~((gen.pmin < 0) & (gen.pmax <= 0) & np.isfinite(gen.pmin))
    text = "a dispatchable load needs a finite Pmin < 0 and Pmax <= 0, got {:g} MW and {:g} MW"
    found = _where(gen, no_load, text, gen.pmin * base, gen.pmax * base, column="pmin")
    one = (gen.qmin != 0) != (gen.qmax != 0)
    unclear = load & ~(one & np.isfinite(gen.qmin) & np.isfinite(gen.qmax))
    text = (
        "the power factor of a dispatchable load is that of Pmin and the one of Qmin and Qmax "
        "that is not zero, got {:g} MVAr and {:g} MVAr"
    )
    return found + _where(gen, unclear, text, gen.qmin * base, gen.qmax * base, column="qmin")


def _dcline_faults(dcline: DcLines, bus: Buses, base: float) -> list[Fault]:
    if not len(dcline):
        return []
    on = dcline.in_service
    found = _number_faults(dcline) + _repeated(dcline, "dcline number") + _cost_faults(dcline, on)
    for ids, column in ((dcline.from_bus, "from_bus"), (dcline.to_bus, "to_bus")):
        unknown = positions(bus.id, ids) < 0
        found += _where(dcline, unknown, "unknown bus {}", ids, column=column)
    loop = (dcline.from_bus == dcline.to_bus) & (positions(bus.id, dcline.from_bus) >= 0)
    found += _where(dcline, loop, "both ends are at bus {}", dcline.from_bus, column="to_bus")
    for low, high, unit in (
        ("pmin", "pmax", "MW"), ("qminf", "qmaxf", "MVAr"), ("qmint", "qmaxt", "MVAr"),
    ):  # fmt: skip
        found += _bound_faults(dcline, on, low, high, unit, base)
    lost = on & (dcline.loss1 >= 1)
    text = "loss1 {:g} must be below 1: nothing of the power would arrive"
    found += _where(dcline, lost, text, dcline.loss1, column="loss1")
    text = (
        "the losses are negative between Pmin {:g} MW and Pmax {:g} MW ({:g} MW at worst): the "
        "line would be a source of energy; give it other losses, or a line to each direction"
    )
    limits = dcline.pmin * base, dcline.pmax * base
    least = dcline.least_loss * base
    found += _where(dcline, dcline.gains_energy & ~lost, text, *limits, least, column="loss1")
    both = on & (dcline.pmin < 0) & (dcline.pmax > 0)
    both &= ~np.isnan(dcline.tan_phi_f) | ~np.isnan(dcline.tan_phi_t)
    text = "a fixed ratio of Q to P (tan phi) needs one direction, not {:g} MW to {:g} MW"
    return found + _where(dcline, both, text, *limits, column="pmin")


def _branch_faults(branch: Branches, bus: Buses, base: float) -> list[Fault]:
    found = _number_faults(branch) + _repeated(branch, "branch number")
    for ids, column in ((branch.from_bus, "from_bus"), (branch.to_bus, "to_bus")):
        unknown = positions(bus.id, ids) < 0
        found += _where(branch, unknown, "unknown bus {}", ids, column=column)
    loop = (branch.from_bus == branch.to_bus) & (positions(bus.id, branch.from_bus) >= 0)
    found += _where(branch, loop, "both ends are at bus {}", branch.from_bus, column="to_bus")
    zero = branch.in_service & (branch.r == 0) & (branch.x == 0)
    text = "zero impedance (r = x = 0): give it a reactance or merge its two buses"
    if zero.any():
        found += _where(branch, zero, text, column="x")
    bad: Flags = branch.rate <= 0
    text = "the rating {:g} MVA must be positive (infinite for no limit)"
    found += _where(branch, bad, text, branch.rate * base, column="rate")
    bad = branch.tap <= 0
    found += _where(branch, bad, "ratio {:g} must be positive", branch.tap, column="tap")
    low, high = np.degrees(branch.angmin), np.degrees(branch.angmax)
    crossed = branch.in_service & (low > high)
    text = "angmin {:g} > angmax {:g} degrees"
    found += _where(branch, crossed, text, low, high, column="angmin")
    empty = branch.in_service & ~crossed & ((low == np.inf) | (high == -np.inf))
    text = "no finite angle is between angmin {:g} and angmax {:g}"
    return found + _where(branch, empty, text, low, high, column="angmin")


def _repeated(table: Table, what: str) -> list[Fault]:
    """Rows whose number stands in an earlier row."""
    again = np.ones(len(table), dtype=bool)
    again[np.unique(table.id, return_index=True)[1]] = False
    return _where(table, again, f"the {what} occurs twice", column="id")


def _number_faults(table: Table) -> list[Fault]:
    """Cells that are NaN, or infinite where that has no meaning."""
    found = []
    for column, shown in COLUMNS[table.key].items():
        values: Floats = getattr(table, column)
        wrong = np.isnan(values) if column in _MAY_BE_INFINITE else ~np.isfinite(values)
        if column in _MAY_BE_NAN:
            wrong = np.isinf(values)
        bad = np.asarray(wrong if wrong.ndim == 1 else wrong.any(axis=1))
        if bad.any():
            text = f"{shown} is not a number"
            if column not in _MAY_BE_INFINITE:
                text = f"{shown} is not a finite number"
            found += _where(table, bad, text, column=column)
    return found


def _where(table: Table, bad: Flags, text: str, *values: Floats | Ints, column: str) -> list[Fault]:
    """One fault for each row where `bad`, its text filled with that row's values."""
    return [
        Fault(
            text.format(*(value[row] for value in values)),
            table.key,
            int(row) + 1,
            table.label(int(row)),
            column,
        )
        for row in np.flatnonzero(bad)
    ]
