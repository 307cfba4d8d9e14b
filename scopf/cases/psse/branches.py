"""Lines, switching devices and transformers as rows of one table, per unit of the system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from scopf.arrays import Complexes, Flags, Floats, Ints, Strings, texts
from scopf.cases.psse import checks
from scopf.cases.psse.reading import Case, Records
from scopf.errors import Fault, listing
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
        """Give the reactance THRSHZ to branches that have no impedance at all."""
        zero = (self.z == 0) & self.in_service
        self.z = np.where(self.z == 0, 1j * case.thrshz, self.z)
        if zero.any():
            which = listing(self.name[zero].tolist(), most=5)
            case.remarks.append(
                f"{int(zero.sum())} branches have zero impedance; they have the reactance "
                f"{case.thrshz:g} p.u. (THRSHZ) instead: {which}"
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
    found = _ends(records, checks.switched_on(records, "ST", faults))
    found.z = records.complexes("R", "X")
    found.b = records.floats("B")
    found.y_from = records.complexes("GI", "BI")
    found.y_to = records.complexes("GJ", "BJ")
    return found


def devices(case: Case, faults: list[Fault]) -> Ends:
    """Switching devices: branches with a reactance, if they are closed (or stuck closed)."""
    records = case.records.get("switching device", Records("switching device"))
    found = _ends(records, checks.switched_on(records, "STAT", faults, (0, 1, 2)))
    found.z = records.complexes("R", "X")  # R is zero: there is no such column
    return found


def _ends(records: Records, in_service: Flags) -> Ends:
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
        origin=[(records, row) for row in range(len(records))],
    )


def names(records: Records) -> Strings:
    """Names of the records, as in PSS/E."""
    return texts(records.name(row) for row in range(len(records)))
