"""Scenarios per second of a sweep, against rebuilding and against cold starts, in one run.

    python -m benchmarks.sweep [CASE ...] [--points N] [--rounds N] [--memory N] [--out FILE]

The study is a grid of reactive cost and droop, lossless, with a journal on disk. Arms take turns
in every round, so that a busy machine disturbs all of them; figures are medians over rounds,
ratios are of medians. Arms of one process are measured in seconds of processor time, which is per
core and suffers less from others; two workers against one by the clock:

- sweep: `scopf.sweep` in one process, all of it: plan, solves, journal, tables.
- cold: the same with no warm starts (`chain=1`).
- rebuild: for a sample of the scenarios, each on its own: inverters, `build`, the Pyomo model,
  `solve`. No tables, no journal.
- file: the same, where the Pyomo model is written as an .nl file too, as Pyomo's own interfaces to
  solvers do each time (and without the time that a solver takes to read it).
- one, two: a sweep four times as long, in this process and with two worker processes, which are
  started before the clock.

Memory: resident size of a fresh process after each tenth of one long sweep.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks import environment

os.environ.update(environment.THREADS)

import numpy as np

import scopf
from scopf.sweeps import pool, progress

ARMS = ("sweep", "cold", "rebuild", "file")
MQ = {"case39": (0.15, 0.25), "case118": (0.2, 0.3), "case9": (0.02, 0.06)}
ETA = (0.0, 1.0)


def axes(case: str, points: int) -> dict[str, Any]:
    """A grid of about so many points, an eighth of them in eta_q."""
    low, high = MQ.get(case, (0.04, 0.06))
    rows = max(2, round((points / 8) ** 0.5))
    return {
        "eta_q": np.linspace(*ETA, rows),
        "mq": np.linspace(low, high, max(2, points // rows)),
    }


def timed(call: Any) -> tuple[float, float, Any]:
    """Seconds of this process, seconds by the clock, and what came of it."""
    own, began = time.process_time(), time.perf_counter()
    result = call()
    return time.process_time() - own, time.perf_counter() - began, result


def swept(case: str, study: dict[str, Any], **keywords: Any) -> tuple[float, float, Any]:
    """Seconds per scenario of a sweep with a journal, of the process and by the clock; results."""
    with tempfile.TemporaryDirectory() as folder:
        call = {**study, **keywords, "lossless": True, "out": Path(folder) / "run"}
        own, clock, runs = timed(lambda: scopf.sweep(case, progress=False, **call))
        assert runs.scenarios["solved"].all(), runs
        return own / len(runs.scenarios), clock / len(runs.scenarios), runs


def rebuilt(case: str, sample: list[tuple[float, float]], file: bool) -> float:
    """Seconds per scenario, each from nothing."""
    net = scopf.load_case(case).lossless()

    def once(eta_q: float, mq: float) -> None:
        inverters = scopf.Inverters.at_generators(net, mq=mq)
        problem = scopf.build(net, inverters, eta_q=eta_q)
        model = problem.model
        if file:
            with tempfile.TemporaryDirectory() as folder:
                model.write(str(Path(folder) / "model.nl"))
        assert scopf.solve(problem).solved

    own, _, _ = timed(lambda: [once(*point) for point in sample])
    return own / len(sample)


def measure(case: str, points: int, rounds: int) -> dict[str, Any]:
    study, long = axes(case, points), axes(case, 4 * points)
    every = list(itertools.product(*(axis.tolist() for axis in study.values())))
    sample = random.Random(1).sample(every, min(len(every), 25))
    found: dict[str, list[float]] = {arm: [] for arm in (*ARMS, "one", "two")}
    starts: dict[str, int] = {}
    iterations = {}
    with pool.one_thread_each():
        workers = ProcessPoolExecutor(2, mp_context=pool.multiprocessing.get_context("spawn"))
        with workers:
            swept(case, axes(case, 60), executor=workers)  # imports, and a first problem
            swept(case, axes(case, 20))
            for _ in range(rounds):
                own, _, runs = swept(case, study)
                found["sweep"].append(own)
                found["one"].append(swept(case, long)[1])
                starts = runs.scenarios["start"].value_counts().to_dict()
                iterations["sweep"] = float(runs.scenarios["iterations"].mean())
                found["rebuild"].append(rebuilt(case, sample, file=False))
                found["two"].append(swept(case, long, executor=workers)[1])
                found["file"].append(rebuilt(case, sample, file=True))
                own, _, runs = swept(case, study, chain=1)
                found["cold"].append(own)
                iterations["cold"] = float(runs.scenarios["iterations"].mean())
    middle = {arm: statistics.median(seconds) for arm, seconds in found.items()}
    return {
        "case": case,
        "scenarios": len(every),
        "starts": starts,
        "iterations": iterations,
        "seconds_per_scenario": found,
        "scenarios_per_second": {arm: 1 / seconds for arm, seconds in middle.items()},
        "sweep_is_quicker": {arm: middle[arm] / middle["sweep"] for arm in ARMS},
        "two_workers_are_quicker": middle["one"] / middle["two"],
    }


def memory(points: int) -> list[tuple[int, float]]:
    """Scenarios done, and MB in memory then, of a fresh process."""
    code = f"from benchmarks.sweep import grow; grow({points})"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=environment.ROOT, capture_output=True, text=True
    )
    if run.returncode:
        raise SystemExit(run.stderr)
    return json.loads(run.stdout.splitlines()[-1])


def grow(points: int) -> None:
    """Run one long sweep of case9 and print memory over scenarios."""
    seen: list[tuple[int, float]] = []
    done = [0]
    finished = progress.Progress.finished

    def watched(self: Any, rows: Any) -> None:
        rows = list(rows)
        finished(self, rows)
        before = done[0]
        done[0] += len(rows)
        if done[0] * 10 // points > before * 10 // points:
            seen.append((done[0], resident()))

    progress.Progress.finished = watched  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        scopf.sweep("case9", **axes("case9", points), progress=False, out=Path(folder) / "run")
        seen.append((done[0], resident()))
    print(json.dumps(seen))


def resident() -> float:
    """Memory of this process in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return round(int(line.split()[1]) / 1024, 1)
    return float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", default=["case39", "case118"])
    parser.add_argument("--points", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, default=0, help="scenarios of the long sweep")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    given = parser.parse_args()
    about = environment.describe()
    results = [measure(case, given.points, given.rounds) for case in given.cases]
    print(f"load average before {about['load_average']}, after {environment.load()}")
    print(f"\n{'scenarios/s':<12}" + "".join(f"{arm:>10}" for arm in (*ARMS, "one", "two")))
    for found in results:
        rate = found["scenarios_per_second"]
        print(f"{found['case']:<12}" + "".join(f"{rate[a]:>10.1f}" for a in (*ARMS, "one", "two")))
        text = [f"{found['sweep_is_quicker'][arm]:.1f}x" for arm in ARMS]
        text += ["", f"{found['two_workers_are_quicker']:.2f}x"]
        print(f"{'  quicker':<12}" + "".join(f"{one:>10}" for one in text))
        print(f"  iterations {found['iterations']}, starts {found['starts']}")
    grown = memory(given.memory) if given.memory else []
    for count, size in grown:
        print(f"{count:>8} scenarios  {size:8.1f} MB")
    if given.out:
        content = {"environment": about, "results": results, "memory": grown}
        given.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
