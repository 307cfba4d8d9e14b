"""Hands out stretches of chains, journals what comes back, and survives workers that die."""

from __future__ import annotations

import contextlib
import logging
import pickle
import uuid
from collections import deque
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from dataclasses import dataclass

from scopf.errors import ScopfError
from scopf.sweeps import pool
from scopf.sweeps.base_case import Base
from scopf.sweeps.heartbeat import TIMEOUT, Watch, within
from scopf.sweeps.plan import Chain, Plan
from scopf.sweeps.progress import CRASHED, Progress
from scopf.sweeps.store import Store
from scopf.sweeps.worker import Done, Result, Task, failed, forget, reason, work

log = logging.getLogger(__name__)

_HERE, _AWAY = 0.25, 0.5  # seconds of work that a kill of the driver may cost
_PENDING = 256  # tasks that somebody else's executor is given at once,
_SHIPPED = 2**28  # with so many bytes of base cases together
_DEATHS = 3  # workers that a scenario may cost
_POLL = 0.25  # seconds between looks at heartbeats
_PARTING = 2  # seconds that calling off the rest may take
_STARTS = 5  # pools in a row that may die before they have done anything


@dataclass
class _Work:
    """The unfinished part of a chain.

    Attributes:
        chain: whose.
        left: its scenarios to come.
        iterate: where the next one starts.
        single: whether to hand out one scenario at a time, after a worker died with this chain.
        alone: whether this has to be the only one under way: then it is the cause of a death.
        deaths: of workers, caused by the next scenario.
    """

    chain: Chain
    left: list[int]
    iterate: bytes | None
    single: bool = False
    alone: bool = False
    deaths: int = 0


class Driver:
    """Runs what is left of a plan.

    Args:
        base: the base case.
        plan: the scenarios.
        store: the journal; what it has is not run again.
        progress: informed of every result.
        stall_timeout: s without a heartbeat after which a worker counts as stalled.
    """

    def __init__(
        self,
        base: Base,
        plan: Plan,
        store: Store,
        progress: Progress,
        stall_timeout: float = TIMEOUT,
    ) -> None:
        self._stall_timeout = stall_timeout
        self._plan, self._store, self._progress = plan, store, progress
        self._base, self._token = base, uuid.uuid4().hex
        self._shipped: bytes | Base = base
        self._running: dict[Future[Done], _Work] = {}
        self._waiting: deque[_Work] = deque()
        finished, iterates = store.rows(), store.iterates()
        for chain in plan.chains:
            left = [scenario for scenario in chain.scenarios if scenario not in finished]
            if left:
                self._waiting.append(_Work(chain, left, iterates.get(chain.number)))

    def run(self, workers: int, executor: Executor | None) -> None:
        """Run to the end.

        Args:
            workers: processes of this machine; 1 is this process itself.
            executor: to use instead.

        Raises:
            ScopfError: when the journal cannot be written to, or workers cannot be had.
            KeyboardInterrupt: after Ctrl-C, when all that was finished is in the journal.
        """
        if not self._waiting:
            return
        if executor is not None:
            try:
                most = _SHIPPED // len(self._ship())
                self._loop(executor, max(8, min(_PENDING, most)), _AWAY)
            except BrokenExecutor as error:
                raise ScopfError(self._lost(f"the executor is broken: {error}")) from error
            finally:
                forget(self._token)  # its threads are this process
        elif workers == 1:
            try:
                self._loop(pool.Here(), 1, _HERE)
            finally:
                forget(self._token)
        else:
            self._ship()
            with pool.one_thread_each():
                self._with_processes(workers)

    def _ship(self) -> bytes:
        try:
            self._shipped = data = pickle.dumps(self._base)
            return data
        except Exception as error:
            text = f"the base case cannot be sent to workers: {error}"
            raise ScopfError(f"{text}; use workers=1") from error

    def _with_processes(self, workers: int) -> None:
        """Loop over a pool, and over a new one whenever a worker has died."""
        while self._waiting:
            executor = self._started(workers)
            try:
                self._loop(executor, 2 * workers, _AWAY)
                executor.shutdown()
            except BrokenExecutor:
                text = "a worker has died; its scenarios are solved again"
                self._progress.say(text, logging.WARNING)
                pool.stop(executor)
                self._blame()
            except BaseException:
                pool.stop(executor)
                raise

    def _started(self, workers: int) -> ProcessPoolExecutor:
        for _ in range(_STARTS):
            executor = pool.processes(workers)
            watch = Watch(executor, self._stall_timeout)
            try:
                first = executor.submit(int)
                while not wait([first], _POLL).done:
                    self._look(watch)
                first.result()
                return executor
            except BrokenExecutor:
                pool.stop(executor)
            except BaseException:
                pool.stop(executor)
                raise
        text = "workers die as soon as they start; in a script, call scopf.sweep under "
        raise ScopfError(text + '`if __name__ == "__main__":`, or use workers=1')

    def _loop(self, executor: Executor, most: int, seconds: float) -> None:
        watch = Watch(executor, self._stall_timeout)
        try:
            while self._waiting or self._running:
                self._fill(executor, most, seconds)
                done, _ = wait(self._running, _POLL, return_when=FIRST_COMPLETED)
                for future in done:
                    self._take(future)
                    watch.result()
                self._look(watch)
        except KeyboardInterrupt:
            self._rescue()
            raise

    def _look(self, watch: Watch) -> None:
        """Say which workers are silent, if any; end when nobody can go on."""
        try:
            text = watch.look()
        except ScopfError as error:
            raise ScopfError(self._lost(str(error))) from error
        if text:
            self._progress.alert(log, text)

    def _fill(self, executor: Executor, most: int, seconds: float) -> None:
        """Hand out work, most recent chains first, so that they get finished."""
        while self._waiting and len(self._running) < most:
            work_left = self._waiting[0]
            if self._running and (work_left.alone or self._is_alone):
                return
            self._waiting.popleft()
            rows = work_left.left[:1] if work_left.single else work_left.left
            task = Task(
                self._token,
                self._shipped,
                work_left.chain.topology,
                tuple((scenario, self._plan.values(scenario)) for scenario in rows),
                work_left.iterate,
                seconds,
            )
            try:
                self._running[executor.submit(work, task)] = work_left
            except BaseException:
                self._waiting.appendleft(work_left)
                raise

    @property
    def _is_alone(self) -> bool:
        return any(work_left.alone for work_left in self._running.values())

    def _take(self, future: Future[Done]) -> None:
        """Journal what a task brought back, and let its chain go on."""
        try:
            done = future.result()
        except BrokenExecutor:
            raise
        except CancelledError as error:
            raise ScopfError(self._lost("the executor has dropped its tasks")) from error
        except Exception as error:
            self._strike(self._running.pop(future), reason(error))
            return
        self._journal(self._running.pop(future), done)

    def _journal(self, was: _Work, done: Done) -> None:
        left = set(was.left)  # what comes twice is the same, and counts once
        done.results = [result for result in done.results if result.scenario in left]
        finished = {result.scenario for result in done.results}
        was.left = [scenario for scenario in was.left if scenario not in finished]
        was.iterate, was.alone, was.deaths = done.iterate, False, 0
        self._store.add(was.chain.number, done, last=not was.left)
        for text in done.warnings:
            self._progress.warn(log, text)
        self._progress.finished((result.scenario, result.row) for result in done.results)
        if was.left:
            self._waiting.appendleft(was)

    # -- what goes wrong -------------------------------------------

    def _lost(self, what: str) -> str:
        return f"{what}; what was finished is in {self._store.path}: resume goes on from there"

    def _blame(self) -> None:
        """After a pool has died: keep what is there, and narrow down who did it.

        All that was under way is lost, and only one of it killed the worker, or none: it may have
        been killed from outside. So chains that were under way come one scenario at a time from
        then on; if that happens again, one at a time on their own. Then it is clear who it was.
        """
        for future, was in list(self._running.items()):
            if future.done() and not future.cancelled() and future.exception() is None:
                del self._running[future]
                self._journal(was, future.result())
        lost = list(self._running.values())
        self._running.clear()
        for was in lost:
            if was.alone:
                self._strike(was, "it ended its worker process")
            else:
                was.alone, was.single = was.single, True
                self._waiting.appendleft(was)

    def _strike(self, was: _Work, reason: str) -> None:
        """Count a death caused by the next scenario of a chain; after several it has failed."""
        was.deaths, was.single = was.deaths + 1, True
        if was.deaths < _DEATHS:
            self._waiting.appendleft(was)
            return
        text = f"given up after {was.deaths} attempts: {reason}"
        self._journal(was, Done([Result(was.left[0], failed(CRASHED, text))], was.iterate, {}, []))

    def _rescue(self) -> None:
        """After Ctrl-C: keep what is there, call off the rest."""
        for future, was in self._running.items():
            if future.done():
                with contextlib.suppress(Exception):
                    self._journal(was, future.result())
        rest = [future for future in self._running if not future.done()]
        within(_PARTING, lambda: [future.cancel() for future in rest])
