"""The equations of grid-forming inverters with droop (Wang and Geng 2026, section II).

    d theta/dt      = w_b dw
    tau_p d(dw)/dt  = -dw + m_p beta_p (P0 - P)
    tau_q dV/dt     = -(V - V0) + m_q beta_q (Q0 - Q)

They are linear in frequency, voltage and powers. One function gives the rates, if it is given
values, and the matrix of the linear equations, if it is given their derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from scopf.arrays import Floats, Ints
    from scopf.devices.gfm import Inverters

FREQUENCY = 60.0  # Hz, nominal


@dataclass(frozen=True, eq=False)
class Droops:
    """Coefficients of m inverters, each of shape (..., m, 1).

    Attributes:
        mp: m_p beta_p, p.u. frequency per p.u. power.
        k: m_q beta_q, p.u. voltage per p.u. power.
        tau_p, tau_q: filters of the active and the reactive power, s.
        frequency: nominal, Hz.
    """

    mp: Floats
    k: Floats
    tau_p: Floats
    tau_q: Floats
    frequency: float = FREQUENCY

    @property
    def speed(self) -> float:
        """w_b, rad/s."""
        return 2 * np.pi * self.frequency

    @classmethod
    def of(cls, inverters: Inverters, frequency: float) -> Self:
        """Those of inverters."""
        mp, k = inverters.mp * inverters.beta_p, inverters.k
        mp, k, tau_p, tau_q = np.stack([mp, k, inverters.tau_p, inverters.tau_q])[..., None]
        return cls(mp, k, tau_p, tau_q, frequency)

    def rates(
        self, dw: Any, dv: Any, dp: Any, dq: Any, first: Ints | None = None
    ) -> tuple[Any, Any, Any]:
        """Rates of the angles, of the frequencies and the voltages.

        Args:
            dw: frequency deviations, per unit, shape (m, columns); one column of values, or the
                derivatives by any variables. Arrays may be sparse.
            dv: deviations of the voltages from the operating point, shape (m, columns).
            dp: of the active powers, shape (..., m, columns).
            dq: of the reactive powers.
            first: position of the first inverter of each one's island, shape (m,), which angles
                are relative to; the first ones themselves have no angle. None for angles in a frame
                that turns with the nominal frequency.
        """
        if first is None:
            turn = dw * self.speed
        else:
            others = np.flatnonzero(first != np.arange(len(first)))
            turn = (dw[others] - dw[first[others]]) * self.speed
        swing = -(dw + dp * self.mp) / self.tau_p
        rise = -(dv + dq * self.k) / self.tau_q
        return turn, swing, rise
