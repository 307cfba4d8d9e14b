"""Thermal limits and limits on angles across branches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Constraint
from scopf.engine.templates import Node
from scopf.model import relaxation
from scopf.model.choices import Limit
from scopf.model.flows import Flows
from scopf.model.part import OperatingPoint, Part
from scopf.model.relaxation import Relaxation
from scopf.model.voltages import Voltages
from scopf.network.network import Network
from scopf.network.powers import branch_currents, branch_powers


def apparent_power(p: Node, q: Node, rate: Node) -> Node:
    """Left side of the thermal limit |S|^2 / rate <= rate, which is scaled like a power."""
    return (p**2 + q**2) / rate


def current(p: Node, q: Node, vv: Node, rate: Node) -> Node:
    """Left side of the thermal limit |I|^2 / rate <= rate, with |I| = |S| / V and vv = V^2."""
    return (p**2 + q**2) / (rate * vv)


@dataclass(frozen=True, eq=False)
class ThermalLimits(Part):
    """|S| <= rate, or |I| <= rate, at both ends of limited branches, `branch_limit_{from,to}`.

    Attributes:
        net: the network.
        limit: whether ratings limit apparent power, or current (MVA at 1 p.u. voltage).
        branches: positions of the limited branches.
        at_from, at_to: the rows.
    """

    net: Network
    limit: Limit
    branches: Ints
    at_from: Constraint
    at_to: Constraint

    @classmethod
    def declare(cls, f: Formulation, net: Network, flows: Flows, limit: Limit) -> Self:
        """Declare the rows."""
        limited = np.flatnonzero(np.isfinite(net.branch.rate))
        index = f.index("branch_limited", net.branch.id[limited].tolist())
        rate = f.data(net.branch.rate[limited])
        rows = []
        for name, p, q, bus in (
            ("branch_limit_from", flows.p_from, flows.q_from, net.branch_from),
            ("branch_limit_to", flows.p_to, flows.q_to, net.branch_to),
        ):
            left = apparent_power(p[limited], q[limited], rate)
            if limit == "current":
                left = current(p[limited], q[limited], flows.vv[bus[limited]], rate)
            rows.append(f.constraint(name, index, left, upper=rate))
        return cls(net, limit, limited, *rows)

    @property
    def on_call(self) -> Sequence[Constraint]:
        """All rows."""
        return self.at_from, self.at_to

    def loading(self, flows: Floats, vm: Floats) -> tuple[Floats, Floats]:
        """|S| or |I| over the rate at both ends of every branch; zero where it has none.

        Args:
            flows: into the branches, rows p_from, q_from, p_to, q_to.
            vm: voltages of the buses.
        """
        p_from, q_from, p_to, q_to = flows / self.net.branch.rate
        at_from, at_to = np.hypot(p_from, q_from), np.hypot(p_to, q_to)
        if self.limit == "current":
            at_from, at_to = at_from / vm[self.net.branch_from], at_to / vm[self.net.branch_to]
        return at_from, at_to

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """|S| or |I| above the rate, out of complex voltages."""
        rate = at.net.branch.rate[self.branches]
        into = branch_powers if self.limit == "power" else branch_currents
        limited = [np.abs(end) for end in into(at.net, at.voltage)]
        excess = (np.maximum(size[self.branches] - rate, 0.0) for size in limited)
        return dict(zip((self.at_from, self.at_to), excess, strict=True))

    def relaxations(self) -> Sequence[Relaxation]:
        """The rating of every limited branch, at both ends."""
        net = self.net
        labels, rate = net.branch.names(self.branches), net.branch.rate[self.branches]
        rows = self.at_from, self.at_to
        name, group = "thermal limit", "thermal limits"
        return [relaxation.of_squares(name, group, "rating", labels, rate, net.base_mva, rows)]


@dataclass(frozen=True, eq=False)
class AngleLimits(Part):
    """Angmin <= theta_f - theta_t <= angmax of every branch that limits it, `branch_angle`.

    Attributes:
        net: the network.
        branches: positions of these branches.
        rows: one for each.
    """

    net: Network
    branches: Ints
    rows: Constraint

    @classmethod
    def declare(cls, f: Formulation, net: Network, voltages: Voltages) -> Self:
        """Declare the rows."""
        branch, va = net.branch, voltages.va
        limited = np.flatnonzero(np.isfinite(branch.angmin) | np.isfinite(branch.angmax))
        index = f.index("branch_angle_limited", branch.id[limited].tolist())
        difference = va[net.branch_from[limited]] - va[net.branch_to[limited]]
        lower, upper = branch.angmin[limited], branch.angmax[limited]
        rows = f.constraint("branch_angle", index, difference, lower=lower, upper=upper)
        return cls(net, limited, rows)

    @property
    def on_call(self) -> Sequence[Constraint]:
        """All rows."""
        return (self.rows,)

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """Angles outside their limits."""
        net, k = at.net, self.branches
        across = (at.va[net.branch_from] - at.va[net.branch_to])[k]
        return {self.rows: excess(across, net.branch.angmin[k], net.branch.angmax[k])}

    def relaxations(self) -> Sequence[Relaxation]:
        """Angmin and angmax of every limited branch."""
        labels, names = self.net.branch.names(self.branches), ("angmin", "angmax")
        return relaxation.of_angles(self.rows, names, "angle limits", names, labels)


def excess(value: Floats, lower: Floats, upper: Floats) -> Floats:
    """By how much values are outside their limits; NaN for a value that is none."""
    found: Floats = np.maximum(np.maximum(lower - value, value - upper), 0.0)
    return found
