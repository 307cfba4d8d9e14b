"""A sweep as its pictures need it: the axes that were asked for, the rest fixed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from scopf.errors import ScopfError, listing
from scopf.plots import style
from scopf.sweeps.analysis.analysis import Analysis, analyse
from scopf.sweeps.analysis.axes import Axes, Dimension, find, follows, text

_WORDS = {"mq": "droop", "alpha": "grid strength", "eta_q": "reactive cost factor"}


def chosen(
    runs: Any, what: str, x: str | None, by: str | None, where: Mapping[str, Any] | None
) -> Analysis:
    """The scenarios that a picture shows, on axes of which at most x and series vary.

    Args:
        runs: a Sweep (`scopf.sweep`, `scopf.load_sweep`).
        what: the picture, for messages.
        x: name of the horizontal axis; None to choose as the report does.
        by: name of the second axis; None to choose.
        where: values of other axes, by name.

    Raises:
        ScopfError: when this is no sweep; for an axis that does not vary, or a value that it does
            not have; when another axis varies as well; when no scenario was solved.
    """
    if not hasattr(runs, "scenarios") or not hasattr(runs, "manifest"):
        kind = type(runs).__name__
        raise ScopfError(f"plots.{what} draws a sweep, which scopf.sweep returns, got {kind}")
    analysis = analyse(runs)
    for name, value in (where or {}).items():
        analysis = _only(analysis, name, value)
    if not analysis.solved.any():
        raise ScopfError(f"no scenario was solved, so plots.{what} has no values to draw")
    axes = _axes(analysis)
    first = _named(axes, x, analysis) if x else analysis.axes.x
    others = [axis for axis in axes.values() if axis.name != first.name and len(axis) > 1]
    leading = [axis for axis in others if not follows(axis, first)]
    series = _named(axes, by, analysis) if by else None
    if series is None and leading:
        own = analysis.axes.series
        series = own if own is not None and own.name in [a.name for a in leading] else leading[0]
    rest = [a for a in leading if series is None or not follows(a, series, first)]
    rest = [a for a in rest if series is None or a.name != series.name]
    if rest:
        example = f"where={{{rest[0].name!r}: {rest[0].values[0]!r}}}"
        raise ScopfError(
            f"plots.{what}: {listing(axis.name for axis in rest)} "
            f"var{'ies' if len(rest) == 1 else 'y'} as well; fix what should not, {example}"
        )
    shown = Axes(first, series, (), analysis.axes.fixed, analysis.axes.is_list)
    return analysis.of(np.arange(len(analysis)), shown)


def _axes(analysis: Analysis) -> dict[str, Dimension]:
    """Every axis that varies, those that go with another among them."""
    found = {}
    for axis in analysis.axes.named or analysis.axes.every:
        for one in (axis, *axis.along):
            found[one.name] = one
    return found


def _named(axes: Mapping[str, Dimension], name: str, analysis: Analysis) -> Dimension:
    if name not in axes:
        varied = [axis for axis in axes if axis != "scenario"]
        known = f"; these do: {listing(varied)}" if varied else ""
        raise ScopfError(f"{name} does not vary in this sweep{known}")
    return axes[name]


def _only(analysis: Analysis, name: str, value: Any) -> Analysis:
    """The scenarios in which an axis has this value."""
    axis = _named(_axes(analysis), name, analysis)
    if axis.numeric:
        numbers = np.array(axis.values, dtype=np.float64)
        try:
            matches = np.flatnonzero(np.isclose(numbers, float(value), rtol=1e-9, atol=1e-12))
        except (TypeError, ValueError):
            matches = np.zeros(0, dtype=np.int64)
    else:
        wanted = "none" if value is None else text(value)
        both = enumerate(zip(axis.texts, axis.values, strict=True))
        matches = np.array([k for k, known in both if wanted in known], dtype=np.int64)
    if not len(matches):
        raise ScopfError(f"where: {name} is never {value!r}; it is {listing(axis.texts)}")
    rows = np.flatnonzero(axis.codes == matches[0])
    kept = analysis.scenarios.iloc[rows].reset_index(drop=True)
    return analysis.of(rows, find(kept, analysis.branches))  # what no longer varies is no axis


def title(axis: Dimension) -> str:
    """Title of an axis: in words where its label is a symbol, and with its unit."""
    return f"{_WORDS.get(axis.name, '')} {style.symbol(axis.title)}".strip()
