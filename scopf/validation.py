"""What makes a network unusable: every fault at once, by table, row and the user's own numbers."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from scopf.arrays import Flags, Floats, Ints
from scopf.faults import Fault, listing
from scopf.tables import REFERENCE, Branches, Buses, Gens, Table, positions

# Our columns by the names that users know them by (the MATPOWER format's).
COLUMNS = {
    "bus": {
        "pd": "Pd", "qd": "Qd", "gs": "Gs", "bs": "Bs",
        "vm": "Vm", "va": "Va", "vmin": "Vmin", "vmax": "Vmax",
    },
    "gen": {
        "pg": "Pg", "qg": "Qg", "pmin": "Pmin", "pmax": "Pmax", "qmin": "Qmin", "qmax": "Qmax",
        "vg": "Vg", "mbase": "mBase", "cost_p": "cost", "cost_q": "reactive cost",
    },
    "branch": {
        "r": "r", "x": "x", "b": "b", "rate": "rateA", "tap": "ratio", "shift": "angle",
        "angmin": "angmin", "angmax": "angmax",
    },
}  # fmt: skip
_MAY_BE_INFINITE = {"pmin", "pmax", "qmin", "qmax", "vmax", "rate", "angmin", "angmax"}


def faults(base_mva: float, bus: Buses, gen: Gens, branch: Branches) -> list[Fault]:
    """Every fault of a network, table by table, then of its topology."""
    if not (np.isfinite(base_mva) and base_mva > 0):
        return [Fault(f"the system base must be a positive number of MVA, got {base_mva}")]
    found = _bus_faults(bus)
    numbered = not any(fault.column == "id" for fault in found)
    found += _gen_faults(gen, bus, base_mva) + _branch_faults(branch, bus, base_mva)
    return found + _topology_faults(bus, branch) if numbered else found


def _bus_faults(bus: Buses) -> list[Fault]:
    if not len(bus):
        return [Fault("has no rows", "bus")]
    found = _number_faults(bus) + _repeated(bus, "bus number")
    odd = ~np.isin(bus.type, (1, 2, 3, 4))
    found += _where(bus, odd, "bus type {} is none of 1, 2, 3, 4", bus.type, column="type")
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
    for column in ("cost_p", "cost_q"):
        shape = getattr(gen, column).shape
        if len(shape) != 2 or shape[1] < 3:
            text = f"{column} needs coefficients of order 0, 1 and 2 in its columns, not {shape}"
            found.append(Fault(text, "gen", column=column))
    unknown = at < 0
    found += _where(gen, unknown, "unknown bus {}", gen.bus, column="bus")
    for low, high, unit in (("pmin", "pmax", "MW"), ("qmin", "qmax", "MVAr")):
        lower, upper = getattr(gen, low) * base, getattr(gen, high) * base
        text = f"{COLUMNS['gen'][low]} {{:g}} {unit} > {COLUMNS['gen'][high]} {{:g}} {unit}"
        found += _where(gen, on & (lower > upper), text, lower, upper, column=low)
        empty = on & ((lower == np.inf) | (upper == -np.inf))
        found += _where(gen, empty, f"no finite {low[0].upper()} is allowed", column=low)
    flat = on & ~(gen.mbase > 0) & np.isfinite(gen.mbase)
    found += _where(gen, flat, "mBase {:g} must be positive", gen.mbase, column="mbase")
    if not on.any():
        found.append(Fault("no generator is in service", "gen"))
    elif not unknown.any() and not (on & bus.in_service[at]).any():
        found.append(Fault("every generator in service is at an isolated bus", "gen"))
    return found


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
    return found + _where(branch, crossed, text, low, high, column="angmin")


def _topology_faults(bus: Buses, branch: Branches) -> list[Fault]:
    """What keeps the buses from being one network with a reference."""
    live = bus.in_service
    references = live & (bus.type == REFERENCE)
    found = []
    if len(live) and not references.any():
        found.append(Fault("there is no reference bus (type 3)", "bus"))
    f, t = positions(bus.id, branch.from_bus), positions(bus.id, branch.to_bus)
    known = (f >= 0) & (t >= 0)
    on = known & branch.in_service & live[f] & live[t]
    n = len(live)
    links = sparse.coo_array((np.ones(on.sum()), (f[on], t[on])), shape=(n, n))
    _, island = csgraph.connected_components(links, directed=False)
    if not live.any():
        return found
    main = _main_island(island, live, references)
    for other in np.unique(island[live]):
        if other != main:
            ids = bus.id[live & (island == other)]
            text = (
                f"island: no branch in service connects bus {listing(ids)} to the rest of the "
                "network; connect it, or isolate it (bus type 4) and solve it on its own"
            )
            found.append(Fault(text, "branch", label=f"{len(ids)} of {live.sum()} buses"))
    return found


def _main_island(island: Ints, live: Flags, references: Flags) -> int:
    """The largest island among those with a reference, or the largest of all."""
    among = references if references.any() else live
    sizes = np.bincount(island[live], minlength=island.max() + 1)
    candidates = np.unique(island[among])
    return int(candidates[np.argmax(sizes[candidates])])


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
