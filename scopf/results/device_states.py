"""Machines and grid-following inverters at a solution: load angles, fields, slopes and prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scopf.devices import machine
from scopf.network.tables import positions
from scopf.stability import device_rows

if TYPE_CHECKING:
    import pandas as pd

    from scopf.results.record import Record


def table(found: Record) -> pd.DataFrame:
    """One row for each device; no rows without any."""
    import pandas as pd

    devices, net, point = found.setting.devices, found.problem.base, found.point
    columns = ["gen", "bus", "device", "p_mw", "q_mvar", "vm", "angle_deg", "field_pu",
               "slope_pu", "transient_slope_pu", "k_pu", "mu_k_per_pu"]  # fmt: skip
    if devices is None:
        return pd.DataFrame(columns=columns)
    at = positions(net.gen.id, devices.gens)
    p, q, v = point.pg[at], point.qg[at], point.vm[net.gen_at[at]]
    of, n = devices.machines, len(devices.machines)
    machines = p[:n], q[:n], v[:n]
    phi = machine.load_angle(*machines, of.xq)
    missing = np.full(len(devices.followers), np.nan)
    slopes = [
        device_rows.slopes(devices, (p, q), v, kind) / v
        for kind in (device_rows.STEADY, device_rows.TRANSIENT)
    ]
    price = found.machine_prices if len(found.machine_prices) else np.zeros(n)
    values = {
        "gen": devices.gens,
        "bus": devices.bus,
        "device": devices.kinds,
        "p_mw": p * net.base_mva,
        "q_mvar": q * net.base_mva,
        "vm": v,
        "angle_deg": np.append(np.degrees(np.arctan2(phi.sin, phi.cos)), missing),
        "field_pu": np.append(machine.field(*machines, phi, of.steady), missing),
        "slope_pu": slopes[0],
        "transient_slope_pu": slopes[1],
        "k_pu": np.append(machine.curvature(*machines, of.steady, of.xq).ff, missing),
        "mu_k_per_pu": np.append(price + (0.0 if found.solved else np.nan), missing),
    }
    return pd.DataFrame(values)[columns]
