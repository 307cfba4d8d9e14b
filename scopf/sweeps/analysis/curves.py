"""Curves over the horizontal axis of a sweep: which there are, their points and their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.sweeps.analysis import results
from scopf.sweeps.analysis.analysis import Analysis
from scopf.sweeps.analysis.axes import Dimension, groups, spread_out
from scopf.sweeps.analysis.critical import critical_axis, critical_values
from scopf.sweeps.analysis.results import Result
from scopf.sweeps.analysis.units import price_unit

MOST = 8  # curves in one picture: more cannot be told apart


@dataclass(frozen=True, eq=False)
class Curve:
    """One curve.

    Attributes:
        name: what tells it from the others; empty if it is alone.
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
        label: of the vertical axis, without the unit.
        unit: of the vertical axis.
        legend: what the names of the curves are; empty for a single curve.
        chosen: dimensions that have one value each in a slice of the picture.
        slices: the curves, by the places of these values.
        count: of curves in the picture.
        is_price: whether units depend on the criterion.
        series: the dimension whose values the names are, if they are that.
        scattered: whether the scenarios are no grid, so that points next to each other have
            nothing in common.
    """

    title: str
    note: str
    x: Dimension
    label: str
    unit: str
    legend: str
    chosen: tuple[Dimension, ...]
    slices: Mapping[tuple[int, ...], Sequence[Curve]]
    count: int
    is_price: bool = False
    series: Dimension | None = None
    scattered: bool = False

    @property
    def values(self) -> Floats:
        """The values of all curves."""
        parts = [curve.values for curves in self.slices.values() for curve in curves]
        return np.concatenate(parts) if parts else np.zeros(0)


def of_result(analysis: Analysis, result: Result, most: int | None = MOST) -> Curves:
    """One number per scenario over x, a curve for each value of the series."""
    axes = analysis.axes
    x, series = axes.x, axes.series
    places, note = _shown(series, most, result.note)
    slices = {}
    for chosen, rows in groups(axes.rest, len(analysis)).items():
        curves = []
        for rank, name, its in _by_value(series, places, rows):
            unit = price_unit(analysis, its) if result.is_price else result.unit
            curves.append(_curve(name, rank, x, its, result.values, unit))
        slices[chosen] = curves
    return Curves(
        _sentence(result.label), note, x, result.label, result.unit, series.title if series else "",
        axes.rest, slices, len(places), result.is_price, series, axes.is_list,
    )  # fmt: skip


def by_inverter(analysis: Analysis, inverters: Ints | None = None) -> Curves:
    """The price of each inverter over x.

    Args:
        analysis: the sweep.
        inverters: their places; None for those with the highest prices.
    """
    axes, priced = analysis.axes, analysis.priced
    shown = (
        (priced if len(priced) else analysis.by_price)[:MOST] if inverters is None else inverters
    )
    note = "One curve per inverter (by bus number) that is ever priced."
    if not len(priced):
        note = "No inverter is priced in any scenario."
    elif len(shown) < len(priced):
        note += f" The {len(shown)} with the highest prices of {len(priced)} are drawn."
    slices = {}
    for chosen, rows in groups(axes.sliced, len(analysis)).items():
        unit = price_unit(analysis, rows)
        slices[chosen] = [
            _curve(str(analysis.inverters[k]), rank, axes.x, rows, analysis.prices[:, k], unit)
            for rank, k in enumerate(shown.tolist())
        ]
    return Curves(
        "NSSP by inverter", note, axes.x, "NSSP", price_unit(analysis), "inverter", axes.sliced,
        slices, len(shown), is_price=True, scattered=axes.is_list,
    )  # fmt: skip


def voltages(analysis: Analysis) -> Curves:
    """Highest and lowest voltage over x: of all buses, then of the inverters."""
    axes = analysis.axes
    inner_high, inner_low = np.full((2, len(analysis)), np.nan)
    some = (~np.isnan(analysis.vm)).any(axis=1)
    if some.any():
        inner_high[some] = np.nanmax(analysis.vm[some], axis=1)
        inner_low[some] = np.nanmin(analysis.vm[some], axis=1)
    ends = {
        "highest, all buses": analysis.column("vm_max"),
        "lowest, all buses": analysis.column("vm_min"),
        "highest inverter": inner_high,
        "lowest inverter": inner_low,
    }
    slices = {
        chosen: [
            _curve(name, rank, axes.x, rows, values, "p.u.")
            for rank, (name, values) in enumerate(ends.items())
        ]
        for chosen, rows in groups(axes.sliced, len(analysis)).items()
    }
    note = "Shaded: from the lowest to the highest bus voltage of a scenario."
    return Curves(
        "Range of voltages", note, axes.x, "voltage", "p.u.", "voltage", axes.sliced, slices,
        len(ends), scattered=axes.is_list,
    )  # fmt: skip


def critical(analysis: Analysis) -> Curves | None:
    """The critical m_q over the series; None where there is no such thing."""
    mq, over = critical_axis(analysis), analysis.axes.series
    if mq is None or over is None:
        return None
    rest = analysis.axes.rest
    series = rest[0] if rest else None
    note = (
        f"The first {mq.label} of the sweep at which an inverter has a price or the cost has risen "
        "(by more than a millionth of itself). The bar reaches down to the last value without: the "
        "true one lies in it. Open symbol: priced at the smallest value already. No point: no "
        "scenario is priced, or all failed."
    )
    places, note = _shown(series, MOST, note)
    slices = {}
    for chosen, rows in groups(rest[1:], len(analysis)).items():
        curves = []
        for rank, name, its in _by_value(series, places, rows):
            ends = [critical_values(analysis, its[over.codes[its] == k]) for k in range(len(over))]
            low, first = np.array(ends).T
            curves.append(Curve(name, rank, np.arange(len(over)), first, mq.unit, low))
        slices[chosen] = curves
    return Curves(
        f"Critical {mq.label} against {over.label}", note, over, f"critical {mq.label}", mq.unit,
        series.title if series else "", rest[1:], slices, len(places), series=series,
    )  # fmt: skip


def all_of(analysis: Analysis) -> dict[str, Curves]:
    """Every picture of curves that this sweep can have, by its name in the page."""
    found = {
        "cost": of_result(analysis, results.cost_increase(analysis)),
        "critical": critical(analysis),
        "nssp-max": of_result(analysis, results.largest_price(analysis)),
        "nssp-curves": by_inverter(analysis),
        "margin": of_result(analysis, results.margin(analysis)),
        "spread": of_result(analysis, results.spread(analysis)),
        "voltages": voltages(analysis),
    }
    return {name: picture for name, picture in found.items() if picture is not None}


def _shown(series: Dimension | None, most: int | None, note: str) -> tuple[list[int], str]:
    """Places of the values of a series that have a curve, and a note that says so."""
    if series is None:
        return [0], note
    places = spread_out(len(series), most or len(series))
    if len(places) < len(series):
        note += f" {len(places)} of the {len(series)} values of {series.label} are drawn."
    return places, note


def _by_value(
    series: Dimension | None, places: Sequence[int], rows: Ints
) -> Iterator[tuple[int, str, Ints]]:
    """Rank, name and scenarios of each curve of a slice."""
    if series is None:
        yield 0, "", rows
        return
    for rank, place in enumerate(places):
        its = rows[series.codes[rows] == place]
        if len(its):
            yield rank, series.texts[place], its


def _curve(name: str, rank: int, x: Dimension, rows: Ints, values: Floats, unit: str) -> Curve:
    rows = rows[np.argsort(x.codes[rows], kind="stable")]
    return Curve(name, rank, x.codes[rows], values[rows], unit, np.zeros(0))


def _sentence(label: str) -> str:
    return label[0].upper() + label[1:]
