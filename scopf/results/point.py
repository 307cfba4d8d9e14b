"""The numbers of a solution, per unit and rad."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopf.arrays import Floats


@dataclass(frozen=True, eq=False)
class Point:
    """Values of the model's variables and parameters at one point, per unit and rad.

    Attributes:
        vm, va: voltages of the buses.
        pg, qg: output of the generators.
        loads: of the buses by column of their table: pd, qd, and constant-current ones if any, as
            far as they are served.
        shed: active and reactive load of the buses that is not served, rows p and q.
        nominal: loads by column with nothing shed.
        flows: into both ends of the branches, rows p_from, q_from, p_to, q_to.
        dclines: rows pf, qf, pt, qt and cost of the DC lines, in the signs of their table.
        alpha: grid strength.
        costs: of the generators, currency per hour.
        rating: of the inverters.
        opportunity: lost opportunity of the inverters, currency per hour.
    """

    vm: Floats
    va: Floats
    pg: Floats
    qg: Floats
    loads: dict[str, Floats]
    shed: Floats
    nominal: dict[str, Floats]
    flows: Floats
    dclines: Floats
    alpha: float
    costs: Floats
    rating: Floats
    opportunity: Floats

    @property
    def demand(self) -> tuple[Floats, Floats]:
        """Active and reactive power that the loads of each bus draw, constant-current ones too."""
        zero = np.zeros(len(self.vm))
        p, q = (
            self.loads[f"{letter}d"] + self.loads.get(f"{letter}d_current", zero) * self.vm
            for letter in "pq"
        )
        return p, q
