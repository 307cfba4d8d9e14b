"""Violations of the original, unscaled problem at a point, family by family, and its cost.

The package's own rows are recomputed from the tables of the network: every part of the model has a
`residuals` beside its equations that does not use them. Nothing of the compiled problem goes into
these. Rows that a user added or rewrote are taken from the compiled problem.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.engine.formulation import Formulation
from scopf.engine.nlp import NLP
from scopf.engine.symbols import Constraint, Expression, Variable, labelled
from scopf.errors import ScopfError
from scopf.model.limits import excess
from scopf.model.part import OperatingPoint, Part
from scopf.model.problem import Problem
from scopf.stability.rows import Stability

OTHER = "other rows"  # of users, and definitions of lifted variables
BOUNDS = "other bounds"  # of users' variables
MARGIN = "stability margin"  # of the inverters, as the criterion computes it


@dataclass(frozen=True)
class Family:
    """Rows or bounds of one kind, and the worst of them.

    Attributes:
        name: of the constraint or variable on the Pyomo model.
        rows: their number.
        violation: largest, in the unit of the row (per unit, rad), of users' rows and bounds
            relative to a limit above 1; 0 where all are met.
        where: name of that row; empty where all are met.
    """

    name: str
    rows: int
    violation: float
    where: str

    @property
    def complaint(self) -> str:
        """The largest violation as a sentence."""
        return f"{self.where} is violated by {self.violation:.2g}"


def families(
    problem: Problem, nlp: NLP, x: Floats, stability: Stability, at: OperatingPoint | None
) -> list[Family]:
    """Every family of rows and bounds, at the formulation's present values.

    Args:
        problem: the one that was solved.
        nlp: the compiled problem.
        x: the point, shape (n,), which the formulation has taken over.
        stability: the criterion at that point.
        at: the point for checks by the tables; None where there is no network like this.

    Raises:
        ScopfError: when a part of the model has rows and no check of them.
    """
    f = problem.formulation
    known = _residuals(problem, at)
    found = []
    compiled = np.append(_relative(nlp.constraints(x), nlp.g_lower, nlp.g_upper), 0.0)
    families, rest = nlp.once(("rows of families", *f.of_kind(Constraint)), partial(_rows_of, nlp))
    for symbol, places, own in families:
        # A row that has a check is judged by that, any other by the compiled one.
        violation = known.get(symbol)
        if violation is None:
            violation = compiled[places]
        found.append(_worst(symbol.name, np.where(own, violation, 0.0), symbol.keys, own))
    found += _margins(problem, stability)
    for variable, violation, present in _bounds(problem, nlp):
        found.append(_worst(variable.name, violation, variable.keys, present))
    if rest.any():
        violation = np.where(rest, compiled[:-1], 0.0)
        worst = _place(violation)
        where = nlp.row_names[worst] if _wrong(violation[worst]) else ""
        found.append(Family(OTHER, int(rest.sum()), float(violation[worst]), where))
    return found + _other_bounds(problem, nlp, x)


def _rows_of(
    nlp: NLP, key: tuple[str | Constraint, ...]
) -> tuple[list[tuple[Constraint, Ints, Flags]], Flags]:
    """Families with rows, and a mask of the rows that are in none, shape (m,).

    Each family with its places among the rows, and a mask of its members that are rows or hold.
    """
    found, rest = [], np.ones(nlp.m + 1, dtype=bool)
    for symbol in key:
        if isinstance(symbol, str):
            continue
        places = nlp.row_numbers(symbol.name)
        own = ((places >= 0) | nlp.settled(symbol.name)) & ~nlp.replaced(symbol.name)
        rest[places[own]] = False  # -1, for one without a free variable, is the spare place
        if own.any():
            found.append((symbol, places, own))
    return found, rest[:-1]


def _residuals(problem: Problem, at: OperatingPoint | None) -> dict[Constraint, Floats]:
    """Violations of the rows of all parts, for every member.

    None where a user rewrote a named expression, which stands in rows that look untouched, or set a
    grid strength that no network has (`at` is None).
    """
    opf, f = problem.opf, problem.formulation
    if at is None or not as_declared(f.of_kind(Expression), f):
        return {}
    found = dict[Constraint, Floats]()
    for part in opf.parts:
        found |= part.residuals(at)
    if opf.soft is not None:
        for rows, allowed in opf.soft.allowed().items():
            if rows in found:
                found[rows] = np.maximum(found[rows] - allowed, 0.0)
    for part in opf.parts:
        for rows in vars(part).values():
            if isinstance(rows, Constraint) and rows not in found:
                raise ScopfError(_without_check(part, rows))
    return found


def _without_check(part: Part, rows: Constraint) -> str:
    kind = type(part)
    file = f"{kind.__module__.replace('.', '/')}.py"
    return (
        f"the rows {rows.name} of {kind.__name__} have no check; give it a method `residuals` that "
        f"computes their violation from the tables of the network, in {file}"
    )


def _worst(name: str, violation: Floats, keys: Sequence[Any], present: Flags) -> Family:
    worst = _place(violation)
    where = labelled(name, keys[worst]) if _wrong(violation[worst]) else ""
    return Family(name, int(present.sum()), float(violation[worst]), where)


def _place(violation: Floats) -> int:
    """The largest; NaN is larger than any number."""
    return int(np.argmax(np.where(np.isnan(violation), np.inf, violation)))


def _wrong(value: float) -> bool:
    return not value <= 0.0


def _relative(value: Floats, lower: Floats, upper: Floats) -> Floats:
    """By how much values are outside their limits, relative to a limit whose size is above 1."""
    below = (lower - value) / np.maximum(1.0, np.where(np.isinf(lower), 1.0, np.abs(lower)))
    above = (value - upper) / np.maximum(1.0, np.where(np.isinf(upper), 1.0, np.abs(upper)))
    found: Floats = np.maximum(np.maximum(below, above), 0.0)
    return found


def _margins(problem: Problem, stability: Stability) -> list[Family]:
    """Shortfall of each inverter's margin; the criterion computes it from the point again."""
    slack = stability.margin - stability.required
    present = ~np.isnan(slack)
    if not present.any():
        return []
    soft = problem.opf.soft
    if soft is not None:
        slack = slack + soft.of_inverters(len(slack))
    missing = np.where(present, np.maximum(-slack, 0.0), 0.0)
    return [_worst(MARGIN, missing, problem.inverters.bus.tolist(), present)]


def _bounds(problem: Problem, nlp: NLP) -> Iterator[tuple[Variable, Floats, Flags]]:
    """Violations of bounds, fixed variables included: family, of each member, which have any."""
    tables = dict[Variable, tuple[Floats, Floats]]()
    if problem.formulation.rendering is None:  # on a Pyomo model a user may have moved bounds
        for part in problem.opf.parts:
            tables |= part.bounds()
    for symbol in problem.formulation.of_kind(Variable):
        lower, upper = tables.get(symbol, (symbol.lower, symbol.upper))
        used = (nlp.columns(symbol.name) >= 0) | symbol.fixed
        present = used & (np.isfinite(lower) | np.isfinite(upper))
        if present.any():
            yield symbol, np.where(present, excess(symbol.value, lower, upper), 0.0), present


def _other_bounds(problem: Problem, nlp: NLP, x: Floats) -> list[Family]:
    families = problem.formulation.of_kind(Variable)
    rest = np.ones(nlp.n + 1, dtype=bool)
    for symbol in families:
        rest[nlp.columns(symbol.name)] = False  # -1, for one that is fixed, is the spare place
    at = np.flatnonzero(rest[:-1] & (np.isfinite(nlp.x_lower) | np.isfinite(nlp.x_upper)))
    fixed, value, low, high = nlp.fixed_beside(symbol.name for symbol in families)
    bounded = np.flatnonzero(np.isfinite(low) | np.isfinite(high))
    violation = np.concatenate(
        [
            _relative(x[at], nlp.x_lower[at], nlp.x_upper[at]),
            _relative(value[bounded], low[bounded], high[bounded]),
        ]
    )
    if not len(violation):
        return []
    worst, where = _place(violation), ""
    if _wrong(violation[worst]):
        one = nlp.variables[at[worst]] if worst < len(at) else fixed[bounded[worst - len(at)]]
        where = one.name
    return [Family(BOUNDS, len(violation), float(violation[worst]), where)]


def cost(problem: Problem, at: OperatingPoint | None) -> float:
    """Cost of the formulation's present point out of the tables, currency/h.

    NaN where the objective is not the package's own.
    """
    if at is None or not _own_objective(problem.formulation):
        return float("nan")
    return problem.opf.cost(at)


def _own_objective(f: Formulation) -> bool:
    """Whether the objective and the named costs in it are what the package declared."""
    if f.rendering is None:
        return True
    (made,), (member,) = f.rendering.expressions["total_cost"], f.rendering.members["total_cost"]
    component = f.model.component("total_cost")
    if component is not member or not member.active or member.expr is not made:
        return False
    costs = [one for one in f.of_kind(Expression) if "_cost" in one.name]
    return as_declared(costs, f)


def as_declared(expressions: Sequence[Expression], f: Formulation) -> bool:
    """Whether all of these named expressions are what the package declared."""
    made = f.rendering
    if made is None:
        return True
    from pyomo.environ import value

    return all(
        member.expr is given or (isinstance(given, int | float) and value(member.expr) == given)
        for name in (one.name for one in expressions)
        for member, given in zip(made.members[name], made.expressions[name], strict=True)
    )
