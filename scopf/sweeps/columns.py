"""Columns that scenarios may have: every number of a problem, and choices that make another one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scopf.model.choices import LIMITS
from scopf.model.quantities import QUANTITIES, Quantity

Value = float | int | str | bool | None

STEP = "step"  # column that numbers the rows of a time series; changes nothing by itself
_OWN = re.compile(r"(?P<name>[a-z_]+)_(?P<number>[0-9]{1,18})")


@dataclass(frozen=True)
class Choice:
    """A choice whose values make different problems, which have to be built.

    Attributes:
        text: one line about it, for help.
        label: for axes and tables.
        kind: of its values.
        known: all values that there are; empty where they are not listed here.
        ends: least and largest value of a number; None where there are none.
    """

    text: str
    label: str
    kind: type
    known: tuple[str, ...] = ()
    ends: tuple[float, float] | None = None


CHOICES = {
    "criterion": Choice("stability criterion", "criterion", str),
    "lossless": Choice("branch resistance, charging and shunts zero", "lossless", bool),
    "capability": Choice("inverters keep within their circles", "capability", bool),
    "limit": Choice("ratings of branches limit power or current", "limit of", str, LIMITS),
    "outage": Choice("branch out of service", "branch out", int),
    "inverter_share": Choice(
        "share of Pmax that inverters have: the smallest machines of devices are inverters instead",
        "inverter share",
        float,
        ends=(0.0, 1.0),
    ),
}
COLUMNS: dict[str, Quantity | Choice] = {**QUANTITIES, **CHOICES}


def split(column: str) -> tuple[str, int | None]:
    """A column's name, and whose own it is: mq_32 is ("mq", 32), load_scale ("load_scale", None).

    The number is that of a bus or a generator, as the quantity's `each` says.
    """
    found = _OWN.fullmatch(column)
    if found and found["name"] in QUANTITIES and QUANTITIES[found["name"]].owner:
        return found["name"], int(found["number"])
    return column, None


def is_column(name: object) -> bool:
    """Whether scenarios can have a column of this name."""
    return isinstance(name, str) and split(name)[0] in COLUMNS


def kind(column: str) -> type:
    """Type of a column's values."""
    one = COLUMNS.get(split(column)[0])
    if column == STEP:
        return int
    return one.kind if isinstance(one, Choice) else float


def is_numeric(column: str) -> bool:
    """Whether a column's values are quantities, and no names or numbers of something."""
    return column not in CHOICES or CHOICES[column].ends is not None


def title(column: str) -> tuple[str, str]:
    """Label and unit of a column, as readers see them; its name and "" for others' columns."""
    name, own = split(column)
    one = COLUMNS.get(name)
    label = name if one is None else one.label
    unit = one.unit if isinstance(one, Quantity) else ""
    return label if own is None else f"{label} of {own}", unit
