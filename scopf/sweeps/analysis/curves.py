"""Curves over the horizontal axis of a sweep: which there are, their points and their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.sweeps.analysis import results
from scopf.sweeps.analysis.analysis import Analysis
from scopf.sweeps.analysis.axes import Dimension, groups, spread_out
from scopf.sweeps.analysis.critical import critical_axis, critical_values
from scopf.sweeps.analysis.results import Label, Result, price_label
from scopf.sweeps.analysis.units import price_unit

MOST = 8  # curves in one picture: more cannot be distinguished


@dataclass(frozen=True, eq=False)
class Curve:
    """One curve.

    Attributes:
        name: its value of the series; empty if it is alone.
        rank: its place among the curves of the picture, from which its look follows.
        places: of its points on the horizontal axis, in order.
        values: heights of the points; NaN where there is none.
        unit: of the values.
        lows: lower ends of the bars that hang from the points, NaN where there is none; empty
            without bars.
    """

    name: str
    rank: int
    places: Ints
    values: Floats
    unit: str
    lows: Floats


@dataclass(frozen=True, eq=False)
class Curves:
    """A picture of curves.

    Attributes:
        title, note: above it.
        x: the horizontal axis.
        y: label of the values.
        legend: title of the names of the curves; empty for a single curve.
        series: the dimension whose values the names are, if they are that.
        chosen: dimensions that have one value each in a slice of the picture.
        slices: the curves, by the places of these values.
        count: of curves in the picture.
        scattered: whether the scenarios are no grid, so that points next to each other have
            nothing in common.
    """

    title: str
    note: str
    x: Dimension
    y: Label
    legend: str
    series: Dimension | None
    chosen: tuple[Dimension, ...]
    slices: Mapping[tuple[int, ...], Sequence[Curve]]
    count: int
    scattered: bool

    @property
    def values(self) -> Floats:
        """The values of all curves."""
        parts = [curve.values for curves in self.slices.values() for curve in curves]
        return np.concatenate(parts) if parts else np.zeros(0)


def of_result(analysis: Analysis, result: Result, most: int | None = MOST) -> Curves:
    """One number per scenario over x, a curve for each value of the series."""
    axes, label = analysis.axes, result.label
    title = label.text[0].upper() + label.text[1:]

    def curve(name: str, rank: int, rows: Ints) -> Curve:
        unit = price_unit(analysis, rows) if label.is_price else label.unit
        return _curve(name, rank, axes.x, rows, result.values, unit)

    return _by_series(analysis, title, result.note, axes.x, label, axes.sliced, most, curve)


def by_inverter(analysis: Analysis, inverters: Ints | None = None) -> Curves:
    """The price of each inverter over x.

    Args:
        analysis: the sweep.
        inverters: their places; None for those with the highest prices.
    """
    priced = analysis.priced
    if inverters is None:
        inverters = (priced if len(priced) else analysis.by_price)[:MOST]
    note = "One curve per inverter (by bus number) that is ever priced."
    if not len(priced):
        note = "No inverter is priced in any scenario."
    elif len(inverters) < len(priced):
        note += f" The {len(inverters)} with the highest prices of {len(priced)} are drawn."
    curves = {str(analysis.inverters[k]): analysis.prices[:, k] for k in inverters.tolist()}
    return _named(analysis, "NSSP by inverter", note, price_label(analysis), "inverter", curves)


def voltages(analysis: Analysis) -> Curves:
    """Highest and lowest voltage over x: of all buses, then of the inverters."""
    high, low = np.full((2, len(analysis)), np.nan)
    some = (~np.isnan(analysis.vm)).any(axis=1)
    if some.any():
        high[some] = np.nanmax(analysis.vm[some], axis=1)
        low[some] = np.nanmin(analysis.vm[some], axis=1)
    curves = {
        "highest, all buses": analysis.column("vm_max"),
        "lowest, all buses": analysis.column("vm_min"),
        "highest inverter": high,
        "lowest inverter": low,
    }
    note = "Shaded: from the lowest to the highest bus voltage of a scenario."
    label = Label("voltage", "p.u.")
    return _named(analysis, "Range of voltages", note, label, label.text, curves)


def critical(analysis: Analysis) -> Curves | None:
    """The critical m_q over the series; None where there is no such thing."""
    mq, over = critical_axis(analysis), analysis.axes.series
    if mq is None or over is None:
        return None
    title = f"Critical {mq.label} against {over.label}"
    note = (
        f"The first {mq.label} of the sweep at which an inverter has a price or the cost has risen "
        "(by more than a millionth of itself). The bar reaches down to the last value without: the "
        "true one lies in it. Open symbol: priced at the smallest value already. No point: no "
        "scenario is priced, or all failed."
    )

    def curve(name: str, rank: int, rows: Ints) -> Curve:
        ends = [critical_values(analysis, rows[over.codes[rows] == k]) for k in range(len(over))]
        last, first = np.array(ends).T
        return Curve(name, rank, np.arange(len(over)), first, mq.unit, last)

    label = Label(f"critical {mq.label}", mq.unit)
    return _by_series(analysis, title, note, over, label, analysis.axes.rest, MOST, curve)


def all_of(analysis: Analysis) -> dict[str, Curves]:
    """Every picture of curves that this sweep can have, by its name in the page."""
    stability = results.stability_cost(analysis)
    if analysis.rises_by_stability:
        stability = None  # that is drawn already
    damping = results.damping(analysis)
    found = {
        "cost": of_result(analysis, results.main_cost(analysis)),
        "stability": None if stability is None else of_result(analysis, stability),
        "critical": critical(analysis),
        "nssp-max": of_result(analysis, results.largest_price(analysis)),
        "nssp-curves": by_inverter(analysis),
        "margin": of_result(analysis, results.margin(analysis)),
        "damping": None if damping is None else of_result(analysis, damping),
        "spread": of_result(analysis, results.spread(analysis)),
        "voltages": voltages(analysis),
    }
    return {name: picture for name, picture in found.items() if picture is not None}


def _by_series(
    analysis: Analysis,
    title: str,
    note: str,
    x: Dimension,
    label: Label,
    others: Sequence[Dimension],
    most: int | None,
    curve: Callable[[str, int, Ints], Curve],
) -> Curves:
    """Curves for the values of the first of the other dimensions, a slice for those of the rest."""
    series, chosen = (others[0] if others else None), tuple(others[1:])
    count = len(series) if series else 1
    shown = spread_out(count, most or count)
    if series and len(shown) < count:
        note += f" {len(shown)} of the {count} values of {series.label} are drawn."
    slices: dict[tuple[int, ...], list[Curve]] = {}
    for places, rows in groups(chosen, len(analysis)).items():
        slices[places] = []
        for rank, place in enumerate(shown):
            its = rows[series.codes[rows] == place] if series else rows
            if len(its):
                name = series.texts[place] if series else ""
                slices[places].append(curve(name, rank, its))
    legend = series.title if series else ""
    return Curves(
        title, note, x, label, legend, series, chosen, slices, len(shown), analysis.axes.is_list
    )


def _named(
    analysis: Analysis,
    title: str,
    note: str,
    label: Label,
    legend: str,
    curves: Mapping[str, Floats],
) -> Curves:
    """Curves of several numbers per scenario, a slice for the values of all dimensions but x."""
    axes, slices = analysis.axes, {}
    for places, rows in groups(axes.sliced, len(analysis)).items():
        unit = price_unit(analysis, rows) if label.is_price else label.unit
        slices[places] = [
            _curve(name, rank, axes.x, rows, values, unit)
            for rank, (name, values) in enumerate(curves.items())
        ]
    return Curves(
        title, note, axes.x, label, legend, None, axes.sliced, slices, len(curves), axes.is_list
    )


def _curve(name: str, rank: int, x: Dimension, rows: Ints, values: Floats, unit: str) -> Curve:
    rows = rows[np.argsort(x.codes[rows], kind="stable")]
    return Curve(name, rank, x.codes[rows], values[rows], unit, np.zeros(0))
