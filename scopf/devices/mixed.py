"""Devices of a grid beside its grid-forming inverters: machines and grid-following inverters."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar

import numpy as np

from scopf.arrays import texts
from scopf.devices import gfl, machine
from scopf.devices.gfl import Followers
from scopf.devices.machine import Machines
from scopf.errors import ScopfError, counted, listing
from scopf.network.tables import positions

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints
    from scopf.devices.gfm import Inverters
    from scopf.network.network import Network

Kind = TypeVar("Kind", Machines, Followers)


class Slopes(NamedTuple):
    """Slopes -V dQ/dV of devices, summed by bus, and whether their angles are within the limit.

    Attributes:
        steady: at constant power and field, or with regulators and support in their steady state;
            per unit, shape (n,).
        transient: at constant flux, before regulators and lagging support do anything.
        k: second derivative of each machine's energy by its angle at constant field; where it is
            not positive, the machine is past its steady-state angle limit and has no slope.
        k_transient: the same at constant flux.
    """

    steady: Floats
    transient: Floats
    k: Floats
    k_transient: Floats


@dataclass(frozen=True, eq=False)
class Devices:
    """Machines and grid-following inverters, in this order, each of one generator.

    Attributes:
        machines: synchronous machines.
        followers: grid-following inverters.

    Raises:
        ScopfError: when a generator occurs twice.
    """

    machines: Machines
    followers: Followers

    def __post_init__(self) -> None:
        gens, times = np.unique(self.gens, return_counts=True)
        if (times > 1).any():
            raise ScopfError(f"generator {listing(gens[times > 1])}: it is a device twice")

    @classmethod
    def none(cls) -> Self:
        """No device at all."""
        ids, numbers = np.zeros(0, dtype=np.int64), np.zeros(0)
        machines = Machines(ids, ids, texts([]), *[numbers] * 10)
        return cls(machines, Followers(ids, ids, *[numbers] * 4))

    def __len__(self) -> int:
        return len(self.machines) + len(self.followers)

    @property
    def gens(self) -> Ints:
        """Numbers of their generators."""
        return np.concatenate([self.machines.gen, self.followers.gen]).astype(np.int64)

    @property
    def bus(self) -> Ints:
        """Numbers of their buses."""
        return np.concatenate([self.machines.bus, self.followers.bus]).astype(np.int64)

    @property
    def kinds(self) -> list[str]:
        """Kind of each: "one-axis", "classical", "avr" or "gfl"."""
        return [*map(str, self.machines.kind), *[gfl.GFL] * len(self.followers)]

    @property
    def labels(self) -> list[str]:
        """A name for each, such as "machine at bus 31", or "gfl 5 at bus 7" of several there."""
        found = list[str]()
        for word, kind in (("machine", self.machines), (gfl.GFL, self.followers)):
            buses = kind.bus.tolist()
            for gen, bus in zip(kind.gen.tolist(), buses, strict=True):
                number = f" {gen}" if buses.count(bus) > 1 else ""
                found.append(f"{word}{number} at bus {bus}")
        return found

    @property
    def conserve_energy(self) -> bool:
        """Whether a storage function decreases along their equations.

        True without grid-following inverters and regulators, for x_d >= x'd and damping that is not
        negative.
        """
        of = self.machines
        growing = ~of.classical & ((of.ka != 0) | (of.xd < of.xd1))
        return not (len(self.followers) or (growing | (of.d < 0)).any())

    def shares(self, net: Network) -> Floats:
        """Active power that every generator gives less per deviation of the frequency, p.u.

        That of a machine is 1/r of its governor, if it has a range of active power, and its damping
        d; zero for generators that are no machine.

        Args:
            net: network that has their generators.
        """
        of, gen = self.machines, net.gen
        found, at = np.zeros(len(gen)), positions(gen.id, of.gen)
        found[at] = np.where((gen.pmin < gen.pmax)[at], 1.0 / of.r, 0.0) + of.d
        return found

    def support(self, net: Network) -> Floats:
        """K_v of every generator: reactive power that it gives less per voltage."""
        found = np.zeros(len(net.gen))
        found[positions(net.gen.id, self.followers.gen)] = self.followers.kv
        return found

    def take(self, chosen: Flags) -> Self:
        """Those of a mask, shape (len(self),)."""
        if chosen.all():
            return self
        split = len(self.machines)
        return type(self)(
            taken(self.machines, chosen[:split]), taken(self.followers, chosen[split:])
        )

    def left_in(self, net: Network) -> Self:
        """Those whose generators a network has, such as one after an outage."""
        return self.take(np.isin(self.gens, net.gen.id))

    def fitting(self, net: Network, inverters: Inverters) -> Self:
        """Those of an energized network.

        Raises:
            ScopfError: when the network does not have their generators at these buses, in service,
                or they are units of inverters.
        """
        found = self.take(~np.isin(self.bus, net.unserved.bus))
        gens, place = found.gens, positions(net.gen.id, found.gens)
        there = place >= 0
        there[there] = net.gen.bus[place[there]] == found.bus[there]
        faults = []
        if not there.all():
            which = f"generator {listing(gens[~there])}"
            faults.append(f"{which}: {net.name} does not have it at its bus, in service")
        if (both := np.isin(gens, inverters.units.gen)).any():
            which = f"generator {listing(gens[both])}"
            faults.append(f"{which}: it is a unit of a grid-forming inverter as well")
        if faults:
            raise ScopfError(f"devices: {'; '.join(faults)}")
        return found

    def slopes_at(self, net: Network, p: Floats, q: Floats, v: Floats) -> Slopes:
        """Slopes at an operating point.

        Args:
            net: energized network of n buses.
            p: active powers of all its generators, per unit.
            q: their reactive powers.
            v: voltages of its buses, per unit, shape (n,).
        """
        of, place = self.machines, positions(net.gen.id, self.gens)
        at, bus = place[: len(of)], net.bus_positions(self.bus)
        args = p[at], q[at], v[bus[: len(of)]]
        now, flux = (machine.curvature(*args, x, of.xq) for x in (of.steady, of.xd1))
        support: Floats = gfl.slope(v[bus[len(of) :]], self.followers.kv)
        with np.errstate(divide="ignore", invalid="ignore"):
            regulated: Floats = machine.regulated(*args, of.steady, of.xq, of.ka)
            free: Floats = machine.slope(now)
            transient: Floats = machine.slope(flux)
        steady = np.where(of.classical | (of.ka == 0), free, regulated).astype(np.float64)
        lagging = np.where(self.followers.tv > 0, 0.0, support).astype(np.float64)

        def by_bus(machines: Floats, followers: Floats) -> Floats:
            weights = np.concatenate([machines, followers])
            return np.bincount(bus, weights, minlength=len(v)).astype(np.float64)

        return Slopes(by_bus(steady, support), by_bus(transient, lagging), now.ff, flux.ff)

    def __str__(self) -> str:
        return ", ".join(
            counted(len(kind), one, several)
            for kind, one, several in (
                (self.machines, "machine", "machines"),
                (self.followers, "grid-following inverter", "grid-following inverters"),
            )
            if len(kind)
        )


def taken(devices: Kind, chosen: Flags | Ints) -> Kind:
    """Those of a mask, or at these positions."""
    columns = {field.name: getattr(devices, field.name) for field in dataclasses.fields(devices)}
    return dataclasses.replace(devices, **{key: of[chosen] for key, of in columns.items()})
