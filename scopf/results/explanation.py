"""Why a solve has no solution, or none that was certified."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from scopf.diagnosis.diagnose import diagnose
from scopf.diagnosis.text import Diagnosis
from scopf.errors import ScopfError
from scopf.model.quantities import Numbers
from scopf.optimizer.compiled import compiled
from scopf.results.checks import lacks_damping, reason

if TYPE_CHECKING:
    from scopf.results.tables import Result


def explain(solution: Result, *, progress: bool = False) -> Diagnosis | None:
    """Why a solve has no solution, or none that was certified; see `Solution.diagnosis`.

    Args:
        solution: of a problem that has not been changed since.
        progress: as in `diagnose`.

    Raises:
        ScopfError: when it has.
    """
    if solution.solved and solution.certified is not False:
        return None
    with solution.problem.lock:
        return _explained(solution, progress=progress)


def _explained(solution: Result, *, progress: bool) -> Diagnosis:
    problem, checks = solution.problem, solution.checks
    margins = [check.droop_margin for check in checks if check.status.conflicting]
    if solution.solved and (not margins or checks[-1].stable is None):
        return Diagnosis(f"not certified: {reason(problem, checks)}", True)
    given = problem.scenario.droop_margin  # that of checks is set back after them
    if not _as_solved(solution):
        raise ScopfError(
            "the problem has been changed since it was solved; scopf.diagnose(problem) says what "
            "conflicts in it now"
        )
    if not solution.solved:
        return diagnose(problem, progress=progress)
    try:
        found = diagnose(problem.try_droop_margin(min(margins)), progress=progress)
    finally:
        problem.try_droop_margin(given)
    about = f"with a droop margin of {min(margins):.3g}, the least that had no solution: "
    if lacks_damping(checks):
        about = f"not certified: {reason(problem, checks)}; {about}"
    return dataclasses.replace(found, verdict=about + found.verdict)


def _as_solved(solution: Result) -> bool:
    """Whether the problem is as it was solved, its Pyomo model included, but for a droop margin."""
    problem, then = solution.problem, solution.scenario
    given = problem.scenario.droop_margin
    if not solution.checks:
        return problem.scenario == then and _same_numbers(solution)
    numbers = Numbers(**{**then.numbers, "droop_margin": given})
    if problem.scenario != dataclasses.replace(then, numbers=numbers):
        return False
    try:
        problem.try_droop_margin(then.droop_margin)
        return _same_numbers(solution)
    finally:
        problem.try_droop_margin(given)


def _same_numbers(solution: Result) -> bool:
    nlp, x = compiled(solution.problem, solution.iterate.lift), solution.iterate.x
    return len(x) == nlp.n and nlp.fingerprint(x) == solution.fingerprint
