"""The ways to Ipopt, with memory given back or kept: CPU seconds of one solve, interleaved.

    python -m benchmarks.interface [CASE ...] [--repeats 5] [--python PYTHON]

Each run is a process of its own. `--python` is one whose cyipopt is another, such as that of PyPI
without the declared arrays of `bootstrap.py`: an arm more, marked `other`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.environment import ROOT

_RUN = """
import json, resource, sys, time
import scopf
case, interface, kept = sys.argv[1:]
if kept == "kept":
    scopf.tune_malloc()
net = scopf.load_case(case)
problem = scopf.build(net, criterion="none")
faults, began = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.process_time()
found = scopf.solve(problem, interface=interface)
seconds = time.process_time() - began
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
print(json.dumps([seconds, faults, found.iterations, found.cost, str(found.status)]))
"""
ARMS = [
    (interface, memory) for interface in ("cyipopt", "library") for memory in ("given back", "kept")
]


def run(python: str, case: str, interface: str, memory: str) -> list:
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [python, "-c", _RUN, case, interface, memory]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
    return json.loads(out.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("cases", nargs="*", default=["case118", "pglib_opf_case300_ieee"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--python", default="")
    given = parser.parse_args()
    arms = [(sys.executable, *arm, " ".join(arm)) for arm in ARMS]
    if given.python:
        arms.insert(0, (given.python, *ARMS[0], "other " + " ".join(ARMS[0])))
    print("| case | way, memory | CPU s | ratio | page faults | iterations |")
    print("| --- | --- | --: | --: | --: | --: |")
    for case in given.cases:
        runs: dict[str, list] = {arm[-1]: [] for arm in arms}
        for _ in range(given.repeats):
            for python, interface, memory, name in arms:
                runs[name].append(run(python, case, interface, memory))
        first = statistics.median(one[0] for one in runs[arms[0][-1]])
        for name, found in runs.items():
            seconds = statistics.median(one[0] for one in found)
            _, faults, iterations, _, _ = found[-1]
            print(f"| {Path(case).stem} | {name} | {seconds:.3f} | {seconds / first:.2f} "
                  f"| {faults} | {iterations} |", flush=True)  # fmt: skip
        costs = {tuple(one[2:]) for found in runs.values() for one in found}
        if len(costs) > 1:
            print(f"  the results differ: {sorted(costs)}")


if __name__ == "__main__":
    main()
