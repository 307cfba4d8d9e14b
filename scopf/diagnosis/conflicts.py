"""The members of one conflict, and the relaxation that resolves it by each of them alone.

A conflict is found as one limit that has to be relaxed, all other conflicts resolved. Its other
members are the limits with a dual value there. A single re-solve in which these are all priced low,
and all other limits high, tells whether they can take the place of that limit. If only one of them
is relaxed then, its t is what it needs by itself; if several are, they are tested alone, one after
the other. A limit that was tested holds from then on. This ends when all were tested, or when those
that are left are not enough even together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from scopf.diagnosis.elastic_solver import PRICED_LOW, RELAXED

if TYPE_CHECKING:
    from scopf.arrays import Flags
    from scopf.diagnosis.elastic import ElasticPoint
    from scopf.diagnosis.elastic_solver import ElasticSolver, Relaxed

MEMBER = 1e-3  # dual value over price from which a limit counts as a member
_CANDIDATE = 1e-2  # the same, from which a member is tested
_FAILURES = 2  # candidates in a row that are not enough, before the rest is tested together


@dataclass
class Conflict:
    """Limits that have no common point.

    Attributes:
        first: the limit that was found first; other conflicts are tested with it relaxed.
        alone: t of each limit that resolves the conflict by itself, by its number.
        members: limits that take part but are not enough by themselves.
        left: candidates that were not tested.
        failed: candidates whose re-solve failed.
    """

    first: int
    alone: dict[int, float]
    members: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)

    @property
    def untested(self) -> tuple[int, ...]:
        """Members without a test that came to an end."""
        return (*self.failed, *self.left)


def relaxed_alone(
    solver: ElasticSolver, limit: int, others: Mapping[int, float], near: ElasticPoint
) -> tuple[float | None, Relaxed | None]:
    """Relaxation of one limit that is enough, with those of other conflicts relaxed by a given t.

    Returns:
        t, None if it is not enough; and the result, None if the re-solve failed.
    """
    price, most = solver.prices([limit], others)
    relaxed = solver.solve(price, most, near)
    if not relaxed.ok:
        return None, None
    if relaxed.relaxes([limit, *others]):
        return None, relaxed
    return float(relaxed.t[limit]), relaxed


def find_members(
    solver: ElasticSolver,
    conflict: Conflict,
    others: Mapping[int, float],
    relaxed: Relaxed,
    asked: Flags,
) -> None:
    """Add the members of a conflict, and what each of them needs by itself.

    Args:
        solver: of the elastic problem.
        conflict: with its first limit; it is kept up to date, as the budget may end this early.
        others: t of the limits that resolve the other conflicts.
        relaxed: the result with the first limit relaxed.
        asked: limits that may be tested.
    """
    value = np.where(asked, relaxed.dual_values / PRICED_LOW, 0.0)
    value[[conflict.first, *others]] = 0.0
    ranked = [k for k in np.argsort(-value).tolist() if value[k] > MEMBER]
    conflict.left = left = [k for k in ranked if value[k] > _CANDIDATE]
    conflict.members = ranked[len(left) :]
    failures = _FAILURES
    while left:
        if failures >= _FAILURES and len(left) > 1:
            together = _replacements(solver, left, others, relaxed.point)
            if not together:
                conflict.members += left
                left.clear()
                return
            k = max(together, key=lambda k: together[k])
            if len(together) == 1:
                conflict.alone[k] = together[k]
                left.remove(k)
                continue
            failures = 0
        else:
            k = left[0]
        needed, tested = relaxed_alone(solver, k, others, relaxed.point)
        left.remove(k)
        if needed is not None:
            conflict.alone[k] = needed
            continue
        (conflict.failed if tested is None else conflict.members).append(k)
        failures += 1


def _replacements(
    solver: ElasticSolver, candidates: list[int], others: Mapping[int, float], near: ElasticPoint
) -> dict[int, float]:
    """T of the candidates that resolve a conflict together; empty if all of them cannot.

    If the re-solve fails, all of them are returned, to be on the safe side.
    """
    price, most = solver.prices(candidates, others)
    relaxed = solver.solve(price, most, near)
    if not relaxed.ok:
        return dict.fromkeys(candidates, 1.0)
    if relaxed.relaxes([*candidates, *others]):
        return {}
    return {k: float(relaxed.t[k]) for k in candidates if relaxed.t[k] > RELAXED}
