"""PSS/E's free format: fields between commas or blanks, up to a `/`; `@!` begins a comment line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from scopf.network import csvtable

QUOTE = "'"
_TOKEN = re.compile(r"""'[^']*'|"[^"]*"|[^\s,/'"]+|[,/'"]""", re.ASCII)


class Line(NamedTuple):
    """One line of data.

    Attributes:
        number: of the line in the file, counted from 1.
        fields: as written, "" where one is left out; a quoted one keeps a quote in front.
        comment: text after the `/`.
        fault: of the line itself, or "".
    """

    number: int
    fields: tuple[str, ...]
    comment: str = ""
    fault: str = ""

    @property
    def ends_section(self) -> bool:
        """Whether the line is the zero that ends a section, with nothing but words after it."""
        return self.begins_with_zero and all(not f or f[0].isalpha() for f in self.fields[1:])

    @property
    def begins_with_zero(self) -> bool:
        """Whether the first field is a whole zero."""
        return bool(self.fields) and not self.fields[0].strip("0") and self.fields[0] != ""

    @property
    def ends_file(self) -> bool:
        """Whether the line is the Q that ends the data."""
        return self.fields in (("Q",), ("q",))


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Number and text of every line that is no comment line."""
    split = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return ((k, line) for k, line in enumerate(split, 1) if not line.lstrip().startswith("@!"))


def line(number: int, text: str) -> Line:
    """The fields of a line."""
    fields: list[str] = []
    comment, open_ = "", True  # whether a comma now would leave a field out
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token == "/":
            comment = text[match.end() :].strip()
            break
        if token == ",":
            if open_:
                fields.append("")
            open_ = True
            continue
        if token in ("'", '"'):
            fault = f"a quote ({token}) is not closed"
            return Line(number, tuple(fields), text[match.end() :], fault)
        fields.append(QUOTE + token[1:-1] if token[0] in "'\"" else token)
        open_ = False
    return Line(number, tuple(fields), comment)


def number(token: str) -> float:
    """A finite number, also one with Fortran's exponent D.

    Raises:
        ValueError: saying what is wrong.
    """
    return csvtable.number(_written(token))


def whole(token: str) -> int:
    """A whole number.

    Raises:
        ValueError: saying what is wrong.
    """
    return csvtable.whole(_written(token))


def words(token: str) -> str:
    """A text without its quote and the blanks around it."""
    return token.removeprefix(QUOTE).strip()


def shown(token: str) -> str:
    """A field as the user wrote it, cut where it is long."""
    return csvtable.shown(_written(token))


def _written(token: str) -> str:
    return f"{token}'" if token.startswith(QUOTE) else token
