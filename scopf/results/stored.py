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
from pydantic import BaseModel, ConfigDict, Field

from scopf import files
from scopf.arrays import plain
from scopf.cases import native
from scopf.devices import device_table
from scopf.devices.gfm import Inverters
from scopf.devices.units import Units
from scopf.diagnosis.outages import Unsurvived
from scopf.errors import ScopfError, check_names
from scopf.model.building import build
from scopf.model.choices import Limit
from scopf.model.problem import Problem
from scopf.model.quantities import QUANTITIES
from scopf.model.scenario import OnInfeasible, Scenario
from scopf.optimizer.compiled import compiled
from scopf.optimizer.status import STEPS, Attempt, Iterate, Status
from scopf.results.checks import Check
from scopf.results.requirements import Requirement, Requirements
from scopf.results.screening import Extremes, Screened
from scopf.stability import registry

if TYPE_CHECKING:
    from scopf.devices.mixed import Devices
    from scopf.network.network import Network
    from scopf.results.tables import Result
    from scopf.stability.criterion import Criterion

FORMAT: Literal["scopf-solution"] = "scopf-solution"
VERSION: Literal[1] = 1
_STEPS = 7  # columns of the record of iterations in older files
_ARRAYS = ("x", "rows", "lower", "upper")  # of an iterate
_LARGEST = 2**62

Whole = Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
Count = Annotated[int, Field(ge=0, le=_LARGEST)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Some = Finite | dict[Whole, Finite]  # of all, or by the number of a bus or a generator
Pair = tuple[Finite, Finite]


class _Stored(BaseModel):
    """Values that have the types that are written here, and no others beside them."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Droops(_Stored):
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


class _Iterate(_Stored):
    signature: str
    lift: bool
    cold: Count
    x: list[Finite]
    rows: list[Finite]
    lower: list[Finite]
    upper: list[Finite]


class _Attempt(_Stored):
    name: str
    status: Status
    message: str
    iterations: Count
    seconds: Finite
    solver: str = ""
    steps: list[Annotated[list[float | None], Field(min_length=_STEPS, max_length=len(STEPS))]]


class _Check(_Stored):
    droop_margin: Finite
    status: Status
    cost: float | None
    stable: bool | None
    factor: float | None
    verdict: str
    proof: str | None = None
    oscillates: bool = False
    min_damping: Finite = 0.0
    damped: bool | None = None
    damping: float | None = None
    least_damped_hz: float | None = None


class _Outage(_Stored):
    name: str
    branches: list[Whole]
    gens: list[Whole]
    emergency: Finite | None
    voltage_band: Finite | None
    frequency_band: Finite | None


class _Screened(_Stored):
    state: str
    round: Count
    violation: float | None
    reason: str
    added: bool
    branch: Whole
    loading: float | None
    inverter: Whole
    margin: float | None
    frequency: float | None


class _Unsurvived(_Stored):
    state: str
    reason: str
    alone: bool = False


class _Requirement(_Stored):
    name: str
    cost_without: float | None
    status: Status
    message: str

    @classmethod
    def of(cls, one: Requirement) -> Self:
        known = np.isfinite(one.cost_without)
        return cls(**{**vars(one), "cost_without": float(one.cost_without) if known else None})

    @property
    def made(self) -> Requirement:
        return Requirement(self.name, _number(self.cost_without), self.status, self.message)


class _Requirements(_Stored):
    """What requirements cost, without the cost of the solution, which follows from its point."""

    whole: list[_Requirement]
    single: list[_Requirement]

    @classmethod
    def of(cls, solution: Result) -> Self | None:
        """Those of a solution; None where they were not asked for."""
        if (found := solution.explained) is None:
            return None
        whole, single = ([*map(_Requirement.of, rows)] for rows in (found.whole, found.single))
        return cls(whole=whole, single=single)

    def found(self, cost: float) -> Requirements:
        """The same, of a solution with this cost."""
        whole, single = (tuple(one.made for one in rows) for rows in (self.whole, self.single))
        return Requirements(cost, whole, single)


class _Outages(_Stored):
    """Outages that were asked for, and what came of them.

    Attributes:
        asked: all of them.
        emergency, voltage_band, frequency_band, on_infeasible: as `build` takes them.
        states: names of those with states in the model.
        screened, unsurvived, prices: what the solution has of them.
    """

    asked: Annotated[list[_Outage], Field(min_length=1)]
    emergency: Finite | None
    voltage_band: Finite
    frequency_band: Finite
    on_infeasible: OnInfeasible
    states: list[str]
    screened: list[_Screened]
    unsurvived: list[_Unsurvived]
    prices: dict[str, float | None]

    @classmethod
    def of(cls, solution: Result) -> Self | None:
        """Those of a solution; None without any."""
        scenario, after = solution.scenario, solution.after
        if not scenario.outages:
            return None
        screened = [{**vars(one), **vars(one.extremes)} for one in solution.screened]
        for one in screened:
            del one["extremes"]
            one["violation"] = one["violation"] if np.isfinite(one["violation"]) else None
        return cls(
            asked=[plain(vars(one)) for one in scenario.outages],
            **plain(vars(scenario.bands)),
            on_infeasible=scenario.on_infeasible,
            states=[] if after is None else list(after.settled.names),
            screened=plain(screened),
            unsurvived=[plain(vars(one)) for one in solution.unsurvived],
            prices=plain(solution.outage_prices),
        )

    @property
    def keywords(self) -> dict[str, Any]:
        """Keywords of `build`."""
        import pandas as pd

        rows = [
            {
                "name": one.name,
                "out": " + ".join(
                    [*(f"branch {k}" for k in one.branches), *(f"gen {k}" for k in one.gens)]
                ),
                "emergency": one.emergency,
                "voltage_band": one.voltage_band,
                "frequency_band": one.frequency_band,
            }
            for one in self.asked
        ]
        kept = "emergency", "voltage_band", "frequency_band", "on_infeasible"
        given = {name: getattr(self, name) for name in kept}
        return {"outages": pd.DataFrame(rows, dtype=object), **given}

    def put(self, problem: Problem) -> None:
        """Let a problem have the states that it was solved with.

        Raises:
            ScopfError: for a state that there cannot be.
        """
        known = {outage.name: outage for outage in problem.scenario.outages}
        check_names("outages.states", "state", self.states, known)
        problem.exclude([outage for outage in problem.states if outage.name not in self.states])
        problem.include([known[name] for name in self.states])

    def found(self) -> dict[str, Any]:
        """What a solution has of them."""
        screened = []
        for one in self.screened:
            ends = Extremes(
                one.branch, _number(one.loading), one.inverter, _number(one.margin),
                _number(one.frequency),
            )  # fmt: skip
            worst = np.inf if one.violation is None else one.violation
            screened.append(Screened(one.state, one.round, worst, one.reason, one.added, ends))
        lost = tuple(Unsurvived(one.state, one.reason, one.alone) for one in self.unsurvived)
        prices = {name: _number(price) for name, price in self.prices.items()}
        return {"screened": tuple(screened), "unsurvived": lost, "outage_prices": prices}


class _Hours(_Stored):
    """Hours, storage and ramps as tables that their readers take.

    Attributes:
        hours, storage: columns by name; `storage` None without.
        ramps: of every generator, p.u. per h; None within for no limit.
    """

    hours: dict[str, list[str | float]]
    storage: dict[str, list[str | float | None]] | None = None
    ramps: list[Annotated[float, Field(ge=0, allow_inf_nan=False)] | None] | None = None

    @classmethod
    def of(cls, scenario: Scenario) -> Self | None:
        """Those of a scenario; None without."""
        if scenario.hours is None:
            return None
        storage, ramps = scenario.storage, scenario.ramps
        return cls(
            hours=plain(scenario.hours.frame().to_dict("list")),
            storage=None if storage is None else plain(storage.frame().to_dict("list")),
            ramps=None if ramps is None else [x if np.isfinite(x) else None for x in ramps],
        )

    def keywords(self, net: Network) -> dict[str, Any]:
        """Keywords of `build`.

        Raises:
            ScopfError: for ramps of other generators than those of the network.
        """
        import pandas as pd

        found: dict[str, Any] = {"hours": pd.DataFrame(self.hours)}
        if self.storage is not None:
            found["storage"] = pd.DataFrame(self.storage)
        if self.ramps is not None:
            if len(self.ramps) != len(net.gen):
                raise ScopfError(f"hours.ramps: {len(self.ramps)} for {len(net.gen)} generators")
            pairs = zip(net.gen.id.tolist(), self.ramps, strict=True)
            found["ramps"] = {gen: x * net.base_mva for gen, x in pairs if x is not None}
        return found


class StoredSolution(_Stored):
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
    outages: _Outages | None = None
    soft: dict[str, Finite] = {}
    hours: _Hours | None = None
    devices: dict[str, list[str | float | None]] | None = None
    explained: _Requirements | None = None

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
            outages=_Outages.of(solution),
            soft=plain(dict(scenario.soft)),
            hours=_Hours.of(scenario),
            devices=_devices(scenario),
            explained=_Requirements.of(solution),
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
            rows = [[*row, *[None] * (len(STEPS) - len(row))] for row in one.steps]
            steps = np.array(rows, dtype=np.float64).reshape(-1, len(STEPS))
            given = one.name, one.status, one.message, one.iterations, one.seconds, one.solver
            found.append(Attempt(*given, steps))
        return tuple(found)

    def checks_made(self) -> tuple[Check, ...]:
        """The exact checks."""
        return tuple(
            Check(
                one.droop_margin, one.status, _number(one.cost), one.stable, _number(one.factor),
                one.verdict, one.proof, one.oscillates, one.min_damping, one.damped,
                _number(one.damping), _number(one.least_damped_hz),
            )
            for one in self.checks
        )  # fmt: skip


def _devices(scenario: Scenario) -> dict[str, list[Any]] | None:
    if scenario.devices is None:
        return None
    table: dict[str, list[Any]] = plain(device_table.frame(scenario.devices).to_dict("list"))
    return table


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


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
