"""Storage units of a MATPOWER case file, in the table that PowerModels adds to the format."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scopf.cases import decoding, mcells
from scopf.cases.approximations import Approximations
from scopf.cases.mformat import COLUMNS
from scopf.cases.mtext import Source
from scopf.errors import CaseError, Fault, listing

if TYPE_CHECKING:
    import pandas as pd

_KEY = "storage"
_TOLD = ("x", "q_loss")  # columns that are not represented


def storage_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """The table `mpc.storage` of a `.m` file, for `scopf.build(net, storage=...)`.

    The file is one that PowerModels reads. Units out of service are left out. As in PowerModels,
    the energy at the end is free: overwrite the column `e_end_mwh` for another one. Reactive power
    counts as what is given to the network here, and as what is drawn from it there, so that its
    limits change places. A warning names units with reactive losses, which are left out.

    Args:
        path: of the file; its columns are storage_bus, ps, qs, energy, energy_rating,
            charge_rating, discharge_rating, charge_efficiency, discharge_efficiency,
            thermal_rating, qmin, qmax, r, x, p_loss, q_loss and status.

    Returns:
        A row for each unit, with the columns of a table of storage.

    Raises:
        CaseError: listing every fault of the table, or when there is none.
    """
    import pandas as pd

    file, faults = Path(path), list[Fault]()
    notes = Approximations(str(file))
    content = Source(decoding.text(file, notes))
    bodies = [one.body for one in content.statements() if one.key == _KEY]
    if len(bodies) != 1:
        text = "is assigned twice" if bodies else "is missing: the file has no storage"
        raise CaseError(str(file), [Fault(text, f"mpc.{_KEY}")])
    names = COLUMNS[_KEY]
    rows = mcells.numbers(_KEY, bodies[0], faults)
    if rows.shape[1] > len(names):
        text = f"has {rows.shape[1]} columns; known are {listing(names, most=len(names))}"
        faults.append(Fault(text, _KEY))
    columns = dict(zip(names, rows.T, strict=False))
    for name, values in columns.items():
        for row in np.flatnonzero(~np.isfinite(values)).tolist() if not faults else ():
            faults.append(Fault(f"{name} is not a finite number", _KEY, row + 1, column=name))
    if faults:
        raise CaseError(str(file), faults)
    on = columns["status"] != 0
    _explain(columns, on, notes)
    number = np.arange(1, len(rows) + 1)
    table = pd.DataFrame(
        {
            "storage": number,
            "bus": columns["storage_bus"],
            "p_mw": columns["discharge_rating"],
            "p_charge_mw": columns["charge_rating"],
            "e_mwh": columns["energy_rating"],
            "eta_c": columns["charge_efficiency"],
            "eta_d": columns["discharge_efficiency"],
            "e0_mwh": columns["energy"],
            "e_end_mwh": "free",
            "s_mva": columns["thermal_rating"],
            "qmin_mvar": -columns["qmax"],
            "qmax_mvar": -columns["qmin"],
            "p_loss_mw": columns["p_loss"],
            "r": columns["r"],
        }
    )
    kept: pd.DataFrame = table[on].reset_index(drop=True)
    return kept


def _explain(columns: dict[str, np.ndarray], on: np.ndarray, notes: Approximations) -> None:
    """Log what is left out."""
    for name in _TOLD:
        rows = np.flatnonzero(on & (columns[name] != 0)) + 1
        if len(rows):
            text = f"storage: {name} is left out, which is not zero in row {listing(rows, most=5)}"
            notes.add(text)
    off = np.flatnonzero(~on) + 1
    if len(off):
        text = f"storage out of service is left out: row {listing(off, most=5)}"
        notes.add(text, logging.INFO)
