"""Maps of colour: status and other results over two axes, prices by inverter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.sweeps.report import axes as axes_of
from scopf.sweeps.report import figure as f
from scopf.sweeps.report.curves import price_unit
from scopf.sweeps.report.figure import Choice, Figure, Trace
from scopf.sweeps.report.study import Study

MOST_PRICES = 100_000  # numbers in the price map
_MOST_ROWS = 60  # inverters in the price map
_MOST_MARKS = 3_000  # failed scenarios that get a mark of their own
_STATUS = {  # colours differ in lightness as well as hue; marks are drawn on what failed
    "optimal": ("#d5e3f0", ""),
    "acceptable": ("#8fb8de", ""),
    "infeasible": ("#7b1e3b", "x-thin"),
    "iteration limit": ("#c9862b", "triangle-up"),
    "time limit": ("#e2c15a", "diamond"),
    "diverged": ("#7d5ba6", "star"),
    "evaluation error": ("#4c3f77", "cross"),
    "interrupted": ("#8a9097", "square"),
    "stalled": ("#a8562a", "triangle-down"),
    "failed": ("#1f1f24", "asterisk"),
}
_UNKNOWN = ("#6b6b6b", "hexagon")


def status(study: Study) -> Figure:
    """How every scenario ended, over two axes or in a strip."""
    x, series, rest = study.axes.x, study.axes.series, study.axes.rest
    counts = study.scenarios["status"].astype(str).value_counts()
    names = [name for name in _STATUS if name in counts.index]
    names += [name for name in counts.index if name not in _STATUS]
    views = {}
    for chosen, rows in axes_of.groups(rest, len(study)).items():
        found = study.scenarios["status"].astype(str).to_numpy()[rows]
        codes = np.array([names.index(name) for name in found], dtype=np.float64)
        views[f.key(chosen)] = _status_view(study, rows, codes, names)
    layout = {
        "xaxis": f.category(x.title, x.texts),
        "yaxis": f.category(series.title, series.texts)
        if series
        else {"visible": False, **f.category("", [" "])},
        "showlegend": True,
    }
    columns = {"x": x.column, "status": "status"}
    if series:
        columns = {"y": series.column, **columns}
    note = "How every scenario ended. Marks stand on scenarios without a solution."
    return Figure(
        "status", "Status", note, tuple(axis.name for axis in rest), views, layout, columns,
        extra={"names": [f.plain(name) for name in names]},
        wide=True, height=min(900, max(300, 140 + 22 * len(series))) if series else 200,
    )  # fmt: skip


def _status_view(study: Study, rows: Ints, codes: Floats, names: list[str]) -> list[Trace]:
    styles = [_STATUS.get(name, _UNKNOWN) for name in names]
    top = len(names) - 1
    scale = [
        stop
        for k, (colour, _) in enumerate(styles)
        for stop in ([k / len(names), colour], [(k + 1) / len(names), colour])
    ]
    heat = _heat(study, rows, codes)
    heat.update(
        zmin=-0.5, zmax=top + 0.5, colorscale=scale, showscale=False, xgap=1, ygap=1,
        meta={"status": True}, hovertemplate="%{x}, %{y}<br>%{text}<extra></extra>",
    )  # fmt: skip
    heat["text"] = [
        ["" if code is None else f.plain(names[int(code)]) for code in line] for line in heat["z"]
    ]
    x = study.axes.x
    traces = [heat]
    for k, (name, (colour, symbol)) in enumerate(zip(names, styles, strict=True)):
        at = rows[codes == k]
        marked = symbol and len(at) <= _MOST_MARKS
        dark = int(colour[1:3], 16) + int(colour[3:5], 16) + int(colour[5:7], 16) < 360
        ink = "#ffffff" if dark else "#1a1a1a"
        traces.append(
            {
                "type": "scatter", "mode": "markers", "hoverinfo": "skip",
                "name": f"{f.plain(name)} ({len(at)})",
                "x": [f.plain(x.texts[c]) for c in x.codes[at].tolist()] if marked else [None],
                "y": _rows_of(study, at) if marked else [None],
                "marker": {"symbol": symbol, "size": 6, "color": ink,
                           "line": {"color": ink, "width": 1.5 if "thin" in symbol else 0}},
                "showlegend": False, "meta": {"skip": True},
            }
        )  # fmt: skip
        swatch = {"symbol": "square", "size": 12, "color": colour, "line": {"width": 1}}
        traces.append(
            {
                "type": "scatter", "mode": "markers", "name": f"{f.plain(name)} ({len(at)})",
                "x": [None], "y": [None], "marker": swatch, "showlegend": len(at) > 0,
                "meta": {"skip": True, "swatch": True},
            }
        )  # fmt: skip
    return traces


def _rows_of(study: Study, rows: Ints) -> list[str]:
    series = study.axes.series
    if series is None:
        return [" "] * len(rows)
    return [f.plain(series.texts[c]) for c in series.codes[rows].tolist()]


def _heat(study: Study, rows: Ints, values: Floats, digits: int = 4) -> Trace:
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
        ("cost increase", study.cost_increase, f.CURRENCY),
        ("largest NSSP", study.nssp_max, price_unit(study)),
        ("smallest margin", study.margin, "p.u. voltage"),
        ("voltage spread", study.spread, "p.u."),
    ]
    views = {}
    for k, (name, values, unit) in enumerate(quantities):
        some = values[np.isfinite(values)]
        low, high = (float(some.min()), float(some.max())) if len(some) else (0.0, 1.0)
        for chosen, rows in axes_of.groups(rest, len(study)).items():
            heat = _heat(study, rows, values[rows])
            hover = f"{x.markup} = %{{x}}<br>{series.markup} = %{{y}}<br>"
            heat.update(
                zmin=f.number(low), zmax=f.number(high if high > low else low + 1),
                meta={"ramp": True, "unit": f"{name} [{unit}]"},
                hovertemplate=f"{hover}{name} %{{z:.5g}} {unit}<extra></extra>",
                colorbar={"title": {"text": f"{name} ({unit})"}},
            )  # fmt: skip
            views[f.key([*chosen, k])] = [heat]
    layout = {
        "xaxis": f.category(x.title, x.texts),
        "yaxis": f.category(series.title, series.texts),
    }
    choice = Choice("quantity", "Quantity", tuple(name for name, _, _ in quantities))
    note = "One cell per scenario, at equal distances. Hatched: no solution."
    columns = {"y": series.column, "x": x.column, "z": "value"}
    keys = (*(axis.name for axis in rest), choice.name)
    title = f"Results over {x.markup} and {series.markup}"
    return Figure("surface", title, note, keys, views, layout, columns, choice, wide=True)


def prices(study: Study) -> Figure:
    """NSSP by inverter and scenario."""
    x, unit = study.axes.x, price_unit(study)
    most = min(_MOST_ROWS, max(8, MOST_PRICES // max(len(study), 1)))
    places = np.sort(study.dearest[:most])
    scale = PriceScale(float(np.nanmax(study.prices, initial=0.0)))
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
                "meta": {"ramp": True, "floor": scale.floor, "top": scale.top},
                "colorbar": {**scale.ticks(), "title": {"text": f"NSSP ({unit})"}},
                "hovertemplate": f"inverter %{{y}}<br>{x.markup} = %{{x}}<br>"
                f"NSSP %{{customdata:.5g}} {unit}<extra></extra>",
            }
        ]  # fmt: skip
    note = "One row per inverter. The colour scale is logarithmic, with zero at its foot. Hatched: no solution."
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
        top: the price at 1.
        floor: the price where it turns from linear to logarithmic.
    """

    def __init__(self, top: float) -> None:
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
