"""Workers that have stopped without ending: frozen processes, dead machines, cut networks.

A worker beats while it works, from a thread of its own, so that a long solve is no silence.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Hashable, Mapping
from concurrent.futures import Executor

from scopf.errors import ScopfError, listing, number

TIMEOUT = 60.0  # s without a heartbeat after which a worker counts as stalled
LEAST = 2.0  # s, the shortest timeout: several heartbeats
BEAT = 0.5  # s between the heartbeats of a process
_STARTING = 5  # a worker that has never beaten, which may still import, has as many timeouts


class Watched(ABC):
    """An executor that knows about heartbeats of its workers."""

    @abstractmethod
    def beats(self) -> Mapping[str, Hashable] | None:
        """By name of worker what changes with each heartbeat, None before the first.

        None instead of a mapping when there is no new answer of who knows.
        """

    @abstractmethod
    def give_up(self, stalled: Collection[str], others: int) -> str:
        """Take the work from stalled workers.

        Args:
            stalled: names.
            others: number of workers that are not stalled.

        Returns:
            What was done.

        Raises:
            ScopfError: when nobody can go on.
        """

    @property
    @abstractmethod
    def center(self) -> str:
        """Name of the place that gathers the heartbeats, in messages."""


def checked(timeout: object) -> float:
    """A stall timeout that the user gave; infinity is never.

    Raises:
        ScopfError: when it is too short, or no number.
    """
    if timeout == float("inf"):
        return float("inf")
    seconds = number("stall_timeout", timeout)
    if seconds < LEAST:
        raise ScopfError(f"stall_timeout must be {LEAST:g} s or more, got {timeout!r}")
    return seconds


class Watch:
    """Measures silence, in time in which the driver itself was running.

    A driver that was suspended together with its workers, by Ctrl-Z or a sleeping laptop, does not
    take its own absence for their silence.

    Args:
        executor: whose workers are watched.
        timeout: in s.
        clock: seconds.
    """

    def __init__(
        self, executor: Executor, timeout: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._executor = executor if isinstance(executor, Watched) else None
        self._timeout, self._clock = timeout, clock
        self._every = min(1.0, timeout / 6)
        self._looked = clock()
        self._unanswered = self._idle = 0.0
        self._silence: dict[str, float] = {}
        self._last: Mapping[str, Hashable] = {}
        self._given_up: set[str] = set()

    def result(self) -> None:
        """Take notice of a result."""
        self._idle = 0.0

    def look(self) -> str:
        """See who is silent, and take work from who is stalled; a sentence if there is one.

        Raises:
            ScopfError: when nobody can go on.
        """
        elapsed = self._clock() - self._looked
        if elapsed < self._every:
            return ""
        self._looked += elapsed
        step = min(elapsed, 3 * self._every)
        if self._executor is None:
            return self._without(step)
        beats = self._executor.beats()
        self._unanswered += step
        if beats is None:
            if self._unanswered >= self._timeout:
                center = self._executor.center
                raise ScopfError(f"{center} has not answered for {self._timeout:g} s")
            return ""
        step, self._unanswered = self._unanswered, 0.0
        if not beats:
            return self._without(step, f"{self._executor.center} has no workers")
        self._idle = 0.0
        return self._with(self._executor, beats, step)

    def _with(self, executor: Watched, beats: Mapping[str, Hashable], step: float) -> str:
        self._silence = {
            name: self._silence.get(name, 0.0) + step if self._last.get(name) == beat else 0.0
            for name, beat in beats.items()
        }
        self._last = dict(beats)
        self._given_up &= beats.keys()
        limits = {name: _STARTING if beat is None else 1 for name, beat in beats.items()}
        silent = {n for n, time in self._silence.items() if time >= limits[n] * self._timeout}
        if not silent - self._given_up:
            return ""
        done = executor.give_up(sorted(silent - self._given_up), len(beats) - len(silent))
        names, self._given_up = sorted(silent - self._given_up), self._given_up | silent
        return f"no heartbeat of {listing(names)} for {self._timeout:g} s: {done}"

    def _without(self, step: float, reason: str = "its workers have no heartbeat") -> str:
        """Nobody to ask: a sentence when nothing has come back for a while, once each time."""
        before, self._idle = self._idle, self._idle + step
        if before // self._timeout == self._idle // self._timeout:
            return ""
        text = f"nothing has come back for {self._idle:.0f} s, and {reason}; if it is stuck, "
        return text + "stop with Ctrl-C, and resume"


def within(seconds: float, function: Callable[[], object]) -> None:
    """Call what may hang or fail, for so long at most; it then goes on in a thread of its own."""

    def call() -> None:
        try:
            function()
        except Exception:  # it was worth a try
            return

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
