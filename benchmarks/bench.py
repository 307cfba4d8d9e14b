"""scopf against its peers, in one go on one machine: `make bench`.

    python -m benchmarks.bench [--cases 39 118] [--arms scopf casadi] [--repeats 3] [--data DIR]

Each arm solves each task in a process of its own, one after the other, arms interleaved. See
benchmarks/README.md for what the columns mean and what is not a fair comparison.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import environment, table
from benchmarks.environment import ROOT

ARMS = (
    *("scopf", "scopf_library", "scopf_tuned"),
    *("pyoptinterface", "casadi", "pandapower", "pypower", "octave"),
)
HERE = Path(__file__).resolve().parent
# Names of the case of each size, the first that is found is taken.
SIZES = {
    "39": ("pglib_opf_case39_epri",),
    "118": ("pglib_opf_case118_ieee",),
    "300": ("pglib_opf_case300_ieee",),
    "1354": ("pglib_opf_case1354_pegase",),
    "2869": ("pglib_opf_case2869_pegase",),
    "9241": ("pglib_opf_case9241_pegase", "case9241pegase"),
    "10000": ("pglib_opf_case10000_goc",),
}
# Droops for the stability rows. 0.01 leaves them slack up to 300 buses and binds a little on 1354
# and 2869; the second one binds. On 9241 buses no optimum was found with 0.003 in two minutes.
DROOP = (0.01,)
DROOPS = {
    "pglib_opf_case39_epri": (0.01, 0.5),
    "pglib_opf_case118_ieee": (0.01, 0.1),
    "pglib_opf_case9241_pegase": (0.001,),
    "case9241pegase": (0.001,),
}
NONE = "none"


@dataclass(frozen=True)
class Task:
    """One problem. `path` is None where no case file was found."""

    case: str
    path: Path | None
    buses: int
    criterion: str
    mq: float | None

    @property
    def name(self) -> str:
        return self.case if self.mq is None else f"{self.case}, {self.criterion}, mq {self.mq:g}"


def main() -> None:
    given = _arguments()
    found = tasks(given)
    result: dict[str, Any] = {
        "environment": environment.describe(),
        "settings": {
            "arms": given.arms,
            "repeats": given.repeats,
            "timeout": given.timeout,
            "peer_options": given.peer_options,
        },
        "runs": [],
    }
    out = given.out or HERE / "results" / time.strftime("%Y-%m-%d-%H%M.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(KeyboardInterrupt):  # show what there is
        measure(found, given, result["runs"], lambda: save(result, out))
    save(result, out)
    print()
    print(table.text(result["blocks"], given.arms))
    print(f"{_shown(out)} has every run and the environment.")
    if given.markdown:
        fill(given.markdown, table.markdown(result))
        print(f"{_shown(given.markdown)} has the tables.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", default=list(SIZES), metavar="CASE",
                        help="sizes (39 118 300 ...), names or .m files")  # fmt: skip
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--criterion", nargs="+", default=[NONE, "voltage-difference"],
                        choices=(NONE, "voltage-difference"))  # fmt: skip
    parser.add_argument("--mq", nargs="+", type=float, metavar="M",
                        help="droops for the stability rows (default: small enough for each case,\n"
                             "and binding ones on 39 and 118 buses)")  # fmt: skip
    parser.add_argument("--timeout", type=float, default=900.0, metavar="S", help="per run")
    parser.add_argument("--peer-options", choices=("ours", "ipopt"), default="ours",
                        help="Ipopt options of the peers: scopf's, or Ipopt's own (with our "
                             "tolerance)")  # fmt: skip
    parser.add_argument("--data", type=Path, action="append", default=[], metavar="DIR",
                        help="folder with case files, searched with its subfolders; also the\n"
                             "environment variable SCOPF_BENCH_DATA")  # fmt: skip
    parser.add_argument("--out", type=Path, help="JSON file (benchmarks/results/DATE.json)")
    parser.add_argument("--markdown", type=Path, metavar="FILE",
                        help="write the tables here, between <!-- table --> and <!-- /table -->\n"
                             "where the file has these")  # fmt: skip
    given = parser.parse_args()
    if given.repeats < 1:
        parser.error("--repeats must be 1 or more")
    if os.environ.get("SCOPF_BENCH_DATA"):
        given.data.append(Path(os.environ["SCOPF_BENCH_DATA"]))
    missing = [str(folder) for folder in given.data if not folder.is_dir()]
    if missing:
        parser.error(f"no such folder: {', '.join(missing)}")
    return given


# -- tasks -----------------------------------------------


def tasks(given: argparse.Namespace) -> list[Task]:
    """Every case with every criterion, small cases first."""
    found = []
    for wanted in given.cases:
        names = SIZES.get(wanted, (Path(wanted).stem,))
        path = find(wanted, names, [ROOT / "cases", *given.data])
        case = path.stem if path else names[0]
        buses = count_buses(path) if path else int(re.sub(r"\D", "", wanted) or 0)
        for criterion in given.criterion:
            droops: list[float | None] = [None]
            if criterion != NONE:
                droops = given.mq or list(DROOPS.get(case, DROOP))
            found += [Task(case, path, buses, criterion, mq) for mq in droops]
    return sorted(found, key=lambda task: task.buses)


def find(wanted: str, names: tuple[str, ...], folders: list[Path]) -> Path | None:
    """The file that `wanted` is, or the first file of one of the names."""
    if wanted.endswith(".m"):
        path = Path(wanted).resolve()
        return path if path.is_file() else None
    for name in names:
        for folder in folders:
            for path in sorted(folder.rglob(f"{name}.m")):
                return path.resolve()
    return None


def count_buses(path: Path) -> int:
    """Rows of a case file's bus table."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    body = re.search(r"mpc\.bus\s*=\s*\[(.*?)\]", text, re.DOTALL)
    rows = (line.partition("%")[0].strip() for line in body[1].splitlines()) if body else ()
    return sum(bool(row) for row in rows)


# -- runs -----------------------------------------------


def measure(found: list[Task], given: argparse.Namespace, runs: list[dict[str, Any]], keep) -> None:
    """Run everything, arms interleaved; what cannot work is not repeated."""
    given_up: dict[tuple[str, str], str] = {}
    beaten: dict[tuple[str, str], int] = {}  # buses of the smallest case that took too long
    bar = tqdm(total=given.repeats * len(found) * len(given.arms), unit="run", smoothing=0)
    for repeat in range(given.repeats):
        for task in found:
            shift = repeat % len(given.arms)
            for arm in [*given.arms[shift:], *given.arms[:shift]]:
                bar.set_postfix_str(f"{arm} on {task.name}")
                if (arm, task.name) not in given_up:
                    run = attempt(arm, task, given, beaten)
                    runs.append(_head(task, arm, repeat) | run)
                    if run["status"] != "optimal":
                        given_up[arm, task.name] = run["status"]
                    if run["status"] == "out of time":
                        kind = arm, task.criterion
                        beaten[kind] = min(task.buses, beaten.get(kind, task.buses))
                    keep()
                bar.update()
    bar.close()


def _head(task: Task, arm: str, repeat: int) -> dict[str, Any]:
    return {
        "task": task.name, "case": task.case, "buses": task.buses, "criterion": task.criterion,
        "mq": task.mq, "arm": arm, "repeat": repeat,
    }  # fmt: skip


def attempt(
    arm: str, task: Task, given: argparse.Namespace, beaten: dict[tuple[str, str], int]
) -> dict[str, Any]:
    """One run, or why there is none."""
    if task.path is None:
        text = "give its folder by --data or SCOPF_BENCH_DATA"
        return {"status": "no case file", "message": text}
    least = beaten.get((arm, task.criterion), task.buses)
    if task.buses > least:
        return {"status": "not tried", "message": f"out of time on {least} buses"}
    command = [sys.executable, "-m", f"benchmarks.arms.{arm}", str(task.path)]
    command += ["--criterion", task.criterion]
    command += [] if task.mq is None else ["--mq", str(task.mq)]
    command += ["--tuned"] if given.peer_options == "ours" else []
    with tempfile.TemporaryDirectory() as folder:  # an arm that is killed leaves its files here
        return run(command, given.timeout, folder)


def run(command: list[str], timeout: float, folder: str) -> dict[str, Any]:
    """Run an arm and read the JSON line that it ends with."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | environment.THREADS | {"TMPDIR": folder},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _end(process)
        return {"status": "out of time", "message": f"more than {timeout:g} s"}
    except BaseException:
        _end(process)
        raise
    wall = time.perf_counter() - began
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if process.returncode or not lines:
        last = (errors.strip() or output.strip() or f"exit {process.returncode}").splitlines()[-1]
        return {"status": "crashed", "message": last.replace(str(ROOT), ".")}
    return json.loads(lines[-1]) | {"process": wall}


def _end(process: subprocess.Popen[str]) -> None:
    """End an arm and what it has started, which share a process group of their own."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()


# -- results -----------------------------------------------


def save(result: dict[str, Any], out: Path) -> None:
    """Write the JSON file again, with medians, versions and the load at the end."""
    runs = result["runs"]
    versions: dict[str, str] = {}
    for one in runs:
        versions |= one.get("versions", {})
        versions |= {name: one[name] for name in ("octave", "mips") if name in one}
    libraries = sorted({path for one in runs for path in one.get("libipopt", ())})
    result["versions"] = dict(sorted(versions.items()))
    result["libipopt"] = libraries
    result["ipopt"] = _ipopt_version()
    result["environment"]["load_average_at_end"] = environment.load()
    result["blocks"] = table.summarise(runs, published())
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def published() -> dict[str, float]:
    """Published optima by case, in the case's currency per hour."""
    with (HERE / "published.csv").open(encoding="utf-8", newline="") as file:
        return {row["case"]: float(row["cost_per_h"]) for row in csv.DictReader(file)}


def _ipopt_version() -> str | None:
    try:
        from cyipopt import IPOPT_VERSION
    except ImportError:
        return None
    return ".".join(map(str, IPOPT_VERSION))


def fill(page: Path, tables: str) -> None:
    """Put the tables between a page's marks, or make a page of them."""
    begin, end = "<!-- table -->", "<!-- /table -->"
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    if begin in old and end in old:
        before, rest = old.split(begin, 1)
        tables = f"{before}{begin}\n{tables}{end}{rest.split(end, 1)[1]}"
    page.write_text(tables, encoding="utf-8")


def _shown(path: Path) -> str:
    path = path.resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    main()
