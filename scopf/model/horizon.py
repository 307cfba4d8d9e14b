"""The hours of one dispatch side by side: each is a network with loads of its own.

All hours have the same elements, and every family of the model has members for each hour: its keys
begin with the name of the hour, `m.bus_vm["3", 39]`. What couples hours are ramps
(`scopf.model.ramps`) and the energy in storage (`scopf.model.storage`). The cost is the sum over
the hours of the cost per hour times the duration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.devices.gfm import Inverters
from scopf.devices.mixed import Devices
from scopf.devices.stacking import devices_side_by_side, side_by_side
from scopf.devices.storage import Storage
from scopf.devices.storage_units import inverters_with, numbers, with_storage
from scopf.devices.units import Units
from scopf.engine.symbols import Key, Symbol
from scopf.errors import ScopfError, listing
from scopf.network.hours import Hours
from scopf.network.network import Network
from scopf.network.stacking import Stack
from scopf.network.tables import positions

_IN = " in hour "  # between the label of an element and the name of an hour


@dataclass(frozen=True, eq=False)
class Horizon:
    """All hours.

    Positions are those in `net`, the networks of the hours side by side.

    Attributes:
        hours: as they were given.
        storage: that couples them; None without.
        ramps: largest change of active power of each generator of an hour (storage not counted),
            p.u. per h; infinite for none.
        one: the network of the first hour, energized, with storage among its generators.
        storage_gen: numbers of the generators that stand for storage.
        stack: the networks of the hours.
        net: all of them, which knows what is not energized.
    """

    hours: Hours
    storage: Storage | None
    ramps: Floats | None
    one: Network
    storage_gen: Ints
    stack: Stack
    net: Network

    @classmethod
    def of(
        cls,
        given: Network,
        hours: Hours,
        storage: Storage | None,
        ramps: Floats | None,
    ) -> Horizon:
        """The hours of a network.

        Args:
            given: the network.
            hours: loads, costs and limits by hour.
            storage: at the network's buses.
            ramps: of all generators of `given`.
        """
        nets = [net.energized() for net in hours.nets]
        _check_alike(hours, nets)
        ids = np.zeros(0, dtype=np.int64)
        if storage is not None:
            ids = numbers(storage, given)
            nets = [with_storage(net, storage, ids) for net in nets]
        if ramps is not None:
            ramps = ramps[positions(given.gen.id, np.setdiff1d(nets[0].gen.id, ids))]
        stack = Stack.of(given.name, dict(zip(hours.names, nets, strict=True)))
        net = stack.net.replace(unserved=nets[0].unserved)
        return cls(hours, storage, ramps, nets[0], ids, stack, net)

    def __len__(self) -> int:
        return len(self.hours.names)

    # -- from one hour to all -------------------------------------------

    def side_by_side(self, inverters: Inverters) -> Inverters:
        """The inverters of all hours, those of storage among them.

        Args:
            inverters: of one hour, without storage.
        """
        if self.storage is not None:
            inverters = inverters_with(self.storage, inverters, self.storage_gen, self.one)
        return side_by_side([inverters] * len(self), self.stack.step)

    def devices(self, one: Devices) -> Devices:
        """The devices of all hours.

        Args:
            one: those of one hour.
        """
        return devices_side_by_side([one] * len(self), self.stack.step)

    def each(self, values: Mapping[int, float]) -> dict[int, float]:
        """Values by number of one hour as those by number of all."""
        step = self.stack.step
        return {k * step + one: x for k in range(len(self)) for one, x in values.items()}

    def scaled(self, load: Any) -> Network:
        """The networks with loads times a factor, or by bus number."""
        if hasattr(load, "items"):  # a mapping or a pandas Series
            self.one.scaled(load=load)  # which names the buses that there are not
            load = self.each(self.one.unserved.without(dict(load.items())))
        return self.net.scaled(load=load)

    # -- from all hours to one -------------------------------------------

    def own(self, ids: Ints) -> Ints:
        """Numbers of elements in their hour."""
        return ids % self.stack.step

    def numbers(self, kind: str, ids: Ints) -> Ints:
        """Numbers in the case of all elements of a kind, "bus" or "gen"; -1 for storage."""
        own = self.own(ids)
        return np.where(np.isin(own, self.storage_gen), -1, own) if kind == "gen" else own

    def hour(self, ids: Ints) -> Ints:
        """Position of the hour of each element, by its number."""
        return ids // self.stack.step

    def key(self, number: Any) -> Any:
        """Key on the model: the name of the hour, and the number or numbers there."""
        return self.stack.key(number)

    def label(self, text: str) -> str:
        """The label of an element in the user's own numbers, and its hour."""
        own, name = self.stack.label(text)
        first = int(self.storage_gen.min(initial=np.iinfo(np.int64).max))

        def named(match: re.Match[str]) -> str:
            number = int(match[1])
            return match[0] if number < first else f"storage {self._storage_id(number)}"

        return re.sub(r"\bgen (\d+)", named, own) + _IN + name

    def _storage_id(self, gen: int) -> int:
        assert self.storage is not None
        return int(self.storage.id[int(np.searchsorted(self.storage_gen, gen))])

    def unit(self, number: int) -> str:
        """A generator by its number here: "3", or "storage 1"."""
        own = number % self.stack.step
        return f"storage {self._storage_id(own)}" if own in self.storage_gen else str(own)

    def inverters(self, of_all: Inverters, part: int) -> Inverters:
        """The inverters of one hour, in the user's own numbers.

        Args:
            of_all: inverters of all hours.
            part: position of the hour.
        """
        here = np.flatnonzero(self.hour(of_all.bus) == part)
        units, shift = of_all.units, part * self.stack.step
        mine = self.hour(units.gen) == part
        columns = {name: values[mine] for name, values in units.numbers.items()}
        of = Units(units.gen[mine] - shift, units.inverter[mine] - here[0], **columns)
        gens = tuple(tuple(gen - shift for gen in of_all.gens[k]) for k in here.tolist())
        numbers = {name: values[here] for name, values in of_all.numbers.items()}
        return Inverters(of_all.bus[here] - shift, gens, **numbers, units=of)

    def given(self, of_all: Inverters) -> Inverters:
        """The inverters of one hour as they were given, without storage."""
        first = self.inverters(of_all, 0)
        return first.without_units(self.storage_gen.tolist())

    # -- durations -------------------------------------------

    def duration(self, symbol: Symbol) -> Floats:
        """Duration of the hour of each member of a family, h; NaN where the hour is not known."""
        if self._uniform is not None:
            return np.full(len(symbol), self._uniform)
        return np.array([self._durations.get(_hour(key), np.nan) for key in symbol.keys])

    def positions(self, symbol: Symbol) -> Ints:
        """Position of the hour of each member of a family."""
        place = {name: k for k, name in enumerate(self.hours.names)}
        return np.array([place[_hour(key)] for key in symbol.keys], dtype=np.int64)

    @cached_property
    def _uniform(self) -> float | None:
        of = self.hours.duration
        return float(of[0]) if (of == of[0]).all() else None

    @cached_property
    def _durations(self) -> dict[str, float]:
        return dict(zip(self.hours.names, self.hours.duration.tolist(), strict=True))

    # -- storage -------------------------------------------

    @cached_property
    def is_storage(self) -> Flags:
        """Mask of the generators that stand for storage."""
        return np.isin(self.own(self.net.gen.id), self.storage_gen)

    @cached_property
    def storage_at(self) -> Ints:
        """Position of the generator of each storage in each hour, shape (hours, storage)."""
        return np.flatnonzero(self.is_storage).reshape(len(self), -1)


def _check_alike(hours: Hours, nets: list[Network]) -> None:
    """Refuse hours in which other elements are energized than in the first one.

    Raises:
        ScopfError: naming them.
    """
    first = nets[0].bus.id
    other = [
        name
        for name, net in zip(hours.names, nets, strict=True)
        if not np.array_equal(net.bus.id, first)
    ]
    if other:
        raise ScopfError(
            f"hours: in hour {listing(other, most=5)} other buses are energized than in hour "
            f"{hours.names[0]}: an island has no source there (see Pmax, availability)"
        )


def _hour(key: Key) -> str:
    """Name of the hour in a key, or in a label of `Horizon.label`."""
    if isinstance(key, tuple):
        return str(key[0])
    return str(key).partition(_IN)[2]  # no label of an element has that in it
