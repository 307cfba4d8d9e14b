"""Networks with random loads and costs: are they solved at once, and is a failure said quickly?

    python -m benchmarks.perturbed [--cases case39 300_ieee] [--seeds 2] [--data DIR]

Each load (P and Q alike) is multiplied by a factor of its own, uniform in 1 +- SPREAD, and all of
them by one uniform in LOAD; each unit's cost is multiplied by a factor that is log-uniform in COST.
Many such networks have no feasible point, and what a solve then does is half of the question. Every
network is solved as a user would, with no option but the criterion, in a process of its own, one
after the other; an infeasible one is diagnosed as well (`scopf.diagnose`), to see whether that
agrees. The numbers follow from the name of the case and the seed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import environment
from benchmarks.bench import count_buses, fill, find, run
from benchmarks.environment import ROOT
from benchmarks.study import folders

CASES = (
    "case9", "case14", "case30", "case39", "case57", "case118", "case300",
    "pglib_opf_case14_ieee", "pglib_opf_case30_ieee", "pglib_opf_case39_epri",
    "pglib_opf_case118_ieee", "pglib_opf_case300_ieee", "pglib_opf_case73_ieee_rts",
    "pglib_opf_case89_pegase", "pglib_opf_case162_ieee_dtc", "pglib_opf_case179_goc",
    "pglib_opf_case240_pserc", "pglib_opf_case588_sdet", "pglib_opf_case1354_pegase",
)  # fmt: skip
SPREAD, LOAD, COST = 0.4, (0.6, 1.4), (0.5, 2.0)


def main() -> None:
    parser = _parser()
    given = parser.parse_args()
    if given.worker:
        path, seed, diagnosed = given.worker
        print(json.dumps(solve(Path(path), int(seed), diagnosed == "1")))
        return
    result: dict[str, Any] = {
        "environment": environment.describe(),
        "command": f"python -m benchmarks.perturbed --seeds {given.seeds}",
        "runs": [],
    }
    out = given.out or ROOT / "benchmarks/results" / time.strftime("perturbed-%Y-%m-%d-%H%M.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    tasks = [(path, seed) for path in _files(given, parser) for seed in range(given.seeds)]
    with contextlib.suppress(KeyboardInterrupt):  # show what there is
        for path, seed in tqdm(tasks, unit="network", smoothing=0):
            words = [str(path), str(seed), "0" if given.no_diagnosis else "1"]
            command = [sys.executable, "-m", "benchmarks.perturbed", "--worker", *words]
            with tempfile.TemporaryDirectory() as scratch:
                one = run(command, given.timeout, scratch)
            result["runs"].append({"case": path.stem, "seed": seed} | one)
            out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print("\n" + table(result["runs"]) + "\n")
    if given.markdown:
        place = result["environment"]
        head = f"`{result['command']}`, {place['date']}, commit {place['commit']}."
        fill(given.markdown, f"{head}\n\n{table(result['runs'])}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, action="append", default=[], metavar="DIR",
                        help="folder with case files, searched with its subfolders")  # fmt: skip
    parser.add_argument("--cases", nargs="+", default=list(CASES), metavar="CASE",
                        help="names, paths; of the default ones those found")  # fmt: skip
    parser.add_argument("--seeds", type=int, default=2, help="networks of each case")
    parser.add_argument("--no-diagnosis", action="store_true", help="do not diagnose failures")
    parser.add_argument("--timeout", type=float, default=300.0, metavar="S", help="per network")
    parser.add_argument("--out", type=Path, help="JSON file")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table here")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    return parser


def _files(given: argparse.Namespace, parser: argparse.ArgumentParser) -> list[Path]:
    places = folders(given.data)
    found = []
    for name in given.cases:
        path = find(name, (name, f"pglib_opf_case{name}", f"pglib_opf_{name}"), places)
        if path is None and name not in CASES:
            parser.error(f"no case file {name!r}; give its folder by --data")
        found += [] if path is None else [path]
    return sorted(found, key=count_buses)


def perturbed(path: Path, seed: int) -> Any:
    """The network of a case file with random loads and costs."""
    import numpy as np

    import scopf

    net = scopf.load_case(path, ignore_unsupported=True)
    dice = np.random.default_rng([zlib.crc32(path.stem.encode()), seed])
    load = dice.uniform(1.0 - SPREAD, 1.0 + SPREAD, len(net.bus)) * dice.uniform(*LOAD)
    cost = np.exp(dice.uniform(*np.log(COST), len(net.gen)))
    units = {"cost_p": net.gen.cost_p * cost[:, None]}
    if net.gen.cost_p_points.size:
        points = net.gen.cost_p_points.copy()
        points[:, :, 1] *= cost[:, None]
        units["cost_p_points"] = points
    return net.replace(bus={"pd": net.bus.pd * load, "qd": net.bus.qd * load}, gen=units)


def solve(path: Path, seed: int, diagnosed: bool) -> dict[str, Any]:
    """Solve one network, and diagnose it if that has failed."""
    import scopf

    problem = scopf.build(perturbed(path, seed), criterion="none")
    began = time.process_time()
    found = scopf.solve(problem)
    seconds = time.process_time() - began
    result: dict[str, Any] = {
        "status": str(found.status),
        "message": found.message,
        "iterations": found.iterations,
        "cpu_s": seconds,
        "objective": found.cost if found.status.solved else None,
        "attempts": [[a.name, str(a.status), a.iterations] for a in found.attempts],
    }
    if diagnosed and not found.status.solved:
        began = time.process_time()
        said = scopf.diagnose(problem, max_solves=1)
        result |= {"feasible": said.feasible, "diagnosis_cpu_s": time.process_time() - began}
    return result


# -- results -----------------------------------------------


def table(runs: list[dict[str, Any]]) -> str:
    """A table of the networks that took more than one attempt, and a line on all of them."""
    head = ["case", "seed", "status", "attempts", "iterations", "CPU s", "diagnosis", "agrees"]
    rows = [head, ["---"] * len(head)]
    for one in runs:
        attempts = one.get("attempts") or []
        if one["status"] == "optimal" and len(attempts) == 1:
            continue
        said = {True: "feasible", False: "conflict"}.get(one.get("feasible"), "-")
        agrees = {
            "feasible": one["status"] != "infeasible",
            "conflict": one["status"] == "infeasible",
        }
        rows.append([
            one["case"].removeprefix("pglib_opf_"), str(one["seed"]), one["status"],
            str(len(attempts)), str(one.get("iterations", "-")),
            f"{one['cpu_s']:.2f}" if "cpu_s" in one else "-", said,
            {True: "yes", False: "no"}.get(agrees.get(said), "-"),
        ])  # fmt: skip
    return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), "", _summary(runs)])


def _summary(runs: list[dict[str, Any]]) -> str:
    statuses = Counter(one["status"] for one in runs)
    at_once = sum(one["status"] == "optimal" and len(one["attempts"]) == 1 for one in runs)
    failed = [one for one in runs if one["status"] != "optimal" and "iterations" in one]
    text = f"{len(runs)} networks, {at_once} solved at the first attempt; " + ", ".join(
        f"{count} {status}" for status, count in statuses.most_common()
    )
    if failed:
        each = [one["iterations"] for one in failed]
        text += (
            f"; those without a solution took {min(each)} to {max(each)} iterations, median "
            f"{statistics.median(each):g}, {sum(one['cpu_s'] for one in failed):.1f} s of CPU"
        )
    return text + "."


if __name__ == "__main__":
    main()
