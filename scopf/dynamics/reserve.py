"""How far a lossless operating point is from instability, measured in droop.

With H = N + K, where K = diag(0, 1/(k_i V_i)) is all that the droops k add to the Hessian of the
energy, the numbers lambda of

    N d + K d = lambda K d

say what share of the droops' stiffness the grid leaves: H with every k_i multiplied by t has a
kernel where t = 1/(1 - lambda). The smallest lambda is the *reserve* of the point: it is positive
if the point is stable, and it is 1 - k/k_crit if all droops grow together to the critical k_crit.

Angles and load voltages have no K. They are eliminated, N_VV - N_VR N_RR^-1 N_RV = S, which leaves
a dense symmetric matrix of the size of the inverters. By Haynsworth's inertia additivity H has as
many negative eigenvalues as N_RR and S + K together.

Loads draw constant power, so load buses are algebraic: with N_LL the block of their angles and
voltages, the energy as the inverters see it has the Hessian H/N_LL, and it is that which has to be
positive. N_LL itself is positive at normal loading; a bus behind a series capacitor alone makes it
indefinite whatever the load, and then the count of H less that of N_LL is what decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import linalg

from scopf.dynamics.energy import hessian
from scopf.errors import ScopfError

if TYPE_CHECKING:
    from scipy import sparse

    from scopf.arrays import Floats, Ints
    from scopf.network.susceptances import Grid

_ORDER = "MMD_AT_PLUS_A"  # fill-reducing order for matrices of symmetric pattern


@dataclass(frozen=True, eq=False)
class Reserve:
    """A point of a grid of n buses, g of which have an inverter.

    Attributes:
        values: lambda, ascending, shape (g,).
        vectors: their directions in (theta, V) of all buses, shape (g, 2n), scaled to
            d^T K d = 1, so that d^T H d = lambda.
        lost: unstable eigenvalues that no droop could take away, those of the inverters' angles.
        loads: negative eigenvalues of the load buses' own block, those of buses in transit set
            aside; where there are any, loads are past the nose of their PV curve.
    """

    values: Floats
    vectors: Floats
    lost: int
    loads: int

    @property
    def unstable(self) -> int:
        """Number of unstable eigenvalues of the dynamics."""
        return self.lost + int((self.values < 0).sum())

    @property
    def least(self) -> float:
        """The reserve: the smallest lambda; minus infinity if no droop could stabilise."""
        return -np.inf if self.lost else float(self.values[0])

    @property
    def factor(self) -> float:
        """By which all droops may be multiplied until the point becomes unstable."""
        return 1.0 / (1.0 - self.least) if self.least < 1.0 else np.inf


def reserve(
    grid: Grid,
    vm: Floats,
    va: Floats,
    at: Ints,
    stiffness: Floats,
    transit: Ints | None = None,
) -> Reserve:
    """The reserve of an operating point whose loads draw constant power.

    Args:
        grid: lossless network of n buses.
        vm: voltages of the operating point, shape (n,).
        va: its angles, rad.
        at: buses (positions) with an inverter, shape (g,).
        stiffness: 1/k of each inverter, shape (g,).
        transit: buses (positions) where nothing but lines is (see `scopf.dynamics.loads.transit`).

    Raises:
        ScopfError: when there is no inverter, or a block of H is singular.
    """
    if not len(at):
        raise ScopfError("there is no inverter; a reserve is about the droops of inverters")
    n = len(grid)
    network = hessian(grid, vm, va, np.zeros(n), np.zeros(n))
    kept = np.ones(2 * n, dtype=bool)
    kept[at[0]] = False  # the common angle: any one bus's angle may be held
    kept[n + at] = False
    rest, own = np.flatnonzero(kept), n + at
    loads = np.setdiff1d(np.arange(2 * n), np.concatenate([at, n + at]))
    factors, negative = _factors(network[rest][:, rest].tocsc())
    across = network[rest][:, own].toarray()
    back = -factors.solve(across) if len(rest) else np.zeros((0, len(at)))
    left = network[own][:, own].toarray() + across.T @ back
    weight = np.sqrt(vm[at] / stiffness)  # K^-1/2
    values, vectors = eigh(0.5 * (left + left.T) * np.outer(weight, weight))
    directions = np.zeros((len(at), 2 * n))
    changes = weight[:, None] * vectors
    directions[:, own] = changes.T
    directions[:, rest] = (back @ changes).T
    of_loads = _factors(network[loads][:, loads].tocsc())[1]
    lines = np.zeros(0, dtype=np.int64) if transit is None else np.r_[transit, n + transit]
    of_lines = _factors(network[lines][:, lines].tocsc())[1]
    return Reserve(1.0 + values, directions, negative - of_loads, of_loads - of_lines)


def _factors(matrix: sparse.csc_array) -> tuple[Any, int]:
    """Factors of a sparse symmetric matrix, and how many of its eigenvalues are negative.

    Pivots stay on the diagonal, so the factors are L D L^T and Sylvester's law counts.

    Raises:
        ScopfError: when that cannot be.
    """
    if not matrix.shape[0]:
        return None, 0
    try:
        factors = linalg.splu(
            matrix, permc_spec=_ORDER, diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )
    except RuntimeError as error:  # "Factor is exactly singular"
        text = "H has a singular block: a load bus is at its very limit of voltage stability"
        raise ScopfError(text) from error
    if not np.array_equal(factors.perm_r, factors.perm_c):
        raise ScopfError("a block of H is so close to singular that its inertia is not clear")
    return factors, int((factors.U.diagonal() < 0).sum())
