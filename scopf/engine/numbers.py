"""Columns of numbers that may follow parameters: evaluated now, or again whenever these change."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np
import numpy.typing as npt

from scopf.arrays import Flags, Floats, Ints


class Numbers:
    """One number for each row of a family, or one for all of them.

    Fixed numbers are an array. Moving ones depend on a parameter and are computed again by
    `values()`; only where `nonzero` is set can they ever be other than zero.

    Attributes:
        moving: whether the values follow a parameter.
        nonzero: shape of the values (n or 1).
    """

    __slots__ = ("_key", "_read", "_values", "moving", "nonzero")
    __array_ufunc__ = None  # array * Numbers is ours to compute

    def __init__(
        self,
        values: npt.ArrayLike = 0.0,
        *,
        read: Callable[[], Floats] | None = None,
        nonzero: Flags | None = None,
        key: Hashable = None,
    ) -> None:
        self.moving = read is not None
        self._key = key
        self._read = read
        self._values: Floats = (
            np.zeros(0) if read else np.atleast_1d(np.asarray(values, dtype=np.float64))
        )
        if nonzero is None:
            nonzero = self._values != 0 if read is None else np.ones(len(read()), dtype=bool)
        self.nonzero: Flags = nonzero

    def values(self) -> Floats:
        """The numbers as they are now, shape (n,) or (1,)."""
        return self._values if self._read is None else self._read()

    @property
    def key(self) -> Hashable:
        """Equal for numbers that always have the same values."""
        if self.moving:
            return self if self._key is None else self._key
        return self._values.tobytes()

    def take(self, rows: Ints) -> Numbers:
        """The numbers of these rows."""
        if len(self.nonzero) == 1:
            return self
        if not self.moving:
            return Numbers(self._values[rows])
        key = (self.key, rows.tobytes())
        return Numbers(read=lambda: self.values()[rows], nonzero=self.nonzero[rows], key=key)

    def __mul__(self, other: Numbers | npt.ArrayLike) -> Numbers:
        other = other if isinstance(other, Numbers) else Numbers(other)
        return apply(np.multiply, self, other, nonzero=self.nonzero & other.nonzero)

    __rmul__ = __mul__

    def __truediv__(self, other: Numbers | npt.ArrayLike) -> Numbers:
        return apply(np.divide, self, other, nonzero=self.nonzero)

    def __rtruediv__(self, other: Numbers | npt.ArrayLike) -> Numbers:
        return apply(np.divide, other, self)

    def __add__(self, other: Numbers | npt.ArrayLike) -> Numbers:
        other = other if isinstance(other, Numbers) else Numbers(other)
        return apply(np.add, self, other, nonzero=self.nonzero | other.nonzero)

    __radd__ = __add__

    def __neg__(self) -> Numbers:
        return apply(np.negative, self, nonzero=self.nonzero)


def apply(
    function: Callable[..., Floats],
    *operands: Numbers | npt.ArrayLike,
    nonzero: Flags | None = None,
) -> Numbers:
    """A NumPy function of columns, at once when all are fixed."""
    columns = [c if isinstance(c, Numbers) else Numbers(c) for c in operands]
    if not any(column.moving for column in columns):
        with np.errstate(divide="ignore", invalid="ignore"):
            return Numbers(function(*(column.values() for column in columns)))
    if nonzero is None:
        nonzero = np.ones(max(len(column.nonzero) for column in columns), dtype=bool)
    return Numbers(
        read=lambda: function(*(column.values() for column in columns)),
        nonzero=nonzero,
        key=(function, *(column.key for column in columns)),
    )
