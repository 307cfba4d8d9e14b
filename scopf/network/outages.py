"""Outages of branches and generators: as they are asked for, and the network after one."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.errors import CaseError, Fault, ScopfError, nearest
from scopf.network import contingencies, csvtable
from scopf.network.network import Network

if TYPE_CHECKING:
    import pandas as pd

_ELEMENT = re.compile(r"(branch|gen)\s*(\d{1,18})", re.ASCII)
_ALL = {"n-1": ("branch",), "n-1-gens": ("gen",), "n-1-all": ("branch", "gen")}
INTACT = "intact"  # name of the state without an outage
WORDS = tuple(_ALL)
FILES = (".csv", ".con")
_COLUMNS = ("name", "out", "emergency", "voltage_band", "frequency_band")

Given = Any
"""A list of branch numbers, names ("gen 3") and tuples of them, "n-1", a table, or a .con file."""


@dataclass(frozen=True)
class Outage:
    """Elements that are lost together.

    Attributes:
        name: for users: "branch 6", "gen 3", "branch 6 + gen 3", or their own.
        branches: ids of the branches.
        gens: ids of the generators.
        emergency, voltage_band, frequency_band: its own limits; None for those of all.
    """

    name: str
    branches: tuple[int, ...] = ()
    gens: tuple[int, ...] = ()
    emergency: float | None = None
    voltage_band: float | None = None
    frequency_band: float | None = None

    def leaves_generation(self, net: Network) -> bool:
        """Whether any generator of an energized network is left."""
        return bool((~np.isin(net.gen.id, self.gens)).any())

    def is_of(self, net: Network) -> bool:
        """Whether all that is lost is in service in an energized network."""
        of = (self.branches, net.branch.id), (self.gens, net.gen.id)
        return all(bool(np.isin(ids, there).all()) for ids, there in of)

    def network(self, net: Network) -> Network:
        """The energized network without these elements."""
        return self.applied(net).energized()

    def applied(self, net: Network) -> Network:
        """The network with these elements out of service."""
        changed = {}
        for key, ids in (("branch", self.branches), ("gen", self.gens)):
            table: Any = net.tables[key]
            if ids:
                changed[key] = {"in_service": table.in_service & ~np.isin(table.id, ids)}
        return net.replace(**changed)


def read(given: Given, net: Network) -> list[Outage]:
    """Outages as a user asks for them.

    Args:
        given: a list of branch numbers, names as "gen 3", tuples of them (lost together) or
            outages that were read before; "n-1" (every branch), "n-1-gens", "n-1-all"; a
            contingency file of PSS/E (.con); or a table (CSV file or DataFrame) with the columns
            `name`, `out` (elements joined by +), `emergency`, `voltage_band` and `frequency_band`,
            all but one of the first two optional.
        net: the network; elements out of service count only where circuits and machines of a .con
            file have no identifiers, and are numbered.

    Raises:
        ScopfError: when it is none of these.
        CaseError: listing every outage that there cannot be.
    """
    if _suffix(given) == ".con":
        return _of_contingencies(given, net)
    net = net.energized()
    if isinstance(given, str) and given in _ALL:
        rows = [(kind, number) for kind in _ALL[given] for number in net.tables[kind].id.tolist()]
        return [
            Outage(f"{kind} {k}", (k,) if kind == "branch" else (), (k,) if kind == "gen" else ())
            for kind, k in rows
        ]
    if isinstance(given, int) or (
        isinstance(given, str) and all(_element(one)[0] for one in _parts(given))
    ):
        given = [given]
    if isinstance(given, str) and _suffix(given) != ".csv":
        near = nearest(given, _ALL)
        hint = f"; did you mean {near!r}?" if near else ""
        kinds = '"n-1", "n-1-gens", "n-1-all"'
        raise ScopfError(f"outages: {given!r} is none of {kinds}{hint}; files are .csv or .con")
    if isinstance(given, str) or hasattr(given, "columns") or hasattr(given, "__fspath__"):
        return _of_table(given, net)
    if not isinstance(given, Iterable):
        raise ScopfError(f"outages: must be a list, a table or a text, not {type(given).__name__}")
    return _checked([(str(k), *_row(one)) for k, one in enumerate(given, 1)], net, "outages")


_KINDS = ("branch", "gen")


def _row(given: Any) -> tuple[list[Any], str, dict[str, Any]]:
    """Elements, name and limits of its own."""
    if not isinstance(given, Outage):
        return _parts(given), "", {}
    out = [*given.branches, *(f"gen {number}" for number in given.gens)]
    limits = {name: getattr(given, name) for name in _COLUMNS[2:]}
    return out, given.name, {name: x for name, x in limits.items() if x is not None}


def _suffix(given: Given) -> str:
    """Suffix of the name of a file; "" for what is none."""
    if not isinstance(given, str) and not hasattr(given, "__fspath__"):
        return ""
    return os.path.splitext(os.fsdecode(os.fspath(given)))[1].lower()


def _of_contingencies(given: str | os.PathLike[str], net: Network) -> list[Outage]:
    found, names = list[Outage](), set[str]()
    for one in contingencies.read(given, net):
        members = [f"branch {k}" for k in one.branches] + [f"gen {k}" for k in one.gens]
        name = one.name or " + ".join(members)
        if name in names:
            text = f"{name} is the name of a contingency, and of an outage by SINGLE or its like"
            raise CaseError(os.fspath(given), [Fault(text)])
        names.add(name)
        found.append(Outage(name, one.branches, one.gens))
    return found


def _parts(given: Any) -> list[Any]:
    if isinstance(given, str):
        return [part.strip() for part in given.split("+")]
    return list(given) if isinstance(given, (tuple, list)) else [given]


def _of_table(given: str | os.PathLike[str] | pd.DataFrame, net: Network) -> list[Outage]:
    cells = csvtable.read(given, "outages")
    faults = [*cells.faults, *csvtable.twice(cells.header)]
    for name in cells.header:
        if name not in _COLUMNS:
            faults.append(Fault(f"there is no column {name}; there are {', '.join(_COLUMNS)}"))
    if not {"name", "out"} & set(cells.header):
        faults.append(Fault("needs a column `out`, elements joined by +, or `name`"))
    if faults:
        raise CaseError(cells.source or "outages", faults)
    rows = []
    for number, values in enumerate(cells.values(), 1):
        row = dict(zip(cells.header, values, strict=True))
        numbers = {key: row[key] for key in _COLUMNS[2:] if row.get(key) is not None}
        name = "" if row.get("name") is None else str(row["name"])
        out = row.get("out") if row.get("out") is not None else name
        rows.append((f"row {number}", _parts(out), name, numbers))
    return _checked(rows, net, cells.source or "outages")


def _checked(
    rows: list[tuple[str, list[Any], str, dict[str, Any]]], net: Network, source: str
) -> list[Outage]:
    """Outages of rows: where it stands, elements, name, limits of its own."""
    known = {key: set(net.tables[key].id.tolist()) for key in _KINDS}
    found, faults, names = list[Outage](), list[Fault](), set[str]()
    lost = set[frozenset[str]]()
    for where, parts, name, numbers in rows:
        out: dict[str, list[int]] = {"branch": [], "gen": []}
        for part in parts:
            kind, number = _element(part)
            if not kind:
                text = f"{part!r} is no element: give a branch number, or a name as 'gen 3'"
                faults.append(Fault(f"{where}: {text}"))
            elif number not in known[kind]:
                faults.append(Fault(f"{where}: there is no {kind} {number} in service"))
            else:
                out[kind].append(number)
        faults += [Fault(f"{where}: {text}") for text in _misfits(numbers)]
        if not parts:
            faults.append(Fault(f"{where}: nothing is lost"))
        ids = {kind: list(dict.fromkeys(out[kind])) for kind in _KINDS}
        members = [f"{kind} {number}" for kind in _KINDS for number in ids[kind]]
        name = name or " + ".join(members)
        if name in names or (members and frozenset(members) in lost):
            faults.append(Fault(f"{where}: {name} is there twice"))
        if name == INTACT:
            faults.append(Fault(f"{where}: {name} is the name of the state without an outage"))
        names.add(name)
        lost.add(frozenset(members))
        found.append(Outage(name, tuple(ids["branch"]), tuple(ids["gen"]), **numbers))
    if faults:
        raise CaseError(source, faults)
    return found


def _misfits(numbers: dict[str, Any]) -> Iterator[str]:
    """What is wrong with limits of an outage's own."""
    for key, value in numbers.items():
        least = "above zero" if key == "emergency" else "zero or more"
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not fits or not 0 <= value < math.inf or (key == "emergency" and not value):
            yield f"{key} must be a number, {least}, got {value!r}"


def _element(given: Any) -> tuple[str, int]:
    """Kind and number of an element; "" for what is none."""
    if isinstance(given, (int, np.integer)) and not isinstance(given, bool):
        return "branch", int(given)
    if isinstance(given, (float, np.floating)) and given == int(given):
        return "branch", int(given)
    text = str(given).strip()
    if text.isdecimal():
        return "branch", int(text)
    match = _ELEMENT.fullmatch(text)
    return (match[1], int(match[2])) if match else ("", 0)
