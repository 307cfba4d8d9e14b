"""Two-terminal lines of line-commutated converters at their schedule: currents, powers, angles.

The equations of a converter of `bridges` six-pulse bridges in series, with E the line-to-line
voltage at its valves, are those of P. Kundur, *Power System Stability and Control*, section 10.3,
with a resistance per phase as well:

    rectifier   V/bridges = (3 sqrt(2)/pi) E cos(alpha) - (3/pi) X I - 2 R I
    inverter    V/bridges = (3 sqrt(2)/pi) E cos(gamma) - (3/pi) X I + 2 R I
    overlap     cos(alpha + mu) = cos(alpha) - sqrt(2) X I / E    (gamma for alpha in an inverter)
    phi         tan(phi) = (2 mu + sin(2 alpha) - sin(2 alpha + 2 mu))
                           / (cos(2 alpha) - cos(2 alpha + 2 mu))

Voltages are in kV, currents in kA, powers in MW, impedances in ohms, angles in rad.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_IDEAL = 3.0 * math.sqrt(2.0) / math.pi  # no-load DC voltage of a bridge over E
_SMALL = 1e-6  # rad of overlap that counts as none


@dataclass(frozen=True)
class Schedule:
    """The schedule in the first line of a record.

    Attributes:
        mode: 1 for a power, 2 for a current (MDC).
        setting: MW, positive at the rectifier, negative at the inverter; or A (SETVL).
        voltage: scheduled DC voltage (VSCHD), which is held at the inverter behind `compounding`.
        compounding: resistance (RCOMP).
        resistance: of the line (RDC).
        switch: inverter voltage below which the current is that of the power at `voltage` (VCMOD).
    """

    mode: int
    setting: float
    voltage: float
    compounding: float
    resistance: float
    switch: float

    def current(self) -> float:
        """Direct current, kA.

        Raises:
            ValueError: when no current carries the power, or the inverter would have no voltage.
        """
        current = abs(self.setting) / 1e3
        if self.mode == 1:
            current = self._current_of_power()
        if not self.inverter_voltage(current) > 0:
            raise ValueError("leaves no DC voltage at the inverter (RCOMP)")
        return current

    def _current_of_power(self) -> float:
        power, slope = abs(self.setting), -self.compounding
        if self.setting > 0:
            slope += self.resistance
        root = self.voltage * self.voltage + 4.0 * slope * power  # of slope I^2 + V I = P
        if root < 0:
            raise ValueError("is more power than the DC voltage and RCOMP let through")
        current = 2.0 * power / (self.voltage + math.sqrt(root))
        if self.inverter_voltage(current) < self.switch:
            return power / self.voltage
        return current

    def inverter_voltage(self, current: float) -> float:
        """DC voltage at the inverter."""
        return self.voltage - self.compounding * current

    def rectifier_voltage(self, current: float) -> float:
        """DC voltage at the rectifier."""
        return self.inverter_voltage(current) + self.resistance * current


@dataclass(frozen=True)
class Converter:
    """One end of a line.

    Attributes:
        sign: 1 for a rectifier, -1 for an inverter.
        bridges: in series.
        r, x: commutating resistance and reactance of a bridge.
        voltage: E, line-to-line at the valves, at the present tap.
        least, most: limits on the firing or extinction angle.
    """

    sign: int
    bridges: int
    r: float
    x: float
    voltage: float
    least: float
    most: float

    def power(self, voltage: float, current: float) -> float:
        """Active power on the AC side."""
        return voltage * current + self.sign * self.bridges * 2.0 * self.r * current * current

    def tan_phi(self, voltage: float, current: float) -> float:
        """Reactive power drawn, over the active power.

        The angle is the one that gives the DC voltage. Where it is beyond its limits it is at the
        limit, and the tap changer gives the DC voltage, whatever its range.

        Raises:
            ValueError: when the commutation does not come to an end.
        """
        drop = 3.0 / math.pi * self.x * current + self.sign * 2.0 * self.r * current
        needed = (voltage / self.bridges + drop) / _IDEAL  # E cos(angle)
        if not needed > 0:
            raise ValueError("leaves no voltage behind the commutating resistance")
        e = self.voltage
        angle = math.acos(min(needed / e, 1.0))
        if not self.least <= angle <= self.most:
            angle = min(max(angle, self.least), self.most)
            e = needed / math.cos(angle)
        end = math.cos(angle) - math.sqrt(2.0) * self.x * current / e
        if end < -1.0:
            raise ValueError("is too much current to commutate")
        overlap = math.acos(end) - angle
        if overlap < _SMALL:
            return math.tan(angle)
        twice, after = 2.0 * angle, 2.0 * (angle + overlap)
        return (2.0 * overlap + math.sin(twice) - math.sin(after)) / (
            math.cos(twice) - math.cos(after)
        )
