"""Symbols of what stands at a bus, alike in every map; the pages have them in `symbols.js`."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopf.arrays import Floats
from scopf.devices.device_table import GFM
from scopf.devices.gfl import GFL
from scopf.devices.kinds import GENERATOR, MACHINE, NOTHING, WORDS, AtBuses
from scopf.network.dynamics import CONSTANT_POWER
from scopf.plots import style

MARKERS = {
    GFM: "s", MACHINE: "p", GFL: "D", CONSTANT_POWER: "^", GENERATOR: "^", NOTHING: "o",
}  # fmt: skip
_AREAS = {GFM: 1.0, MACHINE: 1.45, GFL: 0.85, CONSTANT_POWER: 1.45, GENERATOR: 1.45}
_SUNK = 0.1  # of its width: the middle of a triangle is below that of its box
SMALL_NETWORK = 60  # buses up to which bus numbers are in the markers
RING = 2.1  # area of the second outline, of the marker's
STORAGE = "with storage"


def areas(at: AtBuses) -> Floats:
    """Areas of the markers, points squared."""
    count = len(at.kind)
    if count <= SMALL_NETWORK:
        plain, source = 150.0, 250.0
    else:
        plain = float(np.clip(9000 / count, 2.0, 60.0))
        source = max(9.0, 2.2 * plain)
    return np.array([source * _AREAS[k] if k in _AREAS else plain for k in at.kind.tolist()])


def sunk(kind: str, area: float) -> float:
    """Distance of a number below the middle of its marker, points."""
    return _SUNK * float(np.sqrt(area)) if MARKERS[kind] == "^" else 0.0


def draw(ax: Any, place: Floats, at: AtBuses, sizes: Floats, values: Any = None) -> None:
    """Markers of all buses, sources on top, and of each kind the largest values.

    Args:
        ax: to draw into.
        place: of the buses, shape (n, 2).
        at: what stands there.
        sizes: areas of the markers.
        values: one by bus, and the scale of their colours; None for none.
    """
    many = len(place) > 1000
    for kind in reversed(WORDS):
        order = at.buses(kind)
        if not len(order):
            continue
        source = kind != NOTHING
        colors: dict[str, Any] = {"c": style.SOFT if many else "white"}
        if values is not None:
            value, scale = values
            rank = np.nan_to_num(value[order], nan=-np.inf)
            order = order[np.argsort(rank, kind="stable")]
            colors = {"c": value[order], "norm": scale.norm, "cmap": scale.cmap}
        ax.scatter(
            *place[order].T, s=sizes[order], marker=MARKERS[kind], plotnonfinite=True, **colors,
            edgecolors=style.INK if source else style.SOFT,
            linewidths=(0.4 if many else 1.0) if source else (0.0 if many else 0.6),
            zorder=3 if source else 2, label=WORDS[kind],
        )  # fmt: skip
        ring = order[at.storage[order]]
        if len(ring):
            ax.scatter(
                *place[ring].T, s=RING * sizes[ring], marker=MARKERS[kind], facecolors="none",
                edgecolors=style.INK, linewidths=0.5 if many else 1.0, zorder=3, label="_storage",
            )  # fmt: skip


def keys(at: AtBuses) -> list[tuple[Any, str]]:
    """Handles and labels of the legend: of what there is, if any bus has a generator."""
    from matplotlib.lines import Line2D

    there = [kind for kind in WORDS if len(at.buses(kind))]
    if there == [NOTHING]:
        return []
    blank: dict[str, Any] = {"linestyle": "", "markerfacecolor": "white"}
    found = list[tuple[Any, str]]()
    for kind in there:
        edge = style.SOFT if kind == NOTHING else style.INK
        size = 6.5 * float(np.sqrt(_AREAS.get(kind, 0.7)))
        marker = Line2D(
            [], [], marker=MARKERS[kind], markersize=size, markeredgecolor=edge, **blank
        )
        found.append((marker, WORDS[kind]))
    if at.storage.any():
        outer = Line2D([], [], marker="o", markersize=9.5, markeredgecolor=style.INK, **blank)
        inner = Line2D([], [], marker="o", markersize=5.5, markeredgecolor=style.INK, **blank)
        found.append(((outer, inner), STORAGE))
    return found
