"""The work of a worker: part of a chain, each scenario starting from the one before it."""

from __future__ import annotations

import logging
import pickle
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.errors import ScopfError, installation, out_of_memory
from scopf.model.problem import Problem
from scopf.optimizer.status import Iterate, Status
from scopf.results import hour_states
from scopf.results.prices import TRACE
from scopf.results.record import BINDING
from scopf.sweeps.base_case import INVALID, Base, Changes, Topology, Unsolvable
from scopf.sweeps.batches import batch
from scopf.sweeps.columns import Value
from scopf.sweeps.iterates import packed, unpacked
from scopf.sweeps.plain import Plain

if TYPE_CHECKING:
    from scopf.results.solution import Solution

TABLES = ("inverters", "pairs", "buses")
MANY_PAIRS = 200  # stability rows up to which all of them are kept
MESSAGE = 10_000  # characters of a message that are kept
ERROR = "error"  # status of a scenario that raised something unforeseen
_KEPT = 2  # problems that a worker keeps


@dataclass(frozen=True)
class Task:
    """Part of a chain to solve.

    Attributes:
        token: names the base case, for workers that have it already.
        base: the base case, pickled once; or itself, in the process of the driver.
        topology: of the scenarios.
        rows: their numbers and values, in order.
        iterate: where to start from, as `packed`; None for a cold start.
        seconds: after which to come back with what there is; one scenario at least.
    """

    token: str
    base: bytes | Base
    topology: Topology
    rows: tuple[tuple[int, Mapping[str, Value]], ...]
    iterate: bytes | None
    seconds: float


@dataclass
class Result:
    """One scenario: its row, and its tables as Arrow batches, each with the key of its schema."""

    scenario: int
    row: dict[str, Any]
    tables: dict[str, tuple[str, bytes]] = field(default_factory=dict)


@dataclass
class Done:
    """The end of a task: results, the last iterate, schemas by key, and warnings."""

    results: list[Result]
    iterate: bytes | None
    schemas: dict[str, bytes]
    warnings: list[str]


class _Live:
    """A problem of this process."""

    def __init__(self, base: Base, topology: Topology) -> None:
        self.problem: Problem = base.problem(topology)
        self.changes = Changes(base, self.problem)
        self.solving = dict(base.solving)
        self.checking = base.checking
        self.plain = Plain(base, topology) if base.plain else None
        self._several = base.net.energized().islands > 1

    def splits(self, values: Mapping[str, Value]) -> bool:
        """Whether any scenario may have several islands: then the tables of all name them."""
        return self._several or "outage" in values


_bases: dict[str, Base] = {}
_live: OrderedDict[tuple[str, Topology], _Live | Unsolvable] = OrderedDict()
_turn = threading.Lock()  # a Dask worker has threads, and neither problems nor MUMPS are for two


def work(task: Task) -> Done:
    """Solve the scenarios of a task in turn, until the time is over."""
    with _turn:
        return _work(task)


def _work(task: Task) -> Done:
    began = time.perf_counter()
    iterate = None if task.iterate is None else unpacked(task.iterate)
    done = Done([], task.iterate, {}, [])
    with _listening(done.warnings):
        for scenario, values in task.rows:
            if done.results and time.perf_counter() - began > task.seconds:
                break
            result, iterate = _scenario(task, scenario, values, iterate, done.schemas)
            done.results.append(result)
    done.iterate = None if iterate is None else packed(iterate)
    return done


def _scenario(
    task: Task,
    scenario: int,
    values: Mapping[str, Value],
    iterate: Iterate | None,
    schemas: dict[str, bytes],
) -> tuple[Result, Iterate | None]:
    """Solve one scenario; whatever goes wrong is its status."""
    began = time.perf_counter()
    try:
        live = _problem(task)
        problem = live.changes.apply(live.problem, values)
        solution, broken = live.checking.solved(problem, iterate or "dc", live.solving)
        last = solution.checks[-1] if solution.checks else solution
        if last.status is Status.INTERRUPTED:  # Ctrl-C inside the solver
            raise KeyboardInterrupt
        tables = _tables(solution, schemas, live.splits(values)) if solution.solved else {}
        row = _row(solution) | live.checking.row(solution, broken)
        if "inverter_share" in values:
            row["inverter_share_reached"] = solution.inverter_share
        if live.plain is not None:
            further, text = live.plain.row(solution, values)
            row |= further
            if text.endswith(row["message"]):
                text = "the same without stability rows"
            row["message"] = "; ".join(filter(None, [row["message"], text]))[:MESSAGE]
        return Result(scenario, row, tables), (solution.iterate if solution.solved else iterate)
    except Unsolvable as found:
        status, message = found.status, found.message
    except ImportError as error:
        status, message = ERROR, out_of_memory(error) or str(installation(error))
    except ScopfError as error:
        status, message = INVALID, str(error)
    except Exception as error:
        _live.pop((task.token, task.topology), None)  # who knows what state it is in
        status, message = ERROR, reason(error)
    return Result(scenario, failed(status, message, time.perf_counter() - began)), iterate


def reason(error: Exception) -> str:
    """The error of a scenario in words."""
    return out_of_memory(error) or f"{type(error).__name__}: {error}"


def _problem(task: Task) -> _Live:
    key = (task.token, task.topology)
    if key not in _live:
        if task.token not in _bases:
            _bases.clear()
            _live.clear()
            base = task.base
            _bases[task.token] = base if isinstance(base, Base) else pickle.loads(base)
        while len(_live) >= _KEPT:
            _live.popitem(last=False)
        try:
            _live[key] = _Live(_bases[task.token], task.topology)
        except Unsolvable as found:
            _live[key] = found
    live = _live[key]
    if isinstance(live, Unsolvable):
        raise live
    return live


def forget(token: str) -> None:
    """Let go of what this process keeps of a sweep."""
    _bases.pop(token, None)
    for key in [key for key in _live if key[0] == token]:
        del _live[key]


def failed(status: str, message: str, seconds: float = 0.0) -> dict[str, Any]:
    """The row of a scenario without a solution and without a solve."""
    return {"status": status, "solved": False, "message": message[:MESSAGE], "seconds": seconds}


def _row(solution: Solution) -> dict[str, Any]:
    net, horizon = solution.setting.net, solution.problem.horizon
    out = net.unserved.text(net.base_mva)
    row: dict[str, Any] = {
        "status": str(solution.status),
        "solved": solution.solved,
        "message": "; ".join(filter(None, [solution.message, out]))[:MESSAGE],
        "cost": solution.cost,
        "iterations": solution.iterations,
        "seconds": solution.seconds,
        "attempt": solution.attempt,
        "start": "warm" if solution.attempt == "warm" else "cold",
        "islands": net.islands if horizon is None else horizon.one.islands,
        "unserved_mw": _unserved(solution) * net.base_mva,
    }
    if horizon is not None:
        row["nssp_max_state"] = None
    if solution.scenario.outages:
        row["outages"] = len(solution.states) - 1
        row["unsurvived"] = len(solution.unsurvived)
    if solution.solved:
        found, vm, after = solution.stability, solution.point.vm, solution.after
        nssp, margin = found.nssp, found.margin
        if after is not None:
            nssp = nssp + after.by_inverter(after.stability.nssp, len(nssp))
            margin = np.concatenate([margin, after.stability.margin])
        nssp = np.where(np.isnan(nssp), 0.0, nssp)
        if len(nssp):
            most = int(np.argmax(nssp))
            row["nssp_max"] = float(nssp[most])
            if nssp[most] > TRACE:
                bus = solution.inverter_data.bus[most]
                row["nssp_max_bus"] = int(bus if horizon is None else horizon.own(bus))
                if horizon is not None:
                    row["nssp_max_state"] = horizon.hours.names[int(horizon.hour(bus))]
        margin = margin[~np.isnan(margin)]
        row["margin_min"] = float(margin.min()) if len(margin) else None
        row["vm_min"], row["vm_max"] = float(vm.min()), float(vm.max())
        rows = found.rows
        slack = rows.limit - rows.value - found.required
        row["binding"] = int((slack <= BINDING).sum())
        row["claim"] = solution.claim
        row["unmet"] = "; ".join(solution.unmet)[:MESSAGE] or None
        if (constant := solution.constant_power) is not None:
            row["constant_power_share"] = constant.share_of_dispatch
    return row


def _unserved(solution: Solution) -> float:
    """Load that is not energized, p.u.; of several hours the most."""
    horizon = solution.problem.horizon
    if horizon is None:
        return float(solution.setting.net.unserved.pd.sum())
    load = solution.scenario.numbers["load_scale"]
    return max(float(net.unserved.scaled(load).pd.sum()) for net in horizon.stack.parts)


def _tables(
    solution: Solution, schemas: dict[str, bytes], island: bool
) -> dict[str, tuple[str, bytes]]:
    tables = {name: solution.columns(name, island=island) for name in TABLES}
    pairs = tables["pairs"]
    if len(pairs["bus"]) > MANY_PAIRS:
        kept = pairs["binding"] | (pairs["price_per_pu"] > TRACE)
        tables["pairs"] = {name: column[kept] for name, column in pairs.items()}
    if (horizon := solution.problem.horizon) is not None:
        own = hour_states.columns
        tables = {name: own(horizon, name, columns) for name, columns in tables.items()}
    return {name: batch(columns, schemas) for name, columns in tables.items()}


@contextmanager
def _listening(warnings: list[str]) -> Iterator[None]:
    """Keep what the package says in this thread, each warning once; the driver passes it on.

    Other threads, the driver's among them, are not concerned.
    """
    top = logging.getLogger("scopf")
    log: logging.Logger | None = top
    others = [] if logging.lastResort is None else [logging.lastResort]
    listener, mute = _Listener(warnings), _Mute()
    while log is not None:
        others += log.handlers
        log = log.parent if log.propagate else None
    for handler in others:
        handler.addFilter(mute)
    top.addHandler(listener)
    try:
        yield
    finally:
        top.removeHandler(listener)
        for handler in others:
            handler.removeFilter(mute)


class _Mute(logging.Filter):
    """Keeps what the package says in one thread from a handler."""

    def __init__(self) -> None:
        super().__init__("scopf")
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the handler gets the record."""
        return record.thread != self._thread or not super().filter(record)


class _Listener(logging.Handler):
    """Keeps warnings of the package in this thread; each once."""

    def __init__(self, warnings: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._warnings, self._thread = warnings, threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.thread == self._thread and text not in self._warnings:
            self._warnings.append(text)
