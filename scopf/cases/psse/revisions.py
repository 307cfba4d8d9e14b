"""The revision of a file whose first line does not say it, or may mean two layouts by it.

Up to 23 the buses have loads; up to 26 transformers are among the branches, and a section of their
adjustments follows; from 28 on they have a section of their own. 27 is known with either.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from scopf.cases.psse import layout, lexing
from scopf.cases.psse.lexing import QUOTE

_PROGRAM = r"(?:PSS\W{0,4}(?:TM|R)?\W{0,4}E|RAWD?)"
_WRITTEN = re.compile(_PROGRAM + r"\W{0,3}(?:VER(?:SION)?\W{0,3})?(\d\d)", re.IGNORECASE | re.ASCII)
_LOADS_IN_BUSES, _IN_BRANCHES, _WITHOUT_VSC, _WITH_VSC = 23, 26, 28, 30
_ENDS = {15: _WITHOUT_VSC, 16: _WITH_VSC}  # by the number of sections
_LATER = {17: 31, 18: 32, 19: 33}
_AFTER_BRANCHES = 4  # sections before the one after the branches
_PATIENCE = 2  # lines of a section that are looked at

Rows = Sequence[tuple[int, str]]


def in_comment(comment: str) -> int | None:
    """The revision that a comment names, as in `PSS/E-30.3` or `RAWD VER 29`, or None."""
    found = _WRITTEN.search(comment)
    return int(found[1]) if found else None


def settled(revision: int | None, rows: Rows) -> int | None:
    """The revision whose layout a file has; None where it cannot be known.

    Args:
        revision: that the first line gives, or None.
        rows: number and text of the lines of data.
    """
    if revision is not None and revision > _WITH_VSC:
        return revision
    known = _by_layout(rows)
    if revision is None:
        return known
    if known is not None and known <= _WITH_VSC:
        same = known == _LOADS_IN_BUSES or (known == _IN_BRANCHES) == (revision <= _IN_BRANCHES)
        return known if revision < _WITHOUT_VSC or not same else revision
    if revision <= _LOADS_IN_BUSES:  # with names where they are from 24 on
        return _IN_BRANCHES
    return None if revision == _IN_BRANCHES + 1 else revision


def is_bus(text: str) -> bool:
    """Whether a line is a bus record, of any revision: a quoted name among numbers."""
    fields = lexing.line(0, text).fields
    at = next((k for k in (1, 9) if fields[k : k + 1] and fields[k].startswith(QUOTE)), 0)
    return at > 0 and len(fields) > 3 and all(map(_is_number, fields[:at] + fields[at + 1 :]))


def _named(fields: Sequence[str]) -> bool:
    """Whether the second field of a bus is its name."""
    return fields[1].startswith(QUOTE) or not _is_number(fields[1])


def _is_number(field: str) -> bool:
    try:
        lexing.number(field)
    except ValueError:
        return not field
    return True


def _by_layout(rows: Rows) -> int | None:
    sections = _sections(rows)
    if not sections or not sections[0][0]:
        return None
    bus = sections[0][0][0]
    if len(bus) >= 10 and not _named(bus):
        return _LOADS_IN_BUSES
    announced = {layout.begun(comment) for _, comment in sections} - {""}
    if announced & {"system-wide", "switching device"}:
        return None
    if "transformer adjustment" in announced:
        return _IN_BRANCHES
    if len(bus) > 11 or "induction machine" in announced:
        return 33
    if "gne" in announced:
        return 32
    count = len(sections)
    if "fixed shunt" in announced or len(bus) == 9:
        return 31 if "switched shunt" in announced else _LATER.get(count)
    if "vsc dc" in announced:
        return _WITH_VSC
    if "transformer" in announced:
        return _WITHOUT_VSC
    if count not in range(_AFTER_BRANCHES + 1, max(_ENDS) + 1):
        return None
    if len(bus) not in (10, 11) or not bus[7].isdecimal():  # ZONE; from 31 on it is VM
        return None
    record = next(iter(sections[_AFTER_BRANCHES][0]), ())
    if len(record) > 3 and record[2].startswith(QUOTE):
        return _IN_BRANCHES
    return _ENDS.get(count) if len(record) > 3 and record[3].startswith(QUOTE) else None


def _sections(rows: Rows) -> list[tuple[list[tuple[str, ...]], str]]:
    """Fields of the first records of each section, and the comment of the line that ends it."""
    found: list[tuple[list[tuple[str, ...]], str]] = []
    records: list[tuple[str, ...]] = []
    for number, text in rows:
        start = text.lstrip()[:1]
        if start != "0" and (len(records) >= _PATIENCE or not start):
            continue
        line = lexing.line(number, text)
        if line.ends_section:
            found.append((records, line.comment))
            records = []
        elif line.ends_file:
            break
        elif len(records) < _PATIENCE:
            records.append(line.fields)
    return found
