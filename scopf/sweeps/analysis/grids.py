"""Cells over two axes: a result by two dimensions, and prices by inverter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.sweeps.analysis.analysis import Analysis
from scopf.sweeps.analysis.axes import groups

MOST_PRICES = 100_000  # numbers in the map of prices
_MOST_INVERTERS = 60  # in the map of prices

Slices = Mapping[tuple[int, ...], Floats]  # cells by the places of what has one value in each


def cells(analysis: Analysis, rows: Ints, values: Floats) -> Floats:
    """Values of all scenarios, shown for some, by series and x; NaN where there is no scenario.

    Of several scenarios in one cell the last counts.
    """
    x, series = analysis.axes.x, analysis.axes.series
    grid = np.full((len(series) if series else 1, len(x)), np.nan)
    grid[series.codes[rows] if series else 0, x.codes[rows]] = values[rows]
    return grid


def slices(analysis: Analysis, values: Floats) -> Slices:
    """Cells over series and x, for each combination of the other dimensions."""
    found = groups(analysis.axes.rest, len(analysis))
    return {chosen: cells(analysis, rows, values) for chosen, rows in found.items()}


@dataclass(frozen=True, eq=False)
class InverterPrices:
    """Prices by inverter and x.

    Attributes:
        inverters: bus numbers, along the vertical axis.
        slices: shape (inverters, len(x)) each, for each combination of all other dimensions.
        scenarios: of each slice.
        note: which inverters are left out; empty if none is.
    """

    inverters: tuple[str, ...]
    slices: Slices
    scenarios: Mapping[tuple[int, ...], Ints]
    note: str


def inverter_prices(analysis: Analysis) -> InverterPrices:
    """Prices of the inverters with the highest ones, in the order of their numbers."""
    x = analysis.axes.x
    most = min(_MOST_INVERTERS, max(8, MOST_PRICES // max(len(analysis), 1)))
    shown = np.sort(analysis.by_price[:most])
    scenarios = groups(analysis.axes.sliced, len(analysis))
    found = {}
    for chosen, rows in scenarios.items():
        grid = np.full((len(shown), len(x)), np.nan)
        grid[:, x.codes[rows]] = analysis.prices[np.ix_(rows, shown)].T
        found[chosen] = grid
    every, note = len(analysis.inverters), ""
    if len(shown) < every:
        note = f" The {len(shown)} with the highest prices of {every} inverters are shown."
    names = tuple(map(str, analysis.inverters[shown].tolist()))
    return InverterPrices(names, found, scenarios, note)
