"""Statements of contingency files: the words of a line, and the forms that are known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

_WORD = re.compile(
    r"""
      '(?P<one>.*?)'(?=[\s,/]|$)     # a quote in a name closes nothing: 'L_22O'~1'
    | "(?P<two>.*?)"(?=[\s,/]|$)
    | (?P<open>['"])                 # one that is not closed
    | (?P<plain>[^\s,/'"](?:[^\s,/]|/(?![\s,]|$))*)
    | (?P<comment>/)
    """,
    re.VERBOSE | re.ASCII,
)
_COMMENT = re.compile(r"\s*COM(?:\s|$)", re.ASCII | re.IGNORECASE)
_BUS = re.compile(r"\d{1,9}", re.ASCII)
_LONGEST = 40  # text of a word in a message

BRANCH = "OPEN|TRIP|DISCONNECT BRANCH|LINE FROM BUS i TO [BUS] j [TO [BUS] k] [CIRCUIT|CKT c]"
WINDING = "OPEN|TRIP|DISCONNECT THREEWINDING AT BUS i TO [BUS] j TO [BUS] k [CIRCUIT|CKT c]"
BUS = "OPEN|TRIP|DISCONNECT BUS i"
MACHINE = "REMOVE|TRIP MACHINE|UNIT m FROM BUS i"
EVENTS = (BRANCH, WINDING, BUS, MACHINE)

BEGIN = "CONTINGENCY name"
END = "END"
BRANCHES_AT = "SINGLE|DOUBLE|BUSDOUBLE|PARALLEL BRANCH|LINE FROM BUS i"
BRANCHES_IN = "SINGLE|DOUBLE|BUSDOUBLE|PARALLEL BRANCH|LINE IN|FROM AREA|ZONE n"
BRANCHES = "SINGLE|DOUBLE|BUSDOUBLE|PARALLEL BRANCH|LINE IN|FROM SYSTEM"
TIES = "SINGLE|DOUBLE|BUSDOUBLE|PARALLEL TIE FROM AREA|ZONE n"
MACHINES_AT = "SINGLE|DOUBLE MACHINE|UNIT FROM BUS i"
MACHINES_IN = "SINGLE|DOUBLE MACHINE|UNIT IN|FROM AREA|ZONE n"
MACHINES = "SINGLE|DOUBLE MACHINE|UNIT IN|FROM SYSTEM"
OF_MACHINES = (MACHINES_AT, MACHINES_IN, MACHINES)
AUTOMATIC = (BRANCHES_AT, BRANCHES_IN, BRANCHES, TIES, *OF_MACHINES)
WITHOUT_EFFECT = ("BUSNUMBERS", "TRACE")  # buses are named by numbers in any case

_NUMBERS = ("i", "j", "k", "n")
_TEXTS = ("name", "c", "m")
_HINTS = {
    "SUBSYSTEM": "subsystems stand in a .sub file, which is not read",
    "OWNER": "owners are not kept in a network",
    "BUSNAMES": "buses are known by their numbers",
    **dict.fromkeys(
        ("ADD", "CLOSE", "SET", "CHANGE", "ALTER", "MODIFY", "INCREASE", "RAISE", "DECREASE",
         "REDUCE", "MOVE", "BLOCK", "LOAD", "SHUNT", "SWSHUNT"),
        "only branches and machines can be lost",
    ),
}  # fmt: skip


class Word(NamedTuple):
    """One word of a line.

    Attributes:
        text: without quotes.
        quoted: whether it was in quotes, and is no keyword.
    """

    text: str
    quoted: bool = False

    def is_keyword(self, *known: str) -> bool:
        """Whether it is one of these keywords, capitals aside."""
        return not self.quoted and self.text.upper() in known

    @property
    def shown(self) -> str:
        """The word for a message, cut where it is long."""
        return self.text if len(self.text) <= _LONGEST else f"{self.text[:_LONGEST]}..."


class Statement(NamedTuple):
    """A line of a known form.

    Attributes:
        form: one of those above.
        keywords: in capitals.
        fields: what stands for the small letters of the form.
    """

    form: str
    keywords: tuple[str, ...]
    fields: dict[str, str]

    def number(self, name: str) -> int:
        """A field that is a number; 0 where it is left out."""
        return int(self.fields.get(name, 0))


def words(line: str) -> list[Word]:
    """The words of a line up to a comment, which begins with a `/` or, as the whole line, with COM.

    Raises:
        ValueError: saying what is wrong.
    """
    found = list[Word]()
    if _COMMENT.match(line):
        return found
    for match in _WORD.finditer(line):
        if match["comment"]:
            break
        if match["open"]:
            raise ValueError(f"a quote ({match['open']}) is not closed")
        if match["plain"]:
            found.append(Word(match["plain"]))
        else:
            found.append(Word((match["one"] or match["two"] or "").strip(), quoted=True))
    return found


def statement(line: list[Word], forms: tuple[str, ...]) -> Statement:
    """A line as one of these forms.

    Raises:
        ValueError: saying up to where it is like one of them, and which there are.
    """
    furthest, expected = 0, dict[str, str]()
    for form in forms:
        for variant in _variants(form):
            count = _alike(variant, line)
            if count == len(variant) == len(line):
                return _read(form, variant, line)
            if count > furthest:
                furthest, expected = count, {}
            if count == furthest:
                expected.setdefault(form, variant[count] if count < len(variant) else "")
    raise ValueError(_refusal(line, furthest, expected, forms))


def _alike(variant: tuple[str, ...], line: list[Word]) -> int:
    """Number of words that fit, from the first on."""
    count = 0
    for part, word in zip(variant, line, strict=False):
        if not _fits(part, word):
            break
        count += 1
    return count


def _fits(part: str, word: Word) -> bool:
    if part in _NUMBERS:
        return bool(_BUS.fullmatch(word.text)) and not word.quoted
    if part in _TEXTS:
        return bool(word.text)
    return word.is_keyword(*part.split("|"))


def _read(form: str, variant: tuple[str, ...], line: list[Word]) -> Statement:
    pairs = list(zip(variant, line, strict=True))
    fields = {part: word.text for part, word in pairs if part in (*_NUMBERS, *_TEXTS)}
    return Statement(
        form, tuple(word.text.upper() for part, word in pairs if part not in fields), fields
    )


def _refusal(line: list[Word], count: int, expected: dict[str, str], forms: tuple[str, ...]) -> str:
    hints = [_HINTS[one.text.upper()] for one in line if one.text.upper() in _HINTS]
    hint = f" ({hints[0]})" if hints else ""
    if not count:
        return f"{line[0].shown!r} begins no statement that is known{hint}; {_known(forms)}"
    after = " ".join(word.shown for word in line[:count])
    parts = list(dict.fromkeys(_meaning(part) for part in expected.values()))
    if BEGIN in expected and count > 1:
        hint = " (a name with blanks is in quotes)"
    there = f"{line[count].shown!r} stands" if count < len(line) else "the line ends"
    wanted = " or ".join(parts)
    return f"after {after!r} {there} where {wanted} is expected{hint}; {_known(tuple(expected))}"


def _known(forms: tuple[str, ...]) -> str:
    return "known: " + "; ".join(forms) if len(forms) > 1 else f"the form is {forms[0]}"


def _meaning(part: str) -> str:
    if part in _NUMBERS:
        return "the number of an area or a zone" if part == "n" else "a bus number"
    names = {"name": "a name", "c": "a circuit", "m": "a machine", "": "the end of the line"}
    return names.get(part, part)


@cache
def _variants(form: str) -> tuple[tuple[str, ...], ...]:
    """The form with and without each of its parts in brackets."""
    parts = re.findall(r"\[|\]|[^\s\[\]]+", form)
    return tuple(tuple(found) for found in _expanded(parts))


def _expanded(parts: list[str]) -> Iterator[list[str]]:
    if "[" not in parts:
        yield parts
        return
    start = parts.index("[")
    depth, end = 1, start
    while depth:
        end += 1
        depth += (parts[end] == "[") - (parts[end] == "]")
    for inside in (parts[start + 1 : end], []):
        yield from _expanded([*parts[:start], *inside, *parts[end + 1 :]])
