"""Where the time of a solve goes, against its floor: the work inside Ipopt itself.

    python benchmarks/shares.py [CASE ...] [--criterion NAME] [--mq M] [--repeats N]

For each case, medians over the repeats of one run: seconds to build the Pyomo model, to compile it,
in function evaluations (as cyipopt sees them, its copies included), and in Ipopt; and the ratio of
the whole to Ipopt alone, which no modelling layer could get below.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import statistics
import time

import scopf
from scopf.nlp import NLP

CALLBACKS = ("objective", "gradient", "constraints", "jacobian", "hessian")


class Clock:
    """Adds up the time spent in an NLP's callbacks."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watch(self, method):
        def timed(*arguments):
            began = time.perf_counter()
            result = method(*arguments)
            self.seconds += time.perf_counter() - began
            return result

        return timed


def measure(case: str, criterion: str, mq: float | None) -> dict[str, float]:
    """Seconds of each stage of one solve."""
    net = scopf.load_case(case)
    inverters = scopf.Inverters.at_generators(net, mq=mq)
    marks = [time.perf_counter()]
    problem = scopf.build(net, inverters, criterion=criterion)
    marks.append(time.perf_counter())
    NLP(problem.model)
    marks.append(time.perf_counter())
    clock, plain = Clock(), {name: getattr(NLP, name) for name in CALLBACKS}
    try:
        for name, method in plain.items():
            setattr(NLP, name, clock.watch(method))
        solution = scopf.solve(problem)
    finally:
        for name, method in plain.items():
            setattr(NLP, name, method)
    build, compiled = (b - a for a, b in itertools.pairwise(marks))
    ipopt = solution.seconds - compiled - clock.seconds
    return {
        "iterations": solution.iterations,
        "build": build,
        "compile": compiled,
        "evaluate": clock.seconds,
        "ipopt": ipopt,
        "ratio": (build + solution.seconds) / ipopt,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("cases", nargs="*", default=["case39", "case118", "pglib_opf_case300_ieee"])
    parser.add_argument("--criterion", default="none")
    parser.add_argument("--mq", type=float, default=None)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, {platform.system()}")
    names = ("iterations", "build", "compile", "evaluate", "ipopt", "ratio")
    print(f"{'case':<28}" + "".join(f"{name:>12}" for name in names))
    for case in given.cases:
        runs = [measure(case, given.criterion, given.mq) for _ in range(given.repeats)]
        medians = [statistics.median(run[name] for run in runs) for name in names]
        shown = case.rsplit("/", 1)[-1].removesuffix(".m")
        print(f"{shown:<28}{medians[0]:>12.0f}" + "".join(f"{m:>12.3f}" for m in medians[1:]))


if __name__ == "__main__":
    main()
