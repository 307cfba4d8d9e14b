"""Impedance correction tables: factors on the impedance of a transformer, by its tap or angle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from scopf.arrays import Complexes, Floats

REAL, COMPLEX = 2, 3  # numbers of a point: T and F; T, Re(F) and Im(F)
_COMPLEX_FROM = 34  # revision
_RATIOS = (0.5, 1.5)  # a table that begins below or ends above is one of angles


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        at: turns ratio per unit of the bus base voltage, or phase shift in degrees, ascending.
        factor: on the impedance at each.
        fault: what is wrong with it, or "".
    """

    at: Floats = field(default_factory=lambda: np.zeros(0))
    factor: Complexes = field(default_factory=lambda: np.zeros(0, dtype=np.complex128))
    fault: str = ""

    @property
    def of_angle(self) -> bool:
        """Whether `at` is angles, by the rule of PSS/E's documentation."""
        return bool(self.at[0] < _RATIOS[0] or self.at[-1] > _RATIOS[1])

    def factors(self, ratio: Floats, degrees: Floats) -> Complexes:
        """Factors, linear between the points and those of the last points beyond."""
        present = degrees if self.of_angle else ratio
        real, imaginary = (
            np.interp(present, self.at, part) for part in (self.factor.real, self.factor.imag)
        )
        return np.asarray(real + 1j * imaginary)


def width(revision: int, values: Sequence[float]) -> int:
    """Numbers of a point, by the revision and those of a table's first line."""
    if revision < _COMPLEX_FROM:
        return REAL
    # Some programs write pairs. No table of complex factors reads as one of pairs as well.
    pairs = table(values, REAL).fault == "" and table(values, COMPLEX).fault != ""
    return REAL if pairs else COMPLEX


def closed(values: Sequence[float]) -> bool:
    """Whether the zeros that end a table of complex factors are there, or some of them."""
    return any(not any(values[k : k + COMPLEX]) for k in range(0, len(values), COMPLEX))


def table(values: Sequence[float], width: int) -> Table:
    """The table of some numbers.

    Args:
        values: points one after the other; a point of zeros ends them.
        width: numbers of a point, `REAL` or `COMPLEX`.
    """
    rest = len(values) % width
    if any(values[len(values) - rest :]):
        return Table(fault="has a value without a factor")
    values = values[: len(values) - rest]
    points = np.reshape(np.asarray(values, dtype=np.float64), (-1, width))
    used = np.cumprod(points.any(axis=1)).astype(bool)
    at, real = points[used, 0], points[used, 1]
    if len(at) < 2:
        return Table(fault="has fewer than two points")
    if not (np.diff(at) > 0).all():
        return Table(fault="has values that do not ascend")
    if not (real > 0).all():
        return Table(fault="has a factor that is not positive")
    imaginary = points[used, 2] if width == COMPLEX else np.zeros(len(at))
    if (abs(imaginary) > real / 2).any():
        return Table(fault="has a factor that is hardly real; are its points T, Re(F), Im(F)?")
    return Table(at, real + 1j * imaginary)
