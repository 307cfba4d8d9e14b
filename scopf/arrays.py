"""Names of the array types that stages hand to each other, and their values in plain Python."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Complexes = npt.NDArray[np.complex128]
"""An array of complex numbers."""
Floats = npt.NDArray[np.float64]
"""An array of real numbers."""
Ints = npt.NDArray[np.int64]
"""An array of whole numbers."""
Flags = npt.NDArray[np.bool_]
"""An array of truth values."""
Strings = npt.NDArray[np.object_]
"""An array of texts, Python's own, so that a long one takes no room in the other rows."""

LARGEST_WHOLE = 2.0**53
"""Bound of the whole numbers that a float holds exactly."""


def texts(values: Iterable[object]) -> Strings:
    """An array of texts."""
    return np.array([str(value) for value in values], dtype=object)


def plain(value: Any) -> Any:
    """A value as JSON has it: Python's own types, lists for arrays and tuples, None for NaN or NA.

    Infinities stay as they are.
    """
    if hasattr(value, "tolist"):  # of NumPy: an array or a scalar
        value = value.tolist()
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    return None if type(value).__name__ == "NAType" else value
