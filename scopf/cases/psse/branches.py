"""Lines, switching devices and transformers as rows of one table, per unit of the system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from scopf.arrays import Complexes, Flags, Floats, Ints, Strings, texts
from scopf.cases.psse import checks
from scopf.cases.psse.reading import Case, Records
from scopf.errors import Fault, counted, listing
from scopf.network.tables import positions

Origins = list[tuple[Records, int]]


@dataclass
class Ends:
    """Branches: `z` in series at the to side of an ideal transformer tap:1 with a phase shift.

    Attributes:
        rate: MVA, 0 for no limit.
        shift: degrees.
        y_from, y_to: admittance to ground at either end that belongs to the branch.
        name: such as "1-2 '1'".
        may_be_jumper: whether each is a line or a switch, which PSS/E takes for none up to THRSHZ.
        origin: record and row of each.
    """

    from_bus: Ints
    to_bus: Ints
    in_service: Flags
    z: Complexes
    b: Floats
    rate: Floats
    tap: Floats
    shift: Floats
    y_from: Complexes
    y_to: Complexes
    name: Strings
    may_be_jumper: Flags
    origin: Origins

    def __len__(self) -> int:
        return len(self.origin)

    def shunts(self, number: Ints) -> tuple[Ints, Complexes]:
        """Places of buses, and the admittances of branches in service there."""
        at = np.concatenate([positions(number, ends) for ends in (self.from_bus, self.to_bus)])
        value = np.concatenate([self.y_from, self.y_to])
        there = (at >= 0) & np.concatenate([self.in_service] * 2)
        return at[there], value[there]

    def without_zero_impedance(self, case: Case) -> None:
        """Give the reactance THRSHZ to branches that have no impedance, or hardly any."""
        tiny = self.may_be_jumper & (self.z.real == 0) & (abs(self.z.imag) <= case.thrshz)
        zero = ((self.z == 0) | tiny) & (self.z != 1j * case.thrshz)
        self.z = np.where(zero, 1j * case.thrshz, self.z)
        if (zero & self.in_service).any():
            named = self.name[zero & self.in_service].tolist()
            case.remarks.append(
                f"the reactance {case.thrshz:g} p.u. (THRSHZ) stands for none, or no more than "
                f"it, in {counted(len(named), 'branch', 'branches')} without resistance: "
                + listing(named, most=5)
            )


def joined(parts: Sequence[Ends]) -> Ends:
    """Several groups of branches, one after the other."""
    columns = {
        f.name: np.concatenate([getattr(part, f.name) for part in parts])
        for f in fields(Ends)
        if f.name != "origin"
    }
    return Ends(**columns, origin=[row for part in parts for row in part.origin])


def lines(case: Case, faults: list[Fault]) -> Ends:
    """Non-transformer branches, with line shunts; a negative J marks the metered end."""
    records = case.records["branch"]
    found = ends_of(records, checks.switched_on(records, "ST", faults))
    found.z = records.complexes("R", "X")
    found.b = records.floats("B")
    ratio = records.floats("RATIO")
    transformer = ratio != 0
    found.tap = np.where(transformer, ratio, 1.0)
    found.shift = records.floats("ANGLE")
    for row in np.flatnonzero(~(ratio >= 0)):
        faults.append(
            records.fault(int(row), f"the RATIO {ratio[row]:g} must be positive", "RATIO")
        )
    for row in np.flatnonzero(~transformer & (found.shift != 0)):
        text = f"has an ANGLE of {found.shift[row]:g} degrees without a RATIO: is it a transformer?"
        faults.append(records.fault(int(row), text, "ANGLE"))
    found.z = found.z * _corrected(case, records, found, faults)
    found.may_be_jumper = ~transformer
    found.y_from = records.complexes("GI", "BI")
    found.y_to = records.complexes("GJ", "BJ")
    return found


def devices(case: Case, faults: list[Fault]) -> Ends:
    """Switching devices: branches with a reactance, if they are closed (or stuck closed)."""
    records = case.records.get("switching device", Records("switching device"))
    found = ends_of(records, checks.switched_on(records, "STAT", faults, (0, 1, 2)))
    found.z = records.complexes("R", "X")  # R is zero: there is no such column
    found.may_be_jumper = np.ones(len(records), dtype=bool)
    sets = np.array([name != "" for name in records.texts("RSETNAM")], dtype=bool)
    if (sets & found.in_service).any():
        named = listing(found.name[sets & found.in_service].tolist(), most=5)
        case.remarks.append(
            f"switching devices have no limits, for rating sets (RSETNAM) are not read: {named}"
        )
    return found


def _corrected(case: Case, records: Records, found: Ends, faults: list[Fault]) -> Complexes:
    """Factors on the impedances of transformers among the branches, by their adjustment records."""
    adjusted = case.table("transformer adjustment")
    table_of = dict(zip(_circuits(adjusted), adjusted.wholes("TAB").tolist(), strict=True))
    tables = np.array([table_of.get(key, 0) for key in _circuits(records)], dtype=np.int64)
    return correction(case, records, tables, (found.tap, found.shift), found.in_service, faults)


def _circuits(records: Records) -> list[tuple[int, int, str]]:
    i, j = (np.abs(records.wholes(key)).tolist() for key in "IJ")
    circuits = zip(i, j, records.texts("CKT"), strict=True)
    return [(min(ends), max(ends), ckt) for *ends, ckt in circuits]


def correction(
    case: Case,
    records: Records,
    tables: Ints,
    present: tuple[Floats, Floats],
    in_service: Flags,
    faults: list[Fault],
) -> Complexes:
    """Factors on impedances by impedance correction tables.

    Args:
        case: content of the file; takes a remark on tables that it does not have.
        records: of the transformers.
        tables: number of the table of each, 0 for none.
        present: turns ratio, per unit, and phase shift of each, degrees.
        in_service: whether each is.
        faults: takes tables that are wrong.
    """
    factor = np.ones(len(tables), dtype=np.complex128)
    used = np.flatnonzero((tables != 0) & in_service)
    used = used[np.argsort(tables[used], kind="stable")]
    numbers, starts = np.unique(tables[used], return_index=True)
    missing = list[str]()
    for number, rows in zip(numbers.tolist(), np.split(used, starts[1:]), strict=False):
        table = case.corrections.get(abs(number))
        if table is None:
            missing += [f"{number} of {records.name(int(row))}" for row in rows]
        elif table.fault:
            text = f"impedance correction table {number} {table.fault}"
            faults.extend(records.fault(int(row), text) for row in rows)
        else:
            factor[rows] = table.factors(*(values[rows] for values in present))
    if missing:
        case.remarks.append(
            "these impedance correction tables are not in the file, so that the impedances are as "
            f"written: {listing(missing, most=5)}"
        )
    return factor


def ends_of(records: Records, in_service: Flags) -> Ends:
    """Branches without impedance between the buses I and J of some records."""
    zero, one = np.zeros(len(records)), np.ones(len(records))
    return Ends(
        from_bus=np.abs(records.wholes("I")),
        to_bus=np.abs(records.wholes("J")),
        in_service=in_service,
        z=zero.astype(np.complex128),
        b=zero,
        rate=records.floats("RATEA", "RATE1"),
        tap=one,
        shift=zero,
        y_from=zero.astype(np.complex128),
        y_to=zero.astype(np.complex128),
        name=names(records),
        may_be_jumper=np.zeros(len(records), dtype=bool),
        origin=[(records, row) for row in range(len(records))],
    )


def names(records: Records) -> Strings:
    """Names of the records, as in PSS/E."""
    return texts(records.name(row) for row in range(len(records)))
