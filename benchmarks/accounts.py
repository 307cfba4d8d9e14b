"""Accounts of the text of cases that share nothing with the readers, to check what these accept."""

from __future__ import annotations

import re

_TABLES = {"baseMVA", "version", "bus", "gen", "branch", "gencost", "dcline", "dclinecost"}


def decoded(content: bytes) -> str:
    """The text of a file, in UTF-16 where it begins so, else in UTF-8, or in Latin-1."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def uncommented(text: str) -> str:
    """The text without comments and continuations, quoted strings as '_'."""
    lines, depth = [], 0
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        bare = line.strip(" \t")
        if bare == "%{":
            depth += 1
        elif bare == "%}" and depth:
            depth -= 1
        elif not depth:
            lines.append(line)
    found = []
    for line in lines:
        kept, at, goes_on = "", 0, False
        while at < len(line):
            c = line[at]
            if c == "%":
                break
            if line.startswith("...", at):
                goes_on = True
                break
            if c in "'\"":
                end = at + 1
                while end < len(line) and (line[end] != c or line[end : end + 2] == c + c == "''"):
                    end += 2 if line[end : end + 2] == "''" and c == "'" else 1
                if end < len(line):
                    kept, at = kept + "'_'", end + 1
                    continue
            kept, at = kept + c, at + 1
        found.append(kept + (" " if goes_on else "\n"))
    return "".join(found)


def accounted(text: str) -> dict[str, int]:
    """Rows of each table of a case that was accepted, after every character was accounted for."""
    rest = uncommented(text)
    rows: dict[str, int] = {}

    def take(match: re.Match[str]) -> str:
        body = match["body"]
        lines = re.split(r"[;\n]", body[1:-1]) if body[:1] in "[{" else [body]
        count = sum(1 for line in lines if line.replace(",", " ").split())
        once = match["key"] not in rows or match["key"] not in _TABLES
        assert once, f"mpc.{match['key']} is there twice"
        rows[match["key"]] = count
        return ""

    head = (
        r"function\b(?:[ \t]*\[[^\]\n]*\])?[^\n=;,(]*(?:=[^\n=;,(]*)?(?:\([^)\n]*\))?(?=[;,\n]|\Z)"
    )
    rest = re.sub(head + r"|\b(?:end|endfunction|return|define_constants)\b", "", rest)
    pattern = (  # of a struct, or of none
        r"\b(?:[A-Za-z]\w*\.)?(?P<key>[A-Za-z]\w*(?:\.\w+)*)\s*=\s*"
        r"(?P<body>\[[^\[\]]*\]|\{[^{}]*\}|[^;\n\[{]+)"
    )
    rest = re.sub(pattern, take, rest)
    computed = (
        r"^[;, \t]*(?:\[[\w, \t]+\]|[A-Za-z]\w*|mpc\.\w+[ \t]*\([^=\n;]*\))"
        r"[ \t]*=[^=\n;]*;?[ \t]*$"
    )
    rest = re.sub(computed, "", rest, flags=re.MULTILINE)
    rest = (
        rest.replace(";", "")
        .replace(",", "")
        .strip("\ufeff \t\n\v\f\x1c\x1d\x1e\x1f\x85\xa0\u2028\u2029")
    )
    assert not rest.split(), f"left over: {rest.split()[0][:40]!r}"
    assert {"bus", "gen", "branch", "baseMVA"} <= rows.keys(), "a table is missing"
    return rows


def sections(text: str) -> tuple[int, list[list[str]]]:
    """Revision, and the lines of each section: an account that shares nothing with the reader.

    A line with nothing but 0 and words in front of the slash ends a section, a Q all of them; no
    line of a transformer is blank in what is accepted.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = [line for line in lines if not line.lstrip().startswith("@!")]
    while lines and not lines[0].strip():
        del lines[0]
    head, _, comment = lines[0].partition("/")
    cells = [cell for part in head.split(",") for cell in part.split() or ["0"]]
    third = re.sub(r"['\"].*|[^-+.\deEdD].*", "", cells[2].lstrip("'\"")) if len(cells) > 2 else ""
    revision = float(third or 0)
    if not revision:
        revision = float([*re.findall(r"PSS.*?E.*?(\d\d)", comment, re.IGNORECASE), 0][0])
    found: list[list[str]] = [[]]
    for line in lines[3:]:
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", "_", line).partition("/")[0].replace(",", " ").split()
        if bare in (["Q"], ["q"]):
            break
        words = all(c.lstrip("'\"")[:1].isalpha() or c in "'\"" for c in bare[1:])
        if bare and set(bare[0].rstrip('"')) == {"0"} and words:
            found.append([])
        elif bare:
            found[-1].append(line)
    return int(revision), found + [[]] * 100
