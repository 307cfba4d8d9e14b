"""The network as a map: branches, what stands at the buses, and a quantity as colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.devices.kinds import NOTHING, AtBuses
from scopf.errors import ScopfError, counted
from scopf.network import drawing
from scopf.plots import map_islands, map_values, state_map, style, symbols
from scopf.plots.coordinates import places
from scopf.plots.labels import Labels
from scopf.plots.map_values import Values
from scopf.plots.state_map import StateMap
from scopf.plots.subject import of_state, solved

if TYPE_CHECKING:
    from scopf.network.network import Network

_MOST_LABELS = 150  # buses up to which all sources carry their numbers
_FEW = 6  # buses that do in larger networks: those with the largest values
_SHORT = 3  # digits that fit into a marker
_LINE = "#9A9A9A"


@dataclass(frozen=True, eq=False)
class _Subject:
    """The network of a map.

    Attributes:
        net: energized.
        at: what stands at its buses.
        dead: buses of the case that are not energized.
        after: the state, if one is drawn.
    """

    net: Network
    at: AtBuses
    dead: drawing.Dead
    after: StateMap | None = None

    @property
    def island(self) -> Ints:
        """Number of each bus's island; 0 for none."""
        return self.net.island if self.after is None else self.after.island

    @property
    def inside(self) -> bool:
        """Whether the numbers of buses are in their markers."""
        return len(self.net.bus) <= symbols.SMALL_NETWORK


def network(
    what: Any,
    color: Any = "auto",
    *,
    state: str | None = None,
    ax: Any = None,
    positions: Any = None,
    labels: bool | None = None,
    label: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: Any = None,
    title: str | None = None,
    colorbar: bool = True,
) -> Any:
    """Draw a network: a symbol for what stands at each bus, and a quantity as colour.

    Squares are grid-forming inverters, pentagons synchronous machines, diamonds grid-following
    inverters, triangles generators of constant power (of a network without devices all generators),
    circles other buses. Where several share a bus, that is the order in which they come first;
    storage is a second outline. AC islands have a band of a colour and a name each. What is not
    energized is pale and dotted.

    Args:
        what: a Solution, or a Network.
        color: "nssp" (price of an inverter), "lmp" (currency/MWh), "voltage" (p.u.), or values by
            bus number as a mapping or a pandas Series (buses without one stay grey); None for none.
            "auto" is "nssp" for a solution with inverters, and "voltage" with a state.
        state: of a solution, an hour of several, "branch 6" after an outage or "intact": its
            values, and the loading of its branches as their width and shade, above the rating in
            red. Lost branches are dashed and have a cross, as buses of lost units have; buses that
            are not energized are pale.
        ax: axes to draw into; a new figure if None.
        positions: places of the buses: a mapping of bus to (x, y), a table or CSV file with the
            columns `bus`, `x`, `y` or `bus`, `lon`, `lat`; None for a layout by the connections,
            the same at every call.
        labels: whether all buses carry their numbers; None: all of up to 60, of up to 150 those
            with a generator, of larger ones a few with the largest prices or values of your own. A
            number for which there is no room is left out then. The ends of lost branches and the
            buses of lost units come first.
        label: of the colours, in the place of the usual one.
        vmin: lower end of the scale of colours.
        vmax: its upper end.
        cmap: a map of colour, or the name of one of matplotlib's.
        title: above; None for the name of the network.
        colorbar: whether to draw the scale.

    Returns:
        The matplotlib axes.

    Raises:
        ScopfError: without matplotlib; for a solve that failed (give `solution.net` to see the
            network); for prices without an inverter; for coordinates that are missing; for a state
            that there is not.
    """
    this = _subject(what, color, state)
    net, after = this.net, this.after
    place, beside, stretch = places(net, positions, this.dead)
    dead = this.dead if np.isfinite(beside).all() else drawing.Dead.none(len(beside))
    found = map_values.values(what, net, color, label, after)
    every = np.concatenate([place, beside]) if len(dead.bus) else place
    height = np.ptp(every[:, 1]) * stretch / max(float(np.ptp(every[:, 0])), 1e-9)
    width = 7.2 if len(net.bus) <= 1000 else 9.6
    ax = style.axes(ax, (width, float(np.clip(0.86 * width * height + 0.9, 3.0, 6.6))))
    sizes = symbols.areas(this.at)
    ends = np.column_stack([net.branch_from, net.branch_to])
    here = ends if after is None else np.delete(ends, np.append(after.lost, after.dead), axis=0)
    map_islands.bands(ax, place, here, this.island)
    map_islands.dead(ax, beside, dead, float(sizes.min()), this.inside)
    if after is None:
        _branches(ax, net, place)
    else:
        state_map.branches(ax, net, place, after, _width(len(net.bus)))
        state_map.crosses(ax, place, after)
    scale = map_values.scale_of(found, vmin, vmax, cmap) if found else None
    symbols.draw(ax, place, this.at, sizes, (found.value, scale) if found else None)
    if scale is not None and colorbar:
        style.colorbar(scale, ax, found.label if found else "", shrink=0.8)
    name = net.name if after is None else net.name + after.title
    _frame(ax, name if title is None else title, stretch)
    _legend(ax, this, dead)
    notes = []
    if found and found.zero and not np.nan_to_num(found.value).any():
        notes.append("no inverter is priced")
    if dead.left:
        notes.append(f"{counted(dead.left, 'bus is', 'buses are')} not energized")
    if notes:
        style.note(ax, "; ".join(notes))
    _labels(ax, this, place, found, scale, labels, sizes)
    return ax


def _subject(what: Any, color: Any, state: str | None) -> _Subject:
    """The network, and what stands at its buses."""
    from scopf.network.network import Network

    if isinstance(what, Network):
        if isinstance(color, str) and color != "auto":
            raise ScopfError(f'color="{color}" needs a Solution; a Network has no {color}')
        if state is not None:
            solved(what, "network")
        live = what.energized()
        return _Subject(live, AtBuses.of_network(live), drawing.Dead.of(what, live))
    found = solved(what, "network")
    after = None if state is None else state_map.of(found, state)
    if found.problem.horizon is not None and isinstance(color, str):
        of_state(found, "network", state)
    live = state_map.intact(found)
    return _Subject(
        live, state_map.stands(found), drawing.Dead.of(found.problem.given, live), after
    )


def _branches(ax: Any, net: Network, place: Floats) -> None:
    """A line for each pair of buses that branches connect, and a dashed one for DC lines."""
    from matplotlib.collections import LineCollection

    width = _width(len(net.bus))
    for ends, dash, name in (
        ((net.branch_from, net.branch_to), "-", "_branch"),
        ((net.dcline_from, net.dcline_to), style.DASHES[1], "_dcline"),
    ):
        pairs = drawing.connections(np.column_stack(ends))
        if len(pairs):
            look = {"colors": _LINE, "linewidths": width, "linestyles": [dash]}
            ax.add_collection(LineCollection(place[pairs], zorder=1, label=name, **look))


def _width(count: int) -> float:
    """Width of a branch, points."""
    return 1.3 if count <= symbols.SMALL_NETWORK else float(np.clip(220 / count, 0.35, 1.0))


def _labels(
    ax: Any,
    this: _Subject,
    place: Floats,
    found: Values | None,
    scale: Any,
    labels: bool | None,
    sizes: Floats,
) -> None:
    """Bus numbers in the markers of small networks, beside all others; names of islands."""
    ids = this.net.bus.id
    several = len(np.unique(this.island[this.island > 0])) > 1
    named = np.zeros(0, dtype=np.int64) if labels is False else _named(this, found, labels)
    if this.inside:
        short = np.array([len(str(ids[k])) <= _SHORT for k in named.tolist()], dtype=bool)
        for k in named[short].tolist():
            _inside(ax, str(ids[k]), place[k], this.at.kind[k], sizes[k],
                    "white" if found is None else scale.to_rgba(found.value[k]))  # fmt: skip
        named = named[~short]
    if len(named) or several:
        ends = np.column_stack([this.net.branch_from, this.net.branch_to])
        around = np.where(this.at.storage, symbols.RING, 1.0) * sizes
        beside = Labels(ax, place, around, place[drawing.connections(ends)])
        loose = len(ids) > _MOST_LABELS
        texts = [str(ids[k]) for k in named.tolist()]
        beside.beside(named, texts, loose=loose, every=labels is True)
        map_islands.names(beside, this.island)


def _inside(ax: Any, text: str, place: Floats, kind: str, size: float, color: Any) -> None:
    """A number in its marker."""
    ax.annotate(
        text, place, xytext=(0, -symbols.sunk(kind, size)), textcoords="offset points",
        ha="center", va="center_baseline", zorder=4, color=style.contrast(color),
        fontsize=style.SMALL if len(text) < _SHORT else style.SMALL * 2.6 / len(text),
    )  # fmt: skip


def _named(this: _Subject, found: Values | None, labels: bool | None) -> Ints:
    """Positions of the buses that carry their numbers, the most telling first."""
    count = len(this.net.bus)
    first = np.zeros(0, dtype=np.int64)
    if this.after is not None:
        ends = np.column_stack([this.net.branch_from, this.net.branch_to])
        first = np.append(this.after.units, ends[this.after.lost].ravel())
    rest = first[:0]
    if labels or this.inside:
        rest = np.arange(count)
    elif count <= _MOST_LABELS:
        rest = np.flatnonzero(this.at.kind != NOTHING)
    if found is not None and found.peaks:
        value = np.nan_to_num(found.value, nan=-np.inf)
        ranked = np.argsort(-value, kind="stable")
        if not len(rest):
            there = (value > 0) if found.zero else np.isfinite(value)
            rest = ranked[there[ranked]][:_FEW]
        else:
            rest = ranked[np.isin(ranked, rest)]
    return np.array(list(dict.fromkeys([*first.tolist(), *rest.tolist()])), dtype=np.int64)


def _frame(ax: Any, title: str, stretch: float) -> None:
    style.dress(ax, title, grid="")
    ax.set_aspect(stretch, adjustable="datalim")
    ax.autoscale_view()
    ax.margins(0.06)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def _legend(ax: Any, this: _Subject, dead: drawing.Dead) -> None:
    """The legend of markers and lines, without their colours."""
    from matplotlib.lines import Line2D

    net, after = this.net, this.after
    keys = [*symbols.keys(this.at), *map_islands.keys(this.island)]
    line = {"color": _LINE, "linewidth": 1.3}
    if len(dead.bus) and not (after is not None and len(after.dark)):
        keys.append((state_map.dark_key(), state_map.DARK))
    if after is not None:
        keys += state_map.keys(after, 1.3)
    elif keys and len(net.branch):
        keys.append((Line2D([], [], **line), "branch"))
    if len(net.dcline):
        keys.append((Line2D([], [], linestyle=style.DASHES[1], **line), "DC line"))
    if keys:
        handles, labels = zip(*keys, strict=True)
        rows = -(-len(keys) // 4)
        style.legend(
            ax, handles=handles, labels=labels, loc="upper center", bbox_to_anchor=(0.5, 0.0),
            ncols=-(-len(keys) // rows), borderaxespad=0.2,
        )  # fmt: skip
