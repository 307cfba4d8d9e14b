"""The critical droop: where prices begin."""

from __future__ import annotations

import numpy as np

from scopf.arrays import Flags, Ints
from scopf.sweeps.analysis.analysis import Analysis
from scopf.sweeps.analysis.axes import Dimension
from scopf.sweeps.analysis.references import RISEN


def critical_axis(analysis: Analysis) -> Dimension | None:
    """The droop whose critical value can be shown over another axis."""
    x = analysis.axes.x
    return x if x.is_droop and x.numeric and len(x) > 2 and analysis.axes.series else None


def critical_values(analysis: Analysis, rows: Ints) -> tuple[float, float]:
    """Last droop without and first with a price or a rise of cost; NaN where there is none.

    Costs count from the plain dispatch where that is known, else from the lowest.
    """
    x = analysis.axes.x
    rows = rows[analysis.solved[rows]]
    rows = rows[np.argsort(x.codes[rows], kind="stable")]
    if not len(rows):
        return np.nan, np.nan
    rise = analysis.rise[rows]
    priced: Flags = (analysis.nssp_max[rows] > 0) | (rise > RISEN * np.abs(analysis.cost[rows]))
    # The rise counts from the lowest cost; before that scenario, cost falls and nothing binds.
    priced &= (np.arange(len(rows)) >= int(np.argmin(rise))) | (analysis.nssp_max[rows] > 0)
    if (above := analysis.stability_cost) is not None:
        known = np.isfinite(above[rows])
        costs = above[rows] > RISEN * np.abs(analysis.cost[rows])
        priced = np.where(known, costs | (analysis.nssp_max[rows] > 0), priced)
    mq = np.array([float(x.values[k]) for k in x.codes[rows].tolist()])
    if not priced.any():
        return float(mq[-1]), np.nan
    first = int(np.argmax(priced))
    return (float(mq[first - 1]) if first else np.nan), float(mq[first])
