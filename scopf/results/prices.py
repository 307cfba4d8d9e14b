"""Multipliers of the solver to prices: the one place that knows their signs and units.

The solver minimises. Its row multipliers are lambda = -dJ*/d(rhs) for =, <= and >= rows alike, and
its bound multipliers are z_L = +dJ*/d(lower bound) >= 0 and z_U = -dJ*/d(upper bound) >= 0. Out of
these:

- A locational marginal price is dJ*/d(load), of a load of constant power. The balance reads
  generation - flows = load, so that with all limits held it is -lambda. The limits of a criterion
  on the reduced network, which has the loads as shunts, follow the load as well; what that costs is
  a part of its own, and the price is the sum. The criterion adds it up
  (`Stability.load_prices`), because it knows what its rows are made of.
- The price of a limit, named mu_..., is what one unit of relaxation saves; it is never negative.
  A thermal row reads |S|^2/rate <= rate, and dJ*/d(rate) = -lambda (1 + |S|^2/rate^2). So does one
  that limits the current, with |I| for |S| and a rate in MVA at 1 p.u. voltage, and so does a
  capability circle. Lost opportunity costs p (S - A) with the row (A^2 + Q^2)/S - S <= 0, so there
  dJ*/dS = p - lambda (1 + (A^2 + Q^2)/S^2), and p = 2 lambda A/S by optimality. The current limit
  of an inverter is that of a rate imax S, on which both imax and S act. After an outage an inverter
  may have less of either; the price is the sum over all states, for a change in proportion.
- A row that a user added has dJ*/d(its right side) = -lambda, in the units that it was written in;
  a bound without a column of its own has dJ*/d(bound) = z_L or -z_U. These two are slopes of the
  objective as the user wrote it, and have the other sign where it is maximised.
- Of two bounds that are nearly equal an interior-point solver leaves both multipliers large; only
  z_L - z_U is determined. It is the price of the lower bound where positive, of the upper one where
  negative. The same holds for two P-Q lines that are parallel.
- A P-Q curve reads a P + b Q <= c with a normal (a, b) of length 1. Its price is what it saves to
  move it by one unit of Q: dJ*/dc |b|.
- The Nodal Stability Shadow Price of inverter i is the sum of the multipliers of its rows,
  NSSP_i = sum_j lambda_ij = -dJ*/dGamma_i (Wang and Geng 2026), never negative. The criterion adds
  them up, because it knows which rows are whose.

Inside, powers are per unit and angles in rad; outside, prices are per MWh, MVArh, MVA, degree and
p.u. voltage.

An interior-point solver leaves small multipliers on rows that do not bind. A row counts as priced:

- One scenario by itself: above `TRACE`. Tables that leave rows out keep these, and the worst
  inverter of a scenario is named from there on.
- In a sweep, whose costs say what is small: not less than `PRICED` times their median, nor than
  `TRACE`; where prices are per p.u. of a stiffness, not less than `TRACE`. Only these does its
  report call priced; the rest it draws as zero.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.engine.nlp import NLP
from scopf.engine.symbols import Constraint, Symbol, Variable, member
from scopf.model.capability import Capability
from scopf.model.current_limits import CurrentLimits, limited
from scopf.model.opf import OPF
from scopf.model.pq_curves import SIDES
from scopf.model.priced import where_priced
from scopf.model.problem import Problem
from scopf.stability.rows import LoadPrices, Stability

log = logging.getLogger(__name__)

TRACE = 1e-3  # currency/h per p.u.
PRICED = 1e-5  # of the median cost, per p.u.
_PARALLEL = 1e-9  # rad, angle between lines


@dataclass(frozen=True)
class Multipliers:
    """Multipliers of one solve by family.

    Attributes:
        nlp: the compiled model.
        rows: row multipliers, shape (m,).
        lower, upper: bound multipliers, shape (n,).
        solved: whether they mean anything.
        softened: rows that stand for bounds of variables, by these: positions, and the rows.
        hours: duration of each member of a family, h; None where costs are per hour.
    """

    nlp: NLP
    rows: Floats
    lower: Floats
    upper: Floats
    solved: bool
    softened: Mapping[Variable, tuple[Ints, Constraint]] = field(default_factory=dict)
    hours: Callable[[Symbol], Floats] | None = None

    def of_rows(self, rows: Constraint, missing: float, *, in_all: bool = False) -> Floats:
        """Multipliers of a family of constraints, per hour of the members' durations.

        `missing` for members that are no rows, NaN for rows with another expression than ours.

        Args:
            rows: the family.
            missing: value of members that are no rows.
            in_all: whether of the cost of all hours together, and not per hour.
        """
        places = self.nlp.row_numbers(rows.name)
        found = np.where(places >= 0, np.append(self.rows, missing)[places], missing)
        if self.hours is not None and not in_all:
            found = found / self.hours(rows)
        return np.where(self._replaced(rows.name), np.nan, found)

    def _replaced(self, name: str) -> Flags:
        """Rows whose multiplier has no known sign and unit, because the user rewrote them."""
        replaced = self.nlp.replaced(name)
        if replaced.any():
            text = "%s: %d rows were given another expression; they have no price here"
            log.warning(text, name, int(replaced.sum()))
        return replaced

    @cached_property
    def bounds(self) -> tuple[Floats, Floats]:
        """Lower and upper bound multipliers, shape (n,), of which one is zero."""
        both = self.lower - self.upper
        return np.maximum(both, 0.0), np.maximum(-both, 0.0)

    def of_bounds(self, variables: Variable, *, in_all: bool = False) -> tuple[Floats, Floats]:
        """Lower and upper bound multipliers of a family of variables; zero where fixed.

        Args:
            variables: the family.
            in_all: as `of_rows` takes it.
        """
        places = self.nlp.columns(variables.name)
        lower, upper = (np.append(side, 0.0)[places] for side in self.bounds)
        if self.hours is not None and not in_all:
            hours = self.hours(variables)
            lower, upper = lower / hours, upper / hours
        if variables in self.softened:
            members, rows = self.softened[variables]
            of_rows = self.of_rows(rows, 0.0, in_all=in_all)
            lower[members] += np.maximum(-of_rows, 0.0)
            upper[members] += np.maximum(of_rows, 0.0)
        return lower, upper

    def active(self, rows: Constraint) -> Flags:
        """Members of a constraint family that are rows of the problem, or hold in any case."""
        present = (self.nlp.row_numbers(rows.name) >= 0) | self.nlp.settled(rows.name)
        return present & ~self.nlp.replaced(rows.name)

    def price(self, rows: Constraint, *, lower: bool = False) -> Floats:
        """Value of one unit more slack on the upper (or lower) side; NaN without a solution."""
        if not self.solved:
            return np.full(len(rows), np.nan)
        return np.maximum(self.of_rows(rows, 0.0) * (-1.0 if lower else 1.0), 0.0)


@dataclass(frozen=True)
class Prices:
    """Prices by table and column, in the units that the column names say.

    Attributes:
        balance: the part of the marginal prices of P and Q that is dJ*/d(load) with the limits
            held, shape (2, n).
        limits: makes the part that the limits' following the loads costs, shape (2, n).
        voltages: prices of voltage limits, by column of the table of buses.
        gens, branches, dclines, inverters: price columns of these tables.
        added: all columns of the table of rows that a user added or rewrote.
        bounds: all columns of the table of bounds that have no price elsewhere.
    """

    balance: Floats
    limits: Callable[[], Floats]
    voltages: dict[str, Floats]
    gens: dict[str, Floats]
    branches: dict[str, Floats]
    dclines: dict[str, Floats]
    inverters: dict[str, Floats]
    added: dict[str, Any]
    bounds: dict[str, Any]

    @cached_property
    def buses(self) -> dict[str, Floats]:
        """Price columns of the table of buses; limits take a few solves when first asked for."""
        limits = self.limits()
        p, q = (
            {f"lmp_{power}": total, f"lmp_{power}_balance": held, f"lmp_{power}_limits": followed}
            for power, total, held, followed in zip(
                "pq", self.balance + limits, self.balance, limits, strict=True
            )
        )
        return {
            **{f"{name}_per_mwh": column for name, column in p.items()},
            **{f"{name}_per_mvarh": column for name, column in q.items()},
            **self.voltages,
        }


def read(
    problem: Problem,
    multipliers: Multipliers,
    stability: Stability,
    x: Floats,
    loading: tuple[Floats, Floats],
) -> Prices:
    """All prices of a solved problem but those of stability rows; NaN without a solution.

    Args:
        problem: the one that was solved.
        multipliers: of the solver.
        stability: the criterion at its last point.
        x: its last point.
        loading: |S| or |I| over the rate at the from and to end of each branch; zero without one.
    """
    net, opf = problem.base, problem.opf
    per_mw, per_degree = 1.0 / net.base_mva, np.pi / 180.0
    vm_low, vm_high = multipliers.of_bounds(opf.voltages.vm)
    p_low, p_high = multipliers.of_bounds(opf.generation.p)
    q_low, q_high = multipliers.of_bounds(opf.generation.q)
    angle = np.zeros(len(net.branch))
    angle[opf.angles.branches] = multipliers.of_rows(opf.angles.rows, 0.0)
    thermal = []
    for rows, share in zip((opf.thermal.at_from, opf.thermal.at_to), loading, strict=True):
        price = np.zeros(len(net.branch))
        price[opf.thermal.branches] = multipliers.of_rows(rows, 0.0)
        thermal.append(price * of_square(share) * per_mw)
    balances = opf.balance.p, opf.balance.q
    tables = Prices(
        balance=np.array([-multipliers.of_rows(one, np.nan) * per_mw for one in balances]),
        limits=_through_limits(problem, stability, multipliers.solved, per_mw),
        voltages={
            "mu_vm_min_per_pu": vm_low,
            "mu_vm_max_per_pu": vm_high,
        },
        gens={
            "mu_p_min_per_mwh": p_low * per_mw,
            "mu_p_max_per_mwh": p_high * per_mw,
            "mu_q_min_per_mvarh": q_low * per_mw,
            "mu_q_max_per_mvarh": q_high * per_mw,
            **{
                f"mu_curve_{side}_per_mvarh": price * per_mw
                for side, price in _curves(problem, multipliers).items()
            },
        },
        branches={
            "mu_s_from_per_mvah": np.maximum(thermal[0], 0.0),
            "mu_s_to_per_mvah": np.maximum(thermal[1], 0.0),
            "mu_angle_min_per_degree": np.maximum(-angle, 0.0) * per_degree,
            "mu_angle_max_per_degree": np.maximum(angle, 0.0) * per_degree,
        },
        dclines=_dclines(problem, multipliers, per_mw),
        inverters=_inverters(problem, multipliers, x),
        added=_added(multipliers, x),
        bounds=_further_bounds(problem, multipliers, x),
    )
    if not multipliers.solved:
        tables.balance[:] = np.nan
        every = tables.voltages, tables.gens, tables.branches, tables.dclines, tables.inverters
        for table in every:
            table.update({name: np.full(len(column), np.nan) for name, column in table.items()})
    return tables


def of_square(share: Floats) -> Floats:
    """Slope in r of the row (|S|^2 - s^2)/r - 2 s <= r, with its sign changed.

    Args:
        share: |S|/r; above 1 it is (r + s)/r.
    """
    found: Floats = 1.0 + share**2 - np.maximum(share - 1.0, 0.0) ** 2
    return found


def _through_limits(
    problem: Problem, stability: Stability, solved: bool, per_mw: float
) -> Callable[[], Floats]:
    """Makes the prices of load that come from limits that follow it, rows P and Q.

    Zero for criteria on the full network, whose rows do not depend on the loads; NaN for one on the
    reduced network that does not tell, and without a solution.
    """
    by_load, shape = stability.load_prices, (2, len(problem.base.bus))
    if not solved:
        return partial(np.full, shape, np.nan)
    if by_load is None:
        return partial(np.full, shape, 0.0 if problem.criterion.network == "full" else np.nan)
    return partial(_of_loads, by_load, per_mw)


def _of_loads(by_load: LoadPrices, per_mw: float) -> Floats:
    return np.array(by_load(TRACE)) * per_mw


def _added(multipliers: Multipliers, x: Floats) -> dict[str, Any]:
    """Rows that a user added or rewrote, in the units that they were written in."""
    nlp = multipliers.nlp
    rows, names = nlp.added
    slope = multipliers.rows[rows] if nlp.maximize else -multipliers.rows[rows]
    return {
        "constraint": names,
        "lower": nlp.g_lower[rows],
        "value": nlp.constraints(x)[rows] if names else np.zeros(0),
        "upper": nlp.g_upper[rows],
        "dcost_dlimit": slope if multipliers.solved else np.full(len(rows), np.nan),
    }


def _further_bounds(problem: Problem, multipliers: Multipliers, x: Floats) -> dict[str, Any]:
    """Bounds of free variables that no other table has, in the units of the model."""
    nlp, opf = multipliers.nlp, problem.opf
    priced = {opf.voltages.vm, opf.generation.p, opf.generation.q}
    if opf.soft is not None:
        priced |= {kind.s for kind in opf.soft.kinds}
    if opf.dclines is not None:
        priced |= {opf.dclines.pf, opf.dclines.qf, opf.dclines.qt}
    bounded = np.isfinite(nlp.x_lower) | np.isfinite(nlp.x_upper)
    rest, names, columns = np.append(bounded, False), list[str](), list[int]()
    for symbol in problem.formulation.of_kind(Variable):
        places = nlp.columns(symbol.name)  # -1, for one that is fixed, is the spare place
        if symbol not in priced:
            shown = np.flatnonzero(rest[places])
            names += [member(symbol, k) for k in shown.tolist()]
            columns += places[shown].tolist()
        rest[places] = False
    others = np.flatnonzero(rest).tolist()
    if others:
        variables = nlp.variables
        names += [variables[k].name for k in others]
    at = np.array([*columns, *others], dtype=np.int64)
    low, high = (side[at] for side in multipliers.bounds)
    sign = -1.0 if nlp.maximize else 1.0
    missing = np.full(len(at), np.nan)
    return {
        "variable": names,
        "lower": nlp.x_lower[at],
        "value": x[at],
        "upper": nlp.x_upper[at],
        "dcost_dlower": 0.0 + sign * low if multipliers.solved else missing,  # no -0.0
        "dcost_dupper": 0.0 - sign * high if multipliers.solved else missing,
    }


def _curves(problem: Problem, multipliers: Multipliers) -> dict[str, Floats]:
    """Price of each side of the P-Q curves, currency/h per p.u. of Q; zero without a row."""
    n = len(problem.base.gen)
    found = {side: np.zeros(n) for side in SIDES}
    normals = {side: np.full(n, np.nan) for side in SIDES}
    for one in problem.opf.curves.sides:
        price = np.maximum(multipliers.of_rows(one.rows, 0.0), 0.0)
        found[one.side][one.gens] = price * np.abs(one.b)
        normals[one.side][one.gens] = np.arctan(one.a / one.b)
    parallel = np.abs(normals["min"] - normals["max"]) < _PARALLEL
    both = found["max"] - found["min"]
    for side, sign in SIDES.items():
        found[side] = np.where(parallel, np.maximum(sign * both, 0.0), found[side])
    return found


def _dclines(problem: Problem, multipliers: Multipliers, per_mw: float) -> dict[str, Floats]:
    lines, found = problem.opf.dclines, dict[str, Floats]()
    if lines is None:
        return found
    for name, power, unit in (
        ("pf", lines.pf, "mwh"),
        ("qf", lines.qf, "mvarh"),
        ("qt", lines.qt, "mvarh"),
    ):
        for side, bound in zip(SIDES, multipliers.of_bounds(power), strict=True):
            found[f"mu_{name}_{side}_per_{unit}"] = bound * per_mw
    return found


def _inverters(problem: Problem, multipliers: Multipliers, x: Floats) -> dict[str, Floats]:
    """Prices of ratings, per MVA, and of current limits, if any, per unit of the rating."""
    opf, intact = problem.opf, problem.inverters
    output = opf.generation.p.value, opf.generation.q.value
    vm = opf.voltages.vm.value
    found = _of_inverters(multipliers, len(intact), (opf.capability, opf.currents), output, vm)
    found[0] += _opportunity(opf, multipliers, output[1])
    if (states := opf.states) is not None:
        after, at = states.settled.inverters, states.settled.inverter
        output = multipliers.nlp.values_of(states.output.p.name, x), states.output.q.value
        limits, vm = (states.capability, states.currents), states.voltages.vm.value
        shares = after.rating / intact.rating[at], np.nan_to_num(after.imax / intact.imax[at])
        parts = _of_inverters(multipliers, len(after), limits, output, vm)
        found += [np.bincount(at, part, len(intact)) for part in parts * np.array(shares)]
    of_rating, of_imax = np.maximum(found, 0.0)
    prices = {"mu_s_per_mvah": of_rating / problem.base.base_mva}
    return prices | ({"mu_imax_per_pu": of_imax} if limited(intact).any() else {})


def _of_inverters(
    multipliers: Multipliers,
    count: int,
    limits: tuple[Capability | None, CurrentLimits | None],
    output: tuple[Floats, Floats],
    vm: Floats,
) -> Floats:
    """-dJ*/d(rating) and -dJ*/d(imax) of the inverters, by these rows, per unit, shape (2, n)."""
    found, (capability, currents) = np.zeros((2, count)), limits
    if capability is not None:
        p, q = (capability.ratings.output(power) for power in output)
        share = np.hypot(p, q) / capability.ratings.rating.values
        found[0] += multipliers.of_rows(capability.rows, 0.0) * of_square(share)
    if currents is not None:
        at, most = currents.at, currents.most
        share = currents.currents(*output, vm) / most
        slope = multipliers.of_rows(currents.rows, 0.0) * of_square(share)
        found[0, at] += slope * currents.imax.values
        found[1, at] += slope * most / currents.imax.values
    return found


def _opportunity(opf: OPF, multipliers: Multipliers, reactive: Floats) -> Floats | float:
    """-dJ*/d(rating) of the inverters, by what their lost opportunity costs, per unit."""
    if opf.ratings is None or opf.opportunity_cost is None:
        return 0.0
    q, rating = opf.ratings.output(reactive), opf.ratings.rating.values
    on = where_priced(opf.opportunity_cost.price.values)
    available = opf.opportunity_cost.available.value / rating
    share = available**2 + on * (q / rating) ** 2
    row = multipliers.of_rows(opf.opportunity_cost.rows, 0.0)
    return np.asarray(row * (1.0 + share - 2.0 * available))
