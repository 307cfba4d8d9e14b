"""DC lines: active power that leaves one bus and, less its losses, arrives at another.

Reactive power is injected at both ends, each within its limits, as two converters do.
"""

from __future__ import annotations

from typing import Any

from scopf.arrays import Floats
from scopf.engine.formulation import Formulation
from scopf.model.piecewise_costs import add_levels, costs
from scopf.network.network import Network
from scopf.network.tables import received


def add_dclines(f: Formulation, net: Network, start: dict[str, Floats]) -> None:
    """`dcline_pf`, `dcline_qf`, `dcline_qt` in their boxes, and the expression `dcline_pt`."""
    line = net.dcline
    index = f.index("dcline", line.id.tolist())
    for name, low, high in (
        ("dcline_pf", line.pmin, line.pmax),
        ("dcline_qf", line.qminf, line.qmaxf),
        ("dcline_qt", line.qmint, line.qmaxt),
    ):
        f.variable(name, index, lower=low, upper=high, start=start[name])
    arrives = received(f["dcline_pf"][:], f.data(line.loss0), f.data(line.loss1))
    f.expression("dcline_pt", index, arrives)


def drawn(f: Formulation, net: Network, letter: str) -> Any:
    """What DC lines draw from every bus; `dcline_qf` and `dcline_qt` are injections."""
    n = len(net.bus)
    at_from = f[f"dcline_{letter}f"].total(net.dcline_from, n)
    at_to = f[f"dcline_{letter}t"].total(net.dcline_to, n)
    return at_from - at_to if letter == "p" else -at_from - at_to


def add_cost(f: Formulation, net: Network, polynomial: Any) -> None:
    """`dcline_cost_p`, of the power that leaves the from bus; currency per hour."""
    index, cost = f.indices["dcline"], costs(net)["dcline_pf"]
    level = add_levels(f, "dcline_pf", index, cost)
    f.expression("dcline_cost_p", index, polynomial(cost.polynomial, f["dcline_pf"][:]) + level)
