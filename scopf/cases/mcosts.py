"""Cost rows of a MATPOWER case file as coefficients and points.

Points of a convex function are mostly written with a few decimals, and then the slopes between them
may fall a little. They are made convex where rounding explains the change: points above the largest
convex function below them are lowered to it, by no more than the unit of the last decimal of the
costs plus that of the powers times the steepest slope. Numbers with fewer than two decimals are
taken to be exact.
"""

from __future__ import annotations

import numpy as np

from scopf.arrays import Floats
from scopf.cases.approximations import Approximations
from scopf.cases.mformat import PIECEWISE, POLYNOMIAL
from scopf.errors import Fault, listing

_LEAST, _MOST = 2, 10  # decimals of numbers that are taken to be rounded
_SAME = 1e-9  # relative to the steepest: slopes that fall by less are equal
_ROUNDED = 1e-4  # relative to it: slopes that fall by less are taken for rounded, whatever decimals


def arrays(
    table: str, rows: Floats, base: float, faults: list[Fault], notes: Approximations
) -> tuple[Floats, Floats]:
    """Coefficients of x^k and points (x, cost) of every row, x in per unit.

    Args:
        table: name of the table.
        rows: of the file.
        base: MVA of the system.
        faults: gets those of the rows.
        notes: gets a sentence on points that were moved.
    """
    found = [_cost(table, row, number, faults) for number, row in enumerate(rows, 1)]
    _make_convex(table, rows, found, notes)
    linear = [row[0] == PIECEWISE for row in rows]
    width = max(
        [
            3,
            *(
                k + 1
                for row, one in zip(found, linear, strict=True)
                if not one
                for k, c in enumerate(row)
                if c
            ),
        ]
    )
    most = max([0, *(len(row) // 2 for row, one in zip(found, linear, strict=True) if one)])
    coefficients, points = np.zeros((len(rows), width)), np.full((len(rows), most, 2), np.nan)
    for k, (row, one) in enumerate(zip(found, linear, strict=True)):
        if one:
            points[k, : len(row) // 2] = np.reshape(row, (-1, 2))
        else:
            coefficients[k, : len(row)] = row[:width]
    points[:, :, 0] /= base
    return coefficients * cost_units(base, width), points


def _make_convex(table: str, rows: Floats, found: list[list[float]], notes: Approximations) -> None:
    """Lower points of piecewise costs where their rounding explains that slopes fall."""
    moved, most, most_mw = list[int](), 0.0, 0.0
    for number, row in enumerate(found):
        if rows[number, 0] != PIECEWISE or len(row) < 6:
            continue
        x, y = np.reshape(row, (-1, 2)).T
        if not (np.diff(x) > 0).all():
            continue
        slopes = np.diff(y) / np.diff(x)
        steepest, fall = float(np.abs(slopes).max()), -float(np.diff(slopes).min())
        if not _SAME * steepest < fall < np.inf:
            continue
        lowered = _convex(x, y)
        change = float((y - lowered).max())
        if change <= _unit(y) + _unit(x) * steepest or fall <= _ROUNDED * steepest:
            found[number] = np.column_stack([x, lowered]).ravel().tolist()
            moved.append(number + 1)
            most, most_mw = max(most, change), max(most_mw, change / steepest)
    if moved:
        notes.add(
            f"{table}: the points of {len(moved)} of the costs are lowered, within their rounding, "
            f"to make them convex (the largest change is {most_mw:.2g} MW at the steepest slope, "
            f"or {most:.2g} of cost): row {listing(moved, most=5)}"
        )


def _convex(x: Floats, y: Floats) -> Floats:
    """Values of the largest convex function below the points (x, y), x increasing."""
    kept = list[int]()
    for k in range(len(x)):
        while len(kept) > 1:
            i, j = kept[-2:]
            if (y[j] - y[i]) * (x[k] - x[i]) < (y[k] - y[i]) * (x[j] - x[i]):
                break
            kept.pop()
        kept.append(k)
    lowered: Floats = np.minimum(y, np.interp(x, x[kept], y[kept]))
    return lowered


def _unit(values: Floats) -> float:
    """Unit of the last decimal of numbers, zero where they are taken to be exact."""
    numbers = values.tolist()
    decimals = next((d for d in range(_MOST) if all(round(v, d) == v for v in numbers)), _MOST)
    return 10.0**-decimals if _LEAST <= decimals < _MOST else 0.0


def cost_units(base: float, width: int) -> Floats:
    """base^k: what turns a coefficient of (MW)^k into one of (p.u.)^k."""
    return np.power(base, np.arange(width))


def _cost(table: str, row: Floats, number: int, faults: list[Fault]) -> list[float]:
    """Coefficients of one polynomial cost row, constant first, or x1, y1, x2, y2, ... of points."""
    model, count = row[0], row[3]
    points = model == PIECEWISE
    what, least = ("points", 2) if points else ("coefficients", 1)
    fault = ""
    if model not in (PIECEWISE, POLYNOMIAL):
        fault = f"cost model {model:g} is neither piecewise-linear (1) nor polynomial (2)"
    elif not (count >= least and count == np.round(count)):
        fault = f"the number of {what} must be {least} or more, got {count:g}"
    elif not 4 + count * (1 + points) <= len(row):
        there = (len(row) - 4) // (1 + points)
        fault = f"has {there} {what} where NCOST says {count:g}"
    elif not np.isfinite(row[4 : 4 + int(count) * (1 + points)]).all():
        fault = f"a {what[:-1]} is not a finite number"
    if fault:
        faults.append(Fault(fault, table, number))
        return []
    if points:
        return [float(c) for c in row[4 : 4 + 2 * int(count)]]
    return [float(c) for c in row[3 + int(count) : 3 : -1]]


def spare_numbers(table: str, rows: Floats) -> list[Fault]:
    """A fault for each row with more numbers than NCOST says; zeros fill up the table."""
    if not len(rows):
        return []
    each = np.where(rows[:, 0] == PIECEWISE, 2, 1)  # a point has two
    count = np.where(rows[:, 3] >= 0, rows[:, 3], np.inf)  # NaN is a fault of its own
    with np.errstate(over="ignore"):  # 1e308 coefficients are more than any row has, too
        beyond = np.arange(rows.shape[1]) >= 4 + (each * count)[:, None]
    spare = (beyond & (rows != 0)).sum(axis=1) * np.isin(rows[:, 0], (PIECEWISE, POLYNOMIAL))
    found = []
    for row in np.flatnonzero(spare):
        what = "points" if rows[row, 0] == PIECEWISE else "coefficients"
        text = f"has {what} that are not zero beyond the {count[row]:g} that NCOST says"
        found.append(Fault(text, table, int(row) + 1, column="NCOST"))
    return found
