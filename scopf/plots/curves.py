"""Curves over a sweep: prices, margins, costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from scopf.errors import ScopfError, listing
from scopf.plots import runs as parts
from scopf.plots import style
from scopf.sweeps.analysis import curves, results
from scopf.sweeps.analysis.amounts import chosen
from scopf.sweeps.analysis.analysis import Analysis
from scopf.sweeps.analysis.curves import Curves
from scopf.sweeps.analysis.results import Result

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
        by: name of the axis with one curve for each value.
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
    analysis = parts.chosen(runs, "prices", x, by, where)
    _with_inverters(analysis, "prices")
    wanted = [bus] if isinstance(bus, (int, np.integer)) else None if bus is None else list(bus)
    unknown = sorted(set(wanted or []) - set(analysis.inverters.tolist()))
    if unknown:
        raise ScopfError(f"there is no inverter at bus {listing(unknown)}")
    series = analysis.axes.series
    if series is None:
        return _by_inverter(analysis, wanted, ax, title)
    if not wanted:
        return _of_result(analysis, results.largest_price(analysis), ax, title)
    if len(wanted) > 1:
        raise ScopfError(
            f"there is one curve for each {series.name} already; draw one inverter, or fix "
            f"it: where={{{series.name!r}: {series.values[0]!r}}}"
        )
    one = dataclasses.replace(
        results.price_at(analysis, wanted[0]), label=results.price_label(analysis)
    )
    return _of_result(analysis, one, ax, title, note=f"inverter {wanted[0]}")


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
        by: name of the axis with one curve for each value.
        where: values of axes that should not vary, by name.
        ax: axes to draw into; a new figure if None.
        title: above; None for none.

    Returns:
        The matplotlib axes.

    Raises:
        ScopfError: as in `prices`.
    """
    analysis = parts.chosen(runs, "margins", x, by, where)
    _with_inverters(analysis, "margins")
    drawn = _of_result(analysis, results.margin(analysis), ax, title)
    drawn.axhline(0, color=style.INK, linewidth=0.9, zorder=1.5)
    return drawn


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
        by: name of the axis with one curve for each value.
        where: values of axes that should not vary, by name.
        increase: draw the cost above that of the sweep's reference (`docs/report.md`): the scenario
            with the criterion none, the intact network, or else the least cost along the horizontal
            axis of the report; of a load series, and without it, the cost itself.
        ax: axes to draw into; a new figure if None.
        title: above; None for none.

    Returns:
        The matplotlib axes.

    Raises:
        ScopfError: as in `prices`.
    """
    analysis = parts.chosen(runs, "costs", x, by, where)
    result = results.main_cost(analysis) if increase else results.cost(analysis)
    return _of_result(analysis, result, ax, title)


def _with_inverters(analysis: Analysis, what: str) -> None:
    if not len(analysis.inverters):
        raise ScopfError(f"the sweep has no inverter, so plots.{what} has nothing to draw")


def _of_result(
    analysis: Analysis, result: Result, ax: Any, title: str | None, note: str = "", name: str = ""
) -> Any:
    """Curves of a result, all of them."""
    return _drawn(curves.of_result(analysis, result, most=None), ax, title, note, name)


def _by_inverter(analysis: Analysis, wanted: list[int] | None, ax: Any, title: str | None) -> Any:
    """Curves of inverters: of those that are wanted, or those with the highest prices."""
    priced, note = analysis.priced, ""
    if wanted is None and not len(priced):
        nothing = results.Result(results.price_label(analysis), analysis.nssp_max)
        note = "no inverter is priced"
        return _of_result(analysis, nothing, ax, title, note, "all inverters")
    if wanted is not None:
        inverters = np.searchsorted(analysis.inverters, wanted)
    else:
        inverters = np.sort(priced[: curves.MOST])
        if len(priced) > len(inverters):
            note = f"{len(inverters)} of {len(priced)} inverters, with the highest prices"
    return _drawn(curves.by_inverter(analysis, inverters), ax, title, note)


def _drawn(picture: Curves, ax: Any, title: str | None, note: str, name: str = "") -> Any:
    """Axes with the curves; `name` is that of a single one."""
    ax = style.axes(ax)
    (found,) = picture.slices.values()
    series, x = picture.series, picture.x
    looks = style.lines(found, ordered=series is not None and series.numeric)
    label = f"{style.symbol(series.label)} = " if series else f"{picture.legend} "
    values = np.array(x.values if x.numeric else range(len(x)), dtype=np.float64)
    failed = np.zeros(0)
    for curve, look in zip(found, looks, strict=True):
        at = values[curve.places]
        step = max(1, len(at) // 12) if len(at) > _MARKED else 1
        ax.plot(
            at, curve.values, label=label + curve.name if curve.name else name, markevery=step,
            clip_on=False, zorder=2.5, **look,
        )  # fmt: skip
        failed = np.append(failed, at[~np.isfinite(curve.values)])
    if len(failed):
        ax.plot(
            np.unique(failed), np.zeros(len(np.unique(failed))), linestyle="", marker="x",
            color=style.SOFT, markersize=5, transform=ax.get_xaxis_transform(), clip_on=False,
            zorder=3, label="no solution",
        )  # fmt: skip
    if not x.numeric:
        marked = chosen(len(x))
        long = len(marked) > 6 or max(map(len, x.texts)) > 12
        ax.set_xticks(marked, [x.texts[k] for k in marked], rotation=45 if long else 0)
    style.dress(ax, title or "", parts.title(x), picture.y.full_title)
    ax.yaxis.set_major_formatter(style.numbers())
    if note:
        style.note(ax, note)
    handles, names = ax.get_legend_handles_labels()
    kept = [(handle, name) for handle, name in zip(handles, names, strict=True) if name]
    if kept:
        style.legend(ax, handles=[h for h, _ in kept], labels=[name for _, name in kept])
    return ax
