"""Convex piecewise-linear costs: a variable above all lines of its function.

    minimise  sigma y   subject to   y >= (s_k x + c_k) / sigma   for every segment k

with s_k and c_k slope and intercept of the segments, and sigma the steepest of the slopes: y and
its rows are then of the size of a power. As the cost drives y down, it is the function (the
"constrained cost variable" method of the MATPOWER manual, section 6.4.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Index
from scopf.network import piecewise
from scopf.network.network import Network
from scopf.network.piecewise import Lines

_ABOVE = 0.01  # p.u. by which y starts above its lines


@dataclass(frozen=True, eq=False)
class Cost:
    """A cost of the power x of each member of a table.

    Attributes:
        polynomial: coefficients by order, functions of a single line included.
        lines: of those that have more than one.
        owners: members that have, each once.
        place: of each line in them.
        scale: sigma of each.
    """

    polynomial: Floats
    lines: Lines
    owners: Ints
    place: Ints
    scale: Floats

    @classmethod
    def of(cls, polynomial: Floats, points: Floats) -> Cost:
        """The cost that a network's table gives."""
        if not points.shape[1]:
            none, empty = np.zeros(0, dtype=np.int64), np.zeros(0)
            return cls(polynomial, Lines(none, empty, empty), none, none, empty)
        table, lines = piecewise.simplified(points, polynomial)
        owners, place = np.unique(lines.owner, return_inverse=True)
        scale = np.zeros(len(owners))
        np.maximum.at(scale, place, np.abs(lines.slope))
        return cls(table, lines, owners, place, scale)

    def level(self, x: Floats) -> Floats:
        """The y of powers x of all members."""
        found = np.full(len(self.owners), -np.inf)
        np.maximum.at(found, self.place, self.lines.values(x))
        return found / self.scale

    def below(self, x: Floats, level: Floats) -> Floats:
        """By how much y is below each line, shape (lines,); zero where it is not."""
        line: Floats = self.lines.values(x) / self.scale[self.place]
        return np.maximum(line - level[self.place], 0.0)


def costs(net: Network) -> dict[str, Cost]:
    """All costs of powers, by the name of the variable."""
    gen, dcline = net.gen, net.dcline
    found = {
        "gen_pg": Cost.of(gen.cost_p, gen.cost_p_points),
        "gen_qg": Cost.of(gen.cost_q, gen.cost_q_points),
    }
    if len(dcline):
        found["dcline_pf"] = Cost.of(dcline.cost, dcline.cost_points)
    return found


def add_levels(f: Formulation, name: str, index: Index, cost: Cost) -> Any:
    """Cost of the members that have lines: `<name>_level`, `<name>_segment`, `<name>_level_cost`.

    Returns:
        Cost by member, zero for the others; the number 0 where nobody has lines.
    """
    if not len(cost.owners):
        return 0
    x, lines, each = f[name], cost.lines, cost.scale[cost.place]
    owners = f.index(f"{name}_piecewise", [index.keys[i] for i in cost.owners.tolist()])
    first = np.searchsorted(cost.place, np.arange(len(cost.owners)))
    number = np.arange(len(cost.place)) - first[cost.place] + 1
    members = (index.keys[i] for i in lines.owner.tolist())
    segments = f.index(f"{name}_line", list(zip(members, number.tolist(), strict=True)))
    start = cost.level(x.start) + _ABOVE
    level = f.variable(f"{name}_level", owners, lower=-np.inf, upper=np.inf, start=start)
    above = level[cost.place] - f.data(lines.slope / each) * x[lines.owner]
    f.constraint(f"{name}_segment", segments, above, lower=lines.intercept / each)
    priced = f.expression(f"{name}_level_cost", owners, f.data(cost.scale) * level[:])
    return priced.total(cost.owners, len(index))


def starts(f: Formulation, net: Network, found: dict[str, Floats]) -> dict[str, Floats]:
    """Levels that fit where the powers start."""
    return {
        f"{name}_level": cost.level(found.get(name, f[name].start)) + _ABOVE
        for name, cost in costs(net).items()
        if f"{name}_level" in f
    }
