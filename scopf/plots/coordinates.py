"""Coordinates of the buses in a picture: the user's own, or a layout."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats
from scopf.errors import CaseError, ScopfError, listing
from scopf.network import csvtable, drawing

if TYPE_CHECKING:
    import pandas as pd

    from scopf.network.network import Network

log = logging.getLogger(__name__)

_NAMES = (("x", "y"), ("lon", "lat"), ("longitude", "latitude"))


def places(net: Network, given: Any, dead: drawing.Dead) -> tuple[Floats, Floats, float]:
    """Coordinates of the buses of a network.

    Args:
        net: energized.
        dead: buses that are not energized.
        given: None for a layout by the connections; a mapping of bus number to (x, y); a table with
            the columns `bus`, `x`, `y` (or `lon`, `lat`, in degrees), or the path of such a CSV
            file.

    Returns:
        Shape (n, 2), the same of the buses that are not energized (NaN where they have none), and
        how much higher than wide a unit is drawn.

    Raises:
        ScopfError: when a bus has no coordinates, two of them, or such that are no numbers; when a
            file cannot be read.
    """
    if given is None:
        return *drawing.layout(net, dead), 1.0
    import pandas as pd

    if isinstance(given, Mapping):
        return _found(net, "positions", given), _of_dead(dead, given), 1.0
    name = "positions"
    if isinstance(given, (str, os.PathLike)):
        name, given = str(given), _read(Path(given))
    if not isinstance(given, pd.DataFrame):
        raise ScopfError(
            "positions are a mapping of bus to (x, y), a table, or the path of a CSV file, got "
            f"{type(given).__name__}"
        )
    table = given if "bus" in given or given.index.name != "bus" else given.reset_index()
    pair = next((pair for pair in _NAMES if set(pair) <= set(table.columns)), None)
    if pair is None or "bus" not in table:
        raise ScopfError(
            f"{name}: columns bus, x, y are needed (or bus, lon, lat), found "
            f"{listing(table.columns)}"
        )
    twice = table["bus"][table["bus"].duplicated()]
    if len(twice):
        raise ScopfError(f"{name}: two rows for bus {listing(twice.unique())}")
    rows = zip(table[pair[0]], table[pair[1]], strict=True)
    by_bus = dict(zip(table["bus"], rows, strict=True))
    place = _found(net, name, by_bus)
    stretch = 1.0
    if pair != _NAMES[0]:  # a degree of longitude is shorter than one of latitude
        stretch = 1 / max(0.1, float(np.cos(np.radians(place[:, 1].mean()))))
    return place, _of_dead(dead, by_bus), stretch


def _read(path: Path) -> pd.DataFrame:
    cells = csvtable.read(path, "positions")
    if cells.faults:
        raise CaseError(cells.source, cells.faults)
    return cells.frame()


def _of_dead(dead: drawing.Dead, given: Mapping[Any, Any]) -> Floats:
    """The coordinates of buses that are not energized, NaN where there are none."""
    place = np.full((len(dead.bus), 2), np.nan)
    for k, bus in enumerate(dead.bus.tolist()):
        if bus in given:
            try:
                place[k] = np.asarray(given[bus], dtype=np.float64)
            except (TypeError, ValueError):
                continue
    return place


def _found(net: Network, name: str, given: Mapping[Any, Any]) -> Floats:
    """The coordinates in the order of the buses."""
    ids = net.bus.id.tolist()
    missing = [bus for bus in ids if bus not in given]
    if missing:
        raise ScopfError(
            f"{name}: no coordinates for {len(missing)} of the {len(ids)} buses: {listing(missing)}"
        )
    place, bad = np.full((len(ids), 2), np.nan), []
    for k, bus in enumerate(ids):
        try:
            place[k] = np.asarray(given[bus], dtype=np.float64)
        except (TypeError, ValueError):
            bad.append(bus)
    known = set(bad)
    bad += [ids[k] for k in np.flatnonzero(~np.isfinite(place).all(axis=1)) if ids[k] not in known]
    if bad:
        raise ScopfError(f"{name}: coordinates that are not two finite numbers, bus {listing(bad)}")
    unknown = set(given) - set(ids) - set(net.unserved.bus.tolist())
    if unknown:
        log.info("%s: %d buses that the network does not have", name, len(unknown))
    return place
