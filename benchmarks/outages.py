"""Outages in one dispatch against the plain solve of the same network, in one run.

    python -m benchmarks.outages [--parts 39 118 1354 states] [--chosen N] [--repeats N]
                                 [--data DIR] [--out FILE]

Parts:

- 39: case39, lossless, every branch outage, emergency ratings 1.2 times rating A, m_q .1.
- 118: pglib_opf_case118_ieee, every branch outage, 1.5 times, m_q .05.
- 1354: pglib_opf_case1354_pegase, the branches that are loaded most in the plain optimum, of those
  whose loss islands no bus (`--chosen`), 1.5 times, m_q .01.
- states: pglib_opf_case118_ieee with 0, 1, 2, 4, 8 and 16 states in the model from the beginning,
  those of the outages that the plain optimum violates least; no screening.

A line is a process of its own, so that its peak of memory is its own. Seconds are those of `build`
and `solve` by the clock, the least of the repeats; imports and reading are not in them. Rounds are
those of screening, in which outages join or are dropped.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import environment

os.environ.update(environment.THREADS)

import numpy as np

import scopf
from benchmarks.bench import find
from scopf.network.outages import Outage
from scopf.procedures.screening import screen

PARTS = ("39", "118", "1354", "states")
STATES = (0, 1, 2, 4, 8, 16)
COLUMNS = ("case", "outages", "states", "dropped", "rounds", "status", "cost", "iterations",
           "seconds", "ratio", "memory_mb")  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One line of the table.

    Attributes:
        case: name of its file.
        lossless: whether resistances and shunts are left out.
        mq: droop of all inverters.
        outages: what is asked for: None, "n-1", "most loaded", or a number of states.
        chosen: how many are the most loaded.
        emergency: factor on rating A.
    """

    case: str
    lossless: bool
    mq: float
    outages: Any
    emergency: float
    chosen: int


def tasks(part: str, chosen: int) -> list[Task]:
    """The plain solve of a part, and the others."""
    case, lossless, mq, factor = {
        "39": ("case39", True, 0.1, 1.2),
        "118": ("pglib_opf_case118_ieee", False, 0.05, 1.5),
        "1354": ("pglib_opf_case1354_pegase", False, 0.01, 1.5),
        "states": ("pglib_opf_case118_ieee", False, 0.05, 1.5),
    }[part]
    asked: Any = {"1354": (None, "most loaded"), "states": STATES}.get(part, (None, "n-1"))
    return [Task(case, lossless, mq, outages, factor, chosen) for outages in asked]


def most_loaded(net: scopf.Network, plain: scopf.Solution, count: int) -> list[int]:
    """The branches that are loaded most, of those whose loss islands no bus."""
    table = plain.branches.sort_values("loading_percent", ascending=False)
    found: list[int] = []
    for number in table["branch"].tolist():
        left = Outage("", (number,)).network(net)
        if len(left.bus) == len(net.bus) and left.islands == net.islands:
            found.append(number)
        if len(found) == count:
            break
    return found


def least_violated(net: scopf.Network, task: Task) -> list[str]:
    """The outages that the plain optimum violates least, by screening."""
    inverters = scopf.Inverters.at_generators(net, mq=task.mq)
    problem = scopf.build(net, inverters, outages="n-1", emergency=task.emergency)
    plain = scopf.solve(scopf.build(net, inverters))
    ranked = sorted(screen(problem, plain), key=lambda one: one.violation)
    return [one.state for one in ranked]


def measured(task: Task, path: str, repeats: int, limit: float) -> dict[str, Any]:
    """A line: what came of it, seconds and memory; runs in a process of its own."""
    net = scopf.load_case(path).energized()
    net = net.lossless() if task.lossless else net
    inverters = scopf.Inverters.at_generators(net, mq=task.mq)
    scopf.solve(scopf.build(scopf.load_case("case9")))  # imports are on nobody's clock
    outages, together = task.outages, isinstance(task.outages, int)
    if outages == "most loaded":
        outages = most_loaded(net, scopf.solve(scopf.build(net, inverters)), task.chosen)
    elif together:
        outages = least_violated(net, task)[:outages] or None
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        problem = scopf.build(net, inverters, outages=outages, emergency=task.emergency)
        if together:
            problem.include(problem.scenario.outages)
        solution = scopf.solve(problem, time_limit=limit)
        seconds.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    screening = solution.screening
    return {
        **asdict(task), "case": net.name, "asked": task.outages,
        "outages": len(problem.scenario.outages), "states": len(solution.states) - 1,
        "dropped": len(solution.unsurvived),
        "rounds": int(screening["round"].max()) if len(screening) else 0,
        "status": str(solution.status), "cost": solution.cost if solution.solved else None,
        "iterations": solution.iterations, "seconds": min(seconds), "all_seconds": seconds,
        "memory_mb": peak,
    }  # fmt: skip


def text(line: dict[str, Any]) -> str:
    """A line of the table."""
    styles = {"cost": ".2f", "seconds": ".3g", "ratio": ".1f", "memory_mb": ".0f"}
    cells = [
        "" if line.get(key) is None else format(line[key], styles.get(key, "")) for key in COLUMNS
    ]
    return "| " + " | ".join(cells) + " |"


def growth(lines: list[dict[str, Any]]) -> str:
    """Seconds per network, intact one included, of the lines with states in the model."""
    count = np.array([line["states"] + 1 for line in lines])
    each = np.array([line["seconds"] for line in lines]) / count
    return ", ".join(f"{n}: {s:.3g}" for n, s in zip(count.tolist(), each.tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--chosen", type=int, default=30, help="outages of the large case")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--time-limit", type=float, default=600.0, help="per line, s")
    parser.add_argument("--data", type=Path, action="append", default=[], metavar="DIR")
    parser.add_argument("--out", type=Path, help="JSON file with every line and the environment")
    given = parser.parse_args()
    if os.environ.get("SCOPF_BENCH_DATA"):
        given.data.append(Path(os.environ["SCOPF_BENCH_DATA"]))
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + " --- |" * len(COLUMNS))
    place, found = environment.describe(), list[dict[str, Any]]()
    for part in given.parts:
        lines = list[dict[str, Any]]()
        for task in tasks(part, given.chosen):
            path = find(task.case, (task.case,), [environment.ROOT / "cases", *given.data])
            if path is None:
                print(f"| {task.case}: no such file; give its folder by --data |")
                break
            repeats = given.repeats if task.outages not in ("n-1", "most loaded") else 1
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
                call = measured, task, str(path), repeats, given.time_limit
                line = {"part": part, **process.submit(*call).result()}
            lines.append(line | {"ratio": line["seconds"] / (lines or [line])[0]["seconds"]})
            print(text(lines[-1]), flush=True)
        if part == "states" and lines:
            print(f"seconds per network, by their number: {growth(lines)}")
        found += lines
    if given.out:
        place["load_average_after"] = environment.load()
        result = {"environment": place, "lines": found}
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
