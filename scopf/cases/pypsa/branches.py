"""Lines and transformers of a PyPSA network as two-ports.

PyPSA's own values per unit are on 1 MVA, with types resolved and T models turned into pi models.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd

from scopf.arrays import Complexes, Floats, Ints, texts
from scopf.cases.approximations import Approximations
from scopf.cases.pypsa.snapshots import Snapshot
from scopf.cases.twoports import TwoPorts, joined
from scopf.errors import counted, listing


def all_of(
    tables: Snapshot, number: Mapping[str, int], base: float, notes: Approximations
) -> TwoPorts:
    """Every line and transformer between buses of the network.

    Args:
        tables: at the snapshot.
        number: of each bus.
        base: MVA.
        notes: gets a sentence on branches without a rating.
    """
    lines, units = tables["Line"], tables["Transformer"]
    turned = (units["tap_side"] == 1).to_numpy(dtype=bool)
    tap = units["tap_ratio"].fillna(1.0).replace(0.0, 1.0).to_numpy(dtype=np.float64)
    shift = np.radians(units["phase_shift"].to_numpy(dtype=np.float64))
    ratio = tap * np.exp(1j * np.where(turned, -shift, shift))
    units = units.assign(
        bus0=np.where(turned, units["bus1"], units["bus0"]),
        bus1=np.where(turned, units["bus0"], units["bus1"]),
    )
    parts = [
        _ports(lines, number, np.ones(len(lines), dtype=np.complex128), base),
        _ports(units, number, ratio, base),
    ]
    unrated = [name for part in parts for name in part.name[~np.isfinite(part.rate)]]
    if unrated:
        count = counted(len(unrated), "branch", "branches")
        text = f"s_nom 0 is no rating: {count}, {listing(unrated, most=5)}"
        notes.add(text, logging.INFO)
    return joined(parts)


def _ports(
    table: pd.DataFrame, number: Mapping[str, int], ratio: Complexes, base: float
) -> TwoPorts:
    kept = (table["bus0"].isin(number) & table["bus1"].isin(number)).to_numpy()
    table, ratio = table[kept], ratio[kept]
    pu = {key: table[f"{key}_pu"].to_numpy(dtype=np.float64) for key in "rxgb"}
    shunt = (pu["g"] + 1j * pu["b"]) / 2.0 / base
    return TwoPorts(
        from_bus=_numbers(table["bus0"], number),
        to_bus=_numbers(table["bus1"], number),
        in_service=np.ones(len(table), dtype=bool),
        z=(pu["r"] + 1j * pu["x"]) * base,
        y_from=shunt,
        y_to=shunt,
        ratio=ratio,
        rate=_rating(table),
        name=texts(table.index),
    )


def _rating(table: pd.DataFrame) -> Floats:
    rate = (table["s_nom"] * table["s_max_pu"]).to_numpy(dtype=np.float64)
    return np.where(table["s_nom"].to_numpy() == 0, np.inf, rate)


def _numbers(buses: pd.Series[str], number: Mapping[str, int]) -> Ints:
    return np.array([number[bus] for bus in buses], dtype=np.int64)
