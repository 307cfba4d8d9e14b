"""Names for Pyomo's objects. Pyomo has no types of its own: to mypy all of them are Any."""

from __future__ import annotations

from typing import Any

Node = Any
"""A node of a Pyomo expression: a number, a parameter, a variable or an operator."""
Member = Any
"""A Pyomo data object: one variable, parameter, row, named expression or objective of a model."""
Component = Any
"""A Pyomo component: a family of data objects under one name."""
