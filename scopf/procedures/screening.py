"""Outages that a dispatch has to survive, put into the problem as they turn out to bind.

All are screened with a power flow in which the grid settles by its droops. The worst ones become
states of the problem, which is solved again, until nothing is violated after any outage. The result
is that of the problem with all states.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection
from typing import Protocol

import numpy as np

from scopf.arrays import Floats
from scopf.diagnosis.outages import Conflict, Unsurvived, unsurvived
from scopf.dynamics.power_flow import Flow, Intact, after_outages
from scopf.errors import counted, listing
from scopf.model.problem import Problem
from scopf.network.outages import Outage
from scopf.optimizer.compiled import compiled
from scopf.optimizer.status import Iterate, Status
from scopf.procedures.carrying import End, Values, by_key
from scopf.procedures.limits import Clock
from scopf.procedures.outage_checks import Checks
from scopf.results import secure
from scopf.results.screening import Screened
from scopf.results.solution import Solution

log = logging.getLogger(__name__)

_TOLERANCE = 1e-6  # p.u. and rad: what is tolerated in an optimal solution
_AT_ONCE = 6  # outages that are added before the next solve, at most
_AS_BAD = 0.5  # share of the worst violation from which they are added with it
# Where a solve takes long, and no violation is worse than `_SMALL`, p.u. and rad, few of them turn
# out to conflict, and more are added at once.
_MANY_STATES, _SMALL = 12, 0.05
_AT_ONCE_SMALL, _AS_BAD_SMALL = 12, 0.1
_WARM = 2  # new states with which the end of the last solve is a start worth trying
_ROUNDS = 60
_BESIDE = "no point was found with all of them, and it joined last"
_PATIENCE, _LEAST = 10.0, 1.0  # times the longest solve, s: what takes longer has gone astray


class Once(Protocol):
    """Solves a problem as it stands."""

    def __call__(
        self, *, quick: bool, at: Iterate | None, seconds: float | None = None
    ) -> Solution:
        """The solution, with a single cold attempt if `quick`, `at` first if there is one.

        In `seconds` if that is less than what is left.
        """


def solve(problem: Problem, once: Once, clock: Clock) -> Solution:
    """Solve and screen in turn.

    Args:
        problem: with outages.
        once: solves the problem as it stands.
        clock: the time that is left for all of it.
    """
    if not problem.outages:
        solution = once(quick=False, at=None)
        return dataclasses.replace(solution, unsurvived=tuple(_without_generation(problem)))
    _say_what_droops_cover(problem)
    at_first = problem.states
    found = _rounds(problem, once, clock)
    if found.unsurvived and at_first != problem.at_first:
        problem.restart()  # what is left out depends on what has joined before
        found = _rounds(problem, once, clock)
    if found.unsurvived:
        names = listing([one.state for one in found.unsurvived], 5)
        log.warning("%s: no dispatch survives %s", problem.base.name, names)
    return dataclasses.replace(found, seconds=clock.gone)


def _say_what_droops_cover(problem: Problem) -> None:
    """Log the largest loss of generation that droops cover, and which outages may be more."""
    states, gen = problem.candidates, problem.base.gen
    base = problem.base.base_mva
    losing = [part for part, outage in enumerate(states.outages) if outage.gens]
    if not losing:
        return
    lost = [gen.pmax[np.isin(gen.id, states.outages[part].gens)].sum() for part in losing]
    covered = states.covered[losing]
    larger = [states.names[losing[k]] for k in np.flatnonzero(lost > covered).tolist()]
    text = "%s: within the frequency bands the droops cover losses of up to %.4g MW"
    if larger:
        text += f"; {listing(larger, 5)} may lose more, by Pmax"
    log.log(
        logging.WARNING if larger else logging.INFO, text, problem.base.name, covered.max() * base
    )


def _rounds(problem: Problem, once: Once, clock: Clock) -> Solution:
    """Solve and screen in turn, from the states that the problem has."""
    outages = {outage.name: outage for outage in problem.outages}
    rounds, dropped = list[Screened](), list[Unsurvived]()
    at: Iterate | None = None
    end: End | None = None
    stuck: End | None = None  # where a search ended, if what is left conflicts there
    new: Values = {}
    added = set(problem.states)  # since the last solution
    survivable = set[Outage]()  # alone
    longest = _LEAST  # s that a solve has taken
    for number in range(1, _ROUNDS + 1):
        may_drop = _may_drop(problem)
        if stuck is None or clock.over:  # else an attempt would fail
            patience = _PATIENCE * longest if may_drop else None
            solution = once(quick=may_drop, at=at, seconds=patience)
        if solution.status is Status.INTERRUPTED or clock.over:
            break
        if solution.solved:
            longest = max(longest, solution.seconds)
        lost = list[Unsurvived]()
        if may_drop and not solution.solved:
            last = stuck or end
            near = None if last is None else last.carried(problem, new).x
            found = _lost(problem, added - survivable, clock, near)
            lost, stuck = [one.outage for one in found], _stuck(problem, found)
            survivable |= added
        if not lost and not solution.solved and may_drop:
            solution = once(quick=False, at=None)
            stopped = solution.status is Status.INTERRUPTED or clock.over
            if not solution.solved and not stopped and len(problem.states) > 1:
                lost = [_newest(problem, added)]
        if not lost and not solution.solved:
            break
        if lost:
            for outage in lost:
                log.info("round %d: %s", number, outage)
            dropped += lost
            gone = [outages[outage.state] for outage in lost]
            problem.exclude(gone)
            added -= set(gone)
            at = end.carried(problem, new) if end is not None and len(added) <= _WARM else None
            continue
        there = {outage.name for outage in problem.states} | {one.state for one in dropped}
        flow = flow_after(problem, solution)
        checked = _found(problem, solution, flow, number, there)
        beyond = [one for one in checked if one.violation > _TOLERANCE]
        if not beyond:
            rounds += checked
            break
        worst = _worst(beyond, len(problem.states))
        for one in worst:
            log.info("round %d: %s joins the dispatch: %s", number, one.state, one.reason)
        rounds += [dataclasses.replace(one, added=True) for one in worst]
        end, new = End.of(problem, solution.iterate), starts(problem, solution, flow)
        added = {outages[one.state] for one in worst}
        problem.include(added)
        at = end.carried(problem, new) if end is not None and len(added) <= _WARM else None
    if dropped and solution.solved:
        message = f"{solution.message}; {counted(len(dropped), 'outage', 'outages')} left out"
        solution = dataclasses.replace(solution, message=message)
    dropped = [*_without_generation(problem), *dropped]
    return dataclasses.replace(solution, screened=tuple(rounds), unsurvived=tuple(dropped))


def _worst(beyond: list[Screened], states: int) -> list[Screened]:
    """The outages to add before the next solve, of those that violate anything.

    Args:
        beyond: these.
        states: number of those that are in the model.
    """
    ranked = sorted(beyond, key=lambda one: -one.violation)
    worst = ranked[0].violation
    small = worst < _SMALL and states >= _MANY_STATES
    most, share = (_AT_ONCE_SMALL, _AS_BAD_SMALL) if small else (_AT_ONCE, _AS_BAD)
    return [one for one in ranked[:most] if one.violation >= share * worst]


def _without_generation(problem: Problem) -> list[Unsurvived]:
    """Outages after which no generator is left."""
    left = {outage.name for outage in problem.outages}
    asked = [outage.name for outage in problem.scenario.outages]
    reason = "no generator is left in service"
    return [Unsurvived(name, reason, alone=True) for name in asked if name not in left]


def _lost(
    problem: Problem, untried: Collection[Outage], clock: Clock, near: Floats | None
) -> list[Conflict]:
    """Outages to leave out of a problem that has no feasible point.

    Those that no dispatch survives even alone; if there are none, the one whose limits are furthest
    from a feasible point.

    Args:
        problem: with states.
        untried: outages of which it is not known whether a dispatch survives them alone.
        clock: the time that is left.
        near: point to start from, if there is one.
    """
    lone = [outage for outage in problem.states if outage in untried]
    found = list[Conflict | None]()
    if len(problem.states) > 1:
        found = [unsurvived(_only(problem, outage), clock.left) for outage in lone]
    if not any(found):
        found = [unsurvived(problem, clock.left, near)]
    return [one for one in found if one is not None]


def _newest(problem: Problem, added: Collection[Outage]) -> Unsurvived:
    """The outage to leave out where no search tells which of several it is.

    The last one that joined: without it there was a solution, or there are fewer to tell from.
    """
    states = [outage for outage in problem.states if outage in added] or problem.states
    return Unsurvived(states[-1].name, _BESIDE, alone=False)


def _stuck(problem: Problem, found: Collection[Conflict]) -> End | None:
    """Where the search among several outages ended, if others conflict there as well."""
    for one in found:
        nlp = compiled(problem, False)
        if one.others and not one.outage.alone:
            rows, columns = np.zeros(nlp.m), np.zeros(nlp.n)
            at = Iterate(nlp.signature, False, one.x, rows, columns, columns, 0)
            return End.of(problem, at)
    return None


def _only(problem: Problem, outage: Outage) -> Problem:
    """The problem with one outage."""
    scenario = dataclasses.replace(problem.scenario, outages=(outage,))
    return Problem(problem.given, problem.inverters, problem.criterion, scenario)


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
    checks = Checks.of(problem, solution, flow_after(problem, solution))
    return [checks.whole(part, number) for part in range(len(problem.outages))]


def flow_after(problem: Problem, solution: Solution) -> Flow:
    """The power flow after every outage, at the dispatch of a solution."""
    point, inverters = solution.point, solution.setting.inverters
    power = point.pg + 1j * point.qg
    before = Intact(solution.connected, inverters, point.vm, point.va, power)
    return after_outages(problem.candidates, before)


def _found(
    problem: Problem, solution: Solution, flow: Flow, number: int, there: Collection[str]
) -> list[Screened]:
    """The worst violation after each outage but those that are `there`.

    Stability rows, which take a reduced network each, are looked at once nothing else is violated.
    """
    checks, names = Checks.of(problem, solution, flow), problem.candidates.names
    parts = [part for part, name in enumerate(names) if name not in there]
    beyond = [part for part in parts if checks.worst[part] > _TOLERANCE]
    if beyond:
        return [checks.of_grid(part, number) for part in beyond]
    return [checks.whole(part, number) for part in parts]


def starts(problem: Problem, solution: Solution, flow: Flow) -> Values:
    """Where the states of a problem may start: voltages and frequencies after each outage.

    Where the power flow did not converge, they are those of the intact network.
    """
    states, point = problem.candidates, solution.point
    stack, lost = states.stack, ~flow.settled
    part, gen_part = stack.bus_part, stack.part_of("gen")
    vm = np.where(lost[part], point.vm[states.bus], flow.vm)
    va = np.where(lost[part], point.va[states.bus], flow.va)
    settled = secure.reactive(states, flow, point.qg)
    qg = np.where(lost[gen_part], point.qg[states.gen], np.nan_to_num(settled))
    names, bus, gen = states.names, stack.ids("bus"), stack.ids("gen")
    unknown = {name for name, one in zip(names, lost.tolist(), strict=True) if one}
    frequency = [
        0.0 if name in unknown else w
        for (name, _), w in zip(states.islands, flow.frequency.tolist(), strict=True)
    ]
    return {
        "state_bus_vm": by_key(names, bus, part, vm),
        "state_bus_va": by_key(names, bus, part, va),
        "state_gen_qg": by_key(names, gen, gen_part, qg),
        "state_frequency": dict(zip(states.islands, frequency, strict=True)),
    }
