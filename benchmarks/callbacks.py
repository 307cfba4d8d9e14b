"""Function evaluations: what scopf's callbacks take, and what Ipopt waits for behind cyipopt.

    python -m benchmarks.callbacks [CASE ...] [--criterion NAME] [--mq M]

Seconds in all of Ipopt, in evaluations by Ipopt's own clock, in scopf's callbacks, and the
nanoseconds that lie between the last two for each nonzero of Jacobian and Hessian handed over.
Build and compile are shown as a share of the whole time from the network to the optimum.
"""

from __future__ import annotations

import argparse
import time

import scopf
from benchmarks.arms import ipopt_log, stages
from scopf.engine.nlp import NLP

CALLBACKS = ("objective", "gradient", "constraints", "jacobian", "hessian")


class Clock:
    """Seconds and calls of each callback."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(CALLBACKS, 0.0)
        self.calls = dict.fromkeys(CALLBACKS, 0)

    def watch(self, nlp: NLP) -> None:
        for name in CALLBACKS:
            setattr(nlp, name, self._timed(name, getattr(nlp, name)))

    def _timed(self, name, method):
        def timed(*arguments):
            began = time.perf_counter()
            result = method(*arguments)
            self.seconds[name] += time.perf_counter() - began
            self.calls[name] += 1
            return result

        return timed


def measure(case: str, criterion: str, mq: float | None) -> list[str]:
    net = scopf.load_case(case)
    inverters = scopf.Inverters.at_generators(net, mq=mq)
    began = time.perf_counter()
    problem = scopf.build(net, inverters, criterion=criterion)
    nlp = problem.compiled[False] = NLP(problem.formulation)
    compiled = time.perf_counter() - began
    clock = Clock()
    clock.watch(nlp)
    log = stages.scratch("callbacks.txt")
    solution = scopf.solve(problem, form="reduced", options=ipopt_log.timing(log))
    ipopt, _ = ipopt_log.read(log)
    ours = sum(clock.seconds.values())
    handed = clock.calls["jacobian"] * len(nlp.jacobianstructure()[0])
    handed += clock.calls["hessian"] * len(nlp.hessianstructure()[0])
    between = 1e9 * (ipopt["evaluate"] - ours) / handed
    return [
        f"{net.name:<28}",
        f"{len(net.bus):>6}",
        f"{100 * compiled / (compiled + solution.seconds):>14.1f} %",
        f"{ipopt['algorithm']:>9.3f}",
        f"{ipopt['evaluate']:>9.3f}",
        f"{ours:>9.3f}",
        f"{100 * ours / ipopt['algorithm']:>8.1f} %",
        f"{between:>11.0f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("cases", nargs="*", default=["case118", "pglib_opf_case300_ieee"])
    parser.add_argument("--criterion", default="none")
    parser.add_argument("--mq", type=float, default=0.01)
    given = parser.parse_args()
    print(f"{'case':<28}  buses  build+compile     Ipopt  evaluate callbacks     share  ns/nonzero")
    for case in given.cases:
        measure(case, given.criterion, given.mq)  # imports and first calls are not counted
        print(" ".join(measure(case, given.criterion, given.mq)), flush=True)


if __name__ == "__main__":
    main()
