"""Whether the price of an inverter's limit is the only one, or one of many.

At an optimum the multipliers y of the rows and bounds that have one satisfy

    grad f + A' y = 0,

A the gradients of these rows and bounds by the free variables. All solutions differ by vectors of
the null space of A'. The price of inverter i is c' y, c the indicator of its rows, and so it is the
only one exactly if c is in the range of A: if the inverter's rows can be moved by one, all others
held. If not, the optimal cost has a kink there, as a function of the limit, and an interior-point
solver ends at some price between the two one-sided slopes.

A row or bound without a multiplier is left out: the solver's multipliers lie inside the set of all
of them, and what is zero there is zero in each. Bounds take their variable out of A.

The part of c outside the range is the residual r of regularised least squares,

    [ delta I    A'      ] [ d ]   [ 0 ]
    [ A         -delta I ] [ z ] = [ c ],    r = -delta z,

one factorisation of the size of a step of the solver. Rows of A have length 1, before bounds take
columns out. Singular values of A below about 1e-5 count as zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from scopf.arrays import Flags, Floats, Ints
from scopf.results.prices import TRACE, Multipliers
from scopf.stability.rows import OwnedRows

SLACK = 1e-6  # slack (1 + |limit|) up to which a priced row or bound is active
_DELTA = 1e-7  # of the regularisation
_OUTSIDE = 1e-4  # of the length of c: a larger part outside the range makes the price one of many


def unique_prices(
    multipliers: Multipliers, x: Floats, rows: Sequence[OwnedRows], count: int
) -> Callable[[], Flags]:
    """Makes flags of the inverters whose price is the only one; all False without a solution.

    Inverters without a price (above `TRACE`) count as such: theirs is zero. So do all of a
    criterion whose rows belong to none of them, the singularity test.

    Args:
        multipliers: of the solver.
        x: its last point.
        rows: those of the inverters, with their owners.
        count: number of inverters.
    """
    if not multipliers.solved:
        return partial(_all, False, count)
    owner, places = _rows_of_inverters(multipliers, rows)
    active = _active_rows(multipliers, x)
    priced = active[places] & (multipliers.rows[places] > TRACE)
    if not priced.any():
        return partial(_all, True, count)
    position = (np.cumsum(active) - 1)[places[priced]]
    return partial(_determined, _gradients(multipliers, x, active), owner[priced], position, count)


def _all(flag: bool, count: int) -> Flags:
    return np.full(count, flag)


def _rows_of_inverters(multipliers: Multipliers, rows: Sequence[OwnedRows]) -> tuple[Ints, Ints]:
    """Owner and place among the rows of the problem of every row of an inverter."""
    owners, places = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for one in rows:
        taken = multipliers.active(one.constraint) & (one.owner >= 0)
        owners.append(one.owner[taken])
        places.append(multipliers.nlp.row_numbers(one.constraint.name)[taken])
    return np.concatenate(owners), np.concatenate(places)


def _active_rows(multipliers: Multipliers, x: Floats) -> Flags:
    """Mask of the rows that are equations, or bind and have a multiplier."""
    nlp, dual = multipliers.nlp, multipliers.rows
    limit = np.where(dual > 0, nlp.g_upper, nlp.g_lower)
    equations: Flags = nlp.g_lower == nlp.g_upper
    return equations | _binds(np.abs(dual), nlp.constraints(x), limit)


@dataclass(frozen=True, eq=False)
class Gradients:
    """A, with m rows and n columns.

    Attributes:
        rows, columns, values: of its nonzeros; rows are divided by their lengths.
        length: of the rows, shape (m,).
        n: columns.
    """

    rows: Ints
    columns: Ints
    values: Floats
    length: Floats
    n: int


def _gradients(multipliers: Multipliers, x: Floats, active: Flags) -> Gradients:
    nlp = multipliers.nlp
    bound = _binds(multipliers.lower, x, nlp.x_lower) | _binds(multipliers.upper, x, nlp.x_upper)
    at, to = nlp.jacobianstructure()
    taken = active[at]
    at, to, values = (np.cumsum(active) - 1)[at[taken]], to[taken], nlp.jacobian(x)[taken]
    length = np.sqrt(np.bincount(at, values**2, int(active.sum())))
    length[length == 0] = 1.0
    free = ~bound[to]
    at, to = at[free], (np.cumsum(~bound) - 1)[to[free]]
    return Gradients(at, to, values[free] / length[at], length, int((~bound).sum()))


def _binds(dual: Floats, value: Floats, limit: Floats) -> Flags:
    with np.errstate(invalid="ignore"):
        near: Flags = np.abs(value - limit) <= SLACK * (1.0 + np.abs(limit))
    return near & (dual > TRACE)


def _determined(a: Gradients, owner: Ints, places: Ints, count: int) -> Flags:
    """Flags of the inverters whose c is in the range of A; `places` are those of their rows."""
    found = np.ones(count, dtype=bool)
    inverters, column = np.unique(owner, return_inverse=True)
    m, n = len(a.length), a.n
    c = np.zeros((n + m, len(inverters)))
    c[n + places, column] = 1.0 / a.length[places]
    c /= np.linalg.norm(c, axis=0)
    rows, diagonal = n + a.rows, np.arange(n + m)
    values = np.concatenate([a.values, a.values, np.full(n, _DELTA), np.full(m, -_DELTA)])
    at = np.concatenate([rows, a.columns, diagonal]), np.concatenate([a.columns, rows, diagonal])
    system = sparse.csc_array((values, at), shape=(n + m, n + m))
    outside = _DELTA * np.linalg.norm(linalg.splu(system).solve(c)[n:], axis=0)
    found[inverters[outside > _OUTSIDE]] = False
    return found
