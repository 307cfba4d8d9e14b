"""Sparse coefficients that can be read again when parameters change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.engine.expressions import Coefficient
from scopf.engine.numbers import Numbers


@dataclass(frozen=True)
class Triplets:
    """Coefficients of a sparse matrix: one for each pair of row and target (column or atom)."""

    rows: Ints
    targets: Ints
    numbers: Numbers

    def select(self, positions: Ints, size: int, scale: Coefficient) -> Triplets:
        """Triplets of the rows at `positions` (out of `size`), as rows 0, 1, ..., times `scale`."""
        scale = scale if isinstance(scale, Numbers) else Numbers(scale)
        if _is_range(positions, size) and _is_range(self.rows, size):
            return Triplets(self.rows, self.targets, self.numbers * scale)
        order = np.argsort(self.rows, kind="stable")
        start = np.searchsorted(self.rows[order], np.arange(size + 1))
        counts = (start[1:] - start[:-1])[positions]
        rows = np.repeat(np.arange(len(positions)), counts)
        offset = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        chosen = order[start[positions][rows] + offset]
        return Triplets(rows, self.targets[chosen], self.numbers.take(chosen) * scale.take(rows))

    def total(self, owner: Ints, scale: Coefficient) -> Triplets:
        """Triplets of the sums of rows by owner, times `scale`; without rows whose owner is -1."""
        scale = scale if isinstance(scale, Numbers) else Numbers(scale)
        owned = self if (owner >= 0).all() else self.take(np.flatnonzero(owner[self.rows] >= 0))
        rows = owner[owned.rows]
        return Triplets(rows, owned.targets, owned.numbers * scale.take(rows))

    def shifted(self, rows: int) -> Triplets:
        """The same triplets, this many rows further down."""
        return Triplets(self.rows + rows, self.targets, self.numbers)

    def take(self, chosen: Ints) -> Triplets:
        """The triplets at these positions."""
        return Triplets(self.rows[chosen], self.targets[chosen], self.numbers.take(chosen))

    def compact(self) -> Triplets:
        """The triplets that are not always zero."""
        if self.numbers.nonzero.all():
            return self
        everywhere = np.broadcast_to(self.numbers.nonzero, self.rows.shape)
        return self.take(np.flatnonzero(everywhere))


def _is_range(positions: Ints, size: int) -> bool:
    return len(positions) == size and bool((positions == np.arange(size)).all())


Part = tuple[Numbers, slice | Ints]  # numbers, and their places in the buffer


class Buffer:
    """Numbers of many parts in one buffer.

    Attributes:
        values: the present numbers; overwritten by `refresh`.
    """

    def __init__(self, parts: Sequence[Part], size: int) -> None:
        self.values: Floats = np.zeros(size)
        self._moving = []
        for numbers, place in parts:
            self.values[place] = numbers.values()
            if numbers.moving:
                self._moving.append((numbers, place))

    @classmethod
    def of(cls, parts: Sequence[tuple[Numbers, int]]) -> Buffer:
        """Parts of these lengths, one after the other."""
        ends = np.cumsum([length for _, length in parts], dtype=np.int64).tolist()
        placed = [
            (numbers, slice(end - length, end))
            for (numbers, length), end in zip(parts, ends, strict=True)
        ]
        return cls(placed, ends[-1] if ends else 0)

    def refresh(self) -> bool:
        """Read the moving numbers again; whether any has changed."""
        changed = False
        for numbers, place in self._moving:
            new, old = numbers.values(), self.values[place]
            if (new != old).any():
                self.values[place] = new
                changed = True
        return changed


class Matrix:
    """A sparse matrix of fixed pattern whose data are read from triplets.

    Attributes:
        shape: rows and columns.
        rows, cols: of each stored element, sorted by row, then column.
        data: their values; overwritten by `refresh`.
    """

    def __init__(self, parts: Sequence[Triplets], shape: tuple[int, int]) -> None:
        parts = [part.compact() for part in parts]
        none = [np.zeros(0, dtype=np.int64)]
        rows = np.concatenate(none + [part.rows for part in parts])
        cols = np.concatenate(none + [part.targets for part in parts])
        self._buffer = Buffer.of([(part.numbers, len(part.rows)) for part in parts])
        keys, self._slot = np.unique(rows * max(shape[1], 1) + cols, return_inverse=True)
        self.shape = shape
        self.rows, self.cols = np.divmod(keys, max(shape[1], 1))
        self.data = self._sum()

    def _sum(self) -> Floats:
        return np.bincount(self._slot, self._buffer.values, minlength=len(self.rows)).astype(float)

    def refresh(self) -> bool:
        """Read the triplets again; whether any has changed."""
        if not self._buffer.refresh():
            return False
        self.data[:] = self._sum()
        return True
