"""Solve a problem with Ipopt through cyipopt; the only place that knows either."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import pyomo.environ as pyo

from scopf import prices
from scopf.arrays import Floats
from scopf.faults import ScopfError, number
from scopf.model.problem import Problem
from scopf.nlp import NLP
from scopf.prices import Multipliers
from scopf.solution import Point, Solution, Status

log = logging.getLogger(__name__)

Start = Literal["flat", "model"]
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


def solve(
    problem: Problem,
    *,
    start: Start = "flat",
    options: Mapping[str, str | int | float] | None = None,
    max_iter: int | None = None,
    time_limit: float | None = None,
    verbose: bool = False,
    progress: Progress | None = None,
) -> Solution:
    """Solve a problem as its Pyomo model stands now, user's additions included.

    The values of all variables are written back to the model.

    Args:
        problem: from `scopf.build`.
        start: "flat" (voltages 1 p.u., generators in the middle of their boxes; a user's own
            variables at their Pyomo values) or "model" (every variable at its Pyomo value).
        options: Ipopt options that override the package's.
        max_iter: iteration limit.
        time_limit: wall time limit of the solver in s.
        verbose: print Ipopt's iterations.
        progress: called after each iteration with its number, the cost and the largest violation.

    Returns:
        The solution. A solve that fails says so in `.status` and has no prices.

    Raises:
        ScopfError: when the model cannot be compiled or an option is unknown.
    """
    began = time.perf_counter()
    nlp = NLP(problem.model)
    given: dict[str, str | int | float] = {**OPTIONS, "print_level": 5 if verbose else 0}
    if max_iter is not None:
        given["max_iter"] = _at_least("max_iter", max_iter, 0)
    if time_limit is not None:
        given["max_wall_time"] = _at_least("time_limit", time_limit, 1e-9)
    given |= options or {}
    crossed = [v.name for v in np.array(nlp.variables, dtype=object)[nlp.x_lower > nlp.x_upper]]
    if crossed:
        raise ScopfError(f"lower bound above upper bound: {', '.join(crossed)}")
    x, info, iterations = _ipopt(nlp, _start(problem, nlp, start), given, progress)
    status, message = _STATUS.get(info["status"], (Status.FAILED, "the solver failed"))
    if info["status"] == _INVALID_NUMBER:
        bad = nlp.not_finite(x)
        message += f": {bad[0]}" if bad else ""
    for variable, value in zip(nlp.variables, x.tolist(), strict=True):
        variable.set_value(value, skip_validation=True)
    point = _point(problem, nlp, x)
    multipliers = Multipliers(nlp, info["mult_g"], info["mult_x_L"], info["mult_x_U"])
    p_from, q_from, p_to, q_to = point.flows / problem.net.branch.rate
    loading = np.hypot(p_from, q_from), np.hypot(p_to, q_to)
    found = prices.read(problem, multipliers, loading, point.rows.constraints)
    cost = -nlp.objective(x) if nlp.maximize else nlp.objective(x)
    return Solution(
        status=status,
        message=message,
        cost=cost if status.solved else float("nan"),
        iterations=iterations,
        seconds=time.perf_counter() - began,
        problem=problem,
        point=point,
        prices=found if status.solved else prices.absent(found),
    )


def _ipopt(
    nlp: NLP,
    start: Floats,
    options: Mapping[str, str | int | float],
    progress: Progress | None,
) -> tuple[Floats, dict[str, Any], int]:
    """Run Ipopt; return the point, cyipopt's information and the number of iterations."""
    watched = _Watched(nlp, progress)
    ipopt = _load_cyipopt().Problem(
        n=nlp.n,
        m=nlp.m,
        problem_obj=watched,
        lb=nlp.x_lower,
        ub=nlp.x_upper,
        cl=nlp.g_lower,
        cu=nlp.g_upper,
    )
    for name, value in options.items():
        _set_option(ipopt, name, value)
    with np.errstate(all="ignore"):
        x, info = ipopt.solve(start)
    if info["status"] == _INVALID_OPTION:
        changed = {name: value for name, value in options.items() if OPTIONS.get(name) != value}
        raise ScopfError(f"Ipopt refuses an option among {changed} (verbose=True shows why)")
    return x, info, watched.iterations


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


class _Watched:
    """An NLP as cyipopt wants it, counting iterations."""

    def __init__(self, nlp: NLP, progress: Progress | None) -> None:
        self.iterations = 0
        self._progress = progress
        self.objective = nlp.objective
        self.gradient = nlp.gradient
        self.constraints = nlp.constraints
        self.jacobian = nlp.jacobian
        self.jacobianstructure = nlp.jacobianstructure
        self.hessian = nlp.hessian
        self.hessianstructure = nlp.hessianstructure

    def intermediate(
        self, _mode: int, iteration: int, cost: float, violation: float, *_rest: float
    ) -> bool:
        """Called by Ipopt after each iteration; True goes on."""
        self.iterations = iteration
        if self._progress is not None:
            self._progress(iteration, cost, violation)
        return True


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
    return cyipopt


def _start(problem: Problem, nlp: NLP, start: Start) -> Floats:
    if start not in ("flat", "model"):
        raise ScopfError(f'start is "flat" or "model", got {start!r}')
    x = nlp.start.copy()
    if start == "flat":
        for name, values in problem.flat.items():
            columns = nlp.columns(getattr(problem.model, name).values())
            x[columns[columns >= 0]] = values[columns >= 0]
    return x


def _point(problem: Problem, nlp: NLP, x: Floats) -> Point:
    m, net = problem.model, problem.net

    def values(component: Any) -> Floats:
        return np.array([v.value for v in component.values()], dtype=np.float64)

    def parameters(component: Any) -> Floats:
        return np.array([pyo.value(data) for data in component.values()], dtype=np.float64)

    flows = ("branch_p_from", "branch_q_from", "branch_p_to", "branch_q_to")
    costs = ("gen_cost_p", "gen_cost_q")
    vm = values(m.bus_vm)
    at = net.bus_positions(problem.inverters.bus)
    return Point(
        vm=vm,
        va=values(m.bus_va),
        pg=values(m.gen_pg),
        qg=values(m.gen_qg),
        pd=parameters(m.bus_pd),
        qd=parameters(m.bus_qd),
        flows=np.array([nlp.values_of(getattr(m, name), x) for name in flows]),
        costs=np.sum([nlp.values_of(getattr(m, name), x) for name in costs], axis=0),
        rows=problem.criterion.rows(m, problem.inverters, vm[at]),
    )
