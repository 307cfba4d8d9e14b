"""The diagnosis of a problem: quick proofs first, then the search for conflicts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, get_args

import numpy as np

from scopf.diagnosis.budget import Budget
from scopf.diagnosis.capacity import Shortage, shortage
from scopf.diagnosis.catalog import Catalog
from scopf.diagnosis.elastic_solver import enlarged
from scopf.diagnosis.limits import Limit, Limits
from scopf.diagnosis.search import Search
from scopf.diagnosis.text import Change, Diagnosis
from scopf.errors import ScopfError, listing, number
from scopf.model.problem import Problem
from scopf.optimizer.compiled import compiled, fixed_outside, start_point
from scopf.optimizer.progress import Ticker
from scopf.optimizer.strategy import Start

if TYPE_CHECKING:
    from scopf.engine.nlp import NLP


def diagnose(
    problem: Problem,
    *,
    time_limit: float = 180.0,
    max_solves: int | None = None,
    start: Start = "dc",
    progress: bool = False,
) -> Diagnosis:
    """The limits of a problem that conflict, and the value that each of them would need.

    The problem counts as it stands now, with everything that was changed on its Pyomo model;
    inequalities that were added there are limits like any other, equations and bounds of added
    variables are not relaxed. The cost plays no part. The problem is not changed.

    Args:
        problem: from `scopf.build`.
        time_limit: wall time in s after which the search ends with the results so far.
        max_solves: re-solves after which it ends; None for any number.
        start: start point, as in `solve`.
        progress: whether to show the stage on a terminal, after two seconds.

    Returns:
        The diagnosis; print it, or read its table `limits`.

    Raises:
        ScopfError: when the model cannot be compiled, or for an argument that makes no sense.
    """
    if not isinstance(problem, Problem):
        kind = type(problem).__name__
        raise ScopfError(f"diagnose takes a Problem that scopf.build made, got {kind}")
    if start not in get_args(Start):
        raise ScopfError(f"start must be one of {listing(get_args(Start))}, got {start!r}")
    if not number("time_limit", time_limit) > 0:
        raise ScopfError(f"time_limit must be positive, got {time_limit}")
    if max_solves is not None and not number("max_solves", max_solves) >= 1:
        raise ScopfError(f"max_solves must be at least 1, got {max_solves}")
    budget = Budget(time_limit, None if max_solves is None else int(max_solves))
    with problem.lock:
        return _diagnosed(problem, budget, start, progress)


def _diagnosed(problem: Problem, budget: Budget, start: Start, progress: bool) -> Diagnosis:
    nlp = compiled(problem, False)
    short = shortage(problem, nlp)
    if short is not None:
        return _short(short, budget)
    impossible = _impossible(problem, nlp)
    if impossible:
        return Diagnosis(impossible, False, proven=True, seconds=time.perf_counter() - budget.began)
    if not nlp.n:
        text = "every variable is fixed, and the point meets all limits"
        return Diagnosis(text, True, proven=True, seconds=time.perf_counter() - budget.began)
    with Ticker("diagnosis", progress, measure="") as ticker:
        limits, search = _searched(problem, budget, start, ticker)
    return _report(limits, search, budget)


def _searched(
    problem: Problem, budget: Budget, start: Start, ticker: Ticker
) -> tuple[Limits, Search]:
    """Search among the limits, in the lifted form if that fails, then with the loads as limits."""
    for lift, loads in ((False, False), (True, False), (False, True)):
        nlp = compiled(problem, lift)
        limits = Limits(Catalog(problem, nlp, loads).kinds, _islands(problem))
        search = Search(nlp, limits, start_point(problem, nlp, start), budget, ticker)
        search.run()
        if search.feasible is not None or search.stopped:
            break
    return limits, search


def _islands(problem: Problem) -> dict[str, int]:
    """Number of the AC island by the label of an element, where there are several islands."""
    net, found = problem.base, dict[str, int]()
    if net.islands < 2:
        return found
    units = problem.inverters
    for labels, at in (
        (net.bus.labels, np.arange(len(net.bus))),
        (net.gen.labels, net.gen_at),
        (net.branch.labels, net.branch_from),
        (net.branch.names(np.arange(len(net.branch))), net.branch_from),
        (units.labels, net.bus_positions(units.bus)),
    ):
        found |= zip(labels, net.island[at].tolist(), strict=True)
    return found


def _impossible(problem: Problem, nlp: NLP) -> str:
    """A sentence on what no point can satisfy, whatever is relaxed; empty if there is nothing."""
    crossed = np.flatnonzero(nlp.g_lower > nlp.g_upper)
    if len(crossed):
        names = listing(nlp.row_names[k] for k in crossed)
        return f"the lower bound lies above the upper bound of {names}: no point can satisfy that"
    outside = fixed_outside(problem, nlp)
    if outside:
        return f"{outside}: no point can satisfy that"
    if len(nlp.unmet):
        names = listing(nlp.row_names[k] for k in nlp.unmet)
        return f"no free variable is left in {names}: what is fixed there cannot hold"
    return ""


def _short(short: Shortage, budget: Budget) -> Diagnosis:
    capacity = Limit("Pmax", short.sources, "Pmax", "MW", ">=", short.capacity)
    return Diagnosis(
        f"no point is feasible: {short}",
        False,
        changes=(Change(1, capacity, short.needed),),
        proven=True,
        seconds=time.perf_counter() - budget.began,
    )


def _report(limits: Limits, search: Search, budget: Budget) -> Diagnosis:
    def change(conflict: int, k: int, t: float) -> Change:
        return Change(conflict, limits[k], limits.needed(k, enlarged(t)))

    conflicts = list(enumerate(search.conflicts, 1))
    members = [
        (number, limits[k], tested)
        for number, conflict in conflicts
        for ks, tested in ((conflict.members, True), (conflict.untested, False))
        for k in ks
    ]
    violated = search.violated or {}
    found = {conflict.first: number for number, conflict in conflicts}
    together = sorted(violated.items(), key=lambda item: -item[1])
    return Diagnosis(
        _verdict(search),
        search.feasible,
        changes=tuple(
            change(number, k, t) for number, conflict in conflicts
            for k, t in conflict.alone.items()
        ),
        members=tuple(members),
        together=tuple(change(found.get(k, 0), k, t) for k, t in together),
        factors=tuple(change(0, k, t) for k, t in search.factors.items()),
        groups=tuple(search.groups.items()),
        suspects=tuple(limits[k] for k in search.suspects),
        complete=search.complete,
        unexplained=len(violated) - len(conflicts) if search.feasible is False else 0,
        stopped=search.stopped,
        solves=budget.used,
        seconds=time.perf_counter() - budget.began,
    )  # fmt: skip


def _verdict(search: Search) -> str:
    if search.feasible:
        return (
            "a point was found that meets all limits: they do not conflict, and a solve that "
            "failed did so for another reason (try another start, form or iteration limit)"
        )
    if search.feasible is None:
        why = f" ({search.stopped})" if search.stopped else ""
        return f"no answer: the problem was not solved even with its limits relaxed{why}"
    count = len(search.violated or {})
    if count == 1:
        return "no feasible point was found: limits conflict"
    return (
        f"no feasible point was found: limits conflict, and {count} of them (the fewest that were "
        "found) have to be relaxed together"
    )
