"""The inverters' dynamics linearised at an operating point: its rightmost eigenvalue.

Each inverter has its angle, its frequency and its voltage behind filters (Wang and Geng 2026,
section II), each other bus a load that follows its voltage; the network is what it is, losses
included. This is the reference for what has no energy function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scopf.arrays import Floats, Ints

SPEED = 2 * np.pi * 50  # rad/s at 1 p.u. frequency


def rightmost(
    admittance: Any,
    vm: Floats,
    va: Floats,
    at: Ints,
    k: Floats,
    *,
    mp: Floats | float = 0.05,
    tau_p: Floats | float = 0.1,
    tau_q: Floats | float = 0.1,
    slopes: tuple[Floats | float, Floats | float] = (0.0, 0.0),
    speed: float = SPEED,
) -> Floats:
    """Largest real part of the eigenvalues but that of the common angle, 1/s, shape (...).

    Args:
        admittance: bus admittance matrices, dense, shape (..., n, n).
        vm: voltages, shape (..., n).
        va: angles, rad, shape (..., n).
        at: buses (positions) of the g inverters, each of which has one.
        k: droops m_q beta_q, shape (..., g).
        mp: m_p beta_p, p.u. frequency per p.u. power.
        tau_p: filter of the active power, s.
        tau_q: filter of the reactive power, s.
        slopes: dP_L/dV and dQ_L/dV of the load of each bus; 0 for constant power.
        speed: rad/s at 1 p.u. frequency.
    """
    p_theta, p_v, q_theta, q_v = _effect(*_jacobian(admittance, vm, va, slopes), at, vm.shape[-1])
    g, many = len(at), p_theta.shape[:-2]
    ones = np.ones(g)
    theta, omega, volt = (slice(a * g, (a + 1) * g) for a in range(3))
    a = np.zeros((*many, 3 * g, 3 * g))
    a[..., theta, omega] = speed * np.eye(g)
    gain, inertia, filters = (np.broadcast_to(x, (*many, g)) for x in (mp, tau_p, tau_q))
    a[..., omega, theta] = -(gain / inertia)[..., None] * p_theta
    a[..., omega, omega] = -np.eye(g) / inertia[..., None]
    a[..., omega, volt] = -(gain / inertia)[..., None] * p_v
    a[..., volt, theta] = -(k / filters)[..., None] * q_theta
    a[..., volt, volt] = -(np.diag(ones) + k[..., None] * q_v) / filters[..., None]
    a[..., :g, :] -= a[..., :1, :].copy()  # angles against the first inverter's
    found: Floats = np.linalg.eigvals(a[..., 1:, 1:]).real.max(axis=-1)
    return found


def _jacobian(
    admittance: Any, vm: Floats, va: Floats, slopes: tuple[Any, Any]
) -> tuple[Floats, Floats]:
    """Slopes of what the buses take from inverters, over angles and over voltages, P above Q."""
    unit, n = np.exp(1j * va), vm.shape[-1]
    v = vm * unit
    current = (admittance @ v[..., None])[..., 0]
    eye = np.eye(n)
    inner = current[..., None] * eye - admittance * v[..., None, :]
    by_angle = 1j * v[..., None] * inner.conj()
    by_volt = v[..., None] * (admittance * unit[..., None, :]).conj()
    by_volt = by_volt + (current.conj() * unit)[..., None] * eye
    p_load, q_load = (np.broadcast_to(x, vm.shape)[..., None] * eye for x in slopes)
    return (
        np.concatenate([by_angle.real, by_angle.imag], axis=-2),
        np.concatenate([by_volt.real + p_load, by_volt.imag + q_load], axis=-2),
    )


def _effect(by_angle: Floats, by_volt: Floats, at: Ints, n: int) -> list[Floats]:
    """dP/dtheta, dP/dV, dQ/dtheta, dQ/dV of the inverters, all other buses following."""
    rest = np.setdiff1d(np.arange(n), at)
    whole = np.concatenate([by_angle, by_volt], axis=-1)
    own, other = np.concatenate([at, n + at]), np.concatenate([rest, n + rest])
    kept = whole[..., own[:, None], own]
    if len(rest):
        inner = whole[..., other[:, None], other]
        kept = kept - whole[..., own[:, None], other] @ np.linalg.solve(
            inner, whole[..., other[:, None], own]
        )
    g = len(at)
    return [kept[..., :g, :g], kept[..., :g, g:], kept[..., g:, :g], kept[..., g:, g:]]
