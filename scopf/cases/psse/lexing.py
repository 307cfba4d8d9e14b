"""PSS/E's free format: fields between commas or blanks, up to a `/`; `@!` begins a comment line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from scopf.network import csvtable

QUOTE = "'"
_TOKEN = re.compile(r"""'[^']*'|"[^"]*"|[^\s,/'"]+|[,/'"]""", re.ASCII)
_SEPARATOR = " \t\r\v\f,/"
_ENDS_FIELD = re.compile(r"\s*(?:[,/]|$)", re.ASCII)


class Line(NamedTuple):
    """One line of data.

    Attributes:
        number: of the line in the file, counted from 1.
        fields: as written, "" where one is left out; a quoted one keeps a quote in front.
        comment: text after the `/`.
        fault: of the line itself, or "".
        closed: whether there is a `/`.
    """

    number: int
    fields: tuple[str, ...]
    comment: str = ""
    fault: str = ""
    closed: bool = False

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


def lines(text: str) -> tuple[list[tuple[int, str]], dict[int, str]]:
    """Number and text of every line of data, and comment lines by the count of those before.

    A comment line names the fields of the lines after it; of several the first one is kept.
    """
    found: list[tuple[int, str]] = []
    comments: dict[int, str] = {}
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        if line.lstrip().startswith("@!"):
            comments.setdefault(len(found), line.lstrip()[2:])
        else:
            found.append((number, line))
    return found, comments


def line(number: int, text: str) -> Line:
    """The fields of a line.

    A quoted field ends at its next quote or, where that cannot be, as in `'O'Donnell'` or
    `'10' POLE'`, at the one before a comma, a `/` or the end of the line.
    """
    tokens, comment = _tokens(text)
    if any(token in ("'", '"') for token in tokens):
        tokens, comment, fault = _tokens_with_quotes(text)
        if fault:
            return Line(number, tuple(_fields(tokens)), comment or "", fault)
    return Line(number, tuple(_fields(tokens)), comment or "", closed=comment is not None)


def _tokens(text: str) -> tuple[list[str], str | None]:
    """Fields and commas, and the comment; a quote on its own where quotes are not in pairs."""
    tokens: list[str] = []
    for match in _TOKEN.finditer(text):
        token, end = match[0], match.end()
        if token == "/":
            return tokens, text[end:].strip()
        quoted = token[0] in "'\"" and len(token) > 1
        if quoted and end < len(text) and text[end] not in _SEPARATOR:
            return [QUOTE], None
        tokens.append(token)
    return tokens, None


def _tokens_with_quotes(text: str) -> tuple[list[str], str | None, str]:
    """As `_tokens`, where names have quotes in them; also what is wrong, or ""."""
    tokens: list[str] = []
    at, separated = 0, True  # whether a quote before a separator may be ahead
    while match := _TOKEN.search(text, at):
        token, at = match[0], match.end()
        if token == "/":
            return tokens, text[at:].strip(), ""
        if token[0] not in "'\"":
            tokens.append(token)
            continue
        quote, start = token[0], match.start()
        end = _closing(text, start + 1, quote) if separated else -1
        if end < 0:
            separated = False
            end = _before_blank(text, start + 1, quote)
        inside = text[start + 1 : end].replace(quote * 2, quote)
        if end < 0 or (quote in inside and "," in inside):
            return tokens, text[at:], f"a quote ({quote}) is not closed"
        tokens.append(f"{quote}{inside}{quote}")
        at = end + 1
    return tokens, None, ""


def _closing(text: str, start: int, quote: str) -> int:
    """Place of the first quote before a comma, a `/` or the end of the line, or -1."""
    end = text.find(quote, start)
    while end >= 0 and not _ENDS_FIELD.match(text, end + 1):
        end = text.find(quote, end + 1)
    return end


def _before_blank(text: str, start: int, quote: str) -> int:
    end = text.find(quote, start)
    while end >= 0 and text[end + 1 : end + 2].strip():
        end = text.find(quote, end + 1)
    return end


def _fields(tokens: list[str]) -> Iterator[str]:
    """Fields as `Line` has them, also those left out between commas."""
    open_ = True  # whether a comma now would leave a field out
    for token in tokens:
        if token == ",":
            if open_:
                yield ""
            open_ = True
            continue
        yield QUOTE + token[1:-1] if token[0] in "'\"" else token
        open_ = False


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
