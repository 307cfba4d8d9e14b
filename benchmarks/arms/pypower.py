"""PYPOWER with its own interior point method in Python (PIPS), as it comes."""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stdout

import scopf
from benchmarks.arms import mpc, stages
from benchmarks.arms.stages import MissingError, Result, Stages, Task, UnsupportedError

PACKAGES = ("pypower", "numpy", "scipy", "scopf")


def solve(task: Task, clock: Stages) -> Result:
    if task.stability:
        raise UnsupportedError("no rows between bus voltages")
    warnings.simplefilter("ignore")
    try:
        from pypower import pips, pipsopf_solver
        from pypower.api import opf, ppoption
    except ImportError as error:
        raise MissingError("pypower") from error
    clock.add("import", stages.imported())
    with clock("read"):
        net = scopf.load_case(task.case)
        case = mpc.matrices(net)
    watch(clock, pipsopf_solver, pips, "pplinsolve")
    options = ppoption(VERBOSE=0, OUT_ALL=0)
    with clock("solve"), redirect_stdout(io.StringIO()):
        found = opf(case, options)
    return Result(
        status="optimal" if found["success"] else "failed",
        objective=float(found["f"]),
        iterations=int(found["raw"]["output"]["iterations"]),
    )


def watch(clock: Stages, solver: object, method: object, linear_solver: str) -> None:
    """Count PIPS's linear solves to `kkt` and its callbacks to `evaluate`."""
    clock.watch(method, linear_solver, "kkt")
    for name in ("opf_costfcn", "opf_consfcn", "opf_hessfcn"):
        clock.watch(solver, name, "evaluate")


if __name__ == "__main__":
    stages.main(solve, PACKAGES)
