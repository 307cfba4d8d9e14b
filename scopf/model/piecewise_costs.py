"""Convex piecewise-linear costs: a variable above all lines of its function.

    minimise  sigma y   subject to   y >= (s_k x + c_k) / sigma   for every segment k

with s_k and c_k slope and intercept of the segments, and sigma the steepest of the slopes: y and
its rows are then of the size of a power. As the cost drives y down, it is the function (the
"constrained cost variable" method of the MATPOWER manual, section 6.4.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Constraint, Expression, Index, Variable
from scopf.engine.templates import Node
from scopf.network import piecewise
from scopf.network.piecewise import Lines

_ABOVE = 0.01  # p.u. by which y starts above its lines


def polynomial(coefficients: Mapping[int, Any], x: Node) -> Node:
    """sum_k c_k x^k over the powers k that are there."""
    return sum(c * x**k for k, c in coefficients.items())


@dataclass(frozen=True, eq=False)
class Segments:
    """The lines of the members of a table whose cost has more than one.

    Attributes:
        lines: all lines.
        owners: members that have lines, each once.
        place: of each line in `owners`.
        scale: sigma of each owner.
    """

    lines: Lines
    owners: Ints
    place: Ints
    scale: Floats

    @classmethod
    def of(cls, lines: Lines) -> Self:
        """Lines with their scales."""
        owners, place = np.unique(lines.owner, return_inverse=True)
        scale = np.zeros(len(owners))
        np.maximum.at(scale, place, np.abs(lines.slope))
        return cls(lines, owners, place, scale)

    def height(self, x: Floats) -> Floats:
        """The least y at powers x of all members."""
        found = np.full(len(self.owners), -np.inf)
        np.maximum.at(found, self.place, self.lines.values(x))
        return found / self.scale

    def below(self, x: Floats, y: Floats) -> Floats:
        """By how much y is below each line, shape (lines,); zero where it is not."""
        line: Floats = self.lines.values(x) / self.scale[self.place]
        return np.maximum(line - y[self.place], 0.0)


@dataclass(frozen=True, eq=False)
class EpigraphCost:
    """The cost of a power x of each member of a table, polynomial or piecewise linear.

    Attributes:
        x: the power.
        coefficients: by order, shape (n, k), functions of a single line included.
        given: coefficients and points as the table has them, for a check.
        segments: of the members that have more than one line.
        epigraph: their variables y; None where no member has more than one line.
        rows: y above each line.
        level: sigma y as an expression in each member's row; the number 0 without lines.
    """

    x: Variable
    coefficients: Floats
    given: tuple[Floats, Floats]
    segments: Segments | None
    epigraph: Variable | None
    rows: Constraint | None
    level: Node

    @classmethod
    def declare(
        cls, f: Formulation, x: Variable, index: Index, coefficients: Floats, points: Floats
    ) -> Self:
        """Declare `<x>_level`, `<x>_segment` and `<x>_level_cost` for members that have points."""
        given = coefficients, points
        if not points.shape[1]:
            return cls(x, coefficients, given, None, None, None, 0)
        coefficients, lines = piecewise.simplified(points, coefficients)
        segments = Segments.of(lines)
        if not len(segments.owners):
            return cls(x, coefficients, given, None, None, None, 0)
        owner, place = segments.owners, segments.place
        each, name = segments.scale[place], x.name
        owners = f.index(f"{name}_piecewise", [index.keys[i] for i in owner.tolist()])
        first = np.searchsorted(place, np.arange(len(owner)))
        number = np.arange(len(place)) - first[place] + 1
        members = (index.keys[i] for i in lines.owner.tolist())
        keys = f.index(f"{name}_line", list(zip(members, number.tolist(), strict=True)))
        start = segments.height(x.start) + _ABOVE
        y = f.variable(f"{name}_level", owners, lower=-np.inf, upper=np.inf, start=start)
        above = y[place] - f.data(lines.slope / each) * x[lines.owner]
        rows = f.constraint(f"{name}_segment", keys, above, lower=lines.intercept / each)
        priced: Expression = f.expression(
            f"{name}_level_cost", owners, f.data(segments.scale) * y[:]
        )
        level = priced.total(owner, len(index))
        return cls(x, coefficients, given, segments, y, rows, level)

    def of(self, f: Formulation, x: Variable) -> Node:
        """The cost of each member, an expression."""
        orders = {k: f.data(c) for k, c in enumerate(self.coefficients.T) if c.any()}
        return polynomial(orders, x[:]) + self.level

    @property
    def definitions(self) -> Sequence[Constraint]:
        """The rows of the segments."""
        return () if self.rows is None else (self.rows,)

    def residuals(self) -> dict[Constraint, Floats]:
        """By how much y is below each line at the present point."""
        if self.segments is None or self.epigraph is None or self.rows is None:
            return {}
        return {self.rows: self.segments.below(self.x.value, self.epigraph.value)}

    def value(self, x: Floats) -> Floats:
        """Cost of the power x of every member, as the table has it (Horner's rule)."""
        coefficients, points = self.given
        value = np.zeros(len(x))
        for column in coefficients.T[::-1]:
            value = value * x + column
        return value + piecewise.value(points, x)

    def starts(self, found: Mapping[str, Floats]) -> dict[str, Floats]:
        """Values y that fit where the powers start."""
        if self.segments is None or self.epigraph is None:
            return {}
        x = found.get(self.x.name, self.x.start)
        return {self.epigraph.name: self.segments.height(x) + _ABOVE}
