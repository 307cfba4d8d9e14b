"""Solve a problem: attempts in the order of the solution strategy, until one ends well."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from functools import partial
from typing import Any, get_args

from scopf.errors import ScopfError, listing, spelled
from scopf.model.problem import Problem
from scopf.optimizer.interfaces import Interface
from scopf.optimizer.ipopt import Options, Progress, check_names
from scopf.optimizer.progress import Ticker
from scopf.optimizer.status import Iterate
from scopf.optimizer.strategy import FROM_FEASIBLE, Form, IterationBudget, Start, planned
from scopf.procedures import certification, explaining, screening
from scopf.procedures.attempts import Attempts
from scopf.procedures.limits import Clock, Limits
from scopf.results.solution import Solution

_QUICK = IterationBudget(iterations=100, restoration=4, tiny=8, regularized=8, error=1e6)


@spelled
def solve(
    problem: Problem,
    *,
    start: Start | Solution | Iterate = "dc",
    form: Form = "auto",
    options: Options | None = None,
    interface: Interface | None = None,
    max_iter: int | None = None,
    time_limit: float | None = None,
    verbose: bool = False,
    progress: Progress | bool | None = None,
    certify: bool | Mapping[str, Any] = False,
    explain: bool = False,
) -> Solution:
    """Solve a problem as it stands now, user's additions to its Pyomo model included.

    The values of all variables are written back to the model, if it has been asked for. A problem
    that was solved before is not compiled again: its numbers are read again.

    Args:
        problem: from `scopf.build`.
        start: "dc" (voltages 1 p.u., generators from the case's dispatch scaled to the load, angles
            of the DC power flow), "flat" (generators in the middle of their bounds, one angle),
            "middle" (voltages in the middle of the case's bounds as well), "power-flow" (an AC
            power flow); a user's own variables at their Pyomo values. Or "model" (every variable at
            its Pyomo value), or a Solution of this problem (or the `iterate` of one) to start warm
            from: the quickest way after a small change. A warm start that takes more iterations
            than a cold one would is stopped, and a cold one follows.
        form: "reduced" (branch flows are expressions), "lifted" (they are variables), or "auto":
            reduced, and the fallbacks of `scopf.optimizer.strategy` if that stalls.
        options: Ipopt options that override the package's.
        interface: the way to Ipopt: "cyipopt", "library" (the C interface of casadi's Ipopt), or
            None for cyipopt and, where it is not installed, the library. Each of the solution's
            `attempts` says in `solver` what ran.
        max_iter: iteration limit, all attempts together.
        time_limit: wall time limit of the solver in s, all attempts together; with outages of the
            whole search.
        verbose: print Ipopt's iterations.
        progress: called after each iteration with its number, the cost and the largest violation;
            or True for a line on a terminal that shows these after two seconds.
        certify: check the optimum exactly, by the dynamics; if it is unstable, raise the
            criterion's droop margin and solve again until it passes or there is no solution. Every
            step is in the result's `checks`. A mapping is the keywords of `Solution.verify`; with
            its `min_damping` it goes on until every oscillation of every state has this ratio.
        explain: say what stability rows, outages and each outage that binds cost, in `explained` of
            the result and in `price_per_h` of its `outages`: the problem is solved again without
            each of them, with the same options and limits. Of a certified result it is the cost
            with its droop margin; what is cheaper without them is not checked. Ctrl-C ends this,
            and the result comes without it.

    Returns:
        The solution. A solve that fails says so in `.status` and has no prices.

    Raises:
        ScopfError: when the model cannot be compiled or an option is unknown; for `explain` of a
            problem whose Pyomo model was asked for; when there is no Ipopt, or no such interface.
    """
    _check(problem, start, form, options, certify)
    if interface is not None:
        _one_of("interface", interface, get_args(Interface))
    if not isinstance(explain, bool):
        raise ScopfError(f"explain is True or False, got {explain!r}")
    if explain:
        explaining.check(problem)
    own = {"print_level": 5 if verbose else 0, **(options or {})}
    limits = Limits.from_arguments(own, max_iter, time_limit)

    with problem.lock, Ticker("solve", progress is True) as ticker:
        callback = ticker if isinstance(progress, bool) else progress

        def secured(one: Problem, first: Start | Solution | Iterate) -> Solution:
            if one.scenario.outages:
                clock = Clock(limits.seconds)
                return screening.solve(one, partial(solved_as_it_is, one, first, clock), clock)
            return solved_as_it_is(one, first)

        def solved_as_it_is(
            one: Problem,
            first: Start | Solution | Iterate,
            clock: Clock | None = None,
            *,
            quick: bool = False,
            at: Iterate | None = None,
            seconds: float | None = None,
        ) -> Solution:
            left = limits.seconds if clock is None else clock.left
            least = min((one for one in (left, seconds) if one is not None), default=None)
            now = dataclasses.replace(limits, seconds=least)
            return _solved(Attempts(one, own, now, callback, interface), at or first, form, quick)

        def once(last: Solution | None) -> Solution:
            return secured(problem, last or start)

        def without(one: Problem, at: Iterate | None, stage: str) -> Solution:
            ticker.stage(f"solve {stage}")
            return secured(one, at or (start if isinstance(start, str) else "dc"))

        if certify:
            found = certification.certify(problem, once, {} if certify is True else certify)
        else:
            found = once(None)
        return explaining.explained(found, without) if explain else found


def _solved(
    attempts: Attempts, start: Start | Solution | Iterate, form: Form, quick: bool = False
) -> Solution:
    """The solution of the first attempt that ends well; if none does, of the last one.

    Args:
        attempts: to make.
        start: point.
        form: of the problem.
        quick: whether to make a single cold attempt.
    """
    cold: Start = "dc"
    if isinstance(start, Solution):
        attempts.warm(start.iterate, form, start.status)
    elif isinstance(start, Iterate):
        attempts.warm(start, form)
    else:
        cold = start
    attempts_planned = planned(form)
    if quick:  # what takes longer mostly has no solution
        attempts_planned = (dataclasses.replace(attempts_planned[0], budget=_QUICK),)
    for settings in attempts_planned:
        if attempts.ended:
            break
        attempts.cold(settings, cold)
        if form == "auto" and not quick:
            feasible = attempts.doubt()
            if feasible is not None:
                attempts.cold(FROM_FEASIBLE, cold, feasible)
    return attempts.solution()


def _check(problem: object, start: object, form: object, options: object, certify: object) -> None:
    """Refuse arguments of a wrong type, and unknown start points and forms."""
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
    check_names(options or {})  # type: ignore[arg-type]


def _one_of(name: str, value: object, known: tuple[str, ...], more: str = "") -> None:
    if isinstance(value, str) and value in known:
        return
    near = difflib.get_close_matches(str(value), known, n=1, cutoff=0.7)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ScopfError(f"{name} must be one of {listing(known)}{more}, got {value!r}{hint}")
