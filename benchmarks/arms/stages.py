"""What all arms share: one command line, a stop watch, one line of JSON.

An arm is run as `python -m benchmarks.arms.NAME CASE [--mq M]` and prints the seconds of its
stages, the iterations and the objective. `Stages` measures; `Result` is what is printed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

# A process that has lived before this module is imported has paid for starting Python only.
_BEGAN = time.perf_counter()


@dataclasses.dataclass(frozen=True)
class Task:
    """What an arm is asked to solve."""

    case: Path
    criterion: str
    mq: float
    tuned: bool

    @property
    def stability(self) -> bool:
        return self.criterion != "none"


class Stages:
    """Seconds by stage; nested and repeated stages add up."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - began)

    def add(self, name: str, seconds: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def watch(self, owner: Any, name: str, stage: str) -> None:
        """Count the time inside owner.name, a function or method, to a stage."""
        plain = getattr(owner, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            with self(stage):
                return plain(*arguments, **named)

        setattr(owner, name, timed)


@dataclasses.dataclass
class Result:
    """Outcome of one solve. `solve` seconds hold those of `compile`, `evaluate` and `kkt` if the
    arm compiles while it solves (`compiles_in_solve`).
    """

    status: str
    objective: float
    iterations: int
    compiles_in_solve: bool = False
    details: dict[str, Any] = dataclasses.field(default_factory=dict)


class MissingError(Exception):
    """What an arm needs is not installed."""


class UnsupportedError(Exception):
    """The arm cannot formulate this task."""


def main(solve: Callable[[Task, Stages], Result], packages: tuple[str, ...]) -> None:
    """Run an arm on the task of the command line and print the outcome as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("case", type=Path)
    parser.add_argument("--criterion", default="none", choices=("none", "voltage-difference"))
    parser.add_argument("--mq", type=float, default=0.01)
    parser.add_argument("--tuned", action="store_true", help="Ipopt as scopf sets it")
    given = parser.parse_args()
    task = Task(given.case, given.criterion, given.mq, given.tuned)
    stages = Stages()
    try:
        found = _record(stages, solve(task, stages), packages)
    except (MissingError, ImportError) as error:
        found = {"status": "not installed", "message": str(error)}
    except UnsupportedError as error:
        found = {"status": "cannot", "message": str(error)}
    # The line must stand alone, whatever a solver has left in C's own buffer.
    sys.stdout.flush()
    print("\n" + json.dumps(found), flush=True)


def _record(stages: Stages, result: Result, packages: tuple[str, ...]) -> dict[str, Any]:
    seconds = stages.seconds
    solve = seconds.pop("solve")
    parts = {name: seconds.get(name) for name in ("read", "build", "compile", "evaluate", "kkt")}
    before = sum(parts[name] or 0.0 for name in ("read", "build"))
    compiled = parts["compile"] or 0.0
    total = before + solve + (0.0 if result.compiles_in_solve else compiled)
    return {
        "status": result.status,
        "objective": result.objective,
        "iterations": result.iterations,
        **parts,
        "rest": total - sum(value or 0.0 for value in parts.values()),
        "total": total,
        "import": seconds.get("import"),
        "peak_mb": _peak_mb(),
        "versions": {"python": platform.python_version()} | versions(packages),
        **result.details,
    }


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Installed versions; a package that is not there is left out."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _peak_mb() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


def imported() -> float:
    """Seconds that the arm's imports have cost, those of scopf's reader now included."""
    import scopf

    for name in scopf.__all__:  # scopf imports its parts when they are asked for
        getattr(scopf, name)
    scopf.build(scopf.load_case("case9"))
    return time.perf_counter() - _BEGAN


def scratch(name: str) -> Path:
    """A file of this process alone, in the folder for temporary files."""
    import tempfile

    return Path(tempfile.gettempdir()) / f"scopf-bench-{os.getpid()}-{name}"
