"""A network as the theory sees it: buses, and lines of pure susceptance between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scopf.arrays import Floats, Ints
    from scopf.network import Network


@dataclass(frozen=True, eq=False)
class Grid:
    """Lines between n buses; of a network with losses, what is left without its conductances.

    A line between i and j adds -b V_i V_j cos(theta_i - theta_j - shift) to the energy of the
    network, bus i adds 1/2 own_i V_i^2 (Wang and Geng 2026, section II: B = -Im Y).

    Attributes:
        start, end: buses (positions) that each line joins, shape (m,).
        b: susceptance of each line, per unit; positive for an inductive one.
        shift: of each line, rad.
        own: B_ii of each bus, shape (n,): its lines, less charging and capacitors.
    """

    start: Ints
    end: Ints
    b: Floats
    shift: Floats
    own: Floats

    def __len__(self) -> int:
        return len(self.own)

    @classmethod
    def full(cls, net: Network) -> Grid:
        """The whole network, energized; taps, charging and shunts kept, conductance left out."""
        branch = net.branch
        b = branch.x / (branch.r**2 + branch.x**2) / branch.tap
        own = -net.ybus().diagonal().imag
        return cls(net.branch_from, net.branch_to, b, branch.shift, own)

    def angle(self, va: Any) -> Any:
        """Angle across each line, rad, for bus angles of shape (..., n)."""
        return va[..., self.start] - va[..., self.end] - self.shift

    def per_bus(self, at_start: Floats, at_end: Floats) -> Floats:
        """Sums over the lines of each bus of numbers given for their two ends, (m,) -> (n,)."""
        n = len(self)
        total = np.bincount(self.start, at_start, n) + np.bincount(self.end, at_end, n)
        return total.astype(np.float64)
