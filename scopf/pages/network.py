"""The network map of the page."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopf.arrays import Floats
from scopf.devices.device_table import GFM
from scopf.devices.kinds import WORDS
from scopf.pages import figure as f
from scopf.pages.grids import colour_bar
from scopf.pages.places import points
from scopf.sweeps.analysis.analysis import Analysis
from scopf.sweeps.analysis.network_map import NetworkMap
from scopf.sweeps.analysis.price_scale import PriceScale
from scopf.sweeps.analysis.units import price_unit


def data(analysis: Analysis, drawn: NetworkMap) -> dict[str, Any]:
    """The map as the page's script needs it."""
    scale, unit, steps = PriceScale(analysis.highest), price_unit(analysis), drawn.steps
    buses = {**points(drawn.bus_places), "text": [str(b) for b in drawn.buses]}
    inverters = {**points(drawn.inverter_places), "text": [str(b) for b in drawn.inverters]}
    told = [GFM] if len(drawn.inverters) else []
    told += [kind for kind in WORDS if kind in drawn.kinds or _open(drawn, kind)]
    return {
        "edges": _broken(drawn.lines),
        "buses": {**buses, "kinds": drawn.kinds.tolist()},
        "inverters": {**inverters, "kinds": drawn.others.tolist()},
        "words": {kind: WORDS[kind] for kind in dict.fromkeys(told)},
        "islands": [_broken(lines) for lines in drawn.islands],
        "out": drawn.out.tolist(),
        "lines": {number: points(line) for number, line in drawn.out_lines.items()},
        "prices": [f.numbers(line, 4) for line in drawn.prices.tolist()],
        "scenario": analysis.scenarios["scenario"].to_numpy()[steps].tolist(),
        "codes": [axis.codes[steps].tolist() for axis in analysis.axes.named],
        "status": [str(text) for text in analysis.scenarios["status"].to_numpy()[steps]],
        "solved": analysis.solved[steps].astype(int).tolist(),
        "priced": scale.priced, "floor": scale.floor, "top": scale.top, "unit": unit,
        "colorbar": colour_bar(scale, unit),
        "first": int(np.searchsorted(steps, analysis.highest_priced)),
    }  # fmt: skip


def _open(drawn: NetworkMap, kind: str) -> bool:
    """Whether a kind takes the place of an inverter in any scenario with a solution."""
    without = np.isnan(drawn.prices).any(axis=0) & ~np.isnan(drawn.prices).all(axis=0)
    return kind in drawn.others[without]


def _broken(lines: Floats) -> dict[str, list[float | None]]:
    """One broken line through all lines, shape (n, 2, 2)."""
    gaps = np.full((len(lines), 1, 2), np.nan)
    return points(np.concatenate([lines, gaps], axis=1).reshape(-1, 2))
