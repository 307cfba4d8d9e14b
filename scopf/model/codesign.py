"""Co-design: the droops of the inverters as variables of the dispatch.

The variable is the stiffness 1/m_q,i, in which every criterion's limit is linear. It lies between
the bounds that the user allows and costs what the user says, in currency/h per unit of 1/m_q: what
it takes to build or to keep ready a stiffer inverter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from scopf.arrays import Floats
from scopf.devices.gfm import Inverters
from scopf.engine.formulation import Formulation
from scopf.errors import ScopfError, by_number, listing, number
from scopf.stability.criterion import STIFFNESS

Bounds = tuple[float, float] | Mapping[int, tuple[float, float]] | None
COST = "inverter_stiffness_cost"


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


def stiffness_cost(inverters: Inverters, given: float | Mapping[int, float]) -> Floats:
    """Cost of stiffness of each inverter, currency/h per unit of 1/m_q.

    Raises:
        ScopfError: for an unknown bus or a negative cost.
    """
    if isinstance(given, Mapping):
        costs = by_number("stiffness_cost", "bus", given)
        unknown = sorted(set(costs) - set(inverters.bus.tolist()))
        if unknown:
            raise ScopfError(f"stiffness_cost: there is no inverter at bus {listing(unknown)}")
        values = np.array([costs.get(bus, 0.0) for bus in inverters.bus.tolist()])
    else:
        values = np.full(len(inverters), number("stiffness_cost", given))
    if not (values >= 0).all():
        raise ScopfError("stiffness_cost must be zero or positive")
    return values


def add_stiffness(
    f: Formulation, inverters: Inverters, limits: tuple[Floats, Floats], cost: Floats
) -> None:
    """`inverter_stiffness` in its box, and what it costs: `inverter_cost_stiffness`.

    The costs per unit are the mutable Param `inverter_stiffness_cost`.
    """
    low, high = limits
    index = f.index("inverter", inverters.bus.tolist())
    start = np.clip(1 / inverters.mq, 1 / high, 1 / low)
    stiffness = f.variable(STIFFNESS, index, lower=1 / high, upper=1 / low, start=start)
    price = f.parameter(COST, index, cost)
    f.expression("inverter_cost_stiffness", index, price[:] * stiffness[:])
