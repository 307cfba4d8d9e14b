"""Ctrl-C while compiled code runs: a request to stop, read at the next callback."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

_Handler = Callable[[int, FrameType | None], None]


class Stop:
    """A request to stop.

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


def terminate(number: int, frame: FrameType | None) -> None:
    """Handle SIGTERM as Python handles Ctrl-C."""
    raise KeyboardInterrupt


_solves: list[Stop] = []  # under way in the main thread
_orderly: list[object] = []  # what has to be ended by an exception, such as a sweep


def deliver() -> bool:
    """Hand a signal that a command has received to what is under way; False if nothing is.

    Raises:
        KeyboardInterrupt: inside `terminable` or `endable`, unless a solve is under way, which is
            stopped.
    """
    if _solves:
        _solves[-1].wanted = True
    elif _orderly:
        raise KeyboardInterrupt
    return bool(_solves)


_OWN = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: terminate}


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Turn Ctrl-C into a request within this context; SIGTERM too, inside `terminable`.

    Only Python's own handlers are replaced, in the main thread: a handler that the caller has
    installed stays, and a signal that is ignored (in a worker process, say) stays ignored.
    """
    stop = Stop()
    handlers = {n: stop.press for n, own in _OWN.items() if signal.getsignal(n) is own}
    with _handled(handlers), _listed(_solves, stop):
        yield stop


@contextmanager
def terminable() -> Iterator[None]:
    """Handle SIGTERM as Ctrl-C within this context, unless the caller has a handler for it."""
    ends = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with _handled({signal.SIGTERM: terminate} if ends else {}), _listed(_orderly, object()):
        yield


@contextmanager
def endable() -> Iterator[None]:
    """Let a signal that a command has received raise KeyboardInterrupt within this context."""
    with _listed(_orderly, object()):
        yield


@contextmanager
def _listed(under_way: list[Any], one: object) -> Iterator[None]:
    """Keep one thing in a list of what is under way in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    under_way.append(one)
    try:
        yield
    finally:
        under_way.remove(one)


@contextmanager
def _handled(handlers: Mapping[signal.Signals, _Handler]) -> Iterator[None]:
    before: dict[signal.Signals, Any] = {}
    try:
        if threading.current_thread() is threading.main_thread():  # signals belong to it
            for number, handler in handlers.items():
                before[number] = signal.signal(number, handler)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
