"""DC lines: active power that leaves one bus and, less its losses, arrives at another.

Reactive power is injected at both ends, each within its limits, as two converters do, or in a fixed
ratio to the active power, as line-commutated converters draw it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from scopf.arrays import Floats
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Constraint, Expression, Symbol, Variable
from scopf.engine.templates import Node
from scopf.model import pq_curves, relaxation
from scopf.model.part import OperatingPoint, Part
from scopf.model.piecewise_costs import EpigraphCost
from scopf.model.relaxation import Relaxation
from scopf.network.network import Network
from scopf.network.tables import received


@dataclass(frozen=True, eq=False)
class DcLines(Part):
    """`dcline_pf`, `dcline_qf`, `dcline_qt` and the expression `dcline_pt`, per unit.

    `power_factor_from` and `power_factor_to` are None where no converter has a fixed one.
    """

    net: Network
    pf: Variable
    qf: Variable
    qt: Variable
    pt: Expression
    power_factor_from: Constraint | None
    power_factor_to: Constraint | None

    @classmethod
    def declare(cls, f: Formulation, net: Network, start: dict[str, Floats]) -> Self:
        """Declare the powers at both ends within their limits."""
        line = net.dcline
        index = f.index("dcline", line.id.tolist())
        pf, qf, qt = (
            f.variable(name, index, lower=low, upper=high, start=start[name])
            for name, low, high in (
                ("dcline_pf", line.pmin, line.pmax),
                ("dcline_qf", line.qminf, line.qmaxf),
                ("dcline_qt", line.qmint, line.qmaxt),
            )
        )
        arrives = received(pf[:], f.data(line.loss0), f.data(line.loss1))
        pt = f.expression("dcline_pt", index, arrives)
        rows = (
            _power_factor(f, net, name, tan_phi, p, q)
            for name, tan_phi, p, q in (
                ("from", line.tan_phi_f, pf, qf),
                ("to", line.tan_phi_t, pt, qt),
            )
        )
        return cls(net, pf, qf, qt, pt, *rows)

    def drawn_p(self) -> Node:
        """Active power that DC lines draw from every bus."""
        net, n = self.net, len(self.net.bus)
        return self.pf.total(net.dcline_from, n) - self.pt.total(net.dcline_to, n)

    def drawn_q(self) -> Node:
        """Reactive power that they draw; `dcline_qf` and `dcline_qt` are injections."""
        net, n = self.net, len(self.net.bus)
        return -self.qf.total(net.dcline_from, n) - self.qt.total(net.dcline_to, n)

    def bounds(self) -> dict[Variable, tuple[Floats, Floats]]:
        """Limits on the powers at both ends."""
        line = self.net.dcline
        return {
            self.pf: (line.pmin, line.pmax),
            self.qf: (line.qminf, line.qmaxf),
            self.qt: (line.qmint, line.qmaxt),
        }

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """Distance of (P, Q) from the line Q = -tan(phi) P, at converters of fixed power factor."""
        line, (pf, qf, qt) = at.net.dcline, at.dclines
        found = {}
        for rows, tan_phi, p, q in (
            (self.power_factor_from, line.tan_phi_f, pf, qf),
            (self.power_factor_to, line.tan_phi_t, line.received(pf), qt),
        ):
            if rows is not None:
                k = ~np.isnan(tan_phi)
                phi = np.arctan(tan_phi[k])
                found[rows] = np.abs(np.sin(phi) * p[k] + np.cos(phi) * q[k])
        return found

    def relaxations(self) -> Sequence[Relaxation]:
        """Limits on the powers of every DC line."""
        line, base, group = self.net.dcline, self.net.base_mva, "limits of DC lines"
        found = list[Relaxation]()
        one_way = ~np.isnan(line.tan_phi_f) | ~np.isnan(line.tan_phi_t)  # else Q would turn round
        least = np.where(one_way & (line.pmin >= 0), 0.0, -np.inf)
        for power, letter, unit, end, lowest in (
            (self.pf, "P", "MW", None, least),
            (self.qf, "Q", "MVAr", line.from_bus, -np.inf),
            (self.qt, "Q", "MVAr", line.to_bus, -np.inf),
        ):
            labels, names = line.labels, (f"DC line {letter}min", f"DC line {letter}max")
            if end is not None:
                places = zip(labels, end, strict=True)
                labels = [f"{label} at bus {bus}" for label, bus in places]
            size = relaxation.size_of(power)
            found += relaxation.of_bounds(power, names, group, labels, size, unit, base, lowest)
        return found


def _power_factor(
    f: Formulation, net: Network, end: str, tan_phi: Floats, p: Symbol, q: Symbol
) -> Constraint | None:
    """The rows tan(phi) P + Q = 0 at one end, with a normal of length 1."""
    at = np.flatnonzero(~np.isnan(tan_phi))
    if not len(at):
        return None
    index = f.index(f"dcline_constant_pf_{end}", net.dcline.id[at].tolist())
    length = np.hypot(tan_phi[at], 1.0)
    row = pq_curves.line(f.data(tan_phi[at] / length), f.data(1.0 / length), p[at], q[at])
    zero = np.zeros(len(at))
    return f.constraint(f"dcline_power_factor_{end}", index, row, lower=zero, upper=zero)


@dataclass(frozen=True, eq=False)
class DcLineCost(Part):
    """`dcline_cost_p`, of the power that leaves the from bus; currency per hour."""

    net: Network
    power: EpigraphCost
    total: Expression

    @classmethod
    def declare(cls, f: Formulation, net: Network, lines: DcLines) -> Self:
        """Declare the cost."""
        index, table = f.indices["dcline"], net.dcline
        power = EpigraphCost.declare(f, lines.pf, index, table.cost, table.cost_points)
        total = f.expression("dcline_cost_p", index, power.of(f, lines.pf))
        return cls(net, power, total)

    @property
    def definitions(self) -> Sequence[Constraint]:
        """Rows of the piecewise-linear costs."""
        return self.power.definitions

    @property
    def costs(self) -> Sequence[Expression]:
        """The cost of every line."""
        return (self.total,)

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """By how much cost variables are below their segments."""
        return self.power.residuals()

    def cost(self, at: OperatingPoint) -> dict[Symbol, Floats]:
        """Cost of every line from their table."""
        return {self.total: self.power.value(np.asarray(at.dclines[0]))}

    def starts(self, found: Mapping[str, Floats]) -> dict[str, Floats]:
        """Cost variables above their segments."""
        return self.power.starts(found)
