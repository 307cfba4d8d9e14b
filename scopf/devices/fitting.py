"""The inverters that a user gave for a network, or the default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scopf.devices.device_table import DeviceTable
from scopf.devices.gfm import Inverters
from scopf.errors import CaseError, Fault, ScopfError, listing
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


def units_beside(given: DeviceTable, units: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords of `Inverters.at_generators` for a grid with devices.

    Args:
        given: the devices, and what their table says of inverters.
        units: the same keywords without that, which overrides them.

    Raises:
        ScopfError: when there are numbers of inverters in two tables.
    """
    found = {**units, "without": list(given.rows)}
    if found.get("table") is None:
        found["table"] = given.inverters
    elif _says_more(given):
        raise ScopfError("give numbers of inverters in their own table or in that of devices")
    return found


def _says_more(given: DeviceTable) -> bool:
    """Whether a table of devices has numbers of inverters, beside key and `inverter`."""
    return given.inverters is not None and len(given.inverters.columns) > 2


def inverters_beside(
    given: DeviceTable, inverters: Inverters | None, net: Network, **units: Any
) -> Inverters:
    """The inverters of a grid with devices: those that were given, or all other generators.

    Args:
        given: the devices.
        inverters: None for the generators that are no device, with what the table says of them.
        net: the network.
        **units: keywords of `Inverters.at_generators`, which the table overrides.

    Raises:
        CaseError: listing every generator that is an inverter as well as a device, or is `gfm` and
            no inverter.
        ScopfError: when there is something about inverters in two tables, or they are given too.
    """
    if inverters is None:
        return Inverters.at_generators(net, **units_beside(given, units))
    inverters = chosen(inverters, net)
    members, faults = set(inverters.units.gen.tolist()), list[Fault]()
    for gen, (row, label) in given.rows.items():
        if gen in members:
            text = f"generator {gen} is one of the inverters that were given"
            faults.append(Fault(text, "device", row, label, "device"))
    for gen, (row, label) in given.gfm.items():
        if gen not in members:
            text = f"generator {gen} is not among the inverters that were given"
            faults.append(Fault(text, "device", row, label, "device"))
    if faults:
        raise CaseError("devices", faults)
    if _says_more(given):
        raise ScopfError("devices: inverters are given, so that their columns have no effect here")
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
