"""Limits by number: what can be in conflict, and what loosening each of them does.

A limit is what its owner would call one: the largest voltage of a bus, the rating of a branch at
both of its ends, all stability rows of an inverter. Loosened by t, its rows read
g(x) - c t <= upper or g(x) + c t >= lower, and its boxes alike. Which there are, and their numbers
c, is in `scopf.diagnosis.catalog`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints

STABILITY = "stability rows"

_FAMILY = {
    "Vmin": "voltage limits",
    "Vmax": "voltage limits",
    "Pmin": "limits on active power",
    "Pmax": "limits on active power",
    "Qmin": "limits on reactive power",
    "Qmax": "limits on reactive power",
    "thermal limit": "thermal limits",
    "angmin": "angle limits",
    "angmax": "angle limits",
    "capability circle": "capability circles",
    "P-Q curve": "P-Q curves",
    "DC line Pmin": "limits of DC lines",
    "DC line Pmax": "limits of DC lines",
    "DC line Qmin": "limits of DC lines",
    "DC line Qmax": "limits of DC lines",
    STABILITY: "stability rows",
    "stability row": "stability rows",
    "stability angle row": "stability rows",
    "least m_q": "bounds of droops",
    "active load": "",
    "reactive load": "",
}


@dataclass(frozen=True, eq=False)
class Kind:
    """Limits of one kind, n of them.

    Attributes:
        name: such as "Vmax" or "stability rows".
        quantity: that loosens them, such as "m_q".
        unit: of the quantity.
        side: ">=" when a larger value loosens them, else "<=".
        labels: the elements, such as "bus 36".
        present: values now.
        needed: value of the i-th when it is loosened by t.
        most: largest t that makes sense for each.
        rows, boxes: (limit, row or column, c) of their rows and boxes; c < 0 on an upper side.
        price: of loosening one, against other limits.
        lever: whether it is no limit, but a number that acts on many rows at once.
        tried: whether it makes sense to ask what it takes to loosen it.
    """

    name: str
    quantity: str
    unit: str
    side: str
    labels: Sequence[str]
    present: Floats
    needed: Callable[[int, float], float]
    most: Floats
    rows: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)
    boxes: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)
    price: float = 1.0
    lever: bool = False
    tried: bool = True

    @property
    def family(self) -> str:
        """What it belongs to, with others; empty for what is on its own."""
        return _FAMILY.get(self.name, "" if self.lever else "further rows")


@dataclass(frozen=True, eq=False)
class Effects:
    """What loosening does: place[e] (a row or a column) feels c[e] times t of limit[e]."""

    place: Ints
    limit: Ints
    c: Floats


@dataclass(frozen=True, eq=False)
class Limit:
    """One limit, as it is reported; see `Kind`."""

    name: str
    element: str
    quantity: str
    unit: str
    side: str
    present: float

    def __str__(self) -> str:
        return f"{self.name} of {self.element}" if self.element else self.name


class Limits:
    """All limits of a compiled problem.

    Attributes:
        most: largest t of each, shape (k,).
        price: of loosening each.
        lever: which are levers.
        tried: which it makes sense to ask about.
        rows, boxes: c by row, or column, and limit.
    """

    def __init__(self, kinds: list[Kind]) -> None:
        self.kinds = kinds
        sizes = [len(kind.present) for kind in self.kinds]
        self._first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.most = np.concatenate([np.zeros(0), *(kind.most for kind in self.kinds)])
        self.price = np.repeat([kind.price for kind in self.kinds], sizes)
        self.lever = np.repeat([kind.lever for kind in self.kinds], sizes)
        self.tried = np.repeat([kind.tried for kind in self.kinds], sizes)
        self.rows = self._gathered([kind.rows for kind in self.kinds])
        self.boxes = self._gathered([kind.boxes for kind in self.kinds])
        there = np.zeros(len(self.most), dtype=bool)
        there[self.rows.limit] = there[self.boxes.limit] = True
        self.most[~there] = 0.0  # nothing to loosen: an infinite bound, or no row

    def __len__(self) -> int:
        return len(self.most)

    def __getitem__(self, number: int) -> Limit:
        kind, i = self._of(number)
        label, present = kind.labels[i], float(kind.present[i])
        return Limit(kind.name, label, kind.quantity, kind.unit, kind.side, present)

    def needed(self, number: int, t: float) -> float:
        """Value of a limit when it is loosened by t."""
        kind, i = self._of(number)
        return kind.needed(i, t)

    def families(self) -> dict[str, Flags]:
        """Which limits belong to each family."""
        found: dict[str, Flags] = {}
        for kind, first in zip(self.kinds, self._first, strict=False):
            if kind.family:
                flags = found.setdefault(kind.family, np.zeros(len(self), dtype=bool))
                flags[first : first + len(kind.present)] = True
        return found

    def _of(self, number: int) -> tuple[Kind, int]:
        k = int(np.searchsorted(self._first, number, side="right")) - 1
        return self.kinds[k], number - int(self._first[k])

    def _gathered(self, parts: list[list[tuple[Ints, Ints, Floats]]]) -> Effects:
        """Effects of all kinds."""
        none = np.zeros(0, dtype=np.int64)
        place, limit, c = [none], [none], [np.zeros(0)]
        for first, kind in zip(self._first, parts, strict=False):
            for of, at, effect in kind:
                place.append(at)
                limit.append(first + of)
                c.append(effect)
        return Effects(np.concatenate(place), np.concatenate(limit), np.concatenate(c))
