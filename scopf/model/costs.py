"""Costs of active and reactive power (objective of (P1) in the paper, and further forms).

J = sum_i a_i + b_i P_i + c_i P_i^2 + d_i Q_i^2, with any further powers that the case carries, plus
the forms of `scopf.model.reactive_costs`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from scopf.arrays import Floats
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Constraint, Expression, Parameter, Symbol
from scopf.engine.templates import Node
from scopf.errors import ScopfError, listing
from scopf.model.generation import Generation
from scopf.model.part import Follows, Inputs, OperatingPoint, Part
from scopf.model.piecewise_costs import EpigraphCost
from scopf.network import piecewise
from scopf.network.network import Network

log = logging.getLogger(__name__)


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
        further: Sequence[Node] = (),
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

    def cost(self, at: OperatingPoint) -> dict[Symbol, Floats]:
        """Polynomials and points of the tables, and d Q^2."""
        p, q = at.power.real, at.power.imag
        of_q = self.reactive.value(q) + self.d.values * q**2
        return {self.of_p: self.active.value(p), self.of_q: of_q}

    def starts(self, found: Mapping[str, Floats]) -> dict[str, Floats]:
        """Cost variables above their segments."""
        return self.active.starts(found) | self.reactive.starts(found)

    def follows(self) -> Sequence[Follows]:
        """Quadratic cost of reactive power."""
        return [Follows({"eta_q", "d"}, lambda s: [(self.d, quadratic(s))])]


def quadratic(s: Inputs) -> Floats:
    """Quadratic reactive cost d_i of each generator, in currency/h per (p.u.)^2, shape (n_gen,).

    d_i is given, or it is eta_q c_i with c_i the case's quadratic cost of active power (Wang and
    Geng 2026, section V).

    Raises:
        ScopfError: when both are given, one is negative, or a generator is unknown.
    """
    if s.numbers["d"] is None:
        return s.numbers["eta_q"] * s.net.gen.cost_p[:, 2]
    if s.numbers["eta_q"]:
        raise ScopfError("give either eta_q or d as the reactive power cost, not both")
    return s.each("d") * s.net.base_mva**2


def warn_without_quadratic(net: Network) -> None:
    """Say at which generators eta_q has no effect."""
    without = net.gen.id[net.gen.cost_p[:, 2] == 0]
    if piecewise.has(net.gen.cost_p_points).any():
        text = "%s: eta_q c_i is of quadratic costs c_i, which piecewise-linear ones do not have"
        log.warning(text, net.name)
    if len(without) == len(net.gen):
        text = "%s: eta_q has no effect, no generator has a quadratic active power cost; use d"
        log.warning(text, net.name)
    elif len(without):
        text = "%s: eta_q has no effect at generators without a quadratic active power cost: %s"
        log.warning(text, net.name, listing(without))
