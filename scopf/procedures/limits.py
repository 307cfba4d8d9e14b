"""Limits on iterations and time that the attempts of a solve share."""

from __future__ import annotations

import time
from dataclasses import dataclass

from scopf.errors import ScopfError, number
from scopf.optimizer.status import Attempt

_MOMENT = 1e-9  # s, when the time is over


@dataclass(frozen=True)
class Limits:
    """Limits of all attempts together; None: no limit.

    Attributes:
        iterations: interior-point iterations.
        seconds: wall time of the solver.
    """

    iterations: int | None
    seconds: float | None

    @classmethod
    def from_arguments(
        cls,
        options: dict[str, str | int | float],
        max_iter: int | None,
        time_limit: float | None,
    ) -> Limits:
        """Limits given as arguments, or as Ipopt options, which are removed from `options`.

        Raises:
            ScopfError: for a limit that makes no sense.
        """
        iterations = options.pop("max_iter", None) if max_iter is None else max_iter
        seconds = options.pop("max_wall_time", None) if time_limit is None else time_limit
        if iterations is not None and int(_at_least("max_iter", iterations, 0)) != iterations:
            raise ScopfError(f"max_iter must be a whole number, got {iterations}")
        return cls(
            None if iterations is None else int(iterations),
            None if seconds is None else _at_least("time_limit", seconds, 1e-9),
        )

    def left(self, attempts: list[Attempt]) -> dict[str, int | float]:
        """Ipopt options for the iterations and time left after these attempts."""
        options: dict[str, int | float] = {}
        if self.iterations is not None:
            used = sum(attempt.iterations for attempt in attempts)
            options["max_iter"] = max(0, self.iterations - used)
        if self.seconds is not None:
            spent = sum(attempt.seconds for attempt in attempts)
            options["max_wall_time"] = max(1e-9, self.seconds - spent)
        return options


class Clock:
    """Wall time of several solves together.

    Args:
        seconds: that they may take; None: no limit.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds, self._began = seconds, time.perf_counter()

    @property
    def gone(self) -> float:
        """Seconds since it was made."""
        return time.perf_counter() - self._began

    @property
    def over(self) -> bool:
        """Whether no time is left."""
        return self._seconds is not None and self.gone >= self._seconds

    @property
    def left(self) -> float | None:
        """Seconds that are left, at least a moment; None: no limit."""
        return None if self._seconds is None else max(_MOMENT, self._seconds - self.gone)


def _at_least(name: str, value: object, least: float) -> float:
    given = number(name, value)
    if given < least:
        raise ScopfError(f"{name} must be {'positive' if least else 'zero or more'}, got {value}")
    return given
