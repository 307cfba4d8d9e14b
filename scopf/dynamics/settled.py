"""The networks after outages side by side, and what belongs to what in the intact one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.devices.gfm import Inverters
from scopf.devices.mixed import Devices
from scopf.devices.stacking import devices_side_by_side, side_by_side
from scopf.network.islands import first_references
from scopf.network.network import LOADS, Network
from scopf.network.outages import Outage
from scopf.network.stacking import Stack
from scopf.network.tables import REFERENCE, positions

Emergency = float | None
_REGULATED = 2  # bus type


@dataclass(frozen=True)
class Bands:
    """What is allowed after an outage, unless it has limits of its own.

    Attributes:
        emergency: factor on rating A; None for rating B, or A where there is none.
        voltage_band: p.u. by which voltage limits are wider.
        frequency_band: p.u. that the frequency may deviate by.
    """

    emergency: Emergency = None
    voltage_band: float = 0.05
    frequency_band: float = 0.01


def network_after(outage: Outage, net: Network, bands: Bands) -> Network:
    """The energized network after an outage, with the limits that hold there."""
    band = bands.voltage_band if outage.voltage_band is None else outage.voltage_band
    factor = bands.emergency if outage.emergency is None else outage.emergency
    left = outage.network(net)
    branch, bus = left.branch, left.bus
    if factor is None:
        short = np.isfinite(branch.rate_b) & (branch.rate_b > 0)
        rate = np.where(short, branch.rate_b, branch.rate)
    else:
        rate = branch.rate * factor
    limits = {"vmin": np.maximum(bus.vmin - band, 0.0), "vmax": bus.vmax + band}
    gen = {"constant_pf": np.zeros(len(left.gen), dtype=bool)}  # Q stays as it is with P
    kind = np.where(bus.type == REFERENCE, _REGULATED, bus.type)  # further angles follow
    kind[first_references(left.island, bus)] = REFERENCE
    return left.replace(bus={**limits, "type": kind}, branch={"rate": rate}, gen=gen)


@dataclass(frozen=True, eq=False)
class Settled:
    """All states after outages.

    Positions are those in `net`, the networks side by side, unless they are said to be of the
    intact network.

    Attributes:
        outages: one for each state.
        bands: what is allowed there.
        intact: the energized intact network.
        stack: the networks of the states.
        inverters: of all states, with the droops that are left.
        devices: machines and grid-following inverters of all states.
        bus, gen, branch, dcline: position in the intact network of every element.
        inverter: position among the intact network's inverters of every inverter.
        sheds: whether load may be shed.
    """

    outages: tuple[Outage, ...]
    bands: Bands
    intact: Network
    stack: Stack
    inverters: Inverters
    devices: Devices
    bus: Ints
    gen: Ints
    branch: Ints
    dcline: Ints
    inverter: Ints
    sheds: bool = False

    @classmethod
    def after(
        cls,
        outages: Sequence[Outage],
        bands: Bands,
        intact: Network,
        inverters: Inverters,
        devices: Devices | None = None,
        *,
        sheds: bool = False,
    ) -> Settled:
        """States after outages of an energized network, in which load may be shed or not."""
        nets = {outage.name: network_after(outage, intact, bands) for outage in outages}
        stack = Stack.of(f"{intact.name} after outages", nets)
        those = [_left(*one, inverters) for one in zip(outages, stack.parts, strict=True)]
        at = {
            key: positions(intact.tables[key].id, stack.ids(key))
            for key in ("bus", "gen", "branch", "dcline")
        }
        place = np.concatenate([positions(inverters.bus, one.bus) for one in those])
        together = side_by_side(those, stack.step)
        given = Devices.none() if devices is None else devices
        left = [given.left_in(net) for net in stack.parts]
        further = devices_side_by_side(left, stack.step)
        return cls(
            tuple(outages), bands, intact, stack, together, further, **at, inverter=place,
            sheds=sheds,
        )  # fmt: skip

    @property
    def net(self) -> Network:
        """The networks side by side."""
        return self.stack.net

    @property
    def names(self) -> tuple[str, ...]:
        """The states."""
        return tuple(outage.name for outage in self.outages)

    def key(self, number: Any) -> Any:
        """Key on the model: the state's name, and the id or ids of the intact network.

        Args:
            number: an id of the networks side by side, several of one state, or a tuple that has
                such keys in it.
        """
        return self.stack.key(number)

    def label(self, text: str) -> str:
        """The label of an element with ids of the networks side by side, in the user's own ids."""
        own, name = self.stack.label(text)
        return f"{own} after {name}"

    # -- inverters -------------------------------------------

    @cached_property
    def keep(self) -> Ints:
        """Position of each inverter's bus."""
        return self.net.bus_positions(self.inverters.bus)

    @cached_property
    def units(self) -> Ints:
        """Position of every generator that is a unit of an inverter."""
        return np.sort(positions(self.net.gen.id, self.inverters.units.gen))

    @cached_property
    def owner(self) -> Ints:
        """Position of the inverter of each generator, -1 where it is no unit of one."""
        found = np.full(len(self.net.gen), -1)
        of = self.inverters.units
        found[positions(self.net.gen.id, of.gen)] = of.inverter
        return found

    @cached_property
    def share(self) -> Floats:
        """Active power that each generator gives less per deviation of the frequency.

        1 / (m_p beta_p) of a unit of an inverter, but zero for one without a range of active power,
        such as a condenser; of a machine see `Devices.shares`; zero for others.
        """
        found, of, gen = np.zeros(len(self.net.gen)), self.inverters.units, self.net.gen
        found[positions(gen.id, of.gen)] = 1.0 / (of.mp * of.beta_p)
        return np.where(gen.pmin < gen.pmax, found, 0.0) + self.devices.shares(self.net)

    # -- machines and grid-following inverters -------------------------------------------

    @cached_property
    def machine_gen(self) -> Ints:
        """Position of the generator of every machine."""
        return positions(self.net.gen.id, self.devices.machines.gen)

    @cached_property
    def follower_gen(self) -> Ints:
        """Position of the generator of every grid-following inverter."""
        return positions(self.net.gen.id, self.devices.followers.gen)

    @cached_property
    def sources(self) -> Ints:
        """Positions of the buses whose inverters or machines hold voltage and frequency."""
        return np.union1d(self.keep, self.net.gen_at[self.machine_gen])

    # -- islands -------------------------------------------

    @cached_property
    def _island(self) -> tuple[Ints, Ints]:
        """Islands with sources, by number in `net`; place of each bus's island there."""
        numbers = np.unique(self.net.island[self.sources])
        place = np.full(int(self.net.island.max(initial=0)) + 1, -1)
        place[numbers] = np.arange(len(numbers))
        return numbers, place[self.net.island]

    @cached_property
    def islands(self) -> list[tuple[str, int]]:
        """Key of each island with inverters or machines: state, and its number there from 1."""
        numbers, _ = self._island
        first = dict[int, int]()
        for number, part in zip(
            self.net.island.tolist(), self.stack.bus_part.tolist(), strict=True
        ):
            first.setdefault(part, number)
        of = dict(zip(self.net.island.tolist(), self.stack.bus_part.tolist(), strict=True))
        return [(self.outages[of[k]].name, k - first[of[k]] + 1) for k in numbers.tolist()]

    @cached_property
    def bus_island(self) -> Ints:
        """Place of each bus's island among those with sources; 0 where it has none."""
        return np.maximum(self._island[1], 0)

    @cached_property
    def gen_island(self) -> Ints:
        """Place of each generator's island among those with sources; 0 where it has none.

        Its `share` is zero then.
        """
        return np.maximum(self._island[1][self.net.gen_at], 0)

    @cached_property
    def frequency_band(self) -> Floats:
        """P.u. that the frequency of each island may deviate by."""
        own = {one.name: one.frequency_band for one in self.outages}
        given = [own[name] for name, _ in self.islands]
        default = self.bands.frequency_band
        return np.array([default if one is None else one for one in given], dtype=np.float64)

    @cached_property
    def covered(self) -> Floats:
        """Loss of power that the droops cover within the frequency band after each outage, p.u.

        It is frequency_band times the sum of the shares of the units that are left, in the island
        with the largest sum.
        """
        part = {name: k for k, name in enumerate(self.names)}
        sums = np.bincount(self.gen_island, self.share, len(self.islands)) * self.frequency_band
        found = np.zeros(len(self.outages))
        np.maximum.at(found, [part[name] for name, _ in self.islands], sums)
        return found

    # -- rows -------------------------------------------

    @cached_property
    def same_q(self) -> Ints:
        """Generators whose reactive power stays: no device, and they hold no voltage."""
        gen = self.intact.gen
        holds = (gen.qmin < gen.qmax) & ~gen.constant_pf
        free = holds[self.gen] & ~np.isin(self.net.gen_at, self.sources)
        return np.flatnonzero(~self._of_device & ~free)

    @cached_property
    def own_q(self) -> Ints:
        """Generators whose reactive power is their own: it stays, or is that of their device.

        All others of a bus share what their inverter gives, or what holds the voltage.
        """
        return np.unique(np.concatenate([self.same_q, self.machine_gen, self.follower_gen]))

    @cached_property
    def governed(self) -> Ints:
        """Generators that follow the frequency: units of inverters, machines with governors."""
        machines = self.machine_gen[np.isfinite(self.devices.machines.r)]
        return np.union1d(self.units, machines)

    @cached_property
    def _of_device(self) -> Flags:
        """Mask of the generators that are units of inverters, machines or grid-following."""
        found = self.owner >= 0
        found[np.concatenate([self.machine_gen, self.follower_gen])] = True
        return found

    @cached_property
    def held(self) -> Ints:
        """Buses whose voltage a generator holds that is no device."""
        holding = ~self._of_device
        holding[self.same_q] = False
        return np.unique(self.net.gen_at[holding])

    @cached_property
    def ranged(self) -> Ints:
        """Units with limits on their active power that are not those of the intact network.

        They are inverters with droops and machines with governors. Where nothing is lost, neither
        loads nor losses change, and the frequency stays.
        """
        net = self.intact
        balanced = not (net.has_losses or net.bus.has_current or self.sheds)
        able, ranges = self.governed, self.net.gen.pmin < self.net.gen.pmax
        moving = able[(self.share > 0)[able] & ranges[able]]
        if balanced:
            moved = [
                bool(outage.gens) or len(net.bus) < len(self.intact.bus) or net.islands > 1
                for outage, net in zip(self.outages, self.stack.parts, strict=True)
            ]
            moves: Flags = np.array(moved)[self.stack.part_of("gen")[moving]]
            return np.asarray(moving[moves])
        return moving

    # -- other numbers -------------------------------------------

    def with_numbers(self, intact: Network) -> Network:
        """The networks of the states, side by side, with loads and impedances of this one.

        Args:
            intact: with the elements of the intact network.
        """
        branch = {name: getattr(intact.branch, name)[self.branch] for name in ("r", "x")}
        bus = {name: getattr(intact.bus, name)[self.bus] for name in LOADS}
        return self.net.replace(bus=bus, branch=branch)

    def with_droops(self, inverters: Inverters) -> Inverters:
        """The inverters of all states, with droops of these of the intact network."""
        those = [self.inverters_after(part, inverters) for part in range(len(self.outages))]
        return side_by_side(those, self.stack.step)

    def inverters_after(self, part: int, inverters: Inverters) -> Inverters:
        """The inverters after one outage, in the user's own ids.

        Args:
            part: of the networks.
            inverters: of the intact network.
        """
        return _left(self.outages[part], self.stack.parts[part], inverters)

    def left(self, inverters: Inverters) -> Floats:
        """Share of its stiffness 1/m_q that every inverter has.

        Args:
            inverters: of the intact network.
        """
        now: Floats = inverters.mq[self.inverter] / self.with_droops(inverters).mq
        return now


def _left(outage: Outage, net: Network, inverters: Inverters) -> Inverters:
    """The inverters that are left after an outage."""
    gone = np.setdiff1d(inverters.bus, net.bus.id)
    return inverters.without_units(outage.gens).without(gone)
