"""Solve a problem: up the ladder until an attempt ends well, then multipliers to prices."""

from __future__ import annotations

import dataclasses
import difflib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from scopf.arrays import Floats
from scopf.engine.nlp import NLP
from scopf.engine.symbols import Expression
from scopf.errors import ScopfError, listing, number, spelled
from scopf.model.codesign import GivenStiffness
from scopf.model.problem import Problem
from scopf.optimizer import ipopt
from scopf.optimizer.compiled import compiled, start_point
from scopf.optimizer.ipopt import Options, Progress
from scopf.optimizer.progress import Ticker
from scopf.optimizer.status import STEPS, Attempt, Iterate, Outcome, Status
from scopf.optimizer.strategy import Form, Patience, Rung, Start, Watch, rungs
from scopf.procedures import certification
from scopf.results import accuracy, prices
from scopf.results.accuracy import Accuracy
from scopf.results.prices import Multipliers
from scopf.results.solution import Solution
from scopf.results.tables import Point
from scopf.stability.rows import Stability
from scopf.stability.setting import Setting

log = logging.getLogger(__name__)

_VERDICTS = 2  # attempts that have to find a problem infeasible before it is believed
_PATIENT = 20  # iterations that a warm start may take even if a cold one is quicker


@spelled
def solve(
    problem: Problem,
    *,
    start: Start | Solution | Iterate = "dc",
    form: Form = "auto",
    options: Options | None = None,
    max_iter: int | None = None,
    time_limit: float | None = None,
    verbose: bool = False,
    progress: Progress | bool | None = None,
    certify: bool | Mapping[str, Any] = False,
) -> Solution:
    """Solve a problem as it stands now, user's additions to its Pyomo model included.

    The values of all variables are written back to the model, if it has been asked for. A problem
    that was solved before is not compiled again: its numbers are read anew.

    Args:
        problem: from `scopf.build`.
        start: "dc" (voltages 1 p.u., generators from the case's dispatch scaled to the load, angles
            of the DC power flow), "flat" (generators in the middle of their boxes, one angle),
            "middle" (voltages in the middle of the case's boxes as well), "power-flow" (an AC power
            flow); a user's own variables at their Pyomo values. Or "model" (every variable at its
            Pyomo value), or a Solution of this problem (or the `iterate` of one) to start warm
            from: the quickest way after a small change. A warm start that takes more iterations
            than a cold one would is given up for a cold one.
        form: "reduced" (branch flows are expressions), "lifted" (they are variables), or "auto":
            reduced and watched, then the other rungs of `scopf.optimizer.strategy`.
        options: Ipopt options that override the package's.
        max_iter: iteration limit, all attempts together.
        time_limit: wall time limit of the solver in s, all attempts together.
        verbose: print Ipopt's iterations.
        progress: called after each iteration with its number, the cost and the largest violation;
            or True for a line on a terminal that shows these after two seconds.
        certify: check the optimum exactly, by the dynamics; if it is unstable, raise the
            criterion's droop margin and solve again until it passes or there is no solution. Every
            step is in the result's `checks`. A mapping is the keywords of `Solution.verify`.

    Returns:
        The solution. A solve that fails says so in `.status` and has no prices.

    Raises:
        ScopfError: when the model cannot be compiled or an option is unknown.
    """
    if not isinstance(problem, Problem):
        kind = type(problem).__name__
        raise ScopfError(f"solve takes a Problem that scopf.build made (not its model), got {kind}")
    if not isinstance(start, (Solution, Iterate)):
        _one_of("start", start, get_args(Start), " (or a Solution)")
    _one_of("form", form, get_args(Form))
    if not isinstance(certify, (bool, Mapping)):
        raise ScopfError(f"certify is True, False or keywords of verify, got {certify!r}")
    if not isinstance(options or {}, Mapping):
        raise ScopfError(f"options are a mapping of Ipopt's options to values, got {options!r}")
    own = {"print_level": 5 if verbose else 0, **(options or {})}
    limits = _limits(own, max_iter, time_limit)

    with Ticker("solve", progress is True) as ticker:
        told = ticker if isinstance(progress, bool) else progress

        def once(last: Solution | None) -> Solution:
            return _once(_Climb(problem, own, limits, told), last or start, form)

        if not certify:
            return once(None)
        return certification.certify(problem, once, {} if certify is True else certify)


def _once(climb: _Climb, start: Start | Solution | Iterate, form: Form) -> Solution:
    """Go up the ladder."""
    cold: Start = "dc"
    if isinstance(start, Solution):
        climb.warm(start.iterate, form, start.status)
    elif isinstance(start, Iterate):
        climb.warm(start, form)
    else:
        cold = start
    for rung in rungs(form):
        if climb.ended:
            break
        climb.attempt(rung, cold)
    return climb.solution()


@dataclass(frozen=True)
class _Limits:
    """What the user allows, all attempts together; None: no limit."""

    iterations: int | None
    seconds: float | None

    def left(self, attempts: list[Attempt]) -> dict[str, int | float]:
        """Ipopt options for what is left after these attempts."""
        options: dict[str, int | float] = {}
        if self.iterations is not None:
            used = sum(attempt.iterations for attempt in attempts)
            options["max_iter"] = max(0, self.iterations - used)
        if self.seconds is not None:
            spent = sum(attempt.seconds for attempt in attempts)
            options["max_wall_time"] = max(1e-9, self.seconds - spent)
        return options


class _Climb:
    """Goes up the ladder until an attempt ends well or limits are used up."""

    def __init__(
        self, problem: Problem, options: Options, limits: _Limits, progress: Progress | None
    ) -> None:
        self._problem, self._options, self._progress = problem, options, progress
        self._limits = limits
        self._attempts: list[Attempt] = []
        self._last: tuple[NLP, Outcome] | None = None
        self._lost = False  # whether the last attempt ended far from a solution
        self._dead: list[tuple[NLP, Floats]] = []  # start points from which attempts got lost
        self._examined: _Examined | None = None  # the last result, if it is a solution
        self._cold = 0  # iterations that the last cold start took
        self._climbed = 0  # iterations of all cold attempts
        self._began = time.perf_counter()
        self.ended = False

    def warm(self, last: Iterate, form: Form, status: Status = Status.OPTIMAL) -> None:
        """Start from a solution, with no more iterations than a cold start took."""
        began = time.perf_counter()
        nlp = compiled(self._problem, last.lift if form == "auto" else form == "lifted")
        self._cold = last.cold
        if not status.solved:
            log.warning("no warm start: the solution to start from is none (%s)", status)
            return
        if nlp.signature != last.signature:
            log.warning("no warm start: the solution is of a problem of another structure or form")
            return
        patience = Patience(iterations=max(_PATIENT, last.cold), restoration=3)
        rung = Rung("warm", nlp.lift, options=ipopt.WARM, patience=patience)
        multipliers = {"lagrange": last.rows, "zl": last.lower, "zu": last.upper}
        self._attempt(rung, nlp, last.x, multipliers, began)

    def attempt(self, rung: Rung, start: Start) -> None:
        """Start cold, if the rung fits how the attempt before it ended."""
        if rung.lost and not self._lost:
            return
        began = time.perf_counter()
        nlp = compiled(self._problem, rung.lift)
        multipliers: dict[str, Floats] = {}
        if rung.resume:
            if self._last is None or self._last[0] is not nlp:
                return
            last = self._last[1]
            if last.status is Status.INFEASIBLE:  # from there, the same verdict would be no second
                return
            x, multipliers = last.x, last.multipliers
            rung = dataclasses.replace(rung, options={**ipopt.WARM, **rung.options})
        else:
            x = start_point(self._problem, nlp, rung.start or start)
            dead = any(nlp is other and np.array_equal(x, place) for other, place in self._dead)
            if rung.start == "power-flow" and dead:  # or the power flow has no solution, say
                log.info("%s: left out, an attempt got lost from there", rung.name)
                return
        self._attempt(rung, nlp, x, multipliers, began)
        if self._lost and not rung.resume:
            self._dead.append((nlp, x))
        self._climbed += self._attempts[-1].iterations
        if self._attempts[-1].status.solved:
            self._cold = self._climbed

    def _attempt(
        self,
        rung: Rung,
        nlp: NLP,
        start: Floats,
        multipliers: Mapping[str, Floats],
        began: float,
    ) -> None:
        options = {**rung.options, **self._options, **self._limits.left(self._attempts)}
        watch = Watch(rung.patience)
        found = self._checked(
            nlp, ipopt.run(nlp, start, options, watch, self._progress, multipliers)
        )
        if found.status.solved and rung.note:
            found = dataclasses.replace(found, message=f"{found.message} ({rung.note})")
        seconds = time.perf_counter() - began
        steps = _steps(nlp, watch)
        self._attempts.append(
            Attempt(rung.name, found.status, found.message, watch.iterations, seconds, steps)
        )
        log.info("%s: %s (%d iterations)", rung.name, found.message, watch.iterations)
        self._last = nlp, found
        self._lost = watch.lost or found.status in (Status.FAILED, Status.DIVERGED)
        over = {Status.TIME_LIMIT, Status.INTERRUPTED}
        verdicts = [attempt.status for attempt in self._attempts]
        if verdicts.count(Status.INFEASIBLE) >= _VERDICTS:
            over.add(Status.INFEASIBLE)
        if not watch.iterations:  # from the same start, no other rung would get further
            over.add(Status.EVALUATION_ERROR)
        if self._limits.iterations is not None:
            over.add(Status.ITERATION_LIMIT)
        self.ended = found.status.solved or found.status in over or found.certain

    def _checked(self, nlp: NLP, found: Outcome) -> Outcome:
        """The outcome with no better a name than it deserves in the original problem."""
        self._examined = None
        if not found.status.solved:
            return found
        self._examined = _examine(self._problem, nlp, found)
        log.info("check of the original problem: %s", self._examined.accuracy)
        verdict, complaint = self._examined.accuracy.status, self._examined.accuracy.complaint
        if verdict is Status.FAILED:
            self._examined = None  # prices of what is no solution mean nothing
            text = f"the solver's result is no solution of the original problem: {complaint}"
            return dataclasses.replace(found, status=verdict, message=text)
        if verdict is Status.ACCEPTABLE and found.status is Status.OPTIMAL:
            text = f"solved to a lower accuracy than usual: {complaint}"
            return dataclasses.replace(found, status=verdict, message=text)
        return found

    def solution(self) -> Solution:
        """Everything about the last attempt."""
        problem = self._problem
        assert self._last is not None
        nlp, found = self._last
        x, solved = found.x, found.status.solved
        examined = self._examined or _examine(problem, nlp, found)
        multipliers, setting = examined.multipliers, examined.setting
        point = _point(problem, nlp, x)
        p_from, q_from, p_to, q_to = point.flows / problem.base.branch.rate
        loading = np.hypot(p_from, q_from), np.hypot(p_to, q_to)
        cost = -nlp.objective(x) if nlp.maximize else nlp.objective(x)
        return Solution(
            status=found.status,
            message=found.message,
            cost=cost if solved else float("nan"),
            iterations=sum(attempt.iterations for attempt in self._attempts),
            seconds=time.perf_counter() - self._began,
            attempts=tuple(self._attempts),
            problem=problem,
            scenario=problem.scenario,
            inverter_data=setting.inverters,
            point=point,
            prices=prices.read(problem, multipliers, x, loading),
            stability=examined.stability,
            accuracy=examined.accuracy,
            iterate=Iterate(
                nlp.signature, nlp.lift, x, found.rows, found.lower, found.upper, self._cold
            ),
        )


@dataclass(frozen=True)
class _Examined:
    """What a result says, and how accurate it is."""

    multipliers: Multipliers
    setting: Setting
    stability: Stability
    accuracy: Accuracy


def _examine(problem: Problem, nlp: NLP, found: Outcome) -> _Examined:
    """Give the problem's variables the values of a result, and read everything off them."""
    nlp.take_over(found.x)
    solved = found.status.solved
    multipliers = Multipliers(nlp, found.rows, found.lower, found.upper, solved)
    setting = _setting(problem)
    stability = problem.opf.stability.read(setting, multipliers)
    return _Examined(
        multipliers, setting, stability, accuracy.measure(problem, nlp, found, stability)
    )


def _steps(nlp: NLP, watch: Watch) -> Floats:
    """The iterations of an attempt, costs with the sign of the user's objective."""
    found = np.array(watch.steps, dtype=np.float64).reshape(-1, len(STEPS))
    if nlp.maximize:
        found[:, STEPS.index("cost")] *= -1
    return found


def _one_of(name: str, value: object, known: tuple[str, ...], more: str = "") -> None:
    if isinstance(value, str) and value in known:
        return
    near = difflib.get_close_matches(str(value), known, n=1, cutoff=0.7)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ScopfError(f"{name} must be one of {listing(known)}{more}, got {value!r}{hint}")


def _limits(
    options: dict[str, str | int | float], max_iter: int | None, time_limit: float | None
) -> _Limits:
    """Limits given as arguments, or as Ipopt options, which then leave `options`."""
    iterations = options.pop("max_iter", None) if max_iter is None else max_iter
    seconds = options.pop("max_wall_time", None) if time_limit is None else time_limit
    if iterations is not None and int(_at_least("max_iter", iterations, 0)) != iterations:
        raise ScopfError(f"max_iter must be a whole number, got {iterations}")
    return _Limits(
        None if iterations is None else int(iterations),
        None if seconds is None else _at_least("time_limit", seconds, 1e-9),
    )


def _at_least(name: str, value: object, least: float) -> float:
    found = number(name, value)
    if found < least:
        raise ScopfError(f"{name} must be {'positive' if least else 'zero or more'}, got {value}")
    return found


def _setting(problem: Problem) -> Setting:
    """The problem's setting, with the droops that co-design has found."""
    stiffness = problem.opf.stiffness
    if isinstance(stiffness, GivenStiffness):
        return problem.setting
    inverters = problem.inverters.replace(mq=1.0 / stiffness.symbol.value)
    return dataclasses.replace(problem.setting, inverters=inverters)


def _point(problem: Problem, nlp: NLP, x: Floats) -> Point:
    """The tables' values at a point that the formulation has taken over."""
    opf, flows = problem.opf, problem.opf.flows
    lines, opportunity = opf.dclines, opf.opportunity_cost

    def now(of: Expression) -> Floats:
        return nlp.values_of(of.name, x)

    of_lines = np.zeros((5, 0))
    if lines is not None and opf.dcline_cost is not None:
        values = lines.pf.value, lines.qf.value, now(lines.pt), lines.qt.value
        of_lines = np.array([*values, now(opf.dcline_cost.total)])
    rating = problem.inverters.rating if opf.ratings is None else opf.ratings.rating.values
    costs = opf.generation_cost
    return Point(
        vm=opf.voltages.vm.value.copy(),
        va=opf.voltages.va.value.copy(),
        pg=opf.generation.p.value.copy(),
        qg=opf.generation.q.value.copy(),
        loads={key: load.values.copy() for key, load in opf.balance.loads.items()},
        alpha=float(flows.alpha.values[0]),
        flows=np.array([now(f) for f in (flows.p_from, flows.q_from, flows.p_to, flows.q_to)]),
        dclines=of_lines,
        costs=now(costs.of_p) + now(costs.of_q),
        rating=rating.copy(),
        opportunity=np.zeros(len(rating)) if opportunity is None else now(opportunity.total),
    )
