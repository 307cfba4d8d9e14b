"""The spec that a manifest holds, checked again: a run folder may come from a stranger."""

from __future__ import annotations

import math
from typing import Any

from scopf.sweeps.columns import STEP, Value, is_column, kind
from scopf.sweeps.settings import Settings
from scopf.sweeps.spec import Axis, Spec
from scopf.sweeps.values import MOST, are_too_many


def read(plain: Any) -> Spec:
    """The spec that `Spec.as_dict` turned into plain values.

    Raises:
        LookupError, TypeError, ValueError: when it is none, or has more scenarios than a sweep.
    """
    settings = Settings(**plain["settings"])
    axes = tuple(map(_axis, plain["axes"]))
    spec = Spec(settings, axes)
    if len(set(spec.columns)) != len(spec.columns):
        raise ValueError("an axis is there twice")
    if math.prod(len(axis.rows) for axis in axes) > MOST:
        raise ValueError(f"it has more than {MOST:,} scenarios")
    if are_too_many((len(axis.rows), len(axis.columns)) for axis in axes):
        raise ValueError("its scenarios have too many values")
    return spec


def _axis(plain: Any) -> Axis:
    columns = tuple(plain["columns"])
    if not columns or not all(column == STEP or is_column(column) for column in columns):
        raise ValueError("an axis has an unknown name")
    rows = tuple(tuple(row) for row in plain["rows"])
    if not rows or not all(len(row) == len(columns) for row in rows):
        raise ValueError(f"axis {columns[0]} has rows of another length")
    for at, column in enumerate(columns):
        if not all(_is_value(column, row[at]) for row in rows):
            raise ValueError(f"axis {column} has a value that is none")
    return Axis(columns, rows)


def _is_value(column: str, value: Value) -> bool:
    """Whether a value is one of a column, or blank."""
    if value is None:
        return True
    if type(value) is int and abs(value) >= 2**63:
        return False
    of = kind(column)
    if of is float:
        return type(value) in (float, int) and math.isfinite(value)  # type: ignore[arg-type]
    return type(value) is of
