"""The outage whose limits are furthest from a dispatch that keeps all others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopf.diagnosis.budget import Budget, OutOfTimeError
from scopf.diagnosis.catalog import Catalog
from scopf.diagnosis.elastic_solver import RELAXED, ElasticSolver
from scopf.diagnosis.limits import Limits
from scopf.errors import listing
from scopf.model.problem import Problem
from scopf.optimizer.compiled import compiled, start_point
from scopf.optimizer.progress import Ticker

_TIME = 120.0  # s of one search
_NAMED = 3  # limits in a sentence


@dataclass(frozen=True)
class Unsurvived:
    """An outage that a dispatch cannot survive.

    Attributes:
        state: its name.
        reason: the limits that would have to give way, a clause.
    """

    state: str
    reason: str


def worst(problem: Problem) -> Unsurvived | None:
    """The outage whose limits have to be relaxed most for a feasible point.

    The elastic problem (`scopf.diagnosis.elastic`) with the limits after outages relaxable, those
    of the intact network held.

    Args:
        problem: with states, and without a feasible point.

    Returns:
        The outage, or None where relaxing these limits is not enough, or takes too long.
    """
    states = problem.opf.states
    if states is None:
        return None
    nlp = compiled(problem, False)
    limits = Limits(Catalog(problem, nlp).kinds)
    elements = [limits[k].element for k in range(len(limits))]
    owner = np.full(len(limits), -1)
    for part, name in enumerate(states.settled.names):
        owner[[element.endswith(f" after {name}") for element in elements]] = part
    with Ticker("outages", False) as ticker:
        start = start_point(problem, nlp, "dc")
        solver = ElasticSolver(nlp, limits, start, Budget(_TIME, None), ticker)
        solver.restrict((owner >= 0) & ~limits.factor)
        try:
            relaxed = solver.solve(limits.price.copy())
        except OutOfTimeError:
            return None
    if not relaxed.ok or not relaxed.relaxes():
        return None
    t = np.where(owner >= 0, relaxed.t, 0.0)
    part = int(np.argmax(np.bincount(owner[owner >= 0], t[owner >= 0])))
    ranked = [k for k in np.argsort(-t).tolist() if owner[k] == part and t[k] > RELAXED]
    after = f" after {states.settled.names[part]}"
    named = [
        f"{limits[k].name} of {limits[k].element.removesuffix(after)} would have to be "
        f"{limits[k].side} {limits.needed(k, float(t[k])):.5g} {limits[k].unit}".strip()
        for k in ranked[:_NAMED]
    ]
    more = len(ranked) - len(named)
    text = listing(named) + (f", and {more} more" if more > 0 else "")
    return Unsurvived(states.settled.names[part], text)
