"""The network that the records of a .raw file describe."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from scopf.arrays import Ints, texts
from scopf.cases.psse import branches, checks, facts, induction
from scopf.cases.psse.branches import Ends, Origins
from scopf.cases.psse.costs import Costs
from scopf.cases.psse.dclines import DcRecords
from scopf.cases.psse.reading import Case, Records
from scopf.cases.psse.windings import Stars, Transformers
from scopf.errors import CaseError, Fault, counted
from scopf.network.network import Network
from scopf.network.tables import ISOLATED, Branches, Buses, Gens, positions

_DEGREE = 180.0 / np.pi  # degrees in a rad
_PAIR = ("I", "ID")
Origin = Callable[[int], tuple[Records, int]]  # the record behind a row of a table


def network(
    case: Case,
    costs: Costs,
    source: str,
    name: str,
    *,
    dispatch_dc: bool,
    ignore_unsupported: bool,
) -> Network:
    """Build the per-unit network of a case; what the user should know goes to its `remarks`.

    Raises:
        CaseError: listing the faults of the text, of the table of costs, and of the network.
    """
    with np.errstate(all="ignore"):  # what overflows is infinite, and that is found
        return _Builder(case, costs, dispatch_dc, ignore_unsupported).network(source, name)


class _Builder:
    """Sums up what is connected to each bus, then makes the tables."""

    def __init__(
        self, case: Case, costs: Costs, dispatch_dc: bool, ignore_unsupported: bool
    ) -> None:
        self.case, self.costs, self.ignore_unsupported = case, costs, ignore_unsupported
        self.dispatch_dc = dispatch_dc
        self.faults: list[Fault] = []
        self.bus = case.records["bus"]
        self.number = self.bus.wholes("I")
        zero = np.zeros(len(self.bus))
        self.load, self.current, self.shunt = (zero.astype(np.complex128) for _ in range(3))

    def network(self, source: str, name: str) -> Network:
        case, costs = self.case, self.costs
        if not len(self.bus):
            raise CaseError(source, [*case.faults, Fault("has no records", "BUS data")])
        self._buses()
        self._loads()
        self._induction_machines()
        self._shunts()
        devices = facts.Devices(case, self.faults)
        units = devices.shunts()
        ends, stars = self._ends(devices)
        vm, kilovolts = self.bus.floats("VM"), self.bus.floats("BASKV")
        dc = DcRecords(case, self.number, vm, kilovolts, self.faults)
        lines = dc.table(self.dispatch_dc)
        tables = self._bus_table(stars), self._gens(units), self._branch_table(ends), lines
        found: Network | None = None
        try:
            found = Network(name, case.base_mva, *tables)
        except CaseError as error:
            self._translate(error.faults, ends, stars, dc.origin, units)
        unsupported = [] if self.ignore_unsupported else case.unsupported
        faults = [*case.faults, *self._not_told(), *costs.faults, *unsupported]
        if found is None or faults:
            raise CaseError(source, faults)
        return found

    # -- what is connected to a bus -----------------------------------------------

    def _buses(self) -> None:
        """Numbers, and the shunts and loads that stand in the bus records of old revisions."""
        for row in np.flatnonzero(self.number <= 0):
            text = f"the bus number {self.number[row]} must be positive"
            self.faults.append(self.bus.fault(int(row), text, "I"))
        self.shunt += self.bus.complexes("GL", "BL", self.case.base_mva)
        self.load += self.bus.complexes("PL", "QL", self.case.base_mva)

    def _loads(self) -> None:
        loads = self.case.table("load")
        rows, at = self._in_service(loads, "STATUS", keys=_PAIR)
        base = self.case.base_mva

        def power(p: str, q: str) -> Any:
            return loads.complexes(p, q, base)[rows]

        np.add.at(self.load, at, power("PL", "QL"))
        np.add.at(self.current, at, power("IP", "IQ"))
        np.add.at(self.shunt, at, power("YP", "YQ"))  # YQ < 0 is inductive, as BL is
        own = np.where(loads.wholes("DGENM")[rows] == 1, power("DGENP", "DGENQ"), 0.0)
        np.add.at(self.load, at, -own)

    def _induction_machines(self) -> None:
        records = self.case.table(induction.SECTION)
        rows, at = self._in_service(records, "STATUS", keys=_PAIR)
        np.add.at(self.load, at, induction.loads(self.case, rows, self.faults))

    def _shunts(self) -> None:
        case = self.case
        fixed = case.table("fixed shunt")
        rows, at = self._in_service(fixed, "STATUS", keys=_PAIR)
        np.add.at(self.shunt, at, fixed.complexes("GL", "BL", case.base_mva)[rows])
        switched = case.records["switched shunt"]
        rows, at = self._in_service(switched, "STAT", keys=_PAIR)
        np.add.at(self.shunt, at, 1j * switched.floats("BINIT")[rows] / case.base_mva)
        moving = int((switched.wholes("MODSW")[rows] != 0).sum())
        if moving:
            case.remarks.append(
                counted(moving, "switched shunt is", "switched shunts are")
                + " fixed at the susceptance that the case has (BINIT)"
            )

    def _in_service(
        self, records: Records, status: str, keys: tuple[str, ...]
    ) -> tuple[Ints, Ints]:
        """Rows in service, and the places of their buses; unknown buses are faults."""
        bus = records.wholes("I")
        at = positions(self.number, bus)
        for row in np.flatnonzero(at < 0):
            self.faults.append(records.fault(int(row), f"unknown bus {bus[row]}", "I"))
        on = checks.switched_on(records, status, self.faults)
        checks.kept_though_repeated([records], keys, self.case.remarks)
        rows = np.flatnonzero(on & (at >= 0))
        return rows, at[rows]

    def _ends(self, devices: facts.Devices) -> tuple[Ends, Stars]:
        """All branches, with the star points of transformers; their shunts go to the buses."""
        case = self.case
        live = self.bus.wholes("IDE") != ISOLATED
        units = Transformers(case, self.number, self.bus.floats("BASKV"), live, self.faults)
        stars = units.stars()
        groups = [branches.lines(case, self.faults), branches.devices(case, self.faults)]
        ends = branches.joined([*groups, units.two(), *units.three_to(stars), *devices.ends()])
        tables = ("branch", "switching device", "transformer")
        found = [case.table(key) for key in tables]
        checks.kept_though_repeated(found, ("I", "J", "K", "CKT"), case.remarks)
        ends.without_zero_impedance(case)
        at, value = ends.shunts(self.number)
        np.add.at(self.shunt, at, value)
        return ends, stars

    # -- tables -----------------------------------------------

    def _bus_table(self, stars: Stars) -> Buses:
        bus = self.bus
        if "NVLO" not in bus.columns and len(bus):
            self.case.remarks.append(
                f"revision {self.case.revision} has no voltage limits; they are 0.9 and 1.1 p.u."
            )
        home = stars.bus

        def joined(values: Any, of_stars: Any) -> Any:
            return np.concatenate([values, np.broadcast_to(of_stars, len(home))])

        names = texts([*bus.texts("NAME"), *stars.name])
        area, zone = bus.wholes("AREA"), bus.wholes("ZONE")
        kilovolts = bus.floats("BASKV")
        return Buses(
            id=joined(self.number, stars.id),
            type=joined(bus.wholes("IDE"), np.where(stars.in_service, 1, ISOLATED)),
            pd=joined(self.load.real, 0.0),
            qd=joined(self.load.imag, 0.0),
            gs=joined(self.shunt.real, 0.0),
            bs=joined(self.shunt.imag, 0.0),
            vm=joined(bus.floats("VM"), stars.vm),
            va=joined(bus.floats("VA"), stars.va) / _DEGREE,
            base_kv=joined(kilovolts, kilovolts[home]),
            vmin=joined(bus.floats("NVLO", default=0.9), 0.0),
            vmax=joined(bus.floats("NVHI", default=1.1), np.inf),
            area=joined(area, area[home]),
            zone=joined(zone, zone[home]),
            name=names,
            pd_current=joined(self.current.real, 0.0),
            qd_current=joined(self.current.imag, 0.0),
        )

    def _gens(self, units: facts.Shunts) -> Gens:
        """The machines, and the shunt parts of FACTS devices, which cost nothing."""
        machines, base = self.case.records["generator"], self.case.base_mva
        on = checks.switched_on(machines, "STAT", self.faults)
        self.faults += checks.repeated([machines], _PAIR)
        costs = self.costs.of(machines, base, len(units.bus))
        self.case.remarks += filter(None, [self.costs.without(machines, on)])
        mbase = machines.floats("MBASE")
        none = np.zeros(len(units.bus))

        def joined(of_machines: Any, of_units: Any) -> Any:
            return np.concatenate([of_machines, of_units])

        return Gens(
            id=np.arange(1, len(machines) + len(none) + 1),
            bus=joined(machines.wholes("I"), units.bus),
            in_service=joined(on, units.in_service),
            pg=joined(machines.floats("PG") / base, none),
            qg=joined(machines.floats("QG") / base, none),
            qmin=joined(machines.floats("QB"), -units.q) / base,
            qmax=joined(machines.floats("QT"), units.q) / base,
            vg=joined(machines.floats("VS"), units.vm),
            mbase=joined(np.where(np.isnan(mbase) | (mbase == 0), base, mbase), units.q),
            name=joined(branches.names(machines), units.name),
            **costs,
        )

    def _branch_table(self, ends: Ends) -> Branches:
        rate = ends.rate / self.case.base_mva
        none = np.full(len(ends), np.inf)
        return Branches(
            id=np.arange(1, len(ends) + 1),
            from_bus=ends.from_bus,
            to_bus=ends.to_bus,
            in_service=ends.in_service,
            r=ends.z.real,
            x=ends.z.imag,
            b=ends.b,
            rate=np.where(rate == 0, np.inf, rate),
            tap=ends.tap,
            shift=ends.shift / _DEGREE,
            angmin=-none,
            angmax=none,
            name=ends.name,
        )

    # -- faults -----------------------------------------------

    def _translate(
        self,
        faults: Iterable[Fault],
        ends: Ends,
        stars: Stars,
        lines: Origins,
        units: facts.Shunts,
    ) -> None:
        """Faults of the network's tables, at the records that they come from."""
        machines = self.case.records["generator"]
        origin: dict[str, Origin] = {
            "bus": lambda row: (
                stars.origin[row - len(self.bus)] if row >= len(self.bus) else (self.bus, row)
            ),
            "gen": lambda row: (
                units.origin[row - len(machines)] if row >= len(machines) else (machines, row)
            ),
            "branch": lambda row: ends.origin[row],
            "dcline": lambda row: lines[row],
        }
        for fault in faults:
            if fault.row is None or fault.table not in origin:
                self.faults.append(fault)
            else:
                records, row = origin[fault.table](fault.row - 1)
                self.faults.append(records.fault(row, fault.text, fault.column))

    def _not_told(self) -> list[Fault]:
        """Without faults that only follow from those that the text has."""
        if not self.case.faults:
            return self.faults
        lines = {fault.table for fault in self.case.faults}
        buses = any(
            fault.table.startswith("BUS ") and fault.column in ("", "I")
            for fault in self.case.faults
        )
        return [
            fault
            for fault in self.faults
            if fault.table not in lines
            and "line" in fault.table
            and not (buses and fault.text.startswith("unknown bus"))
        ]
