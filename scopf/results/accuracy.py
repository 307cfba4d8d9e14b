"""Errors of a solution in the original problem, and the status that they allow.

A solver's word is about a scaled problem with bounds slightly relaxed. Here the point that is
handed out is put into the original one: every family of limits, the gradient of the Lagrangian,
complementarity, and the cost out of the tables (`scopf.results.violations`). A result is called
optimal if

- no row or bound is violated by more than 1e-6 (per unit, rad),
- the gradient of the Lagrangian, complementarity and the recomputed cost are zero, or equal, to
  1e-6 of the size of what is added up there;

with 1e-4 instead of 1e-6 it is called acceptable, and beyond it has failed. This holds whatever
tolerance the solver was given, so that the words always mean the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.engine.symbols import Constraint, Variable, member
from scopf.optimizer.status import Status
from scopf.results import violations
from scopf.results.violations import OTHER, Family

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Floats
    from scopf.engine.nlp import NLP
    from scopf.model.problem import Problem
    from scopf.optimizer.status import Outcome
    from scopf.stability.rows import Stability

OPTIMAL, ACCEPTABLE = 1e-6, 1e-4  # what is tolerated under these names


@dataclass(frozen=True)
class Accuracy:
    """Errors of a point and its multipliers in the original problem.

    Attributes:
        families: limits by kind, each with its largest violation and where that is.
        dual: largest entry of the gradient of the Lagrangian, relative to the terms that have to
            cancel there (at least the largest slope of the cost).
        dual_where: variable of that entry.
        gap: largest product of a multiplier and the slack of its limit, relative to the cost.
        gap_where: row or variable of it.
        cost: recomputed from the tables, currency/h; NaN with an objective of the user's own.
        cost_error: relative difference to the solver's objective; NaN where `cost` is.
    """

    families: tuple[Family, ...]
    dual: float
    dual_where: str
    gap: float
    gap_where: str
    cost: float
    cost_error: float

    @property
    def worst(self) -> Family:
        """The family with the largest violation."""
        none = Family(OTHER, 0, 0.0, "")
        return max(self.families, key=lambda one: _order(one.violation), default=none)

    @property
    def violation(self) -> float:
        """Largest violation of all (per unit, rad)."""
        return self.worst.violation

    @property
    def status(self) -> Status:
        """Status that the errors allow: optimal, acceptable or failed."""
        error = max(_order(value) for value, _ in self._errors())
        if error <= OPTIMAL:
            return Status.OPTIMAL
        return Status.ACCEPTABLE if error <= ACCEPTABLE else Status.FAILED

    @property
    def complaint(self) -> str:
        """The largest error as a sentence; empty if the point is an optimum."""
        value, text = max(self._errors(), key=lambda one: _order(one[0]))
        return "" if _order(value) <= OPTIMAL else text

    def _errors(self) -> list[tuple[float, str]]:
        worst = self.worst
        errors = [
            (worst.violation, worst.complaint),
            (self.dual, f"the cost could fall along {self.dual_where} ({self.dual:.2g})"),
            (self.gap, f"{self.gap_where} is priced without binding ({self.gap:.2g})"),
        ]
        if not np.isnan(self.cost):
            text = f"the tables give a cost of {self.cost:.8g} ({self.cost_error:.2g} away)"
            errors.append((self.cost_error, text))
        return errors

    @property
    def table(self) -> pd.DataFrame:
        """One row for each family and each other error: rows, largest error, where."""
        import pandas as pd

        rows: list[tuple[str, int | None, float, str]] = [
            (one.name, one.rows, one.violation, one.where) for one in self.families
        ]
        rows.append(("dual residual", None, self.dual, self.dual_where))
        rows.append(("complementarity", None, self.gap, self.gap_where))
        rows.append(("cost", None, self.cost_error, ""))
        table = pd.DataFrame(rows, columns=["check", "rows", "error", "where"])
        return table.astype({"rows": "Int64"})

    def as_dict(self) -> dict[str, Any]:
        """The largest errors as plain values; None for what is not a number."""
        found: dict[str, float] = {
            "violation": self.violation,
            "dual": self.dual,
            "complementarity": self.gap,
            "cost_error": self.cost_error,
        }
        plain: dict[str, Any] = {k: v if np.isfinite(v) else None for k, v in found.items()}
        return {**plain, "where": self.worst.where}

    def __str__(self) -> str:
        where = f" at {self.worst.where}" if self.worst.where else ""
        cost = "" if np.isnan(self.cost) else f", cost {self.cost_error:.1e}"
        return (
            f"violation {self.violation:.1e}{where}, dual residual {self.dual:.1e}, "
            f"complementarity {self.gap:.1e}{cost}"
        )


def measure(problem: Problem, nlp: NLP, found: Outcome, stability: Stability) -> Accuracy:
    """Check a result, which the formulation has taken over.

    Args:
        problem: the one that was solved.
        nlp: the compiled problem.
        found: the solver's result.
        stability: the criterion at the point.
    """
    x, multipliers = found.x, (found.rows, found.lower, found.upper)
    with np.errstate(all="ignore"):
        at = problem.opf.point(problem.reduction)
        cost, objective = violations.cost(problem, at), nlp.objective(x)
        objective = -objective if nlp.maximize else objective
        size = max(1.0, abs(objective))
        dual, column = _dual(nlp, x, *multipliers)
        gap, place = _gap(nlp, x, *multipliers)
        families = violations.families(problem, nlp, x, stability, at)
    return Accuracy(
        families=tuple(families),
        dual=dual,
        dual_where=_column_name(problem, nlp, column) if nlp.n else "",
        gap=gap / size,
        gap_where=_limit_name(problem, nlp, place),
        cost=cost,
        cost_error=abs(cost - objective) / size,
    )


def _order(value: float) -> float:
    """For comparing: what is no number is worse than any."""
    return np.inf if np.isnan(value) else value


def _dual(nlp: NLP, x: Floats, rows: Floats, lower: Floats, upper: Floats) -> tuple[float, int]:
    """Largest entry of the gradient of the Lagrangian, relative, and its column."""
    if not nlp.n:
        return 0.0, 0
    gradient = nlp.gradient(x)
    at, to = nlp.jacobianstructure()
    terms = nlp.jacobian(x) * rows[at]
    left = gradient + np.bincount(to, terms, nlp.n) - lower + upper
    size = np.bincount(to, np.abs(terms), nlp.n) + np.abs(lower - upper)
    size = np.maximum(size, max(1.0, float(np.abs(gradient).max())))
    error = np.abs(left) / size
    worst = int(np.argmax(np.where(np.isnan(error), np.inf, error)))
    return float(error[worst]), worst


def _gap(nlp: NLP, x: Floats, rows: Floats, lower: Floats, upper: Floats) -> tuple[float, int]:
    """Largest product of multiplier and slack, and its place: rows, then variables.

    A multiplier where there is no limit counts in full.
    """
    g = nlp.constraints(x)
    slack = np.concatenate(
        [np.where(rows > 0, nlp.g_upper - g, g - nlp.g_lower), x - nlp.x_lower, nlp.x_upper - x]
    )
    size = np.abs(np.concatenate([rows, lower, upper]))
    product = size * np.where(np.isinf(slack), 1.0, np.abs(slack))
    if not len(product):
        return 0.0, 0
    worst = int(np.argmax(np.where(np.isnan(product), np.inf, product)))
    return float(product[worst]), worst


def _limit_name(problem: Problem, nlp: NLP, place: int) -> str:
    """Name of a row, or of a bound (places after the rows)."""
    if place < nlp.m:
        return _row_name(problem, nlp, place)
    if not nlp.n:
        return ""
    side, column = divmod(place - nlp.m, nlp.n)
    return f"{_column_name(problem, nlp, column)} at its {('lower', 'upper')[side]} bound"


def _row_name(problem: Problem, nlp: NLP, row: int) -> str:
    """Name of a row; those of all others are made only if no family has it."""
    for symbol in problem.formulation.of_kind(Constraint):
        found = np.flatnonzero(nlp.row_numbers(symbol.name) == row)
        if len(found):
            return member(symbol, int(found[0]))
    return nlp.row_names[row]


def _column_name(problem: Problem, nlp: NLP, column: int) -> str:
    """Name of a column; the Pyomo model is not made for it."""
    for symbol in problem.formulation.of_kind(Variable):
        found = np.flatnonzero(nlp.columns(symbol.name) == column)
        if len(found):
            return member(symbol, int(found[0]))
    variables = nlp.variables
    return variables[column].name if column < len(variables) else "a lifted variable"
