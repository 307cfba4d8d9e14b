"""Functions for equations that are called on Pyomo expressions and on arrays alike."""

from __future__ import annotations

from typing import overload

import numpy as np
import pyomo.environ as pyo

from scopf.arrays import Floats
from scopf.engine.pyomo_types import Node

_NUMBERS = (np.ndarray, np.generic, float, int)


@overload
def cos(x: float) -> float: ...
@overload
def cos(x: Floats) -> Floats: ...
@overload
def cos(x: Node) -> Node: ...
def cos(x: Node) -> Node:
    """Cosine of an angle in rad."""
    return np.cos(x) if isinstance(x, _NUMBERS) else pyo.cos(x)


@overload
def sin(x: float) -> float: ...
@overload
def sin(x: Floats) -> Floats: ...
@overload
def sin(x: Node) -> Node: ...
def sin(x: Node) -> Node:
    """Sine of an angle in rad."""
    return np.sin(x) if isinstance(x, _NUMBERS) else pyo.sin(x)


@overload
def exp(x: float) -> float: ...
@overload
def exp(x: Floats) -> Floats: ...
@overload
def exp(x: Node) -> Node: ...
def exp(x: Node) -> Node:
    """Exponential."""
    return np.exp(x) if isinstance(x, _NUMBERS) else pyo.exp(x)
