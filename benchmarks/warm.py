"""Warm starts of sweeps, with predictor-corrector steps and without, in one run.

    python -m benchmarks.warm [CASE ...] [--axis cost load ...] [--criterion NAME]

A case is a bundled name or a path. Each line is one sweep in this process, solved twice: as scopf
solves it, and with Ipopt's option `mehrotra_algorithm` off. Iterations are over all scenarios, cold
ones and fallbacks included. The difference in cost is the largest one, relative. A scenario counts
as cold if its result does not come from a warm start; the first of each chain is one. Milliseconds
are those of the processor for each scenario, all of the sweep included.

Axes: cost (reactive costs and droops), load (load scales, at two droops), wide (costs and droops in
large steps).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import environment

os.environ.update(environment.THREADS)

import numpy as np

import scopf

PLAIN = {"mehrotra_algorithm": "no"}
MQ = {"case39": (0.15, 0.25), "case118": (0.2, 0.3), "case300": (0.06, 0.13)}
LOSSY = ("case300",)  # as they are: without losses nothing is feasible
LOAD = {"case300": (0.95, 1.02)}


def axes(case: str, axis: str) -> dict[str, Any]:
    """The axes of a sweep."""
    low, high = MQ.get(case, (0.008, 0.012))
    if axis == "wide":
        return {"eta_q": np.linspace(0, 4, 6), "mq": np.linspace(0.02, 0.45, 10)}
    if axis == "load":
        scales = LOAD.get(case, (0.7, 1.05) if case in MQ else (0.98, 1.0))
        return {"load_scale": np.linspace(*scales, 20 if case in MQ else 6), "mq": [low, high]}
    points = (4, 15) if case in MQ else (2, 6)
    return {"eta_q": np.linspace(0, 1, points[0]), "mq": np.linspace(low, high, points[1])}


def swept(case: str, axis: str, **keywords: Any) -> tuple[Any, float]:
    """Scenarios of a sweep, and ms of the processor for each."""
    lossless = case in MQ and case not in LOSSY and axis != "wide"
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        where = {"out": Path(folder) / "run", "progress": False}
        found = scopf.sweep(case, **axes(case, axis), lossless=lossless, **where, **keywords)
        table = found.scenarios
        return table, (time.process_time() - began) / len(table) * 1e3


def line(case: str, axis: str, **keywords: Any) -> str:
    """One line of the table."""
    plain, slow = swept(case, axis, options=PLAIN, **keywords)
    table, quick = swept(case, axis, **keywords)
    both = (plain["solved"] & table["solved"]).to_numpy()
    cost, other = plain["cost"].to_numpy()[both], table["cost"].to_numpy()[both]
    cells = [Path(case).stem, axis, str(len(table)), str(int((~both).sum()))]
    for one in (plain, table):
        count, cold = one["iterations"], int((one["attempt"] != "warm").sum())
        cells += [f"{count.mean():.1f}", str(count.max()), str(cold)]
    cells += [f"{slow:.1f}", f"{quick:.1f}", f"{np.max(np.abs(other / cost - 1)):.0e}"]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", default=["case39", "case118"])
    parser.add_argument("--axis", nargs="*", default=["cost", "load", "wide"])
    parser.add_argument("--criterion", default="voltage-difference")
    given = parser.parse_args()
    swept("case39", "load")  # imports are on nobody's clock
    print("| case | axes | scenarios | unsolved | plain: mean, worst, cold | | | "
          "as it is: mean, worst, cold | | | ms | ms | cost |")  # fmt: skip
    for case in given.cases:
        for axis in given.axis:
            print(line(case, axis, criterion=given.criterion), flush=True)


if __name__ == "__main__":
    main()
