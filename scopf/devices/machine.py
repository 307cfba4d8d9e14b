"""Synchronous machines with one field winding: load angle, field voltage, and the slope -V dQ/dV.

A one-axis (flux-decay) machine with transient saliency stores, with phi = delta - theta,

    W = E'^2 / (2 x'd) - E' V cos(phi) / x'd + V^2 / 2 (cos^2(phi) / x'd + sin^2(phi) / x_q),

and dW/d delta = P, -V dW/dV = Q are what it delivers at its terminal. In equilibrium its field
voltage E_fd has the same place with x_d instead of x'd. At constant P and field its angle and its
internal node can be eliminated without loss, and what is left at the terminal is the slope

    s = -V dQ/dV = W_xx - W_fx^2 / K,        K = W_ff > 0,

derivatives by ln V (x) and phi (f). With x'd in place of x_d they are those at constant flux E'.
Everything is per unit on the system base. Arguments are arrays or expressions of the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints, Strings

Number = Any  # an array, or an expression

_ITERATIONS, _TURN, _EXACT = 30, 0.5, 1e-13  # of `angle_at`; rad

ONE_AXIS, CLASSICAL, REGULATED = "one-axis", "classical", "avr"


class LoadAngle(NamedTuple):
    """Cosine and sine of phi = delta - theta."""

    cos: Number
    sin: Number


def load_angle(p: Number, q: Number, v: Number, xq: Number) -> LoadAngle:
    """tan(phi) = x_q P / (V^2 + x_q Q)."""
    along, across = v**2 + xq * q, xq * p
    length = (along**2 + across**2) ** 0.5
    return LoadAngle(along / length, across / length)


def field(p: Number, q: Number, v: Number, phi: LoadAngle, xd: Number) -> Number:
    """E = V cos(phi) + x_d (P sin(phi) + Q cos(phi)) / V: E_fd, or E' with x'd in place of x_d."""
    return v * phi.cos + xd * (p * phi.sin + q * phi.cos) / v


class Curvature(NamedTuple):
    """Second derivatives of the stored energy: by phi twice, by phi and ln V, by ln V twice."""

    ff: Number
    fx: Number
    xx: Number


def curvature(p: Number, q: Number, v: Number, xd: Number, xq: Number) -> Curvature:
    """At constant field, x_d its reactance; at constant flux with x'd. `ff` is K."""
    phi = load_angle(p, q, v, xq)
    return _curvature_of(field(p, q, v, phi, xd), v, phi, xd, xq)


def _curvature_of(e: Number, v: Number, phi: LoadAngle, xd: Number, xq: Number) -> Curvature:
    saliency = 1 / xq - 1 / xd
    double_cos, double_sin = phi.cos**2 - phi.sin**2, 2 * phi.sin * phi.cos
    air_gap = e * v / xd
    return Curvature(
        air_gap * phi.cos + v**2 * double_cos * saliency,
        air_gap * phi.sin + v**2 * double_sin * saliency,
        -air_gap * phi.cos + 2 * v**2 * (phi.cos**2 / xd + phi.sin**2 / xq),
    )


def slope(at: Curvature) -> Number:
    """-V dQ/dV at the terminal, of constant P and field (or flux)."""
    return at.xx - at.fx**2 / at.ff


def regulated(p: Number, q: Number, v: Number, xd: Number, xq: Number, ka: Number) -> Number:
    """The slope with a proportional regulator E_fd = K_A (V_ref - V)."""
    at, phi = curvature(p, q, v, xd, xq), load_angle(p, q, v, xq)
    return slope(at) + ka * v**2 * (phi.cos + at.fx * phi.sin / at.ff) / xd


class Delivered(NamedTuple):
    """Power at the terminal, and the current in the axis of the field."""

    p: Number
    q: Number
    i_d: Number


def delivered(flux: Number, v: Number, phi: Number, xd1: Number, xq: Number) -> Delivered:
    """What the stored energy W gives at flux E' = `flux` and load angle phi."""
    cos, sin = np.cos(phi), np.sin(phi)
    return Delivered(
        flux * v * sin / xd1 + v**2 * sin * cos * (1 / xq - 1 / xd1),
        flux * v * cos / xd1 - v**2 * (cos**2 / xd1 + sin**2 / xq),
        (flux - v * cos) / xd1,
    )


def angle_at(p: Floats, e: Floats, v: Floats, xd: Floats, xq: Floats, start: Floats) -> Floats:
    """Load angle phi, rad, at which a machine of the field `e` delivers p; NaN where none does.

    Args:
        p: active power, per unit.
        e: E_fd, or E' with x'd in place of x_d.
        v: voltage of the terminal.
        xd: reactance x_d.
        xq: reactance x_q.
        start: of Newton's method, rad.
    """
    phi = np.array(start, dtype=np.float64)
    with np.errstate(all="ignore"):
        for _ in range(_ITERATIONS):
            gap = delivered(e, v, phi, xd, xq).p - p
            stiff = _curvature_of(e, v, LoadAngle(np.cos(phi), np.sin(phi)), xd, xq).ff
            step = np.clip(-gap / stiff, -_TURN, _TURN)
            phi = phi + step
            if not (np.abs(step) > _EXACT).any():
                break
        there = (np.abs(step) <= _EXACT) & (stiff > 0)
    return np.where(there, phi, np.nan)


# -- a table of machines -------------------------------------------


@dataclass(frozen=True, eq=False)
class Machines:
    """Synchronous machines, per unit on the system base, arrays of shape (n,).

    With M = 2 h, w the deviation of the speed, w_b its base and p the governor's power,

        delta' = w_b (w - w_ref),             M w' = P_0 + p - P - d w
        T'd0 E'' = E_fd - E' - (x_d - x'd) I_d        (classical machine: E' is constant)
        T_g p' = -p - w / r
        T_a E_fd' = E_fd,0 + K_A (V_0 - V) - E_fd

    A time constant of zero makes its equation algebraic.

    Attributes:
        gen, bus: numbers of the generator and of its bus.
        kind: "one-axis", "classical" or "avr".
        xd, xq, xd1: reactances x_d, x_q and x'd.
        h: inertia, s.
        d: damping, power per deviation of the speed.
        td0: T'd0, s.
        ka, ta: gain and time constant (s) of the regulator; zero without one.
        r, tg: droop and time constant (s) of the governor; r is infinite without one.
    """

    gen: Ints
    bus: Ints
    kind: Strings
    xd: Floats
    xq: Floats
    xd1: Floats
    h: Floats
    d: Floats
    td0: Floats
    ka: Floats
    ta: Floats
    r: Floats
    tg: Floats

    STATES: ClassVar = ("angle", "speed", "flux", "governor", "field")

    def __len__(self) -> int:
        return len(self.gen)

    @property
    def active(self) -> Flags:
        """Mask of the states that each machine has, shape (5, n)."""
        every = np.ones(len(self), dtype=bool)
        governed = np.isfinite(self.r) & (self.tg > 0)
        return np.array([every, every, ~self.classical, governed, (self.ka > 0) & (self.ta > 0)])

    @property
    def classical(self) -> Flags:
        """Mask of the machines whose flux is constant."""
        return np.asarray(self.kind == CLASSICAL)

    @property
    def steady(self) -> Floats:
        """Reactance behind which the internal voltage is constant: x_d; x'd of a classical one."""
        return np.where(self.classical, self.xd1, self.xd)

    def equilibrium(self, p: Floats, q: Floats, v: Floats, theta: Floats) -> Floats:
        """States at which each delivers p + jq at the voltage v and angle theta; shape (5, n).

        The governor's is zero. The field voltage is in its place with or without a regulator.
        """
        phi = load_angle(p, q, v, self.xq)
        flux, voltage = (field(p, q, v, phi, x) for x in (self.xd1, self.xd))
        zero = np.zeros(len(self))
        return np.array([theta + np.arctan2(phi.sin, phi.cos), zero, flux, zero, voltage])

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
            at: P, V and E_fd of the equilibrium.
            speed: w_b, rad/s.
        """
        (p_0, v_0, field_0), (delta, w, flux, governor, voltage) = at, x
        with np.errstate(divide="ignore"):
            droop = -w / self.r
        given = delivered(flux, v, delta - theta, self.xd1, self.xq)
        power = p_0 + np.where(self.tg > 0, governor, droop)
        regulated_field = field_0 + self.ka * (v_0 - v)
        e_fd = np.where((self.ka > 0) & (self.ta > 0), voltage, regulated_field)
        ones = np.ones(len(self))
        found = [
            speed * (w - w_ref),
            (power - given.p - self.d * w) / (2 * self.h),
            (e_fd - flux - (self.xd - self.xd1) * given.i_d) / self.td0,
            (droop - governor) / np.where(self.tg > 0, self.tg, ones),
            (regulated_field - voltage) / np.where(self.ta > 0, self.ta, ones),
        ]
        return np.array(found), given.p, given.q
