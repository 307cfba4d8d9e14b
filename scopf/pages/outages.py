"""What the page of a solution shows of its states: bars by state, and the map in each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.network import drawing
from scopf.network.outages import INTACT
from scopf.pages import figure as f
from scopf.plots import state_map
from scopf.plots.outage_bars import by_state

if TYPE_CHECKING:
    from scopf.pages.figure import Trace
    from scopf.results.solution import Solution

_STATES, _NUMBERS = 200, 100_000  # on the map
_BARS = 15
_SHADES = 5  # parts of a bar


def by_outage(solution: Solution) -> list[Trace]:
    """NSSP by state, the highest first, divided by inverter."""
    names, buses, prices = by_state(solution)
    total = prices.sum(axis=1)
    ranked = [k for k in np.argsort(-total, kind="stable").tolist() if total[k] or not k]
    drawn = ranked[:_BARS] if 0 in ranked[:_BARS] else [*ranked[: _BARS - 1], 0]
    parts = _divided([f"inverter {bus}" for bus in buses], prices[drawn])
    return _bars([names[k] for k in drawn], parts)


def by_inverter(solution: Solution) -> list[Trace]:
    """NSSP by inverter, the highest first, divided by state."""
    names, buses, prices = by_state(solution)
    total = prices.sum(axis=0)
    ranked = [k for k in np.argsort(-total, kind="stable").tolist() if total[k]][:_BARS]
    parts = _divided(names, prices[:, ranked].T)
    return _bars([str(buses[k]) for k in ranked], parts)


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
    drawn = [_state(state_map.of(solution, name)) for name in names[:most]]
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


def _state(one: state_map.StateMap) -> dict[str, Any]:
    return {
        "name": one.name,
        "vm": f.numbers(one.values["voltage"].tolist()),
        "loading": f.numbers((100 * one.loading).tolist(), 4),
        "lost": one.lost.tolist(),
        "units": one.units.tolist(),
    }
