"""Runs of Ipopt: its options, callbacks and status codes."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.errors import ScopfError
from scopf.optimizer.console import silenced
from scopf.optimizer.interfaces import Interface, bound
from scopf.optimizer.signals import Stop, stoppable
from scopf.optimizer.status import Outcome, Status
from scopf.optimizer.strategy import Watch

log = logging.getLogger(__name__)

Options = Mapping[str, str | int | float]

Progress = Callable[[int, float, float], None]  # iteration, cost, largest constraint violation
Until = Callable[[float, float], bool]  # largest constraint violation, barrier parameter

OPTIONS: dict[str, str | int | float] = {
    "tol": 1e-8,
    "max_iter": 500,
    # A result is optimal or it is not: Ipopt is not to end at a lower accuracy, neither after many
    # "acceptable" iterations nor where steps become tiny.
    "acceptable_iter": 0,
    "acceptable_tol": 1e-8,
    "nlp_scaling_max_gradient": 10.0,
    # Ipopt relaxes bounds and moves the result back into them. With the default, 1e-8, the power
    # balances of buses with short lines are then off by up to 1e-4 p.u.; with 1e-10, by over 1e-6.
    "bound_relax_factor": 1e-11,
    "honor_original_bounds": "yes",
    "check_derivatives_for_naninf": "yes",  # else a NaN goes unnoticed
    "print_level": 0,
    "sb": "yes",
    "option_file_name": "",  # else Ipopt obeys an ipopt.opt in the working folder
}

_MUMPS: dict[str, str | int | float] = {  # left out for an Ipopt that has no MUMPS
    "linear_solver": "mumps",
    "mumps_pivot_order": 0,  # AMD: a third less factorisation work on large grids
}

# Ipopt's ApplicationReturnStatus (IpReturnCodes.h): our status and message.
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
_STOPPED, _INVALID_OPTION, _INVALID_NUMBER = 5, -12, -13

# A warm start begins where the previous solution ended, its barrier low and its bounds not relaxed.
WARM: dict[str, str | int | float] = {
    "warm_start_init_point": "yes",
    "mu_init": 1e-4,
    "warm_start_bound_push": 1e-9,
    "warm_start_bound_frac": 1e-9,
    "warm_start_slack_bound_push": 1e-9,
    "warm_start_slack_bound_frac": 1e-9,
    "warm_start_mult_bound_push": 1e-9,
}

# Options of the barrier and the line search, with which `mehrotra_algorithm` does not go.
_OF_BARRIER = re.compile(r"mu_|adaptive_mu_|corrector_type|accept_|barrier_|fixed_mu_|quality_")

_turn = threading.RLock()  # the linear solver MUMPS is not for two threads at once


class Program(Protocol):
    """An NLP that Ipopt can solve, such as `scopf.engine.nlp.NLP`."""

    n: int
    m: int
    x_lower: Floats
    x_upper: Floats
    g_lower: Floats
    g_upper: Floats

    @property
    def row_names(self) -> list[str]:
        """Names of all rows."""

    def objective(self, x: Floats, /) -> float:
        """Value of the objective."""

    def gradient(self, x: Floats, /) -> Floats:
        """Gradient of the objective."""

    def constraints(self, x: Floats, /) -> Floats:
        """Values of the rows."""

    def jacobian(self, x: Floats, /) -> Floats:
        """Nonzeros of the Jacobian of the rows."""

    def jacobianstructure(self) -> tuple[Ints, Ints]:
        """Row and column of each nonzero of the Jacobian."""

    def hessian(self, x: Floats, multipliers: Floats, factor: float, /) -> Floats:
        """Nonzeros of the Hessian of the Lagrangian."""

    def hessianstructure(self) -> tuple[Ints, Ints]:
        """Row and column of each nonzero of the Hessian's lower triangle."""

    def not_finite(self, x: Floats, /) -> list[str]:
        """Names of the functions and derivatives that are not finite."""


def run(
    nlp: Program,
    start: Floats,
    options: Options,
    watch: Watch,
    progress: Progress | None = None,
    multipliers: Mapping[str, Floats] | None = None,
    interface: Interface | None = None,
    until: Until | None = None,
) -> Outcome:
    """Solve an NLP.

    Args:
        nlp: the problem.
        start: start point, shape (n,).
        options: of Ipopt, on top of OPTIONS.
        watch: counts iterations, and stops the run when it has stalled.
        progress: called after each iteration.
        multipliers: start values "lagrange" (rows), "zl", "zu" (bounds) for a warm start.
        interface: the way to Ipopt; None for the one that there is.
        until: asked after each iteration that does not search for a feasible point, given the
            largest violation and the barrier parameter; the run ends, `reached`, once it is true.

    Raises:
        ScopfError: for an option that Ipopt does not have, or a value that it refuses.
        InstallationError: when there is no Ipopt.
    """
    crossed = np.flatnonzero(nlp.g_lower > nlp.g_upper)
    if len(crossed):
        name = nlp.row_names[crossed[0]]
        text = f"{name} cannot hold: its lower bound lies above its upper bound"
        return Outcome.impossible(start, nlp.m, text)
    callbacks = _Callbacks(nlp, watch, progress, until)
    binding = bound(interface)
    ipopt = binding.problem(
        n=nlp.n,
        m=nlp.m,
        problem_obj=callbacks,
        lb=nlp.x_lower,
        ub=nlp.x_upper,
        cl=nlp.g_lower,
        cu=nlp.g_upper,
    )
    given = {**OPTIONS, **options}
    with silenced():  # of a refusal, of which Ipopt says more than our sentence
        for name, value in given.items():
            _set_option(ipopt, name, value)
        linear_solver = str(given.get("linear_solver", ""))
        if linear_solver in ("", _MUMPS["linear_solver"]):
            linear_solver = _set_mumps(ipopt, given)
    watch.may_settle = given["tol"] >= OPTIONS["tol"]  # type: ignore[operator]
    with _turn, np.errstate(all="ignore"), stoppable() as callbacks.stop:
        x, info = ipopt.solve(start, **(multipliers or {}))
    code = _STOPPED if callbacks.stop.wanted else info["status"]  # it may have come at the end
    if code == _INVALID_OPTION:
        changed = {name: value for name, value in given.items() if OPTIONS.get(name) != value}
        text = f"Ipopt refuses an option among {changed} (verbose=True shows why)"
        raise ScopfError(text + _about_library(linear_solver))
    status, message = _STATUS.get(code, (Status.FAILED, "the solver failed"))
    if watch.stalled and not callbacks.stop.wanted:
        status, message = Status.STALLED, f"the iteration budget is used up: {watch.stalled}"
    if watch.settled and not callbacks.stop.wanted:
        status, message = Status.OPTIMAL, "an optimal solution was found, to rounding accuracy"
    if code == _INVALID_NUMBER:
        bad = nlp.not_finite(x) or nlp.not_finite(start)
        message += f": {bad[0]}" if bad else ""
    ends = info["mult_g"], info["mult_x_L"], info["mult_x_U"]
    solver = f"{binding.name}, {linear_solver}" if linear_solver else binding.name
    reached = callbacks.reached and not callbacks.stop.wanted
    return Outcome(x, *ends, status, message, solver=solver, reached=reached)


def _about_library(solver: str) -> str:
    """How to bring a linear solver that Ipopt has to load; "" for others."""
    kinds = {"ma": "hsllib", "pardiso": "pardisolib"}
    option = next((one for start, one in kinds.items() if solver.startswith(start)), "")
    if not option:
        return ""
    text = f"; {solver} is in a library that Ipopt does not bring and could not load: "
    return text + f"give its path as the option {option}, or leave linear_solver out"


def from_solution(own: Options) -> Options:
    """Options for a start from the solution of a problem with slightly different numbers.

    Ipopt takes predictor-corrector steps then, without a line search, and its barrier falls as
    quickly as they allow (Mehrotra 1992). Near a solution that saves iterations; a run that does
    not converge is for the iteration budget to stop.

    Args:
        own: of the user, who may choose another rule for the barrier or the line search.
    """
    if any(_OF_BARRIER.match(name) for name in own):
        return WARM
    # Its search for a feasible point would have these steps too, and they end the process there.
    return {**WARM, "mehrotra_algorithm": "yes", "resto.mehrotra_algorithm": "no"}


def check_names(options: Mapping[Any, Any]) -> None:
    """Refuse options whose name is no text.

    Raises:
        ScopfError: naming the first.
    """
    for name in options:
        if not isinstance(name, str):
            raise ScopfError(f"options: the name of an option of Ipopt is a text, got {name!r}")


def refusals(options: Options) -> dict[str, str]:
    """The error of every option that Ipopt does not have or whose value it refuses, by name."""
    nothing = np.zeros(1)
    ipopt = bound().problem(n=1, m=0, problem_obj=_Nothing(), lb=nothing, ub=nothing)
    found = {}
    for name, value in options.items():
        try:
            with silenced():
                _set_option(ipopt, name, value)
        except ScopfError as error:
            found[name] = str(error)
    return found


def remaining(options: Options, iterations: int, seconds: float) -> dict[str, str | int | float]:
    """The options with what is left of the limits after some iterations and seconds."""
    found = dict(options)
    if "max_iter" in found:
        found["max_iter"] = max(0, int(found["max_iter"]) - iterations)
    for name in {"max_wall_time", "max_cpu_time"} & found.keys():
        found[name] = max(1e-9, float(found[name]) - seconds)
    return found


class _Nothing:
    """A program with one variable and no constraint."""

    def objective(self, _: Floats) -> float:
        """Zero."""
        return 0.0

    def gradient(self, x: Floats) -> Floats:
        """Zero."""
        return np.zeros_like(x)


def _set_option(ipopt: Any, name: str, value: Any) -> None:
    """Set an option; a whole number becomes a real one where Ipopt expects that."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, int) and _REAL_OPTION.search(name):
        value = float(value)
    try:
        ipopt.add_option(name, value)
    except TypeError as error:
        text = f"Ipopt has no option {name!r} that takes {value!r}; see its options reference"
        raise ScopfError(text) from error


def _set_mumps(ipopt: Any, given: Options) -> str:
    """Choose MUMPS and our settings of it, where nothing else is asked for and Ipopt has it."""
    try:
        for name, value in _MUMPS.items():
            if name not in given:
                _set_option(ipopt, name, value)
    except ScopfError:
        return ""
    return str(_MUMPS["linear_solver"])


class _Callbacks:
    """An NLP as cyipopt takes it, whose iterations are watched."""

    def __init__(
        self, nlp: Program, watch: Watch, progress: Progress | None, until: Until | None
    ) -> None:
        self._watch, self._progress, self._until = watch, progress, until
        self.stop, self.reached = Stop(), False
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
        dual_violation: float,
        mu: float,
        length: float,
        regularization: float,
        _dual_step: float,
        step: float,
        _trials: int,
    ) -> bool:
        """Called by Ipopt after each iteration; True goes on."""
        error = max(violation, dual_violation)
        watch, restoring = self._watch, mode == 1
        goes_on = watch.goes_on(
            iteration, restoring, step, regularization > 0, error, violation, mu, length
        )
        count = watch.iterations
        if iteration or not watch.steps:  # the first point of a run that goes on is the last one
            numbers = count, cost, violation, dual_violation, mu, step
            watch.steps.append((*numbers, restoring, regularization, length))
        if self._until is not None and goes_on and not restoring:
            self.reached = self._until(violation, mu)
        try:
            if self._progress is not None:
                self._progress(count, cost, violation)
        except KeyboardInterrupt:
            if self.stop.wanted:
                raise
            self.stop.wanted = True
        return goes_on and not (self.reached or self.stop.wanted)
