"""Two-terminal and VSC DC line records as rows of the table of DC lines, at their schedule.

Active power is fixed at the schedule, or between zero and it. Losses are those of the schedule, and
in between on the straight line from those at no power, which is above the true ones: these are
convex.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from scopf.arrays import Floats, Ints, texts
from scopf.cases.psse import checks, facts, lcc, vsc
from scopf.cases.psse.branches import Origins
from scopf.cases.psse.reading import Case, Records
from scopf.errors import Fault, listing
from scopf.network.tables import DcLines

_FREE = math.nan  # no ratio of Q to P
_LARGE = 1.5  # MVAr per MW; a firing angle of more than about 55 degrees
_NO_LIMITS = (-math.inf, math.inf)


@dataclass(frozen=True)
class End:
    """One end of a line in service or not, MW and MVAr; Q is injected into the bus.

    Attributes:
        bus: its number.
        p: active power that leaves (from) or arrives (to).
        tan_phi: reactive power drawn over active power; NaN where it is free.
        q: limits.
        vm: set point of the voltage, or the present voltage, p.u.
    """

    bus: int
    p: float = 0.0
    tan_phi: float = _FREE
    q: tuple[float, float] = _NO_LIMITS
    vm: float = 1.0

    @property
    def present_q(self) -> float:
        """Reactive power at the schedule; where it is free, as near to zero as its limits allow."""
        if math.isnan(self.tan_phi):
            return min(max(0.0, self.q[0]), self.q[1])
        return -self.tan_phi * self.p


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        on: whether it is in service.
        sends, receives: its ends.
        idle: losses at no power, MW.
        fixed: whether the power is never a variable.
    """

    on: bool
    sends: End
    receives: End
    idle: float = 0.0
    fixed: bool = False

    @property
    def slope(self) -> float:
        """Losses per sent power beyond those at no power, up to the schedule."""
        lost = self.sends.p - self.receives.p - self.idle
        return max(lost, 0.0) / self.sends.p if self.sends.p else 0.0


class DcRecords:
    """The DC lines of a case.

    Args:
        case: content of the file; what is not represented is added to its `unsupported`.
        number: bus numbers.
        vm: voltage of each bus, p.u.
        base_kv: base voltage of each bus.
        faults: takes what is wrong.

    Attributes:
        origin: record and row of each line.
    """

    def __init__(
        self, case: Case, number: Ints, vm: Floats, base_kv: Floats, faults: list[Fault]
    ) -> None:
        self.case, self.faults = case, faults
        self.places = {bus: place for place, bus in enumerate(number.tolist())}
        self.bus_vm, self.base_kv = vm, base_kv
        self.origin: Origins = []

    def table(self, dispatch: bool) -> DcLines:
        """The table; with `dispatch` power may be anything between zero and the schedule."""
        base, found = self.case.base_mva, list[Line]()
        kinds: tuple[tuple[str, tuple[int, ...], Callable[[_Record], Line]], ...] = (
            ("two-terminal dc", (0, 1, 2), self._two_terminal),
            ("vsc dc", (0, 1), self._vsc),
        )
        for section, modes, line_of in kinds:
            records = self.case.records.get(section, Records(section))
            checks.of_kind(records, "MDC", self.faults, modes)
            for row in range(len(records)):
                self.origin.append((records, row))
                found.append(line_of(_Record(records, row, self.faults)))
        found += self._facts()
        names = [str(records.columns["NAME"][row]) for records, row in self.origin]
        sent = np.array([line.sends.p for line in found], dtype=np.float64) / base
        columns: dict[str, Any] = {
            "id": np.arange(1, len(found) + 1),
            "in_service": np.array([line.on for line in found], dtype=bool),
            "pf": sent,
            "pmin": np.where([dispatch and not line.fixed for line in found], 0.0, sent),
            "pmax": sent,
            "loss0": np.array([line.idle for line in found], dtype=np.float64) / base,
            "loss1": np.array([line.slope for line in found], dtype=np.float64),
            "name": texts(names),
        }
        bus_of = {"f": "from_bus", "t": "to_bus"}
        for side, ends in (
            ("f", [line.sends for line in found]),
            ("t", [line.receives for line in found]),
        ):
            q = np.array([end.q for end in ends], dtype=np.float64).reshape(-1, 2) / base
            columns |= {
                f"q{side}": np.array([end.present_q for end in ends], dtype=np.float64) / base,
                f"v{side}": np.array([end.vm for end in ends], dtype=np.float64),
                f"qmin{side}": q[:, 0],
                f"qmax{side}": q[:, 1],
                f"tan_phi_{side}": np.array([end.tan_phi for end in ends], dtype=np.float64),
                bus_of[side]: np.array([end.bus for end in ends], dtype=np.int64),
            }
        return DcLines(**columns)

    def _facts(self) -> list[Line]:
        """Series parts of FACTS devices that transfer power into their bus J."""
        records = self.case.table(facts.SECTION)
        rows = np.flatnonzero(
            (records.wholes("J") != 0) & (records.wholes("MODE") == facts.TRANSFER)
        )
        found, named = [], []
        for row in rows.tolist():
            cell = {key: values[row] for key, values in records.columns.items()}
            p, q = cell["PDES"], cell["QDES"]
            sends = End(cell["I"], p, q=(0.0, 0.0), vm=self._vm(cell["I"]))
            receives = End(cell["J"], p, q=(q, q), vm=self._vm(cell["J"]))
            found.append(Line(True, sends, receives, fixed=True))
            self.origin.append((records, row))
            named.append(f"{records.name(row)} ({p:g} MW, {q:g} MVAr)")
        if named:
            self.case.remarks.append(
                "series parts of FACTS devices transfer PDES and QDES into their bus J without "
                f"losses, as DC lines: {listing(named, most=5)}"
            )
        return found

    def _vm(self, bus: int) -> float:
        at = self.places.get(bus)
        return 1.0 if at is None else float(self.bus_vm[at])

    # -- line-commutated converters -----------------------------------------------

    def _two_terminal(self, record: _Record) -> Line:
        """A line from rectifier to inverter."""
        rectifier, inverter = record.whole("IPR"), record.whole("IPI")
        off = Line(False, End(rectifier), End(inverter))
        if record.whole("MDC") not in (1, 2):
            return off
        schedule = lcc.Schedule(
            record.whole("MDC"),
            record.finite("SETVL"),
            record.positive("VSCHD"),
            record.number("RCOMP"),
            record.number("RDC"),
            record.number("VCMOD"),
        )
        ends = [
            self._converter(record, "R", rectifier, 1),
            self._converter(record, "I", inverter, -1),
        ]
        record.not_negative("RDC")
        if not record.sound:
            return off
        current = record.physical("SETVL", schedule.current)
        found = []
        for letter, bus, converter, voltage in zip(
            "RI",
            (rectifier, inverter),
            ends,
            (schedule.rectifier_voltage(current), schedule.inverter_voltage(current)),
            strict=True,
        ):
            tan_phi = record.physical(f"XC{letter}", converter.tan_phi, voltage, current)
            p = converter.power(voltage, current)
            found.append(End(bus, p, tan_phi, vm=self._vm(bus)))
            if tan_phi > _LARGE:
                self.case.remarks.append(
                    f"two-terminal DC line {record.label}: the converter at bus {bus} draws "
                    f"{tan_phi:.3g} MVAr per MW at its voltage and tap in the case; are "
                    f"EBAS{letter}, TR{letter}, TAP{letter} and ANMX{letter} right?"
                )
            if record.number(f"XCAP{letter}") != 0:
                text = "commutating capacitors are not represented; the power factor is without"
                self.case.unsupported.append(record.fault(text, f"XCAP{letter}"))
        return Line(True, found[0], found[1]) if record.sound else off

    def _converter(self, record: _Record, letter: str, bus: int, sign: int) -> lcc.Converter:
        """A converter at the voltage of its bus and its present tap."""
        least, most = (record.number(f"AN{end}{letter}") for end in ("MN", "MX"))
        if not 0.0 <= least < 90.0 or not most >= least:
            text = f"the angle limits {least:g} and {most:g} degrees are none: 0 <= ANMN <= ANMX"
            record.report(f"{text}, ANMN < 90", f"ANMN{letter}")
        if record.whole(f"NB{letter}") < 1:
            record.report(f"NB{letter} must be 1 or more", f"NB{letter}")
        for name in ("RC", "XC"):
            record.not_negative(name + letter)
        ebas, ratio, tap = (record.positive(name + letter) for name in ("EBAS", "TR", "TAP"))
        voltage = self._vm(bus) * ebas * ratio / tap
        return lcc.Converter(
            sign,
            record.whole(f"NB{letter}"),
            record.number(f"RC{letter}"),
            record.number(f"XC{letter}"),
            voltage if voltage > 0 else ebas,
            math.radians(least),
            math.radians(most),
        )

    # -- voltage source converters -----------------------------------------------

    def _vsc(self, record: _Record) -> Line:
        """A line from the converter that draws power to the one that feeds the network."""
        buses = [record.whole(f"IBUS{k}") for k in (1, 2)]
        types = [record.whole(f"TYPE{k}") for k in (1, 2)]
        off = Line(False, End(buses[0]), End(buses[1]))
        if record.whole("MDC") != 1:
            return off
        if 0 in types:
            text = f"{record.label} has a converter out of service (TYPE 0)"
            self.case.remarks.append(f"VSC DC line {text}, so that the line is out of service")
            return off
        if sorted(types) != [1, 2]:
            text = f"one converter must be of TYPE 1 and the other one of TYPE 2, not {types}"
            record.report(text.replace("[", "").replace("]", ""), "TYPE1")
            return off
        holds, feeds = (types.index(kind) + 1 for kind in (1, 2))
        voltage = record.positive(f"DCSET{holds}")
        fed = record.finite(f"DCSET{feeds}")
        for name in ("RDC", *(f"{key}{k}" for key in _LOSSES for k in (1, 2))):
            record.not_negative(name)
        if not record.sound:
            return off
        losses = {k: _losses(record, k) for k in (1, 2)}
        flow = record.physical(
            f"DCSET{feeds}",
            vsc.flow,
            voltage,
            fed,
            record.number("RDC"),
            losses[holds],
            losses[feeds],
        )
        if not record.sound:
            return off
        idle = losses[1].at(0.0) + losses[2].at(0.0)
        draws, gives = (holds, flow.drawn), (feeds, flow.fed)
        if fed < 0:
            draws, gives = (feeds, -flow.fed), (holds, -flow.drawn)
        sends, receives = (self._station(record, *one) for one in (draws, gives))
        return Line(True, sends, receives, idle) if record.sound else off

    def _station(self, record: _Record, k: int, p: float) -> End:
        """A converter with its voltage control or its power factor, within its rating."""
        bus, mode, setting = (record.whole(f"IBUS{k}"), record.whole(f"MODE{k}"),
                              record.finite(f"ACSET{k}"))  # fmt: skip
        rating = self._rating(record, k, bus)
        vm = self._vm(bus)
        if mode == 2:
            if not 0 < abs(setting) <= 1:
                text = f"the power factor ACSET {setting:g} is not between 0 and 1"
                record.report(text, f"ACSET{k}")
                return End(bus, p)
            tan_phi = -math.copysign(math.tan(math.acos(abs(setting))), setting)
            self._within(record, math.hypot(p, tan_phi * p), rating, k)
            return End(bus, p, tan_phi, vm=vm)
        if mode != 1:
            record.report(f"MODE {mode} is none of 1, 2", f"MODE{k}")
        self._within(record, abs(p), rating, k)
        left = math.sqrt(max(rating * rating - p * p, 0.0))
        q = max(record.number(f"MINQ{k}"), -left), min(record.number(f"MAXQ{k}"), left)
        return End(bus, p, q=q, vm=setting if setting > 0 else vm)

    def _rating(self, record: _Record, k: int, bus: int) -> float:
        """MVA at 1 p.u. voltage; infinite without SMAX and IMAX."""
        smax, imax = record.number(f"SMAX{k}"), record.number(f"IMAX{k}")
        found = smax if smax > 0 else math.inf
        if imax > 0:
            at = self.places.get(bus)
            kilovolts = 1.0 if at is None else float(self.base_kv[at])
            if not kilovolts > 0:
                text = f"IMAX needs the base voltage (BASKV) of bus {bus}"
                record.report(text, f"IMAX{k}")
                return found
            found = min(found, math.sqrt(3.0) * kilovolts * imax / 1e3)
        return found

    def _within(self, record: _Record, apparent: float, rating: float, k: int) -> None:
        if apparent > rating * (1.0 + 1e-9):
            self.case.remarks.append(
                f"VSC DC line {record.label}: converter {k} has {apparent:.6g} MVA "
                f"at its schedule and a rating of {rating:.6g} MVA (SMAX, IMAX); the schedule is "
                "kept"
            )


_LOSSES = ("ALOSS", "BLOSS", "MINLOSS")


def _losses(record: _Record, k: int) -> vsc.Losses:
    """Losses of a converter, from kW and kW/A."""
    a, b, least = (record.number(f"{key}{k}") for key in _LOSSES)
    return vsc.Losses(a / 1e3, b, least / 1e3)


class _Record:
    """The cells of one record, and its faults.

    Attributes:
        sound: whether there was no fault yet.
    """

    def __init__(self, records: Records, row: int, faults: list[Fault]) -> None:
        self.records, self.row, self.faults, self.sound = records, row, faults, True

    @property
    def label(self) -> str:
        """Name of the line, quoted."""
        return self.records.name(self.row)

    def whole(self, name: str) -> int:
        """A whole number."""
        return int(self.records.columns[name][self.row])

    def number(self, name: str) -> float:
        """A number, as it is."""
        return float(self.records.columns[name][self.row])

    def finite(self, name: str) -> float:
        """A number that must be there."""
        value = self.number(name)
        if not math.isfinite(value):
            self.report(f"{name} is missing", name)
        return value

    def positive(self, name: str) -> float:
        """A positive number; one after a fault."""
        value = self.finite(name)
        if value <= 0:
            self.report(f"{name} {value:g} must be positive", name)
        return value if value > 0 else 1.0

    def not_negative(self, name: str) -> None:
        """A fault where a number is below zero."""
        if self.number(name) < 0:
            self.report(f"{name} {self.number(name):g} must not be negative", name)

    def physical(self, name: str, of: Callable[..., Any], *numbers: Any) -> Any:
        """A result; NaN where there is none, which is a fault of the named field."""
        try:
            return of(*numbers)
        except (ValueError, ArithmeticError) as error:
            self.report(f"{name} {self.number(name):g} {error}", name)
            return math.nan

    def report(self, text: str, column: str) -> None:
        """Note a fault."""
        self.sound = False
        self.faults.append(self.fault(text, column))

    def fault(self, text: str, column: str) -> Fault:
        """Something about this record."""
        return self.records.fault(self.row, text, column)
