"""What the page of a solution shows of its states: bars by state, and the map in each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.network import drawing, labels
from scopf.network.outages import INTACT
from scopf.pages import figure as f
from scopf.plots import state_map
from scopf.plots.outage_bars import by_state
from scopf.results.prices import TRACE
from scopf.sweeps.analysis.amounts import amount
from scopf.sweeps.analysis.units import per, price_text

if TYPE_CHECKING:
    from scopf.network.network import Network
    from scopf.pages.figure import Trace
    from scopf.results.solution import Solution

_STATES, _NUMBERS = 200, 100_000  # on the map
_BARS = 12
_SHADES = 5  # parts of a bar
_ZERO = 1e-6  # a margin that is less is zero but for the tolerance of the solver


def by_outage(solution: Solution) -> list[Trace]:
    """NSSP by state, the highest first, divided by inverter."""
    names, buses, prices = by_state(solution)
    total = prices.sum(axis=1)
    ranked = [k for k in np.argsort(-total, kind="stable").tolist() if total[k] or not k]
    drawn = ranked[:_BARS] if 0 in ranked[:_BARS] else [*ranked[: _BARS - 1], 0]
    names = _labelled(solution, names)
    parts = _divided([f"inverter {bus}" for bus in buses], prices[drawn])
    return _bars([names[k] for k in drawn], parts)


def by_inverter(solution: Solution) -> list[Trace]:
    """NSSP by inverter, the highest first, divided by state."""
    names, buses, prices = by_state(solution)
    total = prices.sum(axis=0)
    ranked = [k for k in np.argsort(-total, kind="stable").tolist() if total[k]][:_BARS]
    parts = _divided(_labelled(solution, names), prices[:, ranked].T)
    return _bars([str(buses[k]) for k in ranked], parts)


def least_margins(solution: Solution) -> list[Trace]:
    """The least margin of each inverter over all states, the least first; [] without rows."""
    horizon = solution.problem.horizon
    table = solution.nssp_by_state if horizon is None else solution.table("inverters")
    margin = table["margin"].to_numpy(dtype=np.float64)
    least = table[np.isfinite(margin)].groupby("bus")["margin"].min().nsmallest(_BARS)
    if least.empty:
        return []
    values = np.where(np.abs(least.to_numpy()) < _ZERO, 0.0, least.to_numpy())
    return _bars([str(bus) for bus in least.index], [("least margin", values)])


def _divided(names: list[str], prices: Floats) -> list[tuple[str, Floats]]:
    """The parts with the highest prices, and all others as one."""
    total = prices.sum(axis=0)
    ranked = [k for k in np.argsort(-total, kind="stable").tolist() if total[k]]
    own = ranked if len(ranked) <= _SHADES else ranked[: _SHADES - 1]
    parts = [(names[k], prices[:, k]) for k in own]
    if len(own) < len(ranked):
        others = prices[:, ranked[len(own) :]].sum(axis=1)
        parts.append((f"{len(ranked) - len(own)} more", others))
    return parts


def _bars(places: list[str], parts: list[tuple[str, Floats]]) -> list[Trace]:
    return [
        {"name": name, "y": places, "x": f.numbers(widths.tolist(), 6)} for name, widths in parts
    ]


def maps(solution: Solution) -> dict[str, Any]:
    """Places of buses and branches, and the states: those of the model first."""
    horizon = solution.problem.horizon
    net = solution.problem.base if horizon is None else horizon.one
    ends = np.column_stack([net.branch_from, net.branch_to])
    place = drawing.positions(len(net.bus), ends)
    table = solution.outages
    came = dict(zip(table["state"], table["status"], strict=True)) if len(table) else {}
    inside = [INTACT, *(name for name in solution.states if name in came)]
    outside = [name for name, status in came.items() if status == "secure"]
    names = [*inside, *outside] if horizon is None else [*solution.states]
    most = max(1, min(_STATES, _NUMBERS // (len(net.bus) + len(net.branch))))
    said = _labelled(solution, names[:most])
    prices = _notes(solution, net)
    drawn = [
        _state(state_map.of(solution, name), text, prices.get(name, {}))
        for name, text in zip(names, said, strict=False)
    ]
    lost = sum(status == "no dispatch survives" for status in came.values())
    notes = []
    if len(names) > most:
        notes.append(f"{len(names) - most} more states are not drawn.")
    if lost:
        notes.append(f"Outages that no dispatch survives ({lost}) have no state.")
    voltages = np.concatenate([np.array(one["vm"], dtype=np.float64) for one in drawn])
    x, y = (f.numbers(column, 4) for column in place.T.tolist())
    return {
        "x": x, "y": y, "buses": net.bus.id.tolist(), "ends": ends.tolist(),
        "branches": net.branch.id.tolist(), "states": drawn, "note": " ".join(notes),
        "low": float(np.nanmin(voltages)), "high": float(np.nanmax(voltages)),
        "inverters": net.bus_positions(np.unique(_buses(solution))).tolist(),
    }  # fmt: skip


def _buses(solution: Solution) -> Ints:
    """Buses of the inverters, as they are numbered in the case."""
    bus, horizon = solution.inverter_data.bus, solution.problem.horizon
    return bus if horizon is None else horizon.own(bus)


def _labelled(solution: Solution, names: list[str]) -> list[str]:
    """States as readers know them: an outage by what is lost."""
    known = labels.outages(solution.scenario.outages, solution.problem.given)
    return [known.get(name, name) for name in names]


def _notes(solution: Solution, net: Network) -> dict[str, dict[int, str]]:
    """Price and margin of the inverters, by state and position of the bus."""
    single = solution.problem.horizon is None
    table = solution.nssp_by_state if single else solution.table("inverters")
    unit, found = per(solution.problem.criterion.nssp_unit), dict[str, dict[int, str]]()
    at = net.bus_positions(table["bus"].to_numpy(dtype=np.int64)).tolist()
    rows = zip(table["state"], at, table["nssp_per_pu"], table["margin"], strict=True)
    for state, bus, price, margin in rows:
        if np.isfinite(margin):
            said = price_text(float(price)) if price > TRACE else "0"
            text = f"NSSP {said} {unit}, margin {amount(round(float(margin), 6) + 0.0, 4)} p.u."
            found.setdefault(state, {})[bus] = text
    return found


def _state(one: state_map.StateMap, name: str, notes: dict[int, str]) -> dict[str, Any]:
    return {
        "name": name,
        "state": one.name,
        "vm": f.numbers(one.values["voltage"].tolist()),
        "loading": f.numbers((100 * one.loading).tolist(), 4),
        "notes": notes,
        "lost": one.lost.tolist(),
        "units": one.units.tolist(),
    }
