"""Solve a problem with Ipopt through cyipopt; the only place that knows either."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from scopf import prices
from scopf.algebra.formulation import Variable
from scopf.arrays import Floats
from scopf.faults import ScopfError, listing, number
from scopf.ladder import Form, Patience, Rung, Start, Watch, rungs
from scopf.model.problem import Problem
from scopf.nlp import NLP
from scopf.prices import Multipliers
from scopf.solution import Attempt, Iterate, Point, Solution, Status
from scopf.starts import STARTS

log = logging.getLogger(__name__)

Options = Mapping[str, str | int | float]
Progress = Callable[[int, float, float], None]  # iteration, cost, largest constraint violation

OPTIONS: dict[str, str | int | float] = {
    "tol": 1e-8,
    "max_iter": 500,
    "acceptable_iter": 0,  # a result is optimal or it is not
    "nlp_scaling_max_gradient": 10.0,
    "mumps_pivot_order": 0,  # AMD: a third less factorisation work on large grids
    "honor_original_bounds": "yes",
    "print_level": 0,
    "sb": "yes",
}

# Ipopt's ApplicationReturnStatus (IpReturnCodes.h), in our words.
_STATUS = {
    0: (Status.OPTIMAL, "an optimal solution was found"),
    1: (Status.ACCEPTABLE, "solved to a lower accuracy than asked for"),
    2: (Status.INFEASIBLE, "no point near here satisfies all constraints; they probably conflict"),
    3: (Status.FAILED, "the search direction became too small to go on"),
    4: (Status.DIVERGED, "the iterates diverge; the problem may be unbounded"),
    5: (Status.INTERRUPTED, "stopped on request"),
    6: (Status.OPTIMAL, "a feasible point was found, and there is nothing to optimise"),
    -1: (Status.ITERATION_LIMIT, "stopped at the iteration limit"),
    -2: (Status.FAILED, "the search for a feasible point failed; constraints may conflict"),
    -3: (Status.FAILED, "a search step could not be computed"),
    -4: (Status.TIME_LIMIT, "stopped at the time limit"),
    -5: (Status.TIME_LIMIT, "stopped at the time limit"),
    -10: (Status.INFEASIBLE, "there are more equations than free variables"),
    -11: (Status.FAILED, "the problem is not well defined"),
    -13: (Status.EVALUATION_ERROR, "a function or derivative is not a finite number"),
    -102: (Status.FAILED, "not enough memory"),
}
_REAL_OPTION = re.compile(r"tol|time$|factor|^mu_|_mu_|gradient|push|frac|bound_inf|_val$")
_INVALID_OPTION, _INVALID_NUMBER = -12, -13


# A warm start begins where the previous solution ended, its barrier low and its bounds not relaxed.
_WARM: dict[str, str | int | float] = {
    "warm_start_init_point": "yes",
    "mu_init": 1e-4,
    "warm_start_bound_push": 1e-9,
    "warm_start_bound_frac": 1e-9,
    "warm_start_slack_bound_push": 1e-9,
    "warm_start_slack_bound_frac": 1e-9,
    "warm_start_mult_bound_push": 1e-9,
}


_PATIENT = 20  # iterations that a warm start may take if a cold one is that quick


def solve(
    problem: Problem,
    *,
    start: Start | Solution = "flat",
    form: Form = "auto",
    options: Options | None = None,
    max_iter: int | None = None,
    time_limit: float | None = None,
    verbose: bool = False,
    progress: Progress | None = None,
) -> Solution:
    """Solve a problem as it stands now, user's additions to its Pyomo model included.

    The values of all variables are written back to the model, if it has been asked for. A problem
    that was solved before is not compiled again: its numbers are read anew.

    Args:
        problem: from `scopf.build`.
        start: "flat" (voltages 1 p.u., generators in the middle of their boxes; a user's own
            variables at their Pyomo values), "middle" (all in the middle of their boxes), "dc",
            "power-flow", "model" (every variable at its Pyomo value), or a Solution of this problem
            to start warm from: the quickest way after a small change. A warm start that takes more
            iterations than a cold one would is given up for a cold one.
        form: "reduced" (branch flows are expressions), "lifted" (they are variables), or "auto":
            reduced and watched, then the other rungs of `scopf.ladder`.
        options: Ipopt options that override the package's.
        max_iter: iteration limit, all attempts together.
        time_limit: wall time limit of the solver in s, all attempts together.
        verbose: print Ipopt's iterations.
        progress: called after each iteration with its number, the cost and the largest violation.

    Returns:
        The solution. A solve that fails says so in `.status` and has no prices.

    Raises:
        ScopfError: when the model cannot be compiled or an option is unknown.
    """
    began = time.perf_counter()
    if form not in get_args(Form):
        raise ScopfError(f"form is {listing(get_args(Form))}, got {form!r}")
    given: dict[str, str | int | float] = {**OPTIONS, "print_level": 5 if verbose else 0}
    given |= options or {}
    limits = _Limits(
        None if max_iter is None else int(_at_least("max_iter", max_iter, 0)),
        None if time_limit is None else _at_least("time_limit", time_limit, 1e-9),
    )
    climb = _Climb(problem, given, limits, progress)
    if isinstance(start, Solution):
        climb.warm(start)
        cold: Start = "flat"
    else:
        cold = start
    for rung in rungs(form):
        if climb.ended:
            break
        climb.attempt(rung, cold)
    return climb.solution(began)


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


@dataclass
class _Run:
    """One run of Ipopt and what came out."""

    nlp: NLP
    x: Floats
    info: dict[str, Any]
    status: Status
    message: str


class _Climb:
    """Goes up the ladder until an attempt ends well or limits are used up."""

    def __init__(
        self, problem: Problem, options: Options, limits: _Limits, progress: Progress | None
    ) -> None:
        self._problem, self._options, self._progress = problem, options, progress
        self._limits = limits
        self._attempts: list[Attempt] = []
        self._run: _Run | None = None
        self._cold = 0
        self.ended = False

    def warm(self, previous: Solution) -> None:
        """Start from a solution, with no more iterations than a cold start took."""
        last = previous.iterate
        nlp = _compiled(self._problem, last.nlp.lift)
        self._cold = last.cold
        if previous.problem is not self._problem or not previous.solved or nlp is not last.nlp:
            log.info("no warm start: the solution is not one of this model as it is now")
            return
        patience = Patience(iterations=max(_PATIENT, last.cold), restoration=3)
        multipliers = {"lagrange": last.rows, "zl": last.lower, "zu": last.upper}
        rung = Rung("warm", nlp.lift, options=_WARM, patience=patience)
        self._attempt(rung, nlp, last.x, multipliers)

    def attempt(self, rung: Rung, start: Start) -> None:
        """Start cold."""
        began = time.perf_counter()
        nlp = _compiled(self._problem, rung.lift)
        x = _start(self._problem, nlp, rung.start or start)
        self._attempt(rung, nlp, x, {}, began)

    def _attempt(
        self,
        rung: Rung,
        nlp: NLP,
        start: Floats,
        multipliers: dict[str, Floats],
        began: float | None = None,
    ) -> None:
        began = began or time.perf_counter()
        given = {**self._options, **rung.options, **self._limits.left(self._attempts)}
        watch = Watch(rung.patience)
        x, info = _ipopt(nlp, start, given, watch, self._progress, multipliers)
        status, message = _STATUS.get(info["status"], (Status.FAILED, "the solver failed"))
        if watch.stalled:
            status, message = Status.STALLED, f"given up: {watch.stalled}"
        if info["status"] == _INVALID_NUMBER:
            bad = nlp.not_finite(x)
            message += f": {bad[0]}" if bad else ""
        seconds = time.perf_counter() - began
        self._attempts.append(Attempt(rung.name, status, message, watch.iterations, seconds))
        log.info("%s: %s after %d iterations", rung.name, message, watch.iterations)
        if not multipliers and status.solved:
            self._cold = watch.iterations
        self._run = _Run(nlp, x, info, status, message)
        over = {Status.TIME_LIMIT, Status.INTERRUPTED}
        if self._limits.iterations is not None:
            over.add(Status.ITERATION_LIMIT)
        self.ended = status.solved or status in over

    def solution(self, began: float) -> Solution:
        """Everything about the last attempt."""
        run, problem = self._run, self._problem
        assert run is not None
        nlp, x, solved = run.nlp, run.x, run.status.solved
        nlp.take_over(x)
        point = _point(problem, nlp, x)
        rows, lower, upper = (run.info[key] for key in ("mult_g", "mult_x_L", "mult_x_U"))
        multipliers = Multipliers(nlp, rows, lower, upper, solved)
        p_from, q_from, p_to, q_to = point.flows / problem.base.branch.rate
        loading = np.hypot(p_from, q_from), np.hypot(p_to, q_to)
        at, f = problem.reduction.keep, problem.formulation
        cost = -nlp.objective(x) if nlp.maximize else nlp.objective(x)
        return Solution(
            status=run.status,
            message=run.message,
            cost=cost if solved else float("nan"),
            iterations=sum(attempt.iterations for attempt in self._attempts),
            seconds=time.perf_counter() - began,
            attempts=tuple(self._attempts),
            problem=problem,
            scenario=problem.scenario,
            inverter_data=problem.inverters,
            point=point,
            prices=prices.read(problem, multipliers, loading),
            stability=problem.criterion.read(f, problem.reduction, point.vm[at], multipliers),
            iterate=Iterate(nlp, x, rows, lower, upper, self._cold),
        )


def _compiled(problem: Problem, lift: bool) -> NLP:
    """The problem's NLP, compiled once and refreshed as long as only numbers change.

    Raises:
        ScopfError: when the model cannot be compiled, or a lower bound is above an upper one.
    """
    nlp: NLP | None = problem.compiled.get(lift)
    if nlp is None or not nlp.refresh():
        nlp = problem.compiled[lift] = NLP(problem.formulation, lift)
    crossed = np.flatnonzero(nlp.x_lower > nlp.x_upper)
    if len(crossed):
        names = (nlp.variables[k].name for k in crossed)
        raise ScopfError(f"lower bound above upper bound: {', '.join(names)}")
    return nlp


def _ipopt(
    nlp: NLP,
    start: Floats,
    options: Options,
    watch: Watch,
    progress: Progress | None,
    multipliers: dict[str, Floats],
) -> tuple[Floats, dict[str, Any]]:
    """Run Ipopt; return the point and cyipopt's information."""
    ipopt = _load_cyipopt().Problem(
        n=nlp.n,
        m=nlp.m,
        problem_obj=_Callbacks(nlp, watch, progress),
        lb=nlp.x_lower,
        ub=nlp.x_upper,
        cl=nlp.g_lower,
        cu=nlp.g_upper,
    )
    for name, value in options.items():
        _set_option(ipopt, name, value)
    with np.errstate(all="ignore"):
        x, info = ipopt.solve(start, **multipliers)
    if info["status"] == _INVALID_OPTION:
        changed = {name: value for name, value in options.items() if OPTIONS.get(name) != value}
        raise ScopfError(f"Ipopt refuses an option among {changed} (verbose=True shows why)")
    return x, info


def _set_option(ipopt: Any, name: str, value: Any) -> None:
    """Set an option, a whole number as a real one where Ipopt wants that (and would print)."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, int) and _REAL_OPTION.search(name):
        value = float(value)
    try:
        ipopt.add_option(name, value)
    except TypeError as error:
        text = f"Ipopt has no option {name!r} that takes {value!r}; see its options reference"
        raise ScopfError(text) from error


def _at_least(name: str, value: float, least: float) -> float:
    if number(name, value) < least:
        raise ScopfError(f"{name} must be {'positive' if least else 'zero or more'}, got {value}")
    return value


class _Callbacks:
    """An NLP as cyipopt wants it, with an eye on the iterations."""

    def __init__(self, nlp: NLP, watch: Watch, progress: Progress | None) -> None:
        self._watch, self._progress = watch, progress
        self.objective = nlp.objective
        self.gradient = nlp.gradient
        self.constraints = nlp.constraints
        self.jacobian = nlp.jacobian
        self.jacobianstructure = nlp.jacobianstructure
        self.hessian = nlp.hessian
        self.hessianstructure = nlp.hessianstructure

    def intermediate(
        self,
        mode: int,
        iteration: int,
        cost: float,
        violation: float,
        _dual_violation: float,
        _mu: float,
        _step_norm: float,
        _regularization: float,
        _dual_step: float,
        step: float,
        _trials: int,
    ) -> bool:
        """Called by Ipopt after each iteration; True goes on."""
        if self._progress is not None:
            self._progress(iteration, cost, violation)
        return self._watch.goes_on(iteration, mode == 1, step)


def _load_cyipopt() -> Any:
    """Import cyipopt with its BLAS on one thread: more cost time on sparse grid problems."""
    key = "OPENBLAS_NUM_THREADS"
    before = os.environ.get(key)
    os.environ.setdefault(key, "1")
    try:
        import cyipopt
    except ImportError as error:
        text = "cyipopt is not installed: `make demo` builds it, or `conda install -c conda-forge "
        raise ImportError(text + "cyipopt`") from error
    finally:
        if before is None:
            del os.environ[key]
    cyipopt.set_logging_level(logging.WARNING)  # it reports every callback at INFO
    return cyipopt


def _start(problem: Problem, nlp: NLP, start: Start) -> Floats:
    """Start point in the order of the compiled problem; lifted flows are those of the point."""
    if start not in get_args(Start):
        raise ScopfError(f"start is {listing(get_args(Start))} or a Solution, got {start!r}")
    if start == "model":
        return nlp.consistent(nlp.start)
    found = {} if start == "flat" else STARTS[start](problem.net)
    x = nlp.start.copy()
    for variable in problem.formulation.of_kind(Variable):
        columns = nlp.columns(variable.name)
        values = found.get(variable.name, variable.start)
        x[columns[columns >= 0]] = values[columns >= 0]
    return nlp.consistent(x)


def _point(problem: Problem, nlp: NLP, x: Floats) -> Point:
    f = problem.formulation
    flows = ("branch_p_from", "branch_q_from", "branch_p_to", "branch_q_to")
    return Point(
        vm=f["bus_vm"].value.copy(),
        va=f["bus_va"].value.copy(),
        pg=f["gen_pg"].value.copy(),
        qg=f["gen_qg"].value.copy(),
        pd=f["bus_pd"].values.copy(),
        qd=f["bus_qd"].values.copy(),
        flows=np.array([nlp.values_of(name, x) for name in flows]),
        costs=nlp.values_of("gen_cost_p", x) + nlp.values_of("gen_cost_q", x),
    )
