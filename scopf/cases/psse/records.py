"""Records of a .raw file from columns of cells, in the layout of its revision."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from scopf.arrays import Floats, Strings
from scopf.cases.digits import cells_of
from scopf.cases.psse import layout

Columns = Mapping[str, Sequence[str]]  # cells by PSS/E's names of fields

NO_LIMIT = 999_999.0  # MW, MVAr or p.u.; the format has no infinity
LONGEST_NAME = 12  # letters

# Fields without a default of their own that say nothing here; # stands for a number.
_FILL = {
    "O1": "1", "F1": "1.0", "O#": "0", "F#": "1.0", "OWNER": "1", "AREA": "1", "ZONE": "1",
    "EVHI": "1.1", "EVLO": "0.9", "SCALE": "1", "INTRPT": "0", "LOADTYPE": "' '",
    "IREG": "0", "NREG": "0", "ZR": "0.0", "RT": "0.0", "XT": "0.0", "GTAP": "1.0",
    "RMPCT": "100.0", "BASLOD": "0", "WMOD": "0", "WPF": "1.0", "MET": "1", "LEN": "0.0",
    "RATEB": "0.0", "RATEC": "0.0", "RATB#": "0.0", "RATC#": "0.0", "RATE#": "0.0",
    "RATE#-#": "0.0", "NMETR": "2", "VECGRP": "'            '",
    "CONT#": "0", "NODE#": "0", "RMA#": "1.1", "RMI#": "0.9", "VMA#": "1.1", "VMI#": "0.9",
    "NTP#": "33", "CR#": "0.0", "CX#": "0.0", "CNXA#": "0.0",
    "PWF#": "1.0", "REMOT#": "0", "VSREG#": "0", "NREG#": "0", "RMPCT#": "100.0",
}  # fmt: skip


def of(section: str, revision: int, columns: Columns, widths: Sequence[int] = ()) -> list[str]:
    """The lines of all records of a section.

    Args:
        section: as `layout` calls it.
        revision: of the format.
        columns: cells by field; what is not there has its default, or says nothing to the model.
        widths: number of fields of each line, where it has not got all; lines beyond are left out.
    """
    lines = layout.names(section, revision)
    widths = widths or [len(line) for line in lines]
    count = len(next(iter(columns.values())))
    written = []
    for line, width in zip(lines, widths, strict=False):
        cells = [_column(name, default, columns, count) for name, default in line[:width]]
        written.append([",".join(row) for row in zip(*cells, strict=True)])
    return list(chain.from_iterable(zip(*written, strict=True)))


def _column(name: str, default: str, columns: Columns, count: int) -> Sequence[str]:
    if name in columns:
        return columns[name]
    if default:
        return [default if default != "''" else "' '"] * count
    return [_FILL.get(name) or _FILL[re.sub(r"\d+", "#", name)]] * count


def quoted(names: Strings, most: int) -> list[str]:
    """Names as a file can have them: of so many letters, without quotes and line ends."""
    return [f"'{shortened(name, most)}'" for name in names.tolist()]


def shortened(name: str, most: int) -> str:
    """A name cut to so many letters, without quotes and line ends."""
    return " ".join(name.replace("'", " ").splitlines())[:most].strip()


def limits(values: Floats, base: float) -> list[str]:
    """Limits in MW or MVAr, or per unit where the base is 1; a large number for none."""
    none = NO_LIMIT / base
    bounded = np.where(np.isinf(values), np.copysign(none, values), values)
    return cells_of(bounded, base)


def ratings(values: Floats, base: float) -> list[str]:
    """Ratings in MVA, 0 for none."""
    return cells_of(np.where(np.isinf(values), 0.0, values), base)
