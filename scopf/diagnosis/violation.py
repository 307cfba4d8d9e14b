"""The least violation of limits, as a verdict on a problem that several attempts have not solved.

It is the first step of a diagnosis: the elastic problem (`scopf.diagnosis.elastic`). Its end is a
local optimum. A point without violation proves that limits do not conflict; a violation that
remains is no proof that they do. So two starts that are far apart have to agree on a conflict:
after an outage of 118 buses one of them has ended at a violation of a quarter of a per cent, and
the other at a feasible point.
"""

from __future__ import annotations

import dataclasses
import math
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
from scopf.optimizer.interfaces import Interface
from scopf.optimizer.progress import Ticker
from scopf.optimizer.strategy import Start

CLEAR = 1e-4  # relaxation of a limit from which a conflict is no matter of tolerances
_UNKNOWN = "whether limits conflict is not known"


@dataclass(frozen=True, eq=False)
class Verdict:
    """Verdict on whether limits conflict.

    Attributes:
        conflict: whether limits are clearly violated; None where that is not known.
        text: a sentence.
        x: variables of the reduced form where that was found, shape (n,).
        iterations: of the solver.
        size: of the violation, as the elastic problem prices it.
        interrupted: whether Ctrl-C ended the search.
    """

    conflict: bool | None
    text: str
    x: Floats
    iterations: int = 0
    size: float = 0.0
    interrupted: bool = False


def proven(problem: Problem) -> Verdict | None:
    """The verdict on loads above the capacity of generators, which takes no solver; else None.

    None too where there is a Pyomo model: what a user has changed in it may supply power.
    """
    if problem.formulation.rendering is not None:
        return None
    nlp = compiled(problem, False)
    short = shortage(problem, nlp)
    return None if short is None else Verdict(True, f"no point is feasible: {short}", nlp.start)


def least_violation(
    problem: Problem,
    seconds: float,
    iterations: int,
    most: float = math.inf,
    interface: Interface | None = None,
) -> Verdict:
    """The verdict of the elastic problem, from the DC start; a conflict from flat voltages, too.

    Where that is not enough, loads may be shed too.

    Args:
        problem: that has not been solved.
        seconds: wall time that it may take.
        iterations: of the solver that it may take from each start.
        most: iterations that both may take together.
        interface: the way to Ipopt.
    """
    budget = Budget(seconds)
    first = _from("dc", problem, budget, min(iterations, most), interface)
    if first.conflict is not True:
        return first
    rest = min(iterations, most - first.iterations)
    second = _from("flat", problem, budget, rest, interface)
    used = first.iterations + second.iterations
    if second.conflict is None:
        return dataclasses.replace(second, iterations=used)
    found = first if second.conflict and first.size <= second.size else second
    return dataclasses.replace(found, iterations=used)


def _from(
    start: Start,
    problem: Problem,
    budget: Budget,
    iterations: float,
    interface: Interface | None = None,
) -> Verdict:
    """The verdict from one start point."""
    nlp = compiled(problem, False)
    x, used = start_point(problem, nlp, start), 0
    for loads in (False, True):
        if used >= iterations:
            break
        limits = Limits(Catalog(problem, nlp, loads).kinds)
        try:
            with Ticker("verdict", False) as ticker:
                solver = ElasticSolver(nlp, limits, x, budget, ticker, interface)
                solver.restrict(~limits.factor)
                relaxed = solver.solve(limits.price.copy(), iterations=int(iterations) - used)
        except OutOfTimeError as reason:
            text = f"{_UNKNOWN} ({reason})"
            return Verdict(None, text, x, used, interrupted=str(reason) == "interrupted")
        used += relaxed.iterations
        if relaxed.ok:
            return _judged(limits, relaxed, used)
    return Verdict(None, _UNKNOWN, x, used)


def _judged(limits: Limits, relaxed: Relaxed, used: int) -> Verdict:
    x, t = relaxed.point.x, relaxed.t
    if not relaxed.relaxes():
        return Verdict(False, "a point that meets all limits was found", x, used)
    if t.max() < CLEAR:
        text = "if limits conflict, then by less than a solver's tolerance"
        return Verdict(None, text, x, used)
    text = (
        "limits conflict, as far as local searches can tell: where they are violated least, "
        f"{limits.reason(np.where(t > RELAXED, t, 0.0))}"
    )
    return Verdict(True, text, x, used, float(limits.price @ t))
