"""A power flow from the first start point to the last reactive limit."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.dynamics.dc_flow import dc_angles
from scopf.dynamics.newton import Equations, Iterate
from scopf.dynamics.set_points import SetPoints
from scopf.network.islands import first_references

Start = Literal["stored", "dc", "flat"]
_SAME = 1e-9  # p.u. by which reactive power may be beyond its limit
Voltages = tuple[Floats, Floats]


@dataclass(frozen=True, eq=False)
class Run:
    """Where a power flow ended.

    Attributes:
        at: voltages and w, of each island the best.
        equations: that it solves, reactive limits included.
        iterations: of each island, from all starts together.
        start: whose voltages the last run began with.
        at_limit: positions of buses whose generators are at a limit of reactive power.
    """

    at: Iterate
    equations: Equations
    iterations: Ints
    start: str
    at_limit: Ints


def run(
    points: SetPoints,
    starts: Sequence[Start],
    *,
    first: Voltages | None = None,
    q_limits: bool = False,
) -> Run:
    """Solve a power flow, island by island from the first start that leads anywhere.

    With limits of reactive power, generators of a bus that would go beyond theirs stay at them from
    then on, and the voltage of the bus follows; then the power flow is solved again, until there
    are no more.

    Args:
        points: the set points.
        starts: in the order in which they are tried.
        first: voltages to try before.
        q_limits: whether generators that hold a voltage keep their limits.
    """
    equations = points.equations()
    todo: list[tuple[str, Voltages | None]] = [(name, None) for name in starts]
    todo = todo if first is None else [("given", first), *todo]
    at, iterations, name = None, np.zeros(equations.parts, dtype=np.int64), ""
    for name, voltages in todo:
        begin = _start(points, equations, name) if voltages is None else voltages
        before, at = at, equations.solve(*_keeping(at, begin, equations.part))
        iterations += at.iterations
        at = at if before is None else _with_least(at, before)
        if at.converged.all():
            break
    assert at is not None
    fixed = np.full(len(points.net.bus), np.nan)
    while q_limits:
        limit = np.where(at.converged[equations.part], _limits(points, at, equations), np.nan)
        if np.isnan(limit).all():
            break
        fixed = np.where(np.isnan(limit), fixed, limit)
        equations = points.equations(fixed)
        at = equations.solve(at.vm, at.va)
        iterations += at.iterations
    return Run(at, equations, iterations, name, np.flatnonzero(~np.isnan(fixed)))


def _start(points: SetPoints, equations: Equations, name: str) -> Voltages:
    """Voltages to start from; those with a set point have it."""
    net, own = points.net, points.held | (points.slope_at > 0)
    if name == "stored":
        vm = np.where(net.bus.vm > 0, net.bus.vm, 1.0)
        return np.where(own, points.vm, vm), net.bus.va
    vm = np.where(own, points.vm, 1.0)
    va = net.bus.va[first_references(net.island, net.bus)][net.island - 1]
    va[points.anchors] = net.bus.va[points.anchors]
    if name == "dc":
        injected = equations.set_power.real - equations.drawn(1.0 + 0.0 * vm).real - net.bus.gs
        count = len(points.anchors)
        missing = np.bincount(equations.island, injected, count).astype(np.float64)
        missing = missing / np.bincount(equations.island, equations.taken, count)
        injected = injected - equations.taken * missing[equations.island]
        found = dc_angles(net, injected, points.anchors, va)
        va = va if found is None else found
    return vm, va


def _keeping(at: Iterate | None, begin: Voltages, part: Ints) -> Voltages:
    """Voltages to begin with, those of islands that have converged in their places."""
    if at is None:
        return begin
    done = at.converged[part]
    return np.where(done, at.vm, begin[0]), np.where(done, at.va, begin[1])


def _with_least(at: Iterate, before: Iterate) -> Iterate:
    """An iterate with the mismatch of an earlier one where that was smaller."""
    less = ~at.converged & (before.mismatch < at.mismatch)
    return dataclasses.replace(
        at,
        mismatch=np.where(less, before.mismatch, at.mismatch),
        bus=np.where(less, before.bus, at.bus),
    )


def _limits(points: SetPoints, at: Iterate, equations: Equations) -> Floats:
    """The limit that the reactive power of a bus which holds its voltage is beyond; else NaN."""
    needed = points.needed(at, equations)
    low, high = points.reactive_limits
    found = np.where(needed > high + _SAME, high, np.where(needed < low - _SAME, low, np.nan))
    return np.where(equations.held, found, np.nan)
