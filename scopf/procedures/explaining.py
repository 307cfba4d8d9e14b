"""What the requirements on a dispatch cost: the problem is solved again without each.

Without stability rows (the criterion "none"), without outages, without both, and without each
outage that binds while all others stay. All else is as it was: numbers, droops, soft limits, and
the droop margin that a certified solve has raised. Outages that no dispatch survives are in none of
these problems, so that all differ by what is left out only. Each starts from the dispatch, and with
the states that its problem had; screening adds to them what binds now. Much is left out with all
stability rows or all outages, and another local optimum may be better then: these problems start
from the start point of a problem as well, and the cheaper optimum counts.

An outage binds where the balances of its state have multipliers. Without one, the dispatch is as
optimal without the outage as with it: its price is zero, and nothing is solved.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection
from typing import Protocol

import numpy as np

from scopf.errors import ScopfError
from scopf.model.problem import Problem
from scopf.model.quantities import Numbers
from scopf.network.outages import Outage
from scopf.optimizer.signals import endable
from scopf.optimizer.status import Iterate, Status
from scopf.procedures.carrying import End
from scopf.results import outages as outages_of
from scopf.results.prices import TRACE
from scopf.results.requirements import BOTH, OUTAGES, STABILITY, Requirement, Requirements
from scopf.results.solution import Solution, heeded
from scopf.results.states import AfterOutages
from scopf.stability import registry

log = logging.getLogger(__name__)

_NO_RULE = "none"  # name of the criterion that has no rows


class Solve(Protocol):
    """Solves one of the problems."""

    def __call__(self, problem: Problem, at: Iterate | None, stage: str, /) -> Solution:
        """The solution, `at` first if there is one; `stage` is shown on the way."""


def check(problem: Problem) -> None:
    """Refuse a problem that cannot be solved without some of its parts.

    Raises:
        ScopfError: when its Pyomo model was asked for.
    """
    if problem.in_use:
        raise ScopfError(
            "explain=True builds the problem again without some of its parts, and what was done to "
            "its Pyomo model would not be in it, but `model` has been asked for: build a problem "
            "to explain, and leave its `model` alone"
        )


def explained(solution: Solution, solve: Solve) -> Solution:
    """The solution with what its requirements cost; as it is where Ctrl-C ends the search for that.

    Args:
        solution: of a problem that has not changed since.
        solve: a function that solves the problems without some of them.
    """
    stopped = bool(solution.checks) and solution.checks[-1].status is Status.INTERRUPTED
    if not solution.solved or stopped:
        return solution
    try:
        with endable():
            return _Explaining(solution, solve).run()
    except KeyboardInterrupt:
        log.warning("%s: interrupted, what it costs is not known", solution.problem.base.name)
        return solution


def binding(after: AfterOutages) -> list[str]:
    """Names of the states whose limits have a price, or where that is not known."""
    part, names = after.settled.stack.bus_part, after.settled.names
    slack = (np.abs(after.balance) <= TRACE).all(axis=0)  # False where NaN
    priced = np.bincount(part[~slack], minlength=len(names)) > 0
    return [name for name, binds in zip(names, priced.tolist(), strict=True) if binds]


def survived_by(solution: Solution) -> tuple[Outage, ...]:
    """Outages of a problem without those that no dispatch survives."""
    lost = {one.state for one in solution.unsurvived}
    return tuple(one for one in solution.scenario.outages if one.name not in lost)


def variant(solution: Solution, outages: Collection[Outage], *, stable: bool) -> Problem:
    """The problem of a solution with these outages, and the states after them that it had.

    Args:
        solution: of a problem that has not changed since.
        outages: some of its own.
        stable: whether the stability rows stay.
    """
    before, scenario = solution.problem, solution.scenario
    rule, numbers = before.criterion, scenario.numbers
    if not stable:  # then there is nothing that could leave a margin
        rule = registry.get(_NO_RULE)
        numbers = Numbers(**{**numbers, "margin": 0.0, "droop_margin": 0.0})
    if_none = "stop" if scenario.on_infeasible == "drop" else scenario.on_infeasible
    scenario = dataclasses.replace(
        scenario, numbers=numbers, outages=tuple(outages), on_infeasible=if_none
    )
    problem = Problem(before.given, before.own_inverters, rule, scenario)
    inside = set(solution.states)
    problem.include([one for one in outages if one.name in inside])
    return problem


def without_rows(solution: Solution) -> Problem:
    """The problem of a solution without stability rows, with the outages that it survives."""
    return variant(solution, survived_by(solution), stable=False)


class _Explaining:
    """The problem of a solution without its requirements.

    Args:
        solution: with all of them.
        solve: a function that solves problems.
    """

    def __init__(self, solution: Solution, solve: Solve) -> None:
        self._solution, self._solve = solution, solve
        self._problem, self._scenario = solution.problem, solution.scenario
        self._outages = survived_by(solution)
        self._end = End.of(solution.problem, solution.iterate)

    def run(self) -> Solution:
        """The solution with the prices of all requirements."""
        stable, kept = self._problem.criterion.name != _NO_RULE, self._outages
        after, whole, single = self._solution.after, list[Requirement](), list[Requirement]()
        if stable:
            whole.append(self._without(STABILITY, kept, stable=False))
        if kept:
            whole.append(self._without(OUTAGES, (), stable=stable))
        if stable and kept:
            whole.append(self._without(BOTH, (), stable=False))
        for name in [] if after is None else binding(after):
            others = tuple(one for one in kept if one.name != name)
            if others:
                single.append(self._without(name, others, stable=stable))
            else:
                alone = next(one for one in whole if one.name == OUTAGES)
                single.append(dataclasses.replace(alone, name=name))
        found = Requirements(self._solution.cost_per_h, tuple(whole), tuple(single))
        return dataclasses.replace(
            self._solution, explained=found, outage_prices=self._prices(found)
        )

    def _prices(self, found: Requirements) -> dict[str, float]:
        """Price of every outage that was asked for: NaN where nothing is known of it."""
        known = {"in the dispatch": 0.0, "secure": 0.0}
        came = outages_of.status(self._solution)
        prices = {name: known.get(status, np.nan) for name, status in came.items()}
        return prices | {one.name: found.price(one) for one in found.single}

    def _without(self, name: str, outages: tuple[Outage, ...], *, stable: bool) -> Requirement:
        """The optimum with these outages only, and without stability rows unless `stable`."""
        problem = variant(self._solution, outages, stable=stable)
        at = None if self._end is None else self._end.carried(problem, {})
        found = heeded(self._solve(problem, at, f"without {name}"))
        if name in (STABILITY, OUTAGES, BOTH) and found.attempt == "warm":
            other = heeded(self._solve(problem, None, f"without {name}"))
            found = other if other.solved and other.cost < found.cost else found
        log.info("without %s: %s, cost %.4f", name, found.message, found.cost)
        return Requirement(name, found.cost_per_h, found.status, found.message)
