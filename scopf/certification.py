"""Solve, check exactly, tighten, and solve again: for criteria that are no proof.

A criterion's rows may let an unstable point pass: the paper's at large angles, a proven one on a
network with losses. Then the point stands the droops times some factor only, which the dynamics
tell, while by the criterion it would stand them times another one. The criterion is made to count
droops as larger by the ratio of the two, so that the point is no longer among those it allows. If
that hardly brings the next point nearer to stability, the next step is a bold one; if bold ones do
not either, the criterion's rows are about something else than what makes the point unstable.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize

from scopf.faults import ScopfError
from scopf.outcome import Status
from scopf.stability.criterion import MARGIN

if TYPE_CHECKING:
    from scopf.model.problem import Problem
    from scopf.solution import Solution

log = logging.getLogger(__name__)

_ROUNDS = 12
_BEYOND = 1.005  # how much further than the last point asked for
_BLIND = 0.8  # factor taken for the exact one when the dynamics do not tell any
_CREEPS = 0.1  # share of the way to stability that a step has to make, or the next one is bolder
_BOLD = 2.0  # factor on 1 + droop margin of a bolder step
_STEPS = 3  # steps in a row that make none, after which a criterion counts as blind as well
_MOST = 1e4  # factor on the droops at which a criterion counts as blind for the instability


@dataclass(frozen=True)
class Check:
    """One solve and its exact check.

    Attributes:
        droop_margin: that the criterion used.
        status: of the solve.
        cost: currency per hour; NaN without a solution.
        stable: what the dynamics say; False without a solution.
        factor: largest factor on all droops with which the operating point is stable, looked for up
            to 1; NaN without a solution.
        verdict: the same as a sentence.
    """

    droop_margin: float
    status: Status
    cost: float
    stable: bool
    factor: float
    verdict: str


def certify(
    problem: Problem, solve: Callable[[Solution | None], Solution], how: Mapping[str, Any]
) -> Solution:
    """Raise the droop margin until the optimum passes the exact check, or clearly none will.

    Args:
        problem: whose droop margin is raised, and set back in the end.
        solve: solves it, from a solution if there is one.
        how: keywords of `Solution.verify`.

    Returns:
        The first solution that passed. Otherwise the last one that there is, not certified. Either
        has `checks`, every step that was taken.
    """
    given = problem.scenario.droop_margin
    checks: list[Check] = []
    last: Solution | None = None
    low, margin, high = given, given, np.inf
    creeps = 0
    try:
        while len(checks) < _ROUNDS:
            found = solve(last)
            check = _check(found, margin, how)
            checks.append(check)
            log.info("certify: droop margin %.3g %%: %s", 100 * margin, check.verdict)
            if check.status is Status.INTERRUPTED:
                last = last or found
                break
            if check.stable or MARGIN not in problem.formulation:
                last = found
                break
            if found.solved:
                last, low = found, margin
                allowed = _allowed(found, margin)
                aim = allowed * _BEYOND / (check.factor or _BLIND) - 1
                creeps = creeps + 1 if _creeps(checks) else 0
                if creeps:
                    aim = max(aim, _BOLD * (1 + margin) - 1)
                if allowed >= _MOST or creeps >= _STEPS:
                    break
            elif last is None:
                last = found
                break
            else:
                high = margin
                aim = np.inf
            margin = aim if aim < high else _between(low, high)
            if margin <= low or (1 + high) / (1 + low) < _BEYOND:
                break
            problem.update(droop_margin=margin)
    finally:
        if problem.scenario.droop_margin != given:
            problem.update(droop_margin=given)
    assert last is not None
    if not checks[-1].stable:
        log.warning("%s: not certified: %s", problem.base.name, reason(problem, checks))
    return dataclasses.replace(last, checks=tuple(checks))


def _creeps(checks: Sequence[Check]) -> bool:
    """Whether the last solution is hardly nearer to stability than the one before it."""
    factors = [check.factor for check in checks if check.status.solved]
    return len(factors) > 1 and 1 - factors[-1] > (1 - _CREEPS) * (1 - factors[-2])


def _between(low: float, high: float) -> float:
    """The geometric middle of two droop margins."""
    return float(np.sqrt((1 + low) * (1 + high)) - 1)


def _check(found: Solution, margin: float, how: Mapping[str, Any]) -> Check:
    if not found.solved:
        text = f"no solution ({found.message})"
        return Check(margin, found.status, found.cost, False, float("nan"), text)
    try:
        exact = found.verify(**how)
    except TypeError as error:
        raise ScopfError(f"certify takes the keywords of Solution.verify: {error}") from error
    factor = 1.0 if exact.stable else exact.critical_factor
    return Check(margin, found.status, found.cost, exact.stable, factor, exact.verdict)


def _allowed(found: Solution, margin: float) -> float:
    """Largest factor on all droops that the criterion still certifies, up to `_MOST`.

    At least that of the droop margin, at which the rows that bind leave no room but the solver's
    tolerance.
    """
    criterion, setting = found.problem.criterion, found.problem.setting
    seen = setting.seen(criterion.network)
    vm, va = found.point.vm[seen.buses], found.point.va[seen.buses]
    k = np.full(len(vm), np.inf)
    k[seen.inverters] = found.inverter_data.k

    def room(logarithm: float) -> float:
        rooms = criterion.room(seen.grid, np.exp(logarithm) * k, vm, va)
        return float(rooms[seen.inverters].min()) - setting.margin

    least, most = float(np.log1p(margin)), float(np.log(_MOST))
    if room(least) <= 0:
        return 1.0 + margin
    if room(most) > 0:
        return _MOST
    return float(np.exp(optimize.brentq(room, least, most, xtol=1e-9)))


def reason(problem: Problem, checks: Sequence[Check]) -> str:
    """Why no solution was certified, in a few words."""
    if MARGIN not in problem.formulation:
        return f"the criterion {problem.criterion.name} has no rows to tighten"
    if checks[-1].status is Status.INTERRUPTED:
        return "interrupted"
    failed = [check for check in checks if not check.status.solved]
    if len(failed) == len(checks):
        return f"the problem itself was not solved ({checks[0].status})"
    if failed:
        least = min(failed, key=lambda check: check.droop_margin)
        return f"with a droop margin of {least.droop_margin:.3g} it is not solved ({least.status})"
    blind = f"the criterion {problem.criterion.name} does not see the instability"
    if len(checks) == 1:
        return blind
    if _creeps(checks):
        first, last = checks[0], checks[-1]
        return (
            f"{blind}: with a droop margin of {first.droop_margin:.3g} the point would be stable "
            f"with {first.factor:.4g} of its droops, with {last.droop_margin:.3g} with "
            f"{last.factor:.4g} of them"
        )
    return f"still unstable after {len(checks)} rounds"
