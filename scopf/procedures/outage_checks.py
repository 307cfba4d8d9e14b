"""Limits after outages, at the power flow in which the grid settles: what is beyond them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scopf.model.limits import excess
from scopf.model.pq_curves import curve
from scopf.network.kron import Reduction
from scopf.network.network import LOADS
from scopf.results import secure
from scopf.results.screening import Extremes, Screened
from scopf.stability.setting import Setting

if TYPE_CHECKING:
    from scopf.arrays import Floats, Ints
    from scopf.dynamics.power_flow import Flow
    from scopf.dynamics.settled import Settled
    from scopf.model.problem import Problem
    from scopf.network.network import Network
    from scopf.results.solution import Solution


_ASTRAY = "the power flow does not converge"


@dataclass(frozen=True, eq=False)
class Check:
    """Limits of one kind after all outages.

    Attributes:
        what: is limited, for a sentence.
        beyond: by how much each is violated; zero where it is not.
        part: the outage that each is after.
        label: names one, by its place among those of its outage.
    """

    what: str
    beyond: Floats
    part: Ints
    label: Callable[[int, int], str]

    def worst(self, parts: int) -> Floats:
        """The largest after each outage."""
        found = np.zeros(parts)
        np.maximum.at(found, self.part, np.nan_to_num(self.beyond, posinf=0.0))
        return found

    def text(self, part: int) -> str:
        """The worst after an outage, as a clause."""
        here = np.flatnonzero(self.part == part)
        k = int(np.nanargmax(self.beyond[here]))
        return f"{self.what} {self.label(part, k)} by {self.beyond[here][k]:.3g} p.u."


@dataclass(frozen=True, eq=False)
class Checks:
    """All limits after outages.

    Attributes:
        problem: with the limits.
        states: after the outages.
        flow: there.
        setting: of the criterion.
    """

    problem: Problem
    states: Settled
    flow: Flow
    setting: Setting

    @classmethod
    def of(cls, problem: Problem, solution: Solution, flow: Flow) -> Checks:
        """The checks after all outages of a problem, at the dispatch of a solution."""
        return cls(problem, problem.candidates, flow, solution.setting)

    # -- one outage -------------------------------------------

    def of_grid(self, part: int, number: int) -> Screened:
        """The worst violation of the grid's limits after an outage, stability rows left out."""
        name = self.states.names[part]
        if not self.flow.settled[part]:
            alone = not (self.states.stack.bus_part[self.states.sources] == part).any()
            reason = "nothing is left that holds the voltage" if alone else _ASTRAY
            return Screened(name, number, np.inf, reason)
        size = float(self.worst[part])
        if not size > 0:
            return Screened(name, number, 0.0, "nothing is violated")
        check = self._grid[int(np.argmax(self._by_check[:, part]))]
        return Screened(name, number, size, check.text(part))

    def whole(self, part: int, number: int) -> Screened:
        """The worst violation after an outage, and what is nearest to its limits."""
        found = self.of_grid(part, number)
        if not self.flow.settled[part]:
            return found
        buses, inverters, slack = self._stability(part)
        short = np.maximum(self.setting.margin - slack, 0.0)
        size, reason = found.violation, found.reason
        if len(short) and short.max() > size:
            size, k = float(short.max()), int(np.argmax(short))
            label = self.states.stack.parts[part].bus.label(int(buses[k]))
            reason = f"stability at {label} by {size:.3g} p.u."
            if np.isinf(size):
                reason = f"stability at {label}, where an angle is beyond its limit"
        extremes = self._extremes(part, slack[inverters])
        return Screened(found.state, number, size, reason, extremes=extremes)

    def _extremes(self, part: int, slack: Floats) -> Extremes:
        states, net = self.states, self.states.stack.parts[part]
        loading = self._loading[states.stack.slice("branch", part)]
        buses = states.inverters.bus[self._inverter_part == part] % states.stack.step
        frequency = self.flow.frequency[self._island_part == part]
        return Extremes.of(net, loading, buses, slack, frequency)

    def _stability(self, part: int) -> tuple[Ints, Ints, Floats]:
        """Buses of the criterion's network, places of the inverters there, and slack of rows."""
        states, criterion, before = self.states, self.problem.criterion, self.setting
        here, lines = states.stack.slice("bus", part), states.stack.slice("branch", part)
        net = states.stack.parts[part]
        one = states.inverters_after(part, before.inverters)
        loads = {key: getattr(self._numbers.bus, key)[here] for key in LOADS}
        branch = {key: getattr(self._numbers.branch, key)[lines] for key in ("r", "x")}
        net = net.replace(bus=loads, branch=branch)
        reduction = Reduction(net, net.bus_positions(one.bus))
        devices = None
        if before.devices is not None:
            devices = before.devices.left_in(net)
        margins = before.alpha, 0.0, before.droop_margin
        setting = Setting(reduction, one, *margins, devices=devices)
        gens = states.stack.slice("gen", part)
        power = self.flow.pg[gens], np.nan_to_num(self.flow.qg[gens])
        voltage = self.flow.vm[here], self.flow.va[here]
        view, slack = secure.slack(criterion, setting, voltage, power)
        return view.buses, view.inverters, slack

    @cached_property
    def _numbers(self) -> Network:
        """The networks with the loads of the problem, at grid strength 1."""
        return self.states.with_numbers(self.setting.net)

    # -- all outages -------------------------------------------

    @cached_property
    def worst(self) -> Floats:
        """The largest violation of the grid's limits after each outage; infinite without a flow."""
        return np.where(self.flow.settled, self._by_check.max(axis=0), np.inf)

    @cached_property
    def _by_check(self) -> Floats:
        """The largest violation of each check after each outage."""
        parts = len(self.states.outages)
        with np.errstate(invalid="ignore"):
            return np.array([check.worst(parts) for check in self._grid])

    @cached_property
    def _grid(self) -> list[Check]:
        """The limits but for those of stability."""
        states, flow, net = self.states, self.flow, self.states.net
        stack, devices = states.stack, np.union1d(states.machine_gen, states.follower_gen)
        parts, bus_part, moving = stack.parts, stack.bus_part, states.governed
        branch_part, gen_part = stack.part_of("branch"), stack.part_of("gen")
        first = {key: [stack.slice(key, part).start for part in range(len(parts))] for key in
                 ("gen", "bus")}  # fmt: skip

        def of_bus(part: int, k: int) -> str:
            return parts[part].bus.label(k)

        def of_branch(part: int, k: int) -> str:
            return parts[part].branch.label(k)

        def of_gens(places: Ints) -> Callable[[int, int], str]:
            def label(part: int, k: int) -> str:
                place = int(places[gen_part[places] == part][k])
                return parts[part].gen.label(place - first["gen"][part])

            return label

        def of_supplied(part: int, k: int) -> str:
            place = int(supplied[bus_part[supplied] == part][k])
            return parts[part].bus.label(place - first["bus"][part])

        numbers = {
            part: [number for name, number in states.islands if name == states.names[part]]
            for part in range(len(parts))
        }
        across = flow.va[net.branch_from] - flow.va[net.branch_to]
        supplied = np.unique(net.gen_at)
        limits = self._reactive_limits
        own = excess(flow.qg[devices], *(side[devices] for side in limits))
        shared = np.ones(len(net.gen), dtype=bool)
        shared[states.own_q] = False
        low, high = (
            np.bincount(net.gen_at, side, len(net.bus)).astype(np.float64)
            for side in (np.where(shared, side, flow.qg) for side in limits)
        )
        reactive = excess(flow.reactive[supplied], low[supplied], high[supplied])
        active = excess(flow.pg[moving], net.gen.pmin[moving], net.gen.pmax[moving])
        band = states.frequency_band
        return [
            Check("rating of", np.maximum(self._loading - 1, 0), branch_part, of_branch),
            Check("voltage of", excess(flow.vm, net.bus.vmin, net.bus.vmax), bus_part, of_bus),
            Check(
                "angle of", excess(across, net.branch.angmin, net.branch.angmax), branch_part,
                of_branch,
            ),
            Check("active power of", active, gen_part[moving], of_gens(moving)),
            Check("reactive power of", own, gen_part[devices], of_gens(devices)),
            Check("reactive power at", reactive, bus_part[supplied], of_supplied),
            Check(
                "frequency of island", excess(flow.frequency, -band, band), self._island_part,
                lambda part, k: str(numbers[part][k]),
            ),
            *self._currents(),
        ]  # fmt: skip

    def _currents(self) -> list[Check]:
        """Capability circles and current limits of inverters."""
        inverters, part, step = self.states.inverters, self._inverter_part, self.states.stack.step

        def label(of: int, k: int) -> str:
            return f"inverter {inverters.bus[part == of][k] % step}"

        size = self._apparent
        beyond = size / self.flow.vm[self.states.keep] - inverters.imax * inverters.rating
        found = [Check("current limit of", np.maximum(beyond, 0.0), part, label)]
        if self.problem.scenario.capability:
            circle = np.maximum(size - inverters.rating, 0.0)
            found.append(Check("capability circle of", circle, part, label))
        return found

    @cached_property
    def _inverter_part(self) -> Ints:
        return np.asarray(self.states.inverters.bus // self.states.stack.step)

    @cached_property
    def _island_part(self) -> Ints:
        part = {name: k for k, name in enumerate(self.states.names)}
        return np.array([part[name] for name, _ in self.states.islands], dtype=np.int64)

    @cached_property
    def _reactive_limits(self) -> tuple[Floats, Floats]:
        """Least and largest reactive power of every generator at its active power.

        Bounds and P-Q curves count.
        """
        gen = self.states.net.gen
        low, high = gen.qmin.copy(), gen.qmax.copy()
        for side, limit, tighter in (("min", low, np.maximum), ("max", high, np.minimum)):
            at, a, b, c = curve(gen, side)
            limit[at] = tighter(limit[at], (c - a * self.flow.pg[at]) / b)
        return low, high

    @cached_property
    def _apparent(self) -> Floats:
        """|S| of every inverter; other generators at its bus have a reactive power of their own."""
        states, count = self.states, len(self.states.keep)
        active = np.bincount(states.owner[states.units], self.flow.pg[states.units], count)
        kept, buses = states.own_q, len(states.net.bus)
        others = np.bincount(states.net.gen_at[kept], self.flow.qg[kept], buses)
        return np.asarray(np.hypot(active, (self.flow.reactive - others)[states.keep]))

    @cached_property
    def _loading(self) -> Floats:
        """Share of the rating at the more loaded end of every branch; zero without one."""
        with np.errstate(all="ignore"):
            _, ends = secure.flows(self.flow, self.problem.scenario.limit)
        return np.asarray(np.maximum(*ends))
