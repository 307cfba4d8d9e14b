"""Rows that keep the angles across lines below 90 degrees, where the theory ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scopf.arrays import Ints
    from scopf.engine.formulation import Formulation
    from scopf.network.kron import Neighbors
    from scopf.network.susceptances import Grid

WIDEST = np.deg2rad(89.0)


def add_widths(f: Formulation, lines: Ints, grid: Grid) -> None:
    """`stability_angle`: each of these branches of the full network by itself."""
    va, shift = f["bus_va"], grid.shift[lines]
    index = f.index("branch_wide", [f.indices["branch"].keys[line] for line in lines.tolist()])
    across = va[grid.start[lines]] - va[grid.end[lines]]
    f.constraint("stability_angle", index, across, lower=shift - WIDEST, upper=shift + WIDEST)


def add_spreads(f: Formulation, near: Neighbors, buses: Ints, names: Ints) -> None:
    """The pairs of a reduced network, in a number of rows that grows with the inverters only.

    Each group of mutual neighbours has variables `inverter_group_va_max` and `_min` around all of
    its angles (`stability_angle_max`, `_min`), which may not be further apart than that
    (`stability_angle`); pairs that only a branch joins have a row each (`stability_angle_direct`).

    Args:
        f: the formulation.
        near: who is whose neighbour.
        buses: position in the network of each inverter.
        names: bus number of each inverter.
    """
    va, of, group = f["bus_va"], near.inverter, near.group
    groups = f.index("inverter_angle_group", range(int(group.max(initial=-1)) + 1))
    members = zip(names[of].tolist(), group.tolist(), strict=True)
    index = f.index("inverter_in_angle_group", members)
    own, ends = va.value[buses[of]], {}
    for side, extreme in (("max", np.maximum), ("min", np.minimum)):
        start = np.full(len(groups), -np.inf if side == "max" else np.inf)
        extreme.at(start, group, own)
        ends[side] = f.variable(
            f"inverter_group_va_{side}", groups, lower=-np.inf, upper=np.inf, start=start
        )
    f.constraint(
        "stability_angle_max", index, ends["max"][group] - va[buses[of]], lower=np.zeros(len(of))
    )
    f.constraint(
        "stability_angle_min", index, va[buses[of]] - ends["min"][group], lower=np.zeros(len(of))
    )
    spread: Any = ends["max"][:] - ends["min"][:]
    f.constraint("stability_angle", groups, spread, upper=np.full(len(groups), WIDEST))
    i, j = near.direct.T
    i, j = i[i < j], j[i < j]
    pairs = f.index("inverter_angle_pair", zip(names[i].tolist(), names[j].tolist(), strict=True))
    limit = np.full(len(i), WIDEST)
    f.constraint(
        "stability_angle_direct", pairs, va[buses[i]] - va[buses[j]], lower=-limit, upper=limit
    )
