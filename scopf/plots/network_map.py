"""The network as a map: branches, buses, inverters, and a quantity as colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.errors import ScopfError, by_number, listing
from scopf.network import drawing
from scopf.plots import state_map, style
from scopf.plots.coordinates import places
from scopf.plots.state_map import StateMap
from scopf.plots.subject import nssp_label, of_state, priced, prices, solved

if TYPE_CHECKING:
    from scopf.network.network import Network

_EVERY_LABEL = 60  # buses up to which all carry their numbers
_MOST_LABELS = 30  # inverters up to which all of them do; else a few with the largest values
_FEW = 6
_LINE = "#9A9A9A"


@dataclass(frozen=True)
class _Values:
    """Values behind the colours: one by bus, NaN where there is none, and their label."""

    value: Floats
    label: str
    zero: bool = False  # whether the scale has to begin at zero


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
    """Draw a network: inverters are squares, other buses circles.

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
        labels: whether all buses carry their numbers; None: all of up to 60, of larger networks
            some of those with the largest values, or, without values, up to 30 inverters.
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
    net, inverters = _subject(what, color, state)
    after = None if state is None else state_map.of(what, state)
    if after is not None:
        inverters = after.inverters
    place, stretch = places(net, positions)
    found = _values(what, net, color, label, after)
    height = np.ptp(place[:, 1]) * stretch / max(float(np.ptp(place[:, 0])), 1e-9)
    width = 7.2 if len(net.bus) <= 1000 else 9.6
    ax = style.axes(ax, (width, float(np.clip(0.86 * width * height + 0.9, 3.0, 6.6))))
    at = net.bus_positions(inverters)
    is_inverter = np.isin(np.arange(len(net.bus)), at)
    sizes = _sizes(len(net.bus), is_inverter)
    if after is None:
        _branches(ax, net, place)
    else:
        state_map.branches(ax, net, place, after, _width(len(net.bus)))
        state_map.crosses(ax, place, after)
    scale = _scale(found, vmin, vmax, cmap) if found else None
    kinds = (is_inverter, "s", "inverter"), (~is_inverter, "o", "bus")
    for chosen, marker, name in reversed(kinds):
        if chosen.any():
            _buses(ax, place, chosen, marker, name, sizes, found, scale)
    _labels(ax, net, place, is_inverter, found, scale, labels, sizes)
    if scale is not None and colorbar:
        style.colorbar(scale, ax, found.label if found else "", shrink=0.8)
    name = net.name if after is None else net.name + after.title
    _frame(ax, name if title is None else title, stretch)
    if found and found.zero and not np.nan_to_num(found.value).any():
        style.note(ax, "no inverter is priced")
    if is_inverter.any():
        _legend(ax, net, not is_inverter.all(), after)
    return ax


def _subject(what: Any, color: Any, state: str | None) -> tuple[Network, Ints]:
    """The network, and the buses of its inverters."""
    from scopf.network.network import Network

    if isinstance(what, Network):
        if isinstance(color, str) and color != "auto":
            raise ScopfError(f'color="{color}" needs a Solution; a Network has no {color}')
        return what.energized(), np.zeros(0, dtype=np.int64)
    found = solved(what, "network")
    horizon = found.problem.horizon
    if horizon is None:
        return found.problem.base, found.inverter_data.bus
    if isinstance(color, str):
        of_state(found, "network", state)
    return horizon.one, np.unique(horizon.own(found.inverter_data.bus))


def _values(
    what: Any, net: Network, color: Any, label: str | None, after: StateMap | None
) -> _Values | None:
    """The values that colours show."""
    from scopf.network.network import Network

    if after is not None and isinstance(color, str):
        key = "voltage" if color == "auto" else color
        if key in after.values:
            return _Values(after.values[key], label or after.labels[key], zero=key == "nssp")
    if color is None or (isinstance(color, str) and color == "auto" and isinstance(what, Network)):
        return None
    nobody = np.full(len(net.bus), np.nan)
    if isinstance(color, str):
        if color == "auto" and not len(what.inverter_data):
            return None
        if color in ("auto", "nssp"):
            found = priced(what, "network")
            nobody[net.bus_positions(found.inverter_data.bus)] = prices(found)
            return _Values(nobody, label or nssp_label(what), zero=True)
        if color == "lmp":
            value = what.buses["lmp_p_per_mwh"].to_numpy(dtype=np.float64)
            return _Values(value, label or "LMP (currency/MWh)")
        if color == "voltage":
            return _Values(what.point.vm, label or "voltage (p.u.)")
        raise ScopfError(
            f'color is "nssp", "lmp", "voltage", values by bus number, or None, got {color!r}'
        )
    if not isinstance(color, Mapping) and not hasattr(color, "items"):
        raise ScopfError(
            "color as values needs bus numbers: a mapping or a pandas Series indexed by bus, got "
            f"{type(color).__name__}"
        )
    given = by_number("color", "bus", {k: v for k, v in color.items() if v == v})
    at = net.bus_positions(np.array(list(given), dtype=np.int64))
    unknown = [bus for bus, k in zip(given, at.tolist(), strict=True) if k < 0]
    if unknown or not given:
        text = f"no bus {listing(unknown)} in {net.name}" if unknown else "there is no value in it"
        raise ScopfError(f"color: {text}")
    nobody[at] = list(given.values())
    return _Values(nobody, label or str(getattr(color, "name", None) or "value"))


def _sizes(count: int, is_inverter: Flags) -> Floats:
    """Areas of the markers, points squared."""
    if count <= _EVERY_LABEL:
        return np.where(is_inverter, 250.0, 150.0)
    small = float(np.clip(9000 / count, 2.0, 60.0))
    return np.where(is_inverter, max(9.0, 2.2 * small), small)


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
    return 1.3 if count <= _EVERY_LABEL else float(np.clip(220 / count, 0.35, 1.0))


def _scale(found: _Values, vmin: float | None, vmax: float | None, cmap: Any) -> Any:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    some = found.value[np.isfinite(found.value)]
    low = float(some.min()) if vmin is None else vmin
    high = float(some.max()) if vmax is None else vmax
    if found.zero and vmin is None:
        low = 0.0
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):  # one value: a colour in the middle
        half = 1.0 if found.zero else max(abs(low) * 1e-3, 1e-6)
        low, high = (0.0, 1.0) if found.zero else (low - half, high + half)
    shades = style.colormap(cmap).with_extremes(bad=style.NOTHING)
    return ScalarMappable(Normalize(low, high), shades)


def _buses(
    ax: Any,
    place: Floats,
    chosen: Flags,
    marker: str,
    name: str,
    sizes: Floats,
    found: _Values | None,
    scale: Any,
) -> None:
    """Markers of one kind, the largest values on top."""
    inverter, many = marker == "s", len(place) > 1000
    order = np.flatnonzero(chosen)
    colors: dict[str, Any] = {"c": style.SOFT if many else "white"}
    if found is not None:
        value = found.value[order]
        order = order[np.argsort(np.nan_to_num(value, nan=-np.inf), kind="stable")]
        colors = {"c": found.value[order], "norm": scale.norm, "cmap": scale.cmap}
    ax.scatter(
        *place[order].T, s=sizes[order], marker=marker, plotnonfinite=True, **colors,
        edgecolors=style.INK if inverter else style.SOFT,
        linewidths=(0.4 if many else 1.0) if inverter else (0.0 if many else 0.6),
        zorder=3 if inverter else 2, label=name,
    )  # fmt: skip


def _labels(
    ax: Any,
    net: Network,
    place: Floats,
    is_inverter: Flags,
    found: _Values | None,
    scale: Any,
    labels: bool | None,
    sizes: Floats,
) -> None:
    """Bus numbers: in the markers of small networks, beside those of large ones."""
    from matplotlib import patheffects

    if labels is False:
        return
    count = len(net.bus)
    inside = count <= _EVERY_LABEL
    named = np.arange(count)
    if labels is None and not inside:
        named = np.flatnonzero(is_inverter)
        if found is not None:
            named = _largest(found, place)
        elif len(named) > _MOST_LABELS:
            named = named[:0]
    for k in named.tolist():
        text = str(net.bus.id[k])
        if inside:
            size = style.SMALL if len(text) < 3 else style.SMALL * 2.6 / len(text)
            ax.text(
                *place[k], text, ha="center", va="center_baseline", fontsize=size, zorder=4,
                color=style.contrast("white" if found is None else scale.to_rgba(found.value[k])),
            )  # fmt: skip
            continue
        ax.annotate(
            text, place[k], xytext=(0, np.sqrt(sizes[k]) / 2 + 1.5), textcoords="offset points",
            ha="center", va="bottom", fontsize=style.SMALL, color=style.INK, zorder=4,
            path_effects=[patheffects.withStroke(linewidth=2.2, foreground="white")],
        )  # fmt: skip


def _largest(found: _Values, place: Floats) -> Ints:
    """The few buses with the largest values, none so near another that their labels would touch."""
    value = np.nan_to_num(found.value, nan=-np.inf)
    kept: list[int] = []
    size = max(float(np.ptp(place, axis=0).max()), 1e-9)
    for k in np.argsort(-value, kind="stable")[: 10 * _FEW].tolist():
        if len(kept) == _FEW or value[k] == -np.inf or (found.zero and value[k] <= 0):
            break
        apart = np.abs(place[kept] - place[k]) / size
        if not ((apart[:, 0] < 0.07) & (apart[:, 1] < 0.035)).any():
            kept.append(k)
    return np.array(kept, dtype=np.int64)


def _frame(ax: Any, title: str, stretch: float) -> None:
    style.dress(ax, title, grid="")
    ax.set_aspect(stretch, adjustable="datalim")
    ax.autoscale_view()
    ax.margins(0.06)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def _legend(ax: Any, net: Network, others: bool, after: StateMap | None) -> None:
    """The legend of the markers, without their colours."""
    from matplotlib.lines import Line2D

    blank = {"linestyle": "", "markerfacecolor": "white", "markeredgecolor": style.INK}
    keys = [Line2D([], [], marker="s", markersize=6.5, label="inverter", **blank)]
    if others:
        blank["markeredgecolor"] = style.SOFT
        keys.append(Line2D([], [], marker="o", markersize=5.5, label="other bus", **blank))
    line = {"color": _LINE, "linewidth": 1.3}
    if after is not None:
        keys += state_map.keys(after, 1.3)
    elif len(net.branch):
        keys.append(Line2D([], [], label="branch", **line))
    if len(net.dcline):
        keys.append(Line2D([], [], label="DC line", linestyle=style.DASHES[1], **line))
    style.legend(
        ax, handles=keys, labels=[key.get_label() for key in keys], loc="upper center",
        bbox_to_anchor=(0.5, 0.0), ncols=4 if len(keys) != 6 else 3, borderaxespad=0.2,
    )  # fmt: skip
