"""DC lines of a source whose losses would be negative, which makes them sources of energy."""

from __future__ import annotations

import numpy as np

from scopf.arrays import Floats
from scopf.cases.approximations import Approximations
from scopf.errors import listing
from scopf.network.tables import DcLines


def not_negative(line: DcLines, base: float, notes: Approximations, **limits: Floats) -> DcLines:
    """The table with losses of zero in lines whose losses are negative between their limits.

    A sentence names them. Lines that lose all of their power are left as they are, to be refused.

    Args:
        line: the table, which no network would take.
        base: MVA of the system.
        notes: gets the sentence.
        limits: `pmin` and `pmax` of lines without losses, if these depend on the losses.
    """
    rows = line.gains_energy & (line.loss1 < 1)
    if not rows.any():
        return line
    least = line.least_loss * base
    named = [f"{line.label(k)} ({least[k]:.6g} MW)" for k in np.flatnonzero(rows).tolist()]
    notes.add(
        "the losses of these DC lines would be negative between their limits, so that the "
        "lines would be sources of energy; they count as zero (the least loss): "
        + listing(named, most=5)
    )
    zero = np.zeros(len(line))
    columns = {"loss0": zero, "loss1": zero, **limits}
    return line.replace(
        **{key: np.where(rows, value, getattr(line, key)) for key, value in columns.items()}
    )
