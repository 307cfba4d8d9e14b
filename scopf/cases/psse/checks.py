"""Checks of the records of any section."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scopf.arrays import Flags
from scopf.cases.psse.reading import Records
from scopf.errors import Fault, counted, listing


def switched_on(
    records: Records, column: str, faults: list[Fault], known: Sequence[int] = (0, 1)
) -> Flags:
    """Mask of the records in service (not 0); an unknown status is a fault."""
    of_kind(records, column, faults, known)
    return np.asarray(records.wholes(column, default=1) != 0)


def of_kind(records: Records, column: str, faults: list[Fault], known: Sequence[int]) -> None:
    """Faults where a code is none of those known."""
    code = records.wholes(column, default=1)
    for row in np.flatnonzero(~np.isin(code, known)):
        text = f"{column} {code[row]} is none of {listing(known)}"
        faults.append(records.fault(int(row), text, column))


def repeated(tables: Sequence[Records], keys: tuple[str, ...]) -> list[Fault]:
    """Records whose buses, in either order, and identifier are those of a record before."""
    found = list[Fault]()
    seen: dict[tuple[Any, ...], int] = {}
    for records in tables:
        columns = [
            records.columns.get(key, ["1" if key == keys[-1] else 0] * len(records)) for key in keys
        ]
        for row, (*buses, own) in enumerate(zip(*columns, strict=True)):
            key = (*sorted(map(abs, buses)), own)
            if key in seen:
                text = f"occurs twice (first in line {seen[key]})"
                found.append(records.fault(row, text, keys[-1]))
            seen.setdefault(key, records.lines[row])
    return found


def kept_though_repeated(
    tables: Sequence[Records], keys: tuple[str, ...], remarks: list[str]
) -> None:
    """Remark on records that are there twice, which are all kept."""
    if found := repeated(tables, keys):
        text = listing([str(fault) for fault in found], most=5)
        remarks.append(
            counted(len(found), "record has", "records have")
            + f" the identifier of another one; all count: {text}"
        )
