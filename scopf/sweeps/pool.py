"""Where tasks run: in this process, in processes of this machine, or on a Dask cluster."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing.connection import Connection, wait
from typing import Any

from scopf.errors import ScopfError
from scopf.optimizer.memory import tune_malloc
from scopf.sweeps import private
from scopf.sweeps.heartbeat import BEAT, Watched, within

_METHOD = "spawn"
_ANSWER = 10  # seconds that a scheduler may take to answer
_PARTING = 2  # seconds for taking leave of one that may not answer
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


class Processes(ProcessPoolExecutor, Watched):
    """A pool of processes that end when this one does, however it ends, and beat meanwhile.

    They are spawned: a forked process would inherit threads of BLAS in whatever state they are in,
    and the driver's hold on its journal.
    """

    def __init__(self, workers: int) -> None:
        context = multiprocessing.get_context(_METHOD)
        self._ear, self._mouth = context.Pipe(duplex=False)
        self._beats: Counter[str] = Counter()
        super().__init__(workers, mp_context=context, initializer=_prepare, initargs=(self._mouth,))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand out a call; processes that this starts are born deaf to Ctrl-C."""
        with _no_signals():
            return super().submit(fn, *args, **kwargs)

    @property
    def center(self) -> str:
        """The pool itself."""
        return "the process pool"

    def beats(self) -> dict[str, int | None]:
        """Heartbeats by process."""
        while self._ear.poll():
            self._beats[self._ear.recv_bytes().decode()] += 1
        running = [f"worker process {process.pid}" for process in private.processes(self)]
        return {name: self._beats.get(name) for name in running}

    def give_up(self, stalled: Collection[str], others: int) -> str:
        """End processes; then the pool is broken, and the driver starts another one."""
        for process in private.processes(self):
            if f"worker process {process.pid}" in stalled:
                process.kill()  # this ends a stopped one as well
        return "ended, and what it was doing is done again"


def processes(workers: int) -> Processes:
    """A pool of processes of this machine."""
    return Processes(workers)


@contextlib.contextmanager
def _no_signals() -> Iterator[None]:
    """Let Ctrl-C wait; processes that are started meanwhile inherit that, and get none.

    A terminal sends it to them as well, and they could not yet handle it.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare(mouth: Connection) -> None:
    """Make a worker of this process."""
    tune_malloc()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the driver, which ends us
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()
    threading.Thread(target=_beat, args=(mouth,), daemon=True).start()


def _beat(mouth: Connection) -> None:
    """Tell the driver that this process is running; short messages of several do not mix."""
    name = f"worker process {os.getpid()}".encode()
    with contextlib.suppress(OSError):  # nobody listens
        while True:
            mouth.send_bytes(name)
            time.sleep(BEAT)


def _follow(parent: int) -> None:
    """End with the driver: a worker that waits for work would wait forever."""
    wait([parent])
    os._exit(1)


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Processes started meanwhile use one thread each for BLAS, unless the user said otherwise.

    Nor do they warn of locks that Pyomo makes, and that a killed process leaves to the system.
    """
    added = {name: "1" for name in _THREADS if name not in os.environ}
    if "PYTHONWARNINGS" not in os.environ:
        added["PYTHONWARNINGS"] = "ignore:resource_tracker:UserWarning"
    os.environ.update(added)
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


class Dask(Executor, Watched):
    """The workers of a Dask scheduler.

    The scheduler is asked for their heartbeats from a thread of its own: it may never answer.

    Args:
        client: of the scheduler.
    """

    def __init__(self, client: Any) -> None:
        self._client, self._over = client, threading.Event()
        self._executor = client.get_executor(pure=False)
        self._answer: dict[str, float] | None = None
        self._leaving: set[str] = set()
        threading.Thread(target=self._ask, daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand out a call."""
        data = pickle.dumps((fn, args, kwargs))
        future: Future[Any] = self._executor.submit(_unpacking(), data)
        return future

    @property
    def center(self) -> str:
        """The scheduler."""
        return f"the Dask scheduler at {self._client.scheduler.address}"

    def beats(self) -> dict[str, float] | None:
        """By address of a worker, when the scheduler last heard of it; None if it is silent."""
        answer, self._answer = self._answer, None
        return answer

    def give_up(self, stalled: Collection[str], others: int) -> str:
        """Let the scheduler forget workers; it then gives their tasks to others.

        A task keeps its future, and the scheduler takes no result from who has been forgotten.
        """
        if not others:
            raise ScopfError(f"no heartbeat of any worker of {self.center}")
        self._leaving |= set(stalled)
        return "what it was doing goes to another worker"

    def close(self) -> None:
        """Part from the scheduler, whether it answers or not."""
        self._over.set()
        within(_PARTING, lambda: self._client.close(timeout=_PARTING))

    def _ask(self) -> None:
        known: Any = None
        while not self._over.wait(BEAT):
            with contextlib.suppress(Exception):  # no answer is what `beats` reports
                while self._leaving:
                    self._client.run_on_scheduler(_forgetting(self._leaving.pop()))
                found = self._client.scheduler_info(n_workers=-1)
                if found is not known:  # else there was no connection
                    known = found
                    workers = found["workers"].items()
                    self._answer = {address: one["last_seen"] for address, one in workers}


def _unpacking() -> Callable[[bytes], Any]:
    """A function for a worker, which imports nothing before it is called.

    Dask unpacks what it is to run in the thread of the heartbeat, and importing takes seconds.
    """

    def call(data: bytes) -> Any:
        import pickle

        function, args, keywords = pickle.loads(data)
        return function(*args, **keywords)

    return call


def _forgetting(worker: str) -> Callable[..., Any]:
    """A function for the scheduler, which need not have scopf."""

    async def forget(dask_scheduler: Any) -> None:
        await dask_scheduler.remove_worker(worker, stimulus_id="scopf-no-heartbeat")

    return forget


@contextlib.contextmanager
def dask(address: str) -> Iterator[Dask]:
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
    executor = Dask(client)
    try:
        yield executor
    finally:
        executor.close()
