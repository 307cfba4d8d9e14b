"""What the buses inject into the network, and how that follows their voltages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scipy import sparse

    from scopf.arrays import Complexes, Floats, Ints


def injections(y: Any, vm: Floats, va: Floats) -> Complexes:
    """Complex power P + jQ that each bus injects into the network, per unit, shape (n,).

    Args:
        y: bus admittance matrix, n x n, per unit (`Network.ybus`).
        vm: voltage magnitudes, per unit.
        va: angles, rad.
    """
    v = vm * np.exp(1j * va)
    power: Complexes = v * (y @ v).conj()
    return power


def slopes(y: sparse.coo_array, vm: Floats, va: Floats) -> tuple[Ints, Ints, Complexes, Complexes]:
    """Derivatives of the injections by angle and by magnitude; entries of equal place add up.

    Args:
        y: bus admittance matrix as coordinates, n x n, per unit.
        vm: voltage magnitudes, per unit.
        va: angles, rad.

    Returns:
        Rows i, columns j, dS_i / dtheta_j and dS_i / dV_j.
    """
    # With T_ij = V_i conj(Y_ij V_j): dS_i/dtheta_j = -j T_ij, dS_i/dV_j = T_ij / V_j, and on the
    # diagonal j S_i and S_i / V_i besides.
    power, v, each = injections(y, vm, va), vm * np.exp(1j * va), np.arange(len(vm))
    terms = v[y.row] * (y.data * v[y.col]).conj()
    angle = np.concatenate([-1j * terms, 1j * power])
    magnitude = np.concatenate([terms / vm[y.col], power / vm])
    return np.concatenate([y.row, each]), np.concatenate([y.col, each]), angle, magnitude
