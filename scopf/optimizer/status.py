"""Status, outcome and last iterate of attempts to solve."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

import numpy as np

from scopf.arrays import Floats

STEPS = (
    "iteration",
    "cost",
    "primal_infeasibility",
    "dual_infeasibility",
    "mu",
    "step",
    "restoration",
    "regularization",
    "length",
)
"""Columns of the record of iterations."""


class Status(StrEnum):
    """Status of a solve at its end."""

    OPTIMAL = "optimal"
    ACCEPTABLE = "acceptable"
    INFEASIBLE = "infeasible"
    ITERATION_LIMIT = "iteration limit"
    TIME_LIMIT = "time limit"
    DIVERGED = "diverged"
    EVALUATION_ERROR = "evaluation error"
    INTERRUPTED = "interrupted"
    STALLED = "stalled"
    FAILED = "failed"

    @property
    def solved(self) -> bool:
        """True when there is a solution: optimal, or optimal to a lower accuracy."""
        return self in (Status.OPTIMAL, Status.ACCEPTABLE)

    @property
    def conflicting(self) -> bool:
        """True when conflicting limits may be the reason why there is no solution."""
        return self in (Status.INFEASIBLE, Status.DIVERGED, Status.STALLED, Status.FAILED)


@dataclass(frozen=True)
class Attempt:
    """One run of the solver.

    Attributes:
        name: of the attempt, such as "reduced" (see `scopf.optimizer.strategy`).
        status, message: at its end.
        iterations: interior-point iterations.
        seconds: wall time, compiling included.
        solver: the solver, the way to it and the linear solver; "" without a run.
        steps: one row for each iteration and the start, shape (count, len(STEPS)).
    """

    name: str
    status: Status
    message: str
    iterations: int
    seconds: float
    solver: str = field(default="", compare=False)
    steps: Floats = field(
        default_factory=lambda: np.empty((0, len(STEPS))), repr=False, compare=False
    )


@dataclass(frozen=True)
class Outcome:
    """Result of a run of Ipopt.

    Attributes:
        x: last iterate, shape (n,).
        rows, lower, upper: multipliers of rows and of bounds (signs: `scopf.results.prices`).
        status, message: at its end.
        certain: whether every other attempt would end in the same way.
        priced: whether the multipliers are prices; not where there are more equations than free
            variables (`scopf.optimizer.overdetermined`).
        solver: the solver, the way to it and the linear solver; "" without a run.
        reached: whether the run has ended at a point where it was to stop, and might go on.
    """

    x: Floats
    rows: Floats
    lower: Floats
    upper: Floats
    status: Status
    message: str
    certain: bool = False
    priced: bool = True
    solver: str = ""
    reached: bool = False

    @classmethod
    def impossible(cls, x: Floats, m: int, message: str) -> Self:
        """That of a problem of m rows which no point fulfils, without a run."""
        rows, nothing = np.zeros(m), np.zeros(len(x))
        return cls(x, rows, nothing, nothing, Status.INFEASIBLE, message, certain=True)

    @property
    def multipliers(self) -> dict[str, Floats]:
        """All multipliers, under the names that `scopf.optimizer.ipopt.run` takes."""
        return {"lagrange": self.rows, "zl": self.lower, "zu": self.upper}


@dataclass(frozen=True, eq=False)
class Iterate:
    """Last iterate of a solve, for a warm start.

    Attributes:
        signature: of the compiled problem.
        lift: whether branch flows are variables in it.
        x: variables, shape (n,).
        rows, lower, upper: multipliers of rows and bounds.
        cold: iterations that a cold start took.
    """

    signature: str
    lift: bool
    x: Floats
    rows: Floats
    lower: Floats
    upper: Floats
    cold: int
