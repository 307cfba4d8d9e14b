"""The exact condition of a lossless network: the Hessian H of its energy.

With droop k_i = m_q,i beta_q,i, net reactive injection Q_i and load Q_L,i(V_i),

    H = Hess W + diag(0, D),    D_i = 1/(k_i V_i) + Q_i/V_i^2 + Q_L,i'(V_i)/V_i,
    W = 1/2 sum_i B_ii V_i^2 - sum_lines b V_i V_j cos(theta_ij)

The operating point is stable if and only if H is positive definite once the common angle is taken
out, and H has as many negative eigenvalues as the dynamics has unstable ones, whatever m_p, tau_p
and tau_q (energy function and inertia theorem; at load buses 1/k = 0).

H is written as a quadratic form d^T H d, one term per line and one per bus, so that an optimisation
model can hold it to be positive in a direction (the injections Q_i are put in by their equation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from scopf.engine.functions import cos, sin

if TYPE_CHECKING:
    from scopf.arrays import Floats
    from scopf.network.susceptances import Grid


def line_form(b: Any, v_i: Any, v_j: Any, angle: Any, d_angle: Any, d_i: Any, d_j: Any) -> Any:
    """What a line adds to d^T H d; arguments are numbers, arrays or Pyomo expressions.

    Args:
        b: susceptance.
        v_i: voltage at its one end.
        v_j: voltage at its other end.
        angle: across it, theta_i - theta_j - shift.
        d_angle: the direction: change of the angle across it,
        d_i: of the one voltage,
        d_j: and of the other.
    """
    along = v_i * v_j * d_angle**2 - 2 * d_i * d_j - v_j / v_i * d_i**2 - v_i / v_j * d_j**2
    across = 2 * d_angle * (v_j * d_i + v_i * d_j)
    return b * (cos(angle) * along + sin(angle) * across)


def bus_form(stiffness: Any, own: Any, dq_load: Any, v: Any, d: Any) -> Any:
    """What a bus adds to d^T H d.

    Args:
        stiffness: 1/k of the inverter, 0 without one.
        own: B_ii.
        dq_load: slope Q_L' of the reactive load over voltage, 0 for constant power.
        v: voltage.
        d: change of the voltage.
    """
    return ((stiffness + dq_load) / v + 2 * own) * d**2


def line_slopes(
    b: Any, v_i: Any, v_j: Any, angle: Any, d_angle: Any, d_i: Any, d_j: Any
) -> tuple[Any, Any, Any]:
    """What a line adds to H d: half the slopes of `line_form` over d_angle, d_i and d_j.

    The first counts at the line's one end, and with the other sign at its other end.
    """
    c, s = cos(angle), sin(angle)
    return (
        b * (v_i * v_j * c * d_angle + s * (v_j * d_i + v_i * d_j)),
        b * (v_j * s * d_angle - c * d_j - v_j / v_i * c * d_i),
        b * (v_i * s * d_angle - c * d_i - v_i / v_j * c * d_j),
    )


def bus_slope(stiffness: Any, own: Any, dq_load: Any, v: Any, d: Any) -> Any:
    """What a bus adds to H d: half the slope of `bus_form` over d."""
    return ((stiffness + dq_load) / v + 2 * own) * d


def hessian(
    grid: Grid, vm: Floats, va: Floats, stiffness: Floats, dq_load: Floats
) -> sparse.csc_array:
    """H on (theta, V) of all buses, shape (2n, 2n); its kernel holds the common angle.

    Args:
        grid: lossless network of n buses.
        vm: voltages of the operating point, shape (n,).
        va: its angles, rad.
        stiffness: 1/k_i of each bus, 0 without an inverter.
        dq_load: slope of the reactive load of each bus over its voltage.
    """
    n, i, j = len(grid), grid.start, grid.end
    angle, unit = grid.angle(va), np.eye(4)

    def lines(direction: Floats) -> Floats:
        """All line forms in one direction of (theta_i, theta_j, V_i, V_j)."""
        d_i, d_j, d_vi, d_vj = direction
        form: Floats = line_form(grid.b, vm[i], vm[j], angle, d_i - d_j, d_vi, d_vj)
        return form

    buses: Floats = bus_form(stiffness, grid.own, dq_load, vm, 1.0)
    data, rows, cols = [buses], [n + np.arange(n)], [n + np.arange(n)]
    ends = i, j, n + i, n + j
    for a in range(4):
        for c in range(4):  # polarisation: 4 a^T H c = form(a + c) - form(a - c)
            data.append((lines(unit[a] + unit[c]) - lines(unit[a] - unit[c])) / 4)
            rows.append(ends[a])
            cols.append(ends[c])
    entries = np.concatenate(data), (np.concatenate(rows), np.concatenate(cols))
    return sparse.coo_array(entries, shape=(2 * n, 2 * n)).tocsc()
