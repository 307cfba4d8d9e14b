"""The rows of the criterion `lossy` on a model: its variables, and what these have to keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scopf.errors import ScopfError, listing
from scopf.network.islands import firsts
from scopf.stability import angles, limits, loss_forms
from scopf.stability.criterion import held_buses
from scopf.stability.line_sums import STRICT
from scopf.stability.loss_forms import Bus, Ends, Lines, Powers
from scopf.stability.rows import NOBODY, Declared, OwnedRows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scopf.arrays import Floats, Ints
    from scopf.engine.pyomo_types import Node
    from scopf.engine.symbols import Constraint, Expression, Parameter, Variable
    from scopf.network.network import Network
    from scopf.network.two_ports import TwoPorts
    from scopf.stability.rows import Dispatch
    from scopf.stability.setting import Setting, View

LINES = ("g_ij", "b_ij", "g_ji", "b_ji", "g_ii", "g_jj", "r")  # Params of pairs
BUSES = ("own", "scale", "shunt", "p_current", "q_current", "bus_r")  # Params of buses
_LEAST_PI, _LEAST_KAPPA, _MOST_F = 1e-3, 1e-2, 0.9
_F, _KAPPA, _PRICE = 0.1, 0.9, 10.0  # starts


@dataclass(frozen=True, eq=False)
class LossyRows(Declared):
    """All that is declared.

    Attributes:
        pi: weights of the buses' active power.
        share: f of every island, the share of alpha that the mean angles take.
        price: q of every island; mu of a pair is |l w| / (root q).
        root: of an effective resistance of each pair, and of each bus.
    """

    pi: Variable | None = None
    share: Variable | None = None
    price: Variable | None = None
    root: tuple[Floats, Floats] = (np.zeros(0), np.zeros(0))


def check_inductive(net: Network, view: View) -> None:
    """Refuse pairs of buses whose lines are capacitive together: their alpha is below zero.

    Raises:
        ScopfError: naming them.
    """
    of, ids = view.grid.two_ports, net.bus.id[view.buses]
    bad = np.flatnonzero(of.between <= 0)
    if len(bad):
        pairs = [f"{ids[of.start[k]]}-{ids[of.end[k]]}" for k in bad.tolist()]
        raise ScopfError(
            f"what joins buses {listing(pairs, most=5)} is capacitive, where the proof of the "
            "lossy criterion ends; use the criterion weighted"
        )


class Builder:
    """Declares the rows of all buses.

    Args:
        d: the model.
        setting: network, inverters and margins.
        values: of the Params, by name.
        root: of the effective resistances of pairs and of buses.
    """

    def __init__(
        self,
        d: Dispatch,
        setting: Setting,
        values: dict[str, Floats],
        root: tuple[Floats, Floats],
    ) -> None:
        self._d, self._f, self._setting, self._root = d, d.formulation, setting, root
        self._view, self._net = setting.full, setting.net
        grid = self._view.grid
        self._of, self._island = grid.two_ports, grid.island - 1
        self._first = firsts(grid.island)
        self._lossy = self._of.has_losses
        self._bus = held_buses(d, self._view)
        self._ids = self._net.bus.id[self._view.buses]
        ends = self._ids[self._of.start].tolist(), self._ids[self._of.end].tolist()
        self._pair = self._f.index("stability_pair", list(zip(*ends, strict=True)))
        self._islands = self._f.numbered("stability_island", len(self._first))
        self._params = self._parameters(values)
        self._variables()

    def _parameters(self, values: dict[str, Floats]) -> dict[str, Parameter]:
        found = {}
        for names, index in ((LINES, self._pair), (BUSES, self._bus)):
            for name in (f"stability_{name}" for name in names):
                found[name] = self._f.parameter(name, index, values[name])
        return found

    def _param(self, name: str) -> Parameter:
        return self._params[f"stability_{name}"]

    def _variables(self) -> None:
        """`bus_power_weight`, `bus_log_weight`, and f, q and kappa of islands."""
        f, view, free = self._f, self._view, self._lossy[self._first]
        everywhere = {"lower": -np.inf, "upper": np.inf}
        softest = view.inverters[np.argsort(-view.k[view.inverters], kind="stable")]
        ranked = np.r_[softest, np.setdiff1d(np.arange(len(view.grid)), softest)]
        settled = np.zeros(len(view.grid), dtype=bool)
        settled[ranked[firsts(view.grid.island[ranked])]] = True
        self._u = f.variable("bus_log_weight", self._bus, **everywhere, start=0.0, fixed=settled)
        self._pi = f.variable(
            "bus_power_weight", self._bus, lower=_LEAST_PI, upper=np.inf, start=1.0,
            fixed=~self._lossy,
        )  # fmt: skip
        self._share = f.variable(
            "stability_share", self._islands, lower=0.0, upper=_MOST_F,
            start=np.where(free, _F, 0.0), fixed=~free,
        )  # fmt: skip
        self._price = f.variable(
            "stability_price", self._islands, lower=0.0, upper=np.inf,
            start=np.where(free, _PRICE, 0.0), fixed=~free,
        )  # fmt: skip
        self._kappa = f.variable(
            "stability_stiffness", self._islands, lower=_LEAST_KAPPA, upper=np.inf,
            start=np.where(free, _KAPPA, _LEAST_KAPPA), fixed=~free,
        )  # fmt: skip

    # -- the rows -------------------------------------------

    def declared(self) -> LossyRows:
        """All rows, after the Params of Gamma."""
        d, f, view = self._d, self._f, self._view
        limit = limits.declare(d, self._setting, view.grid.scale[view.inverters])
        gamma = limit.unit[:] * limit.stiffness[limit.place] + limit.offset[:]
        kept = f.expression("inverter_limit", d.inverter, gamma - limit.margin[:])
        angle = angles.declare(d, self._setting, "full")
        ends = self._ends()
        n, i, j, vm = len(view.grid), self._of.start, self._of.end, d.vm[view.buses]
        there = f.expression("stability_line_start", self._pair, ends.start)
        here = f.expression("stability_line_end", self._pair, ends.end)
        total = there.total(i, n) + here.total(j, n)
        total = total - self._param("own")[:] * vm - 0.5 * self._param("q_current")[:]
        used = [(f.expression("stability_used", self._pair, ends.used), i)]
        there = np.flatnonzero((self._of.shunt != 0) | (self._of.p_current != 0))
        if len(there):
            index = f.index("stability_shunt", self._ids[there].tolist())
            row, part = self._alone(there)
            total = total + f.expression("stability_shunt_loss", index, row).total(there, n)
            used.append((f.expression("stability_shunt_used", index, part), there))
        owner = np.full(n, NOBODY)
        owner[view.inverters] = np.arange(len(view.inverters))
        value = total / self._param("scale")[:] - kept.total(view.inverters, n)
        rows = f.constraint("bus_stability", self._bus, value, upper=np.full(n, -STRICT))
        return LossyRows(
            margin=limit.margin,
            limits=limit,
            rows=(OwnedRows(rows, owner),),
            angles=angle.rows,
            definitions=(*angle.definitions, *self._definitions(ends, used)),
            weights=(self._u,),
            parameters={limits.UNIT: limit.unit, **self._params},
            pi=self._pi,
            share=self._share,
            price=self._price,
            root=self._root,
        )

    def _at(self, buses: Ints) -> Bus:
        return Bus(self._d.vm[self._view.buses[buses]], self._pi[buses], self._u[buses])

    def _powers(self) -> Powers:
        i, j, va = self._of.start, self._of.end, self._d.va
        y = Lines(*(self._param(name)[:] for name in LINES[:6]))
        vm, buses = self._d.vm, self._view.buses
        across = va[buses[i]] - va[buses[j]]
        return loss_forms.powers(y, vm[buses[i]], vm[buses[j]], across)

    def _ends(self) -> Ends:
        i, j = self._of.start, self._of.end
        of_island = self._island[i]
        f, q, root = self._share[of_island], self._price[of_island], self._f.data(self._root[0])
        at = self._at(i), self._at(j)
        return loss_forms.ends(self._powers(), *at, f, q, root, self._param("r")[:])

    def _alone(self, there: Ints) -> tuple[Node, Node]:
        """What these buses dissipate by themselves: in their rows, and of the budget."""
        at, q = self._at(there), self._price[self._island[there]]
        shunt, current, r = (self._param(name)[there] for name in ("shunt", "p_current", "bus_r"))
        l_bus = loss_forms.at_bus(at.pi, at.v, shunt, current)
        root = self._f.data(self._root[1][there])
        return loss_forms.alone(l_bus, at, q, root, r)

    def _definitions(self, ends: Ends, used: list[tuple[Expression, Ints]]) -> Iterable[Constraint]:
        """Rows that its variables keep: alpha >= kappa b, M_ij <= 0, the budget, and those of pi.

        Args:
            ends: of the pairs.
            used: parts of the budgets, with the bus of each.
        """
        f, i, j = self._f, self._of.start, self._of.end
        of, pi, kappa, zero = self._powers(), self._pi, self._kappa, np.zeros(len(i))
        b = 0.5 * (self._param("b_ij")[:] + self._param("b_ji")[:])
        alpha = 0.5 * (pi[i] * of.al_ij + pi[j] * of.al_ji) / b - kappa[self._island[i]]
        yield f.constraint("stability_alpha", self._pair, alpha, lower=zero)
        yield f.constraint("stability_sign", self._pair, ends.beside / b, upper=zero)
        lossy = np.flatnonzero(self._lossy[self._first])
        if not len(lossy):
            return
        index, count = f.index("stability_lossy", lossy.tolist()), len(lossy)
        place = np.full(len(self._first), NOBODY)
        place[lossy] = np.arange(count)
        place = place[self._island]  # of every bus
        left = self._price[lossy] * self._share[lossy] * kappa[lossy]
        for part, bus in used:
            left = left - part.total(place[bus], count)
        yield f.constraint("stability_budget", index, left, lower=np.zeros(count))
        size = np.bincount(self._island)[lossy].astype(np.float64)
        yield f.constraint("stability_mean", index, pi.total(place, count), lower=size, upper=size)
        free = self._lossy.copy()
        free[self._first] = False  # all rows of an island add up to nothing
        at, row = np.flatnonzero(free), np.where(free, np.cumsum(free) - 1, NOBODY)
        skew = f.expression("stability_skew", self._pair, pi[i] * of.al_ij - pi[j] * of.al_ji)
        balance = skew.total(row[i], len(at)) - skew.total(row[j], len(at))
        rows, none = f.index("stability_bus_left", self._ids[at].tolist()), np.zeros(len(at))
        yield f.constraint(
            "stability_left", rows, balance / self._param("scale")[at], lower=none, upper=none
        )


def values_of_rows(declared: LossyRows, d: Dispatch, view: View) -> Floats:
    """Left sides of the rows of all buses at the present values of the model."""
    assert declared.pi is not None
    assert declared.share is not None
    assert declared.price is not None
    (u,), pi = declared.weights, declared.pi.value
    assert u is not None
    params = {
        name.removeprefix("stability_"): one.values for name, one in declared.parameters.items()
    }
    grid, vm, va = view.grid, d.vm.value[view.buses], d.va.value[view.buses]
    i, j, island = grid.two_ports.start, grid.two_ports.end, grid.island - 1
    f, q = declared.share.value[island[i]], declared.price.value[island]
    across, n, w = va[i] - va[j], len(grid), u.value
    at = Bus(vm[i], pi[i], w[i]), Bus(vm[j], pi[j], w[j])
    of = loss_forms.powers(Lines(*(params[name] for name in LINES[:6])), vm[i], vm[j], across)
    ends = loss_forms.ends(of, *at, f, q[i], declared.root[0], params["r"])
    l_bus = loss_forms.at_bus(pi, vm, params["shunt"], params["p_current"])
    alone, _ = loss_forms.alone(l_bus, Bus(vm, pi, w), q, declared.root[1], params["bus_r"])
    total = np.bincount(i, ends.start, n) + np.bincount(j, ends.end, n) + alone
    total = total - params["own"] * vm - 0.5 * params["q_current"]
    wide = island[grid.start[np.abs(grid.angle(va)) >= np.pi / 2]]
    found: Floats = np.where(np.isin(island, wide), np.inf, total / params["scale"])
    return found
