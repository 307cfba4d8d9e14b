"""The outages whose limits are furthest from a dispatch that keeps all others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopf.arrays import Floats
from scopf.diagnosis.budget import Budget, OutOfTimeError
from scopf.diagnosis.catalog import Catalog
from scopf.diagnosis.elastic import ElasticPoint
from scopf.diagnosis.elastic_solver import RELAXED, ElasticSolver
from scopf.diagnosis.limits import Limits
from scopf.errors import listing
from scopf.model.problem import Problem
from scopf.optimizer.compiled import compiled, start_point
from scopf.optimizer.progress import Ticker

_TIME = 120.0  # s of one search
_NAMED = 3  # limits in a sentence
_NEXT_TO_NOTHING = 1e-3  # price of relaxing limits of outages that are left out, against others


@dataclass(frozen=True)
class Unsurvived:
    """An outage that a dispatch cannot survive.

    Attributes:
        state: its name.
        reason: the limits that would have to give way, a clause.
    """

    state: str
    reason: str


def unsurvived(problem: Problem) -> list[Unsurvived]:
    """The outages without which there is a feasible point, by the elastic problem.

    It is `scopf.diagnosis.elastic` with the limits after outages relaxable, those of the intact
    network held. The outage whose limits have to be relaxed most is left out: its limits cost next
    to nothing from then on, and what remains is solved again, until no other limit is relaxed.

    Args:
        problem: with states, and without a feasible point.

    Returns:
        The outages in the order in which they are left out. None where relaxing these limits is
        not enough, or takes too long.
    """
    states = problem.opf.states
    if states is None:
        return []
    nlp = compiled(problem, False)
    limits = Limits(Catalog(problem, nlp).kinds)
    names = states.settled.names
    state = {f" after {name}": part for part, name in enumerate(names)}
    elements = [limits[k].element for k in range(len(limits))]
    owner = np.array([state.get(text[text.find(" after ") :], -1) for text in elements])
    price, found = limits.price.copy(), list[Unsurvived]()
    with Ticker("outages", False) as ticker:
        start = start_point(problem, nlp, "dc")
        solver = ElasticSolver(nlp, limits, start, Budget(_TIME, None), ticker)
        solver.restrict((owner >= 0) & ~limits.factor)
        left = owner >= 0
        near: ElasticPoint | None = None
        try:
            while left.any():
                relaxed = solver.solve(price, near=near)
                if not relaxed.ok:
                    break
                t = np.where(left & (relaxed.t > RELAXED), relaxed.t, 0.0)
                if not t.any():
                    break
                part = int(np.argmax(np.bincount(owner[left], t[left], len(names))))
                found.append(
                    Unsurvived(names[part], _reason(limits, np.where(owner == part, t, 0)))
                )
                left &= owner != part
                price[owner == part] = _NEXT_TO_NOTHING * limits.price[owner == part]
                near = relaxed.point
        except OutOfTimeError:
            pass
    return found


def _reason(limits: Limits, t: Floats) -> str:
    """The limits that would have to give way, those with the largest t first."""
    ranked = [k for k in np.argsort(-t).tolist() if t[k] > 0]
    named = [
        f"{limits[k].name} of {limits[k].element.split(' after ')[0]} would have to be "
        f"{limits[k].side} {limits.needed(k, float(t[k])):.5g} {limits[k].unit}".strip()
        for k in ranked[:_NAMED]
    ]
    more = len(ranked) - len(named)
    return listing(named) + (f", and {more} more" if more > 0 else "")
