"""A run of Ipopt with the rows that may bind, and the others on call.

Most rows of a grid are limits of branches, and few of them bind, but all cost time in the linear
systems. So a run begins with the limits that are used to a good part at the start point, and
watches the others, whose values are evaluated anyway. Once the iterates are nearly feasible and
violate a row on call, the run is stopped. It goes on from there with the rows that are violated or
nearly so; after a few such stops with all of them. At the end every row holds, in or not.

Some stability rows have variables of their own, weights, which can be found by linear algebra where
the rows can be fulfilled at all. Such rows are left out with their variables. If no weights fulfil
them at the end, they come in, and the run goes on.
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

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints
    from scopf.engine.nlp import NLP
    from scopf.optimizer.interfaces import Interface
    from scopf.optimizer.ipopt import Options, Progress
    from scopf.optimizer.status import Outcome
    from scopf.optimizer.strategy import Watch

log = logging.getLogger(__name__)

FEWEST = 500  # rows on call from which it pays
_AT_FIRST, _ADDED = 0.25, 0.5  # use of a limit from which its row is in: squares for |S| <= rate
_STOPS = 4  # after which all rows are in
_NEARLY = 0.1  # violation of the rows that are in, and barrier parameter, at a stop
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

    def at(self, nlp: NLP, x: Floats) -> Floats | None:
        """The point with variables that fulfil the rows, which has been checked."""
        point = self.fit(x)
        if point is None or (_excess(nlp, nlp.constraints(point))[self.rows] > _HOLDS).any():
            return None
        return point


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
    """Solve an NLP; the multipliers of rows that were never in are zero.

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
    waiting = np.zeros(nlp.m, dtype=bool)
    waiting[on_call] = True
    waiting &= ~(_use(nlp, nlp.constraints(start)) > _AT_FIRST)
    held = np.zeros(nlp.m, dtype=bool)
    if fitted is not None:
        held[fitted.rows] = waiting[fitted.rows] = True
    x, began = start, time.perf_counter()
    multipliers: dict[str, Floats] = {}
    again: dict[str, str | int | float] = {}
    for stop in range(_STOPS + 1):
        chosen = _Chosen(nlp, waiting, x, fitted)
        left = ipopt.remaining(options, watch.iterations, time.perf_counter() - began)
        outcome = ipopt.run(
            chosen,
            x,
            {**left, **again},
            watch,
            progress,
            multipliers,
            interface,
            until=chosen.is_broken,
        )
        log.info("%d of %d rows, %d iterations", chosen.m, nlp.m, watch.iterations)
        outcome = dataclasses.replace(outcome, rows=chosen.spread(outcome.rows))
        if not (outcome.reached or outcome.status.solved):
            return outcome
        values = nlp.constraints(outcome.x)
        broken = waiting & ~held & (_excess(nlp, values) > _HOLDS)
        if outcome.reached or broken.any():
            waiting &= held | ~(broken | (_use(nlp, values) > _ADDED))
            again = {**_AGAIN, "mu_init": max(chosen.mu, 1e-6)}
            multipliers = dict(outcome.multipliers)
        else:
            point = outcome.x if fitted is None else fitted.at(nlp, outcome.x)
            if point is not None:
                return dataclasses.replace(outcome, x=point)
            waiting[held], fitted = False, None
            again, multipliers = _WITH_WEIGHTS, {}
        if stop + 1 == _STOPS:
            waiting[:], fitted = False, None
        if multipliers:
            multipliers["lagrange"] = outcome.rows[~waiting]
        x = outcome.x
        watch.goes_on_from(watch.iterations)
    return outcome


class _Chosen:
    """The problem without the rows that wait on call, as `scopf.optimizer.ipopt.run` takes it.

    Attributes:
        n, m, x_lower, x_upper, g_lower, g_upper: as of an NLP.
        mu: barrier parameter at the last iterate.
    """

    def __init__(self, nlp: NLP, waiting: Flags, start: Floats, fitted: Fitted | None) -> None:
        self._nlp = nlp
        self._rows = rows = np.flatnonzero(~waiting)
        self.n, self.m = nlp.n, len(rows)
        self.x_lower, self.x_upper = nlp.x_lower, nlp.x_upper
        watched = waiting.copy()
        if fitted is not None:
            self.x_lower, self.x_upper = self.x_lower.copy(), self.x_upper.copy()
            self.x_lower[fitted.columns] = self.x_upper[fitted.columns] = start[fitted.columns]
            watched[fitted.rows] = False
        self._watched = np.flatnonzero(watched)
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
        return bool((excess > _VIOLATED).any())


def _excess(nlp: NLP, values: Floats) -> Floats:
    """By how much rows are outside their bounds; below zero inside."""
    return np.maximum(values - nlp.g_upper, nlp.g_lower - values)


def _use(nlp: NLP, values: Floats) -> Floats:
    """The share of its bound that each row uses; infinite where zero is no point inside."""
    with np.errstate(divide="ignore", invalid="ignore"):
        above = np.where(nlp.g_upper > 0, values / nlp.g_upper, np.inf)
        below = np.where(nlp.g_lower < 0, values / nlp.g_lower, np.inf)
    return np.maximum(above, below)
