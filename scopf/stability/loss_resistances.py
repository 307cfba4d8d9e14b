"""Effective resistances of the angles of a lossy network: how far the middle of a pair moves.

R bounds the square of the mean of a pair's two angles by the network's form of the angles across
all pairs: (m' vt)^2 <= R vt' L vt wherever rho' vt = 0, with R = (m - rho)' L+ (m - rho). Here rho
is the share of each bus in the frequency, proportional to pi/(m_p beta_p).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from scopf.network import islands

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints
    from scopf.network.susceptances import Grid
    from scopf.network.two_ports import TwoPorts

_BLOCK = 256  # right-hand sides solved at once: bounds the memory
_MOST_KEPT = 16  # results that are kept
_NOTHING = 1e-6  # of the largest R: rounding, or nearly


@dataclass(frozen=True, eq=False)
class Resistances:
    """(m - rho)' L+ (m - rho) of pairs, m the middle of their ends, and of buses, m the bus.

    Attributes:
        pair, bus: of each.
        bare_pair, bare_bus: the same with rho at the first bus.
    """

    pair: Floats
    bus: Floats
    bare_pair: Floats
    bare_bus: Floats


def still(values: Floats) -> Flags:
    """Mask of the zeros of R: the middle between inverters that are alike, or an inverter alone."""
    return np.asarray(values <= _NOTHING * values.max(initial=0.0))


def units(values: Floats, part: float) -> Floats:
    """Resistances that mu is counted in: R, and this part of the largest where it is zero."""
    largest = float(values.max(initial=0.0))
    return np.where(still(values), part * largest if largest > 0 else 1.0, values)


class Grounded:
    """Inverse X of the Laplacian with bus 0 grounded: z' L+ z = z' X z where z adds up to zero."""

    def __init__(self, of: TwoPorts, weight: Floats) -> None:
        n, i, j = len(of), of.start, of.end
        self._of, self._n = of, n
        data = np.concatenate([weight, weight, -weight, -weight])
        places = np.concatenate([i, j, i, j]), np.concatenate([i, j, j, i])
        matrix = sparse.coo_array((data, places), shape=(n, n)).tocsc()
        self._factor = linalg.splu(matrix[1:, 1:].tocsc()) if n > 1 else None

    def solve(self, right: Floats) -> Floats:
        """X times these columns."""
        found = np.zeros(right.shape)
        if self._factor is not None:
            found[1:] = self._factor.solve(np.ascontiguousarray(right[1:]))
        return found

    def largest(self, buses: Ints) -> Resistances:
        """The largest with rho at one of these buses, which bounds that of every rho there."""
        i, j = self._of.start, self._of.end
        bare_pair, bare = self._bare()
        pair, bus = np.full(len(i), -np.inf), np.full(self._n, -np.inf)
        for first in range(0, len(buses), _BLOCK):
            block = buses[first : first + _BLOCK]
            x, own = self._columns(block), bare[block]
            pair = np.maximum(pair, (own - x[i] - x[j]).max(axis=1))
            bus = np.maximum(bus, (own - 2 * x).max(axis=1))
        return Resistances(bare_pair + pair, bare + bus, bare_pair, bare)

    def of_share(self, rho: Floats) -> Resistances:
        """Those of one rho that adds up to 1."""
        (bare_pair, bare), y = self._bare(), self.solve(rho)
        own, i, j = rho @ y, self._of.start, self._of.end
        return Resistances(bare_pair - y[i] - y[j] + own, bare - 2 * y + own, bare_pair, bare)

    def _columns(self, buses: Ints) -> Floats:
        """These columns of X."""
        unit = np.zeros((self._n, len(buses)))
        unit[buses, np.arange(len(buses))] = 1.0
        return self.solve(unit)

    def _bare(self) -> tuple[Floats, Floats]:
        """Products m' X m of pairs and of buses, from the entries of X there."""
        i, j, n = self._of.start, self._of.end, self._n
        diagonal, between = np.zeros(n), np.zeros(len(i))
        for first in range(0, n, _BLOCK):
            block = np.arange(first, min(first + _BLOCK, n))
            x = self._columns(block)
            diagonal[block] = x[block, block - first]
            these = np.flatnonzero((j >= first) & (j <= block[-1]))
            between[these] = x[i[these], j[these] - first]
        return (diagonal[i] + diagonal[j] + 2 * between) / 4, diagonal


def by_island(
    of: TwoPorts, island: Ints, weight: Floats, sources: Ints, share: Floats | None
) -> Resistances:
    """Effective resistances, island by island; 1 where nothing dissipates.

    The last ones are kept.

    Args:
        of: pairs.
        island: number of each bus's island, from 1.
        weight: of the pairs in the Laplacian.
        sources: buses that hold the frequency, at least one in each island.
        share: of each bus in rho, up to a factor; None for the largest over the sources.
    """
    given = [of.start, of.end, island, weight, sources, of.has_losses]
    key = tuple(x.tobytes() for x in (*given, *(() if share is None else (share,))))
    known = _KEPT.get(key)
    if known is None:
        known = _by_island(of, island, weight, sources, share)
        for oldest in list(_KEPT)[: max(0, len(_KEPT) + 1 - _MOST_KEPT)]:
            _KEPT.pop(oldest, None)
        _KEPT[key] = known
    return known


def _by_island(
    of: TwoPorts, island: Ints, weight: Floats, sources: Ints, share: Floats | None
) -> Resistances:
    m, n = len(of.start), len(of)
    found = Resistances(np.ones(m), np.ones(n), np.ones(m), np.ones(n))
    source = np.zeros(n, dtype=bool)
    source[sources] = True
    for number in np.unique(island[of.has_losses]).tolist():
        buses = island == number
        pairs = buses[of.start]
        grounded = Grounded(of.take(buses), weight[pairs])
        if share is None:
            part = grounded.largest(np.flatnonzero(source[buses]))
        else:
            rho = np.where(source[buses], share[buses], 0.0)
            part = grounded.of_share(rho / rho.sum())
        found.pair[pairs], found.bus[buses] = part.pair, part.bus
        found.bare_pair[pairs], found.bare_bus[buses] = part.bare_pair, part.bare_bus
    return found


_KEPT: dict[tuple[bytes, ...], Resistances] = {}


def sources(grid: Grid, k: Floats) -> Ints:
    """Buses that hold the frequency: those with an inverter, or the first of an island."""
    at = np.flatnonzero(np.isfinite(k))
    ranked = np.r_[at, np.setdiff1d(np.arange(len(grid)), at)]
    return np.union1d(at, ranked[islands.firsts(grid.island[ranked])])


def turning(grid: Grid, k: Floats) -> Floats:
    """Share of each bus in holding the frequency, up to a factor: alike where nobody says."""
    held = np.zeros(len(grid))
    held[sources(grid, k)] = 1.0
    if grid.turning is None:
        return held
    found = np.where(held > 0, grid.turning, 0.0)
    total = np.bincount(grid.island, found)[grid.island]
    return np.where(total > 0, found, held)
