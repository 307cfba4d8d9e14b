"""The merchandising surplus, split by what binds.

At fixed angles flows and shunts are homogeneous of degree 2 in the voltages. With the balances

    S_i(V) = net supply of bus i,    lambda_i its price,

Euler's theorem says V . grad S_i = 2 S_i, and what loads pay less what generators earn is

    M = - sum_i lambda_i S_i = - 1/2 sum_i lambda_i V . grad S_i.

The voltages being optimal, V . grad of the Lagrangian is zero, and so

    M = 1/2 [ sum_k y_k V . grad h_k + sum_j (z_U,j - z_L,j) V_j + V . grad f ]
        + what in the balances is not of degree 2,

over all rows h_k that are no balances, with their multipliers y. Each term is an account. What the
identity leaves open is 1/2 V . (gradient of the Lagrangian), the solver's dual residual.

Every state has voltages of its own. A row that has voltages of two of them (the response of an
inverter by its droop) has one account, of the state after the outage; the part of it that stands on
the voltages of the intact network is carried over, `Split.carried`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from scopf.arrays import Floats
from scopf.results.payments import Trades
from scopf.results.slopes import STATE, Members, Slopes

THERMAL, VOLTAGE, STABILITY = "thermal limits", "voltage limits", "stability rows"
STORAGE = "losses of storage"
CURRENT, DROOP, LOADS = "current limits", "droop response", "constant-current loads"
COSTS, OWN, HELD = "costs that follow voltages", "further rows", "voltages held fixed"
KINDS = (THERMAL, VOLTAGE, STABILITY, CURRENT, DROOP, LOADS, COSTS, STORAGE, HELD, OWN)

_ELEMENTS = {  # kind and element of rows, by their family without "state_"
    "branch_limit_from": (THERMAL, "branch {}"),
    "branch_limit_to": (THERMAL, "branch {}"),
    "bus_vm_bounds": (VOLTAGE, "bus {}"),
    "inverter_current": (CURRENT, "inverter {}"),
    "machine_load_angle": (STABILITY, "machine of gen {}"),
    "storage_power": (STORAGE, "storage {}"),
    "droop": (DROOP, "inverter {}"),
    "bus_same_vm": (DROOP, "bus {}"),
    "gen_same_q": (DROOP, "gen {}"),
    "machine_field": (DROOP, "machine of gen {}"),
    "follower_support": (DROOP, "gen {}"),
}


@dataclass(frozen=True)
class Account:
    """A part of the surplus.

    Attributes:
        kind: one of `KINDS`.
        element: what binds, "branch 6"; "" for rows of no single element.
        state: position of its state.
        amount: currency/h.
    """

    kind: str
    element: str
    state: int
    amount: float


@dataclass(frozen=True, eq=False)
class Split:
    """The surplus as accounts.

    Args:
        slopes: of the solved problem.
        trades: what is paid and earned.
    """

    slopes: Slopes
    trades: Trades

    @cached_property
    def accounts(self) -> list[Account]:
        """All of them, those of one kind and element together; none is zero."""
        total = dict[tuple[str, str, int], float]()
        for one in self._parts():
            if one.amount != 0.0:
                key = one.kind, one.element, one.state
                total[key] = total.get(key, 0.0) + one.amount
        return [Account(*key, amount) for key, amount in total.items()]

    @cached_property
    def carried(self) -> Floats:
        """Carried over to each state from others, by rows that have voltages of several."""
        found = self._terms.tocoo()
        home = self.slopes.row_states[found.row]
        away = home != found.col
        count = len(self.slopes.states)
        into = np.bincount(found.col[away], found.data[away], count)
        out = np.bincount(home[away], found.data[away], count)
        return np.asarray(into - out, dtype=np.float64)

    @cached_property
    def _terms(self) -> Any:
        """1/2 y_k V . grad h_k by row and state of the voltages, sparse; balances are left out."""
        slopes = self.slopes
        weight = 0.5 * slopes.rows
        for trade in self.trades.each:
            for name in trade.balances:
                places = slopes.family(name).at
                weight[places[places >= 0]] = 0.0
        weight[slopes.lifted[0]] = 0.0
        found = (slopes.jacobian @ slopes.scaling).multiply(weight[:, None]).tocsr()
        return found.multiply(1.0 / slopes.hours[None, :]).tocsr()

    def _parts(self) -> Iterator[Account]:
        yield from self._rows()
        yield from self._bounds()
        yield from self._balances()
        by_state = 0.5 * (self.slopes.gradient @ self.slopes.scaling) / self.slopes.hours
        for state, amount in enumerate(by_state.tolist()):
            yield Account(COSTS, "", state, amount)

    # -- rows and bounds -------------------------------------------

    def _rows(self) -> Iterator[Account]:
        """Rows of the package by family, and those that a user added or rewrote."""
        slopes = self.slopes
        amounts = np.asarray(self._terms.sum(axis=1)).ravel()
        added, names = slopes.added
        for row, name in zip(added.tolist(), names, strict=True):
            yield Account(OWN, name, int(slopes.row_states[row]), float(amounts[row]))
        amounts[added] = 0.0
        for family in slopes.families:
            for k in np.flatnonzero((family.at >= 0) & (amounts[family.at] != 0.0)).tolist():
                state, kind, element = self._named(family, k)
                yield Account(kind, element, state, float(amounts[family.at[k]]))

    def _named(self, family: Members, k: int) -> tuple[int, str, str]:
        """State, kind and element of a row."""
        state, key = self.slopes.place(family.name, family.keys[k])
        if not family.criterion:
            own = OWN, f"{family.name} {key}"
            kind, element = _ELEMENTS.get(family.name.removeprefix(STATE), own)
            return state, kind, element.format(key)
        if not family.owners:
            return state, STABILITY, ""
        owner = family.owners[k]
        if owner is None:
            return state, STABILITY, f"bus {key}"
        return state, STABILITY, f"inverter {self.slopes.place(family.name, owner)[1]}"

    def _bounds(self) -> Iterator[Account]:
        """Limits on voltages that are bounds of variables."""
        slopes = self.slopes
        for family in slopes.voltages:
            for k in np.flatnonzero(family.at >= 0).tolist():
                state, key = slopes.place(family.name, family.keys[k])
                amount = 0.5 * slopes.bounds[family.at[k]] * slopes.x[family.at[k]]
                yield Account(VOLTAGE, f"bus {key}", state, float(amount / slopes.hours[state]))

    # -- balances -------------------------------------------

    def _balances(self) -> Iterator[Account]:
        """What in the balances is not of degree 2 in the voltages that are free.

        It is 1/2 y_i (V . grad g_i + 2 S_i). Constant-current loads, which are of degree 1, have an
        account; the rest is that of voltages that are held fixed, or of rewritten balances.
        """
        slopes, scaled = self.slopes, self.slopes.jacobian @ self.slopes.scaling
        for trade in self.trades.each:
            currents = 0.5 * trade.worth(trade.price, trade.current)
            for name, net, current in zip(trade.balances, trade.net, currents, strict=True):
                rows = slopes.family(name)
                there = rows.at >= 0
                own = np.zeros(len(there))
                own[there] = np.asarray(scaled[rows.at[there]].sum(axis=1)).ravel()
                dual = np.where(there, slopes.rows[rows.at], 0.0)
                total = 0.5 * dual * (own + 2.0 * net) / slopes.hours[trade.state]
                rest = np.where(there, total - current, 0.0)
                yield from self._of_buses(LOADS, rows, current)
                yield from self._of_buses(OWN, rows, np.where(rows.replaced, rest, 0.0))
                if self._held:  # else it is the solver's tolerance
                    yield from self._of_buses(HELD, rows, np.where(rows.replaced, 0.0, rest))

    @cached_property
    def _held(self) -> bool:
        """Whether any voltage is no free variable."""
        return any((family.at < 0).any() for family in self.slopes.voltages)

    def _of_buses(self, kind: str, rows: Members, amounts: Floats) -> Iterator[Account]:
        for k in np.flatnonzero(amounts != 0.0).tolist():
            state, bus = self.slopes.place(rows.name, rows.keys[k])
            yield Account(kind, f"bus {bus}", state, float(amounts[k]))


def by_kind(accounts: list[Account], weights: Floats) -> dict[str, float]:
    """Sums by kind; kinds without an account are left out.

    Args:
        accounts: to sum up.
        weights: of the states, hours; an account of a state beyond these, or of weight 0, is none.
    """
    found = dict.fromkeys(KINDS, 0.0)
    used = set[str]()
    for one in accounts:
        if one.state < len(weights) and weights[one.state]:
            found[one.kind] += one.amount * float(weights[one.state])
            used.add(one.kind)
    return {kind: amount for kind, amount in found.items() if kind in used}
