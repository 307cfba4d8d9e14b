"""Stiffness 1/m_q of the inverters: numbers, or variables of the dispatch (co-design).

Every criterion's limit is linear in the stiffness. In co-design it lies between the bounds that the
user allows and has a cost that the user gives, in currency/h per unit of 1/m_q: that of building or
keeping ready a stiffer inverter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from scopf.arrays import Floats
from scopf.devices.gfm import Inverters
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Expression, Parameter, Symbol, Variable
from scopf.errors import ScopfError, listing, number
from scopf.model.part import Follows, OperatingPoint, Part
from scopf.model.relaxation import Effect, Relaxation

Bounds = tuple[float, float] | Mapping[int, tuple[float, float]] | None


def bounds(inverters: Inverters, given: Bounds) -> tuple[Floats, Floats]:
    """Least and largest m_q of each inverter.

    Args:
        inverters: that are designed.
        given: the two for all, or by bus number; an inverter that is left out keeps its m_q.

    Raises:
        ScopfError: for an unknown bus, or a pair that is not 0 < least <= largest.
    """
    low, high = inverters.mq.copy(), inverters.mq.copy()
    where: dict[int, Any]
    if isinstance(given, Mapping):
        where = {int(number("mq_bounds: bus", bus)): pair for bus, pair in given.items()}
    else:
        where = dict.fromkeys(inverters.bus.tolist(), given)
    unknown = sorted(set(where) - set(inverters.bus.tolist()))
    if unknown:
        raise ScopfError(f"mq_bounds: there is no inverter at bus {listing(unknown)}")
    place = {bus: i for i, bus in enumerate(inverters.bus.tolist())}
    for bus, pair in where.items():
        least, largest = _pair(pair, f"mq_bounds of bus {bus}")
        low[place[bus]], high[place[bus]] = least, largest
    return low, high


def _pair(given: Any, name: str) -> tuple[float, float]:
    if isinstance(given, str) or not hasattr(given, "__len__") or len(given) != 2:
        raise ScopfError(f"{name} must be two numbers (least, largest), got {given!r}")
    least, largest = (number(name, value) for value in given)
    if not 0 < least <= largest:
        raise ScopfError(f"{name} must be 0 < least <= largest, got ({least:g}, {largest:g})")
    return least, largest


@dataclass(frozen=True, eq=False)
class GivenStiffness(Part):
    """1/m_q of every inverter as the mutable Param `inverter_stiffness`."""

    symbol: Parameter

    @classmethod
    def declare(cls, f: Formulation, inverters: Inverters) -> Self:
        """Declare the Param."""
        return cls(f.parameter("inverter_stiffness", f.indices["inverter"], 1 / inverters.mq))

    def follows(self) -> Sequence[Follows]:
        """Stiffness of the droops."""
        return [Follows({"mq"}, lambda s: [(self.symbol, 1.0 / s.inverters.mq)])]


@dataclass(frozen=True, eq=False)
class DesignedStiffness(Part):
    """1/m_q of every inverter as the variable `inverter_stiffness`, and its cost.

    Attributes:
        inverters: that are designed.
        symbol: the variable.
        price: mutable Param `inverter_stiffness_cost`, currency/h per unit of 1/m_q.
        total: `inverter_cost_stiffness`, currency/h.
    """

    inverters: Inverters
    symbol: Variable
    price: Parameter
    total: Expression

    @classmethod
    def declare(cls, f: Formulation, inverters: Inverters, limits: tuple[Floats, Floats]) -> Self:
        """Declare the variable within its bounds, and the cost.

        Args:
            f: the model.
            inverters: that are designed.
            limits: least and largest m_q.
        """
        (low, high), index = limits, f.indices["inverter"]
        start = np.clip(1 / inverters.mq, 1 / high, 1 / low)
        stiffness = f.variable(
            "inverter_stiffness", index, lower=1 / high, upper=1 / low, start=start
        )
        price = f.parameter("inverter_stiffness_cost", index, np.zeros(len(index)))
        total = f.expression("inverter_cost_stiffness", index, price[:] * stiffness[:])
        return cls(inverters, stiffness, price, total)

    @property
    def costs(self) -> Sequence[Expression]:
        """The cost of every inverter's stiffness."""
        return (self.total,)

    def cost(self, at: OperatingPoint) -> dict[Symbol, Floats]:
        """Price times stiffness."""
        return {self.total: self.price.values * self.symbol.value}

    def follows(self) -> Sequence[Follows]:
        """Cost of stiffness, currency/h per unit of 1/m_q."""
        return [Follows({"stiffness_cost"}, lambda s: [(self.price, s.each("stiffness_cost"))])]

    def relaxations(self) -> Sequence[Relaxation]:
        """Least m_q that an inverter may be given."""
        stiffness = np.where(np.isfinite(self.symbol.upper), self.symbol.upper, np.nan)

        def needed(i: int, t: float) -> float:
            return float(1.0 / (stiffness[i] * (1.0 + t)))

        name, labels = "least m_q", self.inverters.labels
        effect = Effect(self.symbol, np.arange(len(stiffness)), -stiffness)
        return [
            Relaxation(
                name, "bounds of droops", name, "p.u.", "<=", labels, 1.0 / stiffness, needed,
                (effect,),
            )
        ]  # fmt: skip
