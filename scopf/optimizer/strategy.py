"""The solution strategy: which attempts a solve makes, in order, and when each is stopped.

The reduced form, whose branch flows are expressions, takes about half the time of the lifted one,
whose flows are variables. So the reduced form comes first; it is watched, and stopped as soon as it
stalls. The attempts after it are fallbacks.

An attempt ends without a solution in one of three ways:

- Early: variables run into their bounds, and from then on steps are tiny, or the solver only looks
  for a feasible point. A start that is nearer to a feasible point helps then, so the same form is
  tried from an AC power flow.
- Slowly, near to a solution: the Hessian is indefinite, Ipopt regularises every step, and
  convergence becomes linear. Then an attempt continues from there with Ipopt's curvature test,
  which regularises a step only if the curvature along it is not positive. Its result fulfils the
  first-order conditions to the same accuracy, but may be a saddle; hence it is not the first
  attempt.
- Astray: the barrier parameter is still high after many iterations. With a high barrier and a flat
  start the first iterates stay in the middle of all bounds, and the way from there depends less on
  the start.

The high barrier is also what follows the first two. After two failures the procedures ask whether
limits conflict (`scopf.procedures.doubt`), which may give a feasible point to start from. What is
left after that are more patient attempts, then the lifted form. See docs/performance.md for the
study.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Start = Literal["flat", "middle", "dc", "power-flow", "model"]
Form = Literal["auto", "reduced", "lifted"]
End = Literal["early stall", "slow convergence"]
"""Failures of an attempt: without headway, or near a solution."""


@dataclass(frozen=True)
class IterationBudget:
    """Numbers of iterations after which an attempt counts as stalled.

    Attributes:
        iterations: in all.
        restoration: in which the solver only looks for a feasible point.
        tiny: in a row, with steps shorter than `step`, and none that brings the violation of
            constraints down by a tenth (as a search for a feasible point may).
        regularized: in a row, with a regularised Hessian.
        step: a step length.
        error: violation of constraints or first-order conditions, the larger one, above which
            multipliers grow without bound, as they do where constraints conflict.
        astray: in all, while the barrier parameter shows that a solution is far.
    """

    iterations: int = 100
    restoration: int = 15
    tiny: int = 12
    regularized: int = 25
    step: float = 1e-3
    error: float = math.inf
    astray: int = 100_000


_BARRIER = 1e-5  # barrier parameter below which a solution is near; it starts from 0.1
_NEAR = 1e-6  # largest violation of constraints and first-order conditions close to a solution
_STILL = 1e-7  # barrier parameter, and largest entry of a step, at a solution
_SETTLED = 3  # such iterations in a row
_PROGRESS = 0.9  # violation of constraints over that before, for a tiny step to be of use
_GRACE = 5  # iterations beyond its budget that an attempt may make there


@dataclass(frozen=True)
class AttemptSettings:
    """Form, start point, options and iteration budget of one attempt.

    Attributes:
        name: for the log and the result.
        lift: whether branch flows (nonlinear expressions inside others) are variables.
        start: start point; None for the one that the user chose.
        resume: whether to continue from the last iterate of the attempt before it. The attempt is
            skipped when that was of another form.
        after: the end of the attempt before it without which it is skipped; "" for any.
        options: of Ipopt, on top of the package's.
        rows_on_call: whether limits of branches are left out until they are violated
            (`scopf.optimizer.rows_on_call`).
        budget: iterations after which it counts as stalled; None to let Ipopt decide.
        note: added to the message of a solution found this way.
    """

    name: str
    lift: bool
    start: Start | None = None
    resume: bool = False
    after: End | Literal[""] = ""
    options: Mapping[str, str | int | float] = field(default_factory=dict)
    rows_on_call: bool = False
    budget: IterationBudget | None = None
    note: str = ""


_SADDLE = "with the curvature test: first-order conditions hold, it may be a saddle"

_FIRST = IterationBudget(iterations=150, tiny=7, regularized=30, step=1e-2, astray=100)
_CURVATURE = AttemptSettings(
    "reduced, curvature test",
    lift=False,
    resume=True,
    after="slow convergence",
    options={"neg_curv_test_tol": 1e-8, "mu_init": 1e-2},
    budget=IterationBudget(iterations=200, restoration=200, regularized=200, step=1e-6),
    note=_SADDLE,
)

STRATEGY = (
    AttemptSettings("reduced", lift=False, rows_on_call=True, budget=_FIRST),
    AttemptSettings(
        "reduced, power flow start",
        lift=False,
        start="power-flow",
        after="early stall",
        budget=_FIRST,
    ),
    _CURVATURE,
    AttemptSettings(
        "reduced, high barrier",
        lift=False,
        start="flat",
        options={"mu_init": 1.0},
        budget=IterationBudget(iterations=200, tiny=7, regularized=60, step=1e-2),
    ),
    dataclasses.replace(_CURVATURE, name="reduced, curvature test, continued", after=""),
    AttemptSettings(
        "reduced, curvature test, power flow start",
        lift=False,
        start="power-flow",
        options={"neg_curv_test_tol": 1e-8},
        budget=IterationBudget(regularized=100),
        note=_SADDLE,
    ),
    AttemptSettings(
        "lifted",
        lift=True,
        budget=IterationBudget(iterations=250, restoration=40, tiny=20, regularized=250),
    ),
    AttemptSettings(
        "lifted, power flow start",
        lift=True,
        start="power-flow",
        budget=IterationBudget(iterations=300, restoration=60, tiny=30, regularized=300),
    ),
    AttemptSettings("lifted, high barrier", lift=True, start="flat", options={"mu_init": 1.0}),
)

FROM_FEASIBLE = AttemptSettings(
    "reduced, feasible start", lift=False, options={"mu_init": 1e-2}, budget=_FIRST
)
"""The attempt from a point that meets all limits, as soon as one is known."""


def planned(form: Form) -> tuple[AttemptSettings, ...]:
    """Settings of all attempts in order; a single one for a form that the user chose."""
    if form == "auto":
        return STRATEGY
    return (AttemptSettings(form, lift=form == "lifted"),)


class Watch:
    """Counts the solver's iterations and detects that an attempt has stalled, or settled.

    Very short lines have admittances so large that the gradient of the Lagrangian is a difference
    of numbers whose rounding errors exceed Ipopt's tolerance. Newton's method then stays where it
    is, at a solution, and Ipopt goes on until its steps fail. Such an attempt has settled.

    Attributes:
        iterations: so far, in all runs that belong together.
        settled: whether it stays at a solution.
        may_settle: whether that is a reason to stop.
        stalled: the reason for stopping the attempt; empty unless it has stalled.
        stalled_early: whether it stalled because it makes no headway at all.
        late: whether it has come near to a solution, as the barrier parameter shows.
        steps: one row for each iteration (columns: `scopf.optimizer.status.STEPS`).
    """

    def __init__(self, budget: IterationBudget | None) -> None:
        self.iterations = 0
        self.settled = False
        self.may_settle = True
        self.stalled = ""
        self.stalled_early = self.late = False
        self.steps: list[tuple[float, ...]] = []
        self._budget = budget
        self._restoration = self._tiny = self._regularized = self._still = 0
        self._violation = 0.0
        self._grace = _GRACE
        self._before = 0

    def goes_on_from(self, iterations: int) -> None:
        """Take what follows for a run that goes on where another one stopped.

        Args:
            iterations: made so far.
        """
        self._before = iterations
        self.settled = self.late = False
        self._restoration = self._tiny = self._regularized = self._still = 0

    def goes_on(
        self,
        iteration: int,
        restoring: bool,
        step: float,
        regularized: bool = False,
        error: float = math.inf,
        violation: float = math.inf,
        mu: float = math.inf,
        length: float = math.inf,
    ) -> bool:
        """Record an iteration; False when the attempt has stalled or settled.

        Args:
            iteration: its number.
            restoring: whether it looks for a feasible point only.
            step: length of the step that led to it.
            regularized: whether the Hessian had to be regularised for that.
            error: violation of the constraints or first-order conditions, the larger one.
            violation: of the constraints.
            mu: barrier parameter.
            length: largest entry of the full step to it.
        """
        moved = iteration > 0  # the first point of a run was reached by no step
        self.iterations = iteration = self._before + iteration
        near = not restoring and error < _NEAR
        self._still = self._still + 1 if near and max(mu, length) < _STILL else 0
        self.late = self.late or (mu < _BARRIER and not restoring)
        if self.may_settle and self._still >= _SETTLED:
            self.settled = True
            return False
        budget = self._budget
        if budget is None:
            return True
        self._restoration += restoring
        useful = violation < _PROGRESS * self._violation
        self._tiny = self._tiny + 1 if moved and step < budget.step and not useful else 0
        self._violation = violation
        self._regularized = self._regularized + 1 if regularized and not restoring else 0
        if iteration >= budget.iterations:
            self.stalled = f"no solution after {iteration} iterations"
        elif self._restoration > budget.restoration:
            self.stalled = f"{self._restoration} iterations in search of a feasible point"
            self.stalled_early = True
        elif self._tiny > budget.tiny:
            self.stalled = f"{self._tiny} tiny steps in a row"
            self.stalled_early = True
        elif budget.error < error < math.inf:
            self.stalled = f"multipliers grow without bound (residuals of {error:.0e})"
            self.stalled_early = True
        elif iteration >= budget.astray and not self.late:
            self.stalled = f"far from a solution after {iteration} iterations"
        elif self._regularized > budget.regularized:
            self.stalled = f"{self._regularized} steps in a row with a regularised Hessian"
        if self.stalled and near and self._grace:
            self._grace -= 1
            self.stalled, self.stalled_early = "", False
        return not self.stalled
