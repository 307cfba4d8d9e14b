"""Voltage differences between inverters that see each other: the tightest, and all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from scopf.stability.criterion import Pairs

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints


@dataclass(frozen=True)
class Within:
    """Memberships of inverters in groups of mutual neighbours.

    Attributes:
        inverter, group: of each membership, sorted by group.
        limited: whether the inverter's own row is active.
        counted: whether its voltage counts for the others.
    """

    inverter: Ints
    group: Ints
    limited: Flags
    counted: Flags

    @classmethod
    def empty(cls) -> Self:
        """No groups."""
        none, no = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
        return cls(none, none, no, no)


class Voltages:
    """Rows V_j - V_i <= limit_i at a point, those of groups and those of single pairs.

    Args:
        vm, limit: voltage and limit of each inverter.
        within: the groups.
        within_prices: of each membership, the price of its own row and of its share of the maximum.
        direct: single pairs: inverter, neighbour, whether the row is active.
        direct_prices: of the single pairs.

    Attributes:
        rise: highest active neighbour's voltage above the inverter's own; NaN without a row.
        neighbor: position of that neighbour, -1 without a row.
        nssp: sum of the prices of the inverter's rows.
    """

    def __init__(
        self,
        vm: Floats,
        limit: Floats,
        within: Within,
        within_prices: tuple[Floats, Floats],
        direct: tuple[Ints, Ints, Flags],
        direct_prices: Floats,
    ) -> None:
        i, j, active = direct
        self._vm, self._limit, self._within = vm, limit, within
        self._own, self._share = within_prices
        self._direct = i[active], j[active], direct_prices[active]
        n = len(vm)
        self.neighbor = self._highest(n)
        rise = vm[self.neighbor] - vm
        self.rise: Floats = np.where(self.neighbor >= 0, rise, np.nan)
        own = within.limited
        of = np.concatenate([within.inverter[own], self._direct[0]])
        price = np.concatenate([self._own[own], self._direct[2]])
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
        """Of each limited membership its inverter, and the highest other one in the group."""
        within = self._within
        member, group = within.inverter[within.counted], within.group[within.counted]
        groups = int(within.group.max(initial=-1)) + 1
        order = np.lexsort((self._vm[member], group))
        member, group = member[order], group[order]
        end = np.searchsorted(group, np.arange(groups), side="right")
        size = end - np.searchsorted(group, np.arange(groups))
        first, second = (
            np.where(size >= k, np.append(member, -1)[np.maximum(end - k, -1)], -1) for k in (1, 2)
        )
        of, where = within.inverter[within.limited], within.group[within.limited]
        other = np.where(first[where] == of, second[where], first[where])
        return of[other >= 0], other[other >= 0]

    def pairs(self) -> Pairs:
        """Every active row; a group's prices are shared out in proportion."""
        n = len(self._vm)
        first, second, price = (
            np.concatenate([a, b]) for a, b in zip(self._pairs_within(), self._direct, strict=True)
        )
        key, slot = np.unique(first * n + second, return_inverse=True)
        i, j = np.divmod(key, max(n, 1))
        price = np.bincount(slot, price, minlength=len(key)).astype(np.float64)
        return Pairs(i, j, self._vm[j] - self._vm[i], self._limit[i], price)

    def _pairs_within(self) -> tuple[Ints, Ints, Floats]:
        within = self._within
        groups = int(within.group.max(initial=-1)) + 1
        counted = np.flatnonzero(within.counted)
        start = np.searchsorted(within.group[counted], np.arange(groups))
        size = np.bincount(within.group[counted], minlength=groups)
        share = np.where(within.counted, self._share, 0.0)
        total = np.bincount(within.group, share, minlength=groups)
        rows = np.flatnonzero(within.limited)
        repeats = size[within.group[rows]]
        row = np.repeat(rows, repeats)
        offset = np.arange(len(row)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        other = counted[start[within.group[row]] + offset]
        apart = within.inverter[row] != within.inverter[other]
        row, other = row[apart], other[apart]
        rest = total[within.group[row]] - share[row]
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(rest > 0, share[other] / rest, np.where(np.isnan(rest), np.nan, 0.0))
        return within.inverter[row], within.inverter[other], self._own[row] * part
