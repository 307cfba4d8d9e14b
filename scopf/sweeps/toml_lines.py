"""Lines of keys in a TOML file, which the parser does not give, and a bound on their depth."""

from __future__ import annotations

import re

DEEPEST = 50  # parts of a dotted key; time and memory of tomllib go with the square of them

_HEADER = re.compile(r"\s*+(\[\[?+)([^\]]++)\]")
_PART = r"""(?:[\w-]++|"[^"]*+"|'[^']*+')"""
_KEY = re.compile(rf"\s*+({_PART}(?:\s*+\.\s*+{_PART})*+)\s*+=")
_TOKEN = re.compile(
    r"""(?P<other>"{3}(?:[^"\\]|\\.|"(?!""))*+"{3,5}|'{3}(?:[^']|'(?!''))*+'{3,5}|\#[^\n]*+)"""
    r"""|(?P<open3>"{3}|'{3})"""
    r"""|(?P<part>"(?:[^"\\\n]|\\[^\n])*+"|'[^'\n]*+'|[A-Za-z0-9_-]++)"""
    r"""|(?P<dot>\.)|(?P<blank>[ \t]++)|(?P<open>["'])""",
    re.DOTALL,
)


def depth(text: str) -> int:
    """Most parts of a dotted key of a TOML file, up to where it is none."""
    deepest, parts, at = 0, 0, 0
    dotted = False  # whether the token before is a dot after a part
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if token.start() != at or kind == "other":
            parts, dotted = 0, False
        at = token.end()
        if kind in ("open", "open3"):
            break
        if kind == "part":
            parts = parts + 1 if dotted else 1
            deepest, dotted = max(deepest, parts), False
        elif kind == "dot":
            dotted = parts > 0
    return deepest


Where = tuple[str | int, ...]


class Lines:
    """Lines of the keys and headers of a TOML file."""

    def __init__(self, text: str) -> None:
        self._first: dict[Where, int] = {}
        table: Where = ()
        seen: dict[Where, int] = {}
        for number, line in enumerate(text.splitlines(), 1):
            header, key = _HEADER.match(line), _KEY.match(line)
            if header:
                names = _names(header[2])
                table = names
                if header[1] == "[[":
                    table = (*names, seen.setdefault(names, 0))
                    seen[names] += 1
                here = table
            elif key:
                here = (*table, *_names(key[1]))
            else:
                continue
            self._first.setdefault(here, number)

    def of(self, path: Where) -> int | None:
        """The line, counted from 1, of the value at `path`: keys, and places in arrays of tables.

        It is the line of the deepest key of the path that has one of its own; None without any.
        """
        found = (self._first.get(path[:k]) for k in range(len(path), 0, -1))
        return next((line for line in found if line is not None), None)


def _names(dotted: str) -> tuple[str, ...]:
    parts = re.findall(r"\"[^\"]*+\"|'[^']*+'|[^.]++", dotted)
    return tuple(part.strip(" \t\"'") for part in parts[: DEEPEST + 1])
