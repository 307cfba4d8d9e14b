"""Costs of machines, which a .raw file does not have: a CSV table that lies beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Flags
from scopf.cases.psse import lexing
from scopf.cases.psse.reading import Records
from scopf.devices.table import Column, Layout
from scopf.errors import CaseError, Fault, counted, listing
from scopf.network import csvtable, piecewise
from scopf.network.csvtable import Cell

if TYPE_CHECKING:
    import pandas as pd

    Source = str | os.PathLike[str] | pd.DataFrame

_POLYNOMIAL = ("c0", "c1", "c2")
_REACTIVE = ("d0", "d1", "d2")
_LIMITS = ("pmin", "pmax")
_NUMBERS = (*_POLYNOMIAL, *_REACTIVE, *_LIMITS)


def _id(cell: Cell) -> str:
    """An identifier without its quotes."""
    return re.sub(r"^'(.*)'$", r"\1", csvtable.text(cell)).strip()


def _points(cell: Cell) -> list[tuple[float, float]]:
    """Points such as "0:0 50:1000 100:2500", MW and cost per hour."""
    found = []
    for part in csvtable.text(cell).split():
        power, colon, cost = part.partition(":")
        if not colon:
            raise ValueError(f"`{lexing.shown(part)}` is no MW:cost, as in 0:0 50:1000")
        found.append((csvtable.number(power), csvtable.number(cost)))
    return found


_COLUMNS = (
    Column("id", _id),
    *(Column(name, csvtable.number) for name in ("c2", "c1", "c0", "d2", "d1", "d0")),
    Column("points", _points),
    *(Column(name, csvtable.number, "MW") for name in _LIMITS),
)


_KEYS = {"id": Column("id", _id)}  # of a machine that its id alone names


@dataclass
class Row:
    """One row of the table.

    Attributes:
        number: counted from 1.
        bus: bus number of the machine, or another key.
        id: its identifier, or "" for the only one at the bus.
        values: by column, where there is a number.
        points: power in MW and cost per hour, or none.
    """

    number: int
    bus: int
    id: str
    values: dict[str, float]
    points: list[tuple[float, float]]

    @property
    def label(self) -> str:
        """Name of the machine, as in PSS/E."""
        return f"{self.bus} '{self.id}'" if self.id else f"bus {self.bus}"


@dataclass
class Costs:
    """A table of costs, or none.

    Attributes:
        source: the file, or "" where there is no table.
        table: its name in faults.
        beside: name of the file that is looked for beside the case.
        rows: of the table.
        faults: of the table, and of rows that match no machine.
        known: names of the machines that have a row.
        key: "bus", or "gen" where the rows have numbers of generators in place of those of buses.
    """

    source: str = ""
    table: str = ""
    beside: str = ""
    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    key: str = "bus"

    def of(self, machines: Records, base: float, more: int = 0) -> dict[str, Any]:
        """Columns of the generator table, per unit; limits only where the table has any.

        Args:
            machines: the generator records.
            base: MVA of the system.
            more: rows after the machines, of no costs and no active power.
        """
        n = len(machines) + more
        power, reactive = np.zeros((n, 3)), np.zeros((n, 3))
        curves: list[list[tuple[float, float]]] = [[] for _ in range(n)]
        limits = {
            key: np.concatenate([machines.floats(name) / base, np.zeros(more)])
            for key, name in (("pmin", "PB"), ("pmax", "PT"))
        }
        for row, machine in self._matches(machines):
            for k in range(3):
                power[machine, k] = row.values.get(_POLYNOMIAL[k], 0.0) * base**k
                reactive[machine, k] = row.values.get(_REACTIVE[k], 0.0) * base**k
            if row.points:
                curves[machine] = [(power / base, cost) for power, cost in row.points]
            for name in _LIMITS:
                limits[name][machine] = row.values.get(name, limits[name][machine] * base) / base
        try:
            points = piecewise.table_of(curves)
        except piecewise.PointsError as error:
            self.faults.append(Fault(str(error), self.table, column="points"))
            points = piecewise.table_of([[]] * n)
        return {"cost_p": power, "cost_q": reactive, "cost_p_points": points, **limits}

    def without(self, machines: Records, on: Flags) -> str:
        """Machines in service that have no row, as a sentence, or "" where all have one."""
        names = [machines.name(int(row)) for row in np.flatnonzero(on)]
        free = [name for name in names if name not in self.known]
        if not free:
            return ""
        count = f"{len(free)} of {counted(len(names), 'machine', 'machines')} in service "
        count += (
            "has no costs and counts as free"
            if len(free) == 1
            else "have no costs and count as free"
        )
        if not self.source:
            return f"{count}: there is no table of costs ({self.beside} beside it, or `costs`)"
        return f"{count}, since {self.source} has no row for them: {listing(free, most=5)}"

    def _matches(self, machines: Records) -> list[tuple[Row, int]]:
        """Each row with the place of its machine; rows that match none, or twice, are faults."""
        at_bus: dict[int, dict[str, int]] = {}
        named = zip(machines.wholes("I").tolist(), machines.texts("ID"), strict=True)
        for place, (bus, own) in enumerate(named):
            at_bus.setdefault(bus, {})[own] = place
        found, seen = [], dict[int, int]()
        quoted = cache(lambda bus: _quoted(at_bus[bus]))
        for row in self.rows:
            there = at_bus.get(row.bus, {})
            own = row.id or next(iter(there), "")
            place = there.get(own, -1)
            text = ""
            if not there:
                text = f"there is no machine at bus {row.bus}"
            elif place < 0:
                text = f"there is no machine '{row.id}' at bus {row.bus}, only {quoted(row.bus)}"
            elif not row.id and len(there) > 1:
                text = f"bus {row.bus} has the machines {quoted(row.bus)}: give the id of one"
            elif place in seen:
                text = f"this machine has costs in row {seen[place]} already"
            if text:
                self.faults.append(Fault(text, self.table, row.number, row.label))
                continue
            seen[place] = row.number
            self.known.add(machines.name(place))
            found.append((row, place))
        return found


def read(source: Source | None, case: Path | None, keys: Sequence[str] = ("bus",)) -> Costs:
    """The table that the user gave, or that lies beside the case, or none.

    Args:
        source: CSV file or pandas DataFrame; None looks for `grid.costs.csv` beside `grid.raw`.
        case: the .raw file, or one of another format without costs; None for no file.
        keys: columns, one of which says what a row is of.

    Raises:
        CaseError: when the file cannot be read as a table at all.
    """
    beside = case.with_name(f"{case.stem}.costs.csv") if case else Path()
    if source is None:
        if not case or not os.path.lexists(beside):
            return Costs(beside=beside.name)
        source = beside
    cells = csvtable.read(source, "costs")
    name = cells.source or "costs"
    table = Path(name).name
    key_columns = tuple(_KEYS.get(key, Column(key, csvtable.whole)) for key in keys)
    columns = tuple(column for column in _COLUMNS if column.name not in keys)
    rows = Layout(key_columns, columns, table).read(cells)
    found = Costs(name, table, beside.name, faults=rows.faults, key=rows.key)
    if not rows.key:
        raise CaseError(name, found.faults)
    for row in rows:
        values = {key: value for key, value in row.values.items() if key in _NUMBERS}
        points = row.values.get("points", [])
        if points and values.keys() & set(_POLYNOMIAL):
            text = "has both coefficients (c2, c1, c0) and points; give one of them"
            found.faults.append(Fault(text, table, row.number, column="points"))
        if row.whole:
            found.rows.append(Row(row.number, row.key, row.values.get("id", ""), values, points))
    return found


def _quoted(ids: Any) -> str:
    return listing(f"'{own}'" for own in ids)
