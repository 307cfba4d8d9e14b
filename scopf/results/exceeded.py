"""Limits of a network that an operating point exceeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scopf.arrays import Floats
from scopf.network.network import Network

if TYPE_CHECKING:
    import pandas as pd

_TOLERANCE = 1e-6  # p.u. and rad


@dataclass(frozen=True, eq=False)
class Point:
    """An operating point, per unit and rad.

    Attributes:
        vm, va: voltages of the buses.
        pg, qg: output of the generators.
        loading: of the branches, share of the rating.
    """

    vm: Floats
    va: Floats
    pg: Floats
    qg: Floats
    loading: Floats


@dataclass(frozen=True, eq=False)
class _Family:
    """Limits of one kind.

    Attributes:
        what: is limited.
        label: the user's name of an element.
        value: of each element.
        low, high: its limits.
        unit: of the table.
        factor: on values and limits, from per unit or rad.
    """

    what: str
    label: Callable[[int], str]
    value: Floats
    low: Floats
    high: Floats
    unit: str
    factor: float


def table(net: Network, at: Point) -> pd.DataFrame:
    """One row for each limit that is exceeded: `what`, `element`, `value`, `limit`, `unit`.

    Args:
        net: energized network.
        at: operating point; what is NaN there exceeds nothing.
    """
    import pandas as pd

    rows = []
    for one in _families(net, at):
        for limit, by in ((one.low, one.low - one.value), (one.high, one.value - one.high)):
            for k in np.flatnonzero(by > _TOLERANCE).tolist():
                numbers = one.value[k] * one.factor, limit[k] * one.factor
                rows.append((one.what, one.label(k), *map(float, numbers), one.unit))
    return pd.DataFrame(rows, columns=["what", "element", "value", "limit", "unit"])


def _families(net: Network, at: Point) -> Iterator[_Family]:
    bus, gen, branch, base = net.bus, net.gen, net.branch, net.base_mva
    yield _Family("voltage", bus.label, at.vm, bus.vmin, bus.vmax, "p.u.", 1.0)
    yield _Family("active power", gen.label, at.pg, gen.pmin, gen.pmax, "MW", base)
    yield _Family("reactive power", gen.label, at.qg, gen.qmin, gen.qmax, "MVAr", base)
    none = np.full(len(branch), -np.inf)
    ones = np.ones(len(branch))
    yield _Family("loading", branch.label, at.loading, none, ones, "% of the rating", 100.0)
    across = at.va[net.branch_from] - at.va[net.branch_to]
    degrees = 180.0 / np.pi
    yield _Family("angle", branch.label, across, branch.angmin, branch.angmax, "degrees", degrees)
