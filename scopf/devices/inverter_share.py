"""Share of inverters: machines that are grid-forming inverters instead, the smallest first.

The share is that of Pmax: of the generators that are units of inverters, over all that are in
service. Dispatchable loads do not count.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.devices.device_table import DeviceTable
from scopf.devices.gfm import Inverters
from scopf.devices.parameters import RATING
from scopf.errors import ScopfError, listing, number

if TYPE_CHECKING:
    from scopf.network.network import Network

log = logging.getLogger(__name__)

_ROUNDING = 1e-9  # of a share that is reached
_ALIKE = ("mq", "beta_q", "mp", "beta_p", "tau_p", "tau_q", "imax")  # numbers of a unit


def share(net: Network, inverters: Inverters) -> float:
    """Share of Pmax that units of inverters have, 0 to 1; NaN where no generator has any.

    Args:
        net: the network.
        inverters: at its buses.
    """
    sizes = _pmax(net)
    total, units = sum(sizes.values()), set(inverters.units.gen.tolist())
    part = sum(size for gen, size in sizes.items() if gen in units)  # all of them are exactly 1
    return part / total if total > 0 else float("nan")


def applied(
    table: DeviceTable,
    inverters: Inverters | None,
    net: Network,
    wanted: float | None,
    gens: Iterable[int] | None = None,
) -> tuple[DeviceTable, Inverters | None]:
    """The devices with some machines as inverters instead, and the inverters with these units.

    Machines are taken in the order of their Pmax, the smallest first and by number where it is
    equal, until inverters have at least the share that is wanted. Those without Pmax, such as
    condensers, stay machines unless they are named.

    Args:
        table: the devices.
        inverters: that were given; None for all generators that the table does not name. Their
            units have some numbers alike, which units that join them have too.
        net: the network.
        wanted: share of Pmax, 0 to 1; None for all of `gens`.
        gens: numbers of the generators that are inverters, in the order in which they are taken;
            None for all machines, as above. Those that are inverters already stay.

    Raises:
        ScopfError: for a share that is none, for a generator that is neither a machine nor an
            inverter, or when the inverters that were given differ from each other.
    """
    if wanted is None and gens is None:
        return table, inverters
    sizes = _pmax(net)
    machines = table.devices.machines.gen.tolist()
    others = set(table.devices.followers.gen.tolist())
    already = set(sizes) - set(table.rows)
    if inverters is not None:
        already &= set(inverters.units.gen.tolist())
    if gens is None:
        by_size = sorted((sizes[gen], gen) for gen in machines)
        order = [gen for size, gen in by_size if size > 0]
    else:
        order = _named(gens, net, machines, already, others)
    taken = order if wanted is None else _until(_checked(wanted), order, already, sizes)
    if not taken:
        return table, inverters
    chosen = np.isin(table.devices.gens, taken)
    after = DeviceTable(
        table.devices.take(~chosen),
        table.inverters,
        {gen: place for gen, place in table.rows.items() if gen not in taken},
        table.gfm | {gen: table.rows[gen] for gen in taken},
    )
    return after, None if inverters is None else _joined(inverters, taken, net)


def _pmax(net: Network) -> dict[int, float]:
    """Pmax of every generator in service that is no dispatchable load, not below zero, p.u."""
    gen = net.energized().gen
    there = ~gen.constant_pf
    found = np.maximum(gen.pmax[there], 0.0).tolist()
    return dict(zip(gen.id[there].tolist(), found, strict=True))


def _checked(wanted: float) -> float:
    value = number("inverter_share", wanted)
    if not 0 <= value <= 1:
        raise ScopfError(f"inverter_share is a share of Pmax, from 0 to 1, got {value:g}")
    return value


def _until(
    wanted: float, order: list[int], already: Collection[int], sizes: Mapping[int, float]
) -> list[int]:
    """The first of these generators with which inverters have the share that is wanted."""
    if endless := [gen for gen, size in sizes.items() if not np.isfinite(size)]:
        text = f"inverter_share: generator {listing(endless)} has no finite Pmax to share in"
        raise ScopfError(f"{text}; name the inverters (inverter_gens)")
    total, taken = sum(sizes.values()), list[int]()
    part = sum(sizes[gen] for gen in already)
    for gen in order:
        if part >= (wanted - _ROUNDING) * total:
            break
        taken.append(gen)
        part += sizes[gen]
    if part < (wanted - _ROUNDING) * total:
        text = "inverter_share %g is not reached: inverters have %.3g, and no machine is left"
        log.warning(text, wanted, part / total)
    return taken


def _named(
    gens: Iterable[int],
    net: Network,
    machines: Collection[int],
    already: Collection[int],
    others: Collection[int],
) -> list[int]:
    """Machines among the generators that a user named, in their order.

    Raises:
        ScopfError: listing those that are neither a machine nor an inverter.
    """
    if isinstance(gens, (str, int, float)):
        raise ScopfError(f"inverter_gens is a list of generator numbers, got {gens!r}")
    given = [number("inverter_gens", gen) for gen in gens]
    if wrong := [gen for gen in given if gen != int(gen)]:
        raise ScopfError(f"inverter_gens: {listing(wrong)} is no generator number")
    named, faults = list(map(int, given)), list[str]()
    loads = set(net.gen.id[net.gen.constant_pf].tolist())
    for gen in dict.fromkeys(named):
        if named.count(gen) > 1:
            faults.append(f"generator {gen} occurs twice")
        if gen in machines or gen in already:
            continue
        why = "there is no generator of this number in service"
        if gen in others:
            why = "it is a grid-following inverter, and no machine"
        elif gen in loads:
            why = "it is a dispatchable load"
        elif gen in net.energized().gen.id:
            why = "it is neither a machine nor among the inverters that were given"
        faults.append(f"generator {gen}: {why}")
    if faults:
        raise ScopfError(f"inverter_gens: {'; '.join(faults)}")
    return [gen for gen in named if gen in machines]


def _joined(inverters: Inverters, gens: Collection[int], net: Network) -> Inverters:
    """Inverters with further units, whose numbers are those that all the others have alike.

    Raises:
        ScopfError: when these differ.
    """
    import pandas as pd

    of = inverters.without(net.energized().unserved.bus).units
    alike, differ = dict[str, Any](), list[str]()
    for name in _ALIKE:
        values = np.unique(getattr(of, name))
        if len(values) > 1:
            differ.append(name)
        elif len(values):
            alike[name] = float(values[0])
    if differ:
        raise ScopfError(
            f"inverter_share: the inverters that were given differ in {listing(differ)}, so that "
            "it is open what the units have that join them: give inverters with these units, or "
            "none"
        )
    without = set(_pmax(net)) - set(of.gen.tolist()) - set(gens)
    if not len(of):
        return Inverters.at_generators(net, without=without)
    table = pd.DataFrame({"gen": of.gen, RATING: of.rating * net.base_mva})
    return Inverters.at_generators(net, without=without, table=table, **alike)


def refuse_without_devices(given: Mapping[str, object]) -> None:
    """Refuse a share of inverters where nothing says which generators are machines.

    Raises:
        ScopfError: naming what was given.
    """
    if names := [name for name, value in given.items() if value is not None]:
        raise ScopfError(
            f"{listing(names)}: without devices every generator is an inverter already; give the "
            "machines (devices=, --devices)"
        )
