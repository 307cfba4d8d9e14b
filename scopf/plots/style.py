"""The look of every picture: colours, markers, lines, axes; the only place that makes a figure.

Categories have the colours of Okabe and Ito ("Color Universal Design", 2008), which colour-blind
readers tell apart, and a marker and a dash each, which a printer does. Maps of colour rise evenly
in lightness and are darker where there is more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scopf.errors import ScopfError

BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
VERMILLION, PURPLE, SKY, BLACK = "#D55E00", "#CC79A7", "#56B4E9", "#000000"
CATEGORIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_WIDTHS = (5.2, 4.8, 6.2, 4.8, 6.2, 6.2, 6.2)  # points; they look equally large
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)))

INK, SOFT, GRID, NOTHING = "#222222", "#666666", "#E3E3E3", "#DADADA"
SHADE = "#EDEDED"
SIZE = (6.4, 4.0)  # inches
TEXT, SMALL, TITLE = 9.5, 8.0, 11.0  # points

_MAP = "magma_r"  # uniform, monotone in lightness, pale where there is little
_ENDS = (0.03, 0.9)  # of it: nothing vanishes on white, and ink differs from the darkest


def axes(ax: Any, size: tuple[float, float] = SIZE) -> Any:
    """These axes, or new ones in a figure of their own, without settings of matplotlib's.

    Raises:
        ScopfError: when matplotlib is not installed, or `ax` is something else.
    """
    if ax is None:
        _, ax = _matplotlib().subplots(figsize=size, layout="constrained")
    elif not hasattr(ax, "add_collection"):
        raise ScopfError(f"ax has to be matplotlib axes, got {type(ax).__name__}")
    return ax


def grid(rows: int, columns: int, size: tuple[float, float]) -> Any:
    """New axes that share their scales, shape (rows, columns), in a figure that nothing shows.

    Raises:
        ScopfError: when matplotlib is not installed.
    """
    _matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    return figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)


def column(heights: Sequence[float], size: tuple[float, float]) -> Any:
    """New axes below each other, as high as these parts, that share the horizontal one.

    Raises:
        ScopfError: when matplotlib is not installed.
    """
    layout = {"figsize": size, "layout": "constrained", "gridspec_kw": {"height_ratios": heights}}
    _, axes = _matplotlib().subplots(len(heights), 1, sharex=True, squeeze=False, **layout)
    return axes[:, 0]


def leave_folder_aside() -> None:
    """Undo a matplotlibrc of the working folder, which matplotlib obeys: it may even call LaTeX.

    Commands do so; whoever draws in Python has settings of their own.

    Raises:
        ScopfError: when matplotlib is not installed.
    """
    _matplotlib()
    import matplotlib

    if Path(matplotlib.matplotlib_fname()).resolve().parent == Path.cwd():
        matplotlib.rcdefaults()


def _matplotlib() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        text = 'pictures need matplotlib: pip install "scopf[plot]"'
        raise ScopfError(text) from None
    return plt


def dress(
    ax: Any, title: str = "", x: str = "", y: str = "", grid: str = "both", pad: float = 9
) -> Any:
    """Give axes the look of the others, whoever made them.

    Args:
        ax: the axes.
        title: above; an empty text leaves what is there.
        x: at the horizontal axis; an empty text leaves what is there.
        y: at the vertical axis, in the same way.
        grid: lines to draw behind: "x", "y", "both" or "".
        pad: space below the title, points.
    """
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set(color=SOFT, linewidth=0.8)
    ax.tick_params(colors=INK, labelsize=SMALL, color=SOFT, width=0.8, length=3)
    ax.set_axisbelow(True)
    if grid:
        ax.grid(True, axis=grid, color=GRID, linewidth=0.7)
    if title:
        ax.set_title(title, loc="left", fontsize=TITLE, color=INK, pad=pad)
    if x:
        ax.set_xlabel(x, fontsize=TEXT, color=INK)
    if y:
        ax.set_ylabel(y, fontsize=TEXT, color=INK)
    return ax


def legend(ax: Any, title: str = "", **keywords: Any) -> Any:
    """A legend in the look of the axes; beside them if it is long."""
    handles, labels = ax.get_legend_handles_labels()
    handles, labels = keywords.pop("handles", handles), keywords.pop("labels", labels)
    if len(labels) > 5:
        keywords = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} | keywords
    found = ax.legend(
        handles, labels, title=title or None, frameon=False, fontsize=SMALL, labelcolor=INK,
        title_fontsize=SMALL, **keywords,
    )  # fmt: skip
    found.get_title().set_color(INK)
    found.set_in_layout(True)
    return found


def colormap(name: Any = None) -> Any:
    """The map of colour of all pictures, or another by its name."""
    import matplotlib
    from matplotlib.colors import LinearSegmentedColormap

    if name is not None:
        return matplotlib.colormaps[name] if isinstance(name, str) else name
    shades = matplotlib.colormaps[_MAP](np.linspace(*_ENDS, 256))
    return LinearSegmentedColormap.from_list("scopf", shades)


def colorbar(mappable: Any, ax: Any, label: str, **keywords: Any) -> Any:
    """A bar of colours beside the axes, with the unit."""
    figure = (ax[0] if isinstance(ax, list) else ax).figure
    bar = figure.colorbar(mappable, ax=ax, **({"fraction": 0.04, "pad": 0.02} | keywords))
    bar.set_label(label, fontsize=TEXT, color=INK)
    bar.ax.tick_params(colors=INK, labelsize=SMALL, color=SOFT, width=0.8, length=3)
    bar.ax.yaxis.set_major_formatter(numbers())
    bar.outline.set(edgecolor=SOFT, linewidth=0.6)
    return bar


def lines(values: Sequence[Any], ordered: bool) -> list[dict[str, Any]]:
    """Colour, marker and dash of curves, one each.

    Curves in an order (of numbers) go from light to dark along the map of colour, others have the
    colours of categories.
    """
    count = len(values)
    shades: Sequence[Any] = CATEGORIES
    if ordered and count > 2:
        shades = [colormap()(k) for k in np.linspace(0.28, 1.0, count)]
    return [
        {
            "color": shades[k % len(shades)],
            "marker": MARKERS[k % len(MARKERS)],
            "linestyle": DASHES[k % len(DASHES)],
            "linewidth": 1.6,
            "markersize": _WIDTHS[k % len(_WIDTHS)],
            "markeredgewidth": 0.6,
            "markeredgecolor": "white",
        }
        for k in range(count)
    ]


def contrast(color: Any) -> str:
    """Ink or white, whichever reads better on a colour."""
    from matplotlib.colors import to_rgb

    return INK if luminance(to_rgb(color)) > 0.55 else "white"


def luminance(rgb: Sequence[float]) -> float:
    """Lightness of a colour in greyscale, 0 to 1 (Rec. 709 weights, gamma kept)."""
    r, g, b = rgb[:3]
    return float(0.2126 * r + 0.7152 * g + 0.0722 * b)


def symbol(label: str) -> str:
    """A label with its index set as one: m_q, and m_q of 32."""
    return "".join(f"$\\mathit{{{a}}}_{{\\mathrm{{{b}}}}}$" if b else a for a, b in _split(label))


def _split(label: str) -> list[tuple[str, str]]:
    """Words, and symbols with their index."""
    import re

    parts, end = [], 0
    for found in re.finditer(r"(?<!\w)([a-zα-ω])_([a-z]\d*)(?!\w)", label):
        parts += [(label[end : found.start()], ""), (found[1], found[2])]
        end = found.end()
    return [*parts, (label[end:], "")]


def note(ax: Any, text: str) -> Any:
    """A remark in small print above the axes, at the right."""
    return ax.annotate(
        text, (1.0, 1.0), xycoords="axes fraction", xytext=(0, 3), textcoords="offset points",
        ha="right", va="bottom", fontsize=SMALL - 0.5, color=SOFT,
    )  # fmt: skip


def numbers() -> Any:
    """Writes the numbers at an axis: with commas where they are long."""
    from matplotlib.ticker import FuncFormatter

    def text(value: float, _: int | None) -> str:
        written = f"{value:,.10g}" if abs(value) >= 1000 else f"{value:.6g}"
        return written.replace("-", "−")

    return FuncFormatter(text)


def compact(digits: int = 3) -> Callable[[float], str]:
    """Writes a number short: 12,345 or 0.0123."""

    def text(value: float) -> str:
        if value == 0:
            return "0"
        if abs(value) >= 10 ** (digits - 1):
            return f"{value:,.0f}"
        return f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"

    return text
