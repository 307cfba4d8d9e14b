"""Tables that users hand over, CSV files and DataFrames alike, as rows of cells."""

from __future__ import annotations

import csv
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scopf import files
from scopf.arrays import LARGEST_WHOLE, Floats, plain
from scopf.errors import CaseError, Fault, ScopfError, listing

if TYPE_CHECKING:
    import pandas as pd

Cell = str | int | float | bool | None

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eEdD][+-]?\d+)?", re.ASCII)
_WITH_COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?", re.ASCII)
_STATED = re.compile(r"sep=([,;\t])")  # first line of a file that Excel is to open
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.ASCII | re.IGNORECASE)
_FLAGS = {"true": True, "false": False}
_PADDED = 1_000_000  # cells of a table, unless an eighth of them is written
_LONGEST = 40  # text of a cell in a message
_HEAD = 4096  # bytes that say what a file is
_SAVE = "save the table as CSV in UTF-8 (Excel: `CSV UTF-8`)"


@dataclass(frozen=True)
class Cells:
    """A table as it was given.

    Attributes:
        source: the file, or "" for a DataFrame.
        header: names of the columns.
        rows: as wide as the header: texts of a file, or values of a DataFrame; None is blank.
        faults: of the shape of the table.
    """

    source: str
    header: list[str]
    rows: list[list[Cell]]
    faults: list[Fault]

    def values(self) -> list[list[Cell]]:
        """The rows with numbers and flags for texts that are such."""
        return [[_value(cell) for cell in row] for row in self.rows]

    def frame(self) -> pd.DataFrame:
        """The values as a DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.values(), columns=self.header)


def read(
    given: str | os.PathLike[str] | pd.DataFrame, argument: str, table: str | None = None
) -> Cells:
    """The cells of a table.

    Args:
        given: a CSV file, in which `#` begins a comment, or a DataFrame, whose index is left out.
            Columns are parted by commas; or, as Excel writes them in Europe, by semicolons or tabs
            where the header has no comma, and then numbers may have decimal commas. The text is
            UTF-8, or UTF-16 with a byte order mark.
        argument: its name for the user.
        table: its name in faults; None for that of the file.

    Raises:
        CaseError: when there is no such file, or it is no CSV table.
        ScopfError: when it is neither a file nor a DataFrame.
    """
    if isinstance(given, (str, os.PathLike)):
        source = os.fspath(given)
        header, *rows = _lines(source)
        return _of_file(source, header, rows, Path(source).name if table is None else table)
    if not (hasattr(given, "columns") and hasattr(given, "iloc")):
        kind = type(given).__name__
        raise ScopfError(f"{argument} must be a CSV file or a DataFrame, not {kind}")
    header = [str(name).strip() for name in given.columns]
    columns = [given.iloc[:, k].tolist() for k in range(len(header))]
    rows = [[plain(cell) for cell in row] for row in zip(*columns, strict=True)]
    return Cells("", header, [[None if c == "" else c for c in row] for row in rows], [])


def _lines(source: str) -> list[list[str]]:
    """Lines of a file, the header first; one of separators only is a row of blank cells."""
    try:
        text = _text(source)
        # With line ends, or a quoted "3<line end>2" would become 32.
        lines = [line.partition("#")[0] + "\n" for line in text.split("\n")]
        first = next((k for k, line in enumerate(lines) if line.strip(' \t\n,;"')), len(lines))
        if stated := _STATED.fullmatch(lines[first].strip() if lines[first:] else ""):
            lines, first = lines[first + 1 :], 0
        by = stated[1] if stated else _separator(lines[first] if lines[first:] else "")
        found = csv.reader(lines[first:], delimiter=by, strict=True)
        rows = [[cell.strip() for cell in row] for row in found]
        rows = [row for row in rows if any(row) or len(row) > 1]
        if not any(map(any, rows)):
            raise ValueError("it is empty")
        return rows if by == "," else _with_points(rows)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CaseError(source, [Fault(f"cannot be read: {reason}")]) from error
    except (ValueError, csv.Error) as error:
        raise CaseError(source, [Fault(f"is not a CSV table: {error}")]) from error


def _text(source: str) -> str:
    """The text of a file.

    Raises:
        OSError, ValueError: saying why there is none, and how to save one.
    """
    try:
        text = files.text(source)
    except UnicodeDecodeError:
        text = files.text(source, errors="replace")
        number = 1 + text.partition("\ufffd")[0].count("\n")
        other = f"line {number} has letters that are no UTF-8"
    else:
        if "\0" not in text:
            return text
        other = "it has NUL characters"
    with files.opened(source) as file:
        kind = files.not_text(file.read(_HEAD))
    raise ValueError(f"{f'it is {kind}' if kind else other}; {_SAVE}")


def _separator(header: str) -> str:
    """The sign between columns: a comma, or in a header without one a semicolon or a tab."""
    return next((by for by in ",;\t" if by in header), ",")


def _with_points(rows: list[list[str]]) -> list[list[str]]:
    """Cells of a table without commas between columns, with decimal points for decimal commas.

    Raises:
        ValueError: when there are both.
    """
    cells = [cell for row in rows[1:] for cell in row]
    commas = [cell for cell in cells if _WITH_COMMA.fullmatch(cell)]
    points = [cell for cell in cells if "." in cell and _NUMBER.fullmatch(cell)]
    if commas and points:
        text = f"{shown(commas[0])} has a decimal comma and {shown(points[0])} a decimal point"
        raise ValueError(f"{text}; use one of them")
    if not commas:
        return rows
    return [
        [cell.replace(",", ".") if _WITH_COMMA.fullmatch(cell) else cell for cell in row]
        for row in rows
    ]


def _of_file(source: str, header: list[str], lines: list[list[str]], table: str) -> Cells:
    width, rows, faults = len(header), list[list[Cell]](), []
    given = width + sum(map(len, lines))
    if width * len(lines) > max(_PADDED, 8 * given):
        text = f"the header has {width:,} columns, and {len(lines):,} rows have hardly any of them"
        raise CaseError(source, [Fault(text, table)])
    for number, line in enumerate(lines, 1):
        if any(line[width:]):
            text = f"has {len(line)} cells where the header has {width} (a decimal comma?)"
            faults.append(Fault(text, table, number))
        rows.append([cell or None for cell in (line + [""] * width)[:width]])
    return Cells(source, header, rows, faults)


def twice(header: list[str], table: str = "") -> list[Fault]:
    """A fault where names of columns occur more than once."""
    seen, again = set[str](), dict[str, None]()
    for name in header:
        if name in seen:
            again[name] = None
        seen.add(name)
    names = list(again)
    return [Fault(f"column {listing(names)} occurs twice", table)] if names else []


# -- cells ---------------------------------------------------


def _value(cell: Cell) -> Cell:
    """The whole number, number or flag that a text is; other cells as they are."""
    if not isinstance(cell, str):
        return cell
    if _WHOLE.fullmatch(cell):
        return int(cell)
    if _NUMBER.fullmatch(cell) or _INFINITE.fullmatch(cell):
        return _float(cell)
    return _FLAGS.get(cell.lower(), cell)


def number(cell: Cell) -> float:
    """A finite number, also one with Fortran's exponent D.

    Raises:
        ValueError: saying what is wrong.
    """
    if isinstance(cell, str) and (_NUMBER.fullmatch(cell) or _INFINITE.fullmatch(cell)):
        value = _float(cell)
    elif isinstance(cell, (int, float)) and not isinstance(cell, bool):
        value = float(cell)
    else:
        raise ValueError(f"`{shown(cell)}` is not a number")
    if not math.isfinite(value):
        raise ValueError(f"`{shown(cell)}` is not a finite number")
    return value


def whole(cell: Cell) -> int:
    """A whole number.

    Raises:
        ValueError: saying what is wrong.
    """
    value = number(cell)
    if value != round(value) or abs(value) >= LARGEST_WHOLE:
        raise ValueError(f"`{shown(cell)}` is not a whole number")
    return int(value)


def flag(cell: Cell) -> bool:
    """Whether a cell is 1 or true; 0 and false are the other values.

    Raises:
        ValueError: saying what is wrong.
    """
    value = _value(cell)
    if value not in (0, 1):
        raise ValueError(f"must be 0 or 1, got {shown(cell)}")
    return bool(value)


def text(cell: Cell) -> str:
    """A text; a whole number, as a DataFrame may hold one, without a decimal point."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _float(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:  # Fortran's exponent
        return float(cell.replace("D", "E").replace("d", "e"))


def shown(cell: Cell) -> str:
    """A cell in a message, cut where it is long."""
    text = f"{cell:g}" if isinstance(cell, float) else str(cell)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def physical(values: Floats, base_mva: float) -> Floats:
    """MW of powers per unit: such that dividing by the base gives just these powers again.

    That is possible for powers that once were divided by it.
    """
    found = values * base_mva
    for way in (np.inf, -np.inf):
        with np.errstate(invalid="ignore"):
            near, other = np.nextafter(found, way), found / base_mva != values
            found = np.where(other & (near / base_mva == values), near, found)
    return found
