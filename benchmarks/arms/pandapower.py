"""pandapower.runopp, on its own net converted from the same matrices."""

from __future__ import annotations

import logging
import warnings

import scopf
from benchmarks.arms import mpc, stages
from benchmarks.arms.stages import MissingError, Result, Stages, Task, UnsupportedError

PACKAGES = ("pandapower", "numba", "numpy", "scipy", "pandas", "scopf")


def solve(task: Task, clock: Stages) -> Result:
    if task.stability:
        raise UnsupportedError("no rows between bus voltages")
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    try:
        import pandapower as pp
        from pandapower.converter.pypower.from_ppc import from_ppc
        from pandapower.pypower import pipsopf_solver
    except ImportError as error:
        raise MissingError("pandapower") from error
    from importlib import import_module

    pips = import_module("pandapower.pypower.pips")
    clock.add("import", stages.imported())
    with clock("read"):
        case = mpc.matrices(scopf.load_case(task.case))
        net = from_ppc(case, f_hz=50)
    iterations = _counted(pipsopf_solver)
    clock.watch(pips, "spsolve", "kkt")
    for name in ("opf_costfcn", "opf_consfcn", "opf_hessfcn"):
        clock.watch(pipsopf_solver, name, "evaluate")
    status = "optimal"
    with clock("solve"):
        try:
            pp.runopp(net)
        except pp.OPFNotConverged:
            status = "not converged"
    return Result(
        status=status,
        objective=float(net.res_cost) if status == "optimal" else float("nan"),
        iterations=iterations[-1] if iterations else -1,
    )


def _counted(solver: object) -> list[int]:
    """Iterations of each call of PIPS from now on."""
    plain, found = solver.pips, []

    def counting(*arguments, **named):
        result = plain(*arguments, **named)
        found.append(int(result["output"]["iterations"]))
        return result

    solver.pips = counting
    return found


if __name__ == "__main__":
    stages.main(solve, PACKAGES)
