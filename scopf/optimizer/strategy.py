"""What is tried, in order, until a solve ends well; and when to stop trying one way.

The reduced form, whose branch flows are expressions, takes about half the time of the lifted one,
whose flows are variables. So it is tried first, watched, and given up as soon as it stalls.

An attempt stalls in one of two ways. It gets lost: variables run into their bounds early on, and
from then on steps are tiny or only look for a feasible point. A start that is nearer to a feasible
point, that of the AC power flow, is what helps then. Or its end is slow: the Hessian is indefinite,
Ipopt regularises every step, and convergence becomes linear. Then a further rung goes on from there
with Ipopt's curvature test, which regularises a step only if the curvature along it is not
positive. It ends at a point that fulfils the first-order conditions to the same accuracy, though it
may be a saddle; that is why it is not the first rung. Where that leads nowhere either, the test is
tried from the power flow, unless an attempt has got lost from there. The lifted form and other
start points come after these. See docs/performance.md for the study.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Start = Literal["flat", "middle", "dc", "power-flow", "model"]
Form = Literal["auto", "reduced", "lifted"]


@dataclass(frozen=True)
class Patience:
    """How long a rung may go on without getting anywhere.

    Attributes:
        iterations: in all.
        restoration: iterations spent in search of feasibility alone.
        tiny: iterations in a row with steps below `step`.
        regularized: iterations in a row whose Hessian had to be regularised.
        step: a step length.
    """

    iterations: int = 100
    restoration: int = 15
    tiny: int = 12
    regularized: int = 25
    step: float = 1e-3


_NEAR = 1e-6  # violation of constraints and first-order conditions that the end is in sight from
_GRACE = 5  # iterations that a rung may then take beyond its patience


@dataclass(frozen=True)
class Rung:
    """One way to solve.

    Attributes:
        name: for the log and the result.
        lift: whether branch flows (nonlinear expressions inside others) are variables.
        start: where from; None for the start that the user chose.
        resume: whether to go on from where the rung before it, of the same form, ended without a
            result; it is left out when there is nowhere to go on from.
        lost: whether it is left out unless the attempt before it got lost.
        options: of Ipopt, on top of the package's.
        patience: when to give up; None to let Ipopt decide.
        note: what has to be said about a solution found this way.
    """

    name: str
    lift: bool
    start: Start | None = None
    resume: bool = False
    lost: bool = False
    options: Mapping[str, str | int | float] = field(default_factory=dict)
    patience: Patience | None = None
    note: str = ""


_SADDLE = "with the curvature test: first-order conditions hold, it may be a saddle"

LADDER = (
    Rung("reduced", lift=False, patience=Patience()),
    Rung("reduced, power flow start", False, start="power-flow", lost=True, patience=Patience()),
    Rung(
        "reduced, curvature test",
        lift=False,
        resume=True,
        options={"neg_curv_test_tol": 1e-8, "mu_init": 1e-2},
        patience=Patience(iterations=200, restoration=200, tiny=200, regularized=200),
        note=_SADDLE,
    ),
    Rung(
        "reduced, curvature test, power flow start",
        lift=False,
        start="power-flow",
        options={"neg_curv_test_tol": 1e-8},
        patience=Patience(regularized=100),
        note=_SADDLE,
    ),
    Rung(
        "lifted",
        lift=True,
        patience=Patience(iterations=250, restoration=40, tiny=20, regularized=250),
    ),
    Rung(
        "lifted, power flow start",
        lift=True,
        start="power-flow",
        patience=Patience(iterations=300, restoration=60, tiny=30, regularized=300),
    ),
    Rung("lifted, high barrier", lift=True, start="flat", options={"mu_init": 1.0}),
)


def rungs(form: Form) -> tuple[Rung, ...]:
    """The ladder, or the one rung that was asked for."""
    if form == "auto":
        return LADDER
    return (Rung(form, lift=form == "lifted"),)


class Watch:
    """Follows the solver's iterations and says when a rung has stalled.

    Attributes:
        iterations: so far.
        stalled: why the rung was given up; empty as long as it was not.
        lost: whether it was given up far from a solution, and not in a slow end.
        steps: what each iteration looked like (`scopf.optimizer.status.STEPS`).
    """

    def __init__(self, patience: Patience | None) -> None:
        self.iterations = 0
        self.stalled = ""
        self.lost = False
        self.steps: list[tuple[float, ...]] = []
        self._patience = patience
        self._restoration = self._tiny = self._regularized = 0
        self._grace = _GRACE

    def goes_on(
        self,
        iteration: int,
        restoring: bool,
        step: float,
        regularized: bool = False,
        error: float = math.inf,
    ) -> bool:
        """Take notice of an iteration; False when it is time for the next rung.

        Args:
            iteration: its number.
            restoring: whether it looks for a feasible point only.
            step: length of the step that led to it.
            regularized: whether the Hessian had to be regularised for that.
            error: violation of the constraints or first-order conditions, the larger one.
        """
        self.iterations = iteration
        p = self._patience
        if p is None:
            return True
        self._restoration += restoring
        self._tiny = self._tiny + 1 if iteration and step < p.step else 0
        self._regularized = self._regularized + 1 if regularized and not restoring else 0
        if iteration >= p.iterations:
            self.stalled = f"no solution after {iteration} iterations"
        elif self._restoration > p.restoration:
            self.stalled = f"{self._restoration} iterations in search of a feasible point"
            self.lost = True
        elif self._tiny > p.tiny:
            self.stalled = f"{self._tiny} tiny steps in a row"
            self.lost = True
        elif self._regularized > p.regularized:
            self.stalled = f"{self._regularized} steps in a row with a regularised Hessian"
        if self.stalled and not restoring and error < _NEAR and self._grace:
            self._grace -= 1
            self.stalled, self.lost = "", False
        return not self.stalled
