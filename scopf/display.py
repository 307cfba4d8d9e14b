"""Lines and tables of a result as text for a terminal, or as HTML for a notebook.

A block is a line or a `Table`; the first one is the heading, and an empty line parts paragraphs.
HTML is made of the same blocks as text, every string escaped, and needs no style sheet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 20  # longest table shown; the rest is in the tables of the result
_CELL = "text-align:right;padding:2px 10px;white-space:nowrap"
_LINES = "margin:4px 0;white-space:pre-wrap"
_COLUMNS = ";font-family:monospace"  # of lines that are indented, columns maybe


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of a frame.

    Attributes:
        frame: the rows; 20 at most are shown.
        columns: heading and format of the columns to show, by their name in the frame.
        what: the rows are.
    """

    frame: pd.DataFrame
    columns: dict[str, tuple[str, str]]
    what: str

    @property
    def heads(self) -> list[str]:
        """Headings of the columns."""
        return [head for head, _ in self.columns.values()]

    @property
    def rows(self) -> list[list[str]]:
        """The cells that are shown, formatted."""
        return [
            [_cell(style.format(record[key])) for key, (_, style) in self.columns.items()]
            for record in self.frame.head(_ROWS).to_dict("records")
        ]

    @property
    def rest(self) -> str:
        """How many rows are left out, "" if none is."""
        left = len(self.frame) - _ROWS
        return f"... {left} more {self.what}, see the tables of the result" if left > 0 else ""


Block = str | Table


def text(blocks: Iterable[Block]) -> str:
    """For a terminal: columns are right-aligned under their headings."""
    lines: list[str] = []
    for block in blocks:
        lines += [block] if isinstance(block, str) else _columns(block)
    return "\n".join(lines)


def html(blocks: Sequence[Block]) -> str:
    """For a notebook."""
    heading, *others = blocks
    parts = [f"<strong>{escape(str(heading))}</strong>"]
    for is_line, run in groupby(others, lambda block: isinstance(block, str)):
        if is_line:
            lines = "\n".join(str(line) for line in run).strip("\n")
            style = _LINES + _COLUMNS if "\n  " in f"\n{lines}" else _LINES
            parts += [f'<div style="{style}">{escape(lines)}</div>'] if lines else []
        else:
            parts += [_grid(table) for table in run if isinstance(table, Table)]
    return f"<div>{''.join(parts)}</div>"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the first one the headings, as lines of right-aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(lines)


def _columns(table: Table) -> list[str]:
    lines = columns([table.heads, *table.rows])
    return [lines, table.rest] if table.rest else [lines]


def _grid(table: Table) -> str:
    head = "".join(f'<th style="{_CELL}">{escape(cell)}</th>' for cell in table.heads)
    rows = [
        "".join(f'<td style="{_CELL}">{escape(cell)}</td>' for cell in row) for row in table.rows
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    rest = f"<div>{escape(table.rest)}</div>" if table.rest else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"


def _cell(text: str) -> str:
    """A rounded number without the sign of a zero."""
    return text.removeprefix("-") if not text.strip("-0.") else text
