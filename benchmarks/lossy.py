"""The rows of `lossy` against those of `weighted` on networks with losses, in one run.

    python -m benchmarks.lossy [--cases 39 118 1354 2869] [--mq .05] [--repeats N] [--networks N]
                               [--data DIR]

First table: in each round every criterion is built and solved once, weighted without its droop
margin; seconds are the least of the rounds, build and solve together, `ratio` those over weighted.
With `--networks`: random networks with losses as in `scopf.studies.lossy`, the criterion's critical
droop over the exact one, where any eigenvalue, real or not, crosses.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from benchmarks import environment

os.environ.update(environment.THREADS)

import numpy as np

import scopf
from benchmarks.bench import find
from scopf.studies.lossy import lossy

CASES = {
    "39": "case39",
    "118": "pglib_opf_case118_ieee",
    "1354": "pglib_opf_case1354_pegase",
    "2869": "pglib_opf_case2869_pegase",
}
ARMS = ("weighted", "lossy", "lossy-every-mp")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cases", nargs="*", default=["39", "118", "1354", "2869"])
    parser.add_argument("--mq", type=float, default=0.05)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--networks", type=int, default=0, help="random ones for each r/x")
    parser.add_argument("--time-limit", type=float, default=300.0, help="of one solve, s")
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="folders of cases")
    given = parser.parse_args()
    heads = f"{'case':28} {'criterion':16} {'status':16} {'cost':>16}"
    print(f"{heads} {'iter':>5} {'s':>8} {'ratio':>6}")
    for case in given.cases:
        path = find(case, (CASES.get(case, case),), [Path("cases"), *given.data])
        if path is None:
            print(f"{case}: not there")
        else:
            _solves(path, given.mq, given.repeats, given.time_limit)
    for name in ARMS[1:] if given.networks else ():
        found = lossy(name, networks=given.networks, ratios=(0.1, 0.3, 0.5))
        print(f"\n{name}, critical droop over the exact one, less 1")
        print(found.table.to_string(index=False, float_format="{:.4f}".format), flush=True)


def _solves(path: Path, mq: float, repeats: int, limit: float) -> None:
    net = scopf.load_case(path)
    seconds = dict.fromkeys(ARMS, np.inf)
    found = {}
    for _ in range(repeats):
        for arm in ARMS:
            margin = {"droop_margin": 0.0} if arm == "weighted" else {}
            begin = time.perf_counter()
            problem = scopf.build(net, criterion=arm, mq=mq, **margin)
            found[arm] = scopf.solve(problem, time_limit=limit)
            seconds[arm] = min(seconds[arm], time.perf_counter() - begin)
    for arm, one in found.items():
        ratio = seconds[arm] / seconds[ARMS[0]]
        text = f"{net.name:28} {arm:16} {one.status!s:16} {one.cost:16.4f} {one.iterations:5}"
        print(f"{text} {seconds[arm]:8.2f} {ratio:6.2f}", flush=True)


if __name__ == "__main__":
    main()
