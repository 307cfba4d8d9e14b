"""The colour scale of prices."""

from __future__ import annotations

import math


class PriceScale:
    """A scale from 0 to 1: logarithmic over three decades, zero for zero.

    Attributes:
        priced: whether there is any price.
        top: the price at 1.
        floor: the price where it turns from linear to logarithmic.
    """

    def __init__(self, highest: float) -> None:
        self.priced = highest > 0
        self.top = float(f"{highest:.4g}") if self.priced else 1.0
        self.floor = float(f"{self.top / 1000:.4g}")

    def of(self, price: float) -> float:
        """Place of a price on the scale."""
        return math.log1p(price / self.floor) / math.log1p(self.top / self.floor)

    @property
    def ticks(self) -> list[float]:
        """Round prices to mark, and the highest, which no other comes near."""
        decade = math.floor(math.log10(self.top))
        marks = [0.0, *(10.0**k for k in range(decade - 2, decade + 1)), self.top]
        if self.of(marks[-1]) - self.of(marks[-2]) < 0.06:
            marks.pop(-2)
        return marks
