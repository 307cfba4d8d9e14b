"""The three lines before the data: case identification and two titles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from scopf.cases.psse import layout, lexing, revisions
from scopf.cases.psse.lexing import Line
from scopf.errors import Fault

_PLACE = "CASE IDENTIFICATION data, line {}"
_DEFAULTS = {"IC": 0.0, "SBASE": 100.0, "REV": None, "XFRRAT": 0.0, "NXFRAT": 0.0, "BASFRQ": 60.0}
_TITLES = 2


@dataclass
class Head:
    """Content of the three lines.

    Attributes:
        base_mva: SBASE.
        revision: whose layout the file has; None where nothing can be read.
        adds: whether the file says that it adds to another case (IC is not 0).
        line: number of the first line.
        rows: count of lines up to the data.
        faults: of these lines.
        remarks: on what they say.
    """

    base_mva: float = 100.0
    revision: int | None = None
    adds: bool = False
    line: int = 1
    rows: int = 0
    faults: list[Fault] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def fault(self, text: str) -> None:
        """Note something wrong with the first line."""
        self.faults.append(Fault(text, _PLACE.format(self.line)))


def read(rows: Sequence[tuple[int, str]]) -> Head:
    """The head of a file.

    Args:
        rows: number and text of its lines, without comment lines.
    """
    blank = next((k for k, (_, text) in enumerate(rows) if text.strip()), len(rows))
    first = lexing.line(*rows[blank]) if blank < len(rows) else Line(1, ())
    head = Head(line=first.number, rows=blank + 1 + _TITLES)
    numbers = _numbers(head, first)
    if head.faults or len(first.fields) < 2:
        text = "does not begin as a PSS/E .raw file does, with `0, 100.0, 33, ...`"
        head.faults.append(Fault(text))
        return head
    for number, text in rows[blank + 1 : head.rows]:
        if revisions.is_bus(text):
            which = f"the bus record in line {number}"
            head.fault(f"two title lines belong between this line and {which}")
            return head
    _revision(head, first, numbers["REV"], rows[head.rows :])
    head.adds = numbers["IC"] != 0
    head.base_mva = numbers["SBASE"] or 0.0
    if not head.base_mva > 0:
        head.fault(f"SBASE must be a positive number of MVA, got {head.base_mva:g}")
        head.base_mva = 100.0
    for name, what in (("XFRRAT", "transformer"), ("NXFRAT", "line")):
        if (numbers[name] or 0.0) > 0.5:
            head.remarks.append(
                f"{what} ratings are currents ({name} = {numbers[name]:g}), read as MVA at 1 p.u. "
                'voltage; limit="current" (--limit current) holds currents to them'
            )
    return head


def _numbers(head: Head, first: Line) -> dict[str, float | None]:
    given = dict(zip(_DEFAULTS, first.fields, strict=False))
    numbers: dict[str, float | None] = dict(_DEFAULTS)
    for name, token in given.items():
        try:
            numbers[name] = lexing.number(token) if token else _DEFAULTS[name]
        except ValueError as error:
            head.fault(f"{error} ({name})")
    return numbers


def _revision(
    head: Head, first: Line, given: float | None, data: Sequence[tuple[int, str]]
) -> None:
    """Set the revision, and note what there is to say about it."""
    known = layout.REVISIONS
    written = revisions.in_comment(first.comment) if given is None else int(given)
    advice = f"save the case in PSS/E as revision 33 ({known[0]} to {known[-1]} are read)"
    if given is not None and written == 0:  # as some programs write what they do not know
        written = None
    if written is not None and written not in known and written > known[0]:
        head.fault(f"revision {written} is not read: {advice}")
        return
    head.revision = revisions.settled(None if written is None else max(written, known[0]), data)
    if head.revision is None:
        what = "the revision (REV) is missing" if written is None else f"revision {written} may"
        what += (
            " and the sections do not show it"
            if written is None
            else (" have transformers among the branches or after them, and no comment says which")
        )
        head.fault(f"{what}: {advice}")
    elif written is None:
        head.remarks.append(
            f"the revision (REV) is missing; the sections are those of revision {head.revision}"
        )
    elif written != head.revision:
        head.remarks.append(
            f"the file says revision {written}, and its sections are those of {head.revision}"
        )
