"""Exact checks of solutions by their dynamics, and why none was passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scopf.dynamics.damping import below
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
        factor: largest factor on all droops with which the operating point is stable, or with which
            it is damped where that is all that it lacks; looked for up to 1; NaN without a
            solution, and if undecided.
        verdict: the same as a sentence.
        proof: what proves it stable beside the eigenvalues, "energy" or "multipliers"; None if
            nothing does.
        oscillates: modes grow, and all of them are oscillations.
        min_damping: damping ratio that oscillations have to have; 0 where none was asked for.
        damped: whether the point is stable and they have it; None if undecided.
        damping: least damping ratio of its oscillations; NaN where it is not known.
        least_damped_hz: frequency of that oscillation, Hz.
    """

    droop_margin: float
    status: Status
    cost: float
    stable: bool | None
    factor: float
    verdict: str
    proof: str | None = None
    oscillates: bool = False
    min_damping: float = 0.0
    damped: bool | None = None
    damping: float = float("nan")
    least_damped_hz: float = float("nan")

    @property
    def passed(self) -> bool | None:
        """Whether it is stable, and damped if a ratio was asked for; None if undecided."""
        return self.damped if self.min_damping else self.stable


def of_result(checks: Sequence[Check], cost: float) -> Check:
    """The check of the dispatch with this cost, or else the last one of a dispatch at all."""
    solved = [check for check in checks if check.status.solved]
    return next((check for check in solved if check.cost == cost), (solved or [*checks])[-1])


def creeps(checks: Sequence[Check]) -> bool:
    """Whether the last solution is hardly nearer to stability than the one before it."""
    solved = [check for check in checks if check.status.solved]
    if len(solved) < 2:
        return False
    last, before = solved[-1], solved[-2]
    if last.stable is not before.stable:
        return last.stable is not True
    if last.stable:  # what lacks is damping
        lacks = [one.min_damping - one.damping for one in (last, before)]
        return lacks[0] > (1 - _CREEPS) * lacks[1]
    return 1 - last.factor > (1 - _CREEPS) * (1 - before.factor)


def lacks_damping(checks: Sequence[Check]) -> bool:
    """Whether the last solution is stable, and all that it lacks is damping."""
    solved = [check for check in checks if check.status.solved]
    return bool(solved) and solved[-1].stable is True and solved[-1].passed is False


def beyond_cure(problem: Problem, check: Check) -> bool:
    """Whether oscillations are all that grows, and rows exclude real modes only."""
    return check.oscillates and problem.criterion.claim == "no growing real mode"


def reason(problem: Problem, checks: Sequence[Check]) -> str:
    """Why no solution was certified, in a few words."""
    if checks[-1].passed is None:
        return f"the exact check is {checks[-1].verdict}"
    if checks[-1].status is Status.INTERRUPTED:
        return "interrupted"
    failed = [check for check in checks if not check.status.solved]
    if len(failed) == len(checks):
        return f"the problem itself was not solved ({checks[0].status})"
    if problem.opf.stability.declared.margin is None:
        return f"the criterion {problem.criterion.name} has no rows to tighten"
    solved = [check for check in checks if check.status.solved]
    if lacks_damping(checks):
        return _without_damping(solved, failed)
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


def _without_damping(solved: Sequence[Check], failed: Sequence[Check]) -> str:
    """The reason why the damping ratio that was asked for was not reached."""
    best = max(solved, key=lambda check: check.damping)
    first, least = solved[0], solved[-1].min_damping
    if any(check.damping != check.damping for check in solved):  # not all modes are known
        return f"a droop margin does not bring the damping ratio {least:g}: {solved[-1].verdict}"
    text = f"the damping ratio {least:g} cannot be reached by a droop margin: "
    text += f"it is {below(first.damping, least)} at {first.least_damped_hz:.3g} Hz"
    if best is not first:
        text += f", and {below(best.damping, least)} with a droop margin of {best.droop_margin:.3g}"
    if failed:
        margin = min(failed, key=lambda check: check.droop_margin)
        text += f"; with one of {margin.droop_margin:.3g} it is not solved ({margin.status})"
    return text
