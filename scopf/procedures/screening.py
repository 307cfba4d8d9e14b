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

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.diagnosis.outages import Unsurvived, worst
from scopf.dynamics.power_flow import Flow, Intact, after_outages
from scopf.dynamics.settled import Settled
from scopf.errors import listing
from scopf.model.limits import excess
from scopf.model.problem import Problem
from scopf.network.kron import Reduction
from scopf.network.network import LOADS
from scopf.network.outages import Outage
from scopf.network.powers import branch_currents, branch_powers
from scopf.optimizer.status import Status
from scopf.results.screening import Screened
from scopf.results.solution import Solution
from scopf.stability.setting import Setting

log = logging.getLogger(__name__)

_TOLERANCE = 1e-6  # p.u. and rad: what is tolerated in an optimal solution
_AT_ONCE = 3  # outages that are added before the next solve
_ROUNDS = 60


def solve(problem: Problem, once: Callable[[bool], Solution]) -> Solution:
    """Solve and screen in turn.

    Args:
        problem: with outages.
        once: solves the problem as it stands, with a single attempt or with all.
    """
    outages = {outage.name: outage for outage in problem.scenario.outages}
    rounds, dropped = list[Screened](), list[Unsurvived]()
    for number in range(1, _ROUNDS + 1):
        may_drop = _may_drop(problem)
        solution = once(may_drop)
        if solution.status in (Status.INTERRUPTED, Status.TIME_LIMIT):
            break
        lost = worst(problem) if may_drop and not solution.solved else None
        if lost is None and not solution.solved and may_drop:
            solution = once(False)
        if lost is None and not solution.solved:
            break
        if lost is not None:
            log.warning("no dispatch survives %s beside the others: %s", lost.state, lost.reason)
            dropped.append(lost)
            problem.exclude(outages[lost.state])
            continue
        found = screen(problem, solution, number)
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
        problem.include([outages[one.state] for one in added])
    if dropped and solution.solved:
        names = listing([one.state for one in dropped], most=5)
        message = f"{solution.message}; no dispatch survives {names} as well"
        solution = dataclasses.replace(solution, message=message)
    return dataclasses.replace(solution, screened=tuple(rounds), unsurvived=tuple(dropped))


def _may_drop(problem: Problem) -> bool:
    """Whether outages may be left out."""
    asked = problem.scenario.on_infeasible == "drop" and problem.formulation.rendering is None
    return asked and bool(problem.states)


def screen(problem: Problem, solution: Solution, number: int = 1) -> list[Screened]:
    """The worst violation after each outage of a problem.

    Args:
        problem: with outages.
        solution: the operating point of the intact network.
        number: of the round.
    """
    point = solution.point
    intact, inverters = solution.energized, solution.setting.inverters
    before = Intact(intact, inverters, point.vm, point.va, point.pg + 1j * point.qg)
    states = problem.candidates
    checks = _Checks(problem, states, after_outages(states, before), solution.setting)
    return [checks.of(part, outage, number) for part, outage in enumerate(states.outages)]


@dataclass(frozen=True, eq=False)
class _Checks:
    """Limits after outages, at the power flow."""

    problem: Problem
    states: Settled
    flow: Flow
    setting: Setting

    def of(self, part: int, outage: Outage, number: int) -> Screened:
        """The worst violation after an outage."""
        name = outage.name
        if not self.flow.settled[part]:
            return Screened(name, number, np.inf, "the power flow does not converge")
        worst, reason = 0.0, "nothing is violated"
        for what, labels, beyond in self._violations(part):
            if len(beyond) and (size := float(np.max(beyond))) > worst:
                worst, reason = size, f"{what} {labels(int(np.argmax(beyond)))} by {size:.3g} p.u."
        return Screened(name, number, worst, reason)

    def _violations(self, part: int) -> Iterator[tuple[str, Callable[[int], str], Floats]]:
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
            np.bincount(net.gen_at, side, len(net.bus)).astype(np.float64)
            for side in (net.gen.qmin, net.gen.qmax)
        )
        at = np.unique(net.gen_at)
        reactive = excess(flow.reactive[here["bus"]][at], low[at], high[at])
        yield "reactive power at", lambda k: net.bus.label(int(at[k])), reactive
        frequency = np.array([name == states.outages[part].name for name, _ in states.islands])
        band = states.frequency_band[frequency]
        yield (
            "frequency of island",
            lambda k: str(k + 1),
            excess(flow.frequency[frequency], -band, band),
        )
        buses, short = self._stability(part, vm, va, here["bus"])
        yield "stability at", lambda k: net.bus.label(int(buses[k])), short

    def _stability(self, part: int, vm: Floats, va: Floats, here: Flags) -> tuple[Ints, Floats]:
        """Buses of the criterion's network, and what their rows lack."""
        states, criterion = self.states, self.problem.criterion
        net = states.stack.parts[part]
        one = states.inverters_after(part, self.setting.inverters)
        loads = {key: getattr(self.flow.net.bus, key)[here] for key in LOADS}
        lines = states.stack.part_of("branch") == part
        branch = {key: getattr(self.flow.net.branch, key)[lines] for key in ("r", "x")}
        net = net.replace(bus=loads, branch=branch)
        reduction = Reduction(net, net.bus_positions(one.bus))
        setting = Setting(reduction, one, 1.0, 0.0, self.setting.droop_margin)
        view = setting.view(criterion.network)
        slack = criterion.slack(view.grid, view.k, vm[view.buses], va[view.buses])
        return view.buses, np.maximum(self.setting.margin - slack, 0.0)

    @cached_property
    def _loading(self) -> Floats:
        """Share of the rating at the more loaded end of every branch; zero without one."""
        net, limit = self.flow.net, self.problem.scenario.limit
        with np.errstate(all="ignore"):
            v = self.flow.vm * np.exp(1j * self.flow.va)
            into = branch_powers(net, v) if limit == "power" else branch_currents(net, v)
            return np.asarray(np.maximum(*np.abs(into)) / self.states.net.branch.rate)
