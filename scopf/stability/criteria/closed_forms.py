"""C0, C1 and C2: weights w_i = V_i^-p, so that each row is a closed form of local quantities.

    C0    1/(2 k_i) > sum_j b_ij (V_j sec theta_ij - V_i)
    C1    1/k_i     > sum_j b_ij ((V_i + V_j) sec theta_ij - 2 V_i)
    C2    1/k_i     > sum_j b_ij ((V_j + V_i^2/V_j) sec theta_ij - 2 V_i)

as they are without shunts (C_p divided by 2 B_ii here, see `scopf.stability.line_sums`). At equal
angles the paper's (3) implies C0, which has the sum where (3) has B_ii times the maximum.

At a bus without an inverter C2 cannot hold, and C0 and C1 do not under load, so they are about the
Kron-reduced network.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from scopf.engine.templates import Node
from scopf.errors import counted
from scopf.network.network import LOADS
from scopf.stability.line_sums import LineSums
from scopf.stability.setting import Setting


class ClosedForm(LineSums):
    """C_p.

    Args:
        p: power of 1/V in the weights: 0, 1 or 2 in the literature, any number here.
    """

    network: Literal["reduced", "full"] = "reduced"
    claim = "stable"
    conditions = (
        "holds for a lossless network without phase shifters that has nothing but lines at buses "
        "without an inverter; loads at inverters draw constant power, or reactive power that rises "
        "with voltage"
    )

    def __init__(self, p: float) -> None:
        self.p = p
        self.name = f"C{p:g}"
        self.source = f"scopf, docs/criteria.md, weights V^-{p:g}"

    def ratio(self, v_i: Node, v_j: Node, u_i: Node, u_j: Node) -> Node:
        """w_j/w_i = (V_i/V_j)^p."""
        return (v_i / v_j) ** self.p

    def unmet(self, setting: Setting) -> list[str]:
        """Losses and the like, and whatever the buses without an inverter have but lines."""
        net, found = setting.net, super().unmet(setting)
        if net.branch.shift.any():
            found.append("phase shifters")
        rest = np.ones(len(net.bus), dtype=bool)
        rest[setting.reduction.keep] = False
        drawn = np.logical_or.reduce([getattr(net.bus, key) != 0 for key in LOADS])
        loads = int((rest & drawn).sum())
        if loads:
            found.append(f"loads at {counted(loads, 'bus', 'buses')} without an inverter")
        others = int(rest[net.gen_at].sum())
        if others:
            generators = counted(others, "generator", "generators")
            found.append(f"{generators} at buses without an inverter")
        lines = int((rest[net.dcline_from] | rest[net.dcline_to]).sum())
        if lines:
            of_lines = counted(lines, "DC line", "DC lines")
            found.append(f"{of_lines} with an end at a bus without an inverter")
        return found


CRITERIA = (ClosedForm(0), ClosedForm(1), ClosedForm(2))
