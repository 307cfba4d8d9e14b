"""PSS/E power flow files (.raw, revisions 23 to 36) as networks.

Field names, units and defaults are those of PSS/E's documentation of the format.
"""

from __future__ import annotations

import os
from pathlib import Path

from scopf.cases import decoding
from scopf.cases.approximations import Approximations
from scopf.cases.psse import building, costs, dyr, reading
from scopf.network.network import Network


def read(
    path: str | Path,
    *,
    costs_from: costs.Source | None = None,
    dispatch_dc: bool = False,
    dynamics: str | os.PathLike[str] | None = None,
    ignore_unsupported: bool = False,
) -> Network:
    """Read a .raw file into a validated per-unit network.

    Args:
        path: the file.
        costs_from: table of costs, a CSV file or a DataFrame; None takes `grid.costs.csv` beside
            `grid.raw` if it is there.
        dispatch_dc: whether the power of DC lines is a variable between zero and the schedule.
        dynamics: a .dyr file of its machines.
        ignore_unsupported: log content that the model does not represent instead of refusing it.

    Raises:
        CaseError: listing every fault with section, line and record, or row of the costs; of the
            .dyr file where the .raw file has none.
    """
    path = Path(path)
    notes = Approximations(str(path))
    case = reading.parse(decoding.text(path, notes), source=str(path))
    table = costs.read(costs_from, path)
    net = building.network(
        case,
        table,
        source=str(path),
        name=path.stem,
        dispatch_dc=dispatch_dc,
        ignore_unsupported=ignore_unsupported,
    )
    for text in (*(f"ignored: {fault}" for fault in case.unsupported), *case.remarks):
        notes.add(text)
    net = notes.of(net)
    if dynamics is None:
        return net
    return dyr.read(dynamics, case.records["generator"], net)
