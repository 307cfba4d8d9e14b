"""Exact checks of solutions by their dynamics, and why none was passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scopf.optimizer.status import Status

if TYPE_CHECKING:
    from scopf.model.problem import Problem

_CREEPS = 0.1  # share of the way to stability that a step has to make


@dataclass(frozen=True)
class Check:
    """One solve and its exact check.

    Attributes:
        droop_margin: that the criterion used.
        status: of the solve.
        cost: currency per hour; NaN without a solution.
        stable: by the dynamics; False without a solution, None if undecided.
        factor: largest factor on all droops with which the operating point is stable, looked for up
            to 1; NaN without a solution, and if undecided.
        verdict: the same as a sentence.
        proof: what proves it stable beside the eigenvalues, "energy" or "multipliers"; None if
            nothing does.
        oscillates: modes grow, and all of them are oscillations.
    """

    droop_margin: float
    status: Status
    cost: float
    stable: bool | None
    factor: float
    verdict: str
    proof: str | None = None
    oscillates: bool = False


def creeps(checks: Sequence[Check]) -> bool:
    """Whether the last solution is hardly nearer to stability than the one before it."""
    factors = [check.factor for check in checks if check.status.solved]
    return len(factors) > 1 and 1 - factors[-1] > (1 - _CREEPS) * (1 - factors[-2])


def beyond_cure(problem: Problem, check: Check) -> bool:
    """Whether oscillations are all that grows, and rows exclude real modes only."""
    return check.oscillates and problem.criterion.claim == "no growing real mode"


def reason(problem: Problem, checks: Sequence[Check]) -> str:
    """Why no solution was certified, in a few words."""
    if checks[-1].stable is None:
        return f"the exact check is {checks[-1].verdict}"
    if checks[-1].status is Status.INTERRUPTED:
        return "interrupted"
    failed = [check for check in checks if not check.status.solved]
    if len(failed) == len(checks):
        return f"the problem itself was not solved ({checks[0].status})"
    if problem.opf.stability.declared.margin is None:
        return f"the criterion {problem.criterion.name} has no rows to tighten"
    if failed:
        least = min(failed, key=lambda check: check.droop_margin)
        return f"with a droop margin of {least.droop_margin:.3g} it is not solved ({least.status})"
    blind = f"the criterion {problem.criterion.name} does not see the instability"
    if beyond_cure(problem, checks[-1]):
        return f"{blind}: an oscillation grows, and a larger droop margin is no cure for it"
    if len(checks) == 1:
        return blind
    if creeps(checks):
        first, last = checks[0], checks[-1]
        return (
            f"{blind}: with a droop margin of {first.droop_margin:.3g} the point would be stable "
            f"with {first.factor:.4g} of its droops, with {last.droop_margin:.3g} with "
            f"{last.factor:.4g} of them"
        )
    return f"still unstable after {len(checks)} rounds"
