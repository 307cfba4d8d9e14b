"""`scopf.compare`: the difference between two sweeps, or between two solutions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from scopf.errors import ScopfError
from scopf.procedures.loading import load_solution
from scopf.results.solution import Solution
from scopf.sweeps.analysis import compared_runs, compared_solutions
from scopf.sweeps.analysis.comparison import Comparison
from scopf.sweeps.results import load_sweep

TOLERANCE = 1e-6


def compare(a: Any, b: Any, *, tolerance: float = TOLERANCE) -> Comparison:
    """The difference between two sweeps, or between two solutions: "what changed?".

    Scenarios of sweeps are matched by the values of what varies in either; a setting that has one
    value in each may differ. Inverters of solutions are matched by their bus.

    Args:
        a: a `Sweep` or its run folder, or a `Solution` or the file that `Solution.save` wrote.
        b: another one of the same kind.
        tolerance: relative difference of a cost that is none. A price differs by more than a
            thousandth and by more than what the solver leaves behind, a margin by more than 1e-6
            p.u. (of solutions 1e-5).

    Returns:
        Sentences, and a table of what differs, the largest differences first. It is true where
        something does: `if scopf.compare("runs/old", "runs/new"): ...`.

    Raises:
        ScopfError: for two of different kinds, something else, or what cannot be read.
    """
    if not 0 <= tolerance < 1:
        raise ScopfError(f"tolerance is a part of the cost, from 0 to below 1, got {tolerance}")
    names, found = zip(*map(_read, (a, b), "AB"), strict=True)
    kinds = [isinstance(one, Solution) for one in found]
    if kinds[0] != kinds[1]:
        kind = {True: "a solution", False: "a sweep"}
        raise ScopfError(
            f"{names[0]} is {kind[kinds[0]]} and {names[1]} is {kind[kinds[1]]}; compare two of "
            "one kind"
        )
    of = compared_solutions if kinds[0] else compared_runs
    compared: Comparison = of.compared(*found, names, tolerance)
    return compared


def _read(given: Any, letter: str) -> tuple[str, Any]:
    """A name, and the sweep or solution itself."""
    if isinstance(given, (str, os.PathLike)):
        path = Path(given)
        if path.is_file():
            return str(path), load_solution(path)
        if not path.exists():
            raise ScopfError(f"there is nothing at {path} to compare")
        return str(path), load_sweep(path)
    if isinstance(given, Solution):
        net, criterion = given.problem.given.name, given.problem.criterion.name
        return f"{net}, criterion {criterion}", given
    if hasattr(given, "scenarios") and hasattr(given, "manifest"):
        folder = getattr(given, "folder", None)
        return str(folder or f"the {'first' if letter == 'A' else 'second'} sweep"), given
    kind = type(given).__name__
    raise ScopfError(
        f"scopf.compare takes sweeps, solutions, or their folders and files, got {kind}"
    )
