"""DC lines: active power that leaves one bus and, less its losses, arrives at another.

Reactive power is injected at both ends, each within its limits, as two converters do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from scopf.arrays import Floats
from scopf.engine.formulation import Formulation
from scopf.engine.pyomo_types import Node
from scopf.engine.symbols import Constraint, Expression, Variable
from scopf.model import relaxation
from scopf.model.part import OperatingPoint, Part
from scopf.model.piecewise_costs import EpigraphCost
from scopf.model.relaxation import Relaxation
from scopf.network.network import Network
from scopf.network.tables import received


@dataclass(frozen=True, eq=False)
class DcLines(Part):
    """`dcline_pf`, `dcline_qf`, `dcline_qt` and the expression `dcline_pt`, per unit."""

    net: Network
    pf: Variable
    qf: Variable
    qt: Variable
    pt: Expression

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
        return cls(net, pf, qf, qt, f.expression("dcline_pt", index, arrives))

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

    def relaxations(self) -> Sequence[Relaxation]:
        """Limits on the powers of every DC line."""
        line, base, group = self.net.dcline, self.net.base_mva, "limits of DC lines"
        found = list[Relaxation]()
        for power, letter, unit, end in (
            (self.pf, "P", "MW", None),
            (self.qf, "Q", "MVAr", line.from_bus),
            (self.qt, "Q", "MVAr", line.to_bus),
        ):
            labels, names = line.labels, (f"DC line {letter}min", f"DC line {letter}max")
            if end is not None:
                places = zip(labels, end, strict=True)
                labels = [f"{label} at bus {bus}" for label, bus in places]
            size = relaxation.size_of(power)
            found += relaxation.of_bounds(power, names, group, labels, size, unit, base)
        return found


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

    def cost(self, at: OperatingPoint) -> float:
        """Cost of all lines from their table."""
        return self.power.value(np.asarray(at.dclines[0]))

    def starts(self, found: Mapping[str, Floats]) -> dict[str, Floats]:
        """Cost variables above their segments."""
        return self.power.starts(found)
