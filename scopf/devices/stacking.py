"""Inverters and other devices of several networks side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from scopf.devices.gfm import Inverters
from scopf.devices.mixed import Devices, Kind
from scopf.devices.units import Units


def side_by_side(parts: Sequence[Inverters], step: int) -> Inverters:
    """Inverters of several networks, with numbers as `scopf.network.stacking.Stack` has them."""
    shift = np.concatenate([np.full(len(one), k * step) for k, one in enumerate(parts)])
    unit_shift = np.concatenate([np.full(len(one.units), k * step) for k, one in enumerate(parts)])
    first = np.cumsum([0, *(len(one) for one in parts)])[:-1]
    numbers = {
        name: np.concatenate([one.numbers[name] for one in parts]) for name in parts[0].numbers
    }
    units = {
        name: np.concatenate([one.units.numbers[name] for one in parts])
        for name in parts[0].units.numbers
    }
    gens = tuple(
        tuple(gen + k * step for gen in group) for k, one in enumerate(parts) for group in one.gens
    )
    of = Units(
        gen=np.concatenate([one.units.gen for one in parts]) + unit_shift,
        inverter=np.concatenate(
            [one.units.inverter + k for one, k in zip(parts, first, strict=True)]
        ),
        **units,
    )
    bus = np.concatenate([one.bus for one in parts]) + shift
    return Inverters(bus, gens, **numbers, units=of)


def devices_side_by_side(parts: Sequence[Devices], step: int) -> Devices:
    """Devices of several networks, in the same way."""
    machines, followers = [one.machines for one in parts], [one.followers for one in parts]
    return Devices(_joined(machines, step), _joined(followers, step))


def _joined(parts: Sequence[Kind], step: int) -> Kind:
    columns = {}
    for field in dataclasses.fields(parts[0]):
        shift = step if field.name in ("gen", "bus") else 0
        each = [getattr(one, field.name) + k * shift if shift else getattr(one, field.name)
                for k, one in enumerate(parts)]  # fmt: skip
        columns[field.name] = np.concatenate(each)
    return dataclasses.replace(parts[0], **columns)
