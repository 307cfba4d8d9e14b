"""The largest droop: how far m_q of all inverters can grow before the operating point is unstable.

The operating point is kept: voltages, angles and powers stay, the set points V0 and Q0 follow. All
inverters have the same m_q; their beta_q and everything else stay as they are.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg as dense
from scipy import optimize, sparse

from scopf.dynamics import modes
from scopf.dynamics.energy import hessian
from scopf.dynamics.inertia import negatives
from scopf.faults import ScopfError
from scopf.stability.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from scopf.arrays import Floats
    from scopf.dynamics.dae import System

LEAST, MOST = 1e-3, 100.0  # range of m_q that is looked at
_FACTOR = 2.0  # from one m_q of the scan to the next
_PRECISION = 1e-9  # relative


class EnergyForm:
    """H of a lossless system, without the common angle, as a function of the inverters' stiffness.

    Args:
        system: one that conserves energy.
    """

    def __init__(self, system: System) -> None:
        n, at = len(system.net.bus), system.at
        grid = Grid.full(system.net)
        bare = hessian(grid, system.vm, system.va, np.zeros(n), system.loads.dq)
        self._bare = bare[1:, 1:].tocsc()  # on what the angle of the first bus is subtracted from
        self._places, self._vm = n - 1 + at, system.vm[at]
        others = np.r_[system.rest, n + system.rest]
        self._loads = bare[others][:, others].tocsc()

    def negative(self, k: Floats) -> int | None:
        """Number of negative eigenvalues for effective droops k_i = m_q,i beta_q,i.

        None when it could not be found.
        """
        diagonal = np.zeros(self._bare.shape[0])
        diagonal[self._places] = 1 / (k * self._vm)
        return negatives((self._bare + sparse.diags_array(diagonal)).tocsc())

    def negative_at_loads(self) -> int | None:
        """Number of negative eigenvalues of the part that belongs to buses without an inverter."""
        return negatives(self._loads)


def by_energy(system: System) -> float:
    """Largest uniform m_q of a lossless system: H shrinks as m_q grows, so bisection finds it.

    Raises:
        ScopfError: when the signs of H could not be found.
    """
    form, beta = EnergyForm(system), system.inverters.beta_q

    def stable(mq: float) -> bool:
        negative = form.negative(mq * beta)
        if negative is None:
            raise ScopfError(f"{system.net.name}: the signs of H could not be found for m_q {mq:g}")
        return negative == 0

    if not stable(LEAST):
        return 0.0
    if stable(MOST):
        return np.inf
    low, high = LEAST, MOST
    while high > low * (1 + _PRECISION):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if stable(middle) else (low, middle)
    return low


def by_modes(system: System, method: str) -> float:
    """Largest uniform m_q by eigenvalues: upwards from a small one to the first that grows."""
    rightmost = _dense(system) if method == "dense" else _searched(system)
    low = LEAST
    if rightmost(low) >= 0:
        return 0.0
    while low < MOST:
        high = min(low * _FACTOR, MOST)
        if rightmost(high) >= 0:
            root = optimize.brentq(rightmost, low, high, xtol=1e-12, rtol=_PRECISION)
            return float(root)
        low = high
    return np.inf


def _dense(system: System) -> Callable[[float], float]:
    """Largest real part over m_q; the network is eliminated once."""
    inv, m = system.inverters, len(system.at)
    unit = dataclasses.replace(system, inverters=inv.replace(mq=np.ones(m)))
    matrix = modes.state_matrix(unit)
    rows, decay = np.arange(2 * m - 1, 3 * m - 1), np.diag(1 / inv.tau_q)

    def rightmost(mq: float) -> float:
        a = matrix.copy()
        a[rows] *= mq
        a[np.ix_(rows, rows)] -= (1 - mq) * decay  # -V / tau_q has no m_q
        return float(dense.eigvals(a, overwrite_a=True).real.max())

    return rightmost


def _searched(system: System) -> Callable[[float], float]:
    """Largest real part over m_q by search; where nothing is near the axis, the search's edge."""
    inv, m = system.inverters, len(system.at)

    def rightmost(mq: float) -> float:
        changed = dataclasses.replace(system, inverters=inv.replace(mq=np.full(m, mq)))
        return modes.spectrum(changed, "arnoldi").rightmost

    return rightmost
