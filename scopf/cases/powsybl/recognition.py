"""Recognises a pypowsybl network, and files for pypowsybl, without importing pypowsybl."""

from __future__ import annotations

# By suffix, what the file is. pypowsybl knows formats by their suffixes itself.
SUFFIXES = {
    ".zip": "CGMES",
    ".xiidm": "IIDM",
    ".iidm": "IIDM",
    ".jiidm": "IIDM",
    ".biidm": "IIDM",
    ".xml": "IIDM or CGMES",
    ".uct": "UCTE",
    ".txt": "IEEE-CDF",
    ".cdf": "IEEE-CDF",
    ".dgs": "PowerFactory",
}
_MARKS = {  # words near the beginning of files whose suffix says little
    ".txt": ("BUS DATA FOLLOWS",),
    ".xml": ("iidm", "CIM"),
}


def is_network(source: object) -> bool:
    """Whether an object is a pypowsybl network."""
    return any(
        kind.__name__ == "Network" and kind.__module__.partition(".")[0] == "pypowsybl"
        for kind in type(source).__mro__
    )


def reads(suffix: str, head: str) -> bool:
    """Whether pypowsybl may read a file of this suffix, in lower case, that begins so."""
    marks = _MARKS.get(suffix)
    return suffix in SUFFIXES and (marks is None or any(mark in head for mark in marks))
