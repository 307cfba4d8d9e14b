"""Functions for equations that are called on Pyomo expressions and on arrays alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo

_NUMBERS = (np.ndarray, np.generic, float, int)


def cos(x: Any) -> Any:
    """Cosine of an angle in rad."""
    return np.cos(x) if isinstance(x, _NUMBERS) else pyo.cos(x)


def sin(x: Any) -> Any:
    """Sine of an angle in rad."""
    return np.sin(x) if isinstance(x, _NUMBERS) else pyo.sin(x)


def exp(x: Any) -> Any:
    """Exponential."""
    return np.exp(x) if isinstance(x, _NUMBERS) else pyo.exp(x)
