"""The inverters' dynamics linearised at an operating point: its rightmost eigenvalue.

Inverters with droop and filters (`scopf.dynamics.droop`), loads that follow the voltage, the
network with its losses; dense, for many small networks at once. This is the reference for whatever
has no energy function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scopf.dynamics.droop import FREQUENCY, Droops
from scopf.network.powers import jacobians

if TYPE_CHECKING:
    from scopf.arrays import Complexes, Floats, Ints


def rightmost(
    admittance: Complexes,
    vm: Floats,
    va: Floats,
    at: Ints,
    k: Floats,
    *,
    mp: Floats | float = 0.05,
    tau_p: Floats | float = 0.1,
    tau_q: Floats | float = 0.1,
    slopes: tuple[Floats | float, Floats | float] = (0.0, 0.0),
    frequency: float = FREQUENCY,
) -> Floats:
    """Largest real part of the eigenvalues but that of the common angle, 1/s, shape (...).

    Args:
        admittance: bus admittance matrices, dense, shape (..., n, n).
        vm: voltages, shape (..., n).
        va: angles, rad, shape (..., n).
        at: buses (positions) of the g inverters, each of which has one.
        k: droops m_q beta_q, shape (..., g).
        mp: m_p beta_p, p.u. frequency per p.u. power.
        tau_p: filter of the active power, s.
        tau_q: filter of the reactive power, s.
        slopes: dP_L/dV and dQ_L/dV of the load of each bus; 0 for constant power.
        frequency: nominal, Hz.
    """
    n, g = vm.shape[-1], len(at)
    balance, bus = jacobians(admittance, vm, va), np.arange(n)
    balance[..., bus, n + bus] += slopes[0]
    balance[..., n + bus, n + bus] += slopes[1]
    power = _reduced(balance, np.concatenate([at, n + at]))
    many = power.shape[:-2]
    still = np.zeros((*power.shape[:-1], g))  # a frequency does not enter a power balance
    by_x = np.concatenate([power[..., 1:g], still, power[..., g:]], axis=-1)
    unit = np.eye(3 * g - 1)
    dw, dv = unit[g - 1 : 2 * g - 1], unit[2 * g - 1 :]
    mp, k, tau_p, tau_q = (np.asarray(x)[..., None] for x in (mp, k, tau_p, tau_q))
    droops = Droops(mp, k, tau_p, tau_q, frequency)
    rows = droops.rates(dw, dv, by_x[..., :g, :], by_x[..., g:, :], np.zeros(g, dtype=np.int64))
    a = np.concatenate([np.broadcast_to(x, (*many, *x.shape[-2:])) for x in rows], axis=-2)
    real: Floats = np.linalg.eigvals(a).real.max(axis=-1)
    return real


def _reduced(matrix: Floats, kept: Ints) -> Floats:
    """Schur complement of the other rows and columns, shape (..., kept, kept)."""
    rest = np.setdiff1d(np.arange(matrix.shape[-1]), kept)
    reduced = matrix[..., kept[:, None], kept]
    if len(rest):
        solved = np.linalg.solve(matrix[..., rest[:, None], rest], matrix[..., rest[:, None], kept])
        reduced = reduced - matrix[..., kept[:, None], rest] @ solved
    return reduced
