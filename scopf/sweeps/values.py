"""Values of one column of scenarios: the forms they may be written in, and their range."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field

from scopf.sweeps.quantities import Quantity

_SPACES: dict[str, Any] = {"linspace": np.linspace, "geomspace": np.geomspace}
MOST = 1_000_000  # values of an axis, and scenarios of a sweep: each takes memory from the start
_DIGITS = 12  # of points of a linspace: .06, not .060000000000000005


def is_space(value: object) -> bool:
    """Whether this is {linspace = [first, last, points]} or the same with geomspace."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _SPACES


def listed(value: Any) -> Any:
    """A list of plain values out of any form that is allowed.

    Raises:
        ValueError: for a form that is none.
    """
    if is_space(value):
        name, given = next(iter(value.items()))
        try:
            first, last, points = given
            if isinstance(points, bool) or int(points) != points or points < 1:
                raise ValueError
            with np.errstate(all="ignore"):  # what is not finite is refused as a value
                column = _SPACES[name](float(first), float(last), min(int(points), MOST + 1))
        except (TypeError, ValueError):
            text = f"{name} takes [first, last, number of points], got {given!r}"
            raise ValueError(text) from None
        if len(column) > MOST:
            raise ValueError(f"{name} of more than {MOST:,} points: give fewer, or several sweeps")
        return [float(f"{x:.{_DIGITS}g}") for x in column]
    if isinstance(value, dict):
        raise ValueError(f"should be a value, a list, or {{linspace = [0, 1, 11]}}, got {value!r}")
    if hasattr(value, "tolist"):  # NumPy and pandas
        value = value.tolist()
    if isinstance(value, (list, tuple, range)):
        if not len(value):
            raise ValueError("is an empty list; leave it out or give a value")
        return [v.item() if hasattr(v, "item") else v for v in value]
    return [value]


def _known_criterion(name: str) -> str:
    from scopf.stability import registry

    registry.get(name)  # says which names there are
    return name


def column_type(quantity: Quantity, *, blanks: bool) -> Any:
    """The pydantic type of a column: a list of this quantity's values.

    Args:
        quantity: whose values.
        blanks: whether a value may be missing, as in a table of scenarios.
    """
    one: Any = quantity.kind
    if quantity.kind is float:
        one = Annotated[
            float,
            Field(strict=True, ge=quantity.least, gt=quantity.above, allow_inf_nan=False),
        ]
    elif quantity.name == "criterion":
        one = Annotated[str, AfterValidator(_known_criterion)]
    else:
        one = Annotated[quantity.kind, Field(strict=True)]
    if blanks or quantity.kind is int:
        one = one | None
    return Annotated[list[one], BeforeValidator(listed)]
