"""Certified solves: solve, check exactly, raise the droop margin, and solve again.

A criterion's rows may admit an unstable point: the paper's rows at large angles, or rows that are
exact without losses on a network with losses. Let f be the largest factor on all
droops for which the point is stable (from the dynamics), and g the largest the criterion allows.
The droop margin is raised to g/f - 1 and a little more, so that the criterion excludes the point.

If the next point is hardly nearer to stability, 1 + the droop margin is at least doubled. After
three such steps in a row, or if g has no bound, the criterion does not see the instability, and the
search ends. It ends at once where the rows exclude growing real modes alone and all that grows is
an oscillation: more margin is no cure for that. If there is no solution with a droop margin, the
next one lies between it and the largest that had one. A check that is undecided ends the search as
well: a droop margin is no cure.

Where oscillations have to have a damping ratio, a stable point that lacks it is not passed either:
f is then the largest factor for which it is damped, and a step makes progress where the least
damping ratio comes nearer to the one that is asked for.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.errors import ScopfError
from scopf.network.kron import Reduction
from scopf.optimizer.status import Status
from scopf.results.checks import Check, beyond_cure, creeps, reason
from scopf.results.states import State
from scopf.stability import device_claims
from scopf.stability.setting import Setting

if TYPE_CHECKING:
    from scopf.arrays import Floats
    from scopf.dynamics.verified import Verification
    from scopf.model.problem import Problem
    from scopf.network.network import Network
    from scopf.results.solution import Solution
    from scopf.results.verified import VerifiedStates
    from scopf.stability.criterion import Criterion

log = logging.getLogger(__name__)

_ROUNDS = 12
_BEYOND = 1.005  # factor on 1 + droop margin beyond the one that excludes the last point
_UNKNOWN = 0.8  # f of a point that is unstable with any droops, or whose f is not known
_BOLD = 2.0  # least factor on 1 + droop margin after a step without progress
_STEPS = 3  # steps without progress in a row that end the search
_MOST = 1e4  # g from which on the criterion counts as having no bound on the droops


def certify(
    problem: Problem, solve: Callable[[Solution | None], Solution], how: Mapping[str, Any]
) -> Solution:
    """Raise the droop margin until the optimum passes the exact check, or no progress is made.

    Args:
        problem: to solve; its droop margin is raised, and reset at the end.
        solve: function that solves it, from the last solution if there is one.
        how: keywords of `Solution.verify`.

    Returns:
        The first solution that passed. If none did, one that is not certified, the first that is
        stable but lacks damping, or else the last one. All steps are in its `checks`.
    """
    given = problem.scenario.droop_margin
    checks: list[Check] = []
    last: Solution | None = None
    stable: Solution | None = None  # the first, for a damping ratio that is not reached
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
            tightened = problem.opf.stability.declared.margin is not None
            if check.passed is not False or not tightened or beyond_cure(problem, check):
                last = found
                break
            if found.solved:
                last, low = found, margin
                stable = stable or (found if check.stable else None)
                allowed = _allowed(found, margin)
                factor = check.factor if check.factor > 0 else _UNKNOWN
                aim = allowed * _BEYOND / factor - 1
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
            problem.try_droop_margin(margin)
    finally:
        if problem.scenario.droop_margin != given:
            problem.try_droop_margin(given)
    assert last is not None
    if not checks[-1].passed:
        log.warning("%s: not certified: %s", problem.base.name, reason(problem, checks))
        last = stable or last  # a tighter one costs more and is no more certified
    return dataclasses.replace(last, checks=tuple(checks))


def _between(low: float, high: float) -> float:
    """Droop margin between two others: the geometric mean of 1 + each."""
    return float(np.sqrt((1 + low) * (1 + high)) - 1)


def _check(found: Solution, margin: float, how: Mapping[str, Any]) -> Check:
    """Exact check of the solution found with a droop margin."""
    if not found.solved:
        text = f"no solution ({found.message})"
        return Check(margin, found.status, found.cost, False, float("nan"), text, damped=False)
    exact: Verification | VerifiedStates
    try:
        exact = found.verify_states(**how) if found.several else found.verify(**how)
    except TypeError as error:
        raise ScopfError(f"certify takes the keywords of Solution.verify: {error}") from error
    factor = 1.0
    if exact.damped is not True:
        lacks_damping = exact.stable is True
        factor = float(np.minimum(exact.largest_factor(1.0, damped=lacks_damping), 1.0))
    return Check(
        margin, found.status, found.cost, exact.stable, factor, exact.verdict, exact.proof,
        exact.oscillates, exact.min_damping, exact.damped, exact.damping, exact.least_damped_hz,
    )  # fmt: skip


def _allowed(found: Solution, margin: float) -> float:
    """Largest factor g on all droops that the criterion allows at a solution, up to `_MOST`.

    At least 1 + the droop margin, for which the rows hold, to the solver's tolerance. Of all states
    that are in the model the least.
    """
    point, of = found.point, found.setting  # of hours side by side
    states = [(of, found.energized, (point.vm, point.va), (point.pg, point.qg))]
    for name in found.states[1:] if found.scenario.outages else ():
        state = found.state(name)
        assert isinstance(state, State)
        net, inverters = state.net, state.inverters_of(found.inverter_data)
        reduction = Reduction(net, net.bus_positions(inverters.bus))
        margins = 1.0, of.margin, of.droop_margin
        devices = None if of.devices is None else of.devices.left_in(net)
        one = Setting(reduction, inverters, *margins, devices=devices)
        states.append((one, net, (net.bus.vm, net.bus.va), (net.gen.pg, net.gen.qg)))
    return min(_allowed_in(found.problem.criterion, *state, margin) for state in states)


def _allowed_in(
    criterion: Criterion,
    setting: Setting,
    net: Network,
    voltage: tuple[Floats, Floats],
    power: tuple[Floats, Floats],
    margin: float,
) -> float:
    """The same in one state, at voltages of all its buses and powers of its generators."""
    from scipy.optimize import brentq

    exact = dataclasses.replace(setting, margin=0.0, droop_margin=0.0)
    inverters = exact.view(criterion.network).inverters

    def least_slack(logarithm: float) -> float:
        factor = float(np.exp(logarithm))
        slack = device_claims.slack(criterion, exact, net, voltage, power, factor)
        return float(slack[inverters].min(initial=np.inf)) - setting.margin

    least, most = float(np.log1p(margin)), float(np.log(_MOST))
    if least_slack(least) <= 0:
        return 1.0 + margin
    if least_slack(most) > 0:
        return _MOST
    return float(np.exp(brentq(least_slack, least, most, xtol=1e-9)))
