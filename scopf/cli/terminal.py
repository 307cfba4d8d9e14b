"""Text on a terminal: sentences wrapped and tables folded at its width.

Into a file or a pipe nothing is wrapped, unless the environment variable COLUMNS says how wide it
is. JSON and other things that programs read are not for this file, but for `typer.echo`.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator
from itertools import groupby
from typing import TextIO

import typer

_LEAST = 20  # characters that are taken to fit into a line of whatever terminal
_HELP = 52  # characters of a line below which help has to be told
_WORD = re.compile(r"(?:`[^`]*`|[^\s`])+|`\S*")  # a command in backticks is one, to be copied
_IN_COLUMNS = re.compile(r"\S {2,}\S")
_BETWEEN = 2  # blanks, at least, from one column to the next
_BELOW = 4  # blanks before words that have no room beside the other columns


def keep_stdout() -> None:
    """Keep stdout for what commands print: lines of Ipopt and other C libraries go to stderr."""
    kept = sys.stdout
    try:
        kept.flush()
        own = os.dup(1)
        os.dup2(2, 1)
    except (AttributeError, OSError):  # one of them is closed
        return
    sys.stdout = open(own, "w", encoding=kept.encoding, errors=kept.errors)  # noqa: SIM115


def say(text: str = "", *, err: bool = False) -> None:
    """Print text on stdout or stderr, fitted to the terminal there."""
    typer.echo(fitted(text, width(sys.stderr if err else sys.stdout)), err=err)


def log_warnings(level: int = logging.WARNING) -> None:
    """Show warnings of scopf on stderr, fitted to the terminal there; more with another level."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Fitted("%(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("scopf").setLevel(level)
    logging.getLogger("pyomo").setLevel(logging.CRITICAL)  # its errors reach us as exceptions


class _Fitted(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return fitted(super().format(record), width(sys.stderr))


def width(stream: TextIO) -> int | None:
    """Characters in a line: what COLUMNS says, or the terminal has; None for a file or a pipe."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return max(_LEAST, int(given))
    try:
        return max(_LEAST, os.get_terminal_size(stream.fileno()).columns)
    except (AttributeError, OSError, ValueError):  # AttributeError: there is no stream
        return None


def of_help() -> dict[str, int]:
    """Settings of Typer for pages of help: it takes no terminal to have less than 50."""
    columns = width(sys.stdout)
    return {"terminal_width": columns - 2} if columns is not None and columns < _HELP else {}


def fitted(text: str, width: int | None) -> str:
    """The text in lines of this width.

    Lines in columns, with two blanks or more between them, are folded together: what does not fit
    follows below, beside the first column again. A word, a path or a command in backticks that is
    wider than a line is not broken.

    >>> print(fitted("a line that is wide", 12))
    a line that
    is wide
    """
    if width is None:
        return text
    found = list[str]()
    for in_columns, run in groupby(text.split("\n"), lambda line: bool(_IN_COLUMNS.search(line))):
        lines = [line.rstrip() for line in run]
        if all(len(line) <= width for line in lines):
            found += lines
        elif in_columns:
            found += _folded(lines, width)
        else:
            found += [part for line in lines for part in _wrapped(line, width)]
    return "\n".join(found)


def _wrapped(line: str, width: int, start: int = 0, indent: int | None = None) -> Iterator[str]:
    """A line as several.

    Args:
        line: a sentence, or columns with one at the end.
        width: of the lines.
        start: of the sentence; what stands before is kept as it is.
        indent: of the lines after the first; by default two more than the line has.
    """
    margin = len(line) - len(line.lstrip())
    indent = (margin + 2 if margin else 0) if indent is None else indent
    kept = max(start, margin)
    head, fresh = line[:kept], True
    for word in _WORD.findall(line[kept:]):
        if not fresh and len(head) + 1 + len(word) > width:
            yield head
            head, fresh = " " * indent, True
        head += word if fresh else f" {word}"
        fresh = False
    yield head


def _folded(lines: list[str], width: int) -> Iterator[str]:
    """Lines in columns, wrapped if the last column is words, else as several tables."""
    first, *others = columns = list(_columns(lines))
    if _are_words(lines, last := columns[-1][0]):
        for line in lines:
            if width - last >= _LEAST or len(line) <= width:
                yield from _wrapped(line, width, last, last)
            else:  # below
                head = line[:last].rstrip()
                yield from [head] if len(head) <= width else _wrapped(head, width)
                yield from _wrapped(" " * _BELOW + line[last:], width, indent=_BELOW)
        return
    shown = [first]
    for column in others:
        if len(shown) > 1 and _width([*shown, column]) > width:
            yield from _beside(lines, shown)
            yield ""
            shown = [first]
        shown.append(column)
    yield from _beside(lines, shown)


def _are_words(lines: list[str], begin: int) -> bool:
    """Whether the last column, from here on, holds words: it is aligned left."""
    cells = [line[begin:] for line in lines if line[begin:]]
    return begin == 0 or (
        all(cell[0] != " " for cell in cells) and any(" " in cell for cell in cells)
    )


def _columns(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Begin and end of each column: they are parted by blanks in all lines."""
    most = max(map(len, lines))
    blank = [all(line[k : k + 1] in ("", " ") for line in lines) for k in range(most)]
    gaps = [m.span() for m in re.finditer(" {2,}", "".join(" " if b else "x" for b in blank))]
    inner = [gap for gap in gaps if gap[0] > 0]
    begins, ends = [0, *(gap[1] for gap in inner)], [*(gap[0] for gap in inner), most]
    yield from zip(begins, ends, strict=True)


def _width(columns: list[tuple[int, int]]) -> int:
    return sum(_BETWEEN + end - begin for begin, end in columns) - _BETWEEN


def _beside(lines: list[str], columns: list[tuple[int, int]]) -> Iterator[str]:
    for line in lines:
        cells = [line[begin:end].ljust(end - begin) for begin, end in columns]
        yield (" " * _BETWEEN).join(cells).rstrip()
