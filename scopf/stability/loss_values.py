"""Values of the rows of `lossy`, and where its variables start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scopf.stability import loss_forms, loss_points
from scopf.stability.loss_forms import ADMITTANCES, Bus, Lines
from scopf.stability.loss_resistances import Grounded, Resistances

if TYPE_CHECKING:
    from scopf.arrays import Floats
    from scopf.stability.loss_rows import LossyRows
    from scopf.stability.rows import Dispatch
    from scopf.stability.setting import View

_INSIDE = 0.05  # by which logarithms start within their rows
_CANCEL, _EVEN = 0.3, 0.2  # of the division of the budget to start from


def values_of_rows(declared: LossyRows, d: Dispatch, view: View) -> Floats:
    """Left sides of the rows of all buses at the present values of the model."""
    assert declared.pi is not None
    assert declared.rest is not None
    assert declared.pairs is not None
    (u,), pi = declared.weights, declared.pi.value
    assert u is not None
    params = {
        name.removeprefix("stability_"): one.values for name, one in declared.parameters.items()
    }
    grid, vm, va = view.grid, d.vm.value[view.buses], d.va.value[view.buses]
    i, j, island = grid.two_ports.start, grid.two_ports.end, grid.island - 1
    across, n, w = va[i] - va[j], len(grid), u.value
    rest = np.exp(-declared.rest.value[island[i]])
    quarter = 0.25 * params["r"] * np.exp(-declared.pairs.value)
    of = loss_forms.powers(Lines(*(params[name] for name in ADMITTANCES)), vm[i], vm[j], across)
    at = Bus(vm[i], pi[i], w[i]), Bus(vm[j], pi[j], w[j])
    ends = loss_forms.ends(of, *at, rest, quarter)
    into = np.bincount(i, ends.start, n) + np.bincount(j, ends.end, n)
    total = into - params["own"] * vm - 0.5 * params["q_current"]
    if declared.shunts is not None:
        b = declared.dissipating
        l_bus = loss_forms.at_bus(pi[b], vm[b], params["shunt"][b], params["p_current"][b])
        quarter = 0.25 * params["bus_r"][b] * np.exp(-declared.shunts.value)
        total[b] += loss_forms.alone(l_bus, Bus(vm[b], pi[b], w[b]), quarter)
    wide = island[grid.start[np.abs(grid.angle(va)) >= np.pi / 2]]
    found: Floats = np.where(np.isin(island, wide), np.inf, total / params["scale"])
    return found


def starts(declared: LossyRows, vm: Floats, va: Floats) -> dict[str, Floats]:
    """Values of the variables that fit voltages of all buses, good ones where that is possible."""
    view, pi, pairs, (u,) = declared.view, declared.pi, declared.pairs, declared.weights
    assert view is not None
    assert pi is not None
    assert pairs is not None
    assert u is not None
    found = {one: one.start.copy() for one in (pi, pairs, u, *declared.logs.values())}
    shunts = declared.shunts
    if shunts is not None:
        found[shunts] = shunts.start.copy()
    of, island, vm, va = view.grid.two_ports, view.grid.island, vm[view.buses], va[view.buses]
    r_pair, r_bus = (declared.parameters[f"stability_{n}"].values for n in ("r", "bus_r"))
    for place, number in enumerate(np.unique(island).tolist()):
        buses = island == number
        lines, part = buses[of.start], of.take(buses)
        v, stiffness = vm[buses], vm[buses] / view.k[buses]
        at = loss_points.point(part, stiffness, v, va[buses], view.grid.scale[buses])
        if at is None:
            continue
        lossy = bool(part.has_losses.any())
        own = Resistances(r_pair[lines], r_bus[buses], r_pair[lines], r_bus[buses])
        if not lossy:
            continue
        found[pi][buses] = at.pi
        kappa = float((at.forms.alpha / part.between).min(initial=1.0))
        one = np.ones(len(part))
        division = loss_points.shares(at.forms, part, at.l_bus, own, one, _CANCEL).spread(_EVEN)
        numbers = {
            "share": np.log(division.f),
            "rest": np.log(1 - division.f),
            "stiffness": np.log(kappa),
        }
        numbers["budget"] = numbers["share"] + numbers["stiffness"] - _INSIDE
        for name, value in numbers.items():
            found[declared.logs[name]][place] = value - _INSIDE
        budget = numbers["budget"] - 2 * _INSIDE
        found[pairs][lines] = budget + np.log(division.pair)
        if shunts is not None:
            here = buses[declared.dissipating]
            mine = division.bus[np.searchsorted(np.flatnonzero(buses), declared.dissipating[here])]
            found[shunts][here] = budget + np.log(mine)
        if declared.potentials is not None:
            y, z, share = declared.potentials
            rho = np.where(share[buses] > 0, share[buses], 0.0)
            own_pi = at.pi * rho.sum() / (at.pi @ rho)
            found[pi][buses] = own_pi
            mine_y = Grounded(part, part.between).solve(rho * own_pi / rho.sum())
            found.setdefault(y, y.start.copy())[buses] = mine_y
            found.setdefault(z, z.start.copy())[place] = mine_y @ (rho * own_pi) / rho.sum()
    return {one.name: values for one, values in found.items()}
