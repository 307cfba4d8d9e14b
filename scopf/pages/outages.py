"""What the page of a solution shows of its states: bars by state, and the map in each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats
from scopf.errors import counted
from scopf.network import drawing, labels
from scopf.network.outages import INTACT
from scopf.pages import figure as f
from scopf.pages import places
from scopf.plots import state_map
from scopf.plots.outage_bars import by_state
from scopf.results.hour_states import HourState
from scopf.sweeps.analysis.units import per

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
    horizon, net = solution.problem.horizon, state_map.intact(solution)
    table = solution.outages
    came = dict(zip(table["state"], table["status"], strict=True)) if len(table) else {}
    inside = [INTACT, *(name for name in solution.states if name in came)]
    outside = [name for name, status in came.items() if status == "secure"]
    names = [*inside, *outside] if horizon is None else [*solution.states]
    own, of_storage = solution.inverter_data, dict[int, str]()
    if horizon is not None:
        own = horizon.inverters(own, 0)
        of_storage = {gen: horizon.unit(gen) for gen in horizon.storage_gen.tolist()}
    numbers = 2 * len(net.bus) + len(net.branch) + 2 * len(net.gen) + 2 * len(own)
    most = max(1, min(_STATES, _NUMBERS // numbers))
    said = _labelled(solution, names[:most])
    drawn = [_state(solution, name, text, net) for name, text in zip(names, said, strict=False)]
    lost = sum(status == "no dispatch survives" for status in came.values())
    notes = []
    if len(names) > most:
        notes.append(f"{len(names) - most} more states are not drawn.")
    if lost:
        notes.append(f"Outages that no dispatch survives ({lost}) have no state.")
    dead = drawing.Dead.of(solution.problem.given, net)
    if dead.left:
        notes.append(f"{counted(dead.left, 'bus is', 'buses are')} not energized.")
    return {
        **places.content(net, state_map.stands(solution), own, dead, of_storage),
        "states": drawn, "note": " ".join(notes), "colours": _colours(solution, drawn),
        "dead": any(one["dead"] for one in drawn),
    }  # fmt: skip


def _colours(solution: Solution, drawn: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Quantities that colours may show: key, name, unit, and the range over all states."""
    found = []
    for key, name, unit in (
        ("vm", "Voltage", "p.u."),
        ("nssp", "NSSP", per(solution.problem.criterion.nssp_unit)),
        ("margin", "Margin", "p.u."),
        ("lmp", "Price of active power", "currency/MWh"),
    ):
        values = np.array([x for one in drawn for x in one[key] if x is not None], dtype=np.float64)
        if not len(values) or (key == "nssp" and not values.any()):
            continue
        low = 0.0 if key == "nssp" else float(values.min())
        found.append({"key": key, "name": name, "unit": unit, "low": low,
                      "high": float(values.max())})  # fmt: skip
    return found


def _labelled(solution: Solution, names: list[str]) -> list[str]:
    """States as readers know them: an outage by what is lost."""
    known = labels.outages(solution.scenario.outages, solution.problem.given)
    return [known.get(name, name) for name in names]


def _state(solution: Solution, name: str, text: str, net: Network) -> dict[str, Any]:
    """Values of one state by bus, branch and so on, in the order of the intact network."""
    one, state = state_map.of(solution, name), solution.state(name)
    margin, power = np.full(len(net.bus), np.nan), np.zeros((2, len(net.bus)))
    at = net.bus_positions(state.inverters["bus"].to_numpy())
    margin[at] = state.inverters["margin"].to_numpy(dtype=np.float64)
    tables = [state.gens]
    if isinstance(state, HourState) and "storage" in solution.tables:
        tables.append(state.storage)
    for table in tables:
        at = net.bus_positions(table["bus"].to_numpy())
        for row, column in zip(power, ("p_mw", "q_mvar"), strict=True):
            np.add.at(row, at, table[column].to_numpy(dtype=np.float64))
    return {
        "name": text,
        "state": one.name,
        "vm": f.numbers(one.values["voltage"].tolist()),
        "lmp": f.numbers(one.values["lmp"].tolist()),
        "nssp": f.numbers(one.values["nssp"].tolist()),
        "margin": f.numbers(margin.tolist()),
        "gens": {int(k): f.numbers(power[:, k].tolist(), 5) for k in np.unique(net.gen_at)},
        "loading": f.numbers((100 * one.loading).tolist(), 4),
        "lost": one.lost.tolist(),
        "dead": one.dead.tolist(),
        "units": one.units.tolist(),
        "island": one.island.tolist() if one.island.max(initial=0) > 1 else [],
    }
