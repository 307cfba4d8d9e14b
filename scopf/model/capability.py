"""Ratings of inverters and their capability circles, P^2 + Q^2 <= S^2.

P and Q are sums over the units that act together as one inverter, S is its rating. The squares of
the sums are written out, (sum_k P_k)^2 = sum_k P_k^2 + 2 sum_{k<l} P_k P_l, so that the rows are
sums of terms of one or two variables each, however many units there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Self

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.devices.gfm import Inverters
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Constraint, Expression, Parameter
from scopf.engine.templates import Node
from scopf.errors import ScopfError, listing
from scopf.model import relaxation
from scopf.model.balance import Output
from scopf.model.part import OperatingPoint, Part
from scopf.model.relaxation import Relaxation
from scopf.network.network import Network
from scopf.network.tables import positions

_ROUNDING = 1e-9  # relative: bounds that touch the circle are not outside it


def circle(pp: Node, qq: Node, rating: Node) -> Node:
    """Left side of (P^2 + Q^2) / S <= S, which is scaled like a power; pp and qq are the squares.

    The squares are sums over units; with one unit this is `limits.apparent_power`.
    """
    return (pp + qq) / rating


@dataclass(frozen=True, eq=False)
class Ratings(Part):
    """Ratings of the inverters and the squares of their powers.

    Attributes:
        net, inverters: the network and its inverters.
        rating: mutable Param `inverter_rating`, per unit.
        p_squared, q_squared: named expressions; None where it is not needed.
        current_squared: (P^2 + Q^2) / V^2, the same.
    """

    net: Network
    inverters: Inverters
    rating: Parameter
    p_squared: Expression | None
    q_squared: Expression
    current_squared: Expression | None

    @classmethod
    def declare(
        cls,
        f: Formulation,
        net: Network,
        inverters: Inverters,
        generation: Output,
        active: bool,
        vv: Expression | None,
    ) -> Self:
        """Declare `inverter_rating` and squares of powers and currents.

        Args:
            f: the formulation.
            net: the network.
            inverters: its inverters.
            generation: output of the generators.
            active: whether `inverter_p_squared` is needed beside `inverter_q_squared`.
            vv: V^2 of every bus, where `inverter_current_squared` is needed.
        """
        rating = f.parameter("inverter_rating", f.indices["inverter"], inverters.rating)
        squares = _Squares(f, net, inverters)
        p = squares.add("p", generation) if active else None
        q = squares.add("q", generation)
        current = None if vv is None else squares.currents(generation, vv)
        return cls(net, inverters, rating, p, q, current)

    def output(self, power: Floats) -> Floats:
        """Sum of a power of generators over the units of each inverter."""
        return self.inverters.total(self.net, power)

    def relaxed(self, rows: Sequence[Constraint]) -> Relaxation:
        """The rating of every inverter, in all rows that it limits."""
        labels, rating = self.inverters.labels, self.rating.values.copy()
        name, group, base = "capability circle", "capability circles", self.net.base_mva
        return relaxation.of_squares(name, group, "rating", labels, rating, base, rows)


class _Squares:
    """Declares squares of the sums of powers over the units of each inverter."""

    def __init__(self, f: Formulation, net: Network, inverters: Inverters) -> None:
        self._f, self._n = f, len(inverters)
        self._bus = net.bus_positions(inverters.bus)
        self._unit = positions(net.gen.id, inverters.units.gen)
        self._owner = inverters.units.inverter
        unit, owner = self._unit, self._owner
        pairs = [
            (a, b, i)
            for i in np.flatnonzero(np.bincount(owner, minlength=self._n) > 1).tolist()
            for a, b in combinations(unit[owner == i].tolist(), 2)
        ]
        self._pairs = np.array(pairs, dtype=np.int64).reshape(-1, 3).T
        first, second, _ = self._pairs
        ids = net.gen.id
        self._single = f.index("inverter_unit", ids[unit].tolist())
        if pairs:
            keys = zip(ids[first].tolist(), ids[second].tolist(), strict=True)
            self._double = f.index("inverter_unit_pair", list(keys))

    def add(self, letter: str, generation: Output) -> Expression:
        """`inverter_{p,q}_squared`."""
        f, n = self._f, self._n
        output = generation.p if letter == "p" else generation.q
        first, second, both = self._pairs
        name = f"inverter_unit_{letter}_squared"
        total = f.expression(name, self._single, output[self._unit] ** 2).total(self._owner, n)
        if len(first):
            product = 2.0 * output[first] * output[second]
            name = f"inverter_unit_{letter}_product"
            total = total + f.expression(name, self._double, product).total(both, n)
        return f.expression(f"inverter_{letter}_squared", f.indices["inverter"], total)

    def currents(self, generation: Output, vv: Expression) -> Expression:
        """`inverter_current_squared`."""
        f, n, p, q = self._f, self._n, generation.p, generation.q
        first, second, both = self._pairs
        bus = self._bus[self._owner]
        square = (p[self._unit] ** 2 + q[self._unit] ** 2) / vv[bus]
        name = "inverter_unit_current_squared"
        total = f.expression(name, self._single, square).total(self._owner, n)
        if len(first):
            product = 2.0 * (p[first] * p[second] + q[first] * q[second]) / vv[self._bus[both]]
            name = "inverter_unit_current_product"
            total = total + f.expression(name, self._double, product).total(both, n)
        return f.expression("inverter_current_squared", f.indices["inverter"], total)


@dataclass(frozen=True, eq=False)
class Capability(Part):
    """Output of every inverter within its rating, `inverter_capability`."""

    ratings: Ratings
    rows: Constraint

    @classmethod
    def declare(cls, f: Formulation, ratings: Ratings) -> Self:
        """Declare the rows."""
        assert ratings.p_squared is not None
        rating, index = ratings.rating[:], f.indices["inverter"]
        row = circle(ratings.p_squared[:], ratings.q_squared[:], rating)
        return cls(ratings, f.constraint("inverter_capability", index, row, upper=rating))

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """|S| above the rating."""
        p, q = (self.ratings.output(part) for part in (at.power.real, at.power.imag))
        return {self.rows: np.maximum(np.hypot(p, q) - self.ratings.rating.values, 0.0)}


def reach(net: Network, inverters: Inverters, letter: str) -> Floats:
    """Least |P| (letter p) or |Q| (q) that the units' bounds allow each inverter, per unit."""
    low, high = (inverters.total(net, getattr(net.gen, f"{letter}{end}")) for end in ("min", "max"))
    return np.maximum(np.maximum(low, -high), 0.0)


def check(net: Network, inverters: Inverters, bus: Ints) -> None:
    """Refuse circles without a point inside the bounds on P and Q.

    Args:
        net: the network.
        inverters: at its buses.
        bus: numbers of these buses for the user, who has one for all hours.

    Raises:
        ScopfError: naming the inverters, with the least |S| within their bounds and their rating.
    """
    least = np.hypot(reach(net, inverters, "p"), reach(net, inverters, "q"))
    outside = np.flatnonzero(least > inverters.rating * (1.0 + _ROUNDING))
    if len(outside):
        base = net.base_mva
        found = [
            f"bus {bus[i]} ({least[i] * base:.6g} MVA, rating {inverters.rating[i] * base:.6g} MVA)"
            for i in outside
        ]
        raise ScopfError(
            "capability: the limits on P and Q ask for more than the rating of the inverter at "
            f"{listing(dict.fromkeys(found))}; give larger ratings (rating_mva, rating_factor), "
            "or leave the circle out"
        )
