"""Inverters of several networks side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scopf.devices.gfm import Inverters, Units


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
