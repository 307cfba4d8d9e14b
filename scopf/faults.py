"""Faults in what the user handed over, collected first and reported together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


class ScopfError(ValueError):
    """Base of every error that scopf raises about its input."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, and where.

    Attributes:
        text: what is wrong and, where it helps, what to do.
        table: the table it stands in ("bus", "gen", ...), or "" for the whole input.
        row: row of that table, counted from 1, or None for the whole table.
        label: the user's own name of the row, such as "bus 12" or "branch 4-9".
        column: name of the column, or "".
    """

    text: str
    table: str = ""
    row: int | None = None
    label: str = ""
    column: str = ""

    @property
    def cell(self) -> tuple[str, int | None, str]:
        """Where the fault sits: (table, row, column)."""
        return self.table, self.row, self.column

    def __str__(self) -> str:
        where = self.table
        if self.row is not None:
            where += f" row {self.row}"
        if self.label:
            where += f" ({self.label})"
        return f"{where}: {self.text}" if where else self.text


class CaseError(ScopfError):
    """A case, or a table that goes with it, cannot be used. Lists every fault found.

    Attributes:
        source: file or object that the faults are in.
        faults: every fault, in the order of the tables.
    """

    shown = 50

    def __init__(self, source: str, faults: Iterable[Fault]) -> None:
        self.source = source
        self.faults = tuple(faults)
        count = len(self.faults)
        lines = [f"{source}: {count} fault{'s' if count != 1 else ''}"]
        lines += [f"  {fault}" for fault in self.faults[: self.shown]]
        if count > self.shown:
            lines.append(f"  ... and {count - self.shown} more (see .faults of this error)")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[CaseError], tuple[str, tuple[Fault, ...]]]:
        return type(self), (self.source, self.faults)


def by_number(name: str, kind: str, values: Mapping[Any, object]) -> dict[int, float]:
    """A mapping (or a pandas Series) that the user gave, as finite numbers by whole number.

    Args:
        name: of the argument.
        kind: what the keys number: "bus", "gen".
        values: the mapping.

    Raises:
        ScopfError: naming keys that are no whole numbers, or values that are no numbers.
    """
    found = {}
    for key, value in values.items():
        try:
            whole = int(key)
        except (TypeError, ValueError):
            whole = None
        if whole is None or whole != key:
            raise ScopfError(f"{name}: {key!r} is not a {kind} number")
        found[whole] = number(f"{name} of {kind} {whole}", value)
    return found


def number(name: str, value: object) -> float:
    """A finite number that the user gave, as a float.

    Raises:
        ScopfError: when it is none.
    """
    try:
        result = math.nan if isinstance(value, (str, bool)) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        result = math.nan
    if not math.isfinite(result):
        raise ScopfError(f"{name} must be a finite number, got {value!r}")
    return result


def listing(items: Iterable[object], most: int = 10) -> str:
    """Join items with commas, cutting a long list short and saying how many are left out."""
    names = [str(item) for item in items]
    if len(names) > most:
        names = [*names[:most], f"... {len(names) - most} more"]
    return ", ".join(names)
