"""A grid around its operating point, and what is asked of it at any time of a simulation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from scopf.devices.machine import Machines
from scopf.errors import CaseError
from scopf.network.outages import Outage
from scopf.network.tables import positions

if TYPE_CHECKING:
    from scopf.arrays import Complexes, Flags, Floats, Ints
    from scopf.devices.gfl import Followers
    from scopf.devices.gfm import Inverters
    from scopf.devices.mixed import Devices
    from scopf.dynamics.loads import Loads
    from scopf.network.network import Network


class DarkError(Exception):
    """No inverter and no machine is left to hold a voltage."""


@dataclass(frozen=True, eq=False)
class Origin:
    """A grid at its operating point; arrays per unit and rad, in the order of its tables.

    Attributes:
        net: energized network of n buses, with the powers of its DC lines.
        inverters: m grid-forming inverters.
        devices: d machines and grid-following inverters.
        loads: at the buses.
        vm, va: voltages, shape (n,).
        power: P + jQ of the generators.
        frequency: nominal, Hz.
        impedance_below: voltage, p.u., below which loads and other constant powers are constant
            impedances; 0 for never.
    """

    net: Network
    inverters: Inverters
    devices: Devices
    loads: Loads
    vm: Floats
    va: Floats
    power: Complexes
    frequency: float
    impedance_below: float

    @property
    def speed(self) -> float:
        """w_b, rad/s."""
        return 2 * np.pi * self.frequency

    @cached_property
    def at(self) -> Ints:
        """Positions of the inverters' buses."""
        return self.net.bus_positions(self.inverters.bus)

    @cached_property
    def device_at(self) -> Ints:
        """Positions of the devices' buses."""
        return self.net.bus_positions(self.devices.bus)

    @cached_property
    def device_gen(self) -> Ints:
        """Positions of the devices' generators."""
        return positions(self.net.gen.id, self.devices.gens)

    @cached_property
    def unit_gen(self) -> Ints:
        """Positions of the generators that are units of inverters."""
        return positions(self.net.gen.id, self.inverters.units.gen)

    @cached_property
    def constant(self) -> Flags:
        """Mask of the generators that are neither a unit of an inverter nor a device."""
        found = np.ones(len(self.net.gen), dtype=bool)
        found[np.concatenate([self.unit_gen, self.device_gen])] = False
        return found

    @cached_property
    def kinds(self) -> list[tuple[Machines | Followers, slice]]:
        """Machines and grid-following inverters, and their places among the devices."""
        of, split = self.devices, len(self.devices.machines)
        both = (of.machines, slice(0, split)), (of.followers, slice(split, len(of)))
        return [(kind, place) for kind, place in both if len(kind)]

    @cached_property
    def start(self) -> State:
        """The operating point."""
        states = np.zeros((5, len(self.devices)))
        for kind, place in self.kinds:
            power, bus = self.power[self.device_gen[place]], self.device_at[place]
            own = power.real, power.imag, self.vm[bus], self.va[bus]
            states[:, place] = kind.equilibrium(*own)
        return State(self.vm, self.va, np.zeros(len(self.inverters)), states)

    @cached_property
    def asked(self) -> Asked:
        """Set points and what is out of service at the operating point."""
        bus = self.device_at
        zero, none = np.zeros(len(self.net.bus)), Outage("")
        fields = self.start.devices[4]
        return Asked(none, zero, zero, self.power, self.vm[self.at], self.vm[bus], fields)


@dataclass(frozen=True, eq=False)
class State:
    """A point of a trajectory, angles in a frame that turns with the nominal frequency.

    All have a place for everything in the intact grid, NaN for what is not in operation.

    Attributes:
        vm, va: voltages of the buses, shape (..., n).
        dw: frequency deviations of the inverters, p.u., shape (..., m).
        devices: states of the devices, shape (..., 5, d).
    """

    vm: Floats
    va: Floats
    dw: Floats
    devices: Floats

    def last(self) -> State:
        """The last point of several."""
        return State(*(getattr(self, field.name)[-1] for field in dataclasses.fields(self)))

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """Points one after the other."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(*(np.concatenate([getattr(one, name) for one in parts]) for name in names))


@dataclass(frozen=True, eq=False)
class Asked:
    """Set points, and what is out of service. Per unit, in the order of the intact grid's tables.

    Attributes:
        out: branches and generators out of service.
        pd, qd: load beyond that of the operating point, at the same voltage, shape (n,).
        power: P + jQ of the generators.
        v_inverter: V_0 of the inverters.
        v_device: V_0 of the devices.
        field: E_fd,0 of the machines; no matter for others.
        idle: numbers of generators that have lost their network; they stay out when it comes back.
    """

    out: Outage
    pd: Floats
    qd: Floats
    power: Complexes
    v_inverter: Floats
    v_device: Floats
    field: Floats
    idle: frozenset[int] = frozenset()

    def replace(self, **changes: Any) -> Self:
        """A copy with other values."""
        return dataclasses.replace(self, **changes)


def left(origin: Origin, asked: Asked) -> tuple[Network, Inverters]:
    """The islands that an inverter or a machine holds at voltage, and the inverters there.

    Neither limits of power nor loads decide that, so limits only say which generators hold one.

    Raises:
        DarkError: when there is none.
    """
    gens = tuple(sorted({*asked.out.gens, *asked.idle}))
    out, source = dataclasses.replace(asked.out, gens=gens), np.zeros(len(origin.net.gen))
    machine_gens = origin.device_gen[: len(origin.devices.machines)]
    source[np.concatenate([origin.unit_gen, machine_gens])] = 1.0
    try:
        net = out.network(origin.net.replace(gen={"pmin": -source, "pmax": source}))
    except CaseError as error:  # nothing generates, or all islands are dead
        raise DarkError from error
    inverters = origin.inverters.without_units(gens)
    inverters = inverters.without(np.setdiff1d(inverters.bus, net.bus.id))
    machines = origin.devices.machines
    machine_bus = machines.bus[np.isin(machines.gen, net.gen.id)]
    sources = net.bus_positions(np.concatenate([inverters.bus, machine_bus]))
    held = np.isin(net.island, net.island[sources])
    if not held.any():
        raise DarkError
    return (net if held.all() else net.part(held)), inverters
