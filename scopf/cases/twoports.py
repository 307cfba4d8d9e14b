"""Branches as two-ports of unequal shunts as rows of the branch table.

Either end may be open, and both may be at one bus: such a branch is a shunt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from scopf.arrays import Complexes, Flags, Floats, Ints, Strings
from scopf.cases.approximations import Approximations
from scopf.errors import counted, listing
from scopf.network.tables import Branches

OPEN = -1  # bus number of an end that is connected to nothing
SMALLEST = 1e-4  # p.u., the reactance that stands for none, as in PSS/E


@dataclass(frozen=True)
class TwoPorts:
    """Branches: z in series between shunts at both ends, behind an ideal transformer. Per unit.

    Attributes:
        from_bus, to_bus: numbers of buses, or OPEN.
        in_service: whether each is.
        z: series impedance.
        y_from, y_to: shunt admittances at its ends; `y_from` is behind the transformer.
        ratio: of the voltage at the from bus to that behind the transformer, complex.
        rate: apparent power, MVA; infinite without a limit.
        name: of each.
    """

    from_bus: Ints
    to_bus: Ints
    in_service: Flags
    z: Complexes
    y_from: Complexes
    y_to: Complexes
    ratio: Complexes
    rate: Floats
    name: Strings

    def __len__(self) -> int:
        return len(self.name)

    @property
    def joins(self) -> Flags:
        """Mask of the branches that join two buses."""
        ends = (self.from_bus != OPEN) & (self.to_bus != OPEN)
        return np.asarray(ends & (self.from_bus != self.to_bus))

    @property
    def _half(self) -> Floats:
        """Susceptance that is at both ends alike."""
        one, other = self.y_from.imag, self.y_to.imag
        smaller = np.where(np.abs(one) < np.abs(other), one, other)
        return np.asarray(np.where(one * other > 0, smaller, 0.0))

    @property
    def _around(self) -> Complexes:
        """Admittance of each branch to ground if both of its ends are one bus."""
        with np.errstate(divide="ignore", invalid="ignore"):
            y = 1.0 / self.z
            own = (y + self.y_from) / np.abs(self.ratio) ** 2 + y + self.y_to
            return np.asarray(own - y / self.ratio.conj() - y / self.ratio)

    def branches(self, base: float) -> Branches:
        """The table of those that join two buses; the rest of their shunts is in `shunts`.

        Args:
            base: MVA of the system.
        """
        rows = self.joins
        open_ = np.full(int(rows.sum()), np.inf)
        return Branches(
            id=np.arange(1, len(open_) + 1),
            from_bus=self.from_bus[rows],
            to_bus=self.to_bus[rows],
            in_service=self.in_service[rows],
            r=self.z.real[rows],
            x=self.z.imag[rows],
            b=2.0 * self._half[rows],
            rate=self.rate[rows] / base,
            tap=np.abs(self.ratio[rows]),
            shift=np.angle(self.ratio[rows]),
            angmin=-open_,
            angmax=open_,
            name=self.name[rows],
        )

    def shunts(self) -> tuple[Ints, Complexes]:
        """Numbers of buses, and the admittances of branches in service that are shunts there.

        Of branches that join two buses: what the branch table does not hold. Of others: the whole
        branch.
        """
        half, tap = 1j * self._half, np.abs(self.ratio) ** 2
        open_from, open_to = self.from_bus == OPEN, self.to_bus == OPEN
        with np.errstate(divide="ignore", invalid="ignore"):
            seen_from = self.y_from + self.y_to / (1.0 + self.z * self.y_to)
            seen_to = self.y_to + self.y_from / (1.0 + self.z * self.y_from)
        at_from = np.where(open_to, seen_from, self.y_from - half) / tap
        at_to = np.where(open_from, seen_to, self.y_to - half)
        loop = ~self.joins & ~open_from & ~open_to
        at_from = np.where(loop, self._around, at_from)
        at_to = np.where(loop, 0.0, at_to)
        bus = np.concatenate([self.from_bus, self.to_bus])
        value = np.concatenate([at_from, at_to])
        there = (bus != OPEN) & np.concatenate([self.in_service] * 2)
        return bus[there], value[there]

    def with_impedance(self, notes: Approximations) -> TwoPorts:
        """The same with the smallest reactance where there is no impedance; a sentence says so."""
        zero = self.z == 0
        if not zero.any():
            return self
        named = self.name[zero & self.in_service & self.joins].tolist()
        if named:
            notes.add(
                f"{counted(len(named), 'branch', 'branches')} without impedance: the reactance is "
                f"{SMALLEST:g} p.u. instead, {listing(named, most=5)}"
            )
        return self.replaced(z=np.where(zero, 1j * SMALLEST, self.z))

    def replaced(self, **columns: Any) -> TwoPorts:
        """A copy with other values in the named columns."""
        return TwoPorts(**{f.name: getattr(self, f.name) for f in fields(self)} | columns)


def joined(parts: Sequence[TwoPorts]) -> TwoPorts:
    """Several groups of branches, one after the other."""
    return TwoPorts(
        **{
            f.name: np.concatenate([getattr(part, f.name) for part in parts])
            for f in fields(TwoPorts)
        }
    )
