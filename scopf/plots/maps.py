"""Maps of colour: a result over two axes of a sweep, or of any table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scopf.arrays import Floats
from scopf.errors import ScopfError, listing
from scopf.plots import runs as parts
from scopf.plots import style
from scopf.sweeps.analysis import results
from scopf.sweeps.analysis.grids import cells as cells_of
from scopf.sweeps.analysis.results import words

_MOST_TICKS = 9


def heatmap(
    runs: Any,
    x: str,
    y: str,
    value: str = "nssp_max",
    *,
    where: Mapping[str, Any] | None = None,
    ax: Any = None,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: Any = None,
    title: str | None = None,
    label: str | None = None,
    colorbar: bool = True,
) -> Any:
    """A result over two axes of a sweep as colour; cells without a solution are hatched.

    Args:
        runs: a sweep (`scopf.sweep`, `scopf.load_sweep`), or a table with the columns `x`, `y` and
            `value`.
        x: name of the horizontal axis (a column).
        y: name of the vertical one.
        value: "nssp_max", "margin_min", "cost", "cost_increase", "voltage_spread", "iterations",
            "seconds", or another column of numbers in `runs.scenarios`; "nssp_32" is the price of
            inverter 32.
        where: values of axes that should not vary, by name.
        ax: axes to draw into; a new figure if None.
        vmin: lower end of the scale of colours.
        vmax: its upper end.
        cmap: a map of colour, or the name of one of matplotlib's.
        title: above; None for none.
        label: of the colours, in the place of the usual one.
        colorbar: whether to draw the scale.

    Returns:
        The matplotlib axes; its first collection is the map.

    Raises:
        ScopfError: without matplotlib; for an axis, a value or an inverter that is not there; when
            more axes vary than can be drawn.
    """
    import pandas as pd

    if isinstance(runs, pd.DataFrame):
        columns, rows, cells, labels = _of_table(runs, x, y, value, where)
    else:
        columns, rows, cells, labels = _of_sweep(runs, x, y, value, where)
    wide = 4.6 + 0.02 * cells.shape[1]
    ax = style.axes(ax, (min(8.0, wide + 1.4), 4.2))
    image = draw(ax, columns, rows, cells, vmin=vmin, vmax=vmax, cmap=cmap)
    style.dress(ax, title or "", labels[0], labels[1], grid="")
    if not isinstance(runs, pd.DataFrame) and not np.isfinite(cells).all():
        style.note(ax, "hatched: no solution")
    if colorbar:
        style.colorbar(image, ax, label or labels[2])
    return ax


def draw(
    ax: Any,
    x: Sequence[Any],
    y: Sequence[Any],
    cells: Floats,
    *,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: Any = None,
) -> Any:
    """Cells of colour, to scale if the values are numbers at equal distances.

    Args:
        ax: axes.
        x: values of the horizontal axis, in order.
        y: those of the vertical one.
        cells: shape (len(y), len(x)); hatched where NaN.
        vmin: lower end of the scale of colours.
        vmax: its upper end.
        cmap: a map of colour, or the name of one of matplotlib's.

    Returns:
        The map, for a colour bar.
    """
    ends_x, ends_y = _edges(x), _edges(y)
    ax.set_facecolor("white")
    nothing = ~np.isfinite(cells)
    if nothing.any():
        from matplotlib.patches import Rectangle

        area = (ends_x[0], ends_y[0]), ends_x[-1] - ends_x[0], ends_y[-1] - ends_y[0]
        ax.add_patch(
            Rectangle(
                *area, facecolor="#F4F4F4", edgecolor="#B5B5B5", hatch="////", linewidth=0, zorder=0
            )
        )
    image = ax.pcolormesh(
        ends_x, ends_y, np.ma.masked_where(nothing, cells), vmin=vmin, vmax=vmax,
        cmap=style.colormap(cmap), rasterized=cells.size > 10_000, zorder=1,
    )  # fmt: skip
    ax.set_xlim(ends_x[0], ends_x[-1])
    ax.set_ylim(ends_y[0], ends_y[-1])
    for values, axis in ((x, ax.xaxis), (y, ax.yaxis)):
        if not _regular(values):
            step = -(-len(values) // _MOST_TICKS)
            texts = [v if isinstance(v, str) else f"{v:.5g}" for v in values]
            axis.set_ticks(range(0, len(values), step), texts[::step])
    return image


def _regular(values: Sequence[Any]) -> bool:
    """Whether these are numbers at equal distances."""
    if len(values) < 2 or any(isinstance(v, (str, bool)) for v in values):
        return False
    steps = np.diff(np.asarray(values, dtype=np.float64))
    return bool(np.allclose(steps, steps[0], rtol=1e-6, atol=0))


def _edges(values: Sequence[Any]) -> Floats:
    """Borders between the cells."""
    if not _regular(values):
        return np.arange(len(values) + 1, dtype=np.float64) - 0.5
    v = np.asarray(values, dtype=np.float64)
    half = (v[1] - v[0]) / 2
    edges: Floats = np.append(v - half, v[-1] + half)
    return edges


Cells = tuple[Sequence[Any], Sequence[Any], Floats, tuple[str, str, str]]


def _of_table(table: Any, x: str, y: str, value: str, where: Mapping[str, Any] | None) -> Cells:
    for name, wanted in (where or {}).items():
        if name in table:
            table = table[table[name] == wanted]
    lacking = [name for name in (x, y, value, *(where or {})) if name not in table]
    if lacking:
        raise ScopfError(f"the table has no column {listing(lacking)}: {listing(table.columns)}")
    if table.duplicated([x, y]).any():
        raise ScopfError(f"the table has several rows with the same {x} and {y}; fix more in where")
    wide = table.pivot(index=y, columns=x, values=value)
    cells = wide.to_numpy(dtype=np.float64, na_value=np.nan)
    if not np.isfinite(cells).any():
        raise ScopfError(f"the table has no finite {value} to draw")
    labels = (*(style.symbol(words(name)) for name in (x, y)), words(value))
    return wide.columns.tolist(), wide.index.tolist(), cells, labels  # type: ignore[return-value]


def _of_sweep(runs: Any, x: str, y: str, value: str, where: Mapping[str, Any] | None) -> Cells:
    analysis = parts.chosen(runs, "heatmap", x, y, where)
    across, up = analysis.axes.x, analysis.axes.series
    assert up is not None
    result = results.named(analysis, value)
    cells = cells_of(analysis, np.arange(len(analysis)), result.values)
    if not np.isfinite(cells).any():
        raise ScopfError(f"plots.heatmap: {value} has no values in this sweep")
    labels = parts.title(across), parts.title(up), result.label.full_title
    columns, rows = (axis.values if axis.numeric else axis.texts for axis in (across, up))
    return columns, rows, cells, labels
