"""The records of a .raw file, section by section, with every fault of the text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scopf.arrays import Complexes, Floats, Ints
from scopf.cases.psse import corrections, devices, head, layout, lexing
from scopf.cases.psse.lexing import Line
from scopf.errors import CaseError, Fault, counted

THRSHZ = 1e-4  # p.u.; PSS/E's own default of the reactance up to which a line has none
_THRSHZ = re.compile(r"THRSHZ\s*=\s*([^\s,]+)", re.IGNORECASE | re.ASCII)
_NAMED_FROM = 36  # the revision from which on the lines of field names are followed
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

    def complexes(self, real: str, imaginary: str, base: float = 1.0) -> Complexes:
        """Two columns of numbers as one, over a base: each by itself, which rounds as for one."""
        parts = self.floats(real) / base, self.floats(imaginary) / base
        return np.asarray(parts[0] + 1j * parts[1], dtype=np.complex128)

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
        if "I" not in self.columns or "MODE" in self.columns:
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
        corrections: impedance correction tables by number.
        faults: of the text.
        unsupported: content in service that the model does not represent.
        remarks: sentences for the log on what is changed or left out.
    """

    base_mva: float = 100.0
    thrshz: float = THRSHZ
    revision: int = 33
    records: dict[str, Records] = field(default_factory=dict)
    corrections: dict[int, corrections.Table] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    unsupported: list[Fault] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def table(self, section: str) -> Records:
        """The records of a section; none where the revision does not have it."""
        return self.records.get(section, Records(section))


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
        self.rows, self.comments = lexing.lines(text)
        self.at, self.adds = 0, False
        self.names: tuple[str, ...] = ()
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
        self._whole_case()
        if not missing:
            self._after()

    # -- head -----------------------------------------------

    def _head(self) -> None:
        case, found = self.case, head.read(self.rows)
        case.faults += found.faults
        if found.revision is None:
            raise _StopError
        case.revision, case.base_mva = found.revision, found.base_mva
        case.remarks += found.remarks
        self.at, self.adds = found.rows, found.adds

    def _whole_case(self) -> None:
        """Refuse a file that says that it adds to another case, unless it is a whole one."""
        if not self.adds:
            return
        where = place("case identification", self.rows[0][0])
        parts = [self.case.table(key) for key in ("bus", "generator", "branch", "transformer")]
        if 3 in parts[0].wholes("IDE") and len(parts[1]) and len(parts[2]) + len(parts[3]):
            text = (
                "IC is not 0, as in files of changes to another case; this is read as a whole case"
            )
            self.case.remarks.append(text)
        else:
            text = "IC is not 0: the file holds changes to another case, not a case"
            self._fault(text, where)

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
        self.names = ()
        if self.case.revision >= _NAMED_FROM:
            written = lexing.line(0, self.comments.get(start, ""))
            self.names = tuple(map(lexing.words, written.fields))
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
        revision = self.case.revision
        if section == "switched shunt":
            revision = layout.of_switched_shunt(revision, line.fields)
        layouts = layout.record(section, revision)
        if len(layouts) == 1 and self.names:
            layouts = (layout.named(layouts[0], self.names),)
        if layouts:
            self._table(section, layouts, line)
        elif section in devices.DEVICES:
            self._device(section, line)
        elif section == "impedance correction":
            self._correction(line)
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
        device = devices.DEVICES[section]
        if line.fault:
            self._fault(line.fault, place(section, line.number))
        for _ in range(min(device.more(line.fields), len(self.rows) - self.at)):
            self._next()
        if not devices.out_of_service(device, line.fields):
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
            self.case.remarks.append(
                f"node-breaker detail (SUBSTATION data, {counted(count, 'record', 'records')} from "
                f"line {first.number} on) is left out; the buses and branches are those of the "
                "other sections"
            )

    def _after(self) -> None:
        """Complain about what follows the last section."""
        if not self._over():
            line = self._next()
            number = line.number if line else 0
            text = f"there is more after the last section of revision {self.case.revision}: Q?"
            self._fault(text, f"line {number}")

    # -- records -----------------------------------------------

    def _correction(self, first: Line) -> None:
        """An impedance correction table, of several lines where the factors are complex."""
        number, *values = [*self._numbers(first), 0.0][: max(len(first.fields), 1)]
        width = corrections.width(self.case.revision, values)
        read = 0  # values that do not end the table
        while width == corrections.COMPLEX and not corrections.closed(values[read:]):
            read = len(values) // width * width
            line = self._next()
            if line is None or line.ends_section or line.ends_file or _begins_table(line):
                self.at -= line is not None
                break
            values += self._numbers(line)
        self.case.corrections[int(number)] = corrections.table(values, width)

    def _numbers(self, line: Line) -> list[float]:
        """The fields of a line that has nothing but numbers."""
        if line.fault:
            self._fault(line.fault, place("impedance correction", line.number))
        found = []
        for token in line.fields:
            try:
                found.append(lexing.number(token) if token else 0.0)
            except ValueError as error:
                self._fault(str(error), place("impedance correction", line.number))
                found.append(0.0)
        return found

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


def _begins_table(line: Line) -> bool:
    """Whether a line is the first one of a table: its number, and points of three numbers."""
    return len(line.fields) % corrections.COMPLEX == 1 and line.fields[0].isdecimal()


def _third(fields: tuple[str, ...]) -> bool:
    """Whether the first line of a transformer names a third bus."""
    try:
        return len(fields) > 2 and bool(fields[2]) and lexing.whole(fields[2]) != 0
    except ValueError:
        return False
