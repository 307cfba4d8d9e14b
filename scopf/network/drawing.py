"""Positions of buses in a drawing: connected ones are close together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.network.tables import positions as places_of

if TYPE_CHECKING:
    import networkx as nx

    from scopf.network.network import Network

_SPRINGS = 200  # buses up to which every distance pulls (cost grows with the square)
_PIVOTS = 60
_ROUNDS = 80
_SEED = 1
_TIE = 3.0  # branches' lengths between an island and the first one
_MOST_DEAD = 60  # buses


@dataclass(frozen=True, eq=False)
class Dead:
    """Buses of a case that are not energized, as far as they are drawn.

    Attributes:
        bus: their numbers; none if there are more than 60.
        ends: of the branches in service between them, positions in `bus`, shape (m, 2).
        left: how many more there are.
    """

    bus: Ints
    ends: Ints
    left: int = 0

    @classmethod
    def of(cls, given: Network, live: Network) -> Self:
        """Those of a network without those that are energized."""
        bus = np.setdiff1d(given.bus.id, live.bus.id)
        if len(bus) > _MOST_DEAD:
            return cls.none(len(bus))
        branch = given.branch
        ends = np.column_stack([places_of(bus, x) for x in (branch.from_bus, branch.to_bus)])
        return cls(bus, ends[branch.in_service & (ends >= 0).all(axis=1)])

    @classmethod
    def none(cls, left: int = 0) -> Self:
        """None that is drawn."""
        return cls(np.zeros(0, dtype=np.int64), np.zeros((0, 2), dtype=np.int64), left)


def layout(live: Network, dead: Dead) -> tuple[Floats, Floats]:
    """Places of the buses of a network, and of those that are not energized, shapes (n, 2)."""
    count, ends = len(live.bus), np.column_stack([live.branch_from, live.branch_to])
    edges = np.concatenate([ends, dead.ends + count]) if len(dead.bus) else ends
    place = positions(count + len(dead.bus), edges)
    return place[:count], place[count:]


def positions(count: int, edges: Ints) -> Floats:
    """Places of the buses, shape (count, 2), the same at every call.

    Small networks are laid out by Kamada and Kawai's springs. For larger ones distances to some
    pivot buses give the shape: first their main axes (Brandes and Pich's PivotMDS), then springs to
    pivots and neighbours (stress majorisation with a sparse set of distances).

    Args:
        count: of buses.
        edges: pairs of places of buses, shape (branches, 2).
    """
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(edges[edges[:, 0] != edges[:, 1]].tolist())
    if count < 3:
        return np.array([[float(k), 0.0] for k in range(count)]).reshape(count, 2)
    if count <= _SPRINGS:
        ring = nx.circular_layout(graph)
        placed = nx.kamada_kawai_layout(_joined(graph), pos=ring)
    else:
        return _upright(_pivoted(_joined(graph), count))
    place: Floats = np.array([placed[k] for k in range(count)], dtype=np.float64)
    return _upright(place)


def connections(edges: Ints) -> Ints:
    """Pairs of buses with a line between them: parallel branches are one, either way round."""
    return np.unique(np.sort(edges, axis=1), axis=0)


def _joined(graph: nx.Graph) -> nx.Graph:
    """The graph with its islands tied together, so that every distance is finite."""
    import networkx as nx

    islands = [min(island) for island in nx.connected_components(graph)]
    if len(islands) == 1:
        return graph
    tied = graph.copy()
    tied.add_edges_from(((islands[0], other) for other in islands[1:]), weight=_TIE)
    return tied


def _pivoted(graph: nx.Graph, count: int) -> Floats:
    """Places by distances (in branches) to pivots, and to neighbours."""
    import networkx as nx
    from scipy.sparse.csgraph import dijkstra

    matrix = nx.to_scipy_sparse_array(graph, nodelist=range(count), format="csr")
    for part in ("indices", "indptr"):  # the only kind that SciPy 1.12 takes here
        setattr(matrix, part, getattr(matrix, part).astype(np.int32))
    pivots = [0]
    columns: list[Floats] = []
    nearest = np.full(count, np.inf)
    while len(columns) < min(_PIVOTS, count):  # each pivot is the bus farthest from those before
        columns.append(dijkstra(matrix, directed=False, indices=pivots[-1], unweighted=True))
        nearest = np.minimum(nearest, columns[-1])
        pivots.append(int(np.argmax(nearest)))
    hops = np.column_stack(columns)
    squared = hops**2
    centred = squared - squared.mean(0) - squared.mean(1)[:, None] + squared.mean()
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    place = centred @ axes[:2].T
    place *= hops.mean() / np.abs(place).mean()
    place += np.random.default_rng(_SEED).normal(scale=0.3, size=place.shape)
    pull = 1.0 / np.maximum(hops, 1.0) ** 2
    pull[np.array(pivots[:-1]), np.arange(len(columns))] = 0.0
    rows, others = matrix.nonzero()
    weight = pull.sum(axis=1) + np.bincount(rows, minlength=count)
    for _ in range(_ROUNDS):
        apart = place[:, None, :] - place[pivots[:-1]][None, :, :]
        length = np.maximum(np.linalg.norm(apart, axis=2), 1e-6)
        wanted = place[pivots[:-1]][None, :, :] + apart * (hops / length)[:, :, None]
        moved = (pull[:, :, None] * wanted).sum(axis=1)
        apart = place[rows] - place[others]
        length = np.maximum(np.linalg.norm(apart, axis=1), 1e-6)
        wanted = place[others] + apart / length[:, None]
        for k in range(2):
            moved[:, k] += np.bincount(rows, wanted[:, k], minlength=count)
        place = moved / weight[:, None]
    result: Floats = place
    return result


def _upright(place: Floats) -> Floats:
    """Turned so that it is wider than high, and scaled into the unit square."""
    place = place - place.mean(axis=0)
    _, _, axes = np.linalg.svd(place, full_matrices=False)
    turned: Floats = place @ axes.T
    return turned / max(float(np.abs(turned).max()), 1e-9)
