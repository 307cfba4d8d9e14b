"""The network of a sweep as a map: where its buses are, and the prices to step through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.errors import ScopfError
from scopf.network import drawing
from scopf.sweeps.analysis.analysis import Analysis
from scopf.sweeps.analysis.axes import spread_out

MOST_PRICES = 80_000  # numbers to step through
_MOST_BUSES = 5_000  # above, buses without an inverter are drawn as lines only


@dataclass(frozen=True, eq=False)
class NetworkMap:
    """The network, and scenarios to step through.

    Attributes:
        buses, inverters: numbers of the buses that are marked, without and with an inverter.
        bus_places, inverter_places: where they are, shape (n, 2).
        lines: ends of the lines between buses, shape (n, 2, 2).
        steps: the scenarios, places in the table.
        prices: of the inverters, shape (steps, inverters).
        note: what is drawn and what is left out.
    """

    buses: Ints
    inverters: Ints
    bus_places: Floats
    inverter_places: Floats
    lines: Floats
    steps: Ints
    prices: Floats
    note: str


def network_map(analysis: Analysis, network: Any) -> NetworkMap | None:
    """The network map; None when the manifest has no network.

    Args:
        analysis: the sweep.
        network: `buses` (numbers), `branches` (`from_bus`, `to_bus`) and `inverters` (numbers).

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
    unknown = np.setdiff1d(np.concatenate([ends.ravel(), inverters]), buses)
    if len(unknown):
        raise ScopfError(f"the network of the manifest has no bus {unknown[0]}, but uses it")
    order = np.argsort(buses)
    edges = order[np.searchsorted(buses, ends, sorter=order)]
    at = order[np.searchsorted(buses, inverters, sorter=order)]
    place = drawing.positions(len(buses), edges)
    others = np.setdiff1d(np.arange(len(buses)), at) if len(buses) <= _MOST_BUSES else at[:0]
    steps = _steps(analysis, len(inverters))
    return NetworkMap(
        buses[others], inverters, place[others], place[at], place[drawing.connections(edges)],
        steps, _prices(analysis, inverters, steps), _note(analysis, len(buses), len(steps)),
    )  # fmt: skip


def _note(analysis: Analysis, buses: int, steps: int) -> str:
    note = (
        "Circles are inverters, coloured by NSSP; small grey dots are other buses. Places follow "
        "from the connections, not from geography."
    )
    if buses > _MOST_BUSES:
        note += f" Of {buses} buses only those with inverters are marked."
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
