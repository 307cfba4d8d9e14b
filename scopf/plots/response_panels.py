"""A simulation: panels over time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.errors import ScopfError
from scopf.plots import response_content, style
from scopf.plots.response_content import ALL, Panel

if TYPE_CHECKING:
    from scopf.dynamics.simulation.simulated import Simulation

_WIDTH, _HEIGHT = 7.4, 1.65  # inches; of one panel
_ROWS = 5  # of labels above the panels
_GAP = 0.015  # between two of them, as part of the axes
_LONGEST = 64  # characters of a label
_CHARACTER = 0.0125  # width of one, as part of the axes


def response(
    run: Simulation,
    what: str | Sequence[str] = ALL,
    *,
    devices: Iterable[Any] | None = None,
    buses: Iterable[Any] | None = None,
    ax: Any = None,
    title: str | None = None,
) -> list[Any]:
    """Panels over time: frequencies, voltages, active and reactive powers, angles.

    Of up to 12 curves in a panel each has a colour and a name. Of more, the highest, the lowest and
    those that move most have; all others are thin and grey. Curves have gaps where something is out
    of service. Thin vertical lines are events; a red one is the end of a simulation that could not
    go on. Angles are those of rotors, and of the voltages of all others, relative to the reference
    bus of the island.

    Args:
        run: of `Solution.simulate`.
        what: some of "frequency", "voltage", "power", "reactive" and "angle", or one of them.
        devices: the devices to draw: names as in `run.labels`, or bus numbers; None for all.
        buses: numbers of the buses whose voltages are drawn; None for all.
        ax: axes to draw into, one for each panel, or one for a single panel; new ones if None.
        title: above; None for the name of the network.

    Returns:
        The matplotlib axes, one for each panel, from top to bottom.

    Raises:
        ScopfError: without matplotlib; for a quantity, device or bus that there is not; for another
            number of axes than of panels.
    """
    run = response_content.simulation_of(run, "plots.response")
    found = response_content.panels(run, what, devices, buses)
    axes = _axes(ax, len(found))
    looks, drawn = dict[str, dict[str, Any]](), set[tuple[str, ...]]()
    for panel, one in zip(found, axes, strict=True):
        _curves(one, run, panel, looks)
        names = tuple(panel.names[k] for k in panel.named)
        if names and names not in drawn:
            place: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
            style.legend(one, **place, handlelength=1.8, labelspacing=0.1)
        drawn.add(names)
        one.yaxis.set_major_formatter(style.numbers())
        one.set_xlim(0, max(float(run.times[-1]), 1e-9))
    rows = _marks(axes, run)
    name = run.origin.net.name if title is None else title
    style.dress(axes[0], name, grid="", pad=7 + 1.3 * style.SMALL * rows)
    style.dress(axes[-1], x="time (s)", grid="")
    return axes


def _axes(given: Any, count: int) -> list[Any]:
    if given is None:
        return list(style.column([1.0] * count, (_WIDTH, 0.8 + _HEIGHT * count)))
    found = list(given) if isinstance(given, (list, tuple, np.ndarray)) else [given]
    if len(found) != count:
        raise ScopfError(f"plots.response draws panels, {count} of them; ax has {len(found)} axes")
    return [style.axes(one) for one in found]


def _curves(ax: Any, run: Simulation, panel: Panel, looks: dict[str, dict[str, Any]]) -> None:
    """The curves of a panel; a device has the same look in all of them."""
    from matplotlib.collections import LineCollection

    style.dress(ax, y=panel.title.replace(" (", "\n("))
    named = panel.named
    rest = np.setdiff1d(panel.ranked, named)
    lines = [np.column_stack([run.times, panel.values[:, k]]) for k in rest.tolist()]
    thin = {"colors": "#B4B4B4", "linewidths": 0.5, "zorder": 1.6}
    if lines:
        label = f"{len(lines)} more"
        ax.add_collection(LineCollection(lines, **thin, label=label))
        ax.autoscale_view()
    for k in named:
        name = panel.names[k]
        if name not in looks:
            count = sum(name.startswith("bus ") == other.startswith("bus ") for other in looks)
            look = style.lines(range(count + 1), ordered=False)[count]
            looks[name] = {key: look[key] for key in ("color", "linestyle")}
        ax.plot(run.times, panel.values[:, k], label=name, linewidth=1.3, zorder=3, **looks[name])


def _marks(axes: list[Any], run: Simulation) -> int:
    """Lines and labels of events and of an early end; the number of rows of labels."""
    end = float(run.times[-1])
    found = [(moment, text, style.SOFT) for moment, text in response_content.events(run)]
    if early := response_content.ending(run):
        found.insert(0, (end, early, style.VERMILLION))
    rows: list[list[tuple[float, float]]] = []  # places that are taken, as parts of the axes
    for moment, text, color in found:
        last = color == style.VERMILLION
        for ax in axes:
            width = 1.6 if last else 0.8
            ax.axvline(moment, color=color, linewidth=width, zorder=2, clip_on=not last)
        short = text if len(text) <= _LONGEST else text[: _LONGEST - 2].rstrip(" ,;+") + " …"
        at, long = moment / max(end, 1e-9), _CHARACTER * len(short)
        leftward = at + long > 1.0
        place = (max(at - long, 0.0), at) if leftward else (at, at + long)
        row = next((k for k, taken in enumerate(rows) if _free(place, taken)), len(rows))
        if row == _ROWS:
            continue
        rows[row:] = rows[row:] or [[]]
        rows[row].append(place)
        axes[0].annotate(
            short, (moment, 1.0), xycoords=("data", "axes fraction"),
            xytext=(0, 2 + 1.3 * style.SMALL * row), textcoords="offset points",
            ha="right" if leftward else "left", va="bottom", fontsize=style.SMALL, color=color,
        )  # fmt: skip
    return len(rows)


def _free(place: tuple[float, float], taken: list[tuple[float, float]]) -> bool:
    return all(place[1] + _GAP < low or high + _GAP < place[0] for low, high in taken)
