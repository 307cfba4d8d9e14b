"""A network as the theory has it: buses, and lines of pure susceptance between them.

Its losses stand beside it, for criteria that count them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from scopf.network import islands
from scopf.network.two_ports import TwoPorts

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints
    from scopf.network.kron import Reduction
    from scopf.network.network import Network


@dataclass(frozen=True, eq=False)
class Grid:
    """Lines of pure susceptance between n buses; conductances of a network are left out.

    A line between i and j adds -b V_i V_j cos(theta_i - theta_j - shift) to the energy of the
    network, bus i adds 1/2 own_i V_i^2 (Wang and Geng 2026, section II: B = -Im Y).

    Attributes:
        start, end: buses (positions) that each line joins, shape (m,).
        b: susceptance of each line, per unit; positive for an inductive one.
        shift: of each line, rad.
        own: B_ii of each bus, shape (n,): its lines, less charging and capacitors.
        scale: natural scale of each bus, B_ii or the sum of its lines' |b|.
        losses: the same buses with the conductances; None where there are none.
        turning: 1/(m_p beta_p) of each bus, 0 without an inverter; None where nobody says.
    """

    start: Ints
    end: Ints
    b: Floats
    shift: Floats
    own: Floats
    scale: Floats
    losses: TwoPorts | None = None
    turning: Floats | None = None

    def __len__(self) -> int:
        return len(self.own)

    @classmethod
    def full(cls, net: Network) -> Grid:
        """The whole network, energized; taps, charging and shunts kept, conductance left out."""
        branch, start, end = net.branch, net.branch_from, net.branch_to
        b = branch.x / (branch.r**2 + branch.x**2) / branch.tap
        own = -net.ybus().diagonal().imag
        n = len(net.bus)
        scale = np.bincount(start, np.abs(b), n) + np.bincount(end, np.abs(b), n)
        natural = np.where(scale > 0, scale, 1.0)
        return cls(start, end, b, branch.shift, own, natural, TwoPorts.of(net))

    def take(self, buses: Flags, lines: Flags) -> Grid:
        """The grid of these buses and of these lines between them."""
        place = np.cumsum(buses) - 1
        return Grid(
            place[self.start[lines]],
            place[self.end[lines]],
            self.b[lines],
            self.shift[lines],
            self.own[buses],
            self.scale[buses],
            None if self.losses is None else self.losses.take(buses),
            None if self.turning is None else self.turning[buses],
        )

    @cached_property
    def two_ports(self) -> TwoPorts:
        """Pairs of neighbours, with the losses that there are."""
        if self.losses is not None:
            return self.losses
        return TwoPorts.lossless(self.start, self.end, self.b, self.shift, self.own)

    @cached_property
    def island(self) -> Ints:
        """Number of the island of each bus, from 1 in the order of their first buses."""
        return islands.numbers(len(self), self.start, self.end)

    @classmethod
    def reduced(cls, reduction: Reduction) -> Grid:
        """The network reduced to its inverter buses, one line for each pair of neighbours.

        Loads of the other buses are the shunts that they are at 1 p.u. voltage. Those at inverter
        buses are left out of `own`, where constant power adds nothing; the scale is the paper's
        B_ii^red, which has them, or 1 at a bus without branches. Unsymmetrical entries (phase
        shifters, losses) are averaged.
        """
        i, j = _pairs(reduction)
        matrix = reduction.susceptance
        scale, load = np.abs(matrix.diagonal()), reduction.net.bus.demand(1.0)[1][reduction.keep]
        b = -(matrix[i, j] + matrix[j, i]) / 2
        scale = np.where(reduction.alone, 1.0, scale)
        return cls(i, j, b, np.zeros(len(i)), matrix.diagonal() - load, scale)

    @staticmethod
    def reduced_by_loads(
        reduction: Reduction, b: Floats, own: Floats, scale: Floats
    ) -> tuple[Floats, Floats]:
        """Derivatives by the loads of a function of a reduced network's b, own and scale.

        Args:
            reduction: the network that `reduced` made the grid of.
            b: derivative of the function by the susceptance of each line, shape (m,).
            own: by the own susceptance of each bus, shape (g,).
            scale: by the scale of each bus, shape (g,).

        Returns:
            Derivatives by the active and the reactive load of every bus of the whole network.
        """
        (i, j), every = _pairs(reduction), np.arange(len(own))
        by_diagonal = own + scale * np.sign(reduction.susceptance.diagonal())
        data = np.concatenate([-b / 2, -b / 2, by_diagonal])
        places = np.concatenate([i, j, every]), np.concatenate([j, i, every])
        weights = sparse.coo_array((data, places), shape=(len(own), len(own))).tocsr()
        weights.eliminate_zeros()
        p, q = reduction.by_loads(weights)
        q[reduction.keep] -= own  # which a load at the bus itself is no part of
        return p, q

    def angle(self, va: Floats) -> Floats:
        """Angle across each line, rad, shape (..., m), for bus angles of shape (..., n)."""
        return va[..., self.start] - va[..., self.end] - self.shift

    def per_bus(self, at_start: Floats, at_end: Floats) -> Floats:
        """Sums over the lines of each bus of values at their two ends.

        Shapes (..., m) in, (..., n) out.
        """
        shape, points = (*at_start.shape[:-1], len(self)), math.prod(at_start.shape[:-1])
        start, end = self._incidence
        flat = [part.reshape(points, len(self.start)) for part in (at_start, at_end)]
        total: Floats = ((start @ flat[0].T) + (end @ flat[1].T)).T.reshape(shape)
        return total

    @cached_property
    def _incidence(self) -> tuple[Any, Any]:
        """Incidence matrices of the lines' first and second ends, (n, m) each."""
        m = len(self.start)
        shape, lines, ones = (len(self), m), np.arange(m), np.ones(m)
        start = sparse.coo_array((ones, (self.start, lines)), shape=shape).tocsr()
        end = sparse.coo_array((ones, (self.end, lines)), shape=shape).tocsr()
        return start, end


def _pairs(reduction: Reduction) -> tuple[Ints, Ints]:
    """Positions i < j of neighbours in a reduced network: its lines."""
    i, j = reduction.neighbors.pairs()
    return i[i < j], j[i < j]
