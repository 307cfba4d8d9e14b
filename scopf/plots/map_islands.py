"""AC islands on a map: a pale band along each and its name, and what is not energized."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.errors import counted
from scopf.network.drawing import Dead, connections
from scopf.plots import style
from scopf.plots.state_map import DOTS

if TYPE_CHECKING:
    from scopf.plots.labels import Labels

NAMED = 7  # islands that have a colour and a name: the largest
_PALE = 0.72  # share of white
_BAND = 11.0  # points
_ABOVE = 15.0  # points between a bus and the name of its island


def bands(ax: Any, place: Floats, ends: Ints, island: Ints) -> None:
    """A band along the branches and around the buses of each island; none of a single one.

    Args:
        ax: to draw into.
        place: of the buses, shape (n, 2).
        ends: of the branches that are in service, shape (m, 2).
        island: number of each bus's; 0 for none.
    """
    from matplotlib.collections import LineCollection

    width = float(np.clip(_BAND * 60 / len(place), 3.0, _BAND))
    for number, color in _colors(island).items():
        mine = ends[(island[ends] == number).all(axis=1)]
        pairs = connections(mine)
        if len(pairs):
            look = {"colors": [color], "linewidths": width, "capstyle": "round"}
            ax.add_collection(LineCollection(place[pairs], zorder=0.5, label="_band", **look))
        of = place[island == number]
        area = (2.6 * width) ** 2
        ax.scatter(*of.T, s=area, color=[color], linewidths=0, zorder=0.5, label=f"_{number}")


def names(labels: Labels, island: Ints) -> None:
    """Write the name of each island beside it, where there is room."""
    up = np.array([0.0, _ABOVE])
    for number in _colors(island):
        at = labels.at[island == number]
        above, below = at[np.argmax(at[:, 1])], at[np.argmin(at[:, 1])]
        first = [above + up, below - up], [above + 1.7 * up, below - 1.7 * up]
        anchors = np.concatenate([*first, at + up, at - up])
        labels.free(f"island {number}", anchors, style.SMALL)


def dead(ax: Any, place: Floats, of: Dead, area: float, inside: bool) -> None:
    """Buses and branches that are not energized: pale and dotted, with their numbers."""
    from matplotlib.collections import LineCollection

    if not len(of.bus):
        return
    look = {"colors": style.SOFT, "linewidths": 0.9, "linestyles": [DOTS]}
    if len(of.ends):
        lines = place[connections(of.ends)]
        ax.add_collection(LineCollection(lines, zorder=1, label="_dead_branch", **look))
    ax.scatter(
        *place.T, s=area, marker="o", facecolors=style.NOTHING, edgecolors=style.SOFT,
        linewidths=0.9, linestyles=[DOTS], zorder=2, label="_dead",
    )  # fmt: skip
    if inside:
        for bus, at in zip(of.bus.tolist(), place, strict=True):
            if len(str(bus)) <= 3:
                ax.text(*at, str(bus), ha="center", va="center_baseline", color=style.SOFT,
                        fontsize=style.SMALL * min(1.0, 2.6 / len(str(bus))), zorder=4)  # fmt: skip


def keys(island: Ints) -> list[tuple[Any, str]]:
    """Handles and labels of the legend."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    colors, found = _colors(island), list[tuple[Any, str]]()
    for number, color in colors.items():
        count = int((island == number).sum())
        found.append((Patch(color=color), f"island {number}: {counted(count, 'bus', 'buses')}"))
    left = len(np.unique(island[island > 0])) - len(colors)
    if colors and left:
        more = counted(left, "island more", "islands more")
        found.append((Line2D([], [], linestyle=""), more))
    return found


def _colors(island: Ints) -> dict[int, Any]:
    """Pale colours of the largest islands by number, if there are several."""
    from matplotlib.colors import to_rgb

    numbers, sizes = np.unique(island[island > 0], return_counts=True)
    if len(numbers) < 2:
        return {}
    largest = np.sort(numbers[np.argsort(-sizes, kind="stable")[:NAMED]])
    shades = [np.array(to_rgb(color)) for color in style.CATEGORIES]
    return {int(number): tuple(_PALE + (1 - _PALE) * shades[k]) for k, number in enumerate(largest)}
