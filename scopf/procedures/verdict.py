"""The verdict on a result of the solver, by a check of the original problem."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass

from scopf.engine.nlp import NLP
from scopf.model.codesign import GivenStiffness
from scopf.model.problem import Problem
from scopf.optimizer.overdetermined import reason
from scopf.optimizer.status import Outcome, Status
from scopf.results import accuracy
from scopf.results.accuracy import ACCEPTABLE, Accuracy
from scopf.results.prices import Multipliers
from scopf.stability.rows import Stability
from scopf.stability.setting import Setting

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examined:
    """A result of the solver: its multipliers, inverters, stability rows and accuracy."""

    multipliers: Multipliers
    setting: Setting
    stability: Stability
    accuracy: Accuracy


def examine(problem: Problem, nlp: NLP, outcome: Outcome) -> Examined:
    """Give the problem's variables the values of a result, and evaluate everything there."""
    nlp.load_point(outcome.x)
    solved = outcome.status.solved and outcome.priced
    soft = problem.opf.soft
    softened = {} if soft is None else soft.bounds_of
    found = outcome.rows, outcome.lower, outcome.upper, solved, softened
    horizon = problem.horizon
    multipliers = Multipliers(nlp, *found, None if horizon is None else horizon.duration)
    setting = _setting(problem)
    stability = problem.opf.stability.read(setting, multipliers)
    return Examined(
        multipliers, setting, stability, accuracy.measure(problem, nlp, outcome, stability)
    )


def checked(problem: Problem, nlp: NLP, outcome: Outcome) -> tuple[Outcome, Examined | None]:
    """The outcome with the status that its errors in the original problem allow.

    Returns:
        The outcome, and the examined result if it is a solution.
    """
    if not outcome.status.solved:
        return outcome, None
    examined = examine(problem, nlp, outcome)
    log.info("check of the original problem: %s", examined.accuracy)
    status, complaint = examined.accuracy.status, examined.accuracy.complaint
    worst = examined.accuracy.worst
    if not outcome.priced and not worst.violation <= ACCEPTABLE:
        text = f"{worst.complaint}, and {reason(nlp)}"
        return dataclasses.replace(outcome, status=Status.INFEASIBLE, message=text), None
    if status is Status.FAILED:  # then prices mean nothing
        text = f"the solver's result is no solution of the original problem: {complaint}"
        return dataclasses.replace(outcome, status=status, message=text), None
    if status is Status.ACCEPTABLE and outcome.status is Status.OPTIMAL:
        text = f"solved to a lower accuracy than usual: {complaint}"
        return dataclasses.replace(outcome, status=status, message=text), examined
    return outcome, examined


def _setting(problem: Problem) -> Setting:
    """The problem's setting, with the droops that co-design has found."""
    stiffness = problem.opf.stiffness
    if isinstance(stiffness, GivenStiffness):
        return problem.present
    inverters = problem.present.inverters.replace(mq=1.0 / stiffness.symbol.value)
    return dataclasses.replace(problem.present, inverters=inverters)
