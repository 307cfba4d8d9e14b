"""Signs of the eigenvalues of symmetric matrices, and of determinants, from sparse factors."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg as dense
from scipy import sparse

if TYPE_CHECKING:
    from scopf.arrays import Ints

log = logging.getLogger(__name__)

SYMMETRIC = "MMD_AT_PLUS_A"  # fill-reducing order for matrices of symmetric pattern
_DENSE = 4000  # rows up to which a dense matrix is the fallback
_SMALL = 1e-8  # relative residual up to which factors without pivoting are trusted


def negatives(matrix: sparse.csc_array) -> int | None:
    """Number of negative eigenvalues of a symmetric sparse matrix.

    By Sylvester's law they are as many as negative pivots of a symmetric factorisation. It is done
    without pivoting, which is not always stable: its residual is looked at, and where it is too
    large, or a pivot off the diagonal had to be taken, the eigenvalues are computed densely.

    Returns:
        The number; None when the sparse factors are of no use and the matrix is too large for dense
        ones.
    """
    size = matrix.shape[0]
    if not size:
        return 0
    for order in (SYMMETRIC, "COLAMD"):
        lu = symmetric_factors(matrix, order)
        if lu is not None and _trusted(matrix, lu):
            return negative_pivots(lu)
    if size > _DENSE:
        log.warning("the signs of a matrix of %d rows could not be found", size)
        return None
    return int((dense.eigvalsh(matrix.toarray()) < 0).sum())


def symmetric_factors(matrix: sparse.csc_array, order: str = SYMMETRIC) -> Any:
    """Sparse factors L D L^T of a symmetric matrix; None when one pivot is not on the diagonal.

    There is no pivoting, so they are not always accurate.

    Args:
        matrix: symmetric.
        order: of elimination, by SuperLU's name.
    """
    from scipy.sparse import linalg

    options = {"SymmetricMode": True, "Equil": False}
    try:
        lu = linalg.splu(matrix, permc_spec=order, diag_pivot_thresh=0.0, options=options)
    except RuntimeError:  # "Factor is exactly singular"
        return None
    return lu if np.array_equal(lu.perm_r, lu.perm_c) else None


def negative_pivots(lu: Any) -> int:
    """Number of negative pivots of symmetric factors."""
    return int((lu.U.diagonal() < 0).sum())


def _trusted(matrix: sparse.csc_array, lu: Any) -> bool:
    """True when the factors solve a linear system with a small residual."""
    right = np.random.default_rng(0).standard_normal(matrix.shape[0])
    x = lu.solve(right)
    residual = abs(matrix @ x - right).max()
    scale = abs(matrix).max() * abs(x).max() + abs(right).max()
    return bool(residual <= _SMALL * scale)


def determinant_sign(lu: Any) -> int:
    """Sign of the determinant of what SuperLU factorised."""
    negative = negative_pivots(lu) + _odd(lu.perm_r) + _odd(lu.perm_c)
    return -1 if negative % 2 else 1


def _odd(permutation: Ints) -> int:
    """1 for an odd permutation, 0 for an even one."""
    n = len(permutation)
    steps = sparse.coo_array((np.ones(n), (np.arange(n), permutation)), shape=(n, n))
    cycles, _ = sparse.csgraph.connected_components(steps, directed=True, connection="weak")
    return (n - int(cycles)) % 2
