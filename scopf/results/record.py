"""Numbers of a solve, and what follows from them without a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Flags, Floats
from scopf.devices import inverter_share
from scopf.devices.constant_power import ConstantPower, constant_power
from scopf.diagnosis.outages import Unsurvived
from scopf.model.problem import Problem
from scopf.model.scenario import Scenario
from scopf.network.kron import Reduction
from scopf.optimizer.status import Attempt, Iterate, Status
from scopf.results import claims, dispatch, single
from scopf.results.hourly import Hourly
from scopf.results.inertia import Inertia
from scopf.results.point import Point
from scopf.results.screening import Screened
from scopf.results.states import AfterOutages
from scopf.stability import device_claims

if TYPE_CHECKING:
    from scopf.devices.gfm import Inverters
    from scopf.network.network import Network
    from scopf.results.accuracy import Accuracy
    from scopf.results.checks import Check
    from scopf.results.prices import Prices
    from scopf.results.requirements import Requirements
    from scopf.results.slopes import Slopes
    from scopf.stability.criterion import Claim
    from scopf.stability.rows import Stability
    from scopf.stability.setting import Setting

BINDING = 1e-6  # p.u. voltage: a stability row with less slack than this counts as binding


@dataclass(frozen=True, eq=False)
class Record:
    """Numbers of a solve.

    After a solve that failed, the cost and every price are NaN, nothing counts as binding, and the
    tables show the last iterate.

    Tables are in `Result`, what can be asked of a solution in `Solution`.

    Attributes:
        status: how the solve ended.
        message: the same as a sentence.
        cost: objective, in the case's currency per hour; of several hours, over all of them.
        iterations: interior-point iterations, of all attempts together.
        seconds: wall time of compiling and solving.
        attempts: in order; the last one gave the result.
        problem: the problem; its numbers may have been changed since.
        scenario, inverter_data: its numbers and inverters as they had last been given to `build` or
            `update` (what was set by hand on the Pyomo model shows in the tables only).
        point, prices, stability: the numbers of the tables.
        unique: makes flags of the inverters whose price is the only one.
        accuracy: errors in the original problem, independent of the solver.
        setting: the network, droops and margins that the criterion was about.
        rewritten: changes by hand on the Pyomo model that no network and no droops have.
        iterate: where the solver ended, for a warm start.
        fingerprint: of the numbers that were solved, see `NLP.fingerprint`.
        checks: every solve and exact check of `solve(..., certify=True)`.
        after: the states after outages; None for a problem without.
        hourly: what hours cost and store; None for a single one.
        machine_prices: of K >= 0 of the machines whose rows are in the dispatch.
        screened: what screening found after outages.
        unsurvived: outages that were left out, because no dispatch survives them.
        violated: rows of `violations`.
        outage_prices: currency/h that outages cost, by name, where they have been priced.
        slopes: derivatives at the point, of which the settlement is made.
        explained: what the requirements cost, from `solve(..., explain=True)`; None otherwise.
    """

    status: Status
    message: str
    cost: float
    iterations: int
    seconds: float
    attempts: tuple[Attempt, ...] = field(repr=False)
    problem: Problem = field(repr=False)
    scenario: Scenario = field(repr=False)
    inverter_data: Inverters = field(repr=False)
    point: Point = field(repr=False)
    prices: Prices = field(repr=False)
    stability: Stability = field(repr=False)
    unique: Callable[[], Flags] = field(repr=False)
    accuracy: Accuracy = field(repr=False)
    setting: Setting = field(repr=False)
    rewritten: Sequence[str] = field(repr=False)
    iterate: Iterate = field(repr=False)
    fingerprint: str = field(repr=False)
    slopes: Slopes = field(repr=False)
    checks: tuple[Check, ...] = field(default=(), repr=False)
    after: AfterOutages | None = field(default=None, repr=False)
    hourly: Hourly | None = field(default=None, repr=False)
    machine_prices: Floats = field(default_factory=lambda: np.zeros(0), repr=False)
    screened: tuple[Screened, ...] = field(default=(), repr=False)
    unsurvived: tuple[Unsurvived, ...] = field(default=(), repr=False)
    violated: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    outage_prices: Mapping[str, float] = field(default_factory=dict, repr=False)
    explained: Requirements | None = field(default=None, repr=False)

    @property
    def own_inverters(self) -> Inverters:
        """The inverters that were given: those of one hour, without storage."""
        horizon = self.problem.horizon
        if horizon is None:
            return self.inverter_data
        return horizon.given(self.inverter_data)

    @property
    def cost_per_h(self) -> float:
        """Cost per hour; of several hours the mean."""
        horizon = self.problem.horizon
        return self.cost if horizon is None else self.cost / float(horizon.hours.duration.sum())

    @property
    def certified(self) -> bool | None:
        """Whether the exact check was passed; None when it was not asked for.

        A check that is undecided is not passed.
        """
        return self.checks[-1].passed is True if self.checks else None

    @property
    def several(self) -> bool:
        """Whether there are operating states with exact checks of their own: outages, or hours."""
        return bool(self.scenario.outages) or self.problem.horizon is not None

    @property
    def constant_power(self) -> ConstantPower | None:
        """The generators without an inverter, which count as constant power; None if none do.

        It is a condition of every claim, and of the exact check.
        """
        pg = self.point.pg if self.solved else np.full(len(self.point.pg), np.nan)
        devices = self.setting.devices
        gens = None if devices is None else devices.gens
        found = constant_power(self.problem.base, self.inverter_data, pg, gens)
        if found is None or (horizon := self.problem.horizon) is None:
            return found
        return dataclasses.replace(found, generators=found.generators // len(horizon))

    @property
    def inverter_share(self) -> float:
        """Share of the Pmax of all generators in service that inverters have, 0 to 1."""
        return inverter_share.share(self.problem.given, self.problem.own_inverters)

    @property
    def inertia(self) -> Inertia | None:
        """Kinetic energy of the machines over the load, s: of the island and hour with the least.

        None without machines, without a solution, and where there is no load.
        """
        devices = self.setting.devices
        if devices is None or not self.solved:
            return None
        return Inertia.least(self.problem, devices.machines, self.point)

    @property
    def attempt(self) -> str:
        """Name of the attempt that gave the result, such as "reduced"."""
        return self.attempts[-1].name

    @cached_property
    def unmet(self) -> tuple[str, ...]:
        """Assumptions of the criterion's claim that the point does not meet, a clause each."""
        if not self.solved:
            return ("there is no solution",)
        point = self.point
        at = (point.vm, point.va), (point.pg, point.qg)
        criterion, setting = self.problem.criterion, self.setting
        if reason := claims.without_proof(criterion):
            return (reason,)
        if not point.alpha > 0:
            return (f"the grid strength is {point.alpha:g}",)
        if point.shed.any():  # the network that is reduced has the loads as they are served
            served = Reduction(setting.net.replace(bus=point.loads), setting.reduction.keep)
            setting = dataclasses.replace(setting, reduction=served)
        horizon = self.problem.horizon
        if horizon is not None:
            own = dataclasses.replace(setting, devices=self.scenario.devices)  # of each hour
            where = own, self.energized, point
            return (*self.rewritten, *claims.unmet_in_hours(horizon, criterion, *where))
        found = claims.unmet(criterion, setting, self.energized, *at)
        return (*self.rewritten, *found)

    @property
    def claim(self) -> Claim | None:
        """The claim of the criterion, if the point meets all of its assumptions; else None."""
        if self.unmet:
            return None
        return device_claims.claim(self.problem.criterion, self.setting.devices)

    @property
    def solved(self) -> bool:
        """True when there is a solution."""
        return self.status.solved

    @cached_property
    def net(self) -> Network:
        """The network at the operating point, to be written, solved or reduced again.

        Generators have their P, Q and voltage set points, buses their voltages and loads, branches
        the grid strength and DC lines their powers and voltages, as they were solved; an island
        has the reference that it was solved with. What is out of service, or in a dead island,
        is there as it was given.

        Raises:
            ScopfError: of a dispatch of several hours, each of which has its own.
        """
        if self.problem.horizon is not None:
            raise single.refused(self.problem.horizon, "net")
        return dispatch.whole(self.problem.given, self.energized)

    @cached_property
    def energized(self) -> Network:
        """The part of `net` that was solved; its rows are those of the tables."""
        return dispatch.energized(self.problem.base, self.point)

    @property
    def connected(self) -> Network:
        """The same with all loads connected: what is shed is a decision of each state."""
        return self.energized.replace(bus=self.point.nominal)

    def binds(self, margin: Floats, required: Floats | float) -> Flags:
        """Mask of the margins that are no larger than required; all False without a solution."""
        return (margin - required <= BINDING) & self.solved
