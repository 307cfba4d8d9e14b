"""The best pi, mu, f and w at a point of a lossy network.

Everything is of one connected network, sparse above `DENSE` buses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from scopf.stability import loss_forms, loss_resistances
from scopf.stability.loss_forms import Forms, Lines

if TYPE_CHECKING:
    from scopf.arrays import Floats
    from scopf.network.susceptances import Grid
    from scopf.network.two_ports import TwoPorts
    from scopf.stability.loss_resistances import Resistances

DENSE = 300  # buses up to which all eigenvalues are the quicker way
_ROUNDS = 6  # of the iteration between w and mu, for each smoothing
_NEW = 0.3  # least part of a new division
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
    total = (pair.sum() + bus.sum()) or 1.0  # nothing moves with the frequency
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
    source, held = loss_resistances.sources(grid, k), loss_resistances.turning(grid, k)
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
            r = loss_resistances.by_island(own, one, at.forms.alpha, np.flatnonzero(here), share)
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
