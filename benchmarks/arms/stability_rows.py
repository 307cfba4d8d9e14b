"""The voltage-difference rows for the peers, in their smallest exact form.

    V_j - V_i <= Gamma_i   for all inverters i, j that are neighbours in the reduced network

Inverters around one connected group of eliminated buses are all neighbours of each other, so g of
them have g (g - 1) rows. With a variable M >= V_j for all j of the group, M - V_i <= Gamma_i says
the same in 2 g rows. Groups of up to three keep the plain rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

import scopf
from scopf.stability.kron import reduced_susceptance

_PLAIN = 3


@dataclass(frozen=True)
class Rows:
    """Positions are those of buses in the energized network."""

    limits: dict[int, float]  # Gamma of the inverter at a bus
    pairs: list[tuple[int, int]]  # (i, j): V_j - V_i <= Gamma_i
    groups: list[list[int]]

    @property
    def count(self) -> int:
        return len(self.pairs) + sum(2 * len(group) for group in self.groups)


NONE = Rows({}, [], [])


def rows(net: scopf.Network, mq: float) -> Rows:
    """The rows of an energized network with an inverter at every generator bus."""
    inverters = scopf.Inverters.at_generators(net, mq=mq)
    keep = net.bus_positions(inverters.bus)
    stiffness = np.abs(np.diag(reduced_susceptance(net, keep)))
    limits = dict(zip(keep.tolist(), (0.5 / (inverters.k * stiffness)).tolist(), strict=True))
    groups = _groups(net, keep)
    large = [group for group in groups if len(group) > _PLAIN]
    covered = {(i, j) for group in large for i in group for j in group}
    plain = {
        (i, j)
        for group in groups
        if len(group) <= _PLAIN
        for i in group
        for j in group
        if i != j and (i, j) not in covered
    }
    return Rows(limits, sorted(plain), large)


def _groups(net: scopf.Network, keep: np.ndarray) -> list[list[int]]:
    """Sets of inverters that are all neighbours: around eliminated buses, and joined directly."""
    n, f, t = len(net.bus), net.branch_from, net.branch_to
    kept = np.zeros(n, dtype=bool)
    kept[keep] = True
    inside = ~kept[f] & ~kept[t]
    links = sparse.coo_array((np.ones(inside.sum()), (f[inside], t[inside])), shape=(n, n))
    _, label = csgraph.connected_components(links, directed=False)
    around: dict[int, set[int]] = {}
    direct = set()
    for a, b in zip(f.tolist(), t.tolist(), strict=True):
        if kept[a] and kept[b]:
            direct.add((min(a, b), max(a, b)))
        elif kept[a] or kept[b]:
            near, far = (a, b) if kept[a] else (b, a)
            around.setdefault(int(label[far]), set()).add(near)
    found = [sorted(group) for group in around.values() if len(group) > 1]
    return found + [[a, b] for a, b in sorted(direct) if a != b]
