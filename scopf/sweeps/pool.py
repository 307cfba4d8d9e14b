"""Where tasks run: in this process, in processes of this machine, or on a Dask cluster."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import Any

from scopf.errors import ScopfError
from scopf.sweeps import private

_METHOD = "spawn"
_ANSWER = 10  # seconds that a scheduler may take to answer
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Here(Executor):
    """Runs what is submitted at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it and give its result."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def processes(workers: int) -> ProcessPoolExecutor:
    """A pool of processes that end when this one does, however it ends.

    They are spawned: a forked process would inherit threads of BLAS in whatever state they are in,
    and the driver's hold on its journal.
    """
    context = multiprocessing.get_context(_METHOD)
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare)


def _prepare() -> None:
    """Make a worker of this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the driver, which ends us
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(parent: int) -> None:
    """End with the driver: a worker that waits for work would wait forever."""
    wait([parent])
    os._exit(1)


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Processes started meanwhile use one thread each for BLAS, unless the user said otherwise."""
    added = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def stop(executor: ProcessPoolExecutor) -> None:
    """End a pool now, whatever its processes are doing."""
    running = private.processes(executor)
    executor.shutdown(wait=False, cancel_futures=True)
    for process in running:
        process.kill()
    executor.shutdown(wait=True)


@contextlib.contextmanager
def dask(address: str) -> Iterator[Executor]:
    """The workers of a Dask scheduler as an executor.

    Raises:
        ScopfError: when Dask is not installed, or nobody answers at the address.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ScopfError("--dask needs Dask: pip install 'scopf[dask]'") from error
    try:
        client = Client(address, timeout=_ANSWER, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ScopfError(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        yield client.get_executor(pure=False)
