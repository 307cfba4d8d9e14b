"""Grid-following inverters: constant P and Q, injected as a current that follows the voltage.

A phase-locked loop turns its angle towards that of the terminal,

    angle' = w_b (w - w_ref),   w_b w = 2 b V sin(theta - angle) / V_0 + integral,
    integral' = b^2 V sin(theta - angle) / V_0,

with b its bandwidth (damping ratio 1), and currents in its frame follow what the set points ask
for, (P_0 + jQ)* / V, with the bandwidth of the current control. With Q-V support the reactive set
point is Q_0 + k_v (V_0 - V), behind a lag. At its terminal such an inverter is a load of negative
power, of slope k_v V; the loop and the lag are left to eigenvalues. Per unit on the system base.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints

GFL = "gfl"


def slope(v: Any, kv: Any) -> Any:
    """-V dQ/dV in the steady state: k_v V."""
    return kv * v


@dataclass(frozen=True, eq=False)
class Followers:
    """Grid-following inverters, arrays of shape (n,).

    Attributes:
        gen, bus: numbers of the generator and of its bus.
        bw_pll, bw_i: bandwidths of the phase-locked loop and of the current control, rad/s.
        kv, tv: reactive power per voltage of its support, and the lag of it (s); zero for none.
    """

    gen: Ints
    bus: Ints
    bw_pll: Floats
    bw_i: Floats
    kv: Floats
    tv: Floats

    STATES: ClassVar = ("angle", "integral", "current_d", "current_q", "support")

    def __len__(self) -> int:
        return len(self.gen)

    @property
    def active(self) -> Flags:
        """Mask of the states that each one has, shape (5, n)."""
        every = np.ones(len(self), dtype=bool)
        return np.array([every, every, every, every, (self.kv > 0) & (self.tv > 0)])

    def equilibrium(self, p: Floats, q: Floats, v: Floats, theta: Floats) -> Floats:
        """States at which each delivers p + jq at the voltage v and angle theta; shape (5, n)."""
        zero = np.zeros(len(self))
        return np.array([theta, zero, p / v, -q / v, zero])

    def rates(
        self,
        x: Any,
        v: Any,
        theta: Any,
        w_ref: Any,
        at: tuple[Floats, Floats, Floats],
        speed: float,
    ) -> tuple[Any, Any, Any]:
        """Rates of the states, shape (5, n), and P and Q at the terminals.

        Args:
            x: states.
            v: voltages of the terminals.
            theta: angles of the terminals, rad.
            w_ref: deviation of the speed that angles are relative to.
            at: P, V and Q of the equilibrium.
            speed: w_b, rad/s.
        """
        (p_0, v_0, q_0), (angle, integral, i_d, i_q, support) = at, x
        along, across = v * np.cos(theta - angle), v * np.sin(theta - angle)
        error = across / v_0
        wanted = self.kv * (v_0 - v)
        asked = q_0 + np.where(self.tv > 0, support, wanted)
        found = [
            2 * self.bw_pll * error + integral - speed * w_ref,
            self.bw_pll**2 * error,
            self.bw_i * (p_0 / v - i_d),
            self.bw_i * (-asked / v - i_q),
            (wanted - support) / np.where(self.tv > 0, self.tv, np.ones(len(self))),
        ]
        return np.array(found), along * i_d + across * i_q, across * i_d - along * i_q
