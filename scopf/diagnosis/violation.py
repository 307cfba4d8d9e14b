"""The least violation of limits, as a verdict on a problem that several attempts have not solved.

It is the first step of a diagnosis: the elastic problem (`scopf.diagnosis.elastic`) from one start
point. Its end is a local optimum. A point without violation proves that limits do not conflict; a
violation that remains is no proof that they do, but the best knowledge that there is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopf.arrays import Floats
from scopf.diagnosis.budget import Budget, OutOfTimeError
from scopf.diagnosis.capacity import shortage
from scopf.diagnosis.catalog import Catalog
from scopf.diagnosis.elastic_solver import RELAXED, ElasticSolver, Relaxed
from scopf.diagnosis.limits import Limits
from scopf.model.problem import Problem
from scopf.optimizer.compiled import compiled, start_point
from scopf.optimizer.progress import Ticker

CLEAR = 1e-4  # relaxation of a limit from which a conflict is no matter of tolerances


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the least violation says.

    Attributes:
        conflict: whether limits are clearly violated; None where that is not known.
        text: a sentence.
        x: variables of the reduced form where that was found, shape (n,).
        iterations: of the solver.
        interrupted: whether Ctrl-C ended the search.
    """

    conflict: bool | None
    text: str
    x: Floats
    iterations: int = 0
    interrupted: bool = False


def proven(problem: Problem) -> Verdict | None:
    """The verdict on loads above the capacity of generators, which takes no solver; else None."""
    nlp = compiled(problem, False)
    short = shortage(problem, nlp)
    return None if short is None else Verdict(True, f"no point is feasible: {short}", nlp.start)


def least_violation(problem: Problem, seconds: float, iterations: int) -> Verdict:
    """The verdict of the elastic problem, from the DC start.

    Where the relaxation of limits is not enough, loads may give way too.

    Args:
        problem: that has not been solved.
        seconds: wall time that it may take.
        iterations: of the solver that it may take.
    """
    nlp = compiled(problem, False)
    start, budget, used = start_point(problem, nlp, "dc"), Budget(seconds), 0
    for loads in (False, True):
        if used >= iterations:
            break
        limits = Limits(Catalog(problem, nlp, loads).kinds)
        try:
            with Ticker("verdict", False) as ticker:
                solver = ElasticSolver(nlp, limits, start, budget, ticker)
                solver.restrict(~limits.factor)
                relaxed = solver.solve(limits.price.copy(), iterations=iterations - used)
        except OutOfTimeError as reason:
            text = f"whether limits conflict is not known ({reason})"
            return Verdict(None, text, start, used, str(reason) == "interrupted")
        used += relaxed.iterations
        if relaxed.ok:
            return _judged(limits, relaxed, used)
    return Verdict(None, "whether limits conflict is not known", start, used)


def _judged(limits: Limits, relaxed: Relaxed, used: int) -> Verdict:
    x, t = relaxed.point.x, relaxed.t
    if not relaxed.relaxes():
        return Verdict(False, "a point that meets all limits was found", x, used)
    if t.max() < CLEAR:
        text = "limits conflict by no more than a solver's tolerance, if at all"
        return Verdict(None, text, x, used)
    text = (
        "limits conflict as far as a local search can tell: where they are violated least, "
        f"{limits.reason(np.where(t > RELAXED, t, 0.0))}"
    )
    return Verdict(True, text, x, used)
