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
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize

from scopf.errors import ScopfError
from scopf.optimizer.status import Status
from scopf.results.checks import Check, creeps, reason

if TYPE_CHECKING:
    from scopf.model.problem import Problem
    from scopf.results.solution import Solution

log = logging.getLogger(__name__)

_ROUNDS = 12
_BEYOND = 1.005  # how much further than the last point asked for
_BLIND = 0.8  # factor taken for the exact one when the dynamics do not tell any
_BOLD = 2.0  # factor on 1 + droop margin of a bolder step
_STEPS = 3  # steps in a row that make none, after which a criterion counts as blind as well
_MOST = 1e4  # factor on the droops at which a criterion counts as blind for the instability


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
    creeping = 0
    try:
        while len(checks) < _ROUNDS:
            found = solve(last)
            check = _check(found, margin, how)
            checks.append(check)
            log.info("certify: droop margin %.3g %%: %s", 100 * margin, check.verdict)
            if check.status is Status.INTERRUPTED:
                last = last or found
                break
            if check.stable or problem.opf.stability.declared.margin is None:
                last = found
                break
            if found.solved:
                last, low = found, margin
                allowed = _allowed(found, margin)
                aim = allowed * _BEYOND / (check.factor or _BLIND) - 1
                creeping = creeping + 1 if creeps(checks) else 0
                if creeping:
                    aim = max(aim, _BOLD * (1 + margin) - 1)
                if allowed >= _MOST or creeping >= _STEPS:
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
    view = setting.view(criterion.network)
    vm, va = found.point.vm[view.buses], found.point.va[view.buses]
    k = np.full(len(vm), np.inf)
    k[view.inverters] = found.inverter_data.k

    def room(logarithm: float) -> float:
        slack = criterion.slack(view.grid, np.exp(logarithm) * k, vm, va)
        return float(slack[view.inverters].min()) - setting.margin

    least, most = float(np.log1p(margin)), float(np.log(_MOST))
    if room(least) <= 0:
        return 1.0 + margin
    if room(most) > 0:
        return _MOST
    return float(np.exp(optimize.brentq(room, least, most, xtol=1e-9)))
