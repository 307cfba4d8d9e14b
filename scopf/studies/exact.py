"""The Hessian of the energy for many networks and operating points at once, dense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.dynamics.energy import bus_form, line_form

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints


def hessians(
    lines: tuple[Ints, Ints],
    b: Floats,
    vm: Floats,
    va: Floats,
    stiffness: Floats,
    own: Floats | None = None,
    dq_load: Floats | float = 0.0,
) -> Floats:
    """H of `scopf.dynamics.energy` with the first angle held, where it is definite or is not.

    Args:
        lines: buses that each line joins, shape (m,) twice.
        b: susceptance of each line, shape (..., m); 0 where a network does not have it.
        vm: voltages, shape (..., n).
        va: angles, rad, shape (..., n).
        stiffness: 1/k of each bus, shape (..., n), 0 without an inverter.
        own: B_ii, shape (..., n); what the lines add up to by default.
        dq_load: slope of the reactive load of each bus over its voltage.

    Returns:
        Symmetric matrices of (theta_2..n, V), shape (..., 2n - 1, 2n - 1).
    """
    i, j = lines
    n, many = vm.shape[-1], np.broadcast_shapes(b.shape[:-1], vm.shape[:-1])
    own = own_susceptance(lines, b, n) if own is None else own
    found = np.zeros((*many, 2 * n, 2 * n))
    bus = n + np.arange(n)
    found[..., bus, bus] = bus_form(stiffness, own, dq_load, vm, 1.0)
    v_i, v_j, angle, unit = vm[..., i], vm[..., j], va[..., i] - va[..., j], np.eye(4)

    def form(direction: Floats) -> Any:
        d_i, d_j, d_vi, d_vj = direction
        return line_form(b, v_i, v_j, angle, d_i - d_j, d_vi, d_vj)

    ends = i, j, n + i, n + j
    for a in range(4):
        for c in range(4):  # polarisation: 4 a^T H c = form(a + c) - form(a - c)
            part = (form(unit[a] + unit[c]) - form(unit[a] - unit[c])) / 4
            for line, (row, column) in enumerate(zip(ends[a], ends[c], strict=True)):
                found[..., row, column] += part[..., line]
    return found[..., 1:, 1:]


def own_susceptance(lines: tuple[Ints, Ints], b: Floats, n: int) -> Floats:
    """B_ii of each bus without shunts: the sum of its lines, shape (..., n)."""
    own = np.zeros((*b.shape[:-1], n))
    for ends in lines:
        for line, bus in enumerate(ends):
            own[..., bus] += b[..., line]
    return own


def definite(matrices: Floats) -> Flags:
    """Which symmetric matrices, shape (..., n, n), are positive definite."""
    found: Flags = np.linalg.eigvalsh(matrices)[..., 0] > 0
    return found
