"""The gain margin of a lossless operating point: the largest factor on all droops.

With H = N + K, where K = diag(0, 1/(k_i V_i)) is all that the droops k add to the Hessian of the
energy, the eigenvalues lambda of

    H d = lambda K d

are the shares of the droops' stiffness that may be lost: H with every k_i multiplied by t has a
kernel where t = 1/(1 - lambda). The smallest lambda is the *stiffness margin* of the point. It is
positive if the point is stable, and 1 - 1/t with the gain margin t: all droops multiplied by t are
critical.

Angles and load voltages have no K. They are eliminated, N_VV - N_VR N_RR^-1 N_RV = S, which leaves
a dense symmetric matrix of the size of the inverters. By Haynsworth's inertia additivity H has as
many negative eigenvalues as N_RR and S + K together.

Loads draw constant power, so load buses are algebraic: with N_LL the block of their angles and
voltages, the energy as a function of the inverters' variables has the Hessian H/N_LL, and it is
that which has to be positive. N_LL itself is positive at normal loading; a bus behind a series
capacitor alone makes it indefinite whatever the load, and then the count of H less that of N_LL
decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import eigh

from scopf.dynamics.energy import hessian
from scopf.dynamics.inertia import negative_pivots, symmetric_factors
from scopf.errors import ScopfError
from scopf.network.islands import firsts

if TYPE_CHECKING:
    from scipy import sparse

    from scopf.arrays import Floats, Ints
    from scopf.network.susceptances import Grid


@dataclass(frozen=True, eq=False)
class GainMargin:
    """Gain margin of a point of a grid of n buses, g of which have an inverter.

    Attributes:
        eigenvalues: lambda, ascending, shape (g,).
        eigenvectors: in (theta, V) of all buses, shape (g, 2n), scaled to d^T K d = 1, so that
            d^T H d = lambda.
        unstable_angles: unstable eigenvalues of the inverters' angles, which no droop removes.
        past_nose: negative eigenvalues of the load buses' own block, those of junction buses set
            aside; where there are any, loads are past the nose of their PV curve.
    """

    eigenvalues: Floats
    eigenvectors: Floats
    unstable_angles: int
    past_nose: int

    @property
    def unstable(self) -> int:
        """Number of unstable eigenvalues of the dynamics."""
        return self.unstable_angles + int((self.eigenvalues < 0).sum())

    @property
    def stiffness_margin(self) -> float:
        """Smallest lambda, 1 - 1/factor; minus infinity if no droop could stabilise."""
        return -np.inf if self.unstable_angles else float(self.eigenvalues[0])

    @property
    def factor(self) -> float:
        """Largest factor on all droops for which the point is stable."""
        least = self.stiffness_margin
        return 1.0 / (1.0 - least) if least < 1.0 else np.inf


def gain_margin(
    grid: Grid,
    vm: Floats,
    va: Floats,
    at: Ints,
    stiffness: Floats,
    junctions: Ints | None = None,
) -> GainMargin:
    """Gain margin of an operating point whose loads draw constant power.

    Args:
        grid: lossless network of n buses.
        vm: voltages of the operating point, shape (n,).
        va: its angles, rad.
        at: buses (positions) with an inverter, shape (g,).
        stiffness: 1/k of each inverter, shape (g,).
        junctions: junction buses (positions, see `scopf.dynamics.loads.junctions`).

    Raises:
        ScopfError: when there is no inverter, or a block of H is singular.
    """
    if not len(at):
        raise ScopfError("there is no inverter; a gain margin is about the droops of inverters")
    n = len(grid)
    network = hessian(grid, vm, va, np.zeros(n), np.zeros(n)).tocsr()
    kept = np.ones(2 * n, dtype=bool)
    kept[at[firsts(grid.island[at])]] = False  # a common angle for each island
    kept[n + at] = False
    rest, own = np.flatnonzero(kept), n + at
    loads = np.setdiff1d(np.arange(2 * n), np.concatenate([at, n + at]))
    lines = np.zeros(0, dtype=np.int64) if junctions is None else np.r_[junctions, n + junctions]
    (factors, negative), (_, of_loads), (_, of_lines) = (
        _factors(network[part][:, part].tocsc()) for part in (rest, loads, lines)
    )
    across = network[rest][:, own].toarray()
    back = -factors.solve(across) if len(rest) else np.zeros((0, len(at)))
    left = network[own][:, own].toarray() + across.T @ back
    weight = np.sqrt(vm[at] / stiffness)  # K^-1/2
    values, vectors = eigh(0.5 * (left + left.T) * np.outer(weight, weight))
    directions = np.zeros((len(at), 2 * n))
    changes = weight[:, None] * vectors
    directions[:, own] = changes.T
    directions[:, rest] = (back @ changes).T
    return GainMargin(1.0 + values, directions, negative - of_loads, of_loads - of_lines)


def _factors(matrix: sparse.csc_array) -> tuple[Any, int]:
    """Factors of a block of H, and the number of its negative eigenvalues.

    Raises:
        ScopfError: when it is singular, or so close to it that the number is not clear.
    """
    if not matrix.shape[0]:
        return None, 0
    factors = symmetric_factors(matrix)
    if factors is None:
        raise ScopfError(
            "a block of H is singular, or too close to it: a load bus is at its very limit of "
            "voltage stability"
        )
    return factors, negative_pivots(factors)
