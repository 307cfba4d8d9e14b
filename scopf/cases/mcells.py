"""Matrices of a MATPOWER case file as arrays.

A cell is a number, or arithmetic of numbers, such as `400/sqrt(3)`.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from scopf.arrays import Floats
from scopf.cases import marithmetic, mtext
from scopf.cases.mformat import AT_LEAST, COLUMNS, MAY_BE_EMPTY, OURS
from scopf.errors import Fault

_LONGEST = 40  # characters of a cell in the label of a row
_PADDED = 1_000_000  # cells of a matrix of uneven rows, unless an eighth of them is written
_NO_NUMBER = re.compile(r"(?i)_|infinity|[^\x00-\x7f]")  # what only Python has in numbers
_OPERATED = re.compile(r"[*/^()]| [-+] ")
_JOINED = re.compile(r" ?([*/^]) ?|(?<=[\w.)]) ([-+]) (?=[\w.(])|(?<=\() | (?=\))", re.ASCII)
_SIGN = re.compile(r"(^|[,;\n])[ \t]*+([-+])[ \t]++")  # of the first number of a cell, on its own


def _texts(body: str) -> list[list[str]]:
    """Cells of a matrix as texts, row by row."""
    inner = body[1:-1] if body.startswith(("[", "{")) else body
    inner = _SIGN.sub(r"\1\2", inner)
    inner = re.sub(r"[ \t]+", " ", inner.replace(",", " ").replace(";", "\n"))
    if _OPERATED.search(inner):
        inner = _JOINED.sub(lambda m: m[1] or m[2] or "", inner)
    if _NO_NUMBER.search(inner):
        inner = re.sub(
            r"\S+", lambda m: mtext.NO_NUMBER + m[0] if _NO_NUMBER.search(m[0]) else m[0], inner
        )
    return [row for row in map(str.split, inner.splitlines()) if row]


def numbers(key: str, body: str, faults: list[Fault]) -> Floats:
    """A numeric table, NaN where a cell is no number or a row is short."""
    cells = _texts(body)
    if not cells:
        if key not in MAY_BE_EMPTY:
            faults.append(Fault("has no rows", key))
        return np.zeros((0, AT_LEAST[key]))
    lengths = Counter(len(row) for row in cells)
    width = max(lengths, key=lambda n: (lengths[n], n))
    given = sum(n * count for n, count in lengths.items())
    if len(cells) * width > max(_PADDED, 8 * given):
        text = f"has {len(cells)} rows of {min(lengths)} to {max(lengths)} columns"
        faults.append(Fault(f"{text}; they must have the same number", key))
        return np.zeros((0, AT_LEAST[key]))
    for number, row in enumerate(cells, 1):
        if len(row) != width:
            text = f"has {len(row)} columns where the table has {width}"
            faults.append(Fault(text, key, number))
            row[:] = (row + ["nan"] * width)[:width]
    if width < AT_LEAST[key]:
        text = f"has {width} columns, the format needs at least {AT_LEAST[key]}"
        faults.append(Fault(text, key))
        for row in cells:
            row.extend(["nan"] * (AT_LEAST[key] - width))
    try:
        rows = [[*map(float, row)] for row in cells]
    except ValueError:
        rows = [_values(key, number, row, faults) for number, row in enumerate(cells, 1)]
    return np.array(rows) + 0.0  # a zero has no sign


def _values(key: str, number: int, row: list[str], faults: list[Fault]) -> list[float]:
    """Numbers of a row; a cell that is no arithmetic is a fault, and NaN."""
    names, values = COLUMNS[key], list[float]()
    for k, cell in enumerate(row):
        try:
            values.append(_number(cell))
        except marithmetic.NotArithmeticError:
            shown = names[k] if k < len(names) else f"column {k + 1}"
            text = f"`{mtext.unmasked(cell)}` in {shown} is not a number"
            column = OURS.get(key, {}).get(shown, shown)
            faults.append(Fault(text, key, number, _row_label(key, row), column))
            values.append(float("nan"))
    return values


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return marithmetic.number(cell)


def _row_label(key: str, row: list[str]) -> str:
    ends = {"bus": 1, "gen": 1, "branch": 2, "dcline": 2}.get(key, 0)
    numbers = "-".join(_shown(cell)[:_LONGEST] for cell in row[:ends])
    return f"bus {numbers}" if numbers else ""


def _shown(cell: str) -> str:
    """A bus number without decimals; another cell as it is."""
    try:
        number = float(cell)
    except ValueError:
        return mtext.unmasked(cell)
    return str(int(number) if number.is_integer() else number)
