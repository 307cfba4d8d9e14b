"""A door into a private part of Python's process pools; a test of it names the version."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing.process import BaseProcess


def processes(executor: ProcessPoolExecutor) -> list[BaseProcess]:
    """The processes that a pool has started; none once it is shut down."""
    found: dict[int, BaseProcess] | None = getattr(executor, "_processes", None)
    return list((found or {}).values())
