"""The search for limits that conflict.

1. Everything that is a limit can be loosened; the least price tells whether there is a conflict.
   Its multipliers tell which limits take part: what binds or gives way. All others hold from then.
2. The price is made one that favours few limits that give way much over many that give way a
   little, a few times: weights 1/(t + c). If it ends with a single limit, there is one conflict;
   otherwise there are as many as limits that give way, unless one of the most valuable limits turns
   out to be enough by itself.
3. For each conflict, the others resolved, every limit that takes part is tried alone: it is nearly
   free, all others cost. If none of the others gives way, the point found is feasible but for this
   limit, and t is what it needs.

The same question is put about a factor on all loads, one on all droops and, where there are several
conflicts, about whole families of limits.

Every re-solve is of a problem that has feasible points, so the verdict does not rest on a solver's
word about infeasibility; it rests on a local optimum, though. "Feasible" is proven by the point
that was found, "infeasible" is not proven.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from scopf import ipopt
from scopf.diagnosis.elastic import Elastic
from scopf.ladder import Watch
from scopf.studies.progress import watched

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scopf.arrays import Flags, Floats
    from scopf.diagnosis.limits import Limits
    from scopf.nlp import NLP

log = logging.getLogger(__name__)

MET = 1e-6  # t below which a limit counts as kept
_MORE = 1e-3  # relative: how much more room than the least a limit is said to need
_TAKES_PART = 1e-3  # share of its price that a limit's multiplier has to reach
_NEARLY_FREE = 1e-2  # price of the limit that is tried alone
_ROUNDS = 3  # of new weights
_TRIED = 4  # limits tried as the only one before a conflict counts as several
_CONFLICTS = 3  # that are looked into
_PARTNERS = 6  # limits that are tried for each of several conflicts
_ITERATIONS = 300
# The tried limit is nearly free, so that its least t takes a barrier far below its price.
_OPTIONS: dict[str, str | int | float] = {"max_iter": _ITERATIONS, "tol": 1e-9, "mu_init": 1e-3}


class OutOfTimeError(Exception):
    """The time or the number of re-solves is used up."""


@dataclass
class Budget:
    """What a diagnosis may take.

    Attributes:
        seconds: wall time.
        solves: number of re-solves.
        used: re-solves so far.
    """

    seconds: float
    solves: int
    used: int = 0
    began: float = field(default_factory=time.perf_counter)

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.seconds - (time.perf_counter() - self.began)

    def take(self) -> None:
        """Use up a re-solve.

        Raises:
            OutOfTimeError: when there is none left, or no time.
        """
        if self.used >= self.solves or self.left <= 0:
            raise OutOfTimeError
        self.used += 1


@dataclass(frozen=True, eq=False)
class Found:
    """The cheapest way of loosening limits.

    Attributes:
        ok: whether the solver came to an end.
        x: the point.
        t: of every limit.
        worth: multipliers of all limits: what a first bit of each would save.
    """

    ok: bool
    x: Floats
    t: Floats
    worth: Floats


@dataclass(frozen=True)
class Conflict:
    """Limits that have no common point.

    Attributes:
        first, t: the limit that was found first, and what it needs; other conflicts count on it.
        alone: t of each limit that resolves the conflict by itself, by its number.
        partners: limits that take part but are not enough by themselves.
        untried: limits that take part and were not tried.
    """

    first: int
    t: float
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
        show: whether to show a progress bar.

    Attributes:
        violated: t of the limits that have to give way together, by number; None at first.
        feasible: whether a feasible point was found; None at first.
        conflicts: that were looked into.
        levers: t of each lever that is enough by itself.
        families: names of families of limits, and whether one alone would be enough.
        complete: whether the search came to its end.
    """

    def __init__(
        self, nlp: NLP, limits: Limits, start: Floats, budget: Budget, show: bool = False
    ) -> None:
        self._nlp, self._limits, self._budget, self._show = nlp, limits, budget, show
        self._asked = limits.tried & ~limits.lever
        self._x = start
        self.violated: dict[int, float] | None = None
        self.feasible: bool | None = None
        self.conflicts: list[Conflict] = []
        self.levers: dict[int, float] = {}
        self.families: dict[str, bool] = {}
        self.complete = False

    def run(self) -> None:
        """Search until there is an answer, or the budget is used up."""
        try:
            self._search()
        except OutOfTimeError:
            return

    def _search(self) -> None:
        limits = self._limits
        self._loose(~limits.lever)
        price = limits.price.copy()
        found = self._solve(price)
        if not found.ok:
            return
        self.feasible = not (found.t > MET).any()
        if self.feasible:
            self.complete = True
            return
        self._keep(found.t)
        parts = (found.t > MET) | (found.worth > _TAKES_PART * price)
        self._loose(parts | limits.lever)
        self._x = found.x
        self._sparse(found, price)
        self._single(found, price)
        self._try_levers()
        if len(self.violated or {}) > 1:
            self._try_families(parts, price)
        self.complete = self._explain()

    def _keep(self, t: Floats) -> None:
        self.violated = {int(k): float(t[k]) for k in np.flatnonzero(t > MET)}

    # -- which limits give way -------------------------------------------

    def _sparse(self, found: Found, price: Floats) -> None:
        """Fewer limits that give way, by new weights."""
        assert self.violated is not None
        for _ in range(_ROUNDS):
            if len(self.violated) == 1:
                return
            small = _NEARLY_FREE + 0.1 * found.t.max()
            found = self._solve(price * small / (found.t + small))
            if not found.ok or not (found.t > MET).any():
                return
            before = len(self.violated)
            if (found.t > MET).sum() <= before:
                self._keep(found.t)
                self._x = found.x
            if len(self.violated) == before:
                return

    def _single(self, found: Found, price: Floats) -> None:
        """One limit that is enough by itself, if there is one among those of most worth."""
        assert self.violated is not None
        if len(self.violated) == 1:
            return
        value = np.where(self._asked, found.worth / price + found.t, -np.inf)
        order = np.argsort(-value)[:_TRIED].tolist()
        for k in watched(order, "diagnosis: one limit", len(order), self._show):
            t = self._alone(k, {})[0]
            if t is not None:
                self.violated = {k: t}
                return

    def _try_levers(self) -> None:
        for k in np.flatnonzero(self._limits.lever & (self._limits.most > 0)).tolist():
            t = self._alone(k, {})[0]
            if t is not None:
                self.levers[k] = t

    def _try_families(self, parts: Flags, price: Floats) -> None:
        """Which families would be enough, all of their limits together."""
        families = {n: m for n, m in self._limits.families().items() if (m & parts).any()}
        try:
            for name in watched(families, "diagnosis: families", len(families), self._show):
                members = families[name]
                self._loose(parts | members)
                found = self._solve(np.where(members, _NEARLY_FREE * price, price))
                if found.ok:
                    self.families[name] = not (found.t[~members] > MET).any()
        finally:
            self._loose(parts | self._limits.lever)

    # -- what they conflict with -------------------------------------------

    def _explain(self) -> bool:
        """Look into each conflict; whether all of them were."""
        assert self.violated is not None
        ranked = sorted(self.violated.items(), key=lambda item: -item[1])
        for k, given in ranked[:_CONFLICTS]:
            others = {j: more(t) for j, t in self.violated.items() if j != k}
            t, found = self._alone(k, others)
            if t is not None and t <= MET:  # what the others need resolves this as well
                del self.violated[k]
            else:
                self._explain_one(k, given if t is None else t, others, found)
        explained = len(self.violated) == len(self.conflicts)
        return explained and not any(conflict.untried for conflict in self.conflicts)

    def _explain_one(
        self, first: int, t: float, others: dict[int, float], found: Found | None
    ) -> None:
        alone, partners, untried = {first: t}, [], []
        if found is not None:
            value = np.where(self._asked, found.worth / _NEARLY_FREE, 0.0)
            value[[first, *others]] = 0.0
            untried = [k for k in np.argsort(-value).tolist() if value[k] > _TAKES_PART]
        tried = untried[: _PARTNERS if others else None]
        try:
            for k in self._watched(tried):
                needed = self._alone(k, others)[0]
                untried.remove(k)
                if needed is None:
                    partners.append(k)
                else:
                    alone[k] = needed
        finally:
            self.conflicts.append(Conflict(first, t, alone, tuple(partners), tuple(untried)))

    def _watched(self, parts: list[int]) -> Iterable[int]:
        return watched(parts, f"diagnosis: conflict {len(self.conflicts) + 1}", None, self._show)

    def _alone(self, limit: int, others: dict[int, float]) -> tuple[float | None, Found | None]:
        """What a limit needs if it alone gives way, on top of others that have given way.

        Returns:
            t, None if it is not enough; and what was found, None if that failed.
        """
        price, most = self._limits.price.copy(), self._limits.most.copy()
        most[self._limits.lever] = 0.0
        price[limit], most[limit] = _NEARLY_FREE, self._limits.most[limit]
        for k, t in others.items():
            price[k], most[k] = 0.0, t
        found = self._solve(price, most)
        if not found.ok:
            return None, None
        rest = found.t.copy()
        rest[[limit, *others]] = 0.0
        if (rest > MET).any():
            return None, found
        return float(found.t[limit]), found

    # -- re-solves -------------------------------------------

    def _loose(self, loose: Flags) -> None:
        """From here on only these limits can give way."""
        limits = self._limits
        self._elastic = Elastic(self._nlp, limits.rows, limits.boxes, loose, limits.most)

    def _solve(self, price: Floats, most: Floats | None = None) -> Found:
        """Least price of loosening limits."""
        self._budget.take()
        elastic, limits = self._elastic, self._limits
        if most is None:
            most = np.where(limits.lever, 0.0, limits.most)
        elastic.price(price[elastic.loose], most[elastic.loose])
        options = {**_OPTIONS, "max_wall_time": max(self._budget.left, 1e-3)}
        watch = Watch(None)
        outcome = ipopt.run(elastic, elastic.start(self._x), options, watch)
        x, t = elastic.split(outcome.x)
        everywhere, worth = np.zeros(len(limits)), np.zeros(len(limits))
        everywhere[elastic.loose], worth[elastic.loose] = t, elastic.worth(outcome.rows)
        text = "elastic re-solve %d: %s, %d iterations, %d limits give way"
        log.info(text, self._budget.used, outcome.message, watch.iterations, int((t > MET).sum()))
        return Found(outcome.status.solved, x, everywhere, worth)


def more(t: float) -> float:
    """A little more than the least, so that there is room for a solution."""
    return t * (1.0 + _MORE) + MET
