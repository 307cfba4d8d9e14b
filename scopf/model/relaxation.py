"""Limits of the model and how they can be relaxed, as a diagnosis asks each part of it.

A limit is one in the user's view: the largest voltage of a bus, the rating of a branch at
both of its ends, all stability rows of an inverter. Relaxed by t, its rows read
g(x) - c t <= upper or g(x) + c t >= lower, and its bounds too. The numbers c make one per cent of
a rating, of an output or of a user's row, .01 p.u. voltage and .01 rad the same t = .01, so that
the sum of all t is a fair price of relaxing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.engine.symbols import Constraint, Variable

_SMALL = 0.1  # share of the mean size of generators below which none counts as smaller


@dataclass(frozen=True, eq=False)
class Effect:
    """The effect of relaxing limits on a family of rows, or on the bounds of variables.

    Attributes:
        family: rows or variables.
        limit: of each member, by its number; -1 for one that no limit acts on.
        c: scaling: relaxing the limit by t moves each member's bound by c t; below zero for an
            upper bound.
    """

    family: Constraint | Variable
    limit: Ints
    c: Floats


@dataclass(frozen=True, eq=False)
class Violation:
    """What relaxing limits by t means as a violation, for limits that may be violated at a price.

    Attributes:
        size: violation of each at t = 1, per unit.
        unit: that users know.
        base: that unit over per unit.
        square: whether the rows have squares, |S|^2/r - 2 r t <= r; a violation s of |S| <= r is
            then t = s/r + (s/r)^2/2, else t = s/size.
    """

    size: Floats
    unit: str
    base: float
    square: bool = False


@dataclass(frozen=True, eq=False)
class Relaxation:
    """Limits of one kind, n of them.

    Attributes:
        name: such as "Vmax" or "stability rows".
        group: kinds that belong together, such as "voltage limits"; empty for one on its own.
        quantity: that relaxes them, such as "m_q".
        unit: of the quantity.
        side: ">=" when a larger value relaxes them, else "<=".
        labels: the elements, such as "bus 36".
        present: values now; NaN for what is no limit.
        needed: value of the i-th when it is relaxed by t.
        effects: on rows and bounds.
        most: largest t of each.
        price: of relaxing one, against other limits.
        factor: whether it is a factor that acts on many rows at once.
        asked: whether it may be tested as the only relaxed limit.
        violation: what relaxing means; None where a violation makes no sense.
    """

    name: str
    group: str
    quantity: str
    unit: str
    side: str
    labels: Sequence[str]
    present: Floats
    needed: Callable[[int, float], float]
    effects: Sequence[Effect]
    most: Floats | float = np.inf
    price: float = 1.0
    factor: bool = False
    asked: bool = True
    violation: Violation | None = None


def of_bounds(
    variable: Variable,
    names: tuple[str, str],
    group: str,
    labels: Sequence[str],
    size: Floats,
    unit: str,
    base: float,
    least: Floats | float = -np.inf,
) -> list[Relaxation]:
    """The lower and the upper bounds of variables.

    Args:
        variable: whose bounds.
        names: of the two limits.
        group: that they belong to.
        labels: of the members.
        size: by which t is measured.
        unit: that users know.
        base: that unit over per unit.
        least: value below which no lower bound makes sense.
    """
    found = []
    everything = np.arange(len(variable))
    for name, ends, side, sign in (
        (names[0], variable.lower, "<=", 1.0),
        (names[1], variable.upper, ">=", -1.0),
    ):
        present = np.where(np.isfinite(ends), ends, np.nan)
        most: Floats | float = (present - least) / size if sign > 0 else np.inf

        def needed(i: int, t: float, present: Floats = present, sign: float = sign) -> float:
            return float(present[i] - sign * size[i] * t) * base

        effect = Effect(variable, everything, sign * size)
        found.append(
            Relaxation(
                name, group, name, unit, side, labels, present * base, needed, (effect,), most,
                violation=Violation(size, unit, base),
            )
        )  # fmt: skip
    return found


def of_squares(
    name: str,
    group: str,
    quantity: str,
    labels: Sequence[str],
    rating: Floats,
    base: float,
    rows: Sequence[Constraint],
) -> Relaxation:
    """Rows |S|^2/r <= r: with 2 r t more slack, |S| is at most r sqrt(1 + 2 t)."""

    def needed(i: int, t: float) -> float:
        return float(rating[i] * base * np.sqrt(1.0 + 2.0 * t))

    effects = [Effect(family, np.arange(len(rating)), -2.0 * rating) for family in rows]
    return Relaxation(
        name, group, quantity, "MVA", ">=", labels, rating * base, needed, effects,
        violation=Violation(rating, "MVA", base, square=True),
    )  # fmt: skip


def of_angles(
    rows: Constraint,
    names: tuple[str, str],
    group: str,
    quantities: tuple[str, str],
    labels: Sequence[str],
    most: float = np.inf,
) -> list[Relaxation]:
    """Rows that keep an angle, in rad, between two limits."""
    found = []
    n = len(rows)
    sides = zip(names, quantities, (rows.lower, rows.upper), ("<=", ">="), (1.0, -1.0), strict=True)
    for name, quantity, ends, side, sign in sides:
        open_ = np.full(n, np.nan)
        present = open_ if ends is None else np.where(np.isfinite(ends), ends, np.nan)

        def needed(i: int, t: float, present: Floats = present, sign: float = sign) -> float:
            return float(np.degrees(present[i] - sign * t))

        effect = Effect(rows, np.arange(n), np.full(n, sign))
        found.append(
            Relaxation(
                name, group, quantity, "degrees", side, labels, np.degrees(present), needed,
                (effect,), most,
            )
        )  # fmt: skip
    return found


def size_of(variable: Variable) -> Floats:
    """Size of the bounds of powers, at least a share of the mean; 1 where all are unbounded."""
    ends = [np.where(np.isfinite(x), np.abs(x), 0) for x in (variable.lower, variable.upper)]
    size = np.maximum(*ends)
    return np.maximum(size, _SMALL * size.mean()) if size.any() else np.ones(len(size))
