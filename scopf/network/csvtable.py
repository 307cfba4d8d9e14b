"""CSV tables that users hand over: cells as text, `#` starts a comment."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from scopf.errors import CaseError, Fault


def read(source: str, table: str) -> tuple[list[str], list[list[str]], list[Fault]]:
    """Header and rows of a CSV file, every row as wide as the header, and faults of its shape.

    Args:
        source: the file.
        table: what to call the table in faults.

    Raises:
        CaseError: when there is no such file, or it is no CSV table.
    """
    if not os.path.isfile(source):
        raise CaseError(source, [Fault("there is no such file")])
    try:
        text = Path(source).read_text(encoding="utf-8-sig")
        return _cells(text, table)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CaseError(source, [Fault(f"cannot be read: {reason}")]) from error
    except (ValueError, csv.Error) as error:
        raise CaseError(source, [Fault(f"is not a CSV table: {error}")]) from error


def _cells(text: str, table: str) -> tuple[list[str], list[list[str]], list[Fault]]:
    if "\0" in text:
        raise ValueError("it holds NUL characters")
    # With line ends, or a quoted "3<line end>2" would become 32.
    lines = [line.partition("#")[0] + "\n" for line in text.split("\n")]
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, strict=True)]
    header, *rows = [row for row in rows if any(row)] or [[]]
    if not header:
        raise ValueError("it is empty")
    width, faults = len(header), []
    for number, row in enumerate(rows, 1):
        if any(row[width:]):
            said = f"has {len(row)} cells where the header has {width} (a decimal comma?)"
            faults.append(Fault(said, table, number))
    return header, [(row + [""] * width)[:width] for row in rows], faults
