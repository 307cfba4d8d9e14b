"""The base class of stability criteria: rows that are sums over the lines of a bus.

A criterion of one's own is a class with one method, the term of one line:

    class Mine(scopf.Criterion):
        name = "mine"

        def term(self, b, v_i, v_j, angle):
            return b * (v_j / cos(angle) - v_i)

The row of inverter i is then

    sum_j term(b_ij, V_i, V_j, theta_i - theta_j - shift_ij) / scale_i  <=  Gamma_i - margin

over the lines of its bus in the network that the criterion looks at, with Gamma and scale as in
`scopf.stability.limits`. The base class does all the rest: limits, margin, co-design, prices,
diagnosis, the check of a point without a model, and rows that keep every angle below 90 degrees.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.engine.symbols import Index, Variable
from scopf.engine.templates import Node
from scopf.network.network import Network
from scopf.network.susceptances import Grid
from scopf.stability import angles, device_rows, limits
from scopf.stability.device_rows import SLOPES, STEADY
from scopf.stability.held import held_branches, held_buses, owners
from scopf.stability.rows import (
    NOBODY,
    Declared,
    Dispatch,
    LoadPrices,
    OwnedRows,
    RowPrices,
    Rows,
    Stability,
)
from scopf.stability.setting import Setting, View

Claim = Literal["stable", "no growing mode", "no growing real mode"]

B, OWN, SCALE = "stability_b", "stability_own", "stability_scale"
_STEP = 1e-5  # of a number that a term is differentiated by


class Criterion:
    """Rows that keep an inverter-based grid small-signal stable.

    Arguments of the methods that make rows are arrays as well as model expressions: write them
    with operators and `scopf.engine.functions`.

    Attributes:
        name: for users.
        network: that it looks at, the "full" network or the one "reduced" to the inverters.
        claim: behaviour of every point that keeps the rows, "stable" if they are sufficient for
            small-signal stability; None without a proof.
        conditions: of the claim, one sentence.
        source: paper and equation.
        nssp_unit: p.u. of what the NSSP is per, "voltage" or "stiffness 1/k".
        strict: p.u. voltage that every row keeps from equality.
        everywhere: whether buses without an inverter have a row too, with Gamma = 0.
        of_devices: whether rows take the slopes of machines and grid-following inverters.
        fits: whether `fitted` finds values of its own variables.
        for_losses: whether it is made for losses, and is another criterion without them: studies of
            lossless networks leave it out unless it is asked for.
    """

    name: str = ""
    network: Literal["reduced", "full"] = "reduced"
    claim: Claim | None = None
    conditions: str = ""
    source: str = ""
    nssp_unit: str = "voltage"
    strict: float = 0.0
    everywhere: bool = False
    of_devices: bool = False
    fits: bool = False
    for_losses: bool = False

    # -- to be written, or overridden -------------------------------------------

    def term(self, b: Node, v_i: Node, v_j: Node, angle: Node) -> Node:
        """Contribution of one line to the row of bus i, before it is divided by the scale.

        Args:
            b: susceptance of the line, per unit.
            v_i: voltage of the bus, per unit.
            v_j: voltage of the bus across the line.
            angle: theta_i - theta_j - shift, rad, below 90 degrees.
        """
        raise NotImplementedError

    def line(self, b: Node, v_i: Node, v_j: Node, angle: Node, u_i: Node, u_j: Node) -> Node:
        """The same with the criterion's own variables u of the two buses (`add_weights`)."""
        return self.term(b, v_i, v_j, angle)

    def own(self, b: Node, v: Node) -> Node:
        """Contribution of the bus itself, b its own susceptance B_ii; none by default."""
        return 0.0 * v

    def add_weights(self, d: Dispatch, setting: Setting, kind: str = STEADY) -> Variable | None:
        """Declare variables of the criterion, one for each bus of its network; none by default.

        Args:
            d: the model.
            setting: numbers of the problem.
            kind: of the rows that they are for, "" or "_transient"; the end of their name.
        """
        return None

    def droop_margin(self, net: Network) -> float:
        """Droop margin to use on a network unless the user gives one."""
        return 0.0

    def unmet(self, setting: Setting) -> list[str]:
        """Conditions of the claim that are not met here, a clause each."""
        return []

    def nssp(self, setting: Setting, limit: Floats, price: Floats) -> Floats:
        """The NSSP of each inverter from the price of its limit: by default that price itself."""
        return price

    # -- rows on a model -------------------------------------------

    def parameters(self, setting: Setting) -> dict[str, Floats]:
        """Values of the criterion's Params by name."""
        view = setting.view(self.network)
        grid = view.grid
        found = limits.parameters(setting, grid.scale[view.inverters])
        found |= {B: grid.b, SCALE: grid.scale[self._places(view)]}
        return found | ({OWN: grid.own[self._places(view)]} if self._has_own else {})

    def declare(self, d: Dispatch, setting: Setting) -> Declared:
        """Declare `inverter_stability[i]`, or `bus_stability[i]` where every bus has a row.

        A line's contributions are `stability_line_start` and `stability_line_end`, susceptances
        and scales the mutable Params `stability_b`, `stability_own` and `stability_scale`.

        Raises:
            ScopfError: when there is no inverter, or one is coupled to nothing.
        """
        f, view = d.formulation, setting.view(self.network)
        grid, buses, places = view.grid, view.buses, self._places(view)
        alone = self.of_devices and setting.devices is not None and len(setting.devices.machines)
        limit = limits.declare(d, setting, grid.scale[view.inverters], needed=not alone)
        lines = self._lines(d, setting)
        gamma = limit.unit[:] * limit.stiffness[limit.place] + limit.offset[:]
        kept = f.expression("inverter_limit", d.inverter, gamma - limit.margin[:])
        index = held_buses(d, view) if self._at_all_buses else d.inverter
        values = self.parameters(setting)
        own = {OWN: index} if self._has_own else {}
        params = {
            name: f.parameter(name, at, values[name])
            for name, at in ({B: lines, **own, SCALE: index}).items()
        }
        angle = angles.declare(d, setting, self.network)
        slopes = device_rows.declare(d, setting) if self.of_devices else None

        i, j, vm, b, count = grid.start, grid.end, d.vm, params[B][:], len(places)
        v_i, v_j = vm[buses[i]], vm[buses[j]]
        row_of = np.full(len(grid), NOBODY)
        row_of[places] = np.arange(count)
        name = "bus_stability" if self._at_all_buses else "inverter_stability"
        sets, weights = list[OwnedRows](), list[Variable | None]()
        for kind in self._kinds(setting):
            u = self.add_weights(d, setting, kind)
            u_i, u_j = (0, 0) if u is None else (u[i], u[j])
            start = self.line(b, v_i, v_j, angle.across, u_i, u_j)
            end = self.line(b, v_j, v_i, angle.back, u_j, u_i)
            there = f.expression(f"stability_line_start{kind}", lines, start)
            here = f.expression(f"stability_line_end{kind}", lines, end)
            total = there.total(row_of[i], count) + here.total(row_of[j], count)
            if own:
                total = total + self.own(params[OWN][:], vm[buses[places]])
            if slopes is not None:
                in_network = np.full(len(setting.net.bus), NOBODY)
                in_network[buses] = row_of
                total = total - slopes.total(kind, in_network, count)
            value = total / params[SCALE][:] - kept.total(row_of[view.inverters], count)
            rows = f.constraint(f"{name}{kind}", index, value, upper=np.full(count, -self.strict))
            sets.append(OwnedRows(rows, owners(view)[places]))
            weights.append(u)
        return Declared(
            margin=limit.margin,
            limits=limit,
            rows=tuple(sets),
            angles=angle.rows,
            definitions=angle.definitions,
            weights=tuple(weights),
            grid=grid if slopes is None else None,
            buses=buses,
            load_angles=None if slopes is None else slopes.limits,
            parameters={limits.UNIT: limit.unit, **params},
        )

    def starts(self, declared: Declared, d: Dispatch, vm: Floats, va: Floats) -> dict[str, Floats]:
        """Values of the criterion's own variables that fit a start point, by name.

        Args:
            declared: what `declare` gave.
            d: the model.
            vm: voltages of its buses, per unit.
            va: their angles, rad.
        """
        return {}

    def fitted(self, declared: Declared, vm: Floats, va: Floats) -> dict[str, Floats] | None:
        """Values of the criterion's own variables that fulfil all its rows at a point, by name.

        Args:
            declared: what `declare` gave.
            vm: voltages of the model's buses, per unit.
            va: their angles, rad.

        Returns:
            None where there are none, or none are found.
        """
        return None

    def _kinds(self, setting: Setting) -> tuple[str, ...]:
        """Kinds of rows: one without devices, else those that they need."""
        return device_rows.kinds(setting.devices if self.of_devices else None)

    @property
    def _at_all_buses(self) -> bool:
        return self.everywhere and self.network == "full"

    @property
    def _has_own(self) -> bool:
        return type(self).own is not Criterion.own

    def _places(self, view: View) -> Ints:
        """Buses of the criterion's network that have a row."""
        return np.arange(len(view.grid)) if self._at_all_buses else view.inverters

    def _lines(self, d: Dispatch, setting: Setting) -> Index:
        """The index of lines."""
        if self.network == "full":
            return held_branches(d, setting.full)
        grid, bus = setting.reduced.grid, setting.inverters.bus
        pairs = zip(bus[grid.start].tolist(), bus[grid.end].tolist(), strict=True)
        return d.formulation.index("inverter_line", pairs)

    # -- at a point -------------------------------------------

    def slack(self, grid: Grid, k: Floats, vm: Floats, va: Floats) -> Floats:
        """Gamma - value of every row, without a model: all positive where the point is certified.

        Args:
            grid: network of the kind that the criterion looks at, n buses.
            k: droop m_q beta_q of each bus, infinite without an inverter.
            vm: voltages, shape (..., n).
            va: angles, rad, shape (..., n).

        Returns:
            Least slack among the rows of each bus, p.u. voltage, shape (..., n). It is infinite at
            a bus without a row, and -inf everywhere with an angle beyond 90 degrees.
        """
        found: Floats = limits.gamma(k, grid.scale) - self._values(
            grid, grid.b, grid.own, grid.scale, vm, va, None
        )
        without_row = np.isinf(k) & (found > -np.inf)
        return found if self.everywhere else np.where(without_row, np.inf, found)

    def _values(
        self,
        grid: Grid,
        b: Floats,
        own: Floats,
        scale: Floats,
        vm: Floats,
        va: Floats,
        u: Floats | None,
    ) -> Floats:
        """Left sides of the rows of all buses at points of shape (..., n)."""
        narrow = np.abs(grid.angle(va)) < np.pi / 2
        ends = self._ends(grid, b, vm, va, u)
        found: Floats = (grid.per_bus(*ends) + self.own(own, vm)) / scale
        return np.where(narrow.all(axis=-1, keepdims=True), found, np.inf)

    def _ends(
        self, grid: Grid, b: Floats, vm: Floats, va: Floats, u: Floats | None
    ) -> tuple[Floats, Floats]:
        """Contributions of every line to the rows of its two ends; angle 0 beyond 90 degrees."""
        i, j, angle = grid.start, grid.end, grid.angle(va)
        across = np.where(np.abs(angle) < np.pi / 2, angle, 0.0)
        v_i, v_j = vm[..., i], vm[..., j]
        u_i, u_j = (0, 0) if u is None else (u[..., i], u[..., j])
        start = self.line(b, v_i, v_j, across, u_i, u_j)
        end = self.line(b, v_j, v_i, -across, u_j, u_i)
        shape = np.broadcast_shapes(start.shape, end.shape, angle.shape)
        return np.broadcast_to(start, shape), np.broadcast_to(end, shape)

    def read(
        self, declared: Declared, d: Dispatch, setting: Setting, prices: RowPrices
    ) -> Stability:
        """Every row at the present values of the model, with its present parameters."""
        view = setting.view(self.network)
        grid, buses, places = view.grid, view.buses, self._places(view)
        vm, va = d.vm.value[buses], d.va.value[buses]
        own, scale = np.zeros(len(grid)), grid.scale.copy()
        scale[places] = declared.parameters[SCALE].values
        if self._has_own:
            own[places] = declared.parameters[OWN].values
        b, points, values = declared.parameters[B].values, [], list[Floats]()
        slopes = self._slopes_at(declared, d, setting, view)
        for weights, slope in zip(declared.weights, slopes, strict=True):
            u = None if weights is None else weights.value
            points.append((vm, va, u))
            found = self._values(grid, b, own, scale, vm, va, u) - slope / scale
            values.append(found[places])
        return self._stability(
            declared,
            setting,
            prices,
            values,
            partial(self._load_prices, declared, setting, points[0]),
        )

    def _stability(
        self,
        declared: Declared,
        setting: Setting,
        prices: RowPrices,
        values: list[Floats],
        load_prices: Callable[[Floats], LoadPrices | None] = lambda _: None,
    ) -> Stability:
        """The criterion at a point from the left sides of its sets of rows.

        Args:
            declared: rows, one for each bus that has some.
            setting: numbers of the problem.
            prices: of the rows.
            values: left sides of each set.
            load_prices: makes `Stability.load_prices` from the sum of the prices of each bus.
        """
        view, limit, several = setting.view(self.network), declared.limits, declared.rows
        assert limit is not None
        places, parts = self._places(view), list[Rows]()
        at = np.flatnonzero(several[0].owner >= 0)
        at = at[np.argsort(several[0].owner[at])]
        right, required = np.zeros(len(places)), np.full(len(places), self.strict)
        right[at] = limit.values
        required[at] += limit.required
        for rows, value in zip(several, values, strict=True):
            active, price = prices.active(rows.constraint), prices.price(rows.constraint)
            bus = setting.net.bus.id[view.buses[places]]
            nobody = np.full(len(places), NOBODY)
            shown, limited = (np.where(active, one, np.nan) for one in (value, right))
            parts.append(Rows(bus, nobody, shown, limited, price, required))
        least = np.min([one.limit - one.value for one in parts], axis=0)
        price = np.sum([one.price for one in parts], axis=0)
        of_inverter = price[at]
        return Stability(
            limit=parts[0].limit[at],
            margin=least[at],
            neighbor=np.full(len(at), NOBODY),
            price=of_inverter,
            nssp=self.nssp(setting, right[at], of_inverter),
            dcost_dmq=limits.droop_prices(of_inverter, limit),
            required=limit.required + self.strict,
            list_rows=partial(Rows.active, dict(zip(SLOPES, parts, strict=False))),
            load_prices=load_prices(price),
        )

    def _slopes_at(
        self, declared: Declared, d: Dispatch, setting: Setting, view: View
    ) -> list[Floats]:
        """Slopes s / (2 V) of the devices at every bus of the network, by set of rows."""
        if setting.devices is None or not self.of_devices:
            return [np.zeros(len(view.grid))] * len(declared.rows)
        of = setting.devices, setting.net, d.power, d.vm.value
        return [device_rows.at_buses(*of, kind)[view.buses] for kind in self._kinds(setting)]

    def _load_prices(
        self,
        declared: Declared,
        setting: Setting,
        point: tuple[Floats, Floats, Floats | None],
        price: Floats,
    ) -> LoadPrices | None:
        """`Stability.load_prices` of the Params that `Criterion.parameters` gives.

        Those of the full network do not follow the loads.
        """
        if self.network == "full" or type(self).parameters is not Criterion.parameters:
            return None
        limit, grid = declared.limits, setting.reduced.grid
        assert limit is not None
        vm, va, u = point
        by_gamma = limits.scale_prices(price, limit, self.parameters(setting), grid.scale)
        now = {name: one.values.copy() for name, one in declared.parameters.items()}
        kept = vm, va, None if u is None else u.copy()
        return partial(self._by_loads, setting, now, kept, price, by_gamma)

    def _by_loads(
        self,
        setting: Setting,
        now: dict[str, Floats],
        point: tuple[Floats, Floats, Floats | None],
        price: Floats,
        by_gamma: Floats,
        least: float,
    ) -> tuple[Floats, Floats]:
        """dJ*/d(load): those by b, own and scale of the reduced network, times theirs by loads.

        A Param that was set by hand follows nothing.
        """
        grid, (vm, va, u) = setting.reduced.grid, point
        b, own, scale = now[B], now.get(OWN, grid.own), now[SCALE]
        taken = np.where(price <= least, 0.0, price)  # NaN stays NaN
        per_row, value = taken / scale, self._values(grid, b, own, scale, vm, va, u)
        there, here = _slope(lambda x: np.stack(self._ends(grid, x, vm, va, u)), b)
        found = {
            B: per_row[grid.start] * there + per_row[grid.end] * here,
            OWN: per_row * _slope(lambda x: self.own(x, vm), own),
            SCALE: -per_row * value,
        }
        given = self.parameters(setting)
        for name in found.keys() & given.keys():
            found[name] = np.where(limits.follow(now[name], given[name]), found[name], 0.0)
        by_scale = found[SCALE] + np.where(price <= least, 0.0, by_gamma)
        return Grid.reduced_by_loads(setting.present_reduction, found[B], found[OWN], by_scale)


def _slope(function: Callable[[Floats], Floats], at: Floats) -> Floats:
    """Derivative of a function that acts on each element by itself; exact if it is linear."""
    step = _STEP * (1.0 + np.abs(at))
    found: Floats = (function(at + step) - function(at - step)) / (2.0 * step)
    return found
