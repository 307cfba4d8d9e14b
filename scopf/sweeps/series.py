"""Tables that hold scenarios: rows one by one, and time series of load factors."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from scopf.arrays import plain
from scopf.errors import CaseError, Fault, ScopfError
from scopf.network import csvtable
from scopf.network.load_series import factor_column, is_factor
from scopf.sweeps.columns import STEP, Value


def rows_of(given: Any) -> list[dict[str, Value]]:
    """Scenarios as mappings; blank cells are left out.

    Args:
        given: a list of mappings, a DataFrame, or a CSV file with a header.

    Raises:
        ScopfError: when it is none of these, or empty.
        CaseError: when there is no such file, or it is no table.
    """
    if isinstance(given, (str, os.PathLike)) or hasattr(given, "columns"):
        header, cells = _table(given)
        given = [dict(zip(header, row, strict=True)) for row in cells]
    if not isinstance(given, Sequence) or not all(isinstance(row, Mapping) for row in given):
        raise ScopfError("should be a list of tables [[scenarios]], a DataFrame or a CSV file")
    rows = [{str(key): plain(value) for key, value in row.items()} for row in given]
    rows = [{key: value for key, value in row.items() if value is not None} for row in rows]
    for row in rows:
        outage = row.get("outage")
        if isinstance(outage, float) and outage.is_integer():
            row["outage"] = int(outage)
    if not any(rows):
        raise ScopfError("has no scenarios")
    return rows


def loads_of(given: Any) -> dict[str, list[Value]]:
    """A time series of load factors as columns of scenarios.

    Args:
        given: CSV file or DataFrame with a row per time step, and a column of factors for each bus
            number or for `all`; a column `step` numbers the steps, else they count from 0.

    Raises:
        CaseError: naming every column, and row, that is wrong.
        ScopfError: when it is no table of load factors at all.
    """
    header, rows = _table(given)
    columns = {name: [row[k] for row in rows] for k, name in enumerate(header)}
    steps = columns.pop(STEP, list(range(len(rows))))
    if not all(type(step) is int and abs(step) < 2**63 for step in steps):  # True is no number
        raise ScopfError("column `step` has to number the steps: whole numbers, none missing")
    if not columns or not rows:
        raise ScopfError("has no load factors: it needs a column `all` or columns named by bus")
    found: dict[str, list[Value]] = {STEP: steps}
    faults = []
    for name, values in columns.items():
        key = factor_column(name)
        if not key:
            text = f"column {name!r} is neither `all`, nor `step`, nor a bus number"
            faults.append(Fault(text))
            continue
        if key in found:
            faults.append(Fault(f"column {name!r} is there twice"))
        found[key] = values
        for row, value in enumerate(values, 1):
            if not is_factor(value):
                text = f"{value!r} is no load factor: a finite number, not negative"
                faults.append(Fault(f"column {name}, row {row}: {text}"))
    if faults:
        raise CaseError("", faults)
    return {
        key: values if key == STEP else [float(value) for value in values if value is not None]
        for key, values in found.items()
    }


def _table(given: Any) -> tuple[list[str], list[list[Value]]]:
    """Header and rows of a CSV file or a DataFrame.

    Raises:
        ScopfError: when it is neither.
        CaseError: naming the file and what is wrong with its shape.
    """
    if not isinstance(given, (str, os.PathLike)) and not hasattr(given, "columns"):
        raise ScopfError("should be a CSV file or a DataFrame")
    cells = csvtable.read(given, "table", "")
    faults = [*cells.faults, *csvtable.twice(cells.header)]
    if faults:
        raise CaseError(cells.source, faults)
    return cells.header, cells.values()
