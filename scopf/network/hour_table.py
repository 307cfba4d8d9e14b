"""The table of hours: its columns, what their cells may be, and every fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats, plain
from scopf.errors import CaseError, Fault, ScopfError, listing, nearest
from scopf.network import csvtable
from scopf.network.csvtable import Cells
from scopf.network.load_series import TIMES, factor_column

if TYPE_CHECKING:
    from scopf.network.network import Network

HOUR, DURATION = "hour", "duration_h"
_SOURCE = "hours"  # a table that is no file, in messages
_OWN = re.compile(r"(?P<name>[a-z_]+)_(?P<number>[0-9]{1,18})")
_DATES = ("DatetimeIndex", "PeriodIndex")


@dataclass(frozen=True)
class Kind:
    """A column, or columns that have one for each bus or generator.

    Attributes:
        owner: "bus" or "gen" where each has its own, p_mw_12; "" where there are none.
        for_all: whether there is one for all: load_scale.
        text: meaning of a number in it; "" where every finite one is allowed.
        holds: whether a number is in it.
        excludes: columns that say the same of an owner.
    """

    owner: str
    for_all: bool = False
    text: str = ""
    holds: Callable[[float], bool] = lambda _: True
    excludes: tuple[str, ...] = ()


KINDS = {
    DURATION: Kind("", True, "a positive number", lambda v: v > 0),
    "load_scale": Kind("bus", True, "a number, not negative", lambda v: v >= 0),
    "p_mw": Kind("bus", excludes=("load_scale",)),
    "q_mvar": Kind("bus", excludes=("load_scale",)),
    "availability": Kind("gen", text="a number from 0 to 1", holds=lambda v: 0 <= v <= 1),
    "pmin_mw": Kind("gen"),
    "pmax_mw": Kind("gen", excludes=("availability",)),
    "cost_factor": Kind("gen", True, "a number, not negative", lambda v: v >= 0),
    "price": Kind("gen", excludes=("cost_factor",)),
}


def split(column: str) -> tuple[str, int | None]:
    """A column's name, and whose own it is: p_mw_12 is ("p_mw", 12), load_scale has None."""
    found = _OWN.fullmatch(column)
    if found and found["name"] in KINDS and KINDS[found["name"]].owner:
        return found["name"], int(found["number"])
    return column, None


@dataclass(frozen=True, eq=False)
class HourTable:
    """Numbers by hour, in the units of their columns.

    Attributes:
        source: the file, or "hours", for messages.
        names: of the hours.
        columns: each of shape (hours,), by name: duration_h, load_scale, load_scale_12, ...
    """

    source: str
    names: tuple[str, ...]
    columns: dict[str, Floats]

    def own(self, name: str) -> dict[int, Floats]:
        """Columns of this name that buses or generators have of their own, by their numbers."""
        parts = ((split(column), values) for column, values in self.columns.items())
        return {k: values for (one, k), values in parts if one == name and k is not None}


def read(given: Any, net: Network) -> HourTable:
    """A table that a user gave.

    Args:
        given: a DataFrame, a CSV file, or a sequence of load factors.
        net: the network whose buses and generators it names.

    Raises:
        CaseError: listing every fault of the table.
        ScopfError: when it is none of these.
    """
    cells = _cells(given)
    source = cells.source or _SOURCE
    faults = [*cells.faults, *csvtable.twice(cells.header)]
    if not cells.rows:
        faults.append(Fault("has no hours"))
    names, found, places = _names(cells, faults), dict[str, Floats](), _places(cells, faults)
    for column, place in places.items():
        faults += _unknown(column, net)
        found[column] = _numbers(column, [row[place] for row in cells.rows], names, faults)
    for column in places:
        name, own = split(column)
        for other in KINDS[name].excludes if own is not None else ():
            if f"{other}_{own}" in places:
                faults.append(Fault(f"there is {other}_{own} as well; give one of both", column))
    if faults:
        raise CaseError(source, faults)
    columns = {DURATION: np.ones(len(names)), **found}
    return HourTable(source, tuple(names), columns)


def _cells(given: Any) -> Cells:
    """The cells of a table; load factors are a table of one column."""
    if hasattr(given, "columns") and hasattr(given, "reset_index"):
        index = given.index
        if index.name in TIMES and index.name not in given.columns:
            given = given.reset_index()
        elif type(index).__name__ in _DATES and not {*TIMES} & {*map(str, given.columns)}:
            given = given.rename_axis(HOUR).reset_index()
    factors = given.tolist() if hasattr(given, "tolist") else given  # of NumPy or pandas
    if not isinstance(factors, (list, tuple)):
        return csvtable.read(given, "hours", "")
    if any(isinstance(one, (list, tuple, dict)) for one in factors):
        text = "hours must be a CSV file, a DataFrame or one load factor for each hour"
        raise ScopfError(f"{text}, not a list of {type(factors[0]).__name__}")
    return Cells("", ["load_scale"], [[plain(one)] for one in factors], [])


def _places(cells: Cells, faults: list[Fault]) -> dict[str, int]:
    """Places of the columns of numbers, by their own names: load_scale_12 for 12."""
    found, unknown = dict[str, int](), list[str]()
    for place, given in enumerate(cells.header):
        stem, own = split(factor_column(given) or given)
        name = stem if own is None else f"{stem}_{own}"  # of load_scale_012 as well
        if given in TIMES:
            continue
        if stem not in KINDS or (own is None and not KINDS[stem].for_all):
            unknown.append(given)
        elif name not in found:
            found[name] = place
        elif (before := cells.header[found[name]]) != given:
            faults.append(Fault(f"the columns {before} and {given} say the same; give one of both"))
    if unknown:
        faults.append(Fault(_hint(unknown)))
    return found


def _hint(unknown: list[str]) -> str:
    """A sentence on columns that there are not."""
    known = [name for name, one in KINDS.items() if one.for_all]
    known += [f"{name}_<{one.owner}>" for name, one in KINDS.items() if one.owner]
    stems = {name: name.partition("_<")[0] for name in known}
    meant = dict[str, None]()
    for given in unknown:
        numbered = bool(re.search(r"_[0-9]+$", given))
        stem = given.rpartition("_")[0] if numbered else given
        if near := nearest(stem, [HOUR, *KINDS]):
            both = [name for name, one in stems.items() if one == near]
            meant[next((one for one in both if ("<" in one) == numbered), (both or [near])[0])] = (
                None
            )
    hint = f"did you mean {listing(meant)}? " if meant else ""
    return f"unknown column {listing(unknown)}; {hint}known are {HOUR}, {listing(known, most=20)}"


def _names(cells: Cells, faults: list[Fault]) -> list[str]:
    """Names of the hours: the column of times, or 1, 2, ..."""
    columns = [name for name in TIMES if name in cells.header]
    if len(columns) > 1:
        faults.append(Fault(f"has {len(columns)} columns of times: {listing(columns)}"))
    if not columns:
        return [str(k) for k in range(1, len(cells.rows) + 1)]
    column, seen, found = columns[0], set[str](), list[str]()
    place = cells.header.index(column)
    for row, cells_of_row in enumerate(cells.rows, 1):
        cell = cells_of_row[place]
        name = "" if cell is None else csvtable.text(cell)
        if cell is None:
            faults.append(Fault("the hour has no name", column, row))
        elif name in seen:
            faults.append(Fault(f"hour {name} occurs twice", column, row))
        seen.add(name)
        found.append(name)
    return found


def _numbers(
    column: str, cells: Sequence[csvtable.Cell], names: Sequence[str], faults: list[Fault]
) -> Floats:
    kind, found = KINDS[split(column)[0]], np.zeros(len(cells))
    for row, (cell, name) in enumerate(zip(cells, names, strict=True), 1):
        text = "is missing"
        if cell is not None:
            try:
                found[row - 1] = value = csvtable.number(cell)
                text = "" if kind.holds(value) else f"must be {kind.text}, got {value:g}"
            except ValueError as error:
                text = str(error)
        if text:
            label = f"hour {name}" if name else ""
            faults.append(Fault(text, column, row, label, column))
    return found


def _unknown(column: str, net: Network) -> list[Fault]:
    """A fault when there is no such bus or generator."""
    name, own = split(column)
    if own is None:
        return []
    if KINDS[name].owner == "bus":
        if own in net.bus.id or own in net.unserved.bus:
            return []
        return [Fault(f"there is no bus {own} in {net.name or 'the network'}", column)]
    if own in net.gen.id or own in net.unserved.gen:
        return []
    return [Fault(f"there is no generator {own} in {net.name or 'the network'}", column)]
