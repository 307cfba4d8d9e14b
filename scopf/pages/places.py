"""The network on the maps of pages, alike in every state: places, lines, kinds of buses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats
from scopf.devices.kinds import LOAD, WORDS, AtBuses
from scopf.errors import listing
from scopf.network import drawing
from scopf.pages import figure as f

if TYPE_CHECKING:
    from scopf.devices.gfm import Inverters
    from scopf.network.network import Network


def content(
    net: Network, at: AtBuses, inverters: Inverters, dead: drawing.Dead, names: dict[int, str]
) -> dict[str, Any]:
    """The network as the page's script needs it.

    Args:
        net: energized.
        at: what stands at its buses.
        inverters: at its buses.
        dead: buses that are not energized.
        names: of generators that are not called by their number.
    """
    place, beside = drawing.layout(net, dead)
    return {
        **points(place),
        "buses": net.bus.id.tolist(),
        "ends": np.column_stack([net.branch_from, net.branch_to]).tolist(),
        "branches": net.branch.id.tolist(),
        "dcends": np.column_stack([net.dcline_from, net.dcline_to]).tolist(),
        "dclines": net.dcline.id.tolist(),
        "kinds": at.kind.tolist(),
        "words": words(at),
        "storage": np.flatnonzero(at.storage).tolist(),
        "about": _about(net, at, inverters, names),
        "inverters": net.bus_positions(inverters.bus).tolist(),
        "idle": {**points(beside), "buses": dead.bus.tolist(), "ends": dead.ends.tolist()},
    }


def words(at: AtBuses) -> dict[str, str]:
    """Names of the kinds that there are, in their order."""
    return {kind: word for kind, word in WORDS.items() if len(at.buses(kind))}


def points(place: Floats) -> dict[str, list[float | None]]:
    """Coordinates, shape (n, 2), as JSON has them."""
    return {"x": f.numbers(place[:, 0].tolist(), 4), "y": f.numbers(place[:, 1].tolist(), 4)}


def _about(
    net: Network, at: AtBuses, inverters: Inverters, names: dict[int, str]
) -> dict[int, list[str]]:
    """Lines on what stands at a bus, by its position: each device with its generators."""
    found = dict[int, dict[str, list[str]]]()
    gens = zip(net.gen_at.tolist(), at.device.tolist(), net.gen.id.tolist(), strict=True)
    for place, device, gen in gens:
        found.setdefault(place, {}).setdefault(device, []).append(names.get(gen, f"gen {gen}"))
    numbers = {
        place: f", m_q {mq:.4g}" + (f", {rating:.4g} MVA" if np.isfinite(rating) else "")
        for place, mq, rating in zip(
            net.bus_positions(inverters.bus).tolist(), inverters.mq.tolist(),
            (inverters.rating * net.base_mva).tolist(), strict=True,
        )
    }  # fmt: skip
    return {
        place: [
            f"{_word(device)}: {listing(some, most=4)}"
            + (numbers.get(place, "") if device == "gfm" else "")
            for device, some in devices.items()
        ]
        for place, devices in found.items()
    }


def _word(device: str) -> str:
    """A device in words: a machine with its model."""
    if device == LOAD:
        return LOAD
    return WORDS.get(device, f"synchronous machine ({device})")
