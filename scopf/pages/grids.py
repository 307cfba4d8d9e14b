"""Maps of colour: results over two axes, prices by inverter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.pages import figure as f
from scopf.pages.figure import Choice, Figure, Trace
from scopf.sweeps.analysis import axes as axes_of
from scopf.sweeps.analysis.table import Study
from scopf.sweeps.analysis.units import CURRENCY, mixture, price_unit

MOST_PRICES = 100_000  # numbers in the price map
_MOST_ROWS = 60  # inverters in the price map


def heat(study: Study, rows: Ints, values: Floats, digits: int = 4) -> Trace:
    """Cells over x and series; of several scenarios in one cell the last counts."""
    x, series = study.axes.x, study.axes.series
    grid = np.full((len(series) if series else 1, len(x)), np.nan)
    grid[series.codes[rows] if series else 0, x.codes[rows]] = values
    return {
        "type": "heatmap",
        "x": [f.plain(text) for text in x.texts],
        "y": [f.plain(text) for text in series.texts] if series else [" "],
        "z": [f.numbers(line, digits) for line in grid.tolist()],
    }


def surface(study: Study) -> Figure | None:
    """Results over two axes; None without a second axis."""
    x, series, rest = study.axes.x, study.axes.series, study.axes.rest
    if series is None:
        return None
    quantities = [
        ("cost increase", study.cost_increase, CURRENCY),
        ("largest NSSP", study.nssp_max, price_unit(study)),
        ("smallest margin", study.margin, "p.u. voltage"),
        ("voltage spread", study.spread, "p.u."),
    ]
    views = {}
    for k, (name, values, unit) in enumerate(quantities):
        some = values[np.isfinite(values)]
        low, high = (float(some.min()), float(some.max())) if len(some) else (0.0, 1.0)
        for chosen, rows in axes_of.groups(rest, len(study)).items():
            cells = heat(study, rows, values[rows])
            hover = f"{x.markup} = %{{x}}<br>{series.markup} = %{{y}}<br>"
            cells.update(
                zmin=f.number(low), zmax=f.number(high if high > low else low + 1),
                meta={"ramp": True, "unit": f"{name} [{unit}]"},
                hovertemplate=f"{hover}{name} %{{z:.5g}} {unit}<extra></extra>",
                colorbar={"title": {"text": f"{name} ({unit})"}},
            )  # fmt: skip
            views[f.key([*chosen, k])] = [cells]
    layout = {
        "xaxis": f.category(x.title, x.texts),
        "yaxis": f.category(series.title, series.texts),
    }
    choice = Choice(
        "quantity", "Quantity", tuple(f"{name} ({unit})" for name, _, unit in quantities)
    )
    note = "One cell per scenario, at equal distances. Hatched: no solution." + mixture(study)
    columns = {"y": series.column, "x": x.column, "z": "value"}
    keys = (*(axis.name for axis in rest), choice.name)
    title = f"Results over {x.markup} and {series.markup}"
    return Figure("surface", title, note, keys, views, layout, columns, choice, wide=True)


def prices(study: Study) -> Figure:
    """NSSP by inverter and scenario."""
    x, unit = study.axes.x, price_unit(study)
    most = min(_MOST_ROWS, max(8, MOST_PRICES // max(len(study), 1)))
    places = np.sort(study.dearest[:most])
    scale = PriceScale(study.highest)
    names = [str(bus) for bus in study.inverters[places].tolist()]
    views = {}
    for chosen, rows in axes_of.groups(study.axes.sliced, len(study)).items():
        grid = np.full((len(places), len(x)), np.nan)
        grid[:, x.codes[rows]] = study.prices[np.ix_(rows, places)].T
        views[f.key(chosen)] = [
            {
                "type": "heatmap",
                "x": [f.plain(text) for text in x.texts],
                "y": names,
                "z": [f.numbers(line, 4) for line in grid.tolist()],
                "zmin": 0, "zmax": 1,
                "showscale": scale.priced,
                "meta": {"ramp": True, "floor": scale.floor, "top": scale.top},
                "colorbar": {**scale.ticks(), "title": {"text": f"NSSP ({unit})"}},
                "hovertemplate": f"inverter %{{y}}<br>{x.markup} = %{{x}}<br>"
                f"NSSP %{{customdata:.5g}} {price_unit(study, rows)}<extra></extra>",
            }
        ]  # fmt: skip
    note = (
        "One row per inverter. The colour scale is logarithmic, with zero at its foot. Hatched: "
        "no solution."
    ) + mixture(study)
    if len(places) < len(study.inverters):
        note += f" The {len(places)} dearest of {len(study.inverters)} inverters are shown."
    layout = {
        "xaxis": f.category(x.title, x.texts),
        "yaxis": {**f.category("inverter (bus)", names), "dtick": 1},
    }
    columns = {"y": "inverter", "x": x.column, "z": f"nssp [{unit}]"}
    keys = tuple(axis.name for axis in study.axes.sliced)
    height = max(340, 150 + 18 * len(places))
    return Figure(
        "nssp-map", "NSSP, inverter by scenario", note, keys, views, layout, columns, wide=True,
        height=height,
    )  # fmt: skip


class PriceScale:
    """A colour scale from 0 to 1: logarithmic over three decades, zero for zero.

    Attributes:
        priced: whether there is any price.
        top: the price at 1.
        floor: the price where it turns from linear to logarithmic.
    """

    def __init__(self, top: float) -> None:
        self.priced = top > 0
        self.top = f.number(top if top > 0 else 1.0, 4) or 1.0
        self.floor = f.number(self.top / 1000, 4) or 1.0

    def of(self, price: float) -> float:
        """Place of a price on the scale."""
        return math.log1p(price / self.floor) / math.log1p(self.top / self.floor)

    def ticks(self) -> dict[str, Any]:
        """Round prices for the colour bar, which no others come near."""
        decade = math.floor(math.log10(self.top))
        marks = [0.0, *(10.0**k for k in range(decade - 2, decade + 1)), self.top]
        if self.of(marks[-1]) - self.of(marks[-2]) < 0.06:
            marks.pop(-2)
        return {
            "tickmode": "array",
            "tickvals": [f.number(self.of(mark)) for mark in marks],
            "ticktext": [f"{mark:,.4g}" if mark < 1e4 else f"{mark:,.0f}" for mark in marks],
        }
