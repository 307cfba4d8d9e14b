"""Tables keyed by bus or generator: columns that are declared, rows that are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from scopf.errors import Fault, listing
from scopf.network.csvtable import Cell, Cells, twice


@dataclass(frozen=True)
class Check:
    """A range of numbers.

    Attributes:
        text: meaning of a number in it.
        holds: whether a number is one.
    """

    text: str
    holds: Callable[[float], bool]


POSITIVE = Check("a positive number", lambda value: value > 0)


@dataclass(frozen=True)
class Column:
    """A column that a table may have.

    Attributes:
        name: in the header; capitals do not matter.
        kind: makes the value out of a cell that is not blank, or raises a ValueError with the
            reason: `number`, `whole`, `flag` and `text` of `scopf.network.csvtable`, or one's own.
        unit: of its numbers, "" for per unit.
        check: their range, if they have one.
    """

    name: str
    kind: Callable[[Cell], Any]
    unit: str = ""
    check: Check | None = None

    def fault(self, value: float) -> str:
        """A sentence that says that the value is out of range, or ""."""
        if self.check is None or self.check.holds(value):
            return ""
        return f"must be {self.check.text}, got {value:g} {self.unit}".rstrip()


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        number: counted from 1.
        key: bus or generator number.
        values: by column, where the cell is not blank.
        whole: whether every cell could be read.
    """

    number: int
    key: int
    values: dict[str, Any]
    whole: bool


@dataclass
class Rows:
    """Rows that have a key, and every fault of the table.

    Attributes:
        key: name of the key column, "" where there is none.
        rows: in the order of the table.
        faults: in the order of the table.
    """

    key: str = ""
    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)


@dataclass(frozen=True)
class Layout:
    """Columns of a table and how its faults are placed.

    Attributes:
        keys: key columns, one of which a table has.
        columns: the others.
        table: its name in faults; "" to name the column instead.
    """

    keys: tuple[Column, ...]
    columns: tuple[Column, ...]
    table: str = ""

    def read(self, cells: Cells) -> Rows:
        """Rows with values, and faults; rows of blank cells are left out."""
        found = Rows(faults=list(cells.faults))
        header = [name.lower() for name in cells.header]
        found.faults += self._header(header) + twice(header, self.table)
        keys = [column for column in self.keys if column.name in header]
        if len(keys) != 1:
            either = " or ".join(f"`{column.name}`" for column in self.keys)
            text = "a column" if len(self.keys) == 1 else "one key column, either"
            found.faults.append(Fault(f"needs {text} {either}", self.table))
            return found
        found.key = keys[0].name
        places = [(c, header.index(c.name)) for c in (*keys, *self.columns) if c.name in header]
        for number, row in enumerate(cells.rows, 1):
            if any(cell is not None for cell in row):
                self._row(found, number, [(column, row[k]) for column, k in places])
        return found

    def _header(self, header: Sequence[str]) -> list[Fault]:
        known = [column.name for column in (*self.keys, *self.columns)]
        unknown = [name for name in header if name not in known]
        if not unknown:
            return []
        keys = " or ".join(known[: len(self.keys)])
        text = f"unknown column {listing(unknown)}; known are {keys}, "
        return [Fault(text + listing(known[len(self.keys) :], most=20), self.table)]

    def _row(self, found: Rows, number: int, given: Sequence[tuple[Column, Cell]]) -> None:
        before, values = len(found.faults), dict[str, Any]()
        for column, cell in given:
            text = label = ""
            if cell is None:
                text = f"the {column.name} is missing" if column.name == found.key else ""
            else:
                try:
                    value = values[column.name] = column.kind(cell)
                    text = column.fault(value)
                    known = text and found.key in values
                    label = f"{found.key} {values[found.key]}" if known else ""
                except ValueError as error:
                    text = str(error)
            if text:
                place = self.table or column.name
                found.faults.append(Fault(text, place, number, label, column.name))
        if found.key in values:
            key = values.pop(found.key)
            found.rows.append(Row(number, key, values, whole=len(found.faults) == before))
