"""A dispatch of several hours in a few tables that fit a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scopf.display import Block, Table
from scopf.errors import counted, listing

if TYPE_CHECKING:
    import pandas as pd

    from scopf.model.horizon import Horizon
    from scopf.results.tables import Result

_NAMED = 5
_SHOWN = 5e-3  # price that is not printed as zero
_FULL = 99.99  # % of a ramp rate from which on it counts as reached

_HOUR = {
    "state": ("hour", "{}"),
    "p_load_mw": ("load [MW]", "{:.1f}"),
    "p_storage_mw": ("storage [MW]", "{:.1f}"),
    "e_mwh": ("energy [MWh]", "{:.1f}"),
    "cost_per_h": ("cost [/h]", "{:.2f}"),
    "lmp_p_per_mwh": ("LMP [/MWh]", "{:.3f}"),
    "margin": ("margin", "{:.5f}"),
    "nssp_per_pu": ("NSSP", "{:.2f}"),
}
_STORAGE = {
    "storage": ("storage", "{:d}"),
    "bus": ("bus", "{:d}"),
    "e_mwh": ("E [MWh]", "{:.1f}"),
    "cycles": ("cycles", "{:.2f}"),
    "earned": ("earned", "{:.2f}"),
    "value_per_mwh": ("value [/MWh]", "{:.4g}"),
    "value_per_mw": ("[/MW]", "{:.4g}"),
    "value_per_mva": ("[/MVA]", "{:.4g}"),
}
_PRICED = {
    "state": ("hour", "{}"),
    "bus": ("inverter", "{:d}"),
    "margin": ("margin", "{:.5f}"),
    "neighbor": ("neighbour", "{:d}"),
    "nssp_per_pu": ("NSSP", "{:.2f}"),
    "dcost_dmq": ("dJ/dm_q", "{:.2f}"),
}


def size(horizon: Horizon) -> str:
    """Hours and what couples them: "24 hours, 2 storage units"."""
    found = counted(len(horizon), "hour", "hours")
    if horizon.storage is not None:
        found += f", {counted(len(horizon.storage), 'storage unit', 'storage units')}"
    return found + (", ramps" if horizon.ramps is not None else "")


def blocks(solution: Result) -> list[Block]:
    """Hours, storage, ramps, and the inverters with a price."""
    table = solution.hours
    columns = {key: column for key, column in _HOUR.items() if key in table}
    if (solution.hours["duration_h"] != 1.0).any():
        columns = {"state": columns.pop("state"), "duration_h": ("h", "{:g}"), **columns}
    if table["margin"].isna().all():
        columns = {key: columns[key] for key in columns if key not in ("margin", "nssp_per_pu")}
    title = "Hours (costs, LMP and NSSP per hour; LMP is the mean over the loads)"
    found: list[Block] = ["", title, Table(table, columns, "hours")]
    horizon = solution.problem.horizon
    assert horizon is not None
    if horizon.storage is not None:
        title = "Storage (over all hours; values are of a little more of it)"
        found += ["", title, Table(solution.storage, _STORAGE, "storage units")]
        found += _at_once(solution.storage)
    if horizon.ramps is not None:
        found += ["", _ramps(solution.ramps)]
    if solution.problem.criterion.name == "none":
        return found
    return [*found, "", *_priced(solution.table("inverters"))]


def _at_once(storage: pd.DataFrame) -> list[str]:
    """Storage that charges and discharges at once."""
    both = storage[storage["at_once_mwh"] > 0]
    if both.empty:
        return []
    numbers, energy = listing(both["storage"]), both["at_once_mwh"].sum()
    return [
        "",
        f"Storage {numbers} charges and discharges at once ({energy:.4g} MWh): losing energy pays "
        "there, as at negative prices.",
    ]


def _ramps(ramps: pd.DataFrame) -> str:
    at = ramps[ramps["largest_percent"] >= _FULL]
    if at.empty:
        return "No ramp rate binds."
    worth = at.sort_values("value_per_mw_per_h", ascending=False)
    first = worth.iloc[0]
    return (
        f"Ramp rates bind at gen {listing(worth['gen'], most=_NAMED)}; the highest value, of gen "
        f"{first['gen']:.0f}, is {first['value_per_mw_per_h']:.4g} per MW/h."
    )


def _priced(inverters: pd.DataFrame) -> list[Block]:
    """Inverters with a price by hour."""
    priced = inverters[inverters["nssp_per_pu"] >= _SHOWN]
    priced = priced.sort_values("nssp_per_pu", ascending=False)
    if priced.empty:
        margins = inverters["margin"]
        if margins.isna().all():
            return ["There is no active stability row."]
        nearest = inverters.iloc[int(np.nanargmin(margins))]
        return [
            f"No stability row has a price; inverter {nearest['bus']} in hour {nearest['state']} "
            "is nearest to its limit."
        ]
    title = "Nodal Stability Shadow Prices (per hour and p.u.; margin in p.u. voltage)"
    columns = _PRICED
    if priced["neighbor"].isna().any():  # rows that are about all neighbours at once
        columns = {key: column for key, column in columns.items() if key != "neighbor"}
    return [title, Table(priced, columns, "inverters")]
