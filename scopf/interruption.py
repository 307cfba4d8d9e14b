"""Ctrl-C while compiled code runs: a request to stop, which the code is told when it next asks."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from scopf.outcome import Status

if TYPE_CHECKING:
    from scopf.solution import Solution


class Stop:
    """Whether somebody has asked to stop.

    Attributes:
        wanted: set by the first Ctrl-C; the second one raises KeyboardInterrupt as usual.
    """

    def __init__(self) -> None:
        self.wanted = False

    def press(self, number: int = signal.SIGINT, frame: FrameType | None = None) -> None:
        """Handle the signal."""
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Turn Ctrl-C into a request for as long as this lasts.

    Only Python's own handling is replaced, in the main thread: who has installed a handler, or
    ignores the signal (a worker process, say), keeps that.
    """
    stop = Stop()
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield stop
        return
    try:
        before = signal.signal(signal.SIGINT, stop.press)
    except ValueError:  # signals belong to the main thread
        yield stop
        return
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def heeded(solution: Solution) -> Solution:
    """The solution, for code that solves on and on: one that was interrupted ends it all.

    Raises:
        KeyboardInterrupt: when the solve was interrupted.
    """
    if solution.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    return solution
