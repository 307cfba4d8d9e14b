"""Current limits of inverters, |I| <= imax S at every voltage: P^2 + Q^2 <= (imax S V)^2.

S is the rating, and imax per unit of it. P and Q are sums over the units that act together as one
inverter, as in the capability circle; see `scopf.model.capability`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.devices.gfm import Inverters
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Constraint, Parameter
from scopf.engine.templates import Node
from scopf.model.capability import Ratings
from scopf.model.part import OperatingPoint, Part
from scopf.model.relaxation import Effect, Relaxation, Violation


def current(squared: Node, most: Node) -> Node:
    """Left side of |I|^2 / most <= most, which is scaled like a current.

    With one unit this is `limits.current`.
    """
    return squared / most


def limited(inverters: Inverters) -> Flags:
    """Mask of the inverters that have a current limit."""
    return ~np.isnan(inverters.imax)


@dataclass(frozen=True, eq=False)
class CurrentLimits(Part):
    """Current of every inverter that limits it, `inverter_current`.

    Attributes:
        ratings: S and the squares of currents.
        at: positions of these inverters.
        imax: mutable Param `inverter_imax`, per unit of the rating.
        rows: one for each.
    """

    ratings: Ratings
    at: Ints
    imax: Parameter
    rows: Constraint

    @classmethod
    def declare(cls, f: Formulation, ratings: Ratings) -> Self:
        """Declare `inverter_imax` and the rows."""
        assert ratings.current_squared is not None
        inverters = ratings.inverters
        at = np.flatnonzero(limited(inverters))
        index = f.index("inverter_current_limited", inverters.bus[at].tolist())
        imax = f.parameter("inverter_imax", index, inverters.imax[at])
        most = imax[:] * ratings.rating[at]
        row = current(ratings.current_squared[at], most)
        return cls(ratings, at, imax, f.constraint("inverter_current", index, row, upper=most))

    @property
    def most(self) -> Floats:
        """The largest current of each, per unit."""
        return np.asarray(self.imax.values * self.ratings.rating.values[self.at])

    def currents(self, p: Floats, q: Floats, vm: Floats) -> Floats:
        """|I| of each, per unit.

        Args:
            p: active power of the generators.
            q: reactive power of the generators.
            vm: voltages of the buses.
        """
        bus = self.ratings.net.bus_positions(self.ratings.inverters.bus[self.at])
        size = np.hypot(self.ratings.output(p), self.ratings.output(q))[self.at]
        return np.asarray(size / vm[bus])

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """|I| above the limit."""
        now = self.currents(at.power.real, at.power.imag, at.vm)
        return {self.rows: np.maximum(now - self.most, 0.0)}

    def relaxations(self) -> Sequence[Relaxation]:
        """The limit of each: with 2 imax S t more slack, |I| is at most imax S sqrt(1 + 2 t)."""
        labels, imax = self.ratings.inverters.labels, self.imax.values.copy()

        def needed(i: int, t: float) -> float:
            return float(imax[i] * np.sqrt(1.0 + 2.0 * t))

        effect = Effect(self.rows, np.arange(len(self.at)), -2.0 * self.most)
        return [
            Relaxation(
                "current limit", "current limits", "imax", "p.u.", ">=",
                [labels[k] for k in self.at.tolist()], imax, needed, (effect,),
                violation=Violation(self.most, "p.u.", 1.0, square=True),
            )
        ]  # fmt: skip
