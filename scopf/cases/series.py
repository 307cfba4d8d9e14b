"""Time series of loads as load factors, which sweeps take."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.cases.pandapower.recognition import is_net
from scopf.cases.pypsa import recognition as pypsa
from scopf.errors import CaseError, Fault, listing
from scopf.network import csvtable
from scopf.network.load_series import TIMES

if TYPE_CHECKING:
    import pandas as pd

    from scopf.network.network import Network

log = logging.getLogger(__name__)

_POWERS = ("p_mw", "q_mvar")
_SERIES = "series"  # a table that is no file, in messages
_SAME = 1e-6  # of the largest load: reactive power that follows active power


def load_factors(source: str | os.PathLike[str] | pd.DataFrame | Any, net: Network) -> pd.DataFrame:
    """Load factors of a time series: `scopf.sweep(net, load_series=scopf.load_factors(...))`.

    A factor scales active and reactive power alike. Where the reactive power of the series does
    not follow the active power, a warning says so.

    Args:
        source: a pandapower net whose `ConstControl` controllers have profiles of loads or static
            generators; a PyPSA network, whose loads and stores may differ between snapshots; or a
            CSV file or DataFrame with a row for each time and bus, and the
            columns `time` (or `step`, `snapshot`, `hour`), `bus` (number or name), `p_mw` and, if
            it is known, `q_mvar`.
        net: the network of the loads that the factors refer to.

    Returns:
        A row for each time, which is its index; a column for each bus of the series, named by its
        number: the load in terms of that of `net`, at a voltage of 1 p.u.

    Raises:
        CaseError: listing every fault of the series.
        ScopfError: when the source is none of these.
    """
    if is_net(source):
        from scopf.cases.pandapower import profiles

        p, q = profiles.loads(source, net)
        name = net.name
    elif pypsa.is_network(source):
        from scopf.cases.pypsa import series

        p, q = series.loads(source, net)
        name = net.name
    else:
        p, q = _tidy(source, net)
        name = str(source) if isinstance(source, (str, os.PathLike)) else _SERIES
    return _factors(p, q, net, name)


def _factors(p: pd.DataFrame, q: pd.DataFrame, net: Network, source: str) -> pd.DataFrame:
    """Loads in terms of those of the network.

    Args:
        p: MW, a row for each time, a column for each bus number.
        q: MVAr, alike; NaN where it is not known.
        net: the network.
        source: for messages.
    """
    bus = net.bus
    at = np.searchsorted(bus.id, p.columns.to_numpy(dtype=np.int64))
    base_p = (bus.pd + bus.pd_current)[at] * net.base_mva
    base_q = (bus.qd + bus.qd_current)[at] * net.base_mva
    faults = [
        Fault(f"there is no load at bus {number} in the case, so there is no factor for it")
        for number in p.columns[base_p == 0]
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        found: pd.DataFrame = p.div(base_p, axis=1)
    for number, factors in found.loc[:, base_p != 0].items():
        if wrong := [str(time) for time, factor in factors.items() if not 0 <= factor < np.inf]:
            text = f"bus {number}: the load has the other sign than in the case, or no value"
            faults.append(Fault(f"{text}, at {listing(wrong, most=3)}"))
    if faults:
        raise CaseError(source, faults)
    follows = (q - found * base_q).abs() <= _SAME * np.abs([base_p, base_q]).max()
    if free := [str(number) for number in q.columns[~(follows | q.isna()).all()]]:
        text = "does not follow active power in the series; here it does, as it was in the case"
        log.warning("%s: reactive power at %s %s", source, _buses(free), text)
    found.columns = [str(number) for number in found.columns]
    return found


def _buses(numbers: list[str]) -> str:
    return f"bus{'es' if len(numbers) > 1 else ''} {listing(numbers, most=5)}"


def _tidy(
    source: str | os.PathLike[str] | pd.DataFrame, net: Network
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Active and reactive power by time and bus of a table with a row for each of them."""
    cells = csvtable.read(source, "source")
    name, times = cells.source or _SERIES, [one for one in TIMES if one in cells.header]
    if faults := [*cells.faults, *_of_header(cells.header)]:
        raise CaseError(name, faults)
    if not cells.rows:
        raise CaseError(name, [Fault("has no rows")])
    table = cells.frame()
    numbers = {name: int(number) for name, number in zip(net.bus.name, net.bus.id, strict=True)}
    numbers.pop("", None)
    known = set(net.bus.id.tolist())
    table["bus"] = [bus if bus in known else numbers.get(str(bus), bus) for bus in table["bus"]]
    for row, bus in enumerate(table["bus"], 1):
        if bus not in known:
            faults.append(Fault(f"{bus!r} is no bus of {net.name}", row=row, column="bus"))
    values = [column for column in _POWERS if column in table]
    for column in values:
        for row, value in enumerate(table[column], 1):
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                faults.append(Fault(f"{column} {value!r} is no number", row=row, column=column))
    pairs = table.duplicated([times[0], "bus"])
    faults += [
        Fault("this time and bus occur twice", row=int(k) + 1) for k in np.flatnonzero(pairs)
    ]
    if faults:
        raise CaseError(name, faults)
    wide = table.pivot(index=times[0], columns="bus", values=values).astype("float64")
    p: Any = wide["p_mw"]
    q: Any = wide["q_mvar"] if "q_mvar" in values else p * np.nan
    return p, q


def _of_header(header: list[str]) -> list[Fault]:
    """Faults of the columns of a table."""
    found = csvtable.twice(header)
    missing = [name for name in ("bus", "p_mw") if name not in header]
    known = (*TIMES, "bus", *_POWERS)
    unknown = [name for name in header if name not in known]
    if len({*TIMES}.intersection(header)) != 1:
        found.append(Fault(f"has to have one of the columns {listing(TIMES)}"))
    if missing:
        found.append(Fault(f"has no column {listing(missing)}"))
    if unknown:
        found.append(Fault(f"unknown column {listing(unknown)}; known are {listing(known)}"))
    return found
