"""Rows of finished scenarios: what they hold, and whether one that was read can be one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scopf.optimizer.status import Status
from scopf.sweeps import checking
from scopf.sweeps.base_case import INVALID
from scopf.sweeps.progress import CRASHED
from scopf.sweeps.worker import ERROR, MESSAGE

if TYPE_CHECKING:
    import pandas as pd

# of a row as text, which may spell each character of its texts out
_LONGEST = 12 * (2 * MESSAGE + checking.LONGEST) + 10_000
ROW = {
    "status": "object", "solved": "bool", "message": "object", "cost": "float64",
    "iterations": "Int64", "seconds": "float64", "attempt": "object", "start": "object",
    "nssp_max": "float64", "nssp_max_bus": "Int64", "margin_min": "float64",
    "vm_min": "float64", "vm_max": "float64", "binding": "Int64",
    "constant_power_share": "float64", "islands": "Int64", "unserved_mw": "float64",
    "outages": "Int64", "unsurvived": "Int64", "nssp_max_state": "object",
    "inverter_share_reached": "float64", "plain_cost": "float64", "stability_cost": "float64",
    **checking.COLUMNS, "claim": "object", "unmet": "object",
}  # fmt: skip
ASKED = ("plain_cost", "stability_cost", *checking.COLUMNS)  # columns of sweeps that ask for them
OF_SOME = (
    "nssp_max_state",
    "inverter_share_reached",
    *ASKED,
    "claim",
    "unmet",
)  # that only some sweeps have
_ALWAYS = ("status", "solved", "message", "seconds")
_STATUSES = {*map(str, Status), INVALID, ERROR, CRASHED}
_KINDS: dict[str, tuple[type, ...]] = {
    "object": (str,), "bool": (bool,), "float64": (float, int), "Int64": (int,),
    "boolean": (bool,),
}  # fmt: skip


def read(text: Any) -> dict[str, Any]:
    """A row out of the text that a journal has.

    Raises:
        ValueError: saying what is wrong with it.
    """
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise ValueError("has no row of a few lines of text")
    try:
        row: Any = json.loads(text)
    except RecursionError as error:
        raise ValueError("has a row of lists in lists") from error
    if not isinstance(row, dict) or not all(row.get(name) is not None for name in _ALWAYS):
        raise ValueError("has no status")
    for name, value in row.items():
        if name not in ROW:
            raise ValueError(f"has a value of an unknown name {name[:50]!r}")
        if value is not None and not _is_a(ROW[name], value):
            raise ValueError(f"has a value of {name} that is none: {str(value)[:50]}")
    status = row["status"]
    if status not in _STATUSES:
        raise ValueError(f"has an unknown status {status[:50]!r}")
    if row["solved"] != (status in (Status.OPTIMAL, Status.ACCEPTABLE)):
        raise ValueError(f"is {status} and, it says, {'' if row['solved'] else 'not '}solved")
    return row


def about_islands(scenarios: pd.DataFrame) -> list[str]:
    """Sentences on scenarios of several AC islands, and on load that is not energized."""
    found, count = list[str](), len(scenarios)
    if "islands" not in scenarios:
        return found
    several = int((scenarios["islands"].fillna(0) > 1).sum())
    if several:
        found.append(f"Scenarios with several AC islands: {several} of {count}.")
    unserved = scenarios["unserved_mw"].fillna(0.0)
    if (unserved > 0).any():
        cut = int((unserved > 0).sum())
        found.append(
            f"Load that is not energized: {unserved.max():.1f} MW at most, in {cut} of {count} "
            "scenarios."
        )
    return found


def _is_a(kind: str, value: Any) -> bool:
    """Whether a value is of the type of a column; whole numbers have 64 bits."""
    if type(value) is int and not -(2**63) <= value < 2**63:
        return False
    return type(value) in _KINDS[kind]
