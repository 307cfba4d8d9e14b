"""Multipliers of the solver to prices: the one place that knows their signs and units.

The solver minimises. Its row multipliers are lambda = -dJ*/d(rhs) for =, <= and >= rows alike, and
its bound multipliers are z_L = +dJ*/d(lower bound) >= 0 and z_U = -dJ*/d(upper bound) >= 0. Out of
these:

- A locational marginal price is dJ*/d(load). The balance reads generation - flows = load, so it is
  -lambda.
- The price of a limit, named mu_..., is what one unit more room is worth; it is never negative.
  A thermal row reads |S|^2/rate <= rate, and dJ*/d(rate) = -lambda (1 + |S|^2/rate^2).
- The Nodal Stability Shadow Price of inverter i is the sum of the multipliers of its rows,
  NSSP_i = sum_j lambda_ij = -dJ*/dGamma_i (Wang and Geng 2026), never negative.

Inside, powers are per unit and angles in rad; outside, prices are per MWh, MVArh, MVA, degree and
p.u. voltage.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.model.problem import Problem
from scopf.nlp import NLP


@dataclass(frozen=True)
class Multipliers:
    """Multipliers of one solve by Pyomo component, in the order of the component's index.

    Attributes:
        nlp: the compiled model.
        rows: row multipliers, shape (m,).
        lower, upper: bound multipliers, shape (n,).
    """

    nlp: NLP
    rows: Floats
    lower: Floats
    upper: Floats

    def of_rows(self, members: Iterable[Any], missing: float) -> Floats:
        """Multipliers of constraints; `missing` where one is not part of the problem."""
        return _pick(self.rows, self.nlp.row_numbers(members), missing)

    def of_bounds(self, component: Any) -> tuple[Floats, Floats]:
        """Lower and upper bound multipliers of a variable; zero where it is fixed."""
        columns = self.nlp.columns(component.values())
        return _pick(self.lower, columns, 0.0), _pick(self.upper, columns, 0.0)


def _pick(values: Floats, places: Ints, missing: float) -> Floats:
    return np.where(places >= 0, np.append(values, missing)[places], missing)


@dataclass(frozen=True)
class Prices:
    """Prices by table and column, in the units that the column names say.

    Attributes:
        buses, gens, branches: price columns of these tables.
        pairs: multiplier of each stability row, currency/h per p.u. voltage.
    """

    buses: dict[str, Floats]
    gens: dict[str, Floats]
    branches: dict[str, Floats]
    pairs: Floats


def read(
    problem: Problem,
    multipliers: Multipliers,
    loading: tuple[Floats, Floats],
    stability: Iterable[Any],
) -> Prices:
    """All prices of a solved problem.

    Args:
        problem: what was solved.
        multipliers: what the solver returned.
        loading: |S| / rate at the from and to end of each branch (zero without a limit).
        stability: the Pyomo constraints that are the stability rows.
    """
    m, net = problem.model, problem.net
    per_mw, per_degree = 1.0 / net.base_mva, np.pi / 180.0
    vm_low, vm_high = multipliers.of_bounds(m.bus_vm)
    p_low, p_high = multipliers.of_bounds(m.gen_pg)
    q_low, q_high = multipliers.of_bounds(m.gen_qg)
    angle = _spread(multipliers, m, "branch_angle", net.branch.id)
    thermal = [
        _spread(multipliers, m, name, net.branch.id) * (1.0 + share**2) * per_mw
        for name, share in zip(("branch_limit_from", "branch_limit_to"), loading, strict=True)
    ]
    return Prices(
        buses={
            "lmp_p_per_mwh": -multipliers.of_rows(m.bus_balance_p.values(), np.nan) * per_mw,
            "lmp_q_per_mvarh": -multipliers.of_rows(m.bus_balance_q.values(), np.nan) * per_mw,
            "mu_vm_min_per_pu": vm_low,
            "mu_vm_max_per_pu": vm_high,
        },
        gens={
            "mu_p_min_per_mwh": p_low * per_mw,
            "mu_p_max_per_mwh": p_high * per_mw,
            "mu_q_min_per_mvarh": q_low * per_mw,
            "mu_q_max_per_mvarh": q_high * per_mw,
        },
        branches={
            "mu_s_from_per_mvah": np.maximum(thermal[0], 0.0),
            "mu_s_to_per_mvah": np.maximum(thermal[1], 0.0),
            "mu_angle_min_per_degree": np.maximum(-angle, 0.0) * per_degree,
            "mu_angle_max_per_degree": np.maximum(angle, 0.0) * per_degree,
        },
        pairs=np.maximum(multipliers.of_rows(stability, 0.0), 0.0),
    )


def absent(prices: Prices) -> Prices:
    """The same tables without a price: what a failed solve has."""

    def blank(table: dict[str, Floats]) -> dict[str, Floats]:
        return {name: np.full(len(column), np.nan) for name, column in table.items()}

    return Prices(
        blank(prices.buses),
        blank(prices.gens),
        blank(prices.branches),
        np.full(len(prices.pairs), np.nan),
    )


def nssp(inverters: int, inverter: Ints, pairs: Floats) -> Floats:
    """Nodal Stability Shadow Price of each inverter: the sum over its rows."""
    return np.bincount(inverter, pairs, minlength=inverters).astype(np.float64)


def _spread(multipliers: Multipliers, m: Any, name: str, ids: Ints) -> Floats:
    """Multipliers of rows that only some branches have, over all branches (zero elsewhere)."""
    component = m.component(name)
    rows = dict(component.items()) if component is not None else {}
    found = np.zeros(len(ids))
    found[np.isin(ids, list(rows))] = multipliers.of_rows(rows.values(), 0.0)
    return found
