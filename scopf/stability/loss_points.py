"""What is offline or has a best choice at a point of a lossy network: pi, R, mu, f and w.

Everything is of one connected network, sparse above `DENSE` buses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from scopf.network import islands
from scopf.stability import loss_forms
from scopf.stability.loss_forms import Forms, Lines

if TYPE_CHECKING:
    from scopf.arrays import Floats, Ints
    from scopf.network.susceptances import Grid
    from scopf.network.two_ports import TwoPorts

DENSE = 300  # buses up to which all eigenvalues are the quicker way
_BLOCK = 256  # right-hand sides solved at once
_ROUNDS = 6  # of the iteration between w and mu, for each smoothing
_NEW = 0.3  # least part of a new division
_MOST_KEPT = 16
_KEPT: dict[tuple[bytes, ...], Resistances] = {}
CANCELS = (0.3, 0.1, 0.03, 0.01)
_SETTLED = 1e-5  # relative improvement at which it ends
_AWAY = 1e-6  # from an eigenvalue
_LEAST_F, _MOST_F = 1e-6, 0.9


def lines(of: TwoPorts) -> Lines:
    """The admittances."""
    return Lines(of.g_ij, of.b_ij, of.g_ji, of.b_ji, of.g_ii, of.g_jj)


# -- pi -------------------------------------------


def left_null(of: TwoPorts, al_ij: Floats, al_ji: Floats) -> Floats | None:
    """The weights pi with sum_j (pi_i al_ij - pi_j al_ji) = 0, mean 1; None if there are none."""
    n, i, j = len(of), of.start, of.end
    if n == 1:
        return np.ones(1)
    data = np.concatenate([al_ij, al_ji, -al_ij, -al_ji])
    places = np.concatenate([i, j, j, i]), np.concatenate([i, j, i, j])
    matrix = sparse.coo_array((data, places), shape=(n, n)).tocsc()
    try:
        rest = linalg.splu(matrix[1:, 1:].tocsc()).solve(-matrix[1:, [0]].toarray()[:, 0])
    except RuntimeError:  # singular
        return None
    pi = np.append(1.0, rest)
    total = pi.sum()
    return pi * (n / total) if np.isfinite(pi).all() and total > 0 else None


# -- effective resistances -------------------------------------------


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

    def columns(self, buses: Ints) -> Floats:
        """These columns of X."""
        unit = np.zeros((self._n, len(buses)))
        unit[buses, np.arange(len(buses))] = 1.0
        return self.solve(unit)

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
    if key not in _KEPT:
        while len(_KEPT) >= _MOST_KEPT:
            _KEPT.pop(next(iter(_KEPT)))
        _KEPT[key] = _by_island(of, island, weight, sources, share)
    return _KEPT[key]


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


# -- division of the budget -------------------------------------------


@dataclass(frozen=True, eq=False)
class Shares:
    """A division of the budget.

    Attributes:
        f: share of alpha that the mean angles take.
        pair, bus: shares of it that pairs take, and buses by themselves; they add up to 1.
    """

    f: float
    pair: Floats
    bus: Floats

    def spread(self, part: float) -> Shares:
        """The same with this part of the budget divided evenly."""
        there = self.bus > 0
        even, rest = part / (len(self.pair) + int(there.sum())), 1 - part
        return Shares(self.f, rest * self.pair + even, np.where(there, rest * self.bus + even, 0.0))

    def blended(self, other: Shares, part: float) -> Shares:
        """This part of the other one and the rest of this."""
        rest = 1 - part
        return Shares(
            rest * self.f + part * other.f,
            rest * self.pair + part * other.pair,
            rest * self.bus + part * other.bus,
        )

    def quarters(self, r: Resistances) -> tuple[float, Floats, Floats]:
        """1/(1 - f), and 1/(4 mu) of pairs and buses."""
        with np.errstate(divide="ignore", invalid="ignore"):
            pair, bus = (
                np.where(part > 0, r_of / (4 * self.f * part), 0.0)
                for r_of, part in ((r.pair, self.pair), (r.bus, self.bus))
            )
        return 1 / (1 - self.f), pair, bus


def shares(
    forms: Forms, of: TwoPorts, l_bus: Floats, r: Resistances, w: Floats, cancel: float
) -> Shares:
    """The best one for weights w, |l w| of pairs smoothed by `cancel`."""
    i, j = of.start, of.end
    pair = np.sqrt(r.pair) * loss_forms.length(forms.l_i * w[i], forms.l_j * w[j], cancel)
    bus = np.sqrt(r.bus) * np.abs(l_bus * w)
    total = pair.sum() + bus.sum()
    across = np.sqrt(((forms.h_i * w[i] + forms.h_j * w[j]) ** 2 / forms.alpha).sum())
    f = float(np.clip(total / (total + across), _LEAST_F, _MOST_F))
    return Shares(f, pair / total, bus / total)


# -- the best weights -------------------------------------------


@dataclass(frozen=True, eq=False)
class Best:
    """Least slack, and the division of the budget and weights w > 0 that leave it."""

    least: float
    shares: Shares | None
    w: Floats


@dataclass(frozen=True, eq=False)
class Point:
    """Forms and numbers of a connected network at a point.

    Attributes:
        of: its pairs.
        pi: weights of the buses' active power.
        forms: of the pairs.
        flow_i, flow_j: pi_i al_ij and pi_j al_ji of each.
        l_bus: form l of each bus.
        own: what is no pair's of M_ii.
        scale: 2 scale_i V_i pi_i, by which row i is divided.
    """

    of: TwoPorts
    pi: Floats
    forms: Forms
    flow_i: Floats
    flow_j: Floats
    l_bus: Floats
    own: Floats
    scale: Floats

    def best(self, r: Resistances | None, cancels: tuple[float, ...]) -> Best:
        """Good mu, f and w, and the least slack of the rows that they leave.

        The slack is an eigenvalue, right for any of these. Weights that the matrix of one division
        of the budget gives make another division; means of all of them settle.

        Args:
            r: resistances of the weights alpha; None without losses.
            cancels: smoothings of |l w|, from the safest to the sharpest.
        """
        matrix = self.matrix(1.0, np.zeros(len(self.of.start)), np.zeros(len(self.of)))
        least = _least(matrix)
        w = self._weights(matrix, least)
        if r is None or not least > 0:  # losses leave less
            return Best(least, None, w)
        best = Best(-np.inf, None, w)
        division, rounds = None, 0
        for cancel in cancels:
            for _ in range(_ROUNDS):
                new, rounds = shares(self.forms, self.of, self.l_bus, r, w, cancel), rounds + 1
                part = max(_NEW, 1 / rounds)
                division = new if division is None else division.blended(new, part)
                matrix = self.matrix(*division.quarters(r))
                least = _least(matrix)
                w = self._weights(matrix, least)
                gain = least - best.least
                if gain > 0:
                    best = Best(least, division, w)
                if abs(gain) <= _SETTLED * abs(least):
                    break
            division, w = best.shares, best.w
        return best

    def _weights(self, matrix: Any, least: float) -> Floats:
        """Weights w > 0, of a matrix with this least eigenvalue."""
        shift = min(0.0, 1.05 * least - _AWAY)
        root = np.sqrt(self.scale)
        shifted = matrix - shift * sparse.eye_array(len(root), format="csc")
        found: Floats = np.abs(linalg.splu(shifted).solve(root)) / root
        mean: Floats = found / found.mean()
        return mean

    def matrix(self, rest: float, pair: Floats, bus: Floats) -> Any:
        """M with -|M_ij| beside the diagonal, rows and columns divided by the root of `scale`."""
        one, i, j, n = self.forms, self.of.start, self.of.end, len(self.of)
        off = -np.abs(loss_forms.beside(one, rest, pair))
        ends = (
            loss_forms.at_end(one.h_i, one.l_i, one, self.flow_i, rest, pair),
            loss_forms.at_end(one.h_j, one.l_j, one, self.flow_j, rest, pair),
        )
        diagonal = self.own - bus * self.l_bus**2
        diagonal = diagonal - np.bincount(i, ends[0], n) - np.bincount(j, ends[1], n)
        root = np.sqrt(self.scale)
        off, diagonal = off / (root[i] * root[j]), diagonal / self.scale
        every = np.arange(n)
        data = np.concatenate([off, off, diagonal])
        places = np.concatenate([i, j, every]), np.concatenate([j, i, every])
        return sparse.coo_array((data, places), shape=(n, n)).tocsc()


def _least(matrix: Any) -> float:
    """Least eigenvalue of a sparse symmetric matrix."""
    if matrix.shape[0] <= DENSE:
        return float(np.linalg.eigvalsh(matrix.toarray())[0])
    below = float((matrix.diagonal() * 2 - abs(matrix).sum(axis=1)).min()) - 1e-3  # Gershgorin
    found = linalg.eigsh(matrix, k=1, sigma=below, which="LM", return_eigenvectors=False)
    return float(found[0])


def sources(grid: Grid, k: Floats) -> Ints:
    """Buses that hold the frequency: those with an inverter, or the first of an island."""
    at = np.flatnonzero(np.isfinite(k))
    ranked = np.r_[at, np.setdiff1d(np.arange(len(grid)), at)]
    return np.union1d(at, ranked[islands.firsts(grid.island[ranked])])


def turning(grid: Grid, k: Floats) -> Floats:
    """What each bus holds the frequency with, up to a factor: alike where nobody says."""
    held = np.zeros(len(grid))
    held[sources(grid, k)] = 1.0
    if grid.turning is None:
        return held
    found = np.where(held > 0, grid.turning, 0.0)
    total = np.bincount(grid.island, found)[grid.island]
    return np.where(total > 0, found, held)


def least_slack(grid: Grid, k: Floats, vm: Floats, va: Floats, *, every_mp: bool) -> Floats:
    """Least slack of the rows at a point that good mu, f and w leave, the same in an island.

    Args:
        grid: n buses.
        k: droop of each bus, infinite without an inverter.
        vm: voltages, shape (n,).
        va: angles, rad, shape (n,).
        every_mp: whether the active droops may be any.

    Returns:
        Shape (n,), p.u. voltage; -inf in islands where pi or alpha is not positive, or an angle
        beyond 90 degrees.
    """
    found, of, island = np.full(len(grid), -np.inf), grid.two_ports, grid.island
    narrow = np.abs(grid.angle(va)) < np.pi / 2
    wide = np.isin(island, island[grid.start[~narrow]])
    source, held = sources(grid, k), turning(grid, k)
    for number in np.unique(island[~wide]).tolist():
        buses = island == number
        own, v = of.take(buses), vm[buses]
        at = point(own, v / k[buses], v, va[buses], grid.scale[buses])
        if at is None:
            continue
        r = None
        if own.has_losses.any():
            one, here = np.ones(len(own), dtype=np.int64), np.isin(np.flatnonzero(buses), source)
            share = None if every_mp else at.pi * held[buses]
            r = by_island(own, one, at.forms.alpha, np.flatnonzero(here), share)
        found[buses] = at.best(r, CANCELS).least
    return found


def point(of: TwoPorts, stiffness: Floats, vm: Floats, va: Floats, scale: Floats) -> Point | None:
    """Forms of a connected network at a point; None where pi or alpha is not positive.

    Args:
        of: pairs of n buses.
        stiffness: V/k of each bus.
        vm: voltages.
        va: angles, rad.
        scale: natural scale of each bus.
    """
    i, j = of.start, of.end
    power = loss_forms.powers(lines(of), vm[i], vm[j], va[i] - va[j])
    pi = left_null(of, power.al_ij, power.al_ji)
    if pi is None or not (pi > 0).all():
        return None
    forms = loss_forms.forms(power, pi[i], pi[j])
    if not (forms.alpha > 0).all():
        return None
    return Point(
        of,
        pi,
        forms,
        pi[i] * power.al_ij,
        pi[j] * power.al_ji,
        loss_forms.at_bus(pi, vm, of.shunt, of.p_current),
        pi * (stiffness + vm * of.q_current + 2 * of.own * vm**2),
        2 * scale * vm * pi,
    )
