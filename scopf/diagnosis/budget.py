"""Time and number of re-solves of a diagnosis."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


class OutOfTimeError(Exception):
    """The time or the number of re-solves is used up; the text says which."""


@dataclass
class Budget:
    """Time and number of re-solves of a diagnosis.

    Attributes:
        seconds: wall time allowed.
        solves: number of re-solves allowed; None for any number.
        used: re-solves so far.
    """

    seconds: float
    solves: int | None = None
    used: int = 0
    began: float = field(default_factory=time.perf_counter)

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.seconds - (time.perf_counter() - self.began)

    def take(self) -> None:
        """Use up a re-solve.

        Raises:
            OutOfTimeError: when there is none left, or no time.
        """
        if self.left <= 0:
            raise OutOfTimeError("time limit")
        if self.solves is not None and self.used >= self.solves:
            raise OutOfTimeError("limit on re-solves")
        self.used += 1
