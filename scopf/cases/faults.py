"""Faults of a network by the names that its elements have in the source."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from scopf.arrays import Strings
from scopf.errors import Fault


def by_name(faults: Iterable[Fault], *tables: Any) -> list[Fault]:
    """The faults, with the name of the row before its number.

    Args:
        faults: of a network.
        tables: of that network; each has a `key` and a column `name`.
    """
    names: dict[str, Strings] = {table.key: table.name for table in tables}
    return [
        dataclasses.replace(fault, label=f"{names[fault.table][fault.row - 1]}; {fault.label}")
        if fault.row is not None and fault.table in names
        else fault
        for fault in faults
    ]
