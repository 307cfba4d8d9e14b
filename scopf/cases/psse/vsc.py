"""Lines of two voltage source converters at their schedule: current, powers and losses.

One converter holds the DC voltage at its terminals, the other one the power that it feeds into the
AC network. Either loses max(a + b I, least). Voltages are in kV, currents in kA, powers in MW.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Losses:
    """Losses of a converter: a + b |I|, not below `least`; MW and MW/kA."""

    a: float
    b: float
    least: float

    def at(self, current: float) -> float:
        """Losses at a direct current."""
        return max(self.a + self.b * abs(current), self.least)


@dataclass(frozen=True)
class Flow:
    """Powers on the AC sides.

    Attributes:
        drawn: by the converter that holds the DC voltage; negative if it feeds the network.
        fed: by the other converter into the network.
        current: direct current towards that converter, kA.
    """

    drawn: float
    fed: float
    current: float


def flow(voltage: float, fed: float, resistance: float, holds: Losses, feeds: Losses) -> Flow:
    """The flow of a line.

    Args:
        voltage: at the converter that holds it.
        fed: power that the other converter feeds into the AC network.
        resistance: of the line, ohms.
        holds: losses of the converter that holds the DC voltage.
        feeds: losses of the other one.

    Raises:
        ValueError: when no current carries the power.
    """
    current = _current(voltage, fed, resistance, feeds.a, feeds.b)
    if feeds.a + feeds.b * abs(current) < feeds.least:
        current = _current(voltage, fed, resistance, feeds.least, 0.0)
    return Flow(voltage * current + holds.at(current), fed, current)


def _current(voltage: float, fed: float, resistance: float, a: float, b: float) -> float:
    """I with (V - R I) I = fed + a + b |I|."""
    power = fed + a
    slope = voltage - math.copysign(b, power)
    root = slope * slope - 4.0 * resistance * power
    if slope <= 0 or root < 0:
        raise ValueError("is more power than the line can carry at its DC voltage")
    return 2.0 * power / (slope + math.sqrt(root))
