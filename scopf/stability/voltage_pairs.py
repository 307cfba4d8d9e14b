"""Voltage differences between inverters that see each other: the tightest, and all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from scopf.stability.rows import Rows

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints


@dataclass(frozen=True)
class Within:
    """Memberships of inverters in groups of mutual neighbours.

    Attributes:
        inverter, group: of each membership, sorted by group.
        active: whether it is a row.
        own: price of the inverter's own limit.
        share: price of its voltage as the highest one.
    """

    inverter: Ints
    group: Ints
    active: Flags
    own: Floats
    share: Floats

    @classmethod
    def empty(cls) -> Self:
        """No groups."""
        none, nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
        return cls(none, none, np.zeros(0, dtype=bool), nothing, nothing)

    def taken(self) -> Within:
        """The active memberships."""
        on = self.active
        own, share = self.own[on], self.share[on]
        return Within(self.inverter[on], self.group[on], on[on], own, share)


@dataclass(frozen=True)
class Direct:
    """Single ordered pairs.

    Attributes:
        inverter, neighbor: of each pair.
        active: whether it is a row.
        price: of the row.
    """

    inverter: Ints
    neighbor: Ints
    active: Flags
    price: Floats


class Voltages:
    """Rows V_j - V_i <= limit_i at a point, those of groups and those of single pairs.

    Args:
        bus, vm, limit: bus number, voltage and limit of each inverter.
        within: the groups.
        direct: single pairs.

    Attributes:
        rise: highest active neighbour's voltage above the inverter's own; NaN without a row.
        neighbor: position of that neighbour, -1 without a row.
        nssp: sum of the prices of the inverter's rows.
    """

    def __init__(
        self, bus: Ints, vm: Floats, limit: Floats, within: Within, direct: Direct
    ) -> None:
        self._bus, self._vm, self._limit = bus, vm, limit
        self._within = within.taken()
        on = direct.active
        self._direct = direct.inverter[on], direct.neighbor[on], direct.price[on]
        n = len(vm)
        self.neighbor = self._highest(n)
        rise = vm[self.neighbor] - vm
        self.rise: Floats = np.where(self.neighbor >= 0, rise, np.nan)
        of = np.concatenate([self._within.inverter, self._direct[0]])
        price = np.concatenate([self._within.own, self._direct[2]])
        self.nssp: Floats = np.bincount(of, price, minlength=n).astype(np.float64)

    def _highest(self, n: int) -> Ints:
        """The neighbour of highest voltage of each inverter."""
        of, other = self._highest_within()
        of = np.concatenate([of, self._direct[0]])
        other = np.concatenate([other, self._direct[1]])
        order = np.lexsort((self._vm[other], of))
        found = np.full(n, -1, dtype=np.int64)
        found[of[order]] = other[order]  # the last one written is the highest
        return found

    def _highest_within(self) -> tuple[Ints, Ints]:
        """The inverter of each membership, and the highest other one in the group."""
        within, start, size = self._within, *self._extent()
        order = np.lexsort((self._vm[within.inverter], within.group))
        member, end = within.inverter[order], start + size
        first, second = (
            np.where(size >= k, np.append(member, -1)[np.maximum(end - k, -1)], -1) for k in (1, 2)
        )
        of, group = within.inverter, within.group
        other = np.where(first[group] == of, second[group], first[group])
        return of[other >= 0], other[other >= 0]

    def _extent(self) -> tuple[Ints, Ints]:
        """First membership of each group, and its number of memberships."""
        group = self._within.group
        size = np.bincount(group)
        return np.cumsum(size) - size, size

    def rows(self, required: float) -> Rows:
        """Every active row; a group's prices are shared out in proportion."""
        n = len(self._vm)
        first, second, price = (
            np.concatenate([a, b]) for a, b in zip(self._pairs_within(), self._direct, strict=True)
        )
        key, slot = np.unique(first * n + second, return_inverse=True)
        i, j = np.divmod(key, max(n, 1))
        price = np.bincount(slot, price, minlength=len(key)).astype(np.float64)
        rise = self._vm[j] - self._vm[i]
        needed = np.full(len(i), required)
        return Rows(self._bus[i], self._bus[j], rise, self._limit[i], price, needed)

    def _pairs_within(self) -> tuple[Ints, Ints, Floats]:
        within, start, size = self._within, *self._extent()
        repeats = size[within.group]
        row = np.repeat(np.arange(len(within.group)), repeats)
        offset = np.arange(len(row)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        other = start[within.group[row]] + offset
        row, other = row[row != other], other[row != other]
        total = np.bincount(within.group, within.share)
        rest = total[within.group[row]] - within.share[row]
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(rest == 0, 0.0, within.share[other] / rest)  # NaN stays NaN
        return within.inverter[row], within.inverter[other], within.own[row] * part
