"""The page of a comparison: sentences, a figure and tables in one HTML file."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.pages import figure as f
from scopf.pages.document import put, template
from scopf.pages.table import plain_table
from scopf.results.prices import TRACE
from scopf.sweeps.analysis.comparison import Comparison

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

_SCRIPTS = ("theme.js", "tables.js", "comparison.js")
_BARS = 12  # of the figure
_DIGITS = {"margin_a": 7, "margin_b": 7, "cost_difference": 4}
_FIGURES = {  # column and what it is; the first that differs is drawn
    "cost": "change of the cost, B less A", "nssp": "change of the NSSP, B less A",
    "margin": "change of the margin, B less A",
}  # fmt: skip


def write(compared: Comparison, path: str | Path) -> Path:
    """Write a comparison as one HTML page, which opens without a connection.

    Args:
        compared: of `scopf.compare`.
        path: of the page; it is replaced if it exists.

    Returns:
        The path.

    Raises:
        ScopfError: when a package of the extra `report` is missing, or the page cannot be written.
    """
    target, page = Path(path), html(compared)
    put(page, target)
    log.info("comparison of %s and %s: %s", compared.a, compared.b, target)
    return target


def html(compared: Comparison) -> str:
    """The page as text; see `write`."""
    made = template("comparison.html")
    only = {end: table for end, table in compared.only.items() if len(table)}
    bars = _bars(compared.table)
    tables = {
        "differences": _priced(compared.table).round(_DIGITS),
        **{f"only-{end}": one for end, one in only.items()},
    }
    data = {"bars": bars, "tables": {name: plain_table(one) for name, one in tables.items()}}
    return made.page(
        data,
        _SCRIPTS,
        a=compared.a,
        b=compared.b,
        what=compared.rows_are,
        findings=compared.findings,
        settings=[(one.name, _text(one.a), _text(one.b)) for one in compared.settings],
        drawn=bool(bars),
        shown=len(bars.get("names", ())),
        differ=len(compared.table),
        only=only,
    )


def _bars(table: pd.DataFrame) -> dict[str, Any]:
    """The largest changes of costs, or else of prices or margins; {} without any."""
    for name, title in _FIGURES.items():
        if f"{name}_a" not in table:
            continue
        ends = [table[f"{name}_{end}"].to_numpy(dtype=np.float64) for end in "ab"]
        moves = np.nan_to_num(ends[1] - ends[0])
        ranked = np.argsort(-np.abs(moves), kind="stable")[:_BARS]
        ranked = ranked[np.abs(moves[ranked]) > 1e-6 * np.abs(np.nan_to_num(ends[0][ranked]))]
        if len(ranked):
            at = ranked.tolist()
            return {
                "title": title, "names": [str(table["what"].iloc[k]) for k in at],
                "values": f.numbers(moves[ranked].tolist(), 6),
            }  # fmt: skip
    return {}


def _priced(table: pd.DataFrame) -> pd.DataFrame:
    """The table with zero for prices that the solver leaves behind."""
    prices = table[["nssp_a", "nssp_b"]]
    return table.assign(**prices.mask(prices.abs() < TRACE, 0.0))


def _text(value: Any) -> str:
    if value is None or value == []:
        return "not set"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
