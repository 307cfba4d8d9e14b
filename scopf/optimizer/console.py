"""The process's standard output, on which C libraries write what Python does not see."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

_turn = threading.RLock()  # standard output is one for all threads


@contextmanager
def silenced() -> Iterator[None]:
    """Drop what is written to standard output by C meanwhile, not by Python's `print` before."""
    with _turn:
        try:
            own, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
        except OSError:  # there is no standard output
            yield
            return
        try:
            _flush()
            os.dup2(nowhere, 1)
            yield
        finally:
            _flush()
            os.dup2(own, 1)
            os.close(own)
            os.close(nowhere)


def _flush() -> None:
    """Write what the C library holds back."""
    with suppress(OSError, AttributeError, TypeError):  # TypeError: on Windows it has to be named
        _c_library().fflush(None)


@cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None)
