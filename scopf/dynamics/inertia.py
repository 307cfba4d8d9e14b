"""Signs of the real parts of eigenvalues, from sparse factors where they tell."""

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
_COLUMNS = 256  # of a Schur complement that are dense at a time
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


def left_eigenvalues(matrix: sparse.csc_array) -> int | None:
    """Number of eigenvalues with a negative real part of a square sparse matrix.

    Where its symmetric part is positive definite there is none. Otherwise the eigenvalues are
    computed densely.

    Returns:
        The number; None when the matrix is too large for that.
    """
    if negatives((0.5 * (matrix + matrix.T)).tocsc()) == 0:
        return 0
    size = matrix.shape[0]
    if size > _DENSE:
        log.warning("the eigenvalues of a matrix of %d rows were not counted", size)
        return None
    return int((dense.eigvals(matrix.toarray()).real < 0).sum())


def schur_complement(matrix: sparse.csc_array, places: Ints) -> sparse.csc_array | None:
    """A matrix with some of its variables eliminated.

    Args:
        matrix: square.
        places: of the rows and columns to eliminate.

    Returns:
        The matrix of the others; None when the block of `places` is singular.
    """
    from scipy.sparse import linalg

    kept, rows = np.setdiff1d(np.arange(matrix.shape[0]), places), matrix.tocsr()
    own, back = (rows[kept][:, part] for part in (kept, places))
    there, inner = (rows[places][:, part].tocsc() for part in (kept, places))
    if not len(places):
        return own.tocsc()
    try:
        lu = linalg.splu(inner)
    except RuntimeError:  # "Factor is exactly singular"
        return None
    used = np.flatnonzero(np.diff(there.indptr))
    for columns in np.split(used, range(_COLUMNS, len(used), _COLUMNS)):
        update = (back @ sparse.csc_array(lu.solve(there[:, columns].toarray()))).tocoo()
        place = update.row, columns[update.col]
        own = own - sparse.coo_array((update.data, place), shape=own.shape).tocsr()
    return own.tocsc()
