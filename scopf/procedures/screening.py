"""Outages that a dispatch has to survive, put into the problem as they turn out to bind.

All are screened with a power flow in which the grid settles by its droops. The worst ones become
states of the problem, which is solved again, until nothing is violated after any outage. The result
is that of the problem with all states.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.diagnosis.outages import Unsurvived, unsurvived
from scopf.dynamics.power_flow import Flow, Intact, after_outages
from scopf.dynamics.settled import Settled
from scopf.errors import listing
from scopf.model.limits import excess
from scopf.model.pq_curves import curve
from scopf.model.problem import Problem
from scopf.network.kron import Reduction
from scopf.network.network import LOADS, Network
from scopf.network.outages import Outage
from scopf.optimizer.status import Iterate, Status
from scopf.procedures.carrying import End, Values, by_key
from scopf.results import secure
from scopf.results.screening import Extremes, Screened
from scopf.results.solution import Solution
from scopf.stability.setting import Setting

log = logging.getLogger(__name__)

_TOLERANCE = 1e-6  # p.u. and rad: what is tolerated in an optimal solution
_AT_ONCE = 3  # outages that are added before the next solve
_ROUNDS = 60


class Once(Protocol):
    """Solves a problem as it stands."""

    def __call__(self, *, quick: bool, at: Iterate | None) -> Solution:
        """The solution, with a single cold attempt if `quick`, `at` first if there is one."""


def solve(problem: Problem, once: Once) -> Solution:
    """Solve and screen in turn.

    Args:
        problem: with outages.
        once: solves the problem as it stands.
    """
    at_first = problem.states
    found = _rounds(problem, once)
    if found.unsurvived and at_first != problem.at_first:
        problem.restart()  # what is left out depends on what has joined before
        found = _rounds(problem, once)
    if found.unsurvived:
        names = listing([one.state for one in found.unsurvived])
        log.warning("%s: no dispatch survives %s beside the others", problem.base.name, names)
    return found


def _rounds(problem: Problem, once: Once) -> Solution:
    """Solve and screen in turn, from the states that the problem has."""
    outages = {outage.name: outage for outage in problem.scenario.outages}
    rounds, dropped = list[Screened](), list[Unsurvived]()
    at: Iterate | None = None
    end: End | None = None
    new: Values = {}
    for number in range(1, _ROUNDS + 1):
        may_drop = _may_drop(problem)
        solution = once(quick=may_drop, at=at)
        if solution.status in (Status.INTERRUPTED, Status.TIME_LIMIT):
            break
        lost = unsurvived(problem) if may_drop and not solution.solved else []
        if not lost and not solution.solved and may_drop:
            solution = once(quick=False, at=None)
        if not lost and not solution.solved:
            break
        if lost:
            for outage in lost:
                text = "round %d: no dispatch survives %s beside the others: %s"
                log.info(text, number, outage.state, outage.reason)
            dropped += lost
            problem.exclude([outages[outage.state] for outage in lost])
            at = None if end is None else end.carried(problem, new)
            continue
        found, flow = screened(problem, solution, number)
        settled = {outage.name for outage in problem.states} | {one.state for one in dropped}
        open_ = [one for one in found if one.state not in settled]
        beyond = sorted(
            (one for one in open_ if one.violation > _TOLERANCE), key=lambda one: -one.violation
        )
        if not beyond:
            rounds += open_
            break
        added = beyond[:_AT_ONCE]
        for one in added:
            log.info("round %d: %s joins the dispatch: %s", number, one.state, one.reason)
        rounds += [dataclasses.replace(one, added=True) for one in added]
        end, new = End.of(problem, solution.iterate), starts(problem, solution, flow)
        problem.include([outages[one.state] for one in added])
        at = None if end is None else end.carried(problem, new)
    if dropped and solution.solved:
        names = listing([one.state for one in dropped], most=5)
        message = f"{solution.message}; no dispatch survives {names} as well"
        solution = dataclasses.replace(solution, message=message)
    return dataclasses.replace(solution, screened=tuple(rounds), unsurvived=tuple(dropped))


def _may_drop(problem: Problem) -> bool:
    """Whether outages may be left out."""
    asked = problem.scenario.on_infeasible == "drop" and not problem.in_use
    return asked and bool(problem.states)


def screen(problem: Problem, solution: Solution, number: int = 1) -> list[Screened]:
    """The worst violation after each outage of a problem.

    Args:
        problem: with outages.
        solution: the operating point of the intact network.
        number: of the round.
    """
    return screened(problem, solution, number)[0]


def screened(problem: Problem, solution: Solution, number: int) -> tuple[list[Screened], Flow]:
    """The same, and the power flow after all outages."""
    point = solution.point
    intact, inverters = solution.energized, solution.setting.inverters
    before = Intact(intact, inverters, point.vm, point.va, point.pg + 1j * point.qg)
    states = problem.candidates
    flow = after_outages(states, before)
    checks = _Checks(problem, states, flow, before.power.imag, solution.setting)
    found = [checks.of(part, outage, number) for part, outage in enumerate(states.outages)]
    return found, flow


def starts(problem: Problem, solution: Solution, flow: Flow) -> Values:
    """Where the states of a problem may start: voltages and frequencies after each outage.

    Where the power flow did not converge they are those of the intact network.
    """
    states, point = problem.candidates, solution.point
    stack, lost = states.stack, ~flow.settled
    part, gen_part = stack.bus_part, stack.part_of("gen")
    vm = np.where(lost[part], point.vm[states.bus], flow.vm)
    va = np.where(lost[part], point.va[states.bus], flow.va)
    before = point.qg[states.gen]
    units = np.bincount(states.net.gen_at, minlength=len(vm))
    moved = flow.reactive - np.bincount(states.net.gen_at, before, len(vm))
    each = (moved / np.maximum(units, 1))[states.net.gen_at]
    qg = before + np.where(lost[gen_part], 0.0, np.nan_to_num(each))
    names, bus, gen = states.names, stack.ids("bus"), stack.ids("gen")
    return {
        "state_bus_vm": by_key(names, bus, part, vm),
        "state_bus_va": by_key(names, bus, part, va),
        "state_gen_qg": by_key(names, gen, gen_part, qg),
        "state_frequency": dict(zip(states.islands, flow.frequency.tolist(), strict=True)),
    }


@dataclass(frozen=True, eq=False)
class _Checks:
    """Limits after outages, at the power flow.

    Attributes:
        problem: with the limits.
        states: after the outages.
        flow: there.
        before: reactive power of the generators of the intact network.
        setting: of the criterion.
    """

    problem: Problem
    states: Settled
    flow: Flow
    before: Floats
    setting: Setting

    def of(self, part: int, outage: Outage, number: int) -> Screened:
        """The worst violation after an outage."""
        name = outage.name
        if not self.flow.settled[part]:
            return Screened(name, number, np.inf, "the power flow does not converge")
        worst, reason = 0.0, "nothing is violated"
        buses, inverters, slack = self._stability(part)
        for what, labels, beyond in self._violations(part, buses, slack):
            if len(beyond) and (size := float(np.max(beyond))) > worst:
                worst, reason = size, f"{what} {labels(int(np.argmax(beyond)))} by {size:.3g} p.u."
        return Screened(
            name, number, worst, reason, extremes=self._extremes(part, inverters, slack)
        )

    def _extremes(self, part: int, inverters: Ints, slack: Floats) -> Extremes:
        """What is nearest to its limits; `inverters` are the positions of theirs in `slack`."""
        states, net = self.states, self.states.stack.parts[part]
        loading = self._loading[states.stack.part_of("branch") == part]
        at = states.inverters.bus // states.stack.step == part
        buses = states.inverters.bus[at] % states.stack.step
        return Extremes.of(net, loading, buses, slack[inverters], self._frequency(part))

    def _frequency(self, part: int) -> Floats:
        """Deviation of each island with inverters."""
        return self.flow.frequency[self._islands(part)]

    def _islands(self, part: int) -> Flags:
        """Mask of the islands with inverters of one network among those of all."""
        name = self.states.outages[part].name
        return np.array([one == name for one, _ in self.states.islands], dtype=bool)

    def _violations(
        self, part: int, buses: Ints, slack: Floats
    ) -> Iterator[tuple[str, Callable[[int], str], Floats]]:
        states, flow = self.states, self.flow
        net = states.stack.parts[part]
        here = {key: states.stack.part_of(key) == part for key in ("bus", "gen", "branch")}
        vm, va = flow.vm[here["bus"]], flow.va[here["bus"]]
        loading = self._loading[here["branch"]]
        yield "rating of", net.branch.label, np.maximum(loading - 1.0, 0.0)
        yield "voltage of", net.bus.label, excess(vm, net.bus.vmin, net.bus.vmax)
        across = va[net.branch_from] - va[net.branch_to]
        yield "angle of", net.branch.label, excess(across, net.branch.angmin, net.branch.angmax)
        ours = here["gen"] & (states.owner >= 0)
        gens = np.flatnonzero(ours[here["gen"]])
        pg = flow.pg[ours]
        beyond = excess(pg, net.gen.pmin[gens], net.gen.pmax[gens])
        yield "active power of", lambda k: net.gen.label(int(gens[k])), beyond
        low, high = (
            np.bincount(net.gen_at, side[here["gen"]], len(net.bus)).astype(np.float64)
            for side in self._reactive_limits
        )
        at = np.unique(net.gen_at)
        reactive = excess(flow.reactive[here["bus"]][at], low[at], high[at])
        yield "reactive power at", lambda k: net.bus.label(int(at[k])), reactive
        band = states.frequency_band[self._islands(part)]
        beyond = excess(self._frequency(part), -band, band)
        yield "frequency of island", lambda k: str(k + 1), beyond
        yield from self._currents(part)
        short = np.maximum(self.setting.margin - slack, 0.0)
        yield "stability at", lambda k: net.bus.label(int(buses[k])), short

    def _currents(self, part: int) -> Iterator[tuple[str, Callable[[int], str], Floats]]:
        """What inverters have beyond their capability circles and current limits."""
        inverters, step = self.states.inverters, self.states.stack.step
        here = inverters.bus // step == part

        def label(k: int) -> str:
            return f"inverter {inverters.bus[here][k] % step}"

        size = self._apparent[here]
        if self.problem.scenario.capability:
            yield "capability circle of", label, np.maximum(size - inverters.rating[here], 0.0)
        vm = self.flow.vm[self.states.keep[here]]
        beyond = size / vm - (inverters.imax * inverters.rating)[here]
        yield "current limit of", label, np.maximum(np.nan_to_num(beyond), 0.0)

    def _stability(self, part: int) -> tuple[Ints, Ints, Floats]:
        """Buses of the criterion's network, places of the inverters there, and slack of rows."""
        states, criterion, before = self.states, self.problem.criterion, self.setting
        here = states.stack.bus_part == part
        vm, va = self.flow.vm[here], self.flow.va[here]
        net = states.stack.parts[part]
        one = states.inverters_after(part, before.inverters)
        loads = {key: getattr(self._numbers.bus, key)[here] for key in LOADS}
        lines = states.stack.part_of("branch") == part
        branch = {key: getattr(self._numbers.branch, key)[lines] for key in ("r", "x")}
        net = net.replace(bus=loads, branch=branch)
        reduction = Reduction(net, net.bus_positions(one.bus))
        setting = Setting(reduction, one, before.alpha, 0.0, before.droop_margin)
        view, slack = secure.slack(criterion, setting, vm, va)
        return view.buses, view.inverters, slack

    @cached_property
    def _numbers(self) -> Network:
        """The networks with the loads of the problem, at grid strength 1."""
        return self.states.with_numbers(self.setting.net)

    @cached_property
    def _reactive_limits(self) -> tuple[Floats, Floats]:
        """Least and largest reactive power of every generator at its active power.

        Bounds and P-Q curves count, and of generators that keep their reactive power that.
        """
        states, gen = self.states, self.states.net.gen
        low, high = gen.qmin.copy(), gen.qmax.copy()
        for side, limit, tighter in (("min", low, np.maximum), ("max", high, np.minimum)):
            at, a, b, c = curve(gen, side)
            limit[at] = tighter(limit[at], (c - a * self.flow.pg[at]) / b)
        low[states.same_q] = high[states.same_q] = self.before[states.gen[states.same_q]]
        return low, high

    @cached_property
    def _apparent(self) -> Floats:
        """|S| of every inverter; other generators at its bus keep their reactive power."""
        states, count = self.states, len(self.states.keep)
        active = np.bincount(states.owner[states.units], self.flow.pg[states.units], count)
        kept, buses = states.same_q, len(states.net.bus)
        others = np.bincount(states.net.gen_at[kept], self.before[states.gen[kept]], buses)
        return np.asarray(np.hypot(active, (self.flow.reactive - others)[states.keep]))

    @cached_property
    def _loading(self) -> Floats:
        """Share of the rating at the more loaded end of every branch; zero without one."""
        with np.errstate(all="ignore"):
            _, ends = secure.flows(self.flow, self.problem.scenario.limit)
        return np.asarray(np.maximum(*ends))
