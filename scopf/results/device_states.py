"""Machines and grid-following inverters at a solution: load angles, fields, slopes and prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scopf.devices import machine
from scopf.devices.mixed import Devices
from scopf.network.tables import positions
from scopf.stability import device_rows

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Floats
    from scopf.network.network import Network
    from scopf.results.point import Point


def table(
    devices: Devices | None, net: Network, point: Point, price: Floats | float
) -> pd.DataFrame:
    """One row for each device; no rows without any.

    Args:
        devices: of the network.
        net: the network; of all hours side by side, if there are several.
        point: the operating point.
        price: of K >= 0 of the machines, one number for all of them where no row says so.
    """
    devices = devices or Devices.none()
    at = positions(net.gen.id, devices.gens)
    power = point.pg[at], point.qg[at]
    prices = np.broadcast_to(price, len(devices.machines))
    return frame(devices, power, point.vm[net.gen_at[at]], prices, net.base_mva)


def frame(
    devices: Devices, power: tuple[Floats, Floats], v: Floats, price: Floats, base: float
) -> pd.DataFrame:
    """The table of devices at a point.

    Args:
        devices: machines, then grid-following inverters.
        power: P and Q that they deliver, per unit.
        v: voltages of their terminals.
        price: of K >= 0 of the machines.
        base: MVA.
    """
    import pandas as pd

    (p, q), of, n = power, devices.machines, len(devices.machines)
    machines = p[:n], q[:n], v[:n]
    columns = ["gen", "bus", "device", "p_mw", "q_mvar", "vm", "angle_deg", "field_pu",
               "slope_pu", "transient_slope_pu", "k_pu", "mu_k_per_pu"]  # fmt: skip
    phi = machine.load_angle(*machines, of.xq)
    missing = np.full(len(devices.followers), np.nan)
    slopes = [
        device_rows.slopes(devices, (p, q), v, kind) / v
        for kind in (device_rows.STEADY, device_rows.TRANSIENT)
    ]
    values = {
        "gen": devices.gens,
        "bus": devices.bus,
        "device": devices.kinds,
        "p_mw": p * base,
        "q_mvar": q * base,
        "vm": v,
        "angle_deg": np.append(np.degrees(np.arctan2(phi.sin, phi.cos)), missing),
        "field_pu": np.append(machine.field(*machines, phi, of.steady), missing),
        "slope_pu": slopes[0],
        "transient_slope_pu": slopes[1],
        "k_pu": np.append(machine.curvature(*machines, of.steady, of.xq).ff, missing),
        "mu_k_per_pu": np.append(price, missing),
    }
    return pd.DataFrame(values)[columns]
