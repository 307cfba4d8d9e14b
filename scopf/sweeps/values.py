"""Values of one column of scenarios: the forms they may be written in, and their range."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field

from scopf.model.quantities import Quantity
from scopf.sweeps.columns import COLUMNS, kind, split

_SPACES: dict[str, Any] = {"linspace": np.linspace, "geomspace": np.geomspace}
MOST = 1_000_000  # values of an axis, and scenarios of a sweep: each takes memory from the start
_CELLS = 50_000_000  # values of all scenarios, unless a 64th of them is written
_DIGITS = 12  # of points of a linspace: .06, not .060000000000000005


def is_space(value: object) -> bool:
    """Whether this is {linspace = [first, last, points]} or the same with geomspace."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _SPACES


def size(value: Any) -> int:
    """Number of values that `listed` would give, without making them; 1 where there is none."""
    try:
        return min(int(next(iter(value.values()))[2]), MOST) if is_space(value) else len(value)
    except (TypeError, ValueError, LookupError, OverflowError):
        return 1


def are_too_many(shapes: Iterable[tuple[int, int]]) -> bool:
    """Whether scenarios have more values than memory should hold.

    Args:
        shapes: of their axes: rows, and columns that change together.
    """
    shapes = list(shapes)
    scenarios, columns = math.prod(n for n, _ in shapes), sum(width for _, width in shapes)
    return scenarios * columns > max(_CELLS, 64 * sum(n * width for n, width in shapes))


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


def column_type(column: str, *, blanks: bool) -> Any:
    """The pydantic type of a column: a list of its values.

    Args:
        column: its name.
        blanks: whether a value may be missing, as in a table of scenarios.
    """
    of = COLUMNS[split(column)[0]]
    one: Any = kind(column)
    if isinstance(of, Quantity):
        one = Annotated[float, Field(strict=True, ge=of.least, gt=of.above, allow_inf_nan=False)]
    elif column == "criterion":
        one = Annotated[str, AfterValidator(_known_criterion)]
    elif of.ends:
        low, high = of.ends
        one = Annotated[float, Field(strict=True, ge=low, le=high, allow_inf_nan=False)]
    elif of.known:
        one = Literal[of.known]
    else:
        one = Annotated[one, Field(strict=True)]
    if blanks or kind(column) is int:
        one = one | None
    return Annotated[list[one], BeforeValidator(listed)]
