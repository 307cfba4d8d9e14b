"""Ramp limits: by how much a generator may change its active power within an hour."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.errors import CaseError, Fault, ScopfError, listing, nearest, not_negative
from scopf.network import csvtable
from scopf.network.tables import positions

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Floats
    from scopf.network.network import Network

_GEN, _RAMP = "gen", "ramp_mw_per_h"
_SOURCE = "ramps"  # a table that is no file, in messages


def read(
    given: float | Mapping[int, float] | str | os.PathLike[str] | pd.DataFrame, net: Network
) -> Floats:
    """Ramp limits of all generators of a network.

    Args:
        given: MW per hour, up and down: one number for every generator, a number by generator,
            or a table (DataFrame or CSV file) with the columns `gen` and `ramp_mw_per_h`. Zero
            keeps a power as it is; generators that are not named, or whose cell is blank, have
            no limit.
        net: the network.

    Returns:
        Per unit per hour, infinite where there is no limit, in the order of `net.gen`.

    Raises:
        CaseError: listing every fault.
        ScopfError: when it is none of these.
    """
    if hasattr(given, "columns") or isinstance(given, (str, os.PathLike)):
        source, rows, faults = _rows(given)
    elif hasattr(given, "items"):  # a mapping or a pandas Series
        source, faults = _SOURCE, []
        rows = [(0, key, value) for key, value in given.items()]
    elif isinstance(given, (list, tuple, np.ndarray)):
        text = "ramps must be a number, a mapping by generator, a DataFrame or a CSV file"
        raise ScopfError(f"{text}, not {type(given).__name__}")
    else:
        return np.full(len(net.gen), not_negative("ramps", given) / net.base_mva)
    limits, seen = np.full(len(net.gen), np.inf), set[int]()
    for row, gen, ramp in rows:
        try:
            if gen is None:
                raise ValueError("the gen is missing")
            number, value = csvtable.whole(gen), _ramp(ramp)
        except ValueError as error:
            label = "" if gen is None else f"gen {csvtable.shown(gen)}"
            faults.append(Fault(str(error), _SOURCE, row or None, label))
            continue
        at = int(positions(net.gen.id, [number])[0])
        text = "occurs twice" if number in seen else ""
        if at < 0 and number not in net.unserved.gen:
            text = f"there is no such generator in {net.name or 'the network'}"
        if text:
            faults.append(Fault(text, _GEN, row or None, f"gen {number}", _GEN))
        elif at >= 0:
            limits[at] = value / net.base_mva
        seen.add(number)
    if faults:
        raise CaseError(source, faults)
    return limits


def frame(limits: Floats, net: Network) -> pd.DataFrame:
    """The table that `read` makes these limits of.

    Args:
        limits: per unit per hour, infinite where there is none, in the order of `net.gen`.
        net: the network.
    """
    import pandas as pd

    limited = np.isfinite(limits)
    ramps = csvtable.physical(limits[limited], net.base_mva)
    return pd.DataFrame({_GEN: net.gen.id[limited], _RAMP: ramps})


def _rows(given: Any) -> tuple[str, list[tuple[int, Any, Any]], list[Fault]]:
    """Source, rows (number, generator, ramp) and faults of a table."""
    cells = csvtable.read(given, "ramps", "")
    source, header = cells.source or _SOURCE, [name.lower() for name in cells.header]
    faults = [*cells.faults, *csvtable.twice(header)]
    for name in header:
        if name not in (_GEN, _RAMP):
            near = nearest(name, (_GEN, _RAMP))
            hint = f"did you mean {near}? " if near else ""
            faults.append(Fault(f"unknown column {name}; {hint}known are {_GEN}, {_RAMP}"))
    if missing := [name for name in (_GEN, _RAMP) if name not in header]:
        faults.append(Fault(f"has no column {listing(missing)}"))
    if faults:
        raise CaseError(source, faults)
    at = header.index(_GEN), header.index(_RAMP)
    rows = [(k, row[at[0]], row[at[1]]) for k, row in enumerate(cells.rows, 1)]
    return source, [one for one in rows if one[1:] != (None, None)], faults


def _ramp(cell: Any) -> float:
    """MW per hour, infinite without a limit.

    Raises:
        ValueError: saying what is wrong.
    """
    if cell is None or (isinstance(cell, float) and (math.isnan(cell) or cell == math.inf)):
        return math.inf
    if isinstance(cell, str) and cell.lower() in ("inf", "infinity"):
        return math.inf
    value = csvtable.number(cell.item() if isinstance(cell, np.generic) else cell)
    if value < 0:
        raise ValueError(f"must be a number, not negative, got {value:g} MW/h")
    return value
