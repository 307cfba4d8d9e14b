"""Functions for equations that are called on placeholders and on arrays alike.

They are NumPy's, which placeholders understand as well (`scopf.engine.templates.FUNCTIONS`); here
they have types for both.
"""

from __future__ import annotations

from typing import overload

import numpy as np

from scopf.arrays import Floats
from scopf.engine.templates import Node


@overload
def cos(x: float) -> float: ...
@overload
def cos(x: Floats) -> Floats: ...
@overload
def cos(x: Node) -> Node: ...
def cos(x: Node) -> Node:
    """Cosine of an angle in rad."""
    return np.cos(x)


@overload
def sin(x: float) -> float: ...
@overload
def sin(x: Floats) -> Floats: ...
@overload
def sin(x: Node) -> Node: ...
def sin(x: Node) -> Node:
    """Sine of an angle in rad."""
    return np.sin(x)


@overload
def exp(x: float) -> float: ...
@overload
def exp(x: Floats) -> Floats: ...
@overload
def exp(x: Node) -> Node: ...
def exp(x: Node) -> Node:
    """Exponential."""
    return np.exp(x)
