"""Generators without a device: they are taken for constant P and Q, which is not on the safe side.

A synchronous machine, for one, may grow unstable where a source of constant power would not. So
every statement about stability names them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scopf.errors import ScopfError, listing
from scopf.network.tables import positions

if TYPE_CHECKING:
    from scopf.arrays import Complexes, Floats, Ints
    from scopf.devices.gfm import Inverters
    from scopf.devices.mixed import Devices
    from scopf.network.network import Network


@dataclass(frozen=True)
class ConstantPower:
    """Generators that are taken for constant power; as text, a sentence.

    Attributes:
        generators: their number, dispatchable loads not counted.
        share_of_dispatch: their part of the active power of all generators, both in absolute
            values; NaN where it is not known or nothing is dispatched.
    """

    generators: int
    share_of_dispatch: float

    def __str__(self) -> str:
        several = "" if self.generators == 1 else "s"
        text = f"taken for constant power: {self.generators} generator{several}"
        if np.isnan(self.share_of_dispatch):
            return text
        return f"{text}, {percent(self.share_of_dispatch)} % of the dispatch"

    def as_dict(self) -> dict[str, int | float | None]:
        """For JSON: the same by name, None where the share is not known."""
        share = None if np.isnan(self.share_of_dispatch) else self.share_of_dispatch
        return {"generators": self.generators, "share_of_dispatch": share}


def percent(share: float) -> str:
    """A share as a number of per cent."""
    return f"{100 * share:.3g}"


def constant_power(
    net: Network, inverters: Inverters, pg: Floats, devices: Ints | None = None
) -> ConstantPower | None:
    """The generators that are neither a unit of an inverter nor a device; None if there are none.

    Args:
        net: energized network.
        inverters: at its buses.
        pg: active power of its generators; NaN where it is not known.
        devices: numbers of the generators that are machines or grid-following inverters.
    """
    source = ~net.gen.constant_pf
    without = source & ~np.isin(net.gen.id, inverters.units.gen)
    if devices is not None:
        without &= ~np.isin(net.gen.id, devices)
    if not without.any():
        return None
    p = np.abs(pg)
    total = float(p[source].sum())
    share = float(p[without].sum()) / total if total != 0 else float("nan")
    return ConstantPower(int(without.sum()), share)


def output(
    net: Network, inverters: Inverters, p_bus: Floats, devices: Ints | None = None
) -> Floats:
    """Active power of each generator, by what comes from the generators of its bus together.

    It is split evenly. NaN where inverters, devices, other generators and dispatchable loads share
    a bus.

    Args:
        net: energized network.
        inverters: at its buses.
        p_bus: active power from the generators of each bus.
        devices: numbers of the generators that are machines or grid-following inverters.
    """
    gen, at = net.gen, net.gen_at
    kind = np.where(gen.constant_pf, 2, np.isin(gen.id, inverters.units.gen))
    if devices is not None:
        kind[np.isin(gen.id, devices)] = 3
    least, most = np.full(len(p_bus), 3), np.zeros(len(p_bus), dtype=np.int64)
    np.minimum.at(least, at, kind)
    np.maximum.at(most, at, kind)
    each: Floats = p_bus[at] / np.bincount(at, minlength=len(p_bus))[at]
    return np.where(least[at] == most[at], each, np.nan)


def device_power(
    net: Network, inverters: Inverters, devices: Devices, left: Complexes, power: Complexes | None
) -> Complexes:
    """P + jQ of each device, of all generators' or, where that is not known, of what is missing.

    Args:
        net: energized network.
        inverters: at its buses.
        devices: at its buses.
        left: power that is left over at each bus without any generator.
        power: of all generators; None if it is not known.

    Raises:
        ScopfError: where it is not known, and devices share their bus with other generators.
    """
    at, gens = positions(net.gen.id, devices.gens), devices.gens
    if power is not None:
        return power[at]
    p, q = (output(net, inverters, -part, gens)[at] for part in (left.real, left.imag))
    if (shared := np.isnan(p)).any():
        raise ScopfError(
            f"what the devices at bus {listing(np.unique(devices.bus[shared]))} put out is not "
            "known, as they share their bus with other generators: give power=(p, q)"
        )
    found: Complexes = p + 1j * q
    return found
