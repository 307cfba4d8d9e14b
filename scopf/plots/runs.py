"""A sweep as its pictures need it: the axes that were asked for, the rest fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scopf.arrays import Ints
from scopf.errors import ScopfError, listing
from scopf.plots import style
from scopf.sweeps.analysis.axes import Axis, groups
from scopf.sweeps.analysis.table import Study, prepare
from scopf.sweeps.analysis.units import CURRENCY, criteria_by_unit, per, price_unit

_WORDS = {"mq": "droop", "alpha": "grid strength", "eta_q": "reactive cost factor"}


@dataclass(frozen=True, eq=False)
class Slice:
    """Scenarios of a sweep that differ along the axes of a picture only.

    Attributes:
        study: these scenarios.
        x: along the horizontal axis.
        by: what tells curves (or rows) apart; None if nothing does.
    """

    study: Study
    x: Axis
    by: Axis | None


def chosen(
    runs: Any, what: str, x: str | None, by: str | None, where: Mapping[str, Any] | None
) -> Slice:
    """The scenarios that a picture shows.

    Args:
        runs: a Sweep (`scopf.sweep`, `scopf.load_sweep`).
        what: the picture, for messages.
        x: name of the horizontal axis; None to choose as the report does.
        by: name of the second axis, likewise.
        where: values of other axes, by name.

    Raises:
        ScopfError: when this is no sweep; for an axis that does not vary, or a value that it does
            not have; when another axis varies as well; when no scenario was solved.
    """
    if not hasattr(runs, "scenarios") or not hasattr(runs, "manifest"):
        kind = type(runs).__name__
        raise ScopfError(f"plots.{what} draws a sweep, which scopf.sweep returns, got {kind}")
    study = prepare(runs)
    for name, value in (where or {}).items():
        study = _only(study, name, value)
    if not study.solved.any():
        raise ScopfError(f"no scenario was solved, so plots.{what} has no values to draw")
    axes = _axes(study)
    first = _named(axes, x, study) if x else study.axes.x
    others = [axis for axis in axes.values() if axis.name != first.name and len(axis) > 1]
    leading = [axis for axis in others if not _goes_with(axis, first)]
    series = _named(axes, by, study) if by else None
    if series is None and leading:
        own = study.axes.series
        series = own if own is not None and own.name in [a.name for a in leading] else leading[0]
    rest = [a for a in leading if series is None or not _goes_with(a, series, first)]
    rest = [a for a in rest if series is None or a.name != series.name]
    if rest:
        example = f"where={{{rest[0].name!r}: {rest[0].values[0]!r}}}"
        raise ScopfError(
            f"plots.{what}: {listing(axis.name for axis in rest)} "
            f"var{'ies' if len(rest) == 1 else 'y'} as well; fix what should not, {example}"
        )
    return Slice(study, first, series)


def _axes(study: Study) -> dict[str, Axis]:
    """Every axis that varies, those that go with another among them."""
    found = {}
    for axis in study.axes.named or study.axes.every:
        for one in (axis, *axis.along):
            found[one.name] = one
    return found


def _named(axes: Mapping[str, Axis], name: str, study: Study) -> Axis:
    if name not in axes:
        varied = [axis for axis in axes if axis != "scenario"]
        known = f"; these do: {listing(varied)}" if varied else ""
        raise ScopfError(f"{name} does not vary in this sweep{known}")
    return axes[name]


def _goes_with(axis: Axis, *leaders: Axis) -> bool:
    """Whether the values of an axis follow from those of others."""
    of = np.column_stack([leader.codes for leader in leaders])
    return len(np.unique(of, axis=0)) == len(np.unique(np.column_stack([of, axis.codes]), axis=0))


def _only(study: Study, name: str, value: Any) -> Study:
    """The scenarios in which an axis has this value."""
    axis = _named(_axes(study), name, study)
    if axis.numeric:
        numbers = np.array(axis.values, dtype=np.float64)
        try:
            matches = np.flatnonzero(np.isclose(numbers, float(value), rtol=1e-9, atol=1e-12))
        except (TypeError, ValueError):
            matches = np.zeros(0, dtype=np.int64)
    else:
        text = {True: "yes", False: "no"}.get(value, str(value)) if value is not None else "none"
        matches = np.array([k for k, t in enumerate(axis.texts) if t == text], dtype=np.int64)
    if not len(matches):
        raise ScopfError(f"where: {name} is never {value!r}; it is {listing(axis.texts)}")
    return _narrowed(study, np.flatnonzero(axis.codes == matches[0]))


def _narrowed(study: Study, rows: Ints) -> Study:
    """Part of a study, its axes found anew: what no longer varies is none."""
    from scopf.sweeps.analysis import axes as axes_of

    part = study.of(rows)
    return Study(
        part.scenarios, axes_of.find(part.scenarios), part.inverters, part.nssp, part.vm,
        part.total, part.criterion, part.source,
    )  # fmt: skip


def title(axis: Axis) -> str:
    """What an axis is: in words where its label is a symbol, and with its unit."""
    label = f"{_WORDS.get(axis.name, '')} {style.symbol(axis.label)}".strip()
    return f"{label} ({axis.unit})" if axis.unit else label


def unit(study: Study) -> str:
    """Unit of the prices, both where criteria have different ones."""
    units = sorted(criteria_by_unit(study), reverse=True)
    if len(units) < 2:
        return price_unit(study)
    first, *others = (per(unit) for unit in units)
    more = (text.removeprefix(f"{CURRENCY} per p.u. ") for text in others)
    return f"{' or '.join([first, *more])}, by criterion"


def curves(part: Slice) -> list[tuple[str, Ints]]:
    """Name and scenarios of each curve, these in the order of x."""
    by = [part.by] if part.by else []
    found = []
    for codes, rows in groups(by, len(part.study)).items():
        name = f"{style.symbol(part.by.label)} = {part.by.texts[codes[0]]}" if part.by else ""
        found.append((name, rows[np.argsort(part.x.codes[rows], kind="stable")]))
    return found
