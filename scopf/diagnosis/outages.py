"""The outage whose limits are furthest from a dispatch that keeps all others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopf.arrays import Floats
from scopf.diagnosis.budget import Budget, OutOfTimeError
from scopf.diagnosis.catalog import Catalog
from scopf.diagnosis.elastic_solver import RELAXED, ElasticSolver
from scopf.diagnosis.limits import Limits
from scopf.model.problem import Problem
from scopf.optimizer.compiled import compiled, start_point
from scopf.optimizer.progress import Ticker

_TIME = 120.0  # s of one search
_NEARLY = 0.3  # share of the largest violation
_NOWHERE = "no point was found at which the grid settles, whatever limits give way"


@dataclass(frozen=True)
class Unsurvived:
    """An outage that a dispatch cannot survive.

    Attributes:
        state: its name.
        reason: the limits that would have to give way, a clause.
        alone: whether no dispatch survives it even where it need not survive others.
    """

    state: str
    reason: str
    alone: bool = False

    def __str__(self) -> str:
        return f"no dispatch survives {self.state}{self.beside}: {self.reason}"

    @property
    def beside(self) -> str:
        """What else it would have to survive, for a sentence; empty where that is nothing."""
        return "" if self.alone else " beside the others"


@dataclass(frozen=True, eq=False)
class Conflict:
    """The end of a search.

    Attributes:
        outage: that a dispatch cannot survive.
        x: the point at which the limits are least violated, shape (n,).
        others: whether the limits after another outage are violated there nearly as much, so that
            what is left without this one is likely to conflict, too.
    """

    outage: Unsurvived
    x: Floats
    others: bool = False


def unsurvived(
    problem: Problem, seconds: float | None = None, near: Floats | None = None
) -> Conflict | None:
    """The outage whose limits are furthest from a feasible point, by the elastic problem.

    It is `scopf.diagnosis.elastic` with the limits after outages relaxable, those of the intact
    network held.

    Args:
        problem: with states, and without a feasible point.
        seconds: that it may take; None for two minutes.
        near: point to start from; None for that of a cold solve.

    Returns:
        The outage, and where the others stand; None where relaxing these limits is not enough for
        several, not necessary, or takes too long.
    """
    states = problem.opf.states
    if states is None:
        return None
    nlp = compiled(problem, False)
    limits = Limits(Catalog(problem, nlp).kinds)
    names = states.settled.names
    state = {f" after {name}": part for part, name in enumerate(names)}
    elements = [limits[k].element for k in range(len(limits))]
    owner = np.array([state.get(text[text.find(" after ") :], -1) for text in elements])
    with Ticker("outages", False) as ticker:
        cold = start_point(problem, nlp, "dc")
        budget = Budget(min(_TIME, seconds or _TIME), None)
        relaxable = (owner >= 0) & ~limits.factor
        try:
            for start in [cold] if near is None else [near, cold]:
                solver = ElasticSolver(nlp, limits, start, budget, ticker)
                solver.restrict(relaxable)
                relaxed = solver.solve(limits.price.copy())
                if relaxed.ok:
                    break
        except OutOfTimeError:
            return None
    if not relaxed.ok:
        alone = len(names) == 1 and not relaxed.out_of_time
        lone = Unsurvived(names[0], _NOWHERE, alone=True)
        return Conflict(lone, relaxed.point.x) if alone else None
    t = np.where((owner >= 0) & (relaxed.t > RELAXED), relaxed.t, 0.0)
    if not t.any():
        return None
    each = np.bincount(owner[owner >= 0], t[owner >= 0], len(names))
    part = int(np.argmax(each))
    reason = limits.reason(np.where(owner == part, t, 0.0))
    outage = Unsurvived(names[part], reason, alone=len(names) == 1)
    return Conflict(outage, relaxed.point.x, bool((each > _NEARLY * each[part]).sum() > 1))
