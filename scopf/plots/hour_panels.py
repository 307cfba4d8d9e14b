"""A dispatch of several hours: panels over its hours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats
from scopf.errors import ScopfError
from scopf.plots import hour_content, style
from scopf.plots.hour_content import OTHERS, STORAGE, HourContent
from scopf.plots.subject import nssp_label

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDTH = 7.4  # inches
_HEIGHTS = {"generation": 2.5, "energy": 1.5, "lmp": 1.4, "nssp": 1.5}
_COLORS = (style.BLUE, style.VERMILLION, style.GREEN, style.PURPLE, style.SKY, style.SOFT)
_HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "++")


def hours(solution: Any, *, most: int = hour_content.MOST, title: str | None = None) -> list[Any]:
    """Panels over the hours: dispatch, energy in storage, price of active power, and NSSP.

    The dispatch is stacked: the generators with the most energy, all others, and storage, below
    zero where it charges; the line is the load. The energy in storage changes linearly within an
    hour. The price is the mean over the loads; shaded are the prices of all buses. The NSSP is the
    sum over the inverters, per hour. There are panels of what the dispatch has.

    Args:
        solution: solved, of a problem with hours.
        most: generators with a colour of their own, and storage units with a line of their own.
        title: above; None for the name of the network.

    Returns:
        The matplotlib axes, one for each panel, from top to bottom.

    Raises:
        ScopfError: without matplotlib, of a single hour, for a solve that failed.
    """
    if isinstance(most, bool) or most < 1:
        raise ScopfError(f"most has to be at least 1, got {most}")
    content = hour_content.of(solution, "hours", most)
    panels = list(_panels(content))
    heights = [_HEIGHTS[name] for name in panels]
    axes = style.column(heights, (_WIDTH, 0.7 + sum(heights)))
    for name, ax in zip(panels, axes, strict=True):
        if name == "generation":
            _generation(ax, content)
        elif name == "energy":
            _energy(ax, content)
        elif name == "lmp":
            _lmp(ax, content)
        else:
            style.dress(ax, y=_in_lines(nssp_label(solution)), grid="y")
            _steps(ax, content, content.nssp, style.VERMILLION, fill=True, label="NSSP")
            ax.set_ylim(0, None if content.nssp.any() else 1.0)
            if not content.nssp.any():
                style.note(ax, "no inverter is priced")
        ax.yaxis.set_major_formatter(style.numbers())
    name = solution.problem.base.name if title is None else title
    style.dress(axes[0], name, grid="")
    _names(axes[-1], content)
    return list(axes)


def _panels(content: HourContent) -> Iterator[str]:
    yield "generation"
    if content.energy:
        yield "energy"
    yield "lmp"
    if content.stable:
        yield "nssp"


def _generation(ax: Any, content: HourContent) -> None:
    style.dress(ax, y="power (MW)", grid="y")
    above, below = np.zeros((2, len(content.names)))
    for k, (label, power) in enumerate(content.generation.items()):
        color = {OTHERS: style.NOTHING, STORAGE: style.ORANGE}.get(label) or _COLORS[k % 6]
        hatch = "" if label in (OTHERS, STORAGE) else _HATCHES[k % 6]
        look = {"fill": True, "facecolor": color, "edgecolor": "white", "linewidth": 0.4,
                "hatch": hatch, "zorder": 2}  # fmt: skip
        name = label  # of the first part in the legend
        for part, foot in ((np.maximum(power, 0.0), above), (np.minimum(power, 0.0), below)):
            if part.any():
                ax.stairs(foot + part, content.edges, baseline=foot.copy(), label=name, **look)
                foot += part
                name = f"_{label}"
    _steps(ax, content, content.load, style.BLACK, label="load")
    ax.axhline(0, color=style.SOFT, linewidth=0.8, zorder=3)
    style.legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _energy(ax: Any, content: HourContent) -> None:
    style.dress(ax, y="energy (MWh)", grid="y")
    looks = style.lines(list(content.energy), ordered=False)
    for (label, energy), look in zip(content.energy.items(), looks, strict=True):
        ax.plot(content.edges, energy, label=label, clip_on=False, **look)
    ax.set_ylim(0, None)
    style.legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _lmp(ax: Any, content: HourContent) -> None:
    style.dress(ax, y="LMP\n(currency/MWh)", grid="y")
    mean, low, high = content.lmp
    ax.stairs(
        high, content.edges, baseline=low, fill=True, color=style.SKY, alpha=0.35, linewidth=0,
        label="all buses", zorder=1.5,
    )  # fmt: skip
    _steps(ax, content, mean, style.BLUE, label="mean over loads")
    style.legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _in_lines(label: str) -> str:
    """The label of prices in lines that are not longer than their panel is high."""
    return label.replace(" (", ", sum\n(").replace(" per p.u.", "\nper p.u.")


def _steps(
    ax: Any, content: HourContent, values: Floats, color: Any, label: str, *, fill: bool = False
) -> None:
    """A value for each hour, as a line without ends, or as an area."""
    look: dict[str, Any] = {"baseline": 0} if fill else {"baseline": None, "linewidth": 1.6}
    ax.stairs(values, content.edges, color=color, fill=fill, label=label, zorder=3, **look)


def _names(ax: Any, content: HourContent) -> None:
    """Names of hours at the horizontal axis, of many of them a few."""
    texts = [content.names[k] for k in content.named]
    turned = max(map(len, texts)) * len(texts) > 90
    style.dress(ax, x="hour", grid="")
    ax.set_xlim(content.edges[0], content.edges[-1])
    ax.set_xticks(
        content.centres[content.named], texts, rotation=45 if turned else 0,
        ha="right" if turned else "center", rotation_mode="anchor" if turned else "default",
    )  # fmt: skip
