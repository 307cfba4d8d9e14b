"""Cost tables of a pandapower net: polynomials and segments, by element."""

from __future__ import annotations

import numbers
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from scopf.arrays import Floats
from scopf.cases.pandapower.elements import row_faults
from scopf.errors import Fault
from scopf.network import piecewise

Points = list[tuple[float, float]]


@dataclass
class Cost:
    """Cost of one element, of its own P and Q in MW and MVAr (a load's are what it draws).

    Attributes:
        p, q: coefficients of order 0, 1 and 2.
        p_points, q_points: (power, cost per hour) of piecewise-linear ones; empty without.
    """

    p: tuple[float, float, float] = (0.0, 0.0, 0.0)
    q: tuple[float, float, float] = (0.0, 0.0, 0.0)
    p_points: Points = field(default_factory=list)
    q_points: Points = field(default_factory=list)


Costs = dict[tuple[str, int], Cost]


def read(tables: dict[str, pd.DataFrame], faults: list[Fault]) -> Costs:
    """Costs by (table, index) of the element."""
    found: Costs = {}
    repeated: set[tuple[str, int, str]] = set()
    for name in ("poly_cost", "pwl_cost"):
        table = tables[name]
        unknown = [
            et != "" and number not in tables[et].index
            for et, number in zip(table["et"], table["element"], strict=True)
        ]
        text = "there is no {} {}"
        faults += row_faults(
            name, table, unknown, text, table["et"], table["element"], column="element"
        )
    line: Any
    for row, line in enumerate(tables["poly_cost"].itertuples()):
        cost = found.setdefault((line.et, line.element), Cost())
        p = (line.cp0_eur, line.cp1_eur_per_mw, line.cp2_eur_per_mw2)
        q = (line.cq0_eur, line.cq1_eur_per_mvar, line.cq2_eur_per_mvar2)
        for letter, given in (("p", p), ("q", q)):
            if any(given):
                setattr(cost, letter, given)
                _once(repeated, "poly_cost", row, line, letter, faults)
    for row, line in enumerate(tables["pwl_cost"].itertuples()):
        cost = found.setdefault((line.et, line.element), Cost())
        points = _points(line.points)
        if isinstance(points, str):
            label = f"pwl_cost {line.Index}"
            faults.append(Fault(points, "pwl_cost", row + 1, label, "points"))
        elif line.power_type:
            setattr(cost, f"{line.power_type}_points", points)
            _once(repeated, "pwl_cost", row, line, line.power_type, faults)
    return found


def _once(
    repeated: set[tuple[str, int, str]],
    name: str,
    row: int,
    line: Any,
    letter: str,
    faults: list[Fault],
) -> None:
    key = (line.et, line.element, letter)
    if key in repeated:
        text = f"{line.et} {line.element} has another cost of {letter} already"
        faults.append(Fault(text, name, row + 1, f"{name} {line.Index}", "element"))
    repeated.add(key)


def _points(segments: Any) -> Points | str:
    """Points of consecutive segments [from, to, slope], or what is wrong with them."""
    try:
        rows = [[_finite(cell) for cell in segment] for segment in segments]
    except (TypeError, OverflowError):
        rows = []
    if not rows or any(len(row) != 3 for row in rows):
        return "points must be a list of segments [from, to, slope] of finite numbers"
    at, _, slope = rows[0]
    points = [(at, at * slope)]
    for start, end, slope in rows:
        if start != points[-1][0]:
            return f"a segment begins at {start:g} and the one before ends at {points[-1][0]:g}"
        if not end > start:
            return f"a segment must end above its beginning, got {start:g} and {end:g}"
        points.append((end, points[-1][1] + (end - start) * slope))
    return points


def _finite(cell: Any) -> float:
    if not isinstance(cell, numbers.Real) or isinstance(cell, bool) or not np.isfinite(float(cell)):
        raise TypeError
    return float(cell)


def coefficients(costs: list[Cost], letter: str, signs: Floats, base: float) -> Floats:
    """Coefficients of the injected power in per unit, shape (n, 3)."""
    given = np.array([getattr(cost, letter) for cost in costs]).reshape(len(costs), 3)
    scaled: Floats = given * base ** np.arange(3) * np.column_stack([signs**0, signs, signs**2])
    return scaled


def points(costs: list[Cost], letter: str, signs: Floats, base: float) -> Floats:
    """Points of the injected power in per unit, shape (n, k, 2), filled up with NaN.

    Raises:
        PointsError: for more than an array has room for.
    """
    given = [getattr(cost, f"{letter}_points") for cost in costs]
    return piecewise.table_of(
        [
            [(power / base, cost) for power, cost in sorted((sign * p, c) for p, c in line)]
            for line, sign in zip(given, signs, strict=True)
        ]
    )
