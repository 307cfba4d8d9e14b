"""Ipopt's options for all arms that use it, and what it says about its own time.

With `print_timing_statistics` Ipopt writes a table of wall times. Of it we read

    KKT work   PDSystemSolverTotal: residuals, assembly, factorisation and back-solves of the
               primal-dual system, iterative refinement included. To it comes what
               StdAugSystemSolverMultiSolve has beyond PDSystemSolverSolveOnce: the first estimate
               of the multipliers solves a system of the same pattern on its own, and that is where
               the linear solver's symbolic analysis takes place.
    evaluate   Function Evaluations: everything behind Ipopt's callbacks, the copies of the
               interface included.

What is left of OverallAlgorithm is vector work of the algorithm. (LinearSystemFactorization reads
zero with MUMPS, whose interface does not use that clock.)
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

COMMON: dict[str, Any] = {
    "tol": 1e-8,
    "max_iter": 500,
    "acceptable_iter": 0,
    "honor_original_bounds": "yes",
    "linear_solver": "mumps",
    "print_level": 0,
    "sb": "yes",
}
# What scopf sets besides, a copy of its choice; `bench.py` gives it to the peers too (see there).
TUNED: dict[str, Any] = {"nlp_scaling_max_gradient": 10.0, "mumps_pivot_order": 0}

_WALL = re.compile(r"^\s*([A-Za-z][A-Za-z ]*?)\.*:\s.*wall:\s*([0-9.]+)\)", re.MULTILINE)
_ITERATIONS = re.compile(r"^Number of Iterations\.*:\s*(\d+)", re.MULTILINE)


def timing(log: Path) -> dict[str, Any]:
    """Options that make Ipopt write its timing statistics into a file."""
    return {
        "print_timing_statistics": "yes",
        "output_file": str(log),
        "file_append": "yes",  # a solve may run Ipopt more than once
        "file_print_level": 3,
    }


def options(log: Path, tuned: bool) -> dict[str, Any]:
    """Options of a peer."""
    return COMMON | (TUNED if tuned else {}) | timing(log)


def read(log: Path) -> tuple[dict[str, float], int]:
    """Seconds of `kkt`, `evaluate` and `algorithm` (all of Ipopt), and the number of iterations.

    Summed over all runs that the file tells of; it is removed.
    """
    text = log.read_text(encoding="utf-8")
    log.unlink()
    wall: dict[str, float] = {}
    for name, value in _WALL.findall(text):
        wall[name] = wall.get(name, 0.0) + float(value)
    outside = wall["StdAugSystemSolverMultiSolve"] - wall["PDSystemSolverSolveOnce"]
    seconds = {
        "kkt": wall["PDSystemSolverTotal"] + max(0.0, outside),
        "evaluate": wall["Function Evaluations"],
        "algorithm": wall["OverallAlgorithm"],
    }
    found = _ITERATIONS.findall(text)
    return seconds, sum(map(int, found)) if found else -1


def libipopt() -> str:
    """Path of the libipopt that cyipopt is linked to (it is loaded by this)."""
    import cyipopt  # noqa: F401 - loads the library

    maps = Path("/proc/self/maps")
    if maps.exists():
        lines = maps.read_text(encoding="utf-8").splitlines()
        for line in lines:
            path = line.split(maxsplit=5)[-1]
            if Path(path).name.startswith("libipopt."):
                return path
    import casadi

    folder = Path(casadi.__file__).parent
    return str(next(iter(sorted(folder.glob("libipopt*.dylib")))))


def loaded() -> list[str]:
    """Every libipopt in this process, from `site-packages` on: there should be one."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return []
    paths = {line.split(maxsplit=5)[-1] for line in maps.read_text(encoding="utf-8").splitlines()}
    found = {path for path in paths if Path(path).name.startswith("libipopt.")}
    return sorted(path.rpartition("site-packages/")[2] for path in found)
