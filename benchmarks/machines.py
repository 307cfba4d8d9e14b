"""Splits of generators into machines and inverters against the plain solve, in one run.

    python -m benchmarks.machines [--parts 39 118 1354] [--splits N] [--repeats N] [--seed N]
                                  [--data DIR] [--out FILE]

Parts:

- 39: case39, lossless, m_q .1, machines as in case39_machines; for 1 to 9 machines `--splits`
  different sets of generators each, of a generator of random numbers with that seed, or all sets
  where there are no more.
- 118, 1354: pglib_opf_case118_ieee at m_q .05 and .4, and pglib_opf_case1354_pegase at .01 and .1;
  half of the generators are machines, with typical values on 1.2 times the largest limit of their
  powers and d = 2 p.u.; `--splits` sets of 118, one of 1354.

All other generators are inverters. In each round four arms are built and solved one after the
other:

- plain: the criterion none.
- constant: rows of weighted that take the machines' generators for constant power.
- field: rows of weighted with one-axis machines at constant field.
- avr: rows of weighted with regulators of K_A = 20 and T_a = .05 s, two sets.

Seconds are by the clock, build and solve together, the least of the rounds; `ratio` is that over
the plain one. `stable` is what eigenvalues say of the point with these devices: yes, "real" or
"swing" for what grows, or -- if they do not decide or were not asked; those of plain and constant
are with machines at constant field. It is not asked of 1354 buses. A line is a process of its own.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import multiprocessing
import os
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
from benchmarks.hours import timed
from scopf.dynamics.verification import verify

AVR = {"device": "avr", "ka": 20.0, "ta": 0.05}
ARMS = ("plain", "constant", "field", "avr")
PARTS = ("39", "118", "1354")
_VERIFIED = 1000  # buses up to which eigenvalues are computed


@dataclass(frozen=True)
class Task:
    """One line.

    Attributes:
        case: name of its file.
        mq: droop of all inverters.
        gens: numbers of the generators that are machines.
        lossless: whether resistances and shunts are left out.
    """

    case: str
    mq: float
    gens: tuple[int, ...]
    lossless: bool


def subsets(rng: np.random.Generator, gens: list[int], size: int, count: int) -> list[Any]:
    """Different sets of generators of this size, all of them if there are no more."""
    if math.comb(len(gens), size) <= count:
        return list(itertools.combinations(gens, size))
    found = set[tuple[int, ...]]()
    while len(found) < count:
        found.add(tuple(sorted(rng.choice(gens, size, replace=False).tolist())))
    return sorted(found)


def tasks(part: str, path: str, splits: int, seed: int) -> list[Task]:
    """The lines of a part."""
    rng, net = np.random.default_rng(seed), scopf.load_case(path).energized()
    gens: list[int] = net.gen.id[~net.gen.constant_pf].tolist()
    case = Path(path).stem
    if part == "39":
        sets = [s for size in range(1, len(gens)) for s in subsets(rng, gens, size, splits)]
        return [Task(case, 0.1, chosen, True) for chosen in sets]
    sets = subsets(rng, gens, len(gens) // 2, splits if part == "118" else 1)
    droops = (0.05, 0.4) if part == "118" else (0.01, 0.1)
    return [Task(case, mq, chosen, False) for mq in droops for chosen in sets]


def machines(net: scopf.Network, task: Task) -> pd.DataFrame:
    """The table of devices, at constant field."""
    gen = net.gen
    at = np.searchsorted(gen.id, task.gens)
    if task.case == "case39":
        table = scopf.devices_table("case39")
        return table[table["bus"].isin(gen.bus[at])]
    limits = np.abs([gen.pmin, gen.pmax, gen.qmin, gen.qmax])[:, at].max(axis=0)
    rating = np.maximum(1.2 * limits * net.base_mva, 1.0)
    return pd.DataFrame({"gen": task.gens, "device": "one-axis", "s_mva": rating, "d": 2.0})


def measured(task: Task, path: str, repeats: int, limit: float) -> dict[str, Any]:
    """A line; runs in a process of its own."""
    net = scopf.load_case(path).energized()
    net = net.lossless() if task.lossless else net
    inverters = scopf.Inverters.at_generators(net, without=list(task.gens), mq=task.mq)
    table = machines(net, task)
    given: dict[str, dict[str, Any]] = {
        "plain": {"criterion": "none", "devices": table},
        "constant": {"criterion": "weighted"},
        "field": {"criterion": "weighted", "devices": table},
        "avr": {"criterion": "weighted", "devices": table.assign(**AVR)},
    }

    def solved(arm: str) -> scopf.Solution:
        return scopf.solve(scopf.build(net, inverters, **given[arm]), time_limit=limit)

    small = scopf.load_case("case9")  # imports are not timed
    scopf.solve(scopf.build(small, criterion="weighted", devices=pd.DataFrame(
        {"gen": [1], "device": "avr", "s_mva": 400.0})))  # fmt: skip
    seconds, found = {arm: list[float]() for arm in ARMS}, dict[str, scopf.Solution]()
    for _ in range(repeats):
        for arm in ARMS:
            found[arm] = timed(seconds[arm], solved, arm)
    line: dict[str, Any] = {**asdict(task), "machines": len(task.gens)}
    for arm, solution in found.items():
        least = min(seconds[arm])
        line[arm] = {
            "status": str(solution.status), "iterations": solution.iterations, "seconds": least,
            "cost": solution.cost if solution.solved else None,
            "ratio": least / min(seconds["plain"]), "all_seconds": seconds[arm],
            "stable": checked(solution, found["field"]),
        }  # fmt: skip
    return line


def checked(solution: scopf.Solution, field: scopf.Solution) -> str:
    """Whether a point is stable, with its devices, or with those at constant field."""
    if not solution.solved or len(solution.setting.net.bus) > _VERIFIED:
        return "--"
    point, net = solution.point, solution.energized
    devices = solution.setting.devices or field.setting.devices
    power = point.pg, point.qg
    found = verify(net, solution.inverter_data, point.vm, point.va, devices, power=power)
    if found.stable is not False:
        return "yes" if found.stable else "--"
    assert found.spectrum is not None
    growing = found.spectrum.values[found.spectrum.values.real > found.spectrum.tolerance]
    return "real" if (np.abs(growing.imag) < 1e-6).any() else "swing"


def text(line: dict[str, Any]) -> str:
    """A line of the table: cost above the plain one, iterations, ratio and eigenvalues by arm."""
    plain, cells = line["plain"], [line["case"], line["mq"], line["machines"]]
    for arm in ARMS:
        of = line[arm]
        more = of["status"]
        if of["cost"] is not None:
            more = f"{round(of['cost'] - plain['cost'], 2) + 0.0:.2f}"
        time = f"{of['seconds']:.3f} s" if arm == "plain" else f"{of['ratio']:.2f}"
        cells.append(f"{more}, {of['iterations']}, {time}, {of['stable']}")
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--time-limit", type=float, default=120.0, help="per solve, s")
    parser.add_argument("--data", type=Path, action="append", default=[], metavar="DIR")
    parser.add_argument("--out", type=Path, help="JSON file with every line and the environment")
    given = parser.parse_args()
    if os.environ.get("SCOPF_BENCH_DATA"):
        given.data.append(Path(os.environ["SCOPF_BENCH_DATA"]))
    print("| case | m_q | machines | " + " | ".join(ARMS) + " |")
    print("|" + " --- |" * (3 + len(ARMS)))
    cases = {"39": "case39", "118": "pglib_opf_case118_ieee", "1354": "pglib_opf_case1354_pegase"}
    place, lines = environment.describe(), list[dict[str, Any]]()
    for part in given.parts:
        path = find(cases[part], (cases[part],), [environment.ROOT / "cases", *given.data])
        if path is None:
            print(f"| {cases[part]}: no such file; give its folder by --data |")
            continue
        for task in tasks(part, str(path), given.splits, given.seed):
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
                call = measured, task, str(path), given.repeats, given.time_limit
                lines.append({"part": part, **process.submit(*call).result()})
            print(text(lines[-1]), flush=True)
    if given.out:
        place["load_average_after"] = environment.load()
        result = {"environment": place, "seed": given.seed, "lines": lines}
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
