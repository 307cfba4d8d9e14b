"""The exact condition of a lossless network: the Hessian H of its energy.

With droop k_i = m_q,i beta_q,i, net reactive injection Q_i and load Q_L,i(V_i),

    H = Hess W + diag(0, D),    D_i = 1/(k_i V_i) + Q_i/V_i^2 + Q_L,i'(V_i)/V_i,
    W = 1/2 sum_i B_ii V_i^2 - sum_lines b V_i V_j cos(theta_ij)

The operating point is stable if and only if H is positive definite once the common angle of each
island is taken out, and H has as many negative eigenvalues as the dynamics has unstable ones,
whatever m_p, tau_p and tau_q (energy function and inertia theorem; at load buses 1/k = 0).

H is written as its product H d with a direction d, one term per line and one per bus, so that an
optimisation model can hold it as well (the injections Q_i are put in by their equation). The matrix
follows from unit directions: sparse for one network, dense for many small ones at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from scopf.engine.functions import cos, sin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scopf.arrays import Flags, Floats, Ints
    from scopf.network.susceptances import Grid


def line_product(
    b: Any, v_i: Any, v_j: Any, angle: Any, d_angle: Any, d_i: Any, d_j: Any
) -> tuple[Any, Any, Any]:
    """Contribution of a line to H d, in the rows of the angle and of the two voltages.

    The first counts at the line's one end, and with the other sign at its other end. Arguments are
    numbers, arrays or model expressions.

    Args:
        b: susceptance.
        v_i: voltage at its one end.
        v_j: voltage at its other end.
        angle: across it, theta_i - theta_j - shift.
        d_angle: the direction: change of the angle across it,
        d_i: of the one voltage,
        d_j: and of the other.
    """
    c, s = cos(angle), sin(angle)
    return (
        b * (v_i * v_j * c * d_angle + s * (v_j * d_i + v_i * d_j)),
        b * (v_j * s * d_angle - c * d_j - v_j / v_i * c * d_i),
        b * (v_i * s * d_angle - c * d_i - v_i / v_j * c * d_j),
    )


def bus_product(stiffness: Any, own: Any, dq_load: Any, v: Any, d: Any) -> Any:
    """Contribution of a bus to H d, in the row of its voltage.

    Args:
        stiffness: 1/k of the inverter, 0 without one.
        own: B_ii.
        dq_load: slope Q_L' of the reactive load over voltage, 0 for constant power.
        v: voltage.
        d: change of the voltage.
    """
    return ((stiffness + dq_load) / v + 2 * own) * d


def _line_entries(
    lines: tuple[Ints, Ints], b: Floats, vm: Floats, angle: Floats
) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Rows and columns, over (theta, V) of all buses, and values of the lines' entries of H.

    Indices have the shape (m,), values (..., m); entries of equal place add up.
    """
    n, (i, j) = vm.shape[-1], lines
    places, directions = (i, j, n + i, n + j), ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, 0, 1))
    for column, direction in zip(places, directions, strict=True):
        turn, at_i, at_j = line_product(b, vm[..., i], vm[..., j], angle, *direction)
        for row, values in zip(places, (turn, -turn, at_i, at_j), strict=True):
            yield row, column, values


def hessian(
    grid: Grid, vm: Floats, va: Floats, stiffness: Floats, dq_load: Floats
) -> sparse.csc_array:
    """H on (theta, V) of all buses, shape (2n, 2n); its kernel holds each island's common angle.

    Args:
        grid: lossless network of n buses.
        vm: voltages of the operating point, shape (n,).
        va: its angles, rad.
        stiffness: 1/k_i of each bus, 0 without an inverter.
        dq_load: slope of the reactive load of each bus over its voltage.
    """
    n, bus = len(grid), len(grid) + np.arange(len(grid))
    own: Floats = bus_product(stiffness, grid.own, dq_load, vm, 1.0)
    lines = _line_entries((grid.start, grid.end), grid.b, vm, grid.angle(va))
    rows, columns, values = zip((bus, bus, own), *lines, strict=True)
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return sparse.coo_array(entries, shape=(2 * n, 2 * n)).tocsc()


def hessians(
    lines: tuple[Ints, Ints], b: Floats, own: Floats, vm: Floats, va: Floats, stiffness: Floats
) -> Floats:
    """H of many networks and points at once, constant-power loads, the first bus's angle fixed.

    Args:
        lines: buses that each line joins, shape (m,) twice.
        b: susceptance of each line, shape (..., m); 0 where a network does not have it.
        own: B_ii, shape (..., n).
        vm: voltages, shape (..., n).
        va: angles, rad, shape (..., n).
        stiffness: 1/k of each bus, shape (..., n), 0 without an inverter.

    Returns:
        Symmetric matrices of (theta_2..n, V), shape (..., 2n - 1, 2n - 1).
    """
    (i, j), n = lines, vm.shape[-1]
    h = np.zeros((*np.broadcast_shapes(b.shape[:-1], vm.shape[:-1]), 2 * n, 2 * n))
    bus = n + np.arange(n)
    h[..., bus, bus] = bus_product(stiffness, own, 0.0, vm, 1.0)
    for rows, columns, values in _line_entries(lines, b, vm, va[..., i] - va[..., j]):
        for line, place in enumerate(zip(rows, columns, strict=True)):
            h[..., *place] += values[..., line]
    return h[..., 1:, 1:]


def definite(matrices: Floats) -> Flags:
    """Flags of the symmetric matrices, shape (..., n, n), that are positive definite."""
    flags: Flags = np.linalg.eigvalsh(matrices)[..., 0] > 0
    return flags
