"""The table of devices that a network has from its case: what its generators are.

It is one as `scopf.devices.device_table` reads it, keyed by `gen`. Generators that it does not name
are constant power, unless they are made inverters.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.errors import Fault, listing

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Ints

_SOURCE = "dynamics"
CONSTANT_POWER = "constant power"


def rows(table: pd.DataFrame | None, gens: Ints) -> pd.DataFrame | None:
    """The rows of some generators."""
    if table is None:
        return None
    kept = table["gen"].isin(gens.tolist())
    return table if kept.all() else table[kept].reset_index(drop=True)


def faults(table: Any, gens: Ints) -> list[Fault]:
    """Faults of a table that is none of a network with these generators."""
    if table is None:
        return []
    columns = [str(name) for name in getattr(table, "columns", ())]
    if missing := [name for name in ("gen", "device") if name not in columns]:
        return [Fault(f"must be a DataFrame with a column {listing(missing)}", _SOURCE)]
    unknown = [gen for gen in table["gen"].tolist() if gen not in set(gens.tolist())]
    if not unknown:
        return []
    return [Fault(f"there is no generator {listing(unknown)}", _SOURCE, column="gen")]


def kinds(table: pd.DataFrame | None, generators: int) -> dict[str, int]:
    """Number of generators by device, constant power last; empty without a table."""
    if table is None:
        return {}
    found: dict[str, int] = dict(Counter(map(str, table["device"])))
    return {**dict(sorted(found.items())), CONSTANT_POWER: generators - len(table)}


def grid_forming(table: pd.DataFrame) -> dict[int, dict[str, float]]:
    """Numbers of the rows of grid-forming inverters by generator, per unit on `s_mva`."""
    found = {}
    for row in table.to_dict("records"):
        if row["device"] == "gfm":
            numbers = {name: x for name, x in row.items() if name not in ("gen", "device")}
            found[int(row["gen"])] = {
                str(name): float(x) for name, x in numbers.items() if not _blank(x)
            }
    return found


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, float) and bool(np.isnan(value)))
