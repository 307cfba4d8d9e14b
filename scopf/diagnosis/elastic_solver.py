"""Re-solves of the elastic problem with changing prices, within a budget.

All but the first start where another one ended, multipliers included.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scopf.diagnosis.budget import Budget, OutOfTimeError
from scopf.diagnosis.elastic import Elastic, ElasticPoint
from scopf.optimizer import ipopt
from scopf.optimizer.interfaces import Interface
from scopf.optimizer.status import Status
from scopf.optimizer.strategy import IterationBudget, Watch

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats
    from scopf.diagnosis.limits import Limits
    from scopf.engine.nlp import NLP
    from scopf.optimizer.progress import Ticker

log = logging.getLogger(__name__)

RELAXED = 1e-6  # t above which a limit counts as relaxed
PRICED_LOW, PRICED_HIGH = 0.1, 10.0  # prices of limits that are tested, and of all others
_EXTRA = 1e-3  # relative: by how much the reported relaxation exceeds the least one
_COLD: dict[str, str | int | float] = {"max_iter": 300, "tol": 1e-8, "mu_init": 1e-3}
_ROUGH: dict[str, str | int | float] = {"tol": 1e-7}  # where t is not a number that is reported
_WARM: dict[str, str | int | float] = {**ipopt.WARM, "max_iter": 200, "tol": 1e-8, "mu_init": 1e-5}
# Without a cost many points are optimal, so a regularised Hessian is no sign of a stall.
_COLD_BUDGET = IterationBudget(iterations=300, restoration=100, tiny=100, regularized=300)
_WARM_BUDGET = IterationBudget(  # a cold start follows
    iterations=150, restoration=15, tiny=15, regularized=150
)


@dataclass(frozen=True, eq=False)
class Relaxed:
    """A relaxation of limits of least price.

    Attributes:
        ok: whether the solver converged.
        point: with t of every limit, and multipliers.
        dual_values: decrease of the price per unit of t, at t = 0, of every limit.
        out_of_time: whether the solver's share of the time was too short.
        iterations: of the solver, in the last run.
    """

    ok: bool
    point: ElasticPoint
    dual_values: Floats
    out_of_time: bool = False
    iterations: int = 0

    @property
    def t(self) -> Floats:
        """Relaxation of every limit."""
        return self.point.t

    def relaxes(self, besides: Iterable[int] = ()) -> bool:
        """Whether any limit is relaxed, besides these."""
        rest = self.t > RELAXED
        rest[list(besides)] = False
        return bool(rest.any())


class ElasticSolver:
    """Solves the elastic problem.

    Args:
        nlp: the compiled problem.
        limits: its limits.
        start: point for the first re-solve, shape (n,).
        budget: time and number of re-solves.
        ticker: counts iterations.
        interface: the way to Ipopt.

    Attributes:
        limits: of the problem.
        start: point of a re-solve that starts from none of the earlier ones.
    """

    def __init__(
        self,
        nlp: NLP,
        limits: Limits,
        start: Floats,
        budget: Budget,
        ticker: Ticker,
        interface: Interface | None = None,
    ) -> None:
        self._nlp, self._budget, self._ticker = nlp, budget, ticker
        self._interface = interface
        self.limits = limits
        self.start = start

    def restrict(self, relaxable: Flags) -> None:
        """From here on, only these limits can be relaxed."""
        limits = self.limits
        self._elastic = Elastic(self._nlp, limits.rows, limits.bounds, relaxable, limits.most)

    def prices(self, low: Iterable[int], given: Mapping[int, float]) -> tuple[Floats, Floats]:
        """Prices and largest t of all limits.

        Args:
            low: limits that are priced low; all others are priced high.
            given: limits that may be relaxed up to this t without a price.
        """
        limits = self.limits
        price = PRICED_HIGH * limits.price
        most = np.where(limits.factor, 0.0, limits.most)
        tested = list(low)
        price[tested], most[tested] = PRICED_LOW, limits.most[tested]
        for k, t in given.items():
            price[k], most[k] = 0.0, t
        return price, most

    def solve(
        self,
        price: Floats,
        most: Floats | None = None,
        near: ElasticPoint | None = None,
        far: bool = False,
        share: float = 1.0,
        iterations: int | None = None,
    ) -> Relaxed:
        """The relaxation of least price.

        Args:
            price: of each limit.
            most: largest t of each; None for the limits' own.
            near: end of a re-solve to start from; None for the start point.
            far: whether the result will be far from there, so that multipliers are of no use.
            share: of the time left that this re-solve may take.
            iterations: that a cold start may take; None for the usual limit.

        Raises:
            OutOfTimeError: when the budget is used up.
        """
        elastic, limits = self._elastic, self.limits
        if most is None:
            most = np.where(limits.factor, 0.0, limits.most)
        elastic.price(price[elastic.relaxable], most[elastic.relaxable])
        if near is None:
            most_iterations = {} if iterations is None else {"max_iter": iterations}
            how = _COLD | _ROUGH | most_iterations
            return self._run(elastic.start(self.start), {}, how, share)
        if not far:
            relaxed = self._run(*elastic.resume(near), _WARM)
            if relaxed.ok:
                return relaxed
        return self._run(elastic.start(near.x), {}, _COLD)

    def _run(
        self,
        start: Floats,
        multipliers: dict[str, Floats],
        how: dict[str, str | int | float],
        share: float = 1.0,
    ) -> Relaxed:
        self._budget.take()
        elastic = self._elastic
        options = {**how, "max_wall_time": max(share * self._budget.left, 1e-3)}
        watch = Watch(_WARM_BUDGET if multipliers else _COLD_BUDGET)
        of_run = watch, self._ticker, multipliers, self._interface
        outcome = ipopt.run(elastic, start, options, *of_run)
        out_of_time = outcome.status is Status.TIME_LIMIT
        if out_of_time and share == 1.0:
            raise OutOfTimeError("time limit")
        if outcome.status is Status.INTERRUPTED:
            raise OutOfTimeError("interrupted")
        point, dual_values = elastic.end(outcome), np.zeros(len(self.limits))
        dual_values[elastic.relaxable] = elastic.dual_values(outcome.rows)
        text = "elastic re-solve %d: %s, %d iterations, %d limits relaxed"
        count = int((point.t > RELAXED).sum())
        log.info(text, self._budget.used, outcome.message, watch.iterations, count)
        solved = outcome.status.solved
        return Relaxed(solved, point, dual_values, out_of_time, watch.iterations)


def enlarged(t: float) -> float:
    """A relaxation a little larger than the least one, so that there is slack for a solution."""
    return t * (1.0 + _EXTRA) + RELAXED
