"""The records of a .raw file, section by section, with every fault of the text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scopf.arrays import Complexes, Floats, Ints
from scopf.cases.psse import layout, lexing
from scopf.cases.psse.lexing import Line
from scopf.errors import CaseError, Fault

THRSHZ = 1e-4  # p.u.; PSS/E's own default of the reactance up to which a line has none
_REVISION = re.compile(r"PSS\W{0,4}(?:TM)?\W{0,3}E\W{0,3}(\d\d)", re.IGNORECASE | re.ASCII)
_THRSHZ = re.compile(r"THRSHZ\s*=\s*([^\s,]+)", re.IGNORECASE | re.ASCII)
_KEYS = ("I", "J", "K", "ID", "CKT")
_NEEDED = ("bus", "generator", "branch", "transformer")


@dataclass
class Records:
    """The records of one section, by column.

    Attributes:
        section: its name.
        lines: number of each record's first line.
        columns: the fields that are read, by PSS/E's names.
    """

    section: str
    lines: list[int] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.lines)

    def floats(self, *names: str, default: float = 0.0) -> Floats:
        """A column of numbers, the first that this revision has of several names."""
        return np.array(self._column(names, default), dtype=np.float64)

    def complexes(self, real: str, imaginary: str) -> Complexes:
        """Two columns of numbers as one."""
        return np.asarray(self.floats(real) + 1j * self.floats(imaginary), dtype=np.complex128)

    def wholes(self, *names: str, default: int = 0) -> Ints:
        """A column of whole numbers, as `floats`."""
        return np.array(self._column(names, default), dtype=np.int64)

    def texts(self, *names: str, default: str = "") -> list[str]:
        """A column of texts, as `floats`."""
        return self._column(names, default)

    def _column(self, names: Iterable[str], default: Any) -> list[Any]:
        found = next((name for name in names if name in self.columns), None)
        return [default] * len(self) if found is None else self.columns[found]

    def name(self, row: int) -> str:
        """Name of a record, as in PSS/E: "bus 12", "12 '1'", "12-13 '1'"; of a DC line "'A'"."""
        if "I" not in self.columns:
            return f"'{self.columns['NAME'][row]}'"
        cell = {key: self.columns[key][row] for key in _KEYS if key in self.columns}
        buses = "-".join(str(abs(cell[key])) for key in _KEYS[:3] if cell.get(key))
        own = next((f" '{cell[key]}'" for key in _KEYS[3:] if key in cell), "")
        return buses + own if own else f"bus {buses}"

    def fault(self, row: int, text: str, column: str = "") -> Fault:
        """Something wrong with one record."""
        where = place(self.section, self.lines[row])
        return Fault(text, where, label=self.name(row), column=column)


@dataclass
class Case:
    """Content of a file.

    Attributes:
        base_mva: SBASE.
        thrshz: p.u., the reactance that stands for none.
        revision: of the format.
        records: by section, also of sections that the file does not have.
        faults: of the text.
        unsupported: content in service that the model does not represent.
        remarks: sentences for the log.
    """

    base_mva: float = 100.0
    thrshz: float = THRSHZ
    revision: int = 33
    records: dict[str, Records] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    unsupported: list[Fault] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def place(section: str, line: int) -> str:
    """Place of a record in the file, such as "LOAD data, line 12"."""
    return f"{section.upper()} data, line {line}"


def parse(text: str, source: str) -> Case:
    """Read the records of a file.

    Raises:
        CaseError: when the file is no such file, or of a revision that is not read; other faults
            are in the `faults` of the result.
    """
    reader = _SectionReader(text)
    try:
        reader.read()
    except _StopError:
        raise CaseError(source, reader.case.faults) from None
    return reader.case


class _StopError(Exception):
    """Nothing more can be made out."""


class _SectionReader:
    def __init__(self, text: str) -> None:
        self.rows = list(lexing.lines(text))
        self.at = 0
        self.case = Case()

    def read(self) -> None:
        self._head()
        order = layout.sections(self.case.revision)
        missing: list[str] = []
        for k, section in enumerate(order):
            self.case.records[section] = Records(section)
            if self._over():
                missing.append(section)
                continue
            following = order[k + 1] if k + 1 < len(order) else ""
            if section == "substation":
                self._substations()
            else:
                self._section(section, following)
        for section in missing:
            if section in _NEEDED:
                self._fault(f"there is no {section.upper()} data: the file ends before it")
        if not missing:
            self._after()

    # -- head -----------------------------------------------

    def _head(self) -> None:
        """The three lines before the data: case identification and two titles."""
        case = self.case
        while self.at < len(self.rows) and not self.rows[self.at][1].strip():
            self.at += 1
        first = self._next() or Line(1, ())
        names = ("IC", "SBASE", "REV", "XFRRAT", "NXFRAT", "BASFRQ")
        given = dict(zip(names, first.fields, strict=False))
        numbers = {}
        for name, default in zip(names, (0.0, 100.0, None, 0.0, 0.0, 60.0), strict=True):
            try:
                token = given.get(name) or None
                numbers[name] = default if token is None else lexing.number(token)
            except ValueError as error:
                self._fault(f"{error} ({name})", place("case identification", first.number))
        if case.faults or len(first.fields) < 2:
            self._fault("does not begin as a PSS/E .raw file does, with `0, 100.0, 33, ...`")
            raise _StopError
        revision = numbers["REV"]
        written = _REVISION.search(first.comment)
        if revision is None and written:
            revision = float(written[1])
        if revision is None or int(revision) not in layout.REVISIONS:
            said_so = "the revision (REV) is missing" if revision is None else ""
            low, high = layout.REVISIONS[0], layout.REVISIONS[-1]
            text = said_so or f"revision {revision:g} is not read"
            text += f": save the case in PSS/E as revision 33 ({low} to {high} are read)"
            self._fault(text, place("case identification", first.number))
            raise _StopError
        if numbers["IC"] != 0:
            text = "IC is not 0: the file holds changes to another case, not a case"
            self._fault(text, place("case identification", first.number))
        case.revision, case.base_mva = int(revision), float(numbers["SBASE"] or 0.0)
        if not case.base_mva > 0:
            text = f"SBASE must be a positive number of MVA, got {case.base_mva:g}"
            self._fault(text, place("case identification", first.number))
            case.base_mva = 100.0
        for name, what, least in (("XFRRAT", "transformer", 0.5), ("NXFRAT", "line", 0.5)):
            if (numbers[name] or 0.0) > least:
                case.remarks.append(
                    f"{what} ratings are currents ({name} = {numbers[name]:g}); they are read as "
                    "limits of MVA at 1 p.u. voltage"
                )
        self.at += 2  # titles

    # -- sections -----------------------------------------------

    def _next(self) -> Line | None:
        """The next line, or None at the end of the text."""
        if self.at >= len(self.rows):
            return None
        self.at += 1
        return lexing.line(*self.rows[self.at - 1])

    def _over(self) -> bool:
        """Whether the data are over: at a Q, or at the end of the text."""
        while (found := self._next()) is not None:
            if found.ends_file:
                self.at = len(self.rows)
            elif found.fields or found.fault:
                self.at -= 1
                return False
        return True

    def _section(self, section: str, following: str) -> None:
        """All records up to the zero that ends them."""
        start = self.at
        while (line := self._next()) is not None:
            if line.ends_section:
                self._announced(line, section, following)
                return
            if line.ends_file:
                self.at = len(self.rows)
                break
            if line.fields or line.fault:
                self._record(section, line)
        last = self.rows[-1][0] if self.rows else 1
        began = self.rows[start][0] if start < len(self.rows) else last
        text = f"no line 0 ends the section, which begins in line {began}: is the file cut off?"
        self._fault(text, f"{section.upper()} data")

    def _announced(self, line: Line, section: str, following: str) -> None:
        """Compare the comment at a section's end with the section that follows."""
        announced = layout.begun(line.comment)
        if announced and following and announced != following:
            text = (
                f"the comment begins {announced.upper()} data where revision "
                f"{self.case.revision} has {following.upper()} data: is REV right, or is a "
                "section missing?"
            )
            self._fault(text, place(section, line.number))
            raise _StopError

    def _record(self, section: str, line: Line) -> None:
        layouts = layout.record(section, self.case.revision)
        if layouts:
            self._table(section, layouts, line)
        elif section in layout.DEVICES:
            self._device(section, line)
        elif section == "system-wide":
            self._setting(line)

    def _setting(self, line: Line) -> None:
        """A record of solution settings, of which only THRSHZ is about the network."""
        found = _THRSHZ.search(self.rows[self.at - 1][1])
        if found is None or line.fields[:1] != ("GENERAL",):
            return
        try:
            self.case.thrshz = lexing.number(found[1])
        except ValueError as error:
            self._fault(f"{error} (THRSHZ)", place("system-wide", line.number))
        if not self.case.thrshz > 0:
            self.case.thrshz = THRSHZ

    def _device(self, section: str, line: Line) -> None:
        """A record that the model does not have: named if it is in service."""
        device = layout.DEVICES[section]
        if line.fault:
            self._fault(line.fault, place(section, line.number))
        for _ in range(min(device.more(line.fields), len(self.rows) - self.at)):
            self._next()
        if not layout.out_of_service(device, line.fields):
            name = lexing.words(line.fields[0]) if line.fields else ""
            text = f"this {device.what} is in service; it is not represented"
            where = place(section, line.number)
            self.case.unsupported.append(Fault(text, where, label=lexing.shown(name)))

    def _substations(self) -> None:
        """Node-breaker detail, which is the last there is: nested sections up to the Q."""
        first, count = None, 0
        while (line := self._next()) is not None and not line.ends_file:
            if (line.fields or line.fault) and not line.ends_section:
                first = first or line
                count += 1
        self.at = len(self.rows)
        if first is not None:
            text = f"node-breaker detail ({count} records) is not read; buses are as in BUS data"
            self.case.unsupported.append(Fault(text, place("substation", first.number)))

    def _after(self) -> None:
        """Complain about what follows the last section."""
        if not self._over():
            line = self._next()
            number = line.number if line else 0
            text = f"there is more after the last section of revision {self.case.revision}: Q?"
            self._fault(text, f"line {number}")

    # -- records -----------------------------------------------

    def _table(self, section: str, layouts: tuple[layout.Row, ...], first: Line) -> None:
        """One record, which may have several lines."""
        records, before = self.case.records[section], len(self.case.faults)
        lines = [first]
        count = len(layouts)
        if section == "transformer" and not _third(first.fields):
            count -= 1
        while len(lines) < count:
            following = self._next()
            if following is None or following.ends_file:
                self.at = len(self.rows)
            elif following.ends_section:
                self.at -= 1
            else:
                if not (following.fields or following.fault):
                    text = "the line is blank, in the middle of a record"
                    self._fault(text, place(section, following.number))
                lines.append(following)
                continue
            text = f"the record has {len(lines)} lines where {count} belong to it"
            self._fault(text, place(section, first.number))
            break
        if first.begins_with_zero:
            text = "the line begins with 0, which ends a section, but has more numbers"
            self._fault(text, place(section, first.number))
        for k, row in enumerate(layouts):
            line = lines[k] if k < len(lines) else None
            self._cells(records, row, line, first.number)
        records.lines.append(first.number)
        label = records.name(-1) if len(self.case.faults) > before else ""
        for n in range(before, len(self.case.faults)):
            fault = self.case.faults[n]
            self.case.faults[n] = Fault(fault.text, fault.table, label=label, column=fault.column)

    def _cells(self, records: Records, row: layout.Row, line: Line | None, first: int) -> None:
        """The fields of one line of a record; what cannot be read gets a stand-in."""
        written = line.fields if line else ()
        where = place(records.section, line.number if line else first)
        if line and line.fault:
            self._fault(line.fault, where)
        elif len(written) > row.width:
            revision = self.case.revision
            text = f"has {len(written)} fields where revision {revision} has {row.width}"
            self._fault(text, where)
        for cell in row.fields:
            value = cell.default
            token = written[cell.place] if cell.place < len(written) else ""
            try:
                if token:
                    value = cell.read(token)
                elif value is None and line and not line.fault:
                    raise ValueError(f"{cell.name} is missing")
            except ValueError as error:
                text = str(error)
                text += "" if cell.name in text else f" ({cell.name})"
                self._fault(text, where, column=cell.name)
            if value is None:
                value = -first if cell.read is lexing.whole else 1.0
            records.columns.setdefault(cell.name, []).append(value)

    def _fault(self, text: str, where: str = "", column: str = "") -> None:
        self.case.faults.append(Fault(text, where, column=column))


def _third(fields: tuple[str, ...]) -> bool:
    """Whether the first line of a transformer names a third bus."""
    try:
        return len(fields) > 2 and bool(fields[2]) and lexing.whole(fields[2]) != 0
    except ValueError:
        return False
