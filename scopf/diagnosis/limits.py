"""Limits by number, and the effects of relaxing each of them on rows and bounds.

A limit relaxed by t moves the limits of rows and the bounds by c t; see `scopf.model.relaxation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.errors import listing
from scopf.model.relaxation import Relaxation

_NAMED = 3  # limits in a sentence

Places = tuple[Ints, Ints, Floats]  # limit, row or column, c (below zero for an upper one)


@dataclass(frozen=True, eq=False)
class Kind:
    """Limits of one kind, and the rows and bounds of the compiled problem that they act on."""

    of: Relaxation
    rows: list[Places]
    bounds: list[Places]

    @property
    def most(self) -> Floats:
        """Largest t of each."""
        return np.asarray(np.broadcast_to(self.of.most, len(self.of.present)), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Effects:
    """Effect e of relaxing: place[e] (a row or a column) moves by c[e] times t of limit[e]."""

    place: Ints
    limit: Ints
    c: Floats


@dataclass(frozen=True, eq=False)
class Limit:
    """One limit, as it is reported; see `scopf.model.relaxation.Relaxation`.

    `island` is that of its element, where there are several; 0 for one of no single island.
    """

    name: str
    element: str
    quantity: str
    unit: str
    side: str
    present: float
    island: int = 0

    def __str__(self) -> str:
        return f"{self.name} of {self.element}" if self.element else self.name


class Limits:
    """All limits of a compiled problem.

    Args:
        kinds: the limits.
        islands: number of the AC island by the label of an element; None where there is one.

    Attributes:
        most: largest t of each, shape (k,).
        price: of relaxing each.
        factor: True for factors that act on many rows.
        asked: True for limits that may be tested as the only relaxed one.
        rows, bounds: effects of relaxing the limits.
    """

    def __init__(self, kinds: list[Kind], islands: Mapping[str, int] | None = None) -> None:
        self.kinds, self._islands = kinds, islands or {}
        sizes = [len(kind.of.present) for kind in self.kinds]
        self._first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.most = np.concatenate([np.zeros(0), *(kind.most for kind in self.kinds)])
        self.price = np.repeat([kind.of.price for kind in self.kinds], sizes)
        self.factor = np.repeat([kind.of.factor for kind in self.kinds], sizes)
        self.asked = np.repeat([kind.of.asked for kind in self.kinds], sizes)
        self.rows = self._gathered([kind.rows for kind in self.kinds])
        self.bounds = self._gathered([kind.bounds for kind in self.kinds])
        there = np.zeros(len(self.most), dtype=bool)
        there[self.rows.limit] = there[self.bounds.limit] = True
        self.most[~there] = 0.0  # nothing to relax: an infinite bound, or no row

    def __len__(self) -> int:
        return len(self.most)

    def __getitem__(self, number: int) -> Limit:
        kind, i = self._of(number)
        of, present = kind.of, float(kind.of.present[i])
        element = of.labels[i]
        island = self._islands.get(element, 0)
        return Limit(of.name, element, of.quantity, of.unit, of.side, present, island)

    def needed(self, number: int, t: float) -> float:
        """Value of a limit when it is relaxed by t."""
        kind, i = self._of(number)
        return kind.of.needed(i, t)

    def reason(self, t: Floats) -> str:
        """A clause on the limits that would have to give way, those with the largest t first."""
        ranked = [k for k in np.argsort(-t, kind="stable").tolist() if t[k] > 0]
        named = [
            f"{self[k].name} of {self[k].element.split(' after ')[0]} would have to be "
            f"{self[k].side} {self.needed(k, float(t[k])):.5g} {self[k].unit}".strip()
            for k in ranked[:_NAMED]
        ]
        more = len(ranked) - len(named)
        return listing(named) + (f", and {more} more" if more > 0 else "")

    def groups(self) -> dict[str, Flags]:
        """The limits that belong to each group."""
        found: dict[str, Flags] = {}
        for kind, first in zip(self.kinds, self._first, strict=False):
            if kind.of.group:
                flags = found.setdefault(kind.of.group, np.zeros(len(self), dtype=bool))
                flags[first : first + len(kind.of.present)] = True
        return found

    def _of(self, number: int) -> tuple[Kind, int]:
        k = int(np.searchsorted(self._first, number, side="right")) - 1
        return self.kinds[k], number - int(self._first[k])

    def _gathered(self, parts: list[list[Places]]) -> Effects:
        """Effects of all kinds."""
        none = np.zeros(0, dtype=np.int64)
        place, limit, c = [none], [none], [np.zeros(0)]
        for first, kind in zip(self._first, parts, strict=False):
            for of, at, effect in kind:
                place.append(at)
                limit.append(first + of)
                c.append(effect)
        return Effects(np.concatenate(place), np.concatenate(limit), np.concatenate(c))
