"""Criteria that come from weights of the buses.

They come from the exact condition: completing the square line by line bounds the Hessian of the
energy below by the symmetric matrix M with

    M_ij = -a_ij,   M_ii = V_i/k_i + 2 B_ii V_i^2 - sum_j a_ij,   a_ij = b_ij V_i V_j / cos theta_ij

No entry beside the diagonal is positive, so M is positive definite, and the point stable, when some
weights w > 0 have M w > 0. Row i of that, divided by 2 scale_i V_i w_i, is

    sum_j b_ij/2 V_j / cos theta_ij (1 + w_j/w_i) / scale_i - B_ii/scale_i V_i  <  Gamma_i

with Gamma_i = 1/(2 k_i scale_i), 0 at a bus without an inverter. Constant-power loads add nothing,
any other load whose reactive power rises with voltage is on the safe side. A criterion is a choice
of weights. All |theta_ij| have to be below 90 degrees.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from scopf.engine.functions import cos
from scopf.engine.templates import Node
from scopf.errors import counted
from scopf.stability.criterion import Criterion
from scopf.stability.setting import Setting

STRICT = 1e-6  # p.u. voltage that every row keeps from equality, where M could be singular


class LineSums(Criterion, ABC):
    """Base of the criteria of this kind; a subclass sets the attributes and chooses the weights."""

    strict = STRICT
    everywhere = True

    @abstractmethod
    def ratio(self, v_i: Node, v_j: Node, u_i: Node, u_j: Node) -> Node:
        """w_j/w_i from the voltages, or from the weights' own variables.

        It has to be a ratio: that of (j, i) is one over that of (i, j), or nothing is proven.
        """

    def line(self, b: Node, v_i: Node, v_j: Node, angle: Node, u_i: Node, u_j: Node) -> Node:
        """Contribution of a line to the row of bus i: b/2 V_j sec theta_ij (1 + w_j/w_i)."""
        return 0.5 * b * v_j * (1 / cos(angle)) * (1 + self.ratio(v_i, v_j, u_i, u_j))

    def own(self, b: Node, v: Node) -> Node:
        """Contribution of the bus itself, -B_ii V_i."""
        return -b * v

    def unmet(self, setting: Setting) -> list[str]:
        """Conditions of the proof that this network does not meet."""
        net = setting.net
        found = []
        if net.branch.r.any():
            with np.errstate(divide="ignore"):
                largest = np.abs(net.branch.r / net.branch.x).max()
            found.append(f"losses, r/x up to {largest:.2g}")
        if net.bus.gs.any():
            found.append("shunt conductances")
        bus = net.bus
        following = int(((bus.pd_current != 0) | (bus.qd_current < 0)).sum())
        if following:
            found.append(f"constant-current loads at {counted(following, 'bus', 'buses')}")
        capacitive = int((setting.view(self.network).grid.b < 0).sum())
        if capacitive:
            lines = counted(capacitive, "capacitive line", "capacitive lines")
            found.append(f"{lines} in the {self.network} network")
        return found
