"""Why a solve has no solution, or none that was certified."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from scopf.diagnosis.diagnose import diagnose
from scopf.diagnosis.text import Diagnosis
from scopf.errors import ScopfError
from scopf.model.quantities import Numbers
from scopf.results.checks import reason

if TYPE_CHECKING:
    from scopf.results.tables import Result


def explain(solution: Result, *, progress: bool = False) -> Diagnosis | None:
    """Why a solve has no solution, or none that was certified; see `Solution.diagnosis`.

    Args:
        solution: of a problem that `update` has not changed since.
        progress: as in `diagnose`.

    Raises:
        ScopfError: when it has.
    """
    if solution.solved and solution.certified is not False:
        return None
    problem, checks = solution.problem, solution.checks
    margins = [check.droop_margin for check in checks if check.status.conflicting]
    if solution.solved and (not margins or checks[-1].stable is None):
        return Diagnosis(f"not certified: {reason(problem, checks)}", True)
    given = problem.scenario.droop_margin  # that of checks is set back after them
    then = solution.scenario
    if margins:
        numbers = Numbers(**{**then.numbers, "droop_margin": given})
        then = dataclasses.replace(then, numbers=numbers)
    droops = problem.inverters.mq, solution.inverter_data.mq
    if problem.scenario != then or not (then.mq_bounds is not None or np.array_equal(*droops)):
        raise ScopfError(
            "the problem has been changed since it was solved; scopf.diagnose(problem) says what "
            "conflicts in it now"
        )
    if not solution.solved:
        return diagnose(problem, progress=progress)
    try:
        found = diagnose(problem.update(droop_margin=min(margins)), progress=progress)
    finally:
        problem.update(droop_margin=given)
    about = f"with a droop margin of {min(margins):.3g}, the least that had no solution: "
    return dataclasses.replace(found, verdict=about + found.verdict)
