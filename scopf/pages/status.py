"""The map of status: how every scenario ended."""

from __future__ import annotations

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.pages import figure as f
from scopf.pages import grids
from scopf.pages.figure import Figure, Trace
from scopf.pages.markup import escaped
from scopf.sweeps.analysis.analysis import Analysis
from scopf.sweeps.analysis.axes import groups
from scopf.sweeps.analysis.grids import cells

_MOST_CELLS = 60  # along an axis, for cells large enough for a mark and a gap
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
    "invalid": ("#b9a3cf", "triangle-right"),
    "error": ("#c4473a", "hourglass"),
    "crashed": ("#e79a8f", "bowtie"),
    "not run": ("#f4f4f2", "line-ew"),
}
_STROKES = ("x-thin", "asterisk", "line-ew")  # marks without a face
_STRIP = " "  # name of the row where there is no second axis
_UNKNOWN = ("#6b6b6b", "hexagon")


def by_scenario(analysis: Analysis) -> Figure:
    """Status of every scenario, over two axes or in a strip."""
    x, series, rest = analysis.axes.x, analysis.axes.series, analysis.axes.rest
    ended = analysis.scenarios["status"].astype(str)
    counts = ended.value_counts()
    names = [name for name in _STATUS if name in counts.index]
    names += [name for name in counts.index if name not in _STATUS]
    codes = ended.map(names.index).to_numpy(dtype=np.float64)
    views = {
        f.key(chosen): _status_view(analysis, rows, codes, names)
        for chosen, rows in groups(rest, len(analysis)).items()
    }
    layout = {
        "xaxis": f.of_axis(x),
        "yaxis": f.of_axis(series) if series else {"visible": False, **f.category("", [_STRIP])},
        "showlegend": True,
    }
    columns = {"x": x.column, "status": "status"}
    if series:
        columns = {"y": series.column, **columns}
    note = "How every scenario ended; marks stand on those without a solution, where they fit."
    return Figure(
        "status", "Status", note, tuple(axis.name for axis in rest), views, layout, columns,
        extra={"names": [escaped(name) for name in names]},
        wide=True, height=min(520, max(300, 140 + 22 * len(series))) if series else 200,
    )  # fmt: skip


def _status_view(analysis: Analysis, rows: Ints, codes: Floats, names: list[str]) -> list[Trace]:
    styles = [_STATUS.get(name, _UNKNOWN) for name in names]
    top = len(names) - 1
    scale = [
        stop
        for k, (colour, _) in enumerate(styles)
        for stop in ([k / len(names), colour], [(k + 1) / len(names), colour])
    ]
    x, series = analysis.axes.x, analysis.axes.series
    lines = series.texts if series else (_STRIP,)
    heat = grids.heat(x.texts, lines, cells(analysis, rows, codes))
    row_of = series.codes if series else np.zeros(len(analysis), dtype=np.int64)
    few = max(len(x), len(lines)) <= _MOST_CELLS
    heat.update(
        zmin=-0.5, zmax=top + 0.5, colorscale=scale, showscale=False, xgap=int(few), ygap=int(few),
        meta={"status": True}, hovertemplate="%{x}, %{y}<br>%{text}<extra></extra>",
    )  # fmt: skip
    traces = [heat]
    for k, (name, (colour, symbol)) in enumerate(zip(names, styles, strict=True)):
        at = rows[codes[rows] == k]
        marked = symbol and few
        dark = int(colour[1:3], 16) + int(colour[3:5], 16) + int(colour[5:7], 16) < 360
        ink = "#ffffff" if dark else "#1a1a1a"
        traces.append(
            {
                "type": "scatter", "mode": "markers", "hoverinfo": "skip",
                "name": f"{escaped(name)} ({len(at)})",
                "x": [escaped(x.texts[c]) for c in x.codes[at]] if marked else [None],
                "y": [escaped(lines[c]) for c in row_of[at]] if marked else [None],
                "marker": {"symbol": symbol or "circle", "color": ink,
                           "line": {"color": ink, "width": 1.5 if symbol in _STROKES else 0}},
                "showlegend": False, "meta": {"skip": True, "cells": len(x)},
            }
        )  # fmt: skip
        swatch = {"symbol": "square", "size": 12, "color": colour, "line": {"width": 1}}
        traces.append(
            {
                "type": "scatter", "mode": "markers", "name": f"{escaped(name)} ({len(at)})",
                "x": [None], "y": [None], "marker": swatch, "showlegend": len(at) > 0,
                "meta": {"skip": True, "swatch": True},
            }
        )  # fmt: skip
    return traces
