"""The critical droop: largest factor on m_q of all inverters for which the point is stable.

The operating point is kept: voltages, angles and powers stay, the set points V0 and Q0 follow. The
m_q are a common factor times given ones; beta_q and everything else stay as they are.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg as dense
from scipy import optimize, sparse

from scopf.dynamics import damping, modes
from scopf.dynamics.energy import hessian
from scopf.dynamics.inertia import negatives
from scopf.errors import ScopfError
from scopf.network.islands import firsts
from scopf.network.susceptances import Grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from scopf.arrays import Floats
    from scopf.dynamics.dae import System

LEAST, MOST = 1e-3, 100.0  # range of factors in which the largest is sought
_FACTOR = 2.0  # from one of the scan to the next
_PRECISION = 1e-9  # relative


class EnergyForm:
    """H of a lossless system, without common angles, as a function of the inverters' stiffness.

    With machines it is the Hessian over their angles and fluxes as well.

    Args:
        system: one that conserves energy.
    """

    def __init__(self, system: System) -> None:
        n, at = len(system.net.bus), system.at
        grid = Grid.full(system.net)
        bare = hessian(grid, system.vm, system.va, np.zeros(n), system.loads.dq)
        if len(system.devices):
            machines = system.attached.hessian(n)
            bare.resize(machines.shape)
            bare = bare + machines
        every = np.arange(bare.shape[0])
        free = np.delete(every, firsts(grid.island))  # one angle of each island fixed
        self._bare = bare.tocsr()[free][:, free].tocsc()
        self._places, self._vm = np.searchsorted(free, n + at), system.vm[at]
        rows = bare.tocsr()
        self._loads, network = (
            rows[place][:, place].tocsc()
            for place in (np.r_[at, n + at] for at in (system.rest, system.junctions))
        )
        self._network = negatives(network)

    def negative(self, k: Floats) -> int | None:
        """Number of negative eigenvalues for effective droops k_i = m_q,i beta_q,i.

        None when it could not be found.
        """
        diagonal = np.zeros(self._bare.shape[0])
        diagonal[self._places] = 1 / (k * self._vm)
        return self._less_network(negatives((self._bare + sparse.diags_array(diagonal)).tocsc()))

    def negative_at_loads(self) -> int | None:
        """Number of negative eigenvalues of the part that belongs to buses without an inverter."""
        return self._less_network(negatives(self._loads))

    def _less_network(self, count: int | None) -> int | None:
        """Without those of the junction buses' own block: series capacitors have them."""
        return None if count is None or self._network is None else count - self._network


def bisected(
    holds: Callable[[float], bool],
    low: float,
    high: float,
    precision: float,
    growth: float = np.inf,
) -> float:
    """Largest number for which a condition holds, by geometric bisection.

    Args:
        holds: the condition.
        low: number for which it holds.
        high: number for which it does not.
        precision: of the result, relative.
        growth: largest factor from a number for which it holds to the next one asked for.
    """
    while high > low * (1 + precision):
        middle = low * growth if high > low * growth else float(np.sqrt(low * high))
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def largest(
    holds: Callable[[float], bool],
    precision: float,
    *,
    most: float = MOST,
    growth: float = np.inf,
) -> float:
    """Largest number from `LEAST` to `most` for which a condition holds (see `bisected`).

    0 when it does not hold for the least, infinite when it does for the most.
    """
    if not holds(LEAST):
        return 0.0
    if holds(most):
        return np.inf
    return bisected(holds, LEAST, most, precision, growth)


def by_energy(system: System, most: float = MOST) -> float:
    """Largest factor on the droops of a lossless system, by bisection on the signs of H.

    Args:
        system: one that conserves energy.
        most: end of the range of factors; inf is returned if that is stable.

    Raises:
        ScopfError: when the signs of H could not be found.
    """
    form, k = EnergyForm(system), system.inverters.k

    def stable(factor: float) -> bool:
        negative = form.negative(factor * k)
        if negative is None:
            text = f"the signs of H could not be found for droops times {factor:g}"
            raise ScopfError(f"{system.net.name}: {text}")
        return negative == 0

    return largest(stable, _PRECISION, most=most)


def by_modes(system: System, method: str, most: float = MOST, least: float = 0.0) -> float:
    """Largest factor on the droops by eigenvalues: upwards to the first mode that grows.

    Args:
        system: any.
        method: of finding eigenvalues.
        most: end of the range of factors; inf is returned if there is no growth up to there.
        least: damping ratio that oscillations shall have; then it is upwards to the first one that
            has less, and the method is "dense".

    Raises:
        ScopfError: when a search for growing modes was given up.
    """
    rightmost = _dense(system, least) if method == "dense" else _searched(system)
    low = LEAST
    if rightmost(low) >= 0:
        return 0.0
    while low < most:
        high = min(low * _FACTOR, most)
        if rightmost(high) >= 0:
            root = optimize.brentq(rightmost, low, high, xtol=1e-12, rtol=_PRECISION)
            return float(root)
        low = high
    return np.inf


def _dense(system: System, least: float) -> Callable[[float], float]:
    """Largest real part (or `damping.abscissa`) over the factor; the network is eliminated once."""
    inv, m = system.inverters, len(system.at)
    unit = dataclasses.replace(system, inverters=inv.replace(mq=np.ones(m)))
    matrix = modes.state_matrix(unit)
    rows = len(system.turning) + m + np.arange(m)  # of the voltages

    def rightmost(factor: float) -> float:
        a, mq = matrix.copy(), factor * inv.mq
        a[rows] *= mq[:, None]
        a[rows, rows] -= (1 - mq) / inv.tau_q  # -V / tau_q has no m_q
        return float(damping.abscissa(dense.eigvals(a, overwrite_a=True), least).max())

    return rightmost


def _searched(system: System) -> Callable[[float], float]:
    """Largest real part over the factor by search; the search's edge where none is near."""
    inv = system.inverters

    def rightmost(factor: float) -> float:
        changed = dataclasses.replace(system, inverters=inv.replace(mq=factor * inv.mq))
        found = modes.spectrum(changed, "arnoldi")
        if found.edge > 0:
            text = f"the search for growing modes was given up at droops times {factor:g}"
            raise ScopfError(f'{system.net.name}: {text}; use method="dense"')
        return found.rightmost

    return rightmost
