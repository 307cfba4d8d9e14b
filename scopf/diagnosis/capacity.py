"""Load above capacity: a conflict that is proven without a solver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scopf.errors import listing

if TYPE_CHECKING:
    from scopf.arrays import Floats
    from scopf.engine.nlp import NLP
    from scopf.model.problem import Problem
    from scopf.network.network import Network

_ROUNDING = 1e-9  # relative


@dataclass(frozen=True)
class Shortage:
    """Less generation than load.

    Attributes:
        load, capacity: totals, MW; what DC lines can bring into an island counts as capacity.
        place: "" for the whole network, or the island and its buses.
        imports: whether DC lines can bring power into the island.
        exports: what other DC lines take out of it at least, MW.
    """

    load: float
    capacity: float
    place: str = ""
    imports: bool = False
    exports: float = 0.0

    @property
    def sources(self) -> str:
        """The sources whose capacity is short."""
        lines = " and the imports of DC lines" if self.imports else ""
        return f"all generators{' there' if self.place else ''}{lines}"

    @property
    def needed(self) -> float:
        """Capacity that would do without losses, MW."""
        return self.load + self.exports

    def __str__(self) -> str:
        where = f" in {self.place}" if self.place else ""
        out = f" and the exports of DC lines to {self.exports:.6g} MW" if self.exports else ""
        left, scaled = self.capacity - self.exports, ""
        if self.load > 0 and left >= 0:
            scaled = f", or all loads have to be scaled by {left / self.load:.4g} at most"
        return (
            f"load above capacity{where}: the loads add up to {self.load:.6g} MW{out}, Pmax of "
            f"{self.sources} to {self.capacity:.6g} MW; {self.needed - self.capacity:.6g} MW are "
            f"missing{scaled}, and losses come on top"
        )


def shortage(problem: Problem, nlp: NLP) -> Shortage | None:
    """The largest shortage of an AC island, if it is certain; None if not.

    It is not where the network itself might supply power.

    Args:
        problem: with its numbers as they are now, those set on its Pyomo model included.
        nlp: the same, compiled.
    """
    net, opf = problem.base, problem.opf
    rows = opf.balance.p.name
    own = (nlp.row_numbers(rows) >= 0) & ~nlp.replaced(rows)
    may_be_shed = opf.shedding is not None
    if not own.all() or may_be_shed or (net.branch.r < 0).any() or (net.bus.gs < 0).any():
        return None
    pg, loads = opf.generation.p, opf.loads.params
    load = loads["pd"].values.copy()
    if "pd_current" in loads:
        current, vm = loads["pd_current"].values, opf.voltages.vm
        load += np.where(current != 0, current * np.where(current > 0, vm.lower, vm.upper), 0.0)
    capacity = np.zeros(1 + net.islands)
    np.add.at(capacity, net.island[net.gen_at], np.where(pg.fixed, pg.value, pg.upper))
    imports, exports = _exchange(net)
    capacity += imports
    total = np.bincount(net.island, load)
    short = total + exports - capacity
    worst = int(np.argmax(short[1:])) + 1
    largest = max(abs(total[worst]), abs(capacity[worst]), exports[worst])
    if not short[worst] > _ROUNDING * largest:
        return None
    place = ""
    if net.islands > 1:
        place = f"island {worst} (bus {listing(net.bus.id[net.island == worst], 5)})"
    base = net.base_mva
    found = total[worst] * base, capacity[worst] * base
    return Shortage(*found, place, bool(imports[worst]), exports[worst] * base)


def _exchange(net: Network) -> tuple[Floats, Floats]:
    """Active power that DC lines bring into each island at most, and take out at least, per unit.

    A line does one or the other.
    """
    line, (imports, exports) = net.dcline, np.zeros((2, 1 + net.islands))
    start, end = net.island[net.dcline_from], net.island[net.dcline_to]
    across = start != end
    with np.errstate(invalid="ignore"):
        arrives = np.where(np.isinf(line.pmax), line.pmax, line.received(line.pmax))
    for at, most in ((end, arrives), (start, -line.pmin)):
        np.add.at(imports, at[across], np.maximum(most, 0.0)[across])
        np.add.at(exports, at[across], np.maximum(-most, 0.0)[across])
    return imports, exports
