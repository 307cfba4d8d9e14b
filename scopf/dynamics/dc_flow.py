"""Angles of the DC power flow."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from scopf.arrays import Floats, Ints
from scopf.dynamics.newton import solution
from scopf.network.network import Network


def dc_angles(net: Network, injected: Floats, fixed: Ints, va: Floats) -> Floats | None:
    """Angles of all buses, rad, shape (n,), where flows are (theta_f - theta_t - shift) / (x tap).

    Args:
        net: energized network.
        injected: active power that each bus puts into the branches, per unit, shape (n,); it does
            not matter where the angle is given.
        fixed: positions of the buses whose angles are given.
        va: these angles, shape (n,).

    Returns:
        The angles; None where the equations are singular, which series capacitors can bring about.
    """
    branch, n, m = net.branch, len(net.bus), len(net.branch)
    x = np.where(branch.x == 0, abs(branch.r), branch.x)  # a branch without x still connects
    b = 1.0 / (x * branch.tap)
    ones, k = np.ones(m), np.arange(m)
    cells = np.concatenate([k, k]), np.concatenate([net.branch_from, net.branch_to])
    ends = sparse.coo_array((np.concatenate([ones, -ones]), cells), shape=(m, n)).tocsr()
    matrix = (ends.T @ (sparse.diags_array(b) @ ends)).tocsc()
    free = np.ones(n, dtype=bool)
    free[fixed] = False
    right = injected + ends.T @ (b * branch.shift) - matrix @ np.where(free, 0.0, va)
    found = solution(matrix[free][:, free], right[free])
    if found is None:
        return None
    angles = va.copy()
    angles[free] = found
    return angles
