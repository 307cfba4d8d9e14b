"""What a criterion claims about a grid with machines and grid-following inverters.

Rows of the steady and of the transient slopes exclude growing real modes. They exclude growing
oscillations as well where a storage function decreases along the equations, which neither voltage
regulators nor phase-locked loops leave one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.errors import counted
from scopf.stability import device_rows

if TYPE_CHECKING:
    from scopf.devices.mixed import Devices
    from scopf.network.network import Network
    from scopf.stability.criterion import Claim, Criterion
    from scopf.stability.setting import Setting


def claim(criterion: Criterion, devices: Devices | None) -> Claim | None:
    """The claim of a criterion: machines with neither damping nor governor may swing for ever."""
    if criterion.claim != "stable" or devices is None:
        return criterion.claim
    undamped = (devices.machines.d <= 0) & np.isinf(devices.machines.r)
    return "no growing mode" if undamped.any() else criterion.claim


def unmet(criterion: Criterion, devices: Devices | None) -> list[str]:
    """Conditions of a criterion's claim that devices do not meet, a clause each."""
    if devices is None:
        return []
    machines, followers = devices.machines, devices.followers
    every = np.ones(len(machines), dtype=bool), np.ones(len(followers), dtype=bool)
    if not criterion.of_devices:
        parts = (
            ("machines", machines.bus, every[0]),
            ("grid-following inverters", followers.bus, every[1]),
        )
        return [f"{text}, which its rows do not know" for text in _at_buses(*parts)]
    return _at_buses(
        ("voltage regulators, which may let oscillations grow,", machines.bus, machines.ka > 0),
        ("phase-locked loops", followers.bus, every[1]),
    )


def _at_buses(*parts: tuple[str, Ints, Flags]) -> list[str]:
    return [
        f"{text} at {counted(len(np.unique(bus[there])), 'bus', 'buses')}"
        for text, bus, there in parts
        if there.any()
    ]


def slack(
    criterion: Criterion,
    setting: Setting,
    net: Network,
    voltage: tuple[Floats, Floats],
    power: tuple[Floats, Floats],
    factor: float = 1.0,
) -> Floats:
    """Slack of a criterion's rows at a point; with devices, the least of its sets of rows.

    A device of slope s is to its row what an inverter with V/k = s is.

    Args:
        criterion: whose rows they are.
        setting: the network, droops and devices.
        net: the same network, with the powers of its DC lines.
        voltage: vm and va of the buses, per unit and rad.
        power: P and Q of the generators, per unit.
        factor: on all droops.

    Returns:
        Shape of the criterion's network; minus infinity where a machine's load angle is beyond its
        limit.
    """
    view, devices, (vm, va) = setting.view(criterion.network), setting.devices, voltage
    at = vm[view.buses], va[view.buses]
    if devices is None or not criterion.of_devices:
        return criterion.slack(view.grid, factor * view.k, *at)
    found = list[Floats]()
    for kind in device_rows.kinds(devices):
        halves = device_rows.at_buses(devices, net, power, vm, kind)[view.buses]
        if np.isinf(halves).any():
            return np.where(np.isinf(halves), -np.inf, np.inf)
        stiffness = 1 / (factor * view.k) + 2 * halves
        with np.errstate(divide="ignore"):
            found.append(criterion.slack(view.grid, 1 / stiffness, *at))
    least: Floats = np.min(found, axis=0)
    return least
