"""Bounds on eigenvalues of any system, from the numerical range of its matrix.

For A = T M T^-1 with the matrix M of the states and any diagonal T, an eigenvalue has a real part
of at most the largest eigenvalue of (A + A^T)/2, and an imaginary part of at most that of
j (A^T - A)/2 in size (Bendixson). T balances rows and columns (Chen and Demmel 2000), so that the
bounds are not far from what they bound. The network is eliminated by sparse factors: only products
with M and its transpose are needed.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scopf.arrays import Floats
    from scopf.dynamics.dae import System

log = logging.getLogger(__name__)

_SAFETY = 1.05  # on bounds that Lanczos' method approaches from below
_BALANCINGS = 30
_SMALL = 20  # states up to which the matrices are dense


def bounds(system: System) -> tuple[float, float]:
    """Bounds on the imaginary and the real part of the eigenvalues of a system, rad/s."""
    product = _Product(system)
    scale = balance(product, system.states)

    def symmetric(x: Any) -> Any:
        x = x.ravel()
        return 0.5 * (scale * product(x / scale) + product(scale * x, "T") / scale)

    def skew(x: Any) -> Any:
        x = x.ravel()
        return -0.5j * (scale * product(x / scale) - product(scale * x, "T") / scale)

    size = system.states
    top = _largest(skew, size, np.complex128)
    right = _largest(symmetric, size, np.float64)
    return top, max(right, 0.0)


class _Product:
    """Products with the matrix of the states and its transpose.

    Args:
        system: any.
    """

    def __init__(self, system: System) -> None:
        k, rows = system.states, system.matrix.tocsr()
        self._own, self._there = rows[:k, :k], rows[:k, k:]
        self._back, self._inner = rows[k:, :k], system.inner

    def __call__(self, x: Any, trans: str = "N") -> Any:
        own, there, back = self._own, self._there, self._back
        if trans == "T":
            own, there, back = own.T, back.T, there.T
        if self._inner is None:
            return own @ x
        right = back @ x
        if np.iscomplexobj(right):
            both = self._inner.solve(np.stack([right.real, right.imag], axis=1), trans)
            return own @ x - there @ (both[:, 0] + 1j * both[:, 1])
        return own @ x - there @ self._inner.solve(right, trans)


def balance(product: Any, size: int) -> Floats:
    """Diagonal of T, for which rows and columns of T M T^-1 are of about the same size."""
    scale, rng = np.ones(size), np.random.default_rng(0)
    for _ in range(_BALANCINGS):
        signs = rng.choice([-1.0, 1.0], size)
        row = abs(scale * product(signs / scale))
        column = abs(product(scale * signs, "T") / scale)
        both = (row > 0) & (column > 0)
        scale[both] *= np.sqrt(np.clip(column[both] / row[both], 1e-4, 1e4))
    return scale


def _largest(action: Any, size: int, dtype: type) -> float:
    """Largest eigenvalue of a Hermitian map, with a little more for safety."""
    from scipy.sparse import linalg

    if size <= _SMALL:
        columns = np.stack([action(column.astype(dtype)) for column in np.eye(size)], axis=1)
        found = float(np.linalg.eigvalsh(columns)[-1])
        return _SAFETY * found if found > 0 else found
    operator = linalg.LinearOperator((size, size), matvec=action, dtype=dtype)
    start: Any = np.random.default_rng(0).standard_normal(size).astype(dtype)
    options = {"v0": start, "return_eigenvectors": False, "tol": 1e-2, "ncv": min(size, 40)}
    try:
        found = float(linalg.eigsh(operator, 1, which="LA", maxiter=300, **options)[0])
    except linalg.ArpackNoConvergence:  # then the largest of either sign, which is easier
        log.info("a bound on the modes is not sharp")
        found = abs(float(linalg.eigsh(operator, 1, which="LM", **options)[0]))
    return _SAFETY * found if found > 0 else found
