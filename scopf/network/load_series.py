"""Names of columns of load factors and of times, which every table of a time series has alike."""

from __future__ import annotations

import math

TIMES = ("step", "time", "snapshot", "hour")  # names of the column of times
_DIGITS = 18  # of a bus number


def factor_column(name: str) -> str:
    """The column of load factors that a name of a load series stands for; "" if it is none.

    >>> factor_column("all"), factor_column("12"), factor_column("bus 12")
    ('load_scale', 'load_scale_12', '')
    """
    if name == "all":
        return "load_scale"
    return f"load_scale_{int(name)}" if name.isdecimal() and len(name) <= _DIGITS else ""


def is_factor(value: object) -> bool:
    """Whether a value is a load factor: a finite number, not negative."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and value >= 0  # type: ignore[arg-type,operator]
