"""The equivalent circuit of an induction machine, and the reactive power that it draws.

Per unit on the machine's base, with the slip s: stator RA + j XA, then j XM beside the rotor, which
is j X3 and R1/s + j X1 in series, the latter with the second cage R2/s + j X2 in parallel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopf.arrays import Complexes, Floats

_SLIPS = np.geomspace(1e-6, 1.0, 2_000)
NONE = 900.0  # PSS/E writes 999 for what is not there


@dataclass(frozen=True)
class Circuit:
    """Parameters; by default of a small industrial motor.

    From: IEEE Task Force on Load Representation, Standard load models for power flow and dynamic
    performance simulation, IEEE Transactions on Power Systems 10(3), 1995.
    """

    ra: float = 0.031
    xa: float = 0.10
    xm: float = 3.2
    r1: float = 0.018
    x1: float = 0.18
    r2: float = np.inf
    x2: float = np.inf
    x3: float = 0.0

    def current(self, slip: Floats) -> tuple[Complexes, Floats]:
        """Stator current at 1 p.u. voltage, and mechanical power."""
        cage = 1.0 / (self.r1 / slip + 1j * self.x1)
        if self.r2 < NONE and self.x2 < NONE:
            cage = cage + 1.0 / (self.r2 / slip + 1j * self.x2)
        rotor = 1j * self.x3 + 1.0 / cage
        shunt = 1.0 / (1.0 / rotor + (1.0 / (1j * self.xm) if self.xm < NONE else 0.0))
        current = 1.0 / (self.ra + 1j * self.xa + shunt)
        gap = abs(current * shunt / rotor) ** 2 * rotor.real
        return np.asarray(current), np.asarray(gap * (1.0 - slip))

    def power(self, scheduled: float, mechanical: bool) -> complex:
        """Power drawn at 1 p.u. voltage, per unit.

        Args:
            scheduled: active power, negative for a generator.
            mechanical: whether this is the mechanical power, not the electrical one.

        Raises:
            ValueError: when it is more than the machine can carry.
        """
        slips = np.concatenate([-_SLIPS[::-1], _SLIPS])
        current, power = self.current(slips)
        drawn = current.conj()
        active = power if mechanical else drawn.real
        stable = _ascending(active)
        if not active[stable][0] <= scheduled <= active[stable][-1]:
            raise ValueError("is more than its circuit can carry")
        return complex(
            np.interp(scheduled, active[stable], drawn[stable].real),
            np.interp(scheduled, active[stable], drawn[stable].imag),
        )


def _ascending(active: Floats) -> slice:
    """The slips around zero between which active power ascends, up to the first peak either way."""
    falls = np.flatnonzero(np.diff(active) <= 0)
    middle = len(active) // 2
    first, last = falls[falls < middle - 1], falls[falls >= middle]
    return slice(int(first.max(initial=-1)) + 1, int(last.min(initial=len(active) - 1)) + 1)
