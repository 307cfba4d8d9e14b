"""Rows that keep the angles across lines below 90 degrees, where the theory ends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from scopf.arrays import Ints
from scopf.engine.symbols import Constraint
from scopf.engine.templates import Node
from scopf.errors import listing
from scopf.network.kron import Neighbors
from scopf.stability.rows import AngleRows, Dispatch
from scopf.stability.setting import Setting

WIDEST = np.deg2rad(89.0)


@dataclass(frozen=True, eq=False)
class Angles:
    """Angles across the lines of a criterion's network, on a model.

    Attributes:
        across: theta_i - theta_j - shift of each line, an expression.
        back: the same from the other end.
        rows: that keep these below 90 degrees.
        definitions: rows of the variables that help with that.
    """

    across: Node
    back: Node
    rows: tuple[AngleRows, ...]
    definitions: tuple[Constraint, ...] = ()


def declare(d: Dispatch, setting: Setting, network: Literal["reduced", "full"]) -> Angles:
    """Declare `stability_angle` for every line of the full or of the reduced network."""
    view, va = setting.view(network), d.va
    grid, buses = view.grid, view.buses
    i, j = buses[grid.start], buses[grid.end]
    across, back = va[i] - va[j], va[j] - va[i]
    if network == "reduced":
        rows, definitions = _spreads(d, setting.reduction.neighbors, buses, setting.inverters.bus)
        return Angles(across, back, rows, definitions)
    if grid.shift.any():
        shift = d.formulation.data(grid.shift)
        across, back = across - shift, back + shift
    assert view.lines is not None
    branch, net = setting.net.branch, setting.net
    low, high = branch.angmin - branch.shift, branch.angmax - branch.shift
    wide = view.lines[((low < -WIDEST) | (high > WIDEST))[view.lines]]
    index = d.formulation.index("branch_wide", [d.branch.keys[line] for line in wide.tolist()])
    width = va[net.branch_from[wide]] - va[net.branch_to[wide]]
    lower, upper = branch.shift[wide] - WIDEST, branch.shift[wide] + WIDEST
    narrow = d.formulation.constraint("stability_angle", index, width, lower=lower, upper=upper)
    return Angles(across, back, (AngleRows(narrow, partial(branch.names, wide)),))


def _spreads(
    d: Dispatch, near: Neighbors, buses: Ints, names: Ints
) -> tuple[tuple[AngleRows, ...], tuple[Constraint, ...]]:
    """The pairs of a reduced network, in a number of rows that grows with the inverters only.

    Each group of mutual neighbours has variables `inverter_group_va_max` and `_min` around all of
    its angles (`stability_angle_max`, `_min`), which may not be further apart than that
    (`stability_angle`); pairs that only a branch joins have a row each (`stability_angle_direct`).

    Args:
        d: the model.
        near: neighbours in the reduced network.
        buses: position in the network of each inverter.
        names: bus number of each inverter.
    """
    f, va, of, group = d.formulation, d.va, near.inverter, near.group
    groups = f.numbered("inverter_angle_group", int(group.max(initial=-1)) + 1)
    members = [(d.inverter.keys[i], k) for i, k in zip(of.tolist(), group.tolist(), strict=True)]
    index = f.index("inverter_in_angle_group", members)
    own, ends = va.value[buses[of]], {}
    for side, extreme in (("max", np.maximum), ("min", np.minimum)):
        start = np.full(len(groups), -np.inf if side == "max" else np.inf)
        extreme.at(start, group, own)
        ends[side] = f.variable(
            f"inverter_group_va_{side}", groups, lower=-np.inf, upper=np.inf, start=start
        )
    zero = np.zeros(len(of))
    highest, lowest = ends["max"], ends["min"]
    above, below = highest[group] - va[buses[of]], va[buses[of]] - lowest[group]
    definitions = (
        f.constraint("stability_angle_max", index, above, lower=zero),
        f.constraint("stability_angle_min", index, below, lower=zero),
    )
    spread = highest[:] - lowest[:]
    width = f.constraint("stability_angle", groups, spread, upper=np.full(len(groups), WIDEST))
    i, j = near.direct.T
    i, j = i[i < j], j[i < j]
    ends_of = list(zip(names[i].tolist(), names[j].tolist(), strict=True))
    pairs = f.index("inverter_angle_pair", ends_of)
    limit = np.full(len(i), WIDEST)
    direct = f.constraint(
        "stability_angle_direct", pairs, va[buses[i]] - va[buses[j]], lower=-limit, upper=limit
    )
    return (
        AngleRows(width, partial(_named, names, of, group)),
        AngleRows(direct, lambda: [f"inverters {a} and {b}" for a, b in ends_of]),
    ), definitions


def _named(names: Ints, of: Ints, group: Ints) -> list[str]:
    """A label for every group of inverters, by their buses."""
    members = (names[of[group == k]].tolist() for k in range(int(group.max(initial=-1)) + 1))
    return [f"the inverters at {listing(buses, 5)}" for buses in members]
