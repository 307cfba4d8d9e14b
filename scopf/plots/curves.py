"""Curves over a sweep: prices, margins, costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.errors import ScopfError, listing
from scopf.plots import runs as parts
from scopf.plots import style
from scopf.plots.runs import Slice
from scopf.sweeps.analysis.units import CURRENCY

_MOST = 8  # inverters with a curve each, if they are not chosen
_MARKED = 30  # points up to which each has a marker


def prices(
    runs: Any,
    x: str | None = None,
    *,
    by: str | None = None,
    bus: int | Iterable[int] | None = None,
    where: Mapping[str, Any] | None = None,
    ax: Any = None,
    title: str | None = None,
) -> Any:
    """Nodal Stability Shadow Prices over a sweep.

    With a second axis the curves are its values and the price is the largest among the inverters;
    without one there is a curve for each inverter that is ever priced.

    Args:
        runs: a sweep (`scopf.sweep`, `scopf.load_sweep`).
        x: name of the horizontal axis; None to choose as the report does.
        by: name of the axis that tells curves apart.
        bus: the inverter whose price is meant in the place of the largest, or several where there
            is no second axis.
        where: values of axes that should not vary, by name.
        ax: axes to draw into; a new figure if None.
        title: above; None for none.

    Returns:
        The matplotlib axes.

    Raises:
        ScopfError: without matplotlib; without inverters; for an axis, a value or a bus that the
            sweep does not have; when more axes vary than can be drawn.
    """
    part = parts.chosen(runs, "prices", x, by, where)
    label = f"NSSP ({parts.unit(part.study)})"
    return _by_inverter(part, part.study.prices, bus, label, ax, title)


def margins(
    runs: Any,
    x: str | None = None,
    *,
    by: str | None = None,
    where: Mapping[str, Any] | None = None,
    ax: Any = None,
    title: str | None = None,
) -> Any:
    """Smallest stability margin (p.u. voltage) over a sweep.

    Args:
        runs: a sweep (`scopf.sweep`, `scopf.load_sweep`).
        x: name of the horizontal axis; None to choose as the report does.
        by: name of the axis that tells curves apart.
        where: values of axes that should not vary, by name.
        ax: axes to draw into; a new figure if None.
        title: above; None for none.

    Returns:
        The matplotlib axes.

    Raises:
        ScopfError: as in `prices`.
    """
    part = parts.chosen(runs, "margins", x, by, where)
    _with_inverters(part, "margins")
    drawn = _drawn(part, [(part.study.margin, "")], ax)
    drawn.axhline(0, color=style.INK, linewidth=0.9, zorder=1.5)
    return _finished(drawn, part, "smallest stability margin (p.u. voltage)", title)


def costs(
    runs: Any,
    x: str | None = None,
    *,
    by: str | None = None,
    where: Mapping[str, Any] | None = None,
    increase: bool = True,
    ax: Any = None,
    title: str | None = None,
) -> Any:
    """Cost over a sweep.

    Args:
        runs: a sweep (`scopf.sweep`, `scopf.load_sweep`).
        x: name of the horizontal axis; None to choose as the report does.
        by: name of the axis that tells curves apart.
        where: values of axes that should not vary, by name.
        increase: draw what stability costs: the cost above that of the scenario with the criterion
            none, or without such a one above the least cost along the horizontal axis of the
            sweep's report (`docs/report.md`); else the cost itself.
        ax: axes to draw into; a new figure if None.
        title: above; None for none.

    Returns:
        The matplotlib axes.

    Raises:
        ScopfError: as in `prices`.
    """
    part = parts.chosen(runs, "costs", x, by, where)
    study = part.study
    drawn = _drawn(part, [(study.cost_increase if increase else study.cost, "")], ax)
    return _finished(drawn, part, f"{'cost increase' if increase else 'cost'} ({CURRENCY})", title)


def _with_inverters(part: Slice, what: str) -> None:
    if not len(part.study.inverters):
        raise ScopfError(f"the sweep has no inverter, so plots.{what} has nothing to draw")


def _by_inverter(
    part: Slice,
    values: Floats,
    bus: int | Iterable[int] | None,
    label: str,
    ax: Any,
    title: str | None,
) -> Any:
    """Curves of something that every inverter has, shape (scenarios, inverters)."""
    _with_inverters(part, "prices")
    study = part.study
    wanted = [bus] if isinstance(bus, (int, np.integer)) else None if bus is None else list(bus)
    unknown = sorted(set(wanted or []) - set(study.inverters.tolist()))
    if unknown:
        raise ScopfError(f"there is no inverter at bus {listing(unknown)}")
    if part.by is not None:
        if wanted is not None and len(wanted) > 1:
            raise ScopfError(
                f"curves are told apart by {part.by.name} already; draw one inverter, or fix "
                f"it: where={{{part.by.name!r}: {part.by.values[0]!r}}}"
            )
        if wanted:
            column = values[:, np.searchsorted(study.inverters, wanted[0])]
            return _finished(
                _drawn(part, [(column, "")], ax), part, label, title, f"inverter {wanted[0]}"
            )
        drawn = _drawn(part, [(study.nssp_max, "")], ax)
        return _finished(drawn, part, f"largest {label}", title)
    ranked = study.dearest[study.prices[study.solved][:, study.dearest].max(axis=0) > 0]
    columns = (
        np.sort(ranked[:_MOST]) if wanted is None else np.searchsorted(study.inverters, wanted)
    )
    if not len(columns):
        drawn = _drawn(part, [(study.nssp_max, "all inverters")], ax)
        return _finished(drawn, part, label, title, "no inverter is priced")
    lines = [(values[:, k], f"inverter {study.inverters[k]}") for k in columns]
    more = "" if wanted or len(ranked) <= _MOST else f"{_MOST} dearest of {len(ranked)} inverters"
    return _finished(_drawn(part, lines, ax), part, label, title, more)


def _drawn(part: Slice, lines: list[tuple[Floats, str]], ax: Any) -> Any:
    """Axes with the curves: by the second axis, or those given."""
    ax = style.axes(ax)
    found = [
        (label or name, rows, values)
        for values, label in lines
        for name, rows in parts.curves(part)
    ]
    looks = style.lines(found, ordered=part.by is not None and part.by.numeric)
    failed = np.zeros(0)
    for (name, rows, values), look in zip(found, looks, strict=True):
        x, y = _horizontal(part, rows), values[rows]
        step = max(1, len(rows) // 12) if len(rows) > _MARKED else 1
        ax.plot(x, y, label=name, markevery=step, clip_on=False, zorder=2.5, **look)
        failed = np.append(failed, x[~np.isfinite(y)])
    if len(failed):
        ax.plot(
            np.unique(failed), np.zeros(len(np.unique(failed))), linestyle="", marker="x",
            color=style.SOFT, markersize=5, transform=ax.get_xaxis_transform(), clip_on=False,
            zorder=3, label="no solution",
        )  # fmt: skip
    if not part.x.numeric:
        ax.set_xticks(range(len(part.x)), part.x.texts, rotation=45 if len(part.x) > 6 else 0)
    return ax


def _horizontal(part: Slice, rows: Ints) -> Floats:
    """Where these scenarios are along the horizontal axis."""
    values = part.x.values if part.x.numeric else range(len(part.x))
    found: Floats = np.array(values, dtype=np.float64)[part.x.codes[rows]]
    return found


def _finished(ax: Any, part: Slice, label: str, title: str | None, note: str = "") -> Any:
    style.dress(ax, title or "", parts.title(part.x), label)
    ax.yaxis.set_major_formatter(style.numbers())
    if note:
        style.note(ax, note)
    handles, names = ax.get_legend_handles_labels()
    kept = [(handle, name) for handle, name in zip(handles, names, strict=True) if name]
    if kept:
        style.legend(ax, handles=[h for h, _ in kept], labels=[name for _, name in kept])
    return ax
