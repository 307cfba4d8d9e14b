"""Dispatches of several hours against the plain solve of one, in one run.

    python -m benchmarks.hours [--parts 39 118 300 1354] [--repeats N] [--data DIR] [--out FILE]

Parts:

- 39: case39, lossless, m_q .2, three storages with m_q .1; 1, 2, 6, 24, 72 and 168 hours.
- 118: pglib_opf_case118_ieee, m_q .05, five storages with m_q .05; 1, 6 and 24 hours.
- 300, 1354: pglib_opf_case300_ieee and pglib_opf_case1354_pegase, m_q .01, five storages; 1, 6
  and 24, and 1, 2 and 6 hours.

Loads follow the winter week of the IEEE Reliability Test System (1979), from its highest hour on,
which is Tuesday's peak; a generator may change by a quarter of its Pmax within an hour. Storages
have 2 % of the load of the network together as their power, four hours of it as their energy,
efficiencies of .95 each way, and stand at the buses with the largest loads.

A line is a process of its own, so that its peak of memory, up to the end of the first solve, is its
own. In each round the plain network, its loads as they are and without storage, and the hours are
built and solved one after the other; `ratio` is the least seconds of the hours over those of the
plain network times the number of hours. `warm` and `cold` solve again after an `update` of the
loads to 99 %, from the solution and from the default start, compiled as it was. Seconds are by the
clock, the least of the rounds: as many as `--repeats` says, and more within 20 s.
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
import pandas as pd

import scopf
from benchmarks.bench import find

WEEKDAY = (67, 63, 60, 59, 59, 60, 74, 86, 95, 96, 96, 95,
           95, 95, 93, 94, 99, 100, 100, 96, 91, 83, 73, 63)  # fmt: skip
WEEKEND = (78, 72, 68, 66, 64, 65, 66, 70, 80, 88, 90, 91,
           90, 88, 87, 87, 91, 100, 99, 97, 94, 92, 87, 81)  # fmt: skip
DAYS = (93, 100, 98, 96, 94, 77, 75)  # Monday first
_LONG, _MOST = 20.0, 20  # s and rounds of a line that are made where they are short
PARTS = ("39", "118", "300", "1354")
COLUMNS = ("case", "hours", "status", "iterations", "plain_iterations", "build",
           "solve", "plain", "ratio", "warm_iterations", "warm", "cold_iterations", "cold",
           "memory_mb")  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One line of the table.

    Attributes:
        case: name of its file.
        hours: how many.
        lossless: whether resistances and shunts are left out.
        mq: droop of all inverters.
        storages: how many.
        mq_storage: their droop.
    """

    case: str
    hours: int
    lossless: bool
    mq: float
    storages: int
    mq_storage: float


def tasks(part: str) -> list[Task]:
    """The lines of a part."""
    case, counts, *others = {
        "39": ("case39", (1, 2, 6, 24, 72, 168), True, 0.2, 3, 0.1),
        "118": ("pglib_opf_case118_ieee", (1, 6, 24), False, 0.05, 5, 0.05),
        "300": ("pglib_opf_case300_ieee", (1, 6, 24), False, 0.01, 5, 0.01),
        "1354": ("pglib_opf_case1354_pegase", (1, 2, 6), False, 0.01, 5, 0.01),
    }[part]
    return [Task(case, count, *others) for count in counts]


def curve(count: int) -> list[float]:
    """Load factors of the hours from Tuesday's peak on, which is the week's."""
    days = [np.array(WEEKDAY if day < 5 else WEEKEND) * DAYS[day] / 1e4 for day in range(7)]
    week = np.concatenate(days)
    return np.roll(week, -int(np.argmax(week)))[:count].tolist()


def storage(net: scopf.Network, task: Task) -> pd.DataFrame:
    """Storages at the buses with the largest loads."""
    load = net.bus.pd * net.base_mva
    power, n = round(0.02 * float(load.sum()) / task.storages, 1), task.storages
    at = np.sort(np.argsort(-load, kind="stable")[:n])
    columns = {
        "p_mw": power,
        "e_mwh": 4 * power,
        "eta_c": 0.95,
        "eta_d": 0.95,
        "s_mva": 1.2 * power,
    }
    return pd.DataFrame({"bus": net.bus.id[at], **columns, "mq": task.mq_storage})


def timed(into: list[float], call: Any, *arguments: Any, **keywords: Any) -> Any:
    """What a call returns; its seconds are put into a list."""
    began = time.perf_counter()
    found = call(*arguments, **keywords)
    into.append(time.perf_counter() - began)
    return found


def measured(task: Task, path: str, repeats: int, limit: float) -> dict[str, Any]:
    """A line; runs in a process of its own."""
    net = scopf.load_case(path).energized()
    net = net.lossless() if task.lossless else net
    inverters = scopf.Inverters.at_generators(net, mq=task.mq)
    units = storage(net, task)
    quarter = 0.25 * np.maximum(net.gen.pmax, 0.0) * net.base_mva
    ramps = dict(zip(net.gen.id.tolist(), quarter.tolist(), strict=True))
    given = {"hours": curve(task.hours), "storage": units, "ramps": ramps}
    scopf.solve(scopf.build(scopf.load_case("case9"), hours=[1, 1]))  # imports are not timed

    def alone() -> scopf.Solution:
        return scopf.solve(scopf.build(net, inverters), time_limit=limit)

    seconds = {name: list[float]() for name in ("plain", "build", "solve", "warm", "cold")}
    rounds, peak, until = 0, 0.0, time.perf_counter() + _LONG
    while rounds < repeats or (time.perf_counter() < until and rounds < _MOST):
        plain = timed(seconds["plain"], alone)
        problem = timed(seconds["build"], scopf.build, net, inverters, **given)
        solution = timed(seconds["solve"], scopf.solve, problem, time_limit=limit)
        peak = peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        problem.update(load_scale=0.99)
        warm = timed(seconds["warm"], scopf.solve, problem, start=solution, time_limit=limit)
        cold = timed(seconds["cold"], scopf.solve, problem, time_limit=limit)
        rounds += 1
    least = {name: min(all_of) for name, all_of in seconds.items()}
    whole = least["build"] + least["solve"]
    return {
        **asdict(task), "case": net.name,
        "status": str(solution.status), "cost": solution.cost if solution.solved else None,
        "plain_cost": plain.cost, "iterations": solution.iterations,
        "plain_iterations": plain.iterations, **least, "ratio": whole / least["plain"] / task.hours,
        "warm_iterations": warm.iterations, "cold_iterations": cold.iterations,
        "same": warm.solved and cold.solved and abs(warm.cost / cold.cost - 1) < 1e-6,
        "all_seconds": seconds,
        "memory_mb": peak,
    }  # fmt: skip


def text(line: dict[str, Any]) -> str:
    """A line of the table."""
    styles = dict.fromkeys(("build", "solve", "plain", "warm", "cold"), ".3g")
    styles |= {"ratio": ".2f", "memory_mb": ".0f"}
    return "| " + " | ".join(format(line[key], styles.get(key, "")) for key in COLUMNS) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--time-limit", type=float, default=600.0, help="per solve, s")
    parser.add_argument("--data", type=Path, action="append", default=[], metavar="DIR")
    parser.add_argument("--out", type=Path, help="JSON file with every line and the environment")
    given = parser.parse_args()
    if os.environ.get("SCOPF_BENCH_DATA"):
        given.data.append(Path(os.environ["SCOPF_BENCH_DATA"]))
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + " --- |" * len(COLUMNS))
    place, lines = environment.describe(), list[dict[str, Any]]()
    for part in given.parts:
        for task in tasks(part):
            path = find(task.case, (task.case,), [environment.ROOT / "cases", *given.data])
            if path is None:
                print(f"| {task.case}: no such file; give its folder by --data |")
                break
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
                call = measured, task, str(path), given.repeats, given.time_limit
                lines.append({"part": part, **process.submit(*call).result()})
            print(text(lines[-1]), flush=True)
    if given.out:
        place["load_average_after"] = environment.load()
        result = {"environment": place, "lines": lines}
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
