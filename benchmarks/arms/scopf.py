"""scopf itself."""

from __future__ import annotations

import scopf
from benchmarks.arms import ipopt_log, stages
from benchmarks.arms.stages import Result, Stages, Task
from scopf.optimizer.interfaces import Interface

PACKAGES = ("scopf", "pyomo", "cyipopt", "casadi", "numpy", "scipy")


def watch_compilation(clock: Stages) -> None:
    """Count the compilation of the model to `compile`. Nothing else here knows scopf's inside."""
    from scopf.engine.nlp import NLP

    clock.watch(NLP, "__init__", "compile")


def solve(task: Task, clock: Stages, interface: Interface = "cyipopt") -> Result:
    log = stages.scratch("ipopt.txt")
    watch_compilation(clock)
    ipopt_log.libipopt()  # loads cyipopt, which scopf would do while it solves
    clock.add("import", stages.imported())
    with clock("read"):
        net = scopf.load_case(task.case)
    with clock("build"):
        inverters = scopf.Inverters.at_generators(net, mq=task.mq)
        problem = scopf.build(net, inverters, criterion=task.criterion)
    with clock("solve"):
        # from the peers' start point; the package's own default is the DC start
        options = ipopt_log.timing(log)
        solution = scopf.solve(problem, start="flat", interface=interface, options=options)
    ipopt, iterations = ipopt_log.read(log)  # of every attempt, should the first one fail
    clock.add("kkt", ipopt["kkt"])
    clock.add("evaluate", ipopt["evaluate"])
    return Result(
        status=solution.status.value,
        objective=solution.cost,
        iterations=iterations,
        compiles_in_solve=True,
        details={"ipopt": ipopt["algorithm"], "libipopt": ipopt_log.loaded()},
    )


if __name__ == "__main__":
    stages.main(solve, PACKAGES)
