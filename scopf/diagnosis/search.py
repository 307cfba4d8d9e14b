"""The search for limits that conflict.

1. Everything that is a limit can be loosened; the least price tells whether there is a conflict.
   Its multipliers tell which limits take part: what binds or gives way. All others hold from then.
   Where it takes too long, what gives way most until then is all that can from there on, which is a
   far smaller problem.
2. The price is made one that favours few limits that give way much over many that give way a
   little, a few times: weights 1/(t + c). If it ends with a single limit, there is one conflict;
   otherwise there are as many as limits that give way.
3. For each conflict, worst first, the others resolved: what the limit that gives way needs at
   least, and which limits then have multipliers. A single re-solve in which these all are nearly
   free, and all others cost, tells whether they can take its place at all. If one of them does so,
   that is what it needs by itself; if several do, they are tried alone, one after the other. What
   has its answer holds from then on, until nothing is left or what is left is not enough even
   together. One that resolves the worst conflict by itself may do so with all of them: then
   there is one conflict only.

The same question is put about a factor on all loads, one on all droops and, where there are several
conflicts, about whole families of limits.

Every re-solve is of a problem that has feasible points, so the verdict does not rest on a solver's
word about infeasibility; it rests on a local optimum, though. "Feasible" is proven by the point
that was found, "infeasible" is not proven. All but the first start where another one ended,
multipliers included.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scopf.diagnosis.budget import Budget, OutOfTimeError
from scopf.diagnosis.elastic import Elastic, Where
from scopf.optimizer import ipopt
from scopf.optimizer.status import Status
from scopf.optimizer.strategy import IterationBudget, Watch

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats
    from scopf.diagnosis.limits import Limits
    from scopf.engine.nlp import NLP
    from scopf.optimizer.progress import Ticker

log = logging.getLogger(__name__)

MET = 1e-6  # t below which a limit counts as kept
_MORE = 1e-3  # relative: how much more room than the least a limit is said to need
_TAKES_PART = 1e-3  # share of its price that a limit's multiplier has to reach
_WORTH = 1e-2  # rate at which a limit has to take another one's place to be asked
_CHEAP, _DEAR = 0.1, 10.0  # prices of limits that are tried, and of all others
_ROUNDS = 3  # of new weights
_TRIED = 3  # limits tried as the only one for all conflicts
_MISSES = 2  # limits in a row that are not enough, before all that are left are tried together
_SHARE = 0.5  # of the time that is left, for the first re-solve
_LEANS = (
    1e-3,
    0.1,
)  # share of the largest t, of the price: what may give way where that is cut short
_SUSPECTS = 10  # that are named where there is no answer
_SLIGHT = 1e-2  # share of the largest t at which a limit may not have to give way after all
_COLD: dict[str, str | int | float] = {"max_iter": 300, "tol": 1e-8, "mu_init": 1e-3}
_ROUGH: dict[str, str | int | float] = {"tol": 1e-7}  # where t is not a number that is reported
_WARM: dict[str, str | int | float] = {**ipopt.WARM, "max_iter": 200, "tol": 1e-8, "mu_init": 1e-5}
# Without a cost many points are as good: that the Hessian is regularised is no sign of a stall.
_COLD_BUDGET = IterationBudget(iterations=300, restoration=100, tiny=100, regularized=300)
_WARM_BUDGET = IterationBudget(  # a cold start is tried then
    iterations=150, restoration=15, tiny=15, regularized=150
)


@dataclass(frozen=True, eq=False)
class Found:
    """The cheapest way of loosening limits.

    Attributes:
        ok: whether the solver came to an end.
        cut: whether its share of the time was too short for that.
        where: the point, t of every limit, and multipliers.
        worth: of all limits: what a first bit of each would save.
    """

    ok: bool
    where: Where
    worth: Floats
    cut: bool = False

    @property
    def t(self) -> Floats:
        """How far every limit gives way."""
        return self.where.t

    def gives_way(self, besides: Iterable[int] = ()) -> bool:
        """Whether any limit does, besides these."""
        rest = self.t > MET
        rest[list(besides)] = False
        return bool(rest.any())


@dataclass(frozen=True)
class Conflict:
    """Limits that have no common point.

    Attributes:
        first: the limit that was found first; other conflicts count on what it needs.
        alone: t of each limit that resolves the conflict by itself, by its number.
        partners: limits that take part but are not enough by themselves.
        untried: limits that take part and were not tried.
    """

    first: int
    alone: dict[int, float]
    partners: tuple[int, ...]
    untried: tuple[int, ...]


class Search:
    """Looks for conflicts among the limits of a problem.

    Args:
        nlp: the compiled problem.
        limits: its limits.
        start: where to start from, shape (n,).
        budget: what it may take.
        ticker: shows how far it is.

    Attributes:
        violated: t of the limits that have to give way together, by number; None at first.
        feasible: whether a feasible point was found; None at first.
        conflicts: that were looked into.
        levers: t of each lever that is enough by itself.
        families: names of families of limits, and whether one alone would be enough.
        suspects: limits that gave way most when there was no time for an answer, worst first.
        complete: whether the search came to its end.
        stopped: why not, if a limit of the budget is the reason.
    """

    def __init__(
        self, nlp: NLP, limits: Limits, start: Floats, budget: Budget, ticker: Ticker
    ) -> None:
        self._nlp, self._limits, self._budget, self._ticker = nlp, limits, budget, ticker
        self._asked = limits.asked & ~limits.factor
        self._x = start
        self.violated: dict[int, float] | None = None
        self.feasible: bool | None = None
        self.conflicts: list[Conflict] = []
        self.factors: dict[int, float] = {}
        self.families: dict[str, bool] = {}
        self.suspects: list[int] = []
        self.complete = False
        self.stopped = ""

    def run(self) -> None:
        """Search until there is an answer, or the budget is used up."""
        try:
            self._search()
        except OutOfTimeError as reason:
            self.stopped = str(reason)

    def _search(self) -> None:
        limits = self._limits
        self._ticker.stage("diagnosis: which limits give way")
        self._loose(~limits.factor)
        price = limits.price.copy()
        found = self._solve(price, share=_SHARE)
        cut = found.cut
        if cut:
            found = self._narrowed(found, price)
        if not found.ok:
            return
        self.suspects, self.stopped = [], ""
        self.feasible = not found.gives_way()
        if self.feasible:
            self.complete = True
            return
        self._keep(found)
        parts = (found.t > MET) | (found.worth > _TAKES_PART * price)
        self._loose(parts | limits.factor)
        self._sparse(found, price)
        self._settle()
        self._try_levers()
        explained = self._explain()
        if len(self.violated or {}) > 1:
            self._try_families(parts)
        self.complete = explained and not cut

    def _narrowed(self, cut: Found, price: Floats) -> Found:
        """The rest of a first re-solve that takes too long, with the few limits that gave way."""
        share, worth = _LEANS
        self._loose((cut.t > share * cut.t.max()) | (cut.worth > worth * price))
        ranked = np.argsort(-cut.t, kind="stable")[:_SUSPECTS]
        self.suspects = ranked[cut.t[ranked] > _CHEAP * cut.t.max()].tolist()
        self.stopped = "time limit"
        self._x = cut.where.x
        return self._solve(price)

    def _keep(self, found: Found) -> None:
        """Take these limits for those that have to give way together."""
        self._base = found.where
        self.violated = {int(k): float(found.t[k]) for k in np.flatnonzero(found.t > MET)}

    # -- which limits give way -------------------------------------------

    def _sparse(self, found: Found, price: Floats) -> None:
        """Fewer limits that give way, by new weights."""
        assert self.violated is not None
        for _ in range(_ROUNDS):
            if len(self.violated) == 1:
                return
            top = found.t.max()
            small = 0.01 + 0.1 * top
            found = self._solve(price * (top + small) / (found.t + small), near=found.where)
            if not found.ok or not found.gives_way():
                return
            before = len(self.violated)
            if (found.t > MET).sum() <= before:
                self._keep(found)
            if len(self.violated) == before:
                return

    def _settle(self) -> None:
        """Leave out what only gives way because others do not a little more."""
        assert self.violated is not None
        largest = max(self.violated.values())
        sure = {k: more(t) for k, t in self.violated.items() if t > _SLIGHT * largest}
        if len(sure) == len(self.violated):
            return
        price, most = self._prices((), sure)
        found = self._solve(price, most, self._base)
        if found.ok:
            kept = {k: t for k, t in self.violated.items() if k in sure or found.t[k] > MET}
            self.violated = kept

    def _try_levers(self) -> None:
        self._ticker.stage("diagnosis: all loads, all droops")
        for k in np.flatnonzero(self._limits.factor & (self._limits.most > 0)).tolist():
            price, most = self._prices([k], {})
            found = self._solve(price, most, self._base, far=True)
            if found.ok and not found.gives_way([k]):
                self.factors[k] = float(found.t[k])

    def _try_families(self, parts: Flags) -> None:
        """Which families would be enough, all of their limits together."""
        assert self.violated is not None
        self._ticker.stage("diagnosis: whole families of limits")
        families = {n: m for n, m in self._limits.groups().items() if (m & parts).any()}
        try:
            for name, members in families.items():
                if members[list(self.violated)].all():
                    self.families[name] = True
                    continue
                self._loose(parts | members)
                price, most = self._prices(np.flatnonzero(members).tolist(), {})
                found = self._solve(price, most, self._base, far=True)
                if found.ok:
                    self.families[name] = not (found.t[~members] > MET).any()
        finally:
            self._loose(parts | self._limits.factor)

    # -- what they conflict with -------------------------------------------

    def _explain(self) -> bool:
        """Look into each conflict, worst first; whether all of them were."""
        assert self.violated is not None
        sure = True
        for k in sorted(self.violated, key=lambda k: -self.violated[k]):  # type: ignore[index]
            count = len(self.conflicts) + 1
            self._ticker.stage(f"diagnosis: conflict {count} of {len(self.violated)}")
            others = {j: more(t) for j, t in self.violated.items() if j != k}
            t, found = self._alone(k, others, self._base)
            if t is not None and t <= MET:  # what the others need resolves this as well
                del self.violated[k]
                self.conflicts = []  # they counted on it
                return self._explain()
            if t is None or found is None:  # together with the others it is: that was found before
                sure, t, found = False, self.violated[k], None
            self._explain_one(k, t, others, found)
            if count == 1 and others and self._single(self.conflicts[0]):
                self.conflicts = []
                return self._explain()
        return sure and not any(conflict.untried for conflict in self.conflicts)

    def _single(self, worst: Conflict) -> bool:
        """Whether one limit is enough for all conflicts: one of those that resolve the worst one.

        If so, it is the only one that has to give way from then on.
        """
        self._ticker.stage("diagnosis: one limit for all")
        for k in list(worst.alone)[:_TRIED]:
            t, alone = self._alone(k, {}, self._base)
            if t is not None and alone is not None:
                self.violated, self._base = {k: t}, alone.where
                return True
        return False

    def _explain_one(
        self, first: int, t: float, others: Mapping[int, float], found: Found | None
    ) -> None:
        """Which limits could take the place of the one that gives way."""
        alone, partners, left = {first: t}, list[int](), list[int]()
        if found is not None:
            value = np.where(self._asked, found.worth / _CHEAP, 0.0)
            value[[first, *others]] = 0.0
            ranked = [k for k in np.argsort(-value).tolist() if value[k] > _TAKES_PART]
            left = [k for k in ranked if value[k] > _WORTH]
            partners = ranked[len(left) :]
        failed = list[int]()
        try:
            misses = _MISSES
            while left and found is not None:
                if misses >= _MISSES and len(left) > 1:
                    together = self._alternatives(left, others, found.where)
                    if not together:
                        partners += left
                        left = []
                        break
                    k = max(together, key=lambda k: together[k])
                    if len(together) == 1:
                        alone[k] = together[k]
                        left.remove(k)
                        continue
                    misses = 0
                else:
                    k = left[0]
                needed, tried = self._alone(k, others, found.where)
                left.remove(k)
                if needed is not None:
                    alone[k] = needed
                    continue
                (failed if tried is None else partners).append(k)
                misses += 1
        finally:
            untried = (*failed, *left)
            self.conflicts.append(Conflict(first, alone, tuple(partners), untried))

    def _alternatives(
        self, limits: list[int], others: Mapping[int, float], near: Where
    ) -> dict[int, float]:
        """T of limits that take a conflict's place together; empty if all of them cannot.

        A failed re-solve counts as that they can, to be on the safe side.
        """
        price, most = self._prices(limits, others)
        found = self._solve(price, most, near)
        if not found.ok:
            return dict.fromkeys(limits, 1.0)
        if found.gives_way([*limits, *others]):
            return {}
        return {k: float(found.t[k]) for k in limits if found.t[k] > MET}

    def _alone(
        self, limit: int, others: Mapping[int, float], near: Where
    ) -> tuple[float | None, Found | None]:
        """What a limit needs if it alone gives way, on top of others that have given way.

        Returns:
            t, None if it is not enough; and what was found, None if that failed.
        """
        price, most = self._prices([limit], others)
        found = self._solve(price, most, near)
        if not found.ok:
            return None, None
        if found.gives_way([limit, *others]):
            return None, found
        return float(found.t[limit]), found

    # -- re-solves -------------------------------------------

    def _prices(self, cheap: Iterable[int], given: Mapping[int, float]) -> tuple[Floats, Floats]:
        """Prices and largest t: some limits cheap, some free up to a t, all others dear."""
        limits = self._limits
        price, most = _DEAR * limits.price, np.where(limits.factor, 0.0, limits.most)
        tried = list(cheap)
        price[tried], most[tried] = _CHEAP, limits.most[tried]
        for k, t in given.items():
            price[k], most[k] = 0.0, t
        return price, most

    def _loose(self, loose: Flags) -> None:
        """From here on only these limits can give way."""
        limits = self._limits
        self._elastic = Elastic(self._nlp, limits.rows, limits.bounds, loose, limits.most)

    def _solve(
        self,
        price: Floats,
        most: Floats | None = None,
        near: Where | None = None,
        far: bool = False,
        share: float = 1.0,
    ) -> Found:
        """Least price of loosening limits.

        Args:
            price: of each.
            most: largest t of each; None for what makes sense.
            near: where a re-solve ended that is a start for this one; None for the start point.
            far: whether the end will be far from there, so that multipliers are of no use.
            share: of the time that is left, for a first re-solve.
        """
        elastic, limits = self._elastic, self._limits
        if most is None:
            most = np.where(limits.factor, 0.0, limits.most)
        elastic.price(price[elastic.loose], most[elastic.loose])
        if near is None:
            return self._run(elastic.start(self._x), {}, _COLD | _ROUGH, share)
        if not far:
            found = self._run(*elastic.resume(near), _WARM)
            if found.ok:
                return found
        return self._run(elastic.start(near.x), {}, _COLD)

    def _run(
        self,
        start: Floats,
        multipliers: dict[str, Floats],
        how: dict[str, str | int | float],
        share: float = 1.0,
    ) -> Found:
        self._budget.take()
        elastic = self._elastic
        options = {**how, "max_wall_time": max(share * self._budget.left, 1e-3)}
        watch = Watch(_WARM_BUDGET if multipliers else _COLD_BUDGET)
        outcome = ipopt.run(elastic, start, options, watch, self._ticker, multipliers)
        cut = outcome.status is Status.TIME_LIMIT
        if cut and share == 1.0:
            raise OutOfTimeError("time limit")
        if outcome.status is Status.INTERRUPTED:
            raise OutOfTimeError("interrupted")
        where, worth = elastic.where(outcome), np.zeros(len(self._limits))
        worth[elastic.loose] = elastic.worth(outcome.rows)
        text = "elastic re-solve %d: %s, %d iterations, %d limits give way"
        count = int((where.t > MET).sum())
        log.info(text, self._budget.used, outcome.message, watch.iterations, count)
        return Found(outcome.status.solved, where, worth, cut)


def more(t: float) -> float:
    """A little more than the least, so that there is room for a solution."""
    return t * (1.0 + _MORE) + MET
