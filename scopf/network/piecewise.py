"""Piecewise-linear functions given by points: n functions at once, arrays filled up with NaN.

A convex one is the largest of its segments, each extended to a line; so its first and last segment
go on beyond the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scopf.arrays import Flags, Floats, Ints

_SAME = 1e-9  # relative to the steepest: slopes that rise by less are equal
_PADDED = 2_000_000  # points of an array, unless an eighth of them is given
_ROUNDED = 1e-4  # relative to it, too: slopes that fall by less fall since points are rounded


class PointsError(ValueError):
    """More points than an array has room for."""


@dataclass(frozen=True, eq=False)
class Lines:
    """Segments of convex functions, those of equal slope merged: slope x + intercept.

    Attributes:
        owner: row of the function that each belongs to, in order.
        slope, intercept: of each.
    """

    owner: Ints
    slope: Floats
    intercept: Floats

    def values(self, x: Floats) -> Floats:
        """Each line where the variable of its function is; x has one entry for each function."""
        return self.slope * x[self.owner] + self.intercept


def table_of(curves: Sequence[Sequence[Sequence[float]]]) -> Floats:
    """Points of n functions as one array of shape (n, k, 2), filled up with NaN.

    Args:
        curves: the points of each function.

    Raises:
        PointsError: where one function has so many points that filling up the others would take
            much more memory than all points do.
    """
    given, most = sum(map(len, curves)), max(map(len, curves), default=0)
    if len(curves) * most > max(_PADDED, 8 * given):
        text = f"{most:,} points are too many for one cost in a table of {len(curves):,} rows"
        raise PointsError(f"{text}, in which every row takes as much memory: give fewer")
    points: Floats = np.full((len(curves), most, 2), np.nan)
    for row, curve in enumerate(curves):
        if len(curve):
            points[row, : len(curve)] = curve
    return points


def count(points: Floats) -> Ints:
    """Number of points up to the last one, shape (n,), of points of shape (n, k, 2)."""
    k = points.shape[1]
    there = ~np.asarray(np.isnan(points).all(axis=2))
    last = k - np.argmax(there[:, ::-1], axis=1) if k else np.zeros(len(points), dtype=np.int64)
    return np.where(there.any(axis=1), last, 0)


def has(points: Floats) -> Flags:
    """Mask of the rows that have a function, shape (n,)."""
    return np.asarray(count(points) > 0)


def bends_down(points: Floats) -> Flags:
    """Mask of the functions that are not convex, shape (n,)."""
    slopes, steepest = _slopes(points)
    with np.errstate(invalid="ignore"):
        falls = np.diff(slopes, axis=1) < -_ROUNDED * steepest[:, None]
    return np.asarray(falls.any(axis=1))


def lines(points: Floats) -> Lines:
    """Segments of all functions, one after the other."""
    slopes, steepest = _slopes(points)
    with np.errstate(invalid="ignore"):
        steeper = np.diff(slopes, axis=1) > _SAME * steepest[:, None]
    first = ~np.isnan(slopes[:, :1])
    owner, k = np.nonzero(np.concatenate([first, steeper], axis=1))
    slope = slopes[owner, k]
    return Lines(owner, slope, points[owner, k, 1] - slope * points[owner, k, 0])


def value(points: Floats, x: Floats) -> Floats:
    """Values of all functions, shape (n,), zero where there is none."""
    if not points.shape[1]:
        return np.zeros(len(x))
    found, segments = np.full(len(x), -np.inf), lines(points)
    np.maximum.at(found, segments.owner, segments.values(x))
    return np.where(has(points), found, 0.0)


def simplified(points: Floats, polynomial: Floats) -> tuple[Floats, Lines]:
    """Functions of a single line as polynomials, and the lines of the others.

    Args:
        points: of shape (n, k, 2).
        polynomial: coefficients by order, shape (n, m), zero where there are points.
    """
    found = lines(points)
    single = (np.bincount(found.owner, minlength=len(points)) == 1)[found.owner]
    table, at = polynomial.copy(), found.owner[single]
    table[at, 0] += found.intercept[single]
    table[at, 1] += found.slope[single]
    kept = ~single
    return table, Lines(found.owner[kept], found.slope[kept], found.intercept[kept])


def _slopes(points: Floats) -> tuple[Floats, Floats]:
    """Slope of every segment, shape (n, k - 1), and size of the steepest, (n,)."""
    with np.errstate(all="ignore"):
        run, rise = np.diff(points[:, :, 0], axis=1), np.diff(points[:, :, 1], axis=1)
        slopes = rise / run
    return slopes, np.fmax.reduce(np.abs(slopes), axis=1, initial=0.0)
