"""The network as a drawing: where its buses are, and the prices to step through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.errors import ScopfError
from scopf.network.drawing import positions
from scopf.pages import figure as f
from scopf.pages.grids import PriceScale
from scopf.sweeps.analysis.axes import spread_out
from scopf.sweeps.analysis.table import Study
from scopf.sweeps.analysis.units import mixture, price_unit

MOST_PRICES = 80_000  # numbers to step through
_MOST_BUSES = 5_000  # above, buses without an inverter are drawn as lines only


@dataclass(frozen=True, eq=False)
class Drawing:
    """The network map.

    Attributes:
        data: what the page's script needs.
        note: what is drawn and what is left out.
        steps: how many scenarios there are to step through.
    """

    data: dict[str, Any]
    note: str
    steps: int


def drawing(study: Study, network: Any) -> Drawing | None:
    """The network map; None when the manifest has no network.

    Args:
        study: the sweep.
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
    place = positions(len(buses), edges)
    chosen = _steps(study, len(inverters))
    scale = PriceScale(study.highest)
    note = _note(study, len(buses), len(chosen))
    others = np.setdiff1d(np.arange(len(buses)), at) if len(buses) <= _MOST_BUSES else at[:0]
    unit = price_unit(study)
    data = {
        "edges": _edges(place, edges),
        "buses": {**_points(place[others]), "text": [str(b) for b in buses[others].tolist()]},
        "inverters": {**_points(place[at]), "text": [str(b) for b in inverters.tolist()]},
        "prices": _prices(study, inverters, chosen),
        "scenario": study.scenarios["scenario"].to_numpy()[chosen].tolist(),
        "codes": [axis.codes[chosen].tolist() for axis in study.axes.named],
        "status": [str(text) for text in study.scenarios["status"].to_numpy()[chosen]],
        "solved": study.solved[chosen].astype(int).tolist(),
        "priced": scale.priced, "floor": scale.floor, "top": scale.top, "unit": unit,
        "colorbar": {**scale.ticks(), "title": {"text": f"NSSP ({unit})"}},
        "first": int(np.argmax(np.nan_to_num(study.nssp_max[chosen], nan=-1.0))),
    }  # fmt: skip
    return Drawing(data, note, len(chosen))


def _note(study: Study, buses: int, steps: int) -> str:
    note = (
        "Circles are inverters, coloured by NSSP; small grey dots are other buses. Places follow "
        "from the connections, not from geography."
    )
    if buses > _MOST_BUSES:
        note += f" Of {buses} buses only those with inverters are marked."
    if steps < study.total:
        note += f" {steps} of the {study.total} scenarios can be stepped through."
    return note + mixture(study)


def _steps(study: Study, inverters: int) -> Ints:
    """Scenarios to step through, the dearest among them."""
    most = min(len(study), max(50, MOST_PRICES // max(inverters, 1)))
    chosen = np.array(spread_out(len(study), most), dtype=np.int64)
    if study.solved.any():
        dearest = int(np.argmax(np.nan_to_num(study.nssp_max, nan=-1.0)))
        chosen = np.union1d(chosen, [dearest])
    return chosen


def _prices(study: Study, inverters: Ints, chosen: Ints) -> list[list[float | None]]:
    """By scenario and inverter of the drawing."""
    known = np.isin(inverters, study.inverters)
    table = np.full((len(chosen), len(inverters)), np.nan)
    columns = np.searchsorted(study.inverters, inverters[known])
    table[:, known] = study.prices[np.ix_(chosen, columns)]
    return [f.numbers(line, 4) for line in table.tolist()]


def _points(place: Floats) -> dict[str, list[float | None]]:
    return {"x": f.numbers(place[:, 0].tolist(), 4), "y": f.numbers(place[:, 1].tolist(), 4)}


def _edges(place: Floats, edges: Ints) -> dict[str, list[float | None]]:
    """One broken line through all branches."""
    ends = place[np.unique(np.sort(edges, axis=1), axis=0)]
    gaps = np.full((len(ends), 1, 2), np.nan)
    return _points(np.concatenate([ends, gaps], axis=1).reshape(-1, 2))
