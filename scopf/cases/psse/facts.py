"""FACTS devices at their set points: units of reactive power, series impedances, and transfers.

A device has a shunt part at bus I, which holds a voltage with up to SHMX MVAr, and where J is not
zero a series part to bus J: by MODE, a transfer of PDES and QDES into J, a link without impedance,
or the impedance SET1 + j SET2. LINX is only there for PSS/E's solution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopf.arrays import Flags, Floats, Ints, Strings, texts
from scopf.cases.psse import checks
from scopf.cases.psse.branches import Ends, Origins, ends_of
from scopf.cases.psse.reading import Case, Records
from scopf.errors import Fault, listing

SECTION = "facts"
OFF, TRANSFER, BYPASSED, IMPEDANCE = range(4)  # MODE
_LAST_MODE = 8
_SERIES = {BYPASSED: "without impedance", IMPEDANCE: "of the impedance SET1 + j SET2"}


@dataclass(frozen=True)
class Shunts:
    """Shunt parts: units without active power, of a reactive power within limits.

    Attributes:
        bus: number of each bus.
        in_service: whether each is.
        q: the largest reactive power either way, MVAr.
        vm: set point of the voltage, p.u.
        name: of each device.
        origin: record and row of each.
    """

    bus: Ints
    in_service: Flags
    q: Floats
    vm: Floats
    name: Strings
    origin: Origins


class Devices:
    """The FACTS devices of a case.

    Args:
        case: content of the file; takes remarks, and what is not represented.
        faults: takes what is wrong.
    """

    def __init__(self, case: Case, faults: list[Fault]) -> None:
        self.case, self.records = case, case.table(SECTION)
        checks.of_kind(self.records, "MODE", faults, range(_LAST_MODE + 1))
        self.mode = self.records.wholes("MODE")
        self.to_bus = self.records.wholes("J")
        between = self.to_bus != 0
        for row in np.flatnonzero(between & (self.mode > IMPEDANCE)):
            text = f"a series part of MODE {self.mode[row]} is not represented"
            case.unsupported.append(self.records.fault(int(row), text, "MODE"))
        self.series = {mode: np.flatnonzero(between & (self.mode == mode)) for mode in _SERIES}

    def shunts(self) -> Shunts:
        """The shunt parts; without those that have no reactive power."""
        records, case = self.records, self.case
        q = records.floats("SHMX")
        rows = np.flatnonzero(q > 0)
        on = self.mode[rows] != OFF
        if on.any():
            named = [f"{records.name(int(row))} ({q[row]:g} MVAr)" for row in rows[on]]
            case.remarks.append(
                "shunt parts of FACTS devices are units without active power, of a reactive power "
                "between -SHMX and SHMX, that hold no set point (VSET): " + listing(named, most=5)
            )
        return Shunts(
            bus=records.wholes("I")[rows],
            in_service=on,
            q=q[rows],
            vm=records.floats("VSET")[rows],
            name=texts(f"FACTS {records.name(int(row))}" for row in rows),
            origin=[(records, int(row)) for row in rows],
        )

    def ends(self) -> list[Ends]:
        """Series parts that are impedances, as branches."""
        found = []
        for mode, what in _SERIES.items():
            rows = self.series[mode]
            if not len(rows):
                continue
            part = _picked(self.records, rows)
            branches = ends_of(part, np.ones(len(rows), dtype=bool))
            if mode == IMPEDANCE:
                branches.z = part.complexes("SET1", "SET2")
            branches.name = texts(f"FACTS {name}" for name in branches.name)
            found.append(branches)
            which = listing(branches.name.tolist(), most=5)
            self.case.remarks.append(f"series parts of FACTS devices are branches {what}: {which}")
        return found


def _picked(records: Records, rows: Ints) -> Records:
    """Some of the records."""
    places = rows.tolist()
    columns = {key: [values[row] for row in places] for key, values in records.columns.items()}
    return Records(records.section, [records.lines[row] for row in places], columns)
