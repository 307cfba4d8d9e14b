"""The same scenario without stability rows: what stability costs.

A problem of the criterion "none" is built once for each of a worker's problems and follows it from
scenario to scenario. Each of its solves starts from the dispatch with stability rows, or from the
start point where there is none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scopf.errors import ScopfError, out_of_memory
from scopf.model.quantities import Numbers
from scopf.procedures import explaining
from scopf.procedures.carrying import End
from scopf.procedures.solver import solve
from scopf.results.solution import heeded
from scopf.sweeps.base_case import Base, Changes, Topology, Unsolvable
from scopf.sweeps.columns import Value

if TYPE_CHECKING:
    from scopf.model.problem import Problem
    from scopf.optimizer.status import Iterate
    from scopf.optimizer.strategy import Start
    from scopf.results.solution import Solution

COLUMNS = ("plain_cost", "stability_cost")
_MARGINS = ("margin", "droop_margin")  # of stability rows
_NONE = "none"  # name of the criterion that has no rows


class Plain:
    """The problem without stability rows that stands beside one of a sweep.

    Args:
        base: the base case of the sweep.
        topology: of the scenarios.
    """

    def __init__(self, base: Base, topology: Topology) -> None:
        scenario = base.scenario
        if scenario is not None:
            numbers = Numbers(**{**scenario.numbers, "margin": 0.0, "droop_margin": 0.0})
            scenario = dataclasses.replace(scenario, numbers=numbers, own_droop_margin=False)
        self._base = dataclasses.replace(base, criterion=_NONE, scenario=scenario)
        self._topology = dataclasses.replace(topology, criterion=_NONE)
        self._kept: tuple[Problem, Changes] | None = None

    def row(
        self, solution: Solution | None, values: Mapping[str, Value]
    ) -> tuple[dict[str, Any], str]:
        """Values of `COLUMNS` of a scenario, and a sentence if there is no cost without rows.

        Args:
            solution: of the scenario with its stability rows; None where it has no problem.
            values: of the scenario's columns.
        """
        found: dict[str, Any] = dict.fromkeys(COLUMNS)
        if solution is not None and not solution.solved:
            solution = None
        if solution is not None and solution.problem.criterion.name == _NONE:
            return {"plain_cost": solution.cost, "stability_cost": 0.0}, ""
        try:
            plain = heeded(self._solved(solution, values))
        except (ScopfError, Unsolvable) as error:
            text = error.message if isinstance(error, Unsolvable) else str(error)
            return found, f"without stability rows: {text}"
        except Exception as error:  # the scenario itself is not lost
            self._kept = None  # who knows what state it is in
            text = out_of_memory(error) or f"{type(error).__name__}: {error}"
            return found, f"without stability rows: {text}"
        if not plain.solved:
            return found, f"without stability rows: {plain.status}, {plain.message}"
        found["plain_cost"] = plain.cost
        if solution is not None:
            found["stability_cost"] = solution.cost - plain.cost
        return found, ""

    def _solved(self, solution: Solution | None, values: Mapping[str, Value]) -> Solution:
        problem = self._problem(solution, values)
        end = None if solution is None else End.of(solution.problem, solution.iterate)
        start: Start | Iterate = "dc" if end is None else end.carried(problem, {})
        return solve(problem, start=start, **self._base.solving)

    def _problem(self, solution: Solution | None, values: Mapping[str, Value]) -> Problem:
        """The problem of a scenario without its rows; outages are those that were survived."""
        if solution is not None and solution.scenario.outages:
            return explaining.without_rows(solution)
        if self._kept is None:
            problem = self._base.problem(self._topology)
            self._kept = problem, Changes(self._base, problem)
        problem, changes = self._kept
        without = {name: value for name, value in values.items() if name not in _MARGINS}
        return changes.apply(problem, without)
