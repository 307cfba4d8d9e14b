"""Types of values that JSON has, for what is stored of a solution."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_LARGEST = 2**62

Whole = Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
Count = Annotated[int, Field(ge=0, le=_LARGEST)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Some = Finite | dict[Whole, Finite]  # of all, or by the number of a bus or a generator
Pair = tuple[Finite, Finite]


class Stored(BaseModel):
    """Values that have the types that are written here, and no others beside them."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def number(value: float | None) -> float:
    """A number that JSON does not have as null: NaN."""
    return float("nan") if value is None else value
