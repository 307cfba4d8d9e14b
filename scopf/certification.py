"""Solve, check exactly, tighten, and solve again: for criteria that are no proof.

A criterion's rows may let an unstable point pass: the paper's at large angles, a proven one on a
network with losses. Then the point stands the droops times some factor only, which the dynamics
tell, while by the criterion it would stand them times another one. The criterion is made to count
droops as larger by the ratio of the two, so that the point is no longer among those it allows.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
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
    margin, checks = given, []
    last: Solution | None = None
    try:
        for _ in range(_ROUNDS):
            found = solve(last)
            check = _check(found, margin, how)
            checks.append(check)
            log.info("certify: droop margin %.3g %%: %s", 100 * margin, check.verdict)
            if not found.solved:
                last = last or found
                break
            last = found
            if check.stable or MARGIN not in problem.formulation:
                break
            allowed = _allowed(found)
            if allowed >= _MOST:
                break
            margin = allowed * _BEYOND / (check.factor or _BLIND) - 1
            problem.update(droop_margin=margin)
    finally:
        problem.update(droop_margin=given)
    assert last is not None
    if not checks[-1].stable:
        log.warning("%s: not certified: %s", problem.base.name, _reason(problem, checks))
    return dataclasses.replace(last, checks=tuple(checks))


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


def _allowed(found: Solution) -> float:
    """Largest factor on all droops, from 1 to `_MOST`, that the criterion still certifies."""
    problem = found.problem
    criterion, setting = problem.criterion, problem.setting
    reduced, at = criterion.network == "reduced", setting.reduction.keep
    grid = setting.reduced if reduced else setting.full
    buses = at if reduced else np.arange(len(setting.net.bus))
    k, vm, va = np.full(len(buses), np.inf), found.point.vm[buses], found.point.va[buses]
    k[slice(None) if reduced else at] = found.inverter_data.k

    def room(logarithm: float) -> float:
        return float(criterion.room(grid, np.exp(logarithm) * k, vm, va).min())

    most = float(np.log(_MOST))
    if room(0.0) <= 0:  # rows that bind leave no room but the solver's tolerance
        return 1.0
    if room(most) > 0:
        return _MOST
    return float(np.exp(optimize.brentq(room, 0.0, most, xtol=1e-9)))


def _reason(problem: Problem, checks: list[Check]) -> str:
    if MARGIN not in problem.formulation:
        return f"the criterion {problem.criterion.name} has no rows to tighten"
    if not checks[-1].status.solved:
        return f"with a droop margin of {checks[-1].droop_margin:.3g} there is no solution"
    if len(checks) < _ROUNDS:
        return f"the criterion {problem.criterion.name} does not see the instability"
    return f"still unstable after {len(checks)} rounds"
