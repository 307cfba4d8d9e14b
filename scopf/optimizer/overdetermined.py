"""Problems with more equations than free variables in them: the check of a point.

Where everything is fixed there is nothing to solve: the point fulfils the rows or it does not.
Where some variables are left, but fewer than equations, Ipopt refuses the problem, although the
equations may be consistent (at the point of another solve, say). Then the equations, and rows in
which no variable is left, may be violated at a price,

    minimise  w f(x) + sum(p + q)  subject to  g(x) + p - q within its limits,  p, q >= 0,

which is an exact penalty if w is small enough. If the rows are consistent, p = q = 0; otherwise the
point is one of least violation, and few rows have it. Multipliers are not unique then, and an
optimal cost that exists for one load only has no slope: there are no prices.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import numpy as np

from scopf.optimizer import ipopt
from scopf.optimizer.status import Outcome, Status

if TYPE_CHECKING:
    from scopf.arrays import Floats, Ints
    from scopf.engine.nlp import NLP
    from scopf.optimizer.interfaces import Interface
    from scopf.optimizer.ipopt import Options, Progress
    from scopf.optimizer.strategy import Watch

_PRICE = 10.0  # of a violation, over the steepest slope of the cost
_WEIGHTS = (1.0, 1e-3, 0.0)  # w over the first one, tried until the rows hold
_HOLDS = 1e-6  # sum of p and q up to which they do
_HELD = "the point fulfils all rows, without prices: "


def overdetermined(nlp: NLP) -> bool:
    """Whether there are more equations than free variables in them, or rows without any."""
    equation = nlp.g_lower == nlp.g_upper
    at, to = nlp.jacobianstructure()
    present = np.zeros(nlp.n, dtype=bool)
    present[to[equation[at]]] = True  # weights of a criterion, say, are in no equation
    free = present & (nlp.x_lower < nlp.x_upper)
    return not nlp.n or int(equation.sum()) > int(free.sum()) or len(nlp.unmet) > 0


def reason(nlp: NLP) -> str:
    """Why there is no more than a point to check."""
    if not nlp.n:
        return "every variable is fixed"
    if len(nlp.unmet):
        return "no free variable is left in some rows"
    return "there are more equations than free variables"


def run(
    nlp: NLP,
    start: Floats,
    options: Options,
    watch: Watch,
    progress: Progress | None = None,
    interface: Interface | None = None,
) -> Outcome:
    """The point that violates the rows least; whether they hold is for its check to say.

    Args:
        nlp: the problem.
        start: start point, shape (n,).
        options: of Ipopt, on top of the package's.
        watch: counts iterations, and stops a run that has stalled.
        progress: called after each iteration.
        interface: the way to Ipopt.
    """
    if not nlp.n:
        rows, none, text = np.zeros(nlp.m), np.zeros(0), _HELD + reason(nlp)
        return Outcome(start, rows, none, none, Status.OPTIMAL, text, certain=True, priced=False)
    least = _LeastViolation(nlp, start)
    point, began = start, time.perf_counter()
    for share in _WEIGHTS:
        least.weight = share * least.first
        left = ipopt.remaining(options, watch.iterations, time.perf_counter() - began)
        outcome = ipopt.run(least, least.start(point), left, watch, progress, interface=interface)
        point = outcome.x[: nlp.n]
        watch.goes_on_from(watch.iterations)
        if not outcome.status.solved or outcome.x[nlp.n :].sum() <= _HOLDS:
            break
    scale = least.weight or 1.0
    n, m = nlp.n, nlp.m
    rows, lower, upper = (
        multipliers / scale
        for multipliers in (outcome.rows[:m], outcome.lower[:n], outcome.upper[:n])
    )
    message = _HELD + reason(nlp) if outcome.status.solved else outcome.message
    found = dataclasses.replace(outcome, x=point, rows=rows, lower=lower, upper=upper)
    return dataclasses.replace(found, message=message, priced=False)


class _LeastViolation:
    """The problem with rows that may be violated, as `scopf.optimizer.ipopt.run` takes it.

    Args:
        nlp: the problem.
        start: a point, for the size of the cost.

    Attributes:
        n, m, x_lower, x_upper, g_lower, g_upper: as of an NLP.
        first: weight of the cost that is tried first.
        weight: present weight of the cost.
    """

    def __init__(self, nlp: NLP, start: Floats) -> None:
        self._nlp = nlp
        equation = nlp.g_lower == nlp.g_upper
        equation[nlp.unmet] = True
        self._soft = np.flatnonzero(equation)
        k = len(self._soft)
        self.n, self.m = nlp.n + 2 * k, nlp.m
        self.g_lower, self.g_upper = nlp.g_lower, nlp.g_upper
        self.x_lower = np.concatenate([nlp.x_lower, np.zeros(2 * k)])
        self.x_upper = np.concatenate([nlp.x_upper, np.full(2 * k, np.inf)])
        slopes = np.abs(nlp.gradient(start))
        steepest = float(slopes.max()) if np.isfinite(slopes).all() else 1.0
        self.first = self.weight = 1.0 / (_PRICE * max(1.0, steepest))
        at, to = nlp.jacobianstructure()
        columns = nlp.n + np.arange(2 * k)
        self._structure = (
            np.concatenate([at, self._soft, self._soft]),
            np.concatenate([to, columns]),
        )
        self._signs = np.concatenate([np.ones(k), -np.ones(k)])

    def start(self, x: Floats) -> Floats:
        """The point with p and q that make up for what is missing there."""
        missing = self.g_lower[self._soft] - self._nlp.constraints(x)[self._soft]
        missing = np.where(np.isfinite(missing), missing, 0.0)
        return np.concatenate([x, np.maximum(missing, 0.0), np.maximum(-missing, 0.0)])

    @property
    def row_names(self) -> list[str]:
        """Names of all rows."""
        return self._nlp.row_names

    def objective(self, point: Floats) -> float:
        """Weighted cost, and the sum of all violations."""
        n = self._nlp.n
        return self.weight * self._nlp.objective(point[:n]) + float(point[n:].sum())

    def gradient(self, point: Floats) -> Floats:
        """Its gradient."""
        n = self._nlp.n
        return np.concatenate([self.weight * self._nlp.gradient(point[:n]), np.ones(self.n - n)])

    def constraints(self, point: Floats) -> Floats:
        """The rows, with p added and q subtracted."""
        n = self._nlp.n
        found = self._nlp.constraints(point[:n]).copy()
        k = len(self._soft)
        found[self._soft] += point[n : n + k] - point[n + k :]
        return found

    def jacobian(self, point: Floats) -> Floats:
        """Nonzeros in the order of `jacobianstructure`."""
        return np.concatenate([self._nlp.jacobian(point[: self._nlp.n]), self._signs])

    def jacobianstructure(self) -> tuple[Ints, Ints]:
        """Row and column of each nonzero."""
        return self._structure

    def hessian(self, point: Floats, multipliers: Floats, factor: float) -> Floats:
        """Nonzeros of the Hessian of the Lagrangian."""
        return self._nlp.hessian(point[: self._nlp.n], multipliers, self.weight * factor)

    def hessianstructure(self) -> tuple[Ints, Ints]:
        """Row and column of each nonzero of the Hessian's lower triangle."""
        return self._nlp.hessianstructure()

    def not_finite(self, point: Floats) -> list[str]:
        """Names of what is no finite number."""
        return self._nlp.not_finite(point[: self._nlp.n])
