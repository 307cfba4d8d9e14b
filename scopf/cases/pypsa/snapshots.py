"""One snapshot of a PyPSA network: its tables with the values that hold then."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from scopf.arrays import Flags
from scopf.errors import ScopfError, listing

KINDS = {  # tables that are read, by the name of the component
    "Bus": "buses", "Line": "lines", "Transformer": "transformers", "Link": "links",
    "Generator": "generators", "StorageUnit": "storage_units", "Store": "stores",
    "Load": "loads", "ShuntImpedance": "shunt_impedances",
}  # fmt: skip
_VARYING = {  # columns that may have a value for each snapshot
    "Bus": ("v_mag_pu_set",),
    "Line": ("s_max_pu",),
    "Transformer": ("s_max_pu",),
    "Link": ("p_set", "p_min_pu", "p_max_pu", "efficiency", "marginal_cost",
             "marginal_cost_quadratic"),
    "Generator": ("p_set", "q_set", "p_min_pu", "p_max_pu", "marginal_cost",
                  "marginal_cost_quadratic"),
    "StorageUnit": ("p_set", "q_set", "p_min_pu", "p_max_pu", "marginal_cost",
                    "marginal_cost_quadratic"),
    "Store": ("p_set", "q_set"),
    "Load": ("p_set", "q_set"),
}  # fmt: skip
_SIZES = ("s_nom", "p_nom")


class Snapshot:
    """The tables at one snapshot, by the name of the component ("Line"), active rows only.

    Args:
        net: the network, left as it is.
        label: of the snapshot; None for the first.

    Attributes:
        label: of the snapshot, as a text.
        extended: names of elements whose size is the one that an optimisation has found.

    Raises:
        ScopfError: when there is no such snapshot, or the network has scenarios.
    """

    def __init__(self, net: Any, label: object) -> None:
        if getattr(net, "has_scenarios", False):
            text = "the PyPSA network has scenarios; give one of them, net.get_scenario(...)"
            raise ScopfError(text)
        if not len(net.snapshots):
            raise ScopfError("the PyPSA network has no snapshot")
        at = place(net.snapshots, label)
        label = net.snapshots[at]
        self.label = " ".join(map(str, label)) if isinstance(label, tuple) else str(label)
        self.extended = list[str]()
        one = net.snapshots[at : at + 1]
        self._period = one[0][0] if isinstance(one, pd.MultiIndex) else None
        periods = None if self._period is None else [self._period]
        copy = net.copy(snapshots=one, investment_periods=periods)
        copy.calculate_dependent_values()
        self._tables = {kind: self._table(copy, kind, name) for kind, name in KINDS.items()}

    def __getitem__(self, kind: str) -> pd.DataFrame:
        return self._tables[kind]

    def _table(self, net: Any, kind: str, name: str) -> pd.DataFrame:
        table = getattr(net, name).copy()
        table.index = table.index.astype(str)
        for column in _VARYING.get(kind, ()):
            values = net.get_switchable_as_dense(kind, column)
            table[column] = values.iloc[0].to_numpy(dtype=np.float64)
        for size in _SIZES:
            if f"{size}_extendable" in table:
                found = table[f"{size}_extendable"].astype(bool) & (table[f"{size}_opt"] > 0)
                table[size] = table[f"{size}_opt"].where(found, table[size])
                self.extended += table.index[found].tolist()
        active: pd.DataFrame = table[self._active(table)]
        return active

    def _active(self, table: pd.DataFrame) -> Flags:
        """Mask of the rows that are active, in the investment period if there are such."""
        if "active" not in table:
            return np.ones(len(table), dtype=bool)
        found = table["active"].astype(bool)
        if self._period is not None and "build_year" in table:
            built = table["build_year"]
            found &= (built <= self._period) & (self._period < built + table["lifetime"])
        return np.asarray(found, dtype=bool)


def place(snapshots: pd.Index[Any], label: object) -> int:
    """Place of a label among those of a network; None is the first one.

    Raises:
        ScopfError: when it is none of them.
    """
    if label is None:
        return 0
    try:
        found = snapshots.get_loc(label)
    except (KeyError, TypeError, ValueError):
        found = None
    if not isinstance(found, (int, np.integer)):
        text = f"there is no snapshot {label!r}; the first ones are {listing(snapshots, most=3)}"
        raise ScopfError(text)
    return int(found)
