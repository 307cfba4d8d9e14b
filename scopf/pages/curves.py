"""Curves as figures of the page."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from scopf.arrays import Floats
from scopf.pages import figure as f
from scopf.pages.figure import Figure, Trace
from scopf.pages.markup import escaped, labelled
from scopf.sweeps.analysis import curves
from scopf.sweeps.analysis.analysis import Analysis
from scopf.sweeps.analysis.curves import Curve, Curves

_VOLTAGES = (("solid", 0.1), ("solid", 0.1), ("dot", 0.6), ("dash", 0.6))  # dash and tone
_ZERO = 1e-6  # a margin that is less is zero but for the solver's tolerance


def all_of(analysis: Analysis) -> dict[str, Figure]:
    """The curve figures by their id."""
    special = {"voltages": _voltages, "critical": _critical, "margin": _margin}
    return {
        name: special.get(name, figure)(name, picture)
        for name, picture in curves.all_of(analysis).items()
    }


def over_choices(analysis: Analysis) -> dict[str, Figure]:
    """The curve figures; of a list with one view for each choice of the horizontal axis."""
    if not analysis.axes.is_list:
        return all_of(analysis)
    choices = analysis.axes.choices
    by_choice = [
        all_of(dataclasses.replace(analysis, axes=dataclasses.replace(analysis.axes, x=axis)))
        for axis in choices
    ]
    return {
        name: dataclasses.replace(
            first,
            keys=("x",),
            views={str(k): found[name].views[""] for k, found in enumerate(by_choice)},
            columns={**first.columns, "x": "x"},
            extra={"xaxes": [f.drawn(axis) for axis in choices]},
        )
        for name, first in by_choice[0].items()
    }


def figure(name: str, picture: Curves) -> Figure:
    """Curves as a figure."""
    x, y = picture.x, picture.y
    columns = {"x": x.column, "y": f"{y.text.lower()} [{y.unit}]"}
    if picture.legend:
        heading = picture.series.column if picture.series else picture.legend
        columns = {"name": heading, **columns}
    layout = {
        "xaxis": f.drawn(x),
        "yaxis": {
            "title": {"text": labelled(y.title)},
            **_from_zero(picture.values),
        },
        "legend": {"title": {"text": labelled(picture.legend)}},
        "showlegend": bool(picture.legend),
    }
    views = {
        f.key(chosen): [_line(picture, curve) for curve in found]
        for chosen, found in picture.slices.items()
    }
    keys = tuple(axis.name for axis in picture.chosen)
    return Figure(
        name, picture.title, picture.note, keys, views, layout, columns, is_price=y.is_price
    )


def _from_zero(values: Floats) -> dict[str, Any]:
    """The range of a vertical axis whose quantity should not be negative."""
    if np.any(values < -_ZERO):
        return {"rangemode": "tozero"}
    return {"rangemode": "nonnegative"} if np.any(values > _ZERO) else {"range": [0, 1]}


def _line(picture: Curves, curve: Curve) -> Trace:
    """A curve; points without an order have no lines between them."""
    x = picture.x
    at = f.places_on(x, curve.places.tolist())
    name = escaped(curve.name or picture.y.text)
    line = f.curve(name, at, f.numbers(curve.values.tolist(), 6), curve.rank, picture.count)
    head = f"{picture.legend} {name}<br>" if picture.legend and not picture.series else ""
    aside = "%{fullData.name}" if picture.series else ""
    line["hovertemplate"] = (
        f"{head}{labelled(x.label)} = %{{x}}<br>%{{y:.6g}} {escaped(curve.unit)}"
        f"<extra>{aside}</extra>"
    )
    if picture.scattered or not x.numeric:
        line["mode"] = "markers"
        line["marker"]["size"] = 8 if len(at) <= 200 else 4
    return line


def _margin(name: str, picture: Curves) -> Figure:
    """Margins, zero where a row binds."""
    made = figure(name, picture)
    for lines in made.views.values():
        for line in lines:
            line["y"] = [0 if y is not None and abs(y) < _ZERO else y for y in line["y"]]
    return made


def _voltages(name: str, picture: Curves) -> Figure:
    """Two bands, the outer one shaded."""
    made = figure(name, picture)
    for lines in made.views.values():
        for line, (dash, tone) in zip(lines, _VOLTAGES, strict=True):
            line["line"]["dash"], line["meta"] = dash, {"tone": tone}
            line["hovertemplate"] = line["hovertemplate"].removeprefix(f"{picture.legend} ")
            if "lines" in line["mode"]:
                line["marker"]["size"] = 3
        if "lines" in lines[0]["mode"]:
            lines.append(_band(lines[0]["x"], lines[1]["y"], lines[0]["y"]))
    made.layout["legend"] = {"traceorder": "normal"}
    return made


def _band(x: list[Any], low: list[float | None], high: list[float | None]) -> Trace:
    """The area between two curves, in pieces where they have gaps."""
    outline: tuple[list[Any], list[float | None]] = [], []
    start = 0
    for end in range(len(x) + 1):
        if end < len(x) and low[end] is not None and high[end] is not None:
            continue
        if end > start:
            gap = [None] if outline[0] else []
            outline[0].extend([*gap, *x[start:end], *reversed(x[start:end])])
            outline[1].extend([*gap, *high[start:end], *reversed(low[start:end])])
        start = end + 1
    return {
        "type": "scatter", "mode": "lines", "x": outline[0], "y": outline[1], "fill": "toself",
        "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False,
        "meta": {"skip": True, "band": True},
    }  # fmt: skip


def _critical(name: str, picture: Curves) -> Figure:
    """Critical values with bars down to the last value without a price."""
    made = figure(name, picture)
    x, y = picture.x, picture.y
    for chosen, found in picture.slices.items():
        for line, curve in zip(made.views[f.key(chosen)], found, strict=True):
            lows = f.numbers(curve.lows.tolist(), 6)
            line["error_y"] = {
                "type": "data", "symmetric": False, "width": 3, "thickness": 1,
                "array": [0] * len(lows),
                "arrayminus": f.numbers(np.nan_to_num(curve.values - curve.lows).tolist(), 6),
            }  # fmt: skip
            symbol = line["marker"]["symbol"]
            line["marker"]["symbol"] = [symbol + ("-open" if low is None else "") for low in lows]
            line["marker"]["size"] = 9
            line["customdata"] = lows
            line["hovertemplate"] = (
                f"{labelled(x.label)} = %{{x}}<br>{labelled(y.text)} ≤ %{{y}} {escaped(y.unit)}"
                "<br>free up to %{customdata}<extra></extra>"
            )
    made.columns["free"] = f"last without a price [{y.unit}]"
    return made
