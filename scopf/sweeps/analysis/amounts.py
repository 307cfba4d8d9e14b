"""Numbers as people write them: thousands separated, no powers of ten."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

MOST = 12  # labels of an axis
_DIGITS = 3  # of a label, unless neighbours would be the same
_ALL = 8  # digits of labels at most


def amount(value: float, digits: int = 5) -> str:
    """A number with so many significant digits, of a large one all before the point."""
    if not value or not math.isfinite(value):
        return f"{value + 0.0:g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def money(value: float) -> str:
    """A cost: whole from a thousand on, else with two digits after the point, or three in all."""
    if abs(value) < 1:
        return amount(value, 3)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}"


def percent(share: float) -> str:
    """A share as a number of per cent, with its sign and a narrow space."""
    value = 100 * share
    digits = 2 if abs(value) < 9.95 else max(2, len(f"{abs(value):.0f}"))
    text = amount(value, digits)
    return f"{'less than 0.001' if 0 < value < 0.001 else text}\u202f%"


def span(values: Sequence[float], digits: int = 5) -> str:
    """The least and the largest of some numbers; one where they read the same."""
    low, high = amount(min(values), digits), amount(max(values), digits)
    return low if low == high else f"{low} to {high}"


def tick(value: float) -> str:
    """A number at an axis or a colour bar: three significant digits."""
    if not value or not math.isfinite(value):
        return amount(value)
    return amount(float(f"{value:.{_DIGITS}g}"), _DIGITS)


def ticks(values: Sequence[float]) -> list[str]:
    """Labels of numbers in an order: three digits, or more where neighbours would be the same."""
    for digits in range(_DIGITS, _ALL):
        texts = [amount(float(f"{value:.{digits}g}"), digits) for value in values]
        if all(a != b for a, b in itertools.pairwise(texts)):
            return texts
    return [f"{value:.12g}" for value in values]


def chosen(count: int, most: int = MOST) -> list[int]:
    """Places that have a label: all, or every second, fifth, ... so that there are few enough."""
    step = next(
        factor * 10**power
        for power in range(20)
        for factor in (1, 2, 5)
        if -(-count // (factor * 10**power)) <= most
    )
    return list(range(0, count, step))
