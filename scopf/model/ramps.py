"""Ramps: how much the active power of a generator may change from one hour to the next.

    |P_t - P_t-1| <= R h_t

R is the ramp rate per hour and h_t the duration of hour t. None binds into the first hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Constraint
from scopf.model.generation import Generation
from scopf.model.horizon import Horizon
from scopf.model.limits import excess
from scopf.model.part import OperatingPoint, Part
from scopf.model.relaxation import Effect, Relaxation


@dataclass(frozen=True, eq=False)
class Ramps(Part):
    """`gen_ramp` by hour, from the second on, and generator.

    Attributes:
        horizon: the hours.
        before, after: position of each row's generator in the hour before, and in its own.
        most: R h of each row, per unit.
        rows: the limits.
    """

    horizon: Horizon
    before: Ints
    after: Ints
    most: Floats
    rows: Constraint

    @classmethod
    def declare(cls, f: Formulation, horizon: Horizon, generation: Generation) -> Self:
        """Declare the limits of generators that have one."""
        assert horizon.ramps is not None
        limited = np.flatnonzero(np.isfinite(horizon.ramps))
        at = np.flatnonzero(~horizon.is_storage).reshape(len(horizon), -1)[:, limited]
        before, after = at[:-1].ravel(), at[1:].ravel()
        most = (horizon.hours.duration[1:, None] * horizon.ramps[limited]).ravel()
        index = f.index("gen_ramped", horizon.net.gen.id[after].tolist())
        change = generation.p[after] - generation.p[before]
        rows = f.constraint("gen_ramp", index, change, lower=-most, upper=most)
        return cls(horizon, before, after, most, rows)

    def residuals(self, at: OperatingPoint) -> dict[Constraint, Floats]:
        """Change of active power beyond the limit."""
        p = at.power.real
        return {self.rows: excess(p[self.after] - p[self.before], -self.most, self.most)}

    def relaxations(self) -> Sequence[Relaxation]:
        """Ramp rate of every generator in every hour."""
        net = self.horizon.net
        base = net.base_mva
        labels = [self.horizon.label(net.gen.label(k)) for k in self.after.tolist()]
        size, everything = np.maximum(self.most, 1.0), np.arange(len(self.most))
        found = []
        for name, sign in (("ramp down", 1.0), ("ramp up", -1.0)):

            def needed(i: int, t: float) -> float:
                return float(self.most[i] + size[i] * t) * base

            effect = Effect(self.rows, everything, sign * size)
            found.append(
                Relaxation(
                    name, "ramps", name, "MW", ">=", labels, self.most * base, needed, (effect,)
                )
            )  # fmt: skip
        return found
