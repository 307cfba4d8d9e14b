"""One figure of the page: traces in Plotly's schema by what its controls are set to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scopf.pages.markup import escaped, labelled
from scopf.sweeps.analysis.amounts import chosen, ticks
from scopf.sweeps.analysis.axes import Dimension

Trace = dict[str, Any]

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "triangle-down", "star", "cross")
_MARKERS = 20  # symbols on one curve, unless a point stands alone


@dataclass(frozen=True)
class Choice:
    """A control of one figure.

    Attributes:
        name: of its key.
        label: in front of it.
        texts: of its options.
    """

    name: str
    label: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        id: of its element in the page.
        title, note: above it.
        keys: names of the dimensions and choices that select a view.
        views: traces by the places of these keys, joined with "/".
        layout: axes and more.
        columns: heads of the table behind it, in order, by the part of a trace that has the values
            ("x", "y", "z", "name").
        choice: a control of its own.
        is_price: its values have a unit that depends on the criterion.
        wide: takes the full width of the page.
        height: in pixels, on a wide screen.
    """

    id: str
    title: str
    note: str
    keys: tuple[str, ...]
    views: dict[str, list[Trace]]
    layout: dict[str, Any]
    columns: dict[str, str]
    choice: Choice | None = None
    is_price: bool = False
    wide: bool = False
    height: int = 380
    extra: dict[str, Any] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """The figure as the page's script needs it."""
        return {
            "keys": self.keys, "views": self.views, "layout": self.layout,
            "columns": self.columns, "height": self.height, **self.extra,
        }  # fmt: skip


def key(places: Iterable[int]) -> str:
    """Name of a view."""
    return "/".join(map(str, places))


def number(value: float, digits: int = 5) -> float | None:
    """A rounded number as JSON has it; None for what is no number."""
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def numbers(values: Iterable[float], digits: int = 5) -> list[float | None]:
    """Rounded numbers as JSON has them."""
    return [number(value, digits) for value in values]


def curve(name: str, x: list[Any], y: list[float | None], place: int, count: int) -> Trace:
    """A curve whose colour, dash and symbol follow from its place among `count`.

    The colour is chosen in the page, where it is known whether the background is dark: `tone` goes
    from 0 to 1 along a scale whose lightness changes all the way.
    """
    every = -(-len(y) // _MARKERS)
    size: int | list[int] = 6
    if every > 1:  # a point between two gaps would vanish without its symbol
        around = zip([None, *y[:-1]], [*y[1:], None], strict=False)
        alone = [before is None and after is None for before, after in around]
        size = [6 if k % every == place % every or alone[k] else 0 for k in range(len(y))]
        size[0] = 6  # the legend shows this one
    return {
        "type": "scatter", "mode": "lines+markers", "name": name, "x": x, "y": y,
        "line": {"dash": DASHES[place % len(DASHES)], "width": 2},
        "marker": {"symbol": SYMBOLS[place % len(SYMBOLS)], "size": size, "opacity": 1},
        "meta": {"tone": place / max(count - 1, 1)},
    }  # fmt: skip


def places_on(axis: Dimension, codes: Iterable[int]) -> list[Any]:
    """Values of an axis for a horizontal position: numbers, or texts of categories."""
    if axis.numeric:
        return [number(float(axis.values[k]), 8) for k in codes]
    return [escaped(axis.texts[k]) for k in codes]


def drawn(axis: Dimension) -> dict[str, Any]:
    """An axis of a figure drawn to scale if it is numeric."""
    if axis.numeric:
        return {"type": "linear", "title": {"text": labelled(axis.title)}}
    return {**category(axis.title, axis.texts), "showgrid": True}


def of_axis(axis: Dimension) -> dict[str, Any]:
    """An axis of a figure with one place per value, whose labels are short numbers."""
    short = ticks(axis.values) if axis.numeric else axis.texts
    return category(axis.title, axis.texts, short)


def category(title: str, texts: Sequence[str], short: Sequence[str] = ()) -> dict[str, Any]:
    """An axis of a figure with one place per value, of which at most twelve have a label.

    Args:
        title: of the axis.
        texts: names of the places.
        short: their labels; the names by default.
    """
    ends = [-0.5, len(texts) - 0.5]
    shown = short or texts
    at = chosen(len(texts))
    turned = {} if max(map(len, shown), default=0) > 6 else {"tickangle": 0}
    return {
        "type": "category", "title": {"text": labelled(title)}, "showgrid": False, "range": ends,
        **turned, "categoryorder": "array", "categoryarray": list(map(escaped, texts)),
        "tickvals": [escaped(texts[k]) for k in at], "ticktext": [escaped(shown[k]) for k in at],
    }  # fmt: skip
