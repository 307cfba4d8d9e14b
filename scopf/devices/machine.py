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

from typing import Any, NamedTuple

Number = Any  # an array, or an expression


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
    e, saliency = field(p, q, v, phi, xd), 1 / xq - 1 / xd
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
