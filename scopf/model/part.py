"""Parts of (P1): one kind of variables, rows or costs, and all that the package asks of it.

A part is declared once, by its class method `declare`, and returns handles of what it declared. It
says everything about itself in one file: the model's equations, how they are checked without the
model, what they cost, where they start, and how their limits can be relaxed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scopf.arrays import Complexes, Floats
from scopf.engine.symbols import Constraint, Expression, Variable
from scopf.model.relaxation import Relaxation
from scopf.network.network import Network


@dataclass(frozen=True, eq=False)
class OperatingPoint:
    """The present values of a model's variables, for checks that do not use its equations.

    Attributes:
        net: the network at its present strength.
        vm, va: voltages of the buses, per unit and rad.
        power: P + jQ of the generators, per unit.
        dclines: pf, qf and qt of the DC lines, per unit.
    """

    net: Network
    vm: Floats
    va: Floats
    power: Complexes
    dclines: tuple[Floats, Floats, Floats]

    @property
    def voltage(self) -> Complexes:
        """Complex voltages of the buses, per unit."""
        return np.asarray(self.vm * np.exp(1j * self.va))


class Part:
    """Base of all parts; what a part does not have it does not override."""

    @property
    def definitions(self) -> Sequence[Constraint]:
        """Rows that define variables; they hold whatever limits are relaxed."""
        return ()

    @property
    def costs(self) -> Sequence[Expression]:
        """Costs in currency per hour, which the objective adds up."""
        return ()

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """Violation of each member of the part's rows, from the tables of the network alone."""
        return {}

    def bounds(self) -> dict[Variable, tuple[Floats, Floats]]:
        """Lower and upper bounds of the part's variables as the tables of the network have them."""
        return {}

    def cost(self, at: OperatingPoint) -> float:
        """The part's cost in currency per hour, from the tables of the network alone."""
        return 0.0

    def starts(self, found: Mapping[str, Floats]) -> dict[str, Floats]:
        """Values of the part's own variables that fit a start point (values by variable name)."""
        return {}

    def relaxations(self) -> Sequence[Relaxation]:
        """The part's limits, and how they can be relaxed."""
        return ()
