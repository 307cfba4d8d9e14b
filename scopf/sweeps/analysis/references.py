"""The scenarios from which costs of a sweep count: one choice for each kind of study."""

from __future__ import annotations

from enum import Enum

import numpy as np

from scopf.arrays import Floats
from scopf.sweeps.analysis.axes import OUTAGE, Axes, Dimension, groups
from scopf.sweeps.columns import STEP

RISEN = 1e-6  # of the cost: a smaller rise is none


class Reference(Enum):
    """The scenario from which costs count.

    Attributes:
        NONE: of the criterion none and the same other values.
        INTACT: of the intact network and the same other values.
        STEP: that of the lowest cost in the same step of a load series.
        LOWEST: that of the lowest cost among those that differ along x only.
        NOTHING: no other: steps of a load series have other loads, and their costs do not compare.
    """

    NONE = "none"
    INTACT = "intact"
    STEP = "step"
    LOWEST = "lowest"
    NOTHING = "nothing"


def increase(axes: Axes, cost: Floats) -> tuple[Floats, Reference]:
    """Cost above that of the reference, NaN where that has no solution, and which one it is."""
    by_name = {axis.name: axis for axis in axes.named}
    criteria, outage, step = (by_name.get(name) for name in ("criterion", OUTAGE, STEP))
    if criteria is not None and "none" in criteria.values:
        return _above(axes, criteria, criteria.values.index("none"), cost), Reference.NONE
    if outage is not None and "none" in outage.values:
        return _above(axes, outage, outage.values.index("none"), cost), Reference.INTACT
    if step is None:
        return rise(axes, cost), Reference.LOWEST
    if len(by_name) == 1:
        return np.full(len(cost), np.nan), Reference.NOTHING
    return _above_lowest((step,), cost), Reference.STEP


def rise(axes: Axes, cost: Floats) -> Floats:
    """Cost above the lowest of the scenarios that differ along x only."""
    return _above_lowest(axes.sliced, cost)


def _above_lowest(same: tuple[Dimension, ...], cost: Floats) -> Floats:
    increase = np.full(len(cost), np.nan)
    for rows in groups(same, len(cost)).values():
        if np.isfinite(cost[rows]).any():
            increase[rows] = cost[rows] - np.nanmin(cost[rows])
    return np.where(increase <= 1e-9 * np.abs(cost), 0.0, increase)


def _above(axes: Axes, axis: Dimension, place: int, cost: Floats) -> Floats:
    """Cost above that of the scenario at a place of an axis, with the same other values."""
    increase = np.full(len(cost), np.nan)
    others = [one for one in axes.named if one is not axis]
    there = np.isfinite(cost) & (axis.codes == place)
    for rows in groups(others, len(cost)).values():
        if there[rows].any():
            increase[rows] = cost[rows] - cost[rows[there[rows]]].min()
    # What is less than zero by more than rounding is shown all the same.
    noise = RISEN * np.abs(cost)
    return np.where((increase <= 1e-3 * noise) & (increase >= -noise), 0.0, increase)
