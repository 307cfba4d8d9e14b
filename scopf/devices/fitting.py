"""The inverters that a user gave for a network, or the default."""

from __future__ import annotations

from scopf.devices.gfm import Inverters
from scopf.errors import ScopfError, listing
from scopf.network.network import Network


def chosen(inverters: Inverters | None, net: Network) -> Inverters:
    """The inverters that were given, or by default one at every generator bus.

    Raises:
        ScopfError: when they are no Inverters.
    """
    if inverters is None:
        return Inverters.at_generators(net)
    if not isinstance(inverters, Inverters):
        raise ScopfError("inverters must be made by Inverters.at_generators(net, ...)")
    return inverters


def fitting(inverters: Inverters, net: Network) -> Inverters:
    """Those of the inverters that are energized.

    Raises:
        ScopfError: when they have generators that the network does not have in service.
    """
    inverters = inverters.without(net.unserved.bus)
    at = dict(zip(net.gen.id.tolist(), net.gen.bus.tolist(), strict=True))
    pairs = zip(inverters.bus.tolist(), inverters.gens, strict=True)
    unknown = [bus for bus, gens in pairs if any(at.get(gen) != bus for gen in gens)]
    if unknown:
        text = f"inverters at bus {listing(unknown)}: {net.name} does not have these generators"
        raise ScopfError(f"{text} there, in service; make the inverters from the same network")
    return inverters
