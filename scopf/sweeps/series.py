"""Tables that hold scenarios: rows one by one, and time series of load factors."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from scopf.errors import CaseError, Fault, ScopfError
from scopf.sweeps.quantities import STEP, Value


def rows_of(given: Any) -> list[dict[str, Value]]:
    """Scenarios as mappings; blank cells are left out.

    Args:
        given: a list of mappings, a DataFrame, or a CSV file with a header.

    Raises:
        ScopfError: when it is none of these, or empty.
    """
    if isinstance(given, (str, os.PathLike)):
        given = _csv(given)
    if hasattr(given, "to_dict"):
        given = given.to_dict("records")
    if not isinstance(given, Sequence) or not all(isinstance(row, Mapping) for row in given):
        raise ScopfError("should be a list of tables [[scenarios]], a DataFrame or a CSV file")
    rows = [{str(key): _plain(value) for key, value in row.items()} for row in given]
    rows = [{key: value for key, value in row.items() if value is not None} for row in rows]
    for row in rows:
        if isinstance(row.get("outage"), float) and float(row["outage"]).is_integer():  # type: ignore[arg-type]
            row["outage"] = int(row["outage"])  # type: ignore[arg-type]
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
    frame = _csv(given) if isinstance(given, (str, os.PathLike)) else given
    if not hasattr(frame, "to_dict"):
        raise ScopfError("should be a CSV file or a DataFrame")
    columns = {str(name).strip(): [_plain(v) for v in frame[name]] for name in frame.columns}
    steps = columns.pop(STEP, list(range(len(frame))))
    if not all(isinstance(step, int) for step in steps):
        raise ScopfError("column `step` has to number the steps: whole numbers, none missing")
    if not columns or not len(frame):
        raise ScopfError("has no load factors: it needs a column `all` or columns named by bus")
    found: dict[str, list[Value]] = {STEP: steps}
    faults = []
    for name, values in columns.items():
        if name != "all" and not name.isdecimal():
            text = f"column {name!r} is neither `all`, nor `step`, nor a bus number"
            faults.append(Fault(text))
            continue
        key = "load_scale" if name == "all" else f"load_scale_{int(name)}"
        if key in found:
            faults.append(Fault(f"column {name!r} is there twice"))
        found[key] = values
        for row, value in enumerate(values, 1):
            if not _is_factor(value):
                text = f"{value!r} is no load factor: a finite number, not negative"
                faults.append(Fault(f"column {name}, row {row}: {text}"))
    if faults:
        raise CaseError("load_series", faults)
    return {
        key: values if key == STEP else [float(value) for value in values if value is not None]
        for key, values in found.items()
    }


def _is_factor(value: Value) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and value >= 0  # type: ignore[arg-type,operator]


def _csv(path: str | os.PathLike[str]) -> Any:
    import pandas as pd

    try:
        return pd.read_csv(path, comment="#", skipinitialspace=True)
    except OSError as error:
        raise ScopfError(f"{os.fspath(path)} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ScopfError(f"{os.fspath(path)} is no CSV table: {error}") from error


def _plain(value: Any) -> Value:
    """A Python value; None for a blank."""
    value = value.item() if hasattr(value, "item") else value
    if type(value).__name__ == "NAType" or (isinstance(value, float) and math.isnan(value)):
        return None
    kept: Value = value
    return kept
