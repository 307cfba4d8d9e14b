"""Ctrl-C and SIGTERM during a command: one true sentence, and an exit code that names the signal.

This file is imported before everything else, so that it may import nothing that takes time.
"""

from __future__ import annotations

import os
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

NOTHING = "nothing was written"

_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "ended by SIGTERM"}
_WAY_OUT = 2.0  # s that Python may take to end
_SAME = 1.0  # s after the first signal in which others are the same one, sent again


class _State:
    """The first signal, and the results of the command so far.

    Attributes:
        number: the first signal; 0 if there was none.
        when: it came.
        deliver: hands the first signal to what has to end in order; False if there is nothing.
        written: says what the command has written so far.
        writing: whether it is just being written.
        waits: whether the first signal waits for the end of that.
        said: whether the sentence has been shown.
    """

    number = 0
    when = 0.0
    deliver: Callable[[], bool] | None = None
    written: Callable[[], str] | None = None
    writing = False
    waits = False
    said = False


_state = _State()


def listen() -> None:
    """Handle SIGINT and SIGTERM from now on; a signal that is ignored stays so."""
    for number in _WORDS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)


def deliver_to(deliver: Callable[[], bool]) -> None:
    """Hand the first signal to this function; where it returns False, the command ends at once."""
    _state.deliver = deliver


def listen_no_more() -> None:
    """Ignore signals: the command is over."""
    for number in _WORDS:
        if signal.getsignal(number) is _handle:
            signal.signal(number, signal.SIG_IGN)


def pending() -> bool:
    """Whether a signal has come."""
    return bool(_state.number)


def exit_code() -> int:
    """The exit code of an interrupted command: 128 and the number of the signal."""
    return 128 + (_state.number or signal.SIGINT)


def sentence(more: str = "") -> str:
    """The last line of a command: the signal, and its files or `more`. It counts as shown."""
    _state.said = True
    return f"scopf: {_WORDS[signal.Signals(exit_code() - 128)]}; {more or written()}"


def written() -> str:
    """Names of the files written so far, in words."""
    return NOTHING if _state.written is None else _state.written()


def keeps(text: Callable[[], str]) -> None:
    """From now on this function says what was written."""
    _state.written = text


class Writing:
    """A context in which results are written; a signal waits until they are.

    Args:
        where: the file or folder.
    """

    def __init__(self, where: str | os.PathLike[str]) -> None:
        self._where = os.fspath(where)

    def __enter__(self) -> Writing:
        text = f"{self._where} was being written to: each file there is whole, old or new"
        keeps(lambda: text)
        _state.writing = True
        return self

    def done(self, text: str) -> None:
        """Say what was written."""
        keeps(lambda: text)

    def __exit__(self, kind: object, *_: object) -> None:
        _state.writing = False
        if kind is None and _state.waits:
            raise KeyboardInterrupt


def _handle(number: int, frame: FrameType | None) -> None:
    """End in order at the first signal, at once at one that comes later."""
    if _state.number:
        if time.monotonic() - _state.when > _SAME:
            _end()
        return
    _state.number, _state.when = number, time.monotonic()
    _state.waits = _state.writing
    if _state.waits or (_state.deliver is not None and _state.deliver()):
        return
    _end()


def _end() -> None:
    """End now. Python's way out would run what may hang, or show where it was."""
    if not _state.said:
        line = ("\n" if os.isatty(2) else "") + sentence() + "\n"  # a bar may stand there
        try:  # noqa: SIM105, contextlib would take a while to import
            os.write(2, line.encode(errors="replace"))
        except OSError:
            pass
    os._exit(exit_code())


def see_to_the_end() -> None:
    """Let an interrupted command end by itself, but not wait for threads or others for long."""
    import threading

    timer = threading.Timer(_WAY_OUT, os._exit, [exit_code()])
    timer.daemon = True
    timer.start()
