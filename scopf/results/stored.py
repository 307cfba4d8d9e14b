"""Solutions as values that JSON has: the problem that was solved, the iterate, and how it went.

    {"format": "scopf-solution", "version": 1, "network": {...}, "inverters": {...},
     "criterion": "voltage-difference", "numbers": {...}, "iterate": {...}, ...}

The network is in scopf's own format, numbers are keywords of `build`. Tables and prices are not
stored: they follow from the iterate, which is checked in the problem when it is read.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field

from scopf import files
from scopf.arrays import plain
from scopf.cases import native
from scopf.devices import device_table
from scopf.devices.gfm import Inverters, Units
from scopf.errors import ScopfError, check_names
from scopf.model.building import build
from scopf.model.choices import Limit
from scopf.model.problem import Problem
from scopf.model.quantities import QUANTITIES
from scopf.model.scenario import Scenario
from scopf.optimizer.compiled import compiled
from scopf.optimizer.status import STEPS, Attempt, Iterate, Status
from scopf.results.checks import Check
from scopf.results.stored_states import StoredHours, StoredOutages, StoredRequirements
from scopf.results.stored_values import Count, Finite, Pair, Positive, Some, Stored, Whole, number
from scopf.stability import registry

if TYPE_CHECKING:
    from scopf.devices.mixed import Devices
    from scopf.network.network import Network
    from scopf.results.tables import Result
    from scopf.stability.criterion import Criterion

FORMAT: Literal["scopf-solution"] = "scopf-solution"
VERSION: Literal[1] = 1
_ARRAYS = ("x", "rows", "lower", "upper")  # of an iterate


class _Droops(Stored):
    mq: list[Positive]
    beta_q: list[Positive]
    mp: list[Positive]
    beta_p: list[Positive]
    tau_p: list[Positive]
    tau_q: list[Positive]
    rating: list[Positive]
    imax: list[Positive | None] | None = None


class _Units(_Droops):
    gen: list[Whole]
    inverter: list[Count]


class _Inverters(_Droops):
    bus: list[Whole]
    gens: list[list[Whole]]
    units: _Units


class _Iterate(Stored):
    signature: str
    lift: bool
    cold: Count
    x: list[Finite]
    rows: list[Finite]
    lower: list[Finite]
    upper: list[Finite]


class _Attempt(Stored):
    name: str
    status: Status
    message: str
    iterations: Count
    seconds: Finite
    steps: list[Annotated[list[float | None], Field(min_length=len(STEPS), max_length=len(STEPS))]]


class _Check(Stored):
    droop_margin: Finite
    status: Status
    cost: float | None
    stable: bool | None
    factor: float | None
    verdict: str


class StoredSolution(Stored):
    """Everything that a solution is made of again.

    Attributes:
        format, version: of the file.
        network: in scopf's own format.
        inverters: with their units.
        criterion: its name.
        numbers, mq_bounds, capability, limit: as `build` takes them.
        own_droop_margin: whether the droop margin was given.
        status, message, seconds: of the solve.
        iterate: where it ended.
        attempts, checks: what the solution has of them.
        outages: that were asked for; None without any.
        soft: prices at which limits may be violated.
        hours: of the dispatch, with storage and ramps; None for a single one.
        devices: their table, columns by name; None without any.
        explained: what requirements cost; None where that was not asked for.
    """

    format: Literal["scopf-solution"]
    version: Literal[1]
    network: dict[str, Any]
    inverters: _Inverters
    criterion: str
    numbers: dict[str, Some]
    mq_bounds: Pair | dict[Whole, Pair] | None
    capability: bool
    limit: Limit
    own_droop_margin: bool
    status: Status
    message: str
    seconds: Finite
    iterate: _Iterate
    attempts: Annotated[list[_Attempt], Field(min_length=1)]
    checks: list[_Check]
    outages: StoredOutages | None = None
    soft: dict[str, Finite] = Field(default_factory=dict)
    hours: StoredHours | None = None
    devices: dict[str, list[str | float | None]] | None = None
    explained: StoredRequirements | None = None

    @classmethod
    def of(cls, solution: Result) -> Self:
        """The values of a solution.

        Raises:
            ScopfError: for a criterion that has no name, or an iterate that is not finite.
        """
        scenario, inverters = solution.scenario, solution.inverter_data
        if scenario.mq_bounds is not None:  # their droops are the solution's, not those of before
            inverters = solution.problem.inverters
        if scenario.hours is not None:
            inverters = solution.own_inverters
        numbers = {name: x for name, x in scenario.numbers.items() if x is not None}
        columns = {**inverters.columns, "units": vars(inverters.units)}
        if not all(np.isfinite(getattr(solution.iterate, name)).all() for name in _ARRAYS):
            raise ScopfError("the last iterate has numbers that are not finite, and is not saved")
        return cls(
            format=FORMAT,
            version=VERSION,
            network=native.content(solution.problem.given),
            inverters=plain(columns),
            criterion=_name(solution.problem.criterion),
            numbers=plain(numbers),
            mq_bounds=plain(scenario.mq_bounds),
            capability=scenario.capability,
            limit=scenario.limit,
            own_droop_margin=scenario.own_droop_margin,
            status=solution.status,
            message=solution.message,
            seconds=solution.seconds,
            iterate=plain(vars(solution.iterate)),
            attempts=[plain(vars(attempt)) for attempt in solution.attempts],
            checks=[plain(vars(check)) for check in solution.checks],
            outages=StoredOutages.of(solution),
            soft=plain(dict(scenario.soft)),
            hours=StoredHours.of(scenario),
            devices=_devices(scenario),
            explained=StoredRequirements.of(solution),
        )

    def problem(self, source: str) -> Problem:
        """The problem, as it was solved.

        Args:
            source: of the values, for faults.

        Raises:
            ScopfError: for what makes no problem.
        """
        net = native.parse(self.network, source)
        numbers: dict[str, Any] = dict(self.numbers)
        check_names("numbers", "entry", numbers, QUANTITIES)
        margin = numbers.get("droop_margin")
        if not self.own_droop_margin:
            numbers.pop("droop_margin", None)
        problem = build(
            net, self._inverters(), criterion=self.criterion, mq_bounds=self.mq_bounds,
            capability=self.capability, limit=self.limit, soft=self.soft, **numbers,
            **({} if self.outages is None else self.outages.keywords),
            **({} if self.hours is None else self.hours.keywords(net)),
            devices=self._devices(net),
        )  # fmt: skip
        if self.outages is not None:
            self.outages.put(problem)
        if problem.scenario.droop_margin != margin and isinstance(margin, float):
            problem.try_droop_margin(margin)
        return problem

    def _devices(self, net: Network) -> Devices | None:
        if self.devices is None:
            return None
        import pandas as pd

        if len({len(column) for column in self.devices.values()}) > 1:
            raise ScopfError("devices: their columns differ in length")
        return device_table.read(pd.DataFrame(self.devices, dtype=object), net)

    def _inverters(self) -> Inverters:
        given = self.inverters.model_dump()
        units, gens = given.pop("units"), tuple(map(tuple, given.pop("gens")))
        if len({len(column) for column in units.values()}) > 1:
            raise ScopfError("inverters: columns of their units differ in length")
        for columns in (given, units):
            if columns["imax"] is None:
                del columns["imax"]
        of_gens = Units(**units)
        if not of_gens.are(gens):
            raise ScopfError("inverters: their units are not those of their generators")
        return Inverters(gens=gens, units=of_gens, **given)

    def last(self) -> Iterate:
        """Iterate at which the solver ended."""
        given = self.iterate.model_dump()
        given |= {name: np.array(given[name], dtype=np.float64) for name in _ARRAYS}
        return Iterate(**given)

    def attempts_made(self) -> tuple[Attempt, ...]:
        """The attempts."""
        found = list[Attempt]()
        for one in self.attempts:
            steps = np.array(one.steps, dtype=np.float64).reshape(-1, len(STEPS))
            given = one.name, one.status, one.message, one.iterations, one.seconds
            found.append(Attempt(*given, steps))
        return tuple(found)

    def checks_made(self) -> tuple[Check, ...]:
        """The exact checks."""
        return tuple(
            Check(
                one.droop_margin, one.status, number(one.cost), one.stable, number(one.factor),
                one.verdict,
            )
            for one in self.checks
        )  # fmt: skip


def _devices(scenario: Scenario) -> dict[str, list[Any]] | None:
    if scenario.devices is None:
        return None
    table: dict[str, list[Any]] = plain(device_table.frame(scenario.devices).to_dict("list"))
    return table


def _name(criterion: Criterion) -> str:
    """Name under which a criterion is found again.

    Raises:
        ScopfError: for one that is not.
    """
    if criterion.name in registry.names() and registry.get(criterion.name) is criterion:
        return criterion.name
    raise ScopfError(
        f"the criterion {criterion.name} is an object of your own, which a file does not hold; "
        "solve with a criterion of scopf or of an installed package, which have names"
    )


def write(solution: Result, path: str | os.PathLike[str]) -> None:
    """Write a solution to a file; `Solution.save` has the details."""
    stored = StoredSolution.of(solution)
    if solution.problem.formulation.rendering is not None:
        _check_model(solution, stored)
    text = json.dumps(stored.model_dump(mode="json"), allow_nan=False, separators=(",", ":"))
    try:
        files.replace(Path(path), lambda part: part.write_text(text, encoding="utf-8"), follow=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ScopfError(f"cannot write {os.fspath(path)}: {reason}") from error


def _check_model(solution: Result, stored: StoredSolution) -> None:
    """Refuse a solution of a Pyomo model that was changed by hand."""
    again = compiled(stored.problem("the solution"), solution.iterate.lift)
    same = again.signature == solution.iterate.signature
    if not same or again.fingerprint(solution.iterate.x) != solution.fingerprint:
        raise ScopfError(
            "the problem was changed by hand on its Pyomo model, which a file does not hold; the "
            "program that did so can solve it again"
        )
