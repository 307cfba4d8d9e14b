"""Events of a simulation: outages, reclosures, steps of loads and of set points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.devices.machine import REGULATED
from scopf.dynamics.simulation.grid import DarkError, left
from scopf.errors import ScopfError, listing
from scopf.network import outages
from scopf.network.outages import Outage

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats
    from scopf.dynamics.simulation.grid import Asked, Origin
    from scopf.network.network import Network

Power = tuple[float, float]
SET_POINTS = ("p_mw", "q_mvar", "vm")


@dataclass(frozen=True)
class Event:
    """Changes at one moment of a simulation.

    Attributes:
        time: s.
        outage: branches and generators that are lost, as in `scopf.build`: "branch 6", "gen 3",
            "branch 6 + gen 3", a branch number, or a list of them.
        reclose: branches that come back, likewise.
        load_step: power that a load draws more, (MW, MVAr) by bus, at the voltage of the operating
            point.
        set_point: new set points by bus, or by generator ("gen 3") where devices share a bus:
            `p_mw`; `vm`, the voltage at which an inverter gives its reactive power or a regulator
            its field; `q_mvar` of inverters and grid-following inverters. Those of a bus are of its
            units together.
    """

    time: float
    outage: Any = None
    reclose: Any = None
    load_step: Mapping[int, Power] | None = None
    set_point: Mapping[int | str, Mapping[str, float]] | None = None

    def text(self) -> str:
        """A phrase for all that happens."""
        parts = [f"{_names(self.outage)} is lost"] if self.outage is not None else []
        if self.reclose is not None:
            parts.append(f"{_names(self.reclose)} recloses")
        for bus, (p, q) in (self.load_step or {}).items():
            parts.append(f"load at bus {bus} {p:+g} MW, {q:+g} MVAr")
        for place, values in (self.set_point or {}).items():
            changes = ", ".join(f"{name} {value:g}" for name, value in values.items())
            parts.append(f"set point at {place_text(place)}: {changes}")
        return "; ".join(parts) or "nothing changes"


def place_text(key: Any) -> str:
    """A key of `load_step` or `set_point` in a sentence: "bus 8", "gen 3"."""
    return f"bus {key}" if isinstance(key, (int, np.integer)) else str(key)


def _names(given: Any) -> str:
    if isinstance(given, Outage):
        return given.name
    if isinstance(given, (list, tuple)):
        return " + ".join(_names(one) for one in given)
    parts = [part.strip() for part in str(given).split("+")]
    return " + ".join(f"branch {part}" if part.isdecimal() else part for part in parts)


def elements(given: Any, net: Network) -> Outage:
    """The branches and generators that an event names, as one outage.

    Raises:
        ScopfError: for what the energized network does not have in service.
    """
    rows = given if isinstance(given, (list, tuple)) else [given]
    return outages.read([tuple(one for row in rows for one in _listed(row))], net)[0]


def _listed(row: Any) -> list[Any]:
    if isinstance(row, Outage):
        return [*row.branches, *(f"gen {k}" for k in row.gens)]
    if isinstance(row, str):
        return [part.strip() for part in row.split("+")]
    return [row]


def gen_of(key: str) -> int | None:
    """The number in "gen 3"; None in any other text."""
    word, _, rest = key.strip().partition(" ")
    return int(rest) if word == "gen" and rest.strip().isdecimal() else None


def applied(event: Event, asked: Asked, origin: Origin) -> Asked:
    """Set points, and what is out of service, from an event on.

    Args:
        event: that has been through `scopf.dynamics.simulation.faults.check`.
        asked: what is asked for until then.
        origin: the grid at its operating point.

    Raises:
        ScopfError: for what makes no sense in that state of the grid.
    """
    where = f"event at {event.time:g} s"
    try:
        asked = _switched(event, asked, origin)
        asked = _loaded(event, asked, origin)
        return _set(event, asked, origin)
    except ScopfError as error:
        raise ScopfError(f"{where}: {error}") from None


def _switched(event: Event, asked: Asked, origin: Origin) -> Asked:
    branches, gens = set(asked.out.branches), set(asked.out.gens)
    if event.outage is not None:
        lost = elements(event.outage, origin.net)
        again = [f"branch {k}" for k in lost.branches if k in branches]
        again += [f"gen {k}" for k in lost.gens if k in gens]
        if again:
            raise ScopfError(f"{listing(again)}: already out of service")
        branches, gens = branches | set(lost.branches), gens | set(lost.gens)
    if event.reclose is not None:
        back = elements(event.reclose, origin.net)
        if back.gens:
            raise ScopfError(
                f"gen {listing(back.gens)}: only branches reclose; a generator would have to be "
                "synchronised first"
            )
        closed = [k for k in back.branches if k not in branches]
        if closed:
            raise ScopfError(f"branch {listing(closed)}: in service, so it cannot reclose")
        branches -= set(back.branches)
    asked = asked.replace(out=Outage("", tuple(sorted(branches)), tuple(sorted(gens))))
    try:
        net, _ = left(origin, asked)
    except DarkError:
        return asked
    lost_network = set(origin.net.gen.id.tolist()) - set(net.gen.id.tolist()) - gens
    return asked.replace(idle=asked.idle | lost_network)


def _loaded(event: Event, asked: Asked, origin: Origin) -> Asked:
    if not event.load_step:
        return asked
    net, given = origin.net, event.load_step
    at, step = net.bus_positions(list(given)), np.zeros((2, len(net.bus)))
    for place, power in zip(at.tolist(), given.values(), strict=True):
        step[:, place] += np.asarray(power, dtype=np.float64) / net.base_mva
    return asked.replace(pd=asked.pd + step[0], qd=asked.qd + step[1])


def _set(event: Event, asked: Asked, origin: Origin) -> Asked:
    seen = np.zeros(len(origin.net.gen), dtype=bool)
    for place, values in (event.set_point or {}).items():
        own = _gens(place, origin)
        if (own & seen).any():
            raise ScopfError(f"set_point of {place_text(place)}: it has another one by another key")
        seen |= own
        asked = _set_at(place, values, asked, origin, f"set_point of {place_text(place)}")
    return asked


def _set_at(
    place: int | str, values: Mapping[str, float], asked: Asked, origin: Origin, text: str
) -> Asked:
    """New set points of the inverter or the device at a bus, or of a generator."""
    gens = _gens(place, origin)
    if not gens.any():
        raise ScopfError(
            f"{text}: no inverter, machine or grid-following inverter is there, only constant power"
        )
    gens &= ~np.isin(origin.net.gen.id, [*asked.out.gens, *asked.idle])
    if not gens.any():
        raise ScopfError(f"{text}: no inverter, machine or grid-following inverter is left there")
    units = np.isin(origin.unit_gen, np.flatnonzero(gens))
    owners = np.unique(origin.inverters.units.inverter[units])
    devices = np.flatnonzero(gens[origin.device_gen])
    if len(owners) + len(devices) > 1:
        raise ScopfError(
            f'{text}: several devices share the bus; name one by its generator, "gen 3"'
        )
    power, base = asked.power.copy(), origin.net.base_mva
    own = np.flatnonzero(gens)
    if "p_mw" in values:
        power[own] = _spread(power.real, own, values["p_mw"] / base) + 1j * power.imag[own]
    machine = len(devices) and devices[0] < len(origin.devices.machines)
    if "q_mvar" in values:
        if machine:
            raise ScopfError(f"{text}: a machine has no set point q_mvar; its field follows vm")
        power[own] = power.real[own] + 1j * _spread(power.imag, own, values["q_mvar"] / base)
    asked = asked.replace(power=power)
    if "vm" not in values:
        return asked
    if len(owners):
        v = asked.v_inverter.copy()
        v[owners] = values["vm"]
        return asked.replace(v_inverter=v)
    of, k = origin.devices, int(devices[0])
    held = (
        of.machines.kind[k] == REGULATED if machine else of.followers.kv[k - len(of.machines)] > 0
    )
    if not held:
        raise ScopfError(f"{text}: {of.labels[k]} regulates no voltage, so it has no set point vm")
    v = asked.v_device.copy()
    v[k] = values["vm"]
    return asked.replace(v_device=v)


def _gens(place: int | str, origin: Origin) -> Flags:
    """Mask of the generators that a key of `set_point` stands for."""
    gen = origin.net.gen
    found = gen.id == gen_of(place) if isinstance(place, str) else gen.bus == place
    return np.asarray(found & ~origin.constant)


def _spread(values: Floats, at: Any, total: float) -> Floats:
    """A total among several generators, each moved by the same amount."""
    return np.asarray(values[at] + (total - values[at].sum()) / len(at))
