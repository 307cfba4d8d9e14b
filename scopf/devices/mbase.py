"""Inverters whose rating is the mBase of the case, and those where that is no rating."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scopf.network import ratings
from scopf.network.tables import positions

if TYPE_CHECKING:
    from scopf.arrays import Flags, Ints
    from scopf.devices.gfm import Inverters
    from scopf.network.network import Network


def by_mbase(net: Network, inverters: Inverters) -> Flags:
    """Generators of `net` that are units of inverters with their mBase as rating, shape (g,)."""
    found: Flags = np.zeros(len(net.gen), dtype=bool)
    at = positions(net.gen.id, inverters.units.gen)
    ours = inverters.units.rating * net.base_mva
    found[at] = np.isclose(ours, net.gen.mbase[at], rtol=1e-12, atol=0.0)
    return found


def nominal_at(net: Network, inverters: Inverters) -> Ints:
    """Buses of the inverters with units whose rating is a nominal mBase.

    Args:
        net: the network, energized.
        inverters: at its generators.
    """
    if ratings.nominal(net.gen, net.base_mva) is None:
        return inverters.bus[:0]
    unit = by_mbase(net, inverters)[positions(net.gen.id, inverters.units.gen)]
    return inverters.bus[np.unique(inverters.units.inverter[unit])]
