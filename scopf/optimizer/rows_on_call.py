"""Runs of Ipopt with a working set of rows, and the others on call.

Most rows of a grid are limits of branches, and few of them bind, but all cost time in the linear
systems. So the working set begins with the limits that are used to a good part at the start point.
The values of the others are evaluated anyway, and watched. Once the iterates are nearly feasible
and violate one of these, the run is stopped, and goes on from there with the limits added that are
violated or nearly so; after a few such stops with all of them. At the end every row holds.

Some stability rows have variables of their own, weights, which can be found by linear algebra where
the rows can be fulfilled at all. Such rows wait with their variables. If no weights fulfil them at
the end, they are added, and the run goes on.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scopf.optimizer import ipopt
from scopf.optimizer.signals import stoppable
from scopf.optimizer.status import Status

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints
    from scopf.engine.nlp import NLP
    from scopf.optimizer.interfaces import Interface
    from scopf.optimizer.ipopt import Options, Progress
    from scopf.optimizer.status import Outcome
    from scopf.optimizer.strategy import Watch

log = logging.getLogger(__name__)

FEWEST = 500  # rows on call from which it pays
_AT_FIRST, _ADDED = 0.25, 0.5  # use of a limit from which it is in the set: (|S| / rate)^2
_STOPS = 4  # after which all rows are in the set
_NEARLY = 0.1  # violation of rows in the set, and barrier parameter, below which a run may stop
_VIOLATED, _HOLDS = 1e-6, 1e-8  # violation of a row on call that stops a run, allowed at its end

# New slacks begin further inside than in other warm starts: many of them start at their bound.
_AGAIN: dict[str, str | int | float] = {
    **ipopt.WARM,
    "warm_start_slack_bound_push": 1e-4,
    "warm_start_slack_bound_frac": 1e-4,
}
# Where weights come in, the point is good for everything else, but they have no value yet.
_WITH_WEIGHTS: dict[str, str | int | float] = {"mu_init": 1e-2}


@dataclass(frozen=True)
class Fitted:
    """Rows that are fulfilled at many points by variables which nothing else depends on.

    Attributes:
        rows: numbers of the rows.
        columns: numbers of the variables.
        fit: a point, shape (n,), with values of the variables that fulfil the rows; None where it
            finds none.
    """

    rows: Ints
    columns: Ints
    fit: Callable[[Floats], Floats | None]


def run(
    nlp: NLP,
    on_call: Ints,
    start: Floats,
    options: Options,
    watch: Watch,
    progress: Progress | None = None,
    interface: Interface | None = None,
    fitted: Fitted | None = None,
) -> Outcome:
    """Solve an NLP; rows that stay outside the working set have multipliers of zero.

    Args:
        nlp: the problem.
        on_call: numbers of the rows that may be left out, which are no equations.
        start: start point, shape (n,).
        options: of Ipopt, on top of the package's.
        watch: counts iterations, and stops a run that has stalled.
        progress: called after each iteration.
        interface: the way to Ipopt.
        fitted: further rows that may be left out, with their variables.
    """
    rows = _Rows(nlp, on_call, start, fitted)
    x, began = start, time.perf_counter()
    multipliers: dict[str, Floats] = {}
    again: dict[str, str | int | float] = {}
    while True:
        chosen = _Chosen(nlp, rows, x)
        left = ipopt.remaining(options, watch.iterations, time.perf_counter() - began)
        outcome = ipopt.run(
            chosen, x, {**again, **left}, watch, progress, multipliers, interface, chosen.is_broken
        )
        log.info("%d of %d rows, %d iterations", chosen.m, nlp.m, watch.iterations)
        outcome = dataclasses.replace(outcome, rows=chosen.spread(outcome.rows))
        if not (outcome.reached or outcome.status.solved):
            return outcome
        with stoppable() as stop:
            broken = rows.broken(outcome.x)
            if outcome.reached or broken.any():
                rows.add(broken, outcome.x)
                again = {**_AGAIN, "mu_init": max(chosen.mu, 1e-6)}
                lagrange = outcome.rows[~rows.waiting]
                multipliers = {**outcome.multipliers, "lagrange": lagrange}
            else:
                point = rows.fulfilled(outcome.x)
                if point is not None:
                    return dataclasses.replace(outcome, x=point)
                rows.add_fitted()
                again, multipliers = _WITH_WEIGHTS, {}
        if stop.wanted:
            text = "stopped on request"
            return dataclasses.replace(outcome, status=Status.INTERRUPTED, message=text)
        x = outcome.x
        watch.goes_on_from(watch.iterations)


class _Rows:
    """The rows that wait on call.

    Attributes:
        waiting: mask of them, those of `fitted` included.
        fitted: rows that wait with their variables; None once they are added.
    """

    def __init__(self, nlp: NLP, on_call: Ints, start: Floats, fitted: Fitted | None) -> None:
        self._nlp, self._stops = nlp, 0
        self.fitted = fitted
        self.waiting = np.zeros(nlp.m, dtype=bool)
        self.waiting[on_call] = True
        self.waiting &= _use(nlp, nlp.constraints(start)) <= _AT_FIRST
        if fitted is not None:
            self.waiting[fitted.rows] = True

    @property
    def watched(self) -> Flags:
        """Mask of those whose values say whether they hold."""
        found = self.waiting.copy()
        if self.fitted is not None:
            found[self.fitted.rows] = False
        return found

    def broken(self, x: Floats) -> Flags:
        """Mask of those that a point violates, or that are no number there."""
        return self.watched & ~(_excess(self._nlp, self._nlp.constraints(x)) <= _HOLDS)

    def add(self, broken: Flags, x: Floats) -> None:
        """Add these, and others that a point uses to a good part; all after the last stop."""
        idle = _use(self._nlp, self._nlp.constraints(x)) <= _ADDED
        self.waiting &= ~self.watched | (idle & ~broken)
        self._count_a_stop()

    def fulfilled(self, x: Floats) -> Floats | None:
        """The point with values of the variables that wait; None if no values fulfil their rows."""
        if self.fitted is None:
            return x
        point = self.fitted.fit(x)
        if point is None:
            return None
        holds = _excess(self._nlp, self._nlp.constraints(point))[self.fitted.rows] <= _HOLDS
        return point if holds.all() else None

    def add_fitted(self) -> None:
        """Add the rows that wait with their variables."""
        if self.fitted is not None:
            self.waiting[self.fitted.rows], self.fitted = False, None
        self._count_a_stop()

    def _count_a_stop(self) -> None:
        self._stops += 1
        if self._stops >= _STOPS:
            self.waiting[:], self.fitted = False, None


class _Chosen:
    """The problem without the rows that wait on call, as `scopf.optimizer.ipopt.run` takes it.

    Attributes:
        n, m, x_lower, x_upper, g_lower, g_upper: as of an NLP.
        mu: barrier parameter at the last iterate.
    """

    def __init__(self, nlp: NLP, chosen: _Rows, start: Floats) -> None:
        self._nlp, waiting = nlp, chosen.waiting
        self._rows = rows = np.flatnonzero(~waiting)
        self.n, self.m = nlp.n, len(rows)
        self.x_lower, self.x_upper = nlp.x_lower, nlp.x_upper
        if chosen.fitted is not None:
            still = chosen.fitted.columns
            self.x_lower, self.x_upper = self.x_lower.copy(), self.x_upper.copy()
            self.x_lower[still] = self.x_upper[still] = start[still]
        self._watched = np.flatnonzero(chosen.watched)
        self.g_lower, self.g_upper = nlp.g_lower[rows], nlp.g_upper[rows]
        self.objective, self.gradient, self.not_finite = (
            nlp.objective, nlp.gradient, nlp.not_finite,
        )  # fmt: skip
        self.hessianstructure = nlp.hessianstructure
        at, to = nlp.jacobianstructure()
        self._at = np.flatnonzero(~waiting[at])
        number = np.cumsum(~waiting) - 1
        self._structure = number[at[self._at]], to[self._at]
        self._multipliers = np.zeros(nlp.m)
        self._values = np.zeros(nlp.m)
        self.mu = 0.0

    @property
    def row_names(self) -> list[str]:
        """Names of the rows."""
        names = self._nlp.row_names
        return [names[k] for k in self._rows.tolist()]

    def constraints(self, x: Floats) -> Floats:
        """Values of the rows."""
        self._values = self._nlp.constraints(x)
        return self._values[self._rows]

    def jacobian(self, x: Floats) -> Floats:
        """Nonzeros in the order of `jacobianstructure`."""
        return self._nlp.jacobian(x)[self._at]

    def jacobianstructure(self) -> tuple[Ints, Ints]:
        """Row and column of each nonzero."""
        return self._structure

    def hessian(self, x: Floats, multipliers: Floats, factor: float) -> Floats:
        """Nonzeros of the Hessian of the Lagrangian."""
        self._multipliers[self._rows] = multipliers
        return self._nlp.hessian(x, self._multipliers, factor)

    def spread(self, multipliers: Floats) -> Floats:
        """Multipliers of all rows of the problem."""
        found = np.zeros(self._nlp.m)
        found[self._rows] = multipliers
        return found

    def is_broken(self, violation: float, mu: float) -> bool:
        """Whether the last point, if it is nearly feasible, violates a row that waits."""
        self.mu = mu
        if max(violation, mu) >= _NEARLY:
            return False
        excess = _excess(self._nlp, self._values)[self._watched]
        return not (excess <= _VIOLATED).all()


def _excess(nlp: NLP, values: Floats) -> Floats:
    """By how much rows are outside their bounds; below zero inside."""
    return np.maximum(values - nlp.g_upper, nlp.g_lower - values)


def _use(nlp: NLP, values: Floats) -> Floats:
    """The share of its bound that each row uses; infinite where zero is no point inside."""
    with np.errstate(divide="ignore", invalid="ignore"):
        above = np.where(nlp.g_upper > 0, values / nlp.g_upper, np.inf)
        below = np.where(nlp.g_lower < 0, values / nlp.g_lower, np.inf)
    return np.maximum(above, below)
