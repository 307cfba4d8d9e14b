"""The first solve in a process: CPU seconds, the interpreter and all imports included.

    python -m benchmarks.first_use [CASE] [--rounds N] [--tree FOLDER ...]

The floors are bare imports of what a solve or a Pyomo model cannot do without. Rounds are
interleaved, one that is not counted goes first and leaves the compiled bytecode of all modules in a
folder of its own. With `--tree` other checkouts of scopf are measured in the same rounds.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

HERE = Path(__file__).parents[1]
FLOORS = {
    "import casadi": "import casadi",
    "import scipy.sparse.linalg": "import scipy.sparse.linalg",
    "import cyipopt": "import cyipopt",
    "import pyomo.environ": "import pyomo.environ",
}
OURS = {
    "plain AC-OPF": 'scopf.solve(scopf.build(scopf.load_case("{case}"), criterion="none"))',
    "with stability rows": (
        'scopf.solve(scopf.build(scopf.load_case("{case}").lossless(), eta_q=0.1, mq=0.2))'
    ),
    "with rows, and .model": (
        'p = scopf.build(scopf.load_case("{case}").lossless(), eta_q=0.1, mq=0.2); scopf.solve(p); '
        "p.model"
    ),
}
COMMAND = "import sys; from scopf.__main__ import main; sys.argv = ['scopf', 'solve', '{case}']; "


def seconds(code: str, tree: Path, cache: str) -> float:
    """CPU seconds of a process that runs this code; NaN where it fails."""
    without = {name: value for name, value in os.environ.items() if name[:10] != "PYTHONDONT"}
    env = {**without, "PYTHONPATH": str(tree), "PYTHONPYCACHEPREFIX": cache, "OMP_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=tree, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used if done.returncode == 0 else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("case", nargs="?", default="case39")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tree", type=Path, action="append", default=[])
    given = parser.parse_args()
    runs = {("", name): (code, HERE) for name, code in FLOORS.items()}
    for tree in (HERE, *given.tree):
        where = str(tree) if given.tree else ""
        for name, code in OURS.items():
            runs[where, name] = "import scopf; " + code.format(case=given.case), tree
        runs[where, f"scopf solve {given.case}"] = COMMAND.format(case=given.case) + "main()", tree
    used: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    with tempfile.TemporaryDirectory() as cache:
        for counted in [False, *[True] * given.rounds]:
            for key, (code, tree) in runs.items():
                found = seconds(code, tree, cache)
                used[key] += [found] * counted
    typical = {key: median(values) for key, values in used.items()}
    floor = sum(typical["", name] for name in list(FLOORS)[:2])
    print("| process | CPU s | times casadi and scipy.sparse.linalg |")
    print("| --- | ---: | ---: |")
    for (where, name), value in typical.items():
        print(f"| {' '.join(filter(None, (name, where)))} | {value:.2f} | {value / floor:.1f} |")


if __name__ == "__main__":
    main()
