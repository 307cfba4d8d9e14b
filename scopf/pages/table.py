"""A table of a result for the script of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scopf.arrays import plain
from scopf.pages import figure as f

if TYPE_CHECKING:
    import pandas as pd

ROWS = 2000  # of a table; all are in the tables of the result


def plain_table(frame: pd.DataFrame) -> dict[str, Any]:
    """Heads, rows of plain values, and how many more there are."""
    rows = []
    for record in frame.head(ROWS).astype(object).itertuples(index=False):
        rows.append([_cell(value) for value in record])
    return {"heads": list(frame.columns), "rows": rows, "left": max(0, len(frame) - ROWS)}


def _cell(value: Any) -> Any:
    value = plain(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f.number(value + 0.0, 6) if isinstance(value, float) else value
