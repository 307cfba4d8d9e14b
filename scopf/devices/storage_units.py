"""Storage in the tables of a network: a generator at its bus and, with a droop, an inverter."""

from __future__ import annotations

import numpy as np

from scopf.arrays import Ints, texts
from scopf.devices import gfm_parameters
from scopf.devices.gfm import Inverters
from scopf.devices.storage import Storage
from scopf.devices.units import Units, parallel
from scopf.network.network import Network
from scopf.network.stacking import joined
from scopf.network.tables import Gens

_WIDE = 2.0  # of a limit on Q that the converter's circle reaches first


def numbers(storage: Storage, net: Network) -> Ints:
    """Numbers of the generators that stand for storage: they follow those of the case."""
    first = int(net.gen.id.max(initial=0)) + 1
    return np.arange(first, first + len(storage))


def with_storage(net: Network, storage: Storage, ids: Ints) -> Network:
    """An energized network with a generator of no cost for each storage.

    Args:
        net: the network.
        storage: at its buses.
        ids: numbers of their generators.
    """
    n = len(storage)
    none, nothing = np.zeros(n), np.zeros((n, 1))
    at = net.bus_positions(storage.bus)
    units = Gens(
        id=ids,
        bus=storage.bus,
        in_service=np.ones(n, dtype=bool),
        pg=none,
        qg=none,
        pmin=-storage.charge
        - storage.p_loss
        - storage.r * (storage.rating / net.bus.vmin[at]) ** 2,
        pmax=storage.discharge,
        qmin=np.where(storage.qmin <= -storage.rating, _WIDE * storage.qmin, storage.qmin),
        qmax=np.where(storage.qmax >= storage.rating, _WIDE * storage.qmax, storage.qmax),
        vg=net.bus.vm[at],
        mbase=storage.rating * net.base_mva,
        cost_p=nothing,
        cost_q=nothing,
        name=texts([f"storage {number}" for number in storage.id.tolist()]),
    )
    return net.replace(gen=joined([net.gen, units]))


def inverters_with(storage: Storage, inverters: Inverters, ids: Ints, net: Network) -> Inverters:
    """Inverters with storage that has a droop as further units; their buses have inverters then.

    Beside units with a current limit, that of storage is its rating at 1 p.u. voltage.

    Args:
        storage: all storage.
        inverters: of the network, without it.
        ids: numbers of the generators that stand for storage.
        net: the network, whose order of buses holds.
    """
    new = ~np.isnan(storage.mq)
    if not new.any():
        return inverters
    of, count = inverters.units, int(new.sum())
    columns = {name: np.full(count, value) for name, value in gfm_parameters.DEFAULTS.items()}
    columns |= {"mq": storage.mq[new], "rating": storage.rating[new]}
    limited = np.isin(storage.bus[new], inverters.bus[~np.isnan(inverters.imax)])
    columns |= {"imax": np.where(limited, 1.0, np.nan)}  # else the units beside it had no limit
    owner = np.concatenate([inverters.bus[of.inverter], storage.bus[new]])
    at = net.bus_positions(owner)
    order = np.argsort(at, kind="stable")
    places, inverter = np.unique(at[order], return_inverse=True)
    units = Units(
        gen=np.concatenate([of.gen, ids[new]])[order],
        inverter=inverter,
        **{
            name: np.concatenate([values, columns[name]])[order]
            for name, values in of.numbers.items()
        },
    )
    whole = parallel(units.numbers, units.inverter, len(places))
    bus = net.bus.id[places]
    same = np.flatnonzero(~np.isin(bus, storage.bus[new]))  # without rounding
    before = np.searchsorted(net.bus_positions(inverters.bus), places[same])
    for name, values in inverters.numbers.items():
        whole[name][same] = values[before]
    gens = tuple(tuple(units.gen[units.inverter == k].tolist()) for k in range(len(places)))
    return Inverters(bus, gens, **whole, units=units)
