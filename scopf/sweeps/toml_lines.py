"""The line of a key in a TOML file, which the parser does not give."""

from __future__ import annotations

import re

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


def line_of(text: str, path: tuple[str | int, ...]) -> int | None:
    """The line, counted from 1, of the value at `path`: keys, and places in arrays of tables.

    It is the line of the deepest key of the path that has one of its own; None without any.
    """
    wanted = tuple(path)
    best, depth = None, 0
    table: tuple[str | int, ...] = ()
    seen: dict[tuple[str, ...], int] = {}
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
        if len(here) > depth and here == wanted[: len(here)]:
            best, depth = number, len(here)
    return best


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip(" \t\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.]+", dotted))
