"""Kinds of generators, and of what stands at the buses of a network: for tables and maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from scopf.arrays import Flags, Ints, Strings, texts
from scopf.devices.device_table import GFM
from scopf.devices.gfl import GFL
from scopf.network.dynamics import CONSTANT_POWER
from scopf.network.tables import Gens, positions

if TYPE_CHECKING:
    from scopf.devices.gfm import Inverters
    from scopf.devices.mixed import Devices
    from scopf.network.network import Network

MACHINE, GENERATOR, NOTHING = "machine", "generator", "none"
LOAD = "dispatchable load"

#: Kinds in words, in the order in which they come first where several share a bus.
WORDS = {
    GFM: "grid-forming inverter",
    MACHINE: "synchronous machine",
    GFL: "grid-following inverter",
    CONSTANT_POWER: "constant power",
    GENERATOR: "generator",
    NOTHING: "no generator",
}
_KINDS = tuple(WORDS)


def of_gens(gen: Gens, forming: Ints, devices: Devices | None) -> Strings:
    """The device of each generator, as the column `device` of a table of devices has it.

    It is "gfm" for a unit of a grid-forming inverter, "one-axis", "classical", "avr" or "gfl" for
    a device, "constant power" for what is neither, and "dispatchable load".

    Args:
        gen: table of generators.
        forming: numbers of those that are units of grid-forming inverters.
        devices: machines and grid-following inverters; those of other generators do not count.
    """
    found = np.where(gen.constant_pf, LOAD, CONSTANT_POWER).astype(object)
    if devices is not None:
        place = positions(gen.id, devices.gens)
        there = place >= 0
        found[place[there]] = np.array(devices.kinds, dtype=object)[there]
    found[np.isin(gen.id, forming)] = GFM
    return texts(found.tolist())


@dataclass(frozen=True, eq=False)
class AtBuses:
    """Kinds of what stands at the buses of a network.

    Attributes:
        kind: of each bus, one of `WORDS`: that which comes first there.
        device: of each generator, as `of_gens` has it.
        storage: mask of the buses with storage.
    """

    kind: Strings
    device: Strings
    storage: Flags

    @classmethod
    def of(
        cls,
        net: Network,
        inverters: Inverters,
        devices: Devices | None = None,
        storage: Ints | None = None,
    ) -> Self:
        """Those of an energized network with inverters and devices.

        Args:
            net: the network.
            inverters: at its buses; their units are its generators.
            devices: machines and grid-following inverters.
            storage: numbers of the generators that stand for storage.
        """
        device = of_gens(net.gen, inverters.units.gen, devices)
        mine = np.isin(net.gen.id, [] if storage is None else storage)
        return cls(first_at(net, device), device, _marked(net, mine))

    @classmethod
    def of_network(cls, net: Network) -> Self:
        """The same by the network's own table of devices; without one, only where generators are.

        Args:
            net: energized.
        """
        table, gen = net.dynamics, net.gen
        other = GENERATOR if table is None else CONSTANT_POWER
        found = np.where(gen.constant_pf, LOAD, other).astype(object)
        if table is not None:
            at = positions(gen.id, table["gen"].to_numpy(dtype=np.int64))
            found[at[at >= 0]] = table["device"].to_numpy(dtype=object)[at >= 0]
        device = texts(found.tolist())
        return cls(first_at(net, device), device, np.zeros(len(net.bus), dtype=bool))

    def buses(self, kind: str) -> Ints:
        """Positions of the buses of a kind."""
        return np.flatnonzero(self.kind == kind)


def first_at(net: Network, device: Strings) -> Strings:
    """The kind that comes first at each bus, one of `WORDS`.

    Args:
        net: energized.
        device: of each generator, as `of_gens` has it.
    """
    first = np.full(len(net.bus), _KINDS.index(NOTHING))
    places = [_KINDS.index(kind_of(one)) for one in device.tolist()]
    np.minimum.at(first, net.gen_at, np.array(places, dtype=np.int64))
    return texts([_KINDS[k] for k in first.tolist()])


def kind_of(device: str) -> str:
    """The kind of a device, one of `WORDS`."""
    if device == LOAD:
        return NOTHING
    return device if device in WORDS else MACHINE


def _marked(net: Network, gens: Flags) -> Flags:
    found = np.zeros(len(net.bus), dtype=bool)
    found[net.gen_at[gens]] = True
    return found
