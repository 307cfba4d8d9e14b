"""The network map of the page."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopf.arrays import Floats
from scopf.pages import figure as f
from scopf.pages.grids import colour_bar
from scopf.sweeps.analysis.analysis import Analysis
from scopf.sweeps.analysis.network_map import NetworkMap
from scopf.sweeps.analysis.price_scale import PriceScale
from scopf.sweeps.analysis.units import price_unit


def data(analysis: Analysis, drawn: NetworkMap) -> dict[str, Any]:
    """The map as the page's script needs it."""
    scale, unit, steps = PriceScale(analysis.highest), price_unit(analysis), drawn.steps
    gaps = np.full((len(drawn.lines), 1, 2), np.nan)  # one broken line through all branches
    return {
        "edges": _points(np.concatenate([drawn.lines, gaps], axis=1).reshape(-1, 2)),
        "buses": {**_points(drawn.bus_places), "text": [str(b) for b in drawn.buses]},
        "inverters": {**_points(drawn.inverter_places), "text": [str(b) for b in drawn.inverters]},
        "prices": [f.numbers(line, 4) for line in drawn.prices.tolist()],
        "scenario": analysis.scenarios["scenario"].to_numpy()[steps].tolist(),
        "codes": [axis.codes[steps].tolist() for axis in analysis.axes.named],
        "status": [str(text) for text in analysis.scenarios["status"].to_numpy()[steps]],
        "solved": analysis.solved[steps].astype(int).tolist(),
        "priced": scale.priced, "floor": scale.floor, "top": scale.top, "unit": unit,
        "colorbar": colour_bar(scale, unit),
        "first": int(np.searchsorted(steps, analysis.highest_priced)),
    }  # fmt: skip


def _points(place: Floats) -> dict[str, list[float | None]]:
    return {"x": f.numbers(place[:, 0].tolist(), 4), "y": f.numbers(place[:, 1].tolist(), 4)}
