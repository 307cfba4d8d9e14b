"""The network of a sweep as a map: where its buses are, and the prices to step through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from scopf.arrays import Floats, Ints, Strings
from scopf.devices.kinds import NOTHING
from scopf.errors import ScopfError
from scopf.network import drawing
from scopf.sweeps.analysis.analysis import Analysis
from scopf.sweeps.analysis.axes import spread_out

MOST_PRICES = 80_000  # numbers to step through
_MOST_BUSES = 5_000  # above, buses without an inverter are drawn as lines only
_MOST_ISLANDS = 5


@dataclass(frozen=True, eq=False)
class NetworkMap:
    """The network, and scenarios to step through.

    Attributes:
        buses, inverters: numbers of the buses that are marked, without and with an inverter.
        bus_places, inverter_places: where they are, shape (n, 2).
        kinds, others: what stands at the buses, one of `scopf.devices.kinds.WORDS`, and what at
            those with an inverter where there is none in a scenario.
        lines: ends of the lines between buses, shape (n, 2, 2).
        islands: ends of the lines of each AC island, or its single bus twice; none of a single one.
        out: branch that is out in each step, 0 for none.
        out_lines: ends of these branches by number.
        steps: the scenarios, places in the table.
        prices: of the inverters, shape (steps, inverters).
        note: what is drawn and what is left out.
    """

    buses: Ints
    inverters: Ints
    bus_places: Floats
    inverter_places: Floats
    kinds: Strings
    others: Strings
    lines: Floats
    islands: tuple[Floats, ...]
    out: Ints
    out_lines: dict[int, Floats]
    steps: Ints
    prices: Floats
    note: str


def network_map(analysis: Analysis, network: Any) -> NetworkMap | None:
    """The network map; None when the manifest has no network.

    Args:
        analysis: the sweep.
        network: `buses` (numbers), `branches` (`id`, `from_bus`, `to_bus`), `inverters` (numbers),
            and `kinds` (numbers of buses by what stands there), if it has them.

    Raises:
        ScopfError: when a branch or an inverter names a bus that is not among the buses.
    """
    if not network or not network.get("buses"):
        return None
    buses = np.array(network["buses"], dtype=np.int64)
    ends = np.array(
        [(b["from_bus"], b["to_bus"]) for b in network.get("branches", [])], dtype=np.int64
    ).reshape(-1, 2)
    inverters = np.array(network.get("inverters", []), dtype=np.int64)
    told = {kind: np.array(some, dtype=np.int64) for kind, some in network.get("kinds", {}).items()}
    unknown = np.setdiff1d(np.concatenate([ends.ravel(), inverters, *told.values()]), buses)
    if len(unknown):
        raise ScopfError(f"the network of the manifest has no bus {unknown[0]}, but uses it")
    order = np.argsort(buses)
    edges = order[np.searchsorted(buses, ends, sorter=order)]
    at = order[np.searchsorted(buses, inverters, sorter=order)]
    place = drawing.positions(len(buses), edges)
    others = np.setdiff1d(np.arange(len(buses)), at) if len(buses) <= _MOST_BUSES else at[:0]
    steps = _steps(analysis, len(inverters))
    kinds = np.full(len(buses), NOTHING, dtype=object)
    for kind, some in told.items():
        kinds[np.isin(buses, some)] = kind
    out = _out(analysis)[steps]
    ids = [b.get("id", 0) for b in network.get("branches", [])]
    drawn = dict(zip(ids, place[edges], strict=True))
    return NetworkMap(
        buses[others], inverters, place[others], place[at], kinds[others], kinds[at],
        place[drawing.connections(edges)], _islands(place, edges), out,
        {k: drawn[k] for k in np.unique(out).tolist() if k in drawn}, steps,
        _prices(analysis, inverters, steps), _note(analysis, len(buses), len(steps)),
    )  # fmt: skip


def _out(analysis: Analysis) -> Ints:
    """The branch that each scenario is without; 0 for none."""
    if "outage" not in analysis.scenarios:
        return np.zeros(len(analysis), dtype=np.int64)
    column = analysis.scenarios["outage"].astype("Int64").fillna(0)
    return np.array(column.tolist(), dtype=np.int64)


def _islands(place: Floats, edges: Ints) -> tuple[Floats, ...]:
    """Lines of each island, the largest islands first; none of a single one or of many."""
    count = len(place)
    graph = sparse.coo_array((np.ones(len(edges)), edges.T), shape=(count, count))
    number, part = csgraph.connected_components(graph, directed=False)
    if not 1 < number <= _MOST_ISLANDS:
        return ()
    found = []
    for k in np.argsort(-np.bincount(part), kind="stable").tolist():
        alone = np.flatnonzero(part == k)[:1]
        pairs = drawing.connections(edges[part[edges[:, 0]] == k])
        found.append(place[pairs if len(pairs) else np.column_stack([alone, alone])])
    return tuple(found)


def _note(analysis: Analysis, buses: int, steps: int) -> str:
    note = (
        "Colours are the NSSP of grid-forming inverters; where a scenario has none, the symbol is "
        "open. Places follow from the connections, not from geography."
    )
    if buses > _MOST_BUSES:
        note += f" Of {buses} buses only those with inverters are marked."
    if "outage" in analysis.scenarios:
        note += " A branch that is out is dashed and has a cross."
    if analysis.hours:
        note += " The price is that of the hour in which it is highest."
    if steps < analysis.total:
        note += f" {steps} of the {analysis.total} scenarios can be stepped through."
    return note


def _steps(analysis: Analysis, inverters: int) -> Ints:
    """Scenarios to step through, the one with the highest price among them."""
    most = min(len(analysis), max(50, MOST_PRICES // max(inverters, 1)))
    chosen = np.array(spread_out(len(analysis), most), dtype=np.int64)
    return np.union1d(chosen, [analysis.highest_priced]) if analysis.solved.any() else chosen


def _prices(analysis: Analysis, inverters: Ints, steps: Ints) -> Floats:
    known = np.isin(inverters, analysis.inverters)
    prices = np.full((len(steps), len(inverters)), np.nan)
    columns = np.searchsorted(analysis.inverters, inverters[known])
    prices[:, known] = analysis.prices[np.ix_(steps, columns)]
    return prices
