"""The attempts of one solve: each is run, checked and recorded, until one ends well."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Mapping

import numpy as np

from scopf.arrays import Floats
from scopf.engine.nlp import NLP
from scopf.model.problem import Problem
from scopf.optimizer import ipopt, overdetermined, rows_on_call
from scopf.optimizer.compiled import (
    compiled,
    fixed_outside,
    inequalities_on_call,
    satisfiable,
    start_point,
)
from scopf.optimizer.interfaces import Interface
from scopf.optimizer.ipopt import Options, Progress
from scopf.optimizer.status import STEPS, Attempt, Iterate, Outcome, Status
from scopf.optimizer.strategy import AttemptSettings, End, Form, IterationBudget, Start, Watch
from scopf.procedures import assembly, doubt, verdict
from scopf.procedures.limits import Limits
from scopf.procedures.verdict import Examined
from scopf.results.solution import Solution

log = logging.getLogger(__name__)

_CONFIRMATIONS = 2  # attempts that have to find a problem infeasible before it is believed
_LEAST_WARM = 20  # iterations that a warm start may make even if a cold one is quicker


class Attempts:
    """Attempts to solve a problem, and the solution that the last one gave.

    Args:
        problem: to solve.
        options: of Ipopt, from the user.
        limits: of all attempts together.
        progress: called after each iteration.
        interface: the way to Ipopt.

    Attributes:
        ended: whether no further attempt is to be made.
    """

    def __init__(
        self,
        problem: Problem,
        options: Options,
        limits: Limits,
        progress: Progress | None,
        interface: Interface | None = None,
    ) -> None:
        self._problem, self._options, self._progress = problem, options, progress
        self._limits, self._interface = limits, interface
        self._attempts: list[Attempt] = []
        self._last: tuple[NLP, Outcome] | None = None
        self._doubt = doubt.Doubt(problem, limits, interface)
        self._relaxed: set[str] = set()  # names of attempts that leave rows out
        self._end: End | None = None  # of the last attempt
        self._bad_starts: list[tuple[NLP, Floats]] = []  # start points of such attempts
        self._examined: Examined | None = None  # the last result, if it is a solution
        self._cold = 0  # iterations of a cold start, all attempts up to the successful one
        self._cold_so_far = 0  # iterations of all cold attempts
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
        sizes = [len(part) for part in (last.x, last.rows, last.lower, last.upper)]
        if nlp.signature != last.signature or sizes != [nlp.n, nlp.m, nlp.n, nlp.n]:
            # states come and go with outages, which is nobody's concern
            level = logging.INFO if self._problem.scenario.outages else logging.WARNING
            text = "no warm start: the solution is of a problem of another structure or form"
            log.log(level, text)
            return
        budget = IterationBudget(iterations=max(_LEAST_WARM, last.cold), restoration=3)
        options = ipopt.from_solution(self._options)
        settings = AttemptSettings("warm", nlp.lift, options=options, budget=budget)
        multipliers = {"lagrange": last.rows, "zl": last.lower, "zu": last.upper}
        self._attempt(settings, nlp, last.x, multipliers, began)

    def cold(self, settings: AttemptSettings, start: Start, x: Floats | None = None) -> None:
        """Make an attempt from a start point or from the last iterate, unless it is to be skipped.

        Args:
            settings: of the attempt.
            start: the start point, where the settings have none.
            x: a start point instead of that, shape (n,).
        """
        if settings.after not in ("", self._end):
            return
        began = time.perf_counter()
        nlp = compiled(self._problem, settings.lift)
        multipliers: dict[str, Floats] = {}
        if settings.resume:
            if self._last is None or self._last[0] is not nlp:
                return
            last = self._last[1]
            if last.status is Status.INFEASIBLE:  # from there, the same verdict would be no second
                return
            x, multipliers = last.x, last.multipliers
            settings = dataclasses.replace(settings, options={**ipopt.WARM, **settings.options})
        elif x is None:
            x = start_point(self._problem, nlp, settings.start or start)
            bad = any(nlp is other and np.array_equal(x, at) for other, at in self._bad_starts)
            if settings.start == "power-flow" and bad:  # or the power flow has no solution, say
                log.info("%s: skipped, an attempt from there stalled early", settings.name)
                return
        self._attempt(settings, nlp, x, multipliers, began)
        if self._end == "early stall" and not settings.resume:
            self._bad_starts.append((nlp, x))
        self._cold_so_far += self._attempts[-1].iterations
        if self._attempts[-1].status.solved:
            self._cold = self._cold_so_far

    def doubt(self) -> Floats | None:
        """Ask whether limits conflict, when it is time to; if they do, no attempt follows.

        Returns:
            Variables of the reduced form that meet all limits, if these were found.
        """
        if self.ended or self._end == "slow convergence":  # then the limits are nearly met
            return None
        began = time.perf_counter()
        found = self._doubt.verdict(self._attempts, self._relaxed)
        if found is None:
            return None
        status = Status.INFEASIBLE if found.conflict else Status.STALLED
        status = Status.INTERRUPTED if found.interrupted else status
        seconds = time.perf_counter() - began
        self._attempts.append(Attempt(doubt.NAME, status, found.text, found.iterations, seconds))
        log.info("%s: %s (%d iterations)", doubt.NAME, found.text, found.iterations)
        self.ended = status is not Status.STALLED
        if self.ended:
            nlp = compiled(self._problem, False)
            outcome = Outcome.impossible(found.x, nlp.m, found.text)
            self._last = nlp, dataclasses.replace(outcome, status=status)
        return found.x if found.conflict is False else None

    def solution(self) -> Solution:
        """The solution of the last attempt."""
        assert self._last is not None
        nlp, outcome = self._last
        return assembly.solution(
            self._problem,
            nlp,
            outcome,
            self._examined or verdict.examine(self._problem, nlp, outcome),
            tuple(self._attempts),
            time.perf_counter() - self._began,
            self._cold,
        )

    def _attempt(
        self,
        settings: AttemptSettings,
        nlp: NLP,
        start: Floats,
        multipliers: Mapping[str, Floats],
        began: float,
    ) -> None:
        options = {**settings.options, **self._options, **self._limits.left(self._attempts)}
        watch = Watch(settings.budget)
        progress = self._progress_of(nlp)
        outside = fixed_outside(self._problem, nlp)
        on_call = inequalities_on_call(self._problem, nlp)
        if outside:
            outcome = Outcome.impossible(start, nlp.m, outside)
        elif overdetermined.overdetermined(nlp):
            outcome = overdetermined.run(nlp, start, options, watch, progress, self._interface)
        elif settings.rows_on_call and len(on_call) >= rows_on_call.FEWEST:
            self._relaxed.add(settings.name)
            fitted = satisfiable(self._problem, nlp, options)
            outcome = rows_on_call.run(
                nlp, on_call, start, options, watch, progress, self._interface, fitted
            )
        else:
            outcome = ipopt.run(nlp, start, options, watch, progress, multipliers, self._interface)
        outcome, self._examined = verdict.checked(self._problem, nlp, outcome)
        if outcome.status.solved and settings.note:
            outcome = dataclasses.replace(outcome, message=f"{outcome.message} ({settings.note})")
        seconds = time.perf_counter() - began
        steps = _steps(nlp, watch)
        self._attempts.append(
            Attempt(
                settings.name,
                outcome.status,
                outcome.message,
                watch.iterations,
                seconds,
                outcome.solver,
                steps,
            )
        )
        text = "%s: %s (%d iterations of %s)"
        log.info(text, settings.name, outcome.message, watch.iterations, outcome.solver)
        self._last = nlp, outcome
        failed = outcome.status in (Status.FAILED, Status.DIVERGED)
        early, late = watch.stalled_early or failed, watch.late and bool(watch.stalled)
        self._end = "early stall" if early else "slow convergence" if late else None
        self.ended = self._is_final(outcome, watch.iterations)

    def _progress_of(self, nlp: NLP) -> Progress | None:
        """The callback, which is given costs with the sign of the user's objective."""
        progress = self._progress
        if progress is None or not nlp.maximize:
            return progress
        return lambda iteration, cost, violation: progress(iteration, -cost, violation)

    def _is_final(self, outcome: Outcome, iterations: int) -> bool:
        """Whether a further attempt could not improve on the outcome of the last one."""
        final = {Status.TIME_LIMIT, Status.INTERRUPTED}
        statuses = [attempt.status for attempt in self._attempts]
        if statuses.count(Status.INFEASIBLE) >= _CONFIRMATIONS:
            final.add(Status.INFEASIBLE)
        if not iterations:  # from the same start, no other attempt would get further
            final.add(Status.EVALUATION_ERROR)
        if self._limits.iterations is not None:
            final.add(Status.ITERATION_LIMIT)
        return outcome.status.solved or outcome.status in final or outcome.certain


def _steps(nlp: NLP, watch: Watch) -> Floats:
    """The iterations of an attempt, costs with the sign of the user's objective."""
    steps = np.array(watch.steps, dtype=np.float64).reshape(-1, len(STEPS))
    if nlp.maximize:
        steps[:, STEPS.index("cost")] *= -1
    return steps
