"""The search for limits that conflict.

1. Every limit can be relaxed at a price; the least price tells whether there is a conflict. The
   members of conflicts are the limits that are relaxed or have a dual value; all others hold from
   then on. If this takes too long, only the limits that are relaxed most by then can be relaxed
   from there on, which is a far smaller problem.
2. The prices are changed a few times to w/(t + c), which favours few limits with a large relaxation
   over many with a small one. If a single limit is left, there is one conflict; otherwise there are
   as many as relaxed limits.
3. For each conflict, worst first, with the others resolved: the least relaxation of its limit, and
   the other members (`scopf.diagnosis.conflicts`). A limit that resolves the worst conflict by
   itself may resolve all of them: then there is one conflict only.

A factor on all loads, one on all droops and, where there are several conflicts, whole groups of
limits are tested in the same way.

Every re-solve is of a problem that has feasible points. So the verdict does not depend on a solver
reporting infeasibility, but it does depend on a local optimum: "feasible" is proven by the point
that was found, "infeasible" is not proven.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scopf.diagnosis.budget import Budget, OutOfTimeError
from scopf.diagnosis.conflicts import MEMBER, Conflict, find_members, relaxed_alone
from scopf.diagnosis.elastic_solver import RELAXED, ElasticSolver, Relaxed, enlarged

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats
    from scopf.diagnosis.limits import Limits
    from scopf.engine.nlp import NLP
    from scopf.optimizer.progress import Ticker

_REWEIGHTINGS = 3
_TESTED_FOR_ALL = 3  # limits tested as the only one to relax for all conflicts
_SHARE = 0.5  # of the time left, for the first re-solve
_OF_LARGEST = 1e-3  # where that is cut short: share of the largest t from which a limit is kept
_OF_PRICE = 0.1  # the same for the dual value, as a share of the price
_SUSPECTS = 10  # limits named where there is no answer
_SUSPECT = 0.1  # share of the largest t from which a limit is one of them
_SLIGHT = 1e-2  # share of the largest t below which a relaxation may not be necessary


class Search:
    """Looks for conflicts among the limits of a problem.

    Args:
        nlp: the compiled problem.
        limits: its limits.
        start: start point, shape (n,).
        budget: time and number of re-solves.
        ticker: shows the stage of the search.

    Attributes:
        violated: t of the limits that have to be relaxed together, by number; None at first.
        feasible: whether a feasible point was found; None at first.
        conflicts: those whose members were looked for.
        factors: t of each factor that is enough by itself, by its number.
        groups: names of groups of limits, and whether relaxing one group alone is enough.
        suspects: limits relaxed most when the time for an answer was up, worst first.
        complete: whether the search came to its end.
        stopped: the part of the budget that ended the search; empty if none did.
    """

    def __init__(
        self, nlp: NLP, limits: Limits, start: Floats, budget: Budget, ticker: Ticker
    ) -> None:
        self._limits, self._ticker = limits, ticker
        self._solver = ElasticSolver(nlp, limits, start, budget, ticker)
        self._asked = limits.asked & ~limits.factor
        self.violated: dict[int, float] | None = None
        self.feasible: bool | None = None
        self.conflicts: list[Conflict] = []
        self.factors: dict[int, float] = {}
        self.groups: dict[str, bool] = {}
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
        self._ticker.stage("diagnosis: limits to relax")
        self._solver.restrict(~limits.factor)
        price = limits.price.copy()
        relaxed = self._solver.solve(price, share=_SHARE)
        cut_short = relaxed.out_of_time
        if cut_short:
            relaxed = self._narrowed(relaxed, price)
        if not relaxed.ok:
            return
        self.suspects, self.stopped = [], ""
        self.feasible = not relaxed.relaxes()
        if self.feasible:
            self.complete = True
            return
        self._set_violated(relaxed)
        members = (relaxed.t > RELAXED) | (relaxed.dual_values > MEMBER * price)
        self._solver.restrict(members | limits.factor)
        self._reweight(relaxed, price)
        self._drop_slight()
        self._test_factors()
        explained = self._explain()
        if len(self.violated or {}) > 1:
            self._test_groups(members)
        self.complete = explained and not cut_short

    def _narrowed(self, cut: Relaxed, price: Floats) -> Relaxed:
        """The first re-solve again after it took too long, with the limits relaxed most by then."""
        most = cut.t.max()
        self._solver.restrict((cut.t > _OF_LARGEST * most) | (cut.dual_values > _OF_PRICE * price))
        ranked = np.argsort(-cut.t, kind="stable")[:_SUSPECTS]
        self.suspects = ranked[cut.t[ranked] > _SUSPECT * most].tolist()
        self.stopped = "time limit"
        self._solver.start = cut.point.x
        return self._solver.solve(price)

    def _set_violated(self, relaxed: Relaxed) -> None:
        """Take the relaxed limits for those that have to be relaxed together."""
        self._base = relaxed.point
        self.violated = {int(k): float(relaxed.t[k]) for k in np.flatnonzero(relaxed.t > RELAXED)}

    # -- limits to relax -------------------------------------------

    def _reweight(self, relaxed: Relaxed, price: Floats) -> None:
        """Reduce the number of relaxed limits by new prices."""
        assert self.violated is not None
        for _ in range(_REWEIGHTINGS):
            if len(self.violated) == 1:
                return
            top = relaxed.t.max()
            small = 0.01 + 0.1 * top
            new = price * (top + small) / (relaxed.t + small)
            relaxed = self._solver.solve(new, near=relaxed.point)
            if not relaxed.ok or not relaxed.relaxes():
                return
            before = len(self.violated)
            if (relaxed.t > RELAXED).sum() <= before:
                self._set_violated(relaxed)
            if len(self.violated) == before:
                return

    def _drop_slight(self) -> None:
        """Leave out limits that need no relaxation once the others are relaxed a little more."""
        assert self.violated is not None
        largest = max(self.violated.values())
        sure = {k: enlarged(t) for k, t in self.violated.items() if t > _SLIGHT * largest}
        if len(sure) == len(self.violated):
            return
        price, most = self._solver.prices((), sure)
        relaxed = self._solver.solve(price, most, self._base)
        if relaxed.ok:
            kept = {k: t for k, t in self.violated.items() if k in sure or relaxed.t[k] > RELAXED}
            self.violated = kept

    def _test_factors(self) -> None:
        """Find the factors on all loads, and on all droops, that resolve everything."""
        self._ticker.stage("diagnosis: all loads, all droops")
        for k in np.flatnonzero(self._limits.factor & (self._limits.most > 0)).tolist():
            price, most = self._solver.prices([k], {})
            relaxed = self._solver.solve(price, most, self._base, far=True)
            if relaxed.ok and not relaxed.relaxes([k]):
                self.factors[k] = float(relaxed.t[k])

    def _test_groups(self, members: Flags) -> None:
        """Find the groups of limits that are enough, all limits of a group relaxed together."""
        assert self.violated is not None
        self._ticker.stage("diagnosis: groups of limits")
        groups = {n: of for n, of in self._limits.groups().items() if (of & members).any()}
        try:
            for name, of in groups.items():
                if of[list(self.violated)].all():
                    self.groups[name] = True
                    continue
                self._solver.restrict(members | of)
                price, most = self._solver.prices(np.flatnonzero(of).tolist(), {})
                relaxed = self._solver.solve(price, most, self._base, far=True)
                if relaxed.ok:
                    self.groups[name] = not (relaxed.t[~of] > RELAXED).any()
        finally:
            self._solver.restrict(members | self._limits.factor)

    # -- members of each conflict -------------------------------------------

    def _explain(self) -> bool:
        """Find the members of each conflict, worst first; True if that was done for all."""
        assert self.violated is not None
        sure = True
        for k in sorted(self.violated, key=lambda k: -self.violated[k]):  # type: ignore[index]
            count = len(self.conflicts) + 1
            self._ticker.stage(f"diagnosis: conflict {count} of {len(self.violated)}")
            others = {j: enlarged(t) for j, t in self.violated.items() if j != k}
            t, relaxed = relaxed_alone(self._solver, k, others, self._base)
            if t is not None and t <= RELAXED:  # the others' relaxations resolve this as well
                del self.violated[k]
                self.conflicts = []  # they were found with this limit relaxed
                return self._explain()
            if t is None or relaxed is None:  # with the others it is enough: that was found before
                sure, t, relaxed = False, self.violated[k], None
            self.conflicts.append(Conflict(k, {k: t}))
            if relaxed is not None:
                find_members(self._solver, self.conflicts[-1], others, relaxed, self._asked)
            if count == 1 and others and self._single(self.conflicts[0]):
                self.conflicts = []
                return self._explain()
        return sure and not any(conflict.untested for conflict in self.conflicts)

    def _single(self, worst: Conflict) -> bool:
        """Whether one of the limits that resolve the worst conflict resolves all conflicts.

        If so, it is the only one that has to be relaxed from then on.
        """
        self._ticker.stage("diagnosis: one limit for all")
        for k in list(worst.alone)[:_TESTED_FOR_ALL]:
            t, alone = relaxed_alone(self._solver, k, {}, self._base)
            if t is not None and alone is not None:
                self.violated, self._base = {k: t}, alone.point
                return True
        return False
