"""Transformer records as branches; those of three windings meet in a new bus, their star point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from scopf.arrays import Complexes, Flags, Floats, Ints, Strings, texts
from scopf.cases.psse import branches, checks, transformers
from scopf.cases.psse.branches import Ends, Origins, names
from scopf.cases.psse.reading import Case
from scopf.errors import Fault, counted
from scopf.network.tables import positions

_CODES = {"CW": (1, 2, 3), "CZ": (1, 2, 3), "CM": (1, 2)}
_OPEN = {1: (0, 4), 2: (0, 2), 3: (0, 3)}  # STAT of a transformer whose winding is open
_PAIRS = ("1-2", "2-3", "3-1")


@dataclass
class Stars:
    """Buses where the windings of three-winding transformers meet.

    Attributes:
        id: new bus numbers, above those of the case.
        bus: place of the bus of winding 1; -1 where it is unknown.
        in_service: whether a winding is.
        vm, va: VMSTAR, and ANSTAR in degrees.
        name: such as "star of 1-2-3 '1'".
        origin: record and row of each.
    """

    id: Ints
    bus: Ints
    in_service: Flags
    vm: Floats
    va: Floats
    name: Strings
    origin: Origins


class Transformers:
    """All transformer records of a case, checked.

    Args:
        case: content of the file; what is not represented is added to its `unsupported`.
        number: bus numbers.
        base_kv: base voltage of each bus.
        live: whether each bus is in service.
        faults: takes what is wrong.
    """

    def __init__(
        self, case: Case, number: Ints, base_kv: Floats, live: Flags, faults: list[Fault]
    ) -> None:
        self.records, self.system = case.table("transformer"), case.base_mva
        self.number, self.base_kv, self.live, self.faults = number, base_kv, live, faults
        records = self.records
        self.code = {}
        for code, known in _CODES.items():
            checks.of_kind(records, code, faults, known)
            self.code[code] = np.where(
                np.isin(records.wholes(code), known), records.wholes(code), 1
            )
        self.three = records.wholes("K") != 0
        self.status = records.wholes("STAT", default=1)
        for kind, known in ((self.three, (0, 1, 2, 3, 4)), (~self.three, (0, 1))):
            for row in np.flatnonzero(kind & ~np.isin(self.status, known)):
                text = f"STAT {self.status[row]} is none of {', '.join(map(str, known))}"
                self._fault(row, text, "STAT")
        self.end = {k: np.abs(records.wholes(key)) for k, key in enumerate("IJK", 1)}
        self.at = {k: positions(number, end) for k, end in self.end.items()}
        self.kilovolts = {k: self._kilovolts(at) for k, at in self.at.items()}
        self.on = {k: ~np.isin(self.status, open_) for k, open_ in _OPEN.items()}
        self.tap = {k: self._tap(k) for k in self.end}
        self.y = self._magnetizing()
        self.factor = {k: self._correction(case, k) for k in self.end}
        self._controls(case)

    def two(self) -> Ends:
        """Transformers of two windings."""
        rows = np.flatnonzero(~self.three)
        z = self._impedance("1-2", ~self.three) * self.factor[1] * self.tap[2] ** 2
        on = self.status != 0
        return self._branches(rows, 1, self.end[2], self.tap[1] / self.tap[2], z, on, self.y)

    def stars(self) -> Stars:
        """Star points of the transformers of three windings."""
        records, rows = self.records, np.flatnonzero(self.three)
        live = np.zeros(len(records), dtype=bool)
        for k, at in self.at.items():
            live |= self.on[k] & (at >= 0) & self.live[at] if len(self.live) else False
        first = max(self.number.max(initial=0), 0) + 1
        return Stars(
            id=first + np.arange(len(rows)),
            bus=self.at[1][rows],
            in_service=live[rows],
            vm=records.floats("VMSTAR")[rows],
            va=records.floats("ANSTAR")[rows],
            name=texts(f"star of {name}" for name in names(records)[rows]),
            origin=[(records, int(row)) for row in rows],
        )

    def three_to(self, stars: Stars) -> list[Ends]:
        """The first, second and third windings of transformers of three windings."""
        rows = np.flatnonzero(self.three)
        star = np.zeros(len(self.records), dtype=np.int64)
        star[rows] = stars.id
        pairs = [self._impedance(pair, self.three) for pair in _PAIRS]
        none = np.zeros_like(self.y)
        return [
            self._branches(
                rows,
                k,
                star,
                self.tap[k],
                z * self.factor[k],
                self.on[k],
                self.y if k == 1 else none,
            )
            for k, z in enumerate(transformers.star(pairs[0], pairs[1], pairs[2]), 1)
        ]

    def _branches(
        self,
        rows: Ints,
        k: int,
        to_bus: Ints,
        tap: Floats,
        z: Complexes,
        on: Flags,
        y: Complexes,
    ) -> Ends:
        """Winding k of some rows, from its bus to another."""
        records = self.records
        zero = np.zeros(len(rows))
        called = names(records)[rows]
        legs = texts(f"{name} winding {k}" for name in called)
        return Ends(
            from_bus=self.end[k][rows],
            to_bus=to_bus[rows],
            in_service=on[rows],
            z=z[rows],
            b=zero,
            rate=records.floats(f"RATA{k}", f"RATE{k}-1")[rows],
            tap=tap[rows],
            shift=records.floats(f"ANG{k}")[rows],
            y_from=y[rows],
            y_to=zero.astype(np.complex128),
            name=legs if self.three[rows].any() else called,
            may_be_jumper=np.zeros(len(rows), dtype=bool),
            origin=[(records, int(row)) for row in rows],
        )

    # -- units -----------------------------------------------

    def _kilovolts(self, at: Ints) -> Floats:
        known = self.base_kv[at] if len(self.base_kv) else np.zeros(len(at))
        return np.where(at >= 0, known, np.nan)

    def _tap(self, k: int) -> Floats:
        """Ratio of winding k; one where there is no such winding."""
        records, cw = self.records, self.code["CW"]
        windv, nomv = records.floats(f"WINDV{k}"), records.floats(f"NOMV{k}")
        there = self.three if k == 3 else np.ones(len(records), dtype=bool)
        kilovolts = self.kilovolts[k]
        needed = (cw == transformers.KILOVOLTS) | ((cw == transformers.NOMINAL) & (nomv != 0))
        for row in np.flatnonzero(there & needed & ~(kilovolts > 0) & (self.at[k] >= 0)):
            text = f"CW {cw[row]} needs the base voltage (BASKV) of bus {self.end[k][row]}"
            self._fault(row, text, f"WINDV{k}")
        tap = np.where(there, transformers.ratio(cw, windv, nomv, kilovolts), 1.0)
        usable = (self.at[k] < 0) | (needed & ~(kilovolts > 0))
        for row in np.flatnonzero(~usable & ~((tap > 0) & np.isfinite(tap))):
            text = f"the turns ratio of winding {k} must be positive, got {tap[row]:g} p.u."
            self._fault(row, text, f"WINDV{k}")
        return np.where((tap > 0) & np.isfinite(tap), tap, 1.0)

    def _impedance(self, pair: str, which: Flags) -> Complexes:
        """Impedance between two windings; one where it is no number."""
        records, cz = self.records, self.code["CZ"]
        x = records.floats(f"X{pair}")
        sbase = self._sbase(pair, which & (cz != transformers.ON_SYSTEM))
        z = transformers.impedance(cz, records.floats(f"R{pair}"), x, sbase, self.system)
        for row in np.flatnonzero(which & ~np.isfinite(z)):
            text = f"X{pair} is missing"
            if not np.isnan(x[row]):
                text = f"R{pair} and X{pair} with CZ {cz[row]} give no finite impedance"
                if cz[row] == transformers.WATTS:
                    text += " (the losses are more than the impedance)"
            self._fault(row, text, f"X{pair}")
        return np.where(np.isfinite(z), z, 1.0)

    def _sbase(self, pair: str, needed: Flags) -> Floats:
        sbase = self.records.floats(f"SBASE{pair}")
        sbase = np.where(np.isnan(sbase), self.system, sbase)
        for row in np.flatnonzero(needed & ~(sbase > 0)):
            text = f"SBASE{pair} {sbase[row]:g} must be positive"
            self._fault(row, text, f"SBASE{pair}")
        return np.where(sbase > 0, sbase, self.system)

    def _magnetizing(self) -> Complexes:
        records, cm = self.records, self.code["CM"]
        mag = records.floats("MAG1"), records.floats("MAG2")
        tested = (cm == transformers.NO_LOAD_TEST) & ((mag[0] != 0) | (mag[1] != 0))
        nomv, kilovolts = records.floats("NOMV1"), self.kilovolts[1]
        own = transformers.magnetizing(
            cm, mag, self._sbase("1-2", tested), nomv, np.where(tested, kilovolts, 1.0), self.system
        )
        y = np.where(tested, own, mag[0] + 1j * mag[1])
        y = np.where((cm == transformers.NO_LOAD_TEST) & ~tested, 0.0, y)
        for row in np.flatnonzero(~np.isfinite(y) & (self.at[1] >= 0)):
            text = "MAG1 and MAG2 with CM 2 give no admittance (losses above the current?)"
            self._fault(row, text, "MAG1")
        return np.where(np.isfinite(y), y, 0.0)

    def _correction(self, case: Case, k: int) -> Complexes:
        """Factors on the impedance of winding k at its tap or angle, by its table."""
        records = self.records
        there = self.three if k > 1 else np.ones(len(records), dtype=bool)
        tables = np.where(there, records.wholes(f"TAB{k}"), 0)
        present = self.tap[k], records.floats(f"ANG{k}")
        on = self.on[k] & (self.status != 0)
        factor = branches.correction(case, records, tables, present, on, self.faults)
        between_pairs = self.three & (records.wholes("ZCOD") != 0) & (factor != 1)
        for row in np.flatnonzero(between_pairs):
            text = "impedance correction tables between pairs of buses (ZCOD) are not represented"
            case.unsupported.append(records.fault(int(row), text, "ZCOD"))
        return np.where(between_pairs, 1.0, factor)

    def _controls(self, case: Case) -> None:
        """Count the transformers whose tap or angle PSS/E would move."""
        moves = [self.on[k] & (self.records.wholes(f"COD{k}") > 0) for k in self.end]
        count = int((np.any(moves, axis=0) & (self.status != 0)).sum())
        if count:
            text = counted(
                count,
                "transformer that controls (COD) keeps its",
                "transformers that control (COD) keep their",
            )
            case.remarks.append(f"{text} tap and angle")

    def _fault(self, row: Any, text: str, column: str) -> None:
        self.faults.append(self.records.fault(int(row), text, column))
