"""The rows of the criterion `lossy` on a model: its variables, and what these have to keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from scopf.engine.functions import exp
from scopf.errors import ScopfError, listing
from scopf.network.islands import firsts
from scopf.stability import angles, limits, loss_forms
from scopf.stability.held import held_buses
from scopf.stability.line_sums import STRICT
from scopf.stability.loss_forms import ADMITTANCES, Bus, Ends, Lines, Powers
from scopf.stability.rows import NOBODY, Declared, OwnedRows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scopf.arrays import Flags, Floats, Ints
    from scopf.engine.formulation import Formulation
    from scopf.engine.symbols import Constraint, Expression, Index, Parameter, Variable
    from scopf.engine.templates import Node
    from scopf.network.network import Network
    from scopf.stability.rows import Dispatch
    from scopf.stability.setting import Setting, View

LINES = (*ADMITTANCES, "r", "bare")  # Params of pairs
BUSES = ("own", "scale", "shunt", "p_current", "q_current", "bus_r", "bus_bare")  # Params of buses
_LEAST_PI, _LEAST = 1e-3, -30.0
_MOST = 10.0  # ln(mu R) where R is zero: more is worth nothing, and without a bound has no end
_FARTHEST = 10.0  # of ln w, 2 at most at optima; without an end it runs away where droops are small
_F, _KAPPA = 0.1, 0.9  # starts
_ANY = -9.0  # ln kappa where it does not matter: below that of every angle of 89 degrees


@dataclass(frozen=True, eq=False)
class LossyRows(Declared):
    """All that is declared.

    Attributes:
        pi: weights of the buses' active power.
        rest: ln(1 - f) of every island.
        pairs, shunts: ln(mu R) of pairs, and of buses that dissipate by themselves; None without.
        dissipating: these buses.
        view: the network.
        potentials: y and z, and the share of each bus in rho; None where R is the largest of all.
    """

    pi: Variable | None = None
    rest: Variable | None = None
    logs: dict[str, Variable] = field(default_factory=dict)
    pairs: Variable | None = None
    shunts: Variable | None = None
    dissipating: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    view: View | None = None
    potentials: tuple[Variable, Variable, Floats] | None = None


def check_inductive(net: Network, view: View) -> None:
    """Refuse pairs of buses whose lines are capacitive together, or turn the phase half around.

    Their alpha is below zero at small angles, or the b that bounds it from below is.

    Raises:
        ScopfError: naming them.
    """
    of, ids = view.grid.two_ports, net.bus.id[view.buses]
    bad = np.flatnonzero(of.between <= 0)
    if len(bad):
        pairs = [f"{ids[of.start[k]]}-{ids[of.end[k]]}" for k in bad.tolist()]
        raise ScopfError(
            f"what joins buses {listing(pairs, most=5)} is capacitive, or shifts the phase by 90 "
            "degrees or more, where the rows of the lossy criterion end; use the criterion weighted"
        )


class Builder:
    """Declares the rows of all buses.

    Args:
        d: the model.
        setting: network, inverters and margins.
        values: of the Params, by name.
        share: of each bus in rho at pi = 1, up to a factor; None where R is the largest of all rho.
        still: masks of the pairs and of the buses whose R is zero at pi = 1.
    """

    def __init__(
        self,
        d: Dispatch,
        setting: Setting,
        values: dict[str, Floats],
        share: Floats | None,
        still: tuple[Flags, Flags],
    ) -> None:
        self._most = tuple(np.where(one, _MOST, np.inf) for one in still)
        self._d, self._f, self._setting, self._share = d, d.formulation, setting, share
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
        self._alone = np.flatnonzero(self._of.dissipates)
        if len(self._alone):
            self._shunts = self._f.index("stability_shunt_bus", self._ids[self._alone].tolist())
        self._logs: dict[str, Variable] = {}
        self._potential: tuple[Variable, Variable, Floats] | None = None
        self._variables()

    def _parameters(self, values: dict[str, Floats]) -> dict[str, Parameter]:
        found = {}
        for names, index in ((LINES, self._pair), (BUSES, self._bus)):
            for name in (f"stability_{name}" for name in names):
                if name not in values:
                    continue
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
        self._u = f.variable(
            "bus_log_weight", self._bus, lower=-_FARTHEST, upper=_FARTHEST, start=0.0, fixed=settled
        )
        self._pi = f.variable(
            "bus_power_weight", self._bus, lower=_LEAST_PI, upper=np.inf, start=1.0,
            fixed=~self._lossy,
        )  # fmt: skip
        parts = np.bincount(self._island[self._of.start], minlength=len(free)) + np.bincount(
            self._island[self._alone], minlength=len(free)
        )
        budget = np.log(_F * _KAPPA) - 0.1
        each = budget - np.log(np.maximum(parts, 1)) - 0.1
        for name, start, idle in (
            ("share", np.log(_F), 0.0),
            ("rest", np.log(1 - _F) - 0.05, 0.0),
            ("stiffness", np.log(_KAPPA), _ANY),
            ("budget", budget, 0.0),
        ):
            self._logs[name] = f.variable(
                f"stability_{name}",
                self._islands,
                **everywhere,
                start=np.where(free, start, idle),
                fixed=~free,
            )
        lossy = self._lossy[self._of.start]
        of_island = self._island[self._of.start]
        self._mu = f.variable(
            "stability_mu",
            self._pair,
            lower=_LEAST,
            upper=self._most[0],
            start=np.where(lossy, each[of_island], 0.0),
            fixed=~lossy,
        )
        self._mu_alone = None
        if len(self._alone):
            index = self._shunts
            self._mu_alone = f.variable(
                "stability_shunt_mu",
                index,
                lower=_LEAST,
                upper=self._most[1][self._alone],
                start=each[self._island[self._alone]],
            )

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
        if self._mu_alone is not None:
            at, mu = self._at(self._alone), self._mu_alone
            params = (self._param(name)[self._alone] for name in ("shunt", "p_current"))
            quarter = 0.25 * self._param("bus_r")[self._alone] * exp(-mu[:])
            row = loss_forms.alone(loss_forms.at_bus(at.pi, at.v, *params), at, quarter)
            total = total + f.expression("stability_shunt_loss", self._shunts, row).total(
                self._alone, n
            )
        owner = np.full(n, NOBODY)
        owner[view.inverters] = np.arange(len(view.inverters))
        value = total / self._param("scale")[:] - kept.total(view.inverters, n)
        rows = f.constraint("bus_stability", self._bus, value, upper=np.full(n, -STRICT))
        definitions = list(self._definitions(ends))
        return LossyRows(
            margin=limit.margin,
            limits=limit,
            rows=(OwnedRows(rows, owner),),
            angles=angle.rows,
            definitions=(*angle.definitions, *definitions),
            weights=(self._u,),
            parameters={limits.UNIT: limit.unit, **self._params},
            pi=self._pi,
            rest=self._logs["rest"],
            logs=self._logs,
            pairs=self._mu,
            shunts=self._mu_alone,
            dissipating=self._alone,
            view=view,
            potentials=self._potential,
        )

    def _at(self, buses: Ints) -> Bus:
        return Bus(self._d.vm[self._view.buses[buses]], self._pi[buses], self._u[buses])

    def _powers(self) -> Powers:
        i, j, va = self._of.start, self._of.end, self._d.va
        y = Lines(*(self._param(name)[:] for name in ADMITTANCES))
        vm, buses = self._d.vm, self._view.buses
        across = va[buses[i]] - va[buses[j]]
        return loss_forms.powers(y, vm[buses[i]], vm[buses[j]], across)

    def _ends(self) -> Ends:
        i, j = self._of.start, self._of.end
        rest = exp(-self._logs["rest"][self._island[i]])
        quarter = 0.25 * self._param("r")[:] * exp(-self._mu[:])
        return loss_forms.ends(self._powers(), self._at(i), self._at(j), rest, quarter)

    def _definitions(self, ends: Ends) -> Iterable[Constraint]:
        """Rows that its variables keep: alpha >= kappa b, M_ij <= 0, the budget, and those of pi.

        Args:
            ends: of the pairs.
        """
        f, i, j = self._f, self._of.start, self._of.end
        of, pi, logs, zero = self._powers(), self._pi, self._logs, np.zeros(len(i))
        b = 0.5 * (self._param("b_ij")[:] + self._param("b_ji")[:])
        alpha = 0.5 * (pi[i] * of.al_ij + pi[j] * of.al_ji) / b - exp(
            logs["stiffness"][self._island[i]]
        )
        yield f.constraint("stability_alpha", self._pair, alpha, lower=zero)
        yield f.constraint("stability_sign", self._pair, ends.beside / b, upper=zero)
        lossy = np.flatnonzero(self._lossy[self._first])
        if not len(lossy):
            return
        index, count = f.index("stability_lossy", lossy.tolist()), len(lossy)
        place = np.full(len(self._first), NOBODY)
        place[lossy] = np.arange(count)
        place = place[self._island]  # of every bus
        share, rest, budget = (logs[name] for name in ("share", "rest", "budget"))
        one, nothing = np.ones(count), np.zeros(count)
        yield f.constraint(
            "stability_shares", index, exp(share[lossy]) + exp(rest[lossy]), upper=one
        )
        yield f.constraint(
            "stability_covered",
            index,
            share[lossy] + logs["stiffness"][lossy] - budget[lossy],
            lower=nothing,
        )
        free = self._lossy.copy()
        free[self._first] = False  # all rows of an island add up to nothing
        lossy_rows = _Rows(
            index,
            place,
            np.flatnonzero(free),
            np.where(free, np.cumsum(free) - 1, NOBODY),
            f.index("stability_bus_left", self._ids[free].tolist()),
        )
        weight = np.ones(len(self._of)) if self._share is None else self._share
        size = np.bincount(self._island, weight)[lossy]
        held = f.expression("stability_held", self._bus, f.data(weight) * pi[:])
        yield f.constraint(
            "stability_mean", index, held.total(place, count), lower=size, upper=size
        )
        at_pairs: Node = 1.0
        at_buses: Node = 1.0
        if self._share is not None:
            yield from self._potentials(
                lossy_rows, weight / np.bincount(self._island, weight)[self._island]
            )
            y, z, every = self._y, self._z, self._alone
            at_pairs = (self._param("bare")[:] - y[i] - y[j] + z[self._island[i]]) / self._param(
                "r"
            )[:]
            at_buses = (
                self._param("bus_bare")[every] - 2 * y[every] + z[self._island[every]]
            ) / self._param("bus_r")[every]
        part = exp(self._mu[:] - budget[self._island[i]]) * at_pairs
        used = f.expression("stability_used", self._pair, part).total(place[i], count)
        if self._mu_alone is not None:
            at, mu = self._alone, self._mu_alone
            part = exp(mu[:] - budget[self._island[at]]) * at_buses
            used = used + f.expression("stability_shunt_used", self._shunts, part).total(
                place[at], count
            )
        yield f.constraint("stability_spent", index, used, upper=one)
        skew = f.expression("stability_skew", self._pair, pi[i] * of.al_ij - pi[j] * of.al_ji)
        yield lossy_rows.balance(f, "stability_left", skew, (i, j), self._param("scale"), None)

    def _potentials(self, rows: _Rows, rho: Floats) -> Iterable[Constraint]:
        """Rows of y, the potentials of rho pi, and of z, their mean: R = bare - y_i - y_j + z."""
        f, i, j = self._f, self._of.start, self._of.end
        fixed = np.ones(len(rho), dtype=bool)
        fixed[rows.at] = False
        everywhere = {"lower": -np.inf, "upper": np.inf, "start": 0.0}
        self._y = f.variable("stability_potential", self._bus, **everywhere, fixed=fixed)
        idle = ~self._lossy[self._first]
        self._z = f.variable("stability_mean_potential", self._islands, **everywhere, fixed=idle)
        self._potential = self._y, self._z, rho
        b = 0.5 * (self._param("b_ij")[:] + self._param("b_ji")[:])
        flow = f.expression("stability_potential_flow", self._pair, b * (self._y[i] - self._y[j]))
        into = f.data(rho[rows.at]) * self._pi[rows.at]
        yield rows.balance(f, "stability_potentials", flow, (i, j), self._param("scale"), into)
        each = f.expression(
            "stability_potential_held", self._bus, f.data(rho) * self._pi[:] * self._y[:]
        )
        lossy, none = np.flatnonzero(~idle), np.zeros(len(rows.index))
        mean = self._z[lossy] - each.total(rows.place, len(lossy))
        yield f.constraint("stability_mean_of_potentials", rows.index, mean, lower=none, upper=none)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Islands with losses, and their buses but the first of each.

    Attributes:
        index: of the islands.
        place: position of each bus's island among them.
        at: these buses.
        row: position of each bus among these.
        buses: their index.
    """

    index: Index
    place: Ints
    at: Ints
    row: Ints
    buses: Index

    def balance(
        self,
        f: Formulation,
        name: str,
        flow: Expression,
        ends: tuple[Ints, Ints],
        scale: Parameter,
        into: Node | None,
    ) -> Constraint:
        """Rows: what flows out of each bus is what is put into it."""
        i, j, count = *ends, len(self.at)
        out = flow.total(self.row[i], count) - flow.total(self.row[j], count)
        none = np.zeros(count)
        left = out if into is None else out - into
        return f.constraint(name, self.buses, left / scale[self.at], lower=none, upper=none)
