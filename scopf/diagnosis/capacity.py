"""Load above capacity: a conflict that is proven without a solver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scopf.engine.nlp import NLP
    from scopf.model.problem import Problem

_ROUNDING = 1e-9  # relative


@dataclass(frozen=True)
class Shortage:
    """Less generation than load.

    Attributes:
        load, capacity: totals, MW.
    """

    load: float
    capacity: float

    def __str__(self) -> str:
        missing, factor = self.load - self.capacity, self.capacity / self.load
        return (
            f"load above capacity: the loads add up to {self.load:.6g} MW, Pmax of all generators "
            f"to {self.capacity:.6g} MW; {missing:.6g} MW are missing, or all loads have to be "
            f"scaled by {factor:.4g} at most, and losses come on top"
        )


def shortage(problem: Problem, nlp: NLP) -> Shortage | None:
    """The shortage, if it is certain, and None if not: the network itself might supply power.

    Args:
        problem: with its numbers as they are now, those set on its Pyomo model included.
        nlp: the same, compiled.
    """
    net, opf = problem.base, problem.opf
    rows = opf.balance.p.name
    own = (nlp.row_numbers(rows) >= 0) & ~nlp.replaced(rows)
    if not own.all() or (net.branch.r < 0).any() or (net.bus.gs < 0).any():
        return None
    pg, loads = opf.generation.p, opf.balance.loads
    load = float(loads["pd"].values.sum())
    if "pd_current" in loads:
        current, vm = loads["pd_current"].values, opf.voltages.vm
        drawn = np.where(current != 0, current * np.where(current > 0, vm.lower, vm.upper), 0.0)
        load += float(drawn.sum())
    capacity = float(np.where(pg.fixed, pg.value, pg.upper).sum())
    if not load > capacity + _ROUNDING * max(abs(load), abs(capacity)):
        return None
    return Shortage(load * net.base_mva, capacity * net.base_mva)
