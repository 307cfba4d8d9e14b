"""Loads that follow the voltage of their bus: P = P* (V/V*)^n, with * the operating point."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.errors import ScopfError, listing, number
from scopf.network.network import LOADS

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints
    from scopf.network.network import Network

NAMED = {"power": 0.0, "current": 1.0, "impedance": 2.0}
Exponent = str | float | tuple[float, float]
Load = Exponent | Mapping[int, Exponent]


def junctions(net: Network, at: Ints) -> Ints:
    """Junction (zero-injection) buses: without inverter, load, generator and DC line; positions.

    Args:
        net: energized network.
        at: buses (positions) with an inverter.
    """
    busy = np.zeros(len(net.bus), dtype=bool)
    busy[at] = busy[net.gen_at] = busy[net.dcline_from] = busy[net.dcline_to] = True
    loads = (getattr(net.bus, key) != 0 for key in LOADS)
    return np.flatnonzero(~np.logical_or.reduce([busy, *loads]))


@dataclass(frozen=True, eq=False)
class Loads:
    """Loads at an operating point; away from it they follow the voltage with a power law.

    Attributes:
        p, q: at the operating point, per unit, shape (n,); constant-current loads left out.
        vm: voltages of the operating point, per unit.
        n_p, n_q: exponents of active and reactive power; 0 constant power, 1 constant current, 2
            constant impedance.
        p_current, q_current: constant-current loads of the network, their power at 1 p.u.
    """

    p: Floats
    q: Floats
    vm: Floats
    n_p: Floats
    n_q: Floats
    p_current: Floats
    q_current: Floats

    @classmethod
    def of(cls, net: Network, vm: Floats, load: Load) -> Loads:
        """Loads of a network; `load` has the exponents of those that are not constant-current."""
        bus = net.bus
        return cls(bus.pd, bus.qd, vm, *exponents(net, load), bus.pd_current, bus.qd_current)

    def power(self, vm: Floats) -> tuple[Floats, Floats]:
        """Active and reactive load of each bus at other voltages, per unit."""
        ratio = vm / self.vm
        p, q = self.p * ratio**self.n_p, self.q * ratio**self.n_q
        return p + self.p_current * vm, q + self.q_current * vm

    def stepped(self, p: Floats, q: Floats) -> Loads:
        """With more power at the voltages of the operating point, per unit."""
        return dataclasses.replace(self, p=self.p + p, q=self.q + q)

    def take(self, buses: Flags | Ints) -> Loads:
        """The loads at these buses only."""
        return Loads(*(getattr(self, field.name)[buses] for field in dataclasses.fields(self)))

    @property
    def dp(self) -> Floats:
        """Slope of the active load over the voltage, at the operating point."""
        return self.n_p * self.p / self.vm + self.p_current

    @property
    def dq(self) -> Floats:
        """Slope of the reactive load over the voltage, at the operating point."""
        return self.n_q * self.q / self.vm + self.q_current


def exponents(net: Network, load: Load) -> tuple[Floats, Floats]:
    """Exponents (n_p, n_q) of every bus.

    Args:
        net: the network.
        load: "power", "current", "impedance", an exponent, a pair (n_p, n_q), or any of these by
            bus number; buses that a mapping leaves out have constant power. It may name buses that
            are not energized.

    Raises:
        ScopfError: for a word, a number or a bus that is none of these.
    """
    by_bus: Any = load
    if not hasattr(by_bus, "items"):  # a mapping or a pandas Series has them
        n_p, n_q = pair(load)
        return np.full(len(net.bus), n_p), np.full(len(net.bus), n_q)
    given: dict[Any, Exponent] = net.unserved.without(dict(by_bus.items()))
    buses = set(net.bus.id.tolist())
    unknown = [bus for bus in given if bus not in buses]
    if unknown:
        raise ScopfError(f"load: {net.name} has no bus {listing(unknown)}")
    at = net.bus_positions(list(given))
    both = np.zeros((2, len(net.bus)))
    for position, one in zip(at.tolist(), given.values(), strict=True):
        both[:, position] = pair(one)
    return both[0], both[1]


def pair(load: Any) -> tuple[float, float]:
    """The two exponents of a load model that is none by bus.

    Raises:
        ScopfError: for a word or a number that is none.
    """
    if isinstance(load, str):
        if load not in NAMED:
            raise ScopfError(f"load is {listing(NAMED)} or an exponent, got {load!r}")
        return NAMED[load], NAMED[load]
    if isinstance(load, (tuple, list)):
        if len(load) != 2:
            raise ScopfError(f"load: a pair (n_p, n_q) of exponents has two numbers, got {load!r}")
        return number("load: n_p", load[0]), number("load: n_q", load[1])
    exponent = number("load", load)
    return exponent, exponent
