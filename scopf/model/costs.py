"""Costs of active and reactive power (objective of (P1) in the paper, and further forms).

J = sum_i a_i + b_i P_i + c_i P_i^2 + d_i Q_i^2, with any further powers that the case carries, plus
the forms of `scopf.model.reactive_costs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from scopf.arrays import Floats
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Constraint, Expression, Parameter
from scopf.model.generation import Generation
from scopf.model.part import OperatingPoint, Part
from scopf.model.piecewise_costs import EpigraphCost
from scopf.network.network import Network


@dataclass(frozen=True, eq=False)
class GenerationCost(Part):
    """`gen_cost_p` and `gen_cost_q` of every generator, currency per hour.

    Attributes:
        d: quadratic reactive cost, the mutable Param `gen_d`, currency/h per (p.u.)^2.
        active, reactive: costs that the case carries.
        of_p, of_q: all costs of a generator's active and reactive power.
    """

    d: Parameter
    active: EpigraphCost
    reactive: EpigraphCost
    of_p: Expression
    of_q: Expression

    @classmethod
    def declare(
        cls,
        f: Formulation,
        net: Network,
        generation: Generation,
        further: Sequence[Any] = (),
    ) -> Self:
        """Declare the costs.

        Args:
            f: the model.
            net: the network.
            generation: powers.
            further: costs of reactive power by generator, expressions.
        """
        index, gen, p, q = f.indices["gen"], net.gen, generation.p, generation.q
        chosen = f.parameter("gen_d", index, np.zeros(len(index)))
        active = EpigraphCost.declare(f, p, index, gen.cost_p, gen.cost_p_points)
        reactive = EpigraphCost.declare(f, q, index, gen.cost_q, gen.cost_q_points)
        of_p = f.expression("gen_cost_p", index, active.of(f, p))
        total = chosen[:] * q[:] ** 2 + reactive.of(f, q) + sum(further)
        return cls(chosen, active, reactive, of_p, f.expression("gen_cost_q", index, total))

    @property
    def definitions(self) -> Sequence[Constraint]:
        """Rows of the piecewise-linear costs."""
        return (*self.active.definitions, *self.reactive.definitions)

    @property
    def costs(self) -> Sequence[Expression]:
        """Costs of active and reactive power, by generator."""
        return self.of_p, self.of_q

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """By how much cost variables are below their segments."""
        return self.active.residuals() | self.reactive.residuals()

    def cost(self, at: OperatingPoint) -> float:
        """Polynomials and points of the tables, and d Q^2."""
        p, q = at.power.real, at.power.imag
        return self.active.value(p) + self.reactive.value(q) + float(self.d.values @ q**2)

    def starts(self, found: Mapping[str, Floats]) -> dict[str, Floats]:
        """Cost variables above their segments."""
        return self.active.starts(found) | self.reactive.starts(found)
