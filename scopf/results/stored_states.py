"""Outages, hours and requirements of a solution as values that JSON has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import Field

from scopf.arrays import plain
from scopf.diagnosis.outages import Unsurvived
from scopf.errors import ScopfError, check_names
from scopf.model.problem import Problem
from scopf.model.scenario import OnInfeasible, Scenario
from scopf.optimizer.status import Status
from scopf.results.requirements import Requirement, Requirements
from scopf.results.screening import Extremes, Screened
from scopf.results.stored_values import Count, Finite, Stored, Whole, number

if TYPE_CHECKING:
    from scopf.network.network import Network
    from scopf.results.tables import Result


class _Outage(Stored):
    name: str
    branches: list[Whole]
    gens: list[Whole]
    emergency: Finite | None
    voltage_band: Finite | None
    frequency_band: Finite | None


class _Screened(Stored):
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


class _Unsurvived(Stored):
    state: str
    reason: str
    alone: bool = False


class _Requirement(Stored):
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
        return Requirement(self.name, number(self.cost_without), self.status, self.message)


class StoredRequirements(Stored):
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


class StoredOutages(Stored):
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
                one.branch, number(one.loading), one.inverter, number(one.margin),
                number(one.frequency),
            )  # fmt: skip
            worst = np.inf if one.violation is None else one.violation
            screened.append(Screened(one.state, one.round, worst, one.reason, one.added, ends))
        lost = tuple(Unsurvived(one.state, one.reason, one.alone) for one in self.unsurvived)
        prices = {name: number(price) for name, price in self.prices.items()}
        return {"screened": tuple(screened), "unsurvived": lost, "outage_prices": prices}


class StoredHours(Stored):
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
