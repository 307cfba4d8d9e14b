"""The cases that come with the package."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scopf.network.network import Network

# In an installed wheel the cases lie inside the package, in a checkout at its top.
_HERE = Path(__file__).resolve()
_FOLDERS = (_HERE.parent / "data", _HERE.parents[2] / "cases")


@dataclass(frozen=True)
class Entry:
    """One bundled case: its name, file and attribution."""

    name: str
    path: Path
    title: str
    source: str


@cache
def entries() -> dict[str, Entry]:
    """Every bundled case by name, smaller names first within each family."""
    folder = next(folder for folder in _FOLDERS if folder.is_dir())
    found = [_entry(path) for path in folder.glob("*.m")]
    return {entry.name: entry for entry in sorted(found, key=_rank)}


def names() -> list[str]:
    """Names of the bundled cases."""
    return list(entries())


@cache
def studies() -> dict[str, Path]:
    """Specs of the bundled studies by name."""
    folder = next(folder for folder in _FOLDERS if folder.is_dir())
    return {path.stem: path for path in sorted((folder / "studies").glob("*.toml"))}


@cache
def device_tables() -> dict[str, Path]:
    """Tables of devices of the bundled cases by name."""
    folder = next(folder for folder in _FOLDERS if folder.is_dir())
    return {path.stem: path for path in sorted(folder.glob("*.csv"))}


def find(name: str) -> str:
    """The full name of a bundled case; PGLib's may leave out their prefix. "" when unknown."""
    return next((full for full in (name, f"pglib_opf_{name}") if full in entries()), "")


def similar(name: str) -> str:
    """The bundled case whose name is nearest to `name`, or "" when none is near."""
    return next(iter(difflib.get_close_matches(name, names(), n=1, cutoff=0.7)), "")


@cache
def load(name: str) -> Network:
    """Read a bundled case."""
    from scopf.cases import matpower  # not for names alone, which a shell's completion asks for

    return matpower.read(entries()[name].path)


def _entry(path: Path) -> Entry:
    with path.open(encoding="utf-8") as file:
        head = [next(file, "").lstrip("%").strip() for _ in range(3)]
    return Entry(path.stem, path, title=head[1], source=head[2])


def _rank(entry: Entry) -> tuple[str, int, str]:
    family, _, rest = entry.name.partition("case")
    digits = "".join(c for c in rest.split("_")[0] if c.isdigit())
    return family, int(digits or 0), rest
