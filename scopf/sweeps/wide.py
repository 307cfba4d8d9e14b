"""Tables of a sweep with a row for each scenario and a column for each bus, as time series are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.errors import ScopfError, listing
from scopf.sweeps.columns import STEP

if TYPE_CHECKING:
    import pandas as pd


def wide(
    table: pd.DataFrame,
    column: str,
    scenarios: pd.DataFrame,
    spec: Mapping[str, Any],
    hours: Sequence[str] = (),
) -> pd.DataFrame:
    """A column of a table by scenario and bus.

    Args:
        table: with the columns `scenario` and `bus`.
        column: its name.
        scenarios: of the sweep.
        spec: of the sweep, whose axes become the index: of a time series its steps.
        hours: names of the hours that each scenario has, for rows of their own, if it has any.

    Raises:
        ScopfError: when there is no such column of numbers.
    """
    import pandas as pd

    numbers = [name for name in table.select_dtypes("number") if name not in ("scenario", "bus")]
    if column not in numbers:
        raise ScopfError(
            f"{column!r} is no column of numbers of this table; it has {listing(numbers)}"
        )
    rows = ["scenario", "state"] if hours else ["scenario"]
    every: Any = scenarios["scenario"]  # those without a solution as well
    if hours:
        every = pd.MultiIndex.from_product([every, hours], names=rows)
    found = table.pivot(index=rows, columns="bus", values=column).reindex(every)
    levels = [
        name
        for axis in spec["axes"]
        for name in ([STEP] if STEP in axis["columns"] else axis["columns"])
    ]
    if levels:
        of = [np.repeat(scenarios[name].to_numpy(), len(hours) or 1).tolist() for name in levels]
        if hours:
            of, levels = [*of, [*hours] * len(scenarios)], [*levels, "state"]
        index = pd.MultiIndex.from_arrays(of, names=levels)
        found.index = index.get_level_values(0) if len(levels) == 1 else index
    return found
