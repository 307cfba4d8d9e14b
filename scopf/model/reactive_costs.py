"""Further forms of reactive power cost.

- q_i |Q_i| of a generator, written with the split Q = Q+ - Q-, Q+ and Q- >= 0, as q_i (Q+ + Q-);
- p (S - sqrt(S^2 - Q^2)) of an inverter of rating S: the active power that its reactive power takes
  away, at a price p. The root has an infinite slope where |Q| = S, so it is a variable A instead,
  with A^2 + Q^2 <= S^2 and the cost p (S - A): the cost drives A up to the root.

Both rewritings are exact: no smoothing, and every derivative is a polynomial's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from scopf.arrays import Floats
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Constraint, Expression, Parameter, Symbol, Variable
from scopf.engine.templates import Node
from scopf.errors import ScopfError, listing
from scopf.model.capability import Ratings, circle, reach
from scopf.model.generation import Generation
from scopf.model.part import Follows, Inputs, OperatingPoint, Part, Writes
from scopf.model.priced import where_priced

_INSIDE = 0.01  # p.u. by which a split starts away from its bounds


def split(q: Node, supplied: Node, absorbed: Node, on: Node) -> Node:
    """Left side of the split of Q, whose right side is 1 - on.

    Where the price is positive, `on` is 1 and the row reads Q+ - Q- - Q = 0. Where it is zero, it
    reads Q+ + Q- = 1: nothing else would keep Q+ and Q- from growing together without end.
    """
    return supplied + (1.0 - 2.0 * on) * absorbed - on * q


def lost(rating: Node, available: Node) -> Node:
    """Active power that reactive power takes away: S - A with A = sqrt(S^2 - Q^2)."""
    return rating - available


@dataclass(frozen=True, eq=False)
class AbsoluteCost(Part):
    """Cost q |Q| of every generator, currency per hour.

    Attributes:
        q: reactive power of the generators.
        price: mutable Param `gen_q_price`, currency/h per p.u.
        supplied, absorbed: `gen_qg_{supplied,absorbed}`; they have no upper bounds: the limits of
            `gen_qg` are the only ones, whatever becomes of these.
        rows: `gen_qg_split`.
        term: the cost in each generator's row, an expression.
    """

    q: Variable
    price: Parameter
    supplied: Variable
    absorbed: Variable
    rows: Constraint
    term: Node

    @classmethod
    def declare(cls, f: Formulation, generation: Generation) -> Self:
        """Declare the split and the cost."""
        gen, qg = f.indices["gen"], generation.q
        q_price = f.parameter("gen_q_price", gen, np.zeros(len(gen)))
        # where they start at any price: `update` may change it
        supplied, absorbed = (
            f.variable(name, gen, lower=0.0, upper=np.inf, start=start)
            for name, start in zip(
                ("gen_qg_supplied", "gen_qg_absorbed"), _parts(qg.start), strict=True
            )
        )
        on = where_priced(q_price[:])
        side = 1.0 - on
        row = split(qg[:], supplied[:], absorbed[:], on)
        rows = f.constraint("gen_qg_split", gen, row, lower=side, upper=side)
        term = q_price[:] * (supplied[:] + absorbed[:])
        return cls(qg, q_price, supplied, absorbed, rows, term)

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """Q less its parts, where it has a price."""
        up, down, q = self.supplied.value, self.absorbed.value, at.power.imag
        split_off = np.where(self.price.values > 0, up - down - q, up + down - 1.0)
        return {self.rows: np.abs(split_off)}

    def cost(self, at: OperatingPoint) -> dict[Symbol, Floats]:
        """Price times |Q|."""
        return {self.price: self.price.values * np.abs(at.power.imag)}

    def starts(self, found: Mapping[str, Floats]) -> dict[str, Floats]:
        """Parts that fit a reactive power, a little inside their bounds; 1/2 where it is free."""
        parts = _parts(found.get(self.q.name, self.q.start))
        names = self.supplied.name, self.absorbed.name
        priced = self.price.values > 0
        return {n: np.where(priced, part, 0.5) for n, part in zip(names, parts, strict=True)}

    def follows(self) -> Sequence[Follows]:
        """Price per MVArh, in currency/h per p.u."""
        return [
            Follows({"q_price"}, lambda s: [(self.price, s.each("q_price") * s.net.base_mva)]),
        ]


def _parts(q: Floats) -> tuple[Floats, Floats]:
    return np.maximum(q, 0.0) + _INSIDE, np.maximum(-q, 0.0) + _INSIDE


@dataclass(frozen=True, eq=False)
class OpportunityCost(Part):
    """Cost p (S - A) of every inverter; A is `inverter_p_available`, in its circle with Q.

    Where the price is zero, the circle leaves out Q: what costs nothing limits nothing. The right
    side is zero, and not S, because the solver relaxes rows in proportion to it.

    Attributes:
        ratings: S and Q^2 of the inverters.
        price: mutable Param `inverter_opportunity_price`, currency/h per p.u.
        available: A.
        rows: `inverter_opportunity`.
        total: `inverter_cost_q`.
    """

    ratings: Ratings
    price: Parameter
    available: Variable
    rows: Constraint
    total: Expression

    @classmethod
    def declare(cls, f: Formulation, ratings: Ratings) -> Self:
        """Declare A, its circle and the cost."""
        inverter, rating = f.indices["inverter"], ratings.rating
        p = f.parameter("inverter_opportunity_price", inverter, np.zeros(len(inverter)))
        start = 0.5 * rating.values
        a = f.variable("inverter_p_available", inverter, lower=0.0, upper=np.inf, start=start)
        row = circle(a[:] ** 2, where_priced(p[:]) * ratings.q_squared[:], rating[:]) - rating[:]
        rows = f.constraint("inverter_opportunity", inverter, row, upper=np.zeros(len(inverter)))
        total = f.expression("inverter_cost_q", inverter, p[:] * lost(rating[:], a[:]))
        return cls(ratings, p, a, rows, total)

    @property
    def costs(self) -> Sequence[Expression]:
        """Lost opportunity of every inverter."""
        return (self.total,)

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """A beyond sqrt(S^2 - Q^2), as a distance from the circle."""
        on = self.price.values > 0
        q = np.where(on, self.ratings.output(at.power.imag), 0.0)
        reached = np.hypot(self.available.value, q)
        return {self.rows: np.maximum(reached - self.ratings.rating.values, 0.0)}

    def cost(self, at: OperatingPoint) -> dict[Symbol, Floats]:
        """Price times S - sqrt(S^2 - Q^2)."""
        rating, q = self.ratings.rating.values, self.ratings.output(at.power.imag)
        left = np.sqrt(np.maximum(rating**2 - q**2, 0.0))
        return {self.total: self.price.values * (rating - left)}

    def follows(self) -> Sequence[Follows]:
        """Price per MWh, in currency/h per p.u."""
        return [Follows({"opportunity_price"}, self._values)]

    def _values(self, s: Inputs) -> Writes:
        """Raises ScopfError where no |Q| within the limits is within the rating."""
        price = s.each("opportunity_price")
        beyond = (price > 0) & (reach(s.net, s.inverters, "q") > s.inverters.rating)
        if beyond.any():
            assert self.price.index is not None
            numbers = self.price.index.numbers(beyond)
            raise ScopfError(
                "opportunity_price: the limits on reactive power leave no |Q| within the rating to "
                f"the inverter at bus {listing(numbers)}"
            )
        return [(self.price, price * s.net.base_mva)]
