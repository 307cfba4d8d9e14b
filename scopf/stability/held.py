"""Buses and branches of the islands that a criterion looks at, and whose rows they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scopf.stability.rows import NOBODY

if TYPE_CHECKING:
    from scopf.arrays import Ints
    from scopf.engine.symbols import Index
    from scopf.stability.rows import Dispatch
    from scopf.stability.setting import View


def held_buses(d: Dispatch, view: View) -> Index:
    """The index of a full network's buses, without islands that have no inverter."""
    return _within(d, d.bus, view.buses, "stability_bus")


def held_branches(d: Dispatch, view: View) -> Index:
    """The index of its branches."""
    assert view.lines is not None
    return _within(d, d.branch, view.lines, "stability_branch")


def _within(d: Dispatch, index: Index, places: Ints, name: str) -> Index:
    if len(places) == len(index):
        return index
    known = d.formulation.indices.get(name)
    return known or d.formulation.index(name, [index.ids[place] for place in places.tolist()])


def owners(view: View) -> Ints:
    """Position of the inverter of each bus; `NOBODY` without one."""
    found = np.full(len(view.grid), NOBODY)
    found[view.inverters] = np.arange(len(view.inverters))
    return found
