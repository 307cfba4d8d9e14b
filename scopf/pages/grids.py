"""Maps of colour as figures of the page: results over two axes, prices by inverter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scopf.arrays import Floats
from scopf.pages import figure as f
from scopf.pages.figure import Choice, Figure, Trace
from scopf.pages.markup import escaped, labelled
from scopf.sweeps.analysis import results
from scopf.sweeps.analysis.amounts import tick
from scopf.sweeps.analysis.analysis import Analysis
from scopf.sweeps.analysis.grids import inverter_prices, slices
from scopf.sweeps.analysis.price_scale import PriceScale
from scopf.sweeps.analysis.units import price_unit


def heat(x: Sequence[str], y: Sequence[str], cells: Floats, digits: int = 4) -> Trace:
    """Cells of shape (len(y), len(x))."""
    return {
        "type": "heatmap",
        "x": list(map(escaped, x)),
        "y": list(map(escaped, y)),
        "z": [f.numbers(line, digits) for line in cells.tolist()],
    }


def colour_bar(scale: PriceScale, unit: str) -> dict[str, Any]:
    """The colour bar of prices."""
    return {
        "tickmode": "array",
        "tickvals": [f.number(scale.of(mark)) for mark in scale.ticks],
        "ticktext": [tick(mark) for mark in scale.ticks],
        "title": {"text": f"NSSP ({unit})"},
    }


def surface(analysis: Analysis) -> Figure | None:
    """Results over two axes; None without a second axis."""
    x, series, rest = analysis.axes.x, analysis.axes.series, analysis.axes.rest
    if series is None:
        return None
    shown = (
        results.main_cost, results.stability_cost, results.largest_price, results.margin,
        results.spread,
    )  # fmt: skip
    choices = [result for one in shown if (result := one(analysis)) is not None]
    views = {}
    for k, result in enumerate(choices):
        label = result.label
        some = result.values[np.isfinite(result.values)]
        low, high = (float(some.min()), float(some.max())) if len(some) else (0.0, 1.0)
        for chosen, cells in slices(analysis, result.values).items():
            trace = heat(x.texts, series.texts, cells)
            hover = f"{labelled(x.label)} = %{{x}}<br>{labelled(series.label)} = %{{y}}<br>"
            trace.update(
                zmin=f.number(low), zmax=f.number(high if high > low else low + 1),
                meta={"ramp": True, "unit": f"{label.text} [{label.unit}]"},
                hovertemplate=f"{hover}{label.text} %{{z:.5g}} {label.unit}<extra></extra>",
                colorbar={"title": {"text": label.title}},
            )  # fmt: skip
            views[f.key([*chosen, k])] = [trace]
    layout = {
        "xaxis": f.of_axis(x),
        "yaxis": f.of_axis(series),
    }
    choice = Choice("quantity", "Quantity", tuple(result.label.title for result in choices))
    note = "One cell per scenario, at equal distances. Hatched: no solution, or not energized."
    columns = {"y": series.column, "x": x.column, "z": "value"}
    keys = (*(axis.name for axis in rest), choice.name)
    title = f"Results over {x.label} and {series.label}"
    return Figure(
        "surface", title, note, keys, views, layout, columns, choice, is_price=True, wide=True
    )


def prices(analysis: Analysis) -> Figure:
    """NSSP by inverter and scenario."""
    x, unit = analysis.axes.x, price_unit(analysis)
    found, scale = inverter_prices(analysis), PriceScale(analysis.highest)
    views = {}
    for chosen, cells in found.slices.items():
        own = price_unit(analysis, found.scenarios[chosen])
        trace = heat(x.texts, found.inverters, cells)
        trace.update(
            zmin=0, zmax=1, showscale=scale.priced, colorbar=colour_bar(scale, unit),
            meta={"ramp": True, "floor": scale.floor, "top": scale.top},
            hovertemplate=f"inverter %{{y}}<br>{labelled(x.label)} = %{{x}}<br>"
            f"NSSP %{{customdata:.5g}} {own}<extra></extra>",
        )  # fmt: skip
        views[f.key(chosen)] = [trace]
    note = (
        "One row per inverter. The colour scale is logarithmic, with zero at its foot. Hatched: "
        f"no solution, or no inverter there.{found.note}"
    )
    layout = {
        "xaxis": f.of_axis(x),
        "yaxis": f.category("inverter (bus)", found.inverters),
    }
    columns = {"y": "inverter", "x": x.column, "z": f"nssp [{unit}]"}
    keys = tuple(axis.name for axis in analysis.axes.sliced)
    height = max(340, 150 + 18 * len(found.inverters))
    return Figure(
        "nssp-map", "NSSP, inverter by scenario", note, keys, views, layout, columns,
        is_price=True, wide=True, height=height,
    )  # fmt: skip
