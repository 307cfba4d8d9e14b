"""Costs of active and reactive power (objective of (P1) in the paper, and further forms).

J = sum_i a_i + b_i P_i + c_i P_i^2 + d_i Q_i^2, with any further powers that the case carries, plus

- q_i |Q_i| of a generator, written with the split Q = Q+ - Q-, Q+ and Q- >= 0, as q_i (Q+ + Q-);
- p (S - sqrt(S^2 - Q^2)) of an inverter of rating S: the active power that its reactive power takes
  away, at a price p. The root has an infinite slope where |Q| = S, so it is a variable A instead,
  with A^2 + Q^2 <= S^2 and the cost p (S - A): the cost drives A up to the root.

Both rewritings are exact: no smoothing, and every derivative is a polynomial's.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.devices.gfm import Inverters
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Expression
from scopf.errors import ScopfError, by_number, listing, number
from scopf.model import dclines
from scopf.model.capability import circle, reach
from scopf.model.piecewise_costs import add_levels
from scopf.model.piecewise_costs import costs as costs_of
from scopf.network import piecewise
from scopf.network.network import Network

log = logging.getLogger(__name__)

Coefficients = float | Mapping[int, float] | None

_INSIDE = 0.01  # p.u. by which a split starts away from its bounds
_TINY = 1e-200


@dataclass(frozen=True)
class ReactiveCosts:
    """Costs of reactive power, per unit; None for a form that the model does not have.

    Attributes:
        d: quadratic, currency/h per (p.u.)^2, shape (n_gen,).
        q_price: of |Q|, currency/h per p.u., shape (n_gen,).
        opportunity: of active power that cannot be had, currency/h per p.u., shape (n_inverters,).
    """

    d: Floats
    q_price: Floats | None = None
    opportunity: Floats | None = None


def polynomial(coefficients: Mapping[int, Any], x: Any) -> Any:
    """sum_k c_k x^k over the powers k that are there."""
    return sum(c * x**k for k, c in coefficients.items())


# -- numbers -----------------------------------------------


def reactive(net: Network, eta_q: float, d: Coefficients) -> Floats:
    """Quadratic reactive cost d_i of each generator, in currency/h per (p.u.)^2, shape (n_gen,).

    Args:
        net: the energized network.
        eta_q: reactive over active cost, d_i = eta_q c_i with c_i the case's quadratic cost
            (Wang and Geng 2026, section V).
        d: cost in currency/h per MVAr^2, one number or by generator id; used instead of eta_q.

    Raises:
        ScopfError: when both are given, one is negative, or a generator is unknown.
    """
    if d is None:
        if number("eta_q", eta_q) < 0:
            raise ScopfError(f"eta_q must be zero or positive, got {eta_q}")
        return eta_q * net.gen.cost_p[:, 2]
    if eta_q:
        raise ScopfError("give either eta_q or d as the reactive power cost, not both")
    return _by_gen("d", net, d) * net.base_mva**2


def of_size(net: Network, q_price: Coefficients) -> Floats | None:
    """Cost of |Q| of each generator, currency/h per p.u., shape (n_gen,); None without it.

    Args:
        net: the energized network.
        q_price: currency per MVArh, one number or by generator id.

    Raises:
        ScopfError: when one is negative, or a generator is unknown.
    """
    return None if q_price is None else _by_gen("q_price", net, q_price) * net.base_mva


def opportunity(net: Network, inverters: Inverters, price: Coefficients) -> Floats | None:
    """Price of lost opportunity of each inverter, currency/h per p.u.; None without it.

    Args:
        net: the energized network.
        inverters: whose active power it is.
        price: currency per MWh, one number or by bus number.

    Raises:
        ScopfError: when one is negative, there is no inverter at a bus, or an inverter's reactive
            power cannot be within its rating, where the cost is defined.
    """
    if price is None:
        return None
    values = _each("opportunity_price", "bus", inverters.bus, price, "there is no inverter at bus")
    beyond = (values > 0) & (reach(net, inverters, "q") > inverters.rating)
    if beyond.any():
        raise ScopfError(
            "opportunity_price: the limits on reactive power leave no |Q| within the rating to the "
            f"inverter at bus {listing(inverters.bus[beyond])}"
        )
    return values * net.base_mva


def _by_gen(name: str, net: Network, given: Any) -> Floats:
    return _each(name, "gen", net.gen.id, given, "no generator in service has number")


def _each(name: str, kind: str, ids: Ints, given: Any, nobody: str) -> Floats:
    """One number for all, or a mapping by number that leaves out what is zero."""
    if isinstance(given, Mapping):
        numbers = by_number(name, kind, given)
        unknown = sorted(set(numbers) - set(ids.tolist()))
        if unknown:
            raise ScopfError(f"{name}: {nobody} {listing(unknown)}")
        values = np.array([numbers.get(one, 0.0) for one in ids.tolist()], dtype=np.float64)
    else:
        values = np.full(len(ids), number(name, given))
    if not (values >= 0).all():
        raise ScopfError(f"{name}: reactive power costs must be zero or positive numbers")
    return values


def warn_without_quadratic(net: Network) -> None:
    """Say at which generators eta_q has no effect."""
    without = net.gen.id[net.gen.cost_p[:, 2] == 0]
    if piecewise.has(net.gen.cost_p_points).any():
        text = "%s: eta_q c_i is of quadratic costs c_i, which piecewise-linear ones do not have"
        log.warning(text, net.name)
    if len(without) == len(net.gen):
        text = "%s: eta_q has no effect, no generator has a quadratic active power cost; use d"
        log.warning(text, net.name)
    elif len(without):
        text = "%s: eta_q has no effect at generators without a quadratic active power cost: %s"
        log.warning(text, net.name, listing(without))


# -- equations -----------------------------------------------


def add_cost(f: Formulation, net: Network, costs: ReactiveCosts) -> None:
    """Costs of power: `gen_cost_{p,q}`, `dcline_cost_p` and `inverter_cost_q`, currency per hour.

    The coefficients d are the mutable Param `gen_d`, those of |Q| are `gen_q_price`, and prices of
    lost opportunity `inverter_opportunity_price`. The last two, and what belongs to them, are there
    only if they were asked for.
    """
    gen, own = f.indices["gen"], costs_of(net)

    def of_power(table: Floats, x: Any) -> Any:
        return polynomial({k: f.data(c) for k, c in enumerate(table.T) if c.any()}, x)

    pg, qg = f["gen_pg"][:], f["gen_qg"][:]
    chosen = f.parameter("gen_d", gen, costs.d)[:]
    level_p, level_q = (add_levels(f, name, gen, own[name]) for name in ("gen_pg", "gen_qg"))
    given = of_power(own["gen_qg"].polynomial, qg) + level_q
    size = 0 if costs.q_price is None else _size_cost(f, costs.q_price)
    f.expression("gen_cost_p", gen, of_power(own["gen_pg"].polynomial, pg) + level_p)
    f.expression("gen_cost_q", gen, chosen * qg**2 + given + size)
    if len(net.dcline):
        dclines.add_cost(f, net, of_power)
    if costs.opportunity is not None:
        _add_opportunity(f, costs.opportunity)


def add_objective(f: Formulation) -> None:
    """`total_cost`: all costs that have been declared, families named `..._cost_...`."""
    costs = [part for part in f.of_kind(Expression) if "_cost_" in part.name]
    f.objective("total_cost", sum(part.total() for part in costs))


def split(q: Any, supplied: Any, absorbed: Any, on: Any) -> Any:
    """Left side of the split of Q, whose right side is 1 - on.

    Where the price is positive, `on` is 1 and the row reads Q+ - Q- - Q = 0. Where it is zero, it
    reads Q+ + Q- = 1: nothing else would keep Q+ and Q- from growing together without end.
    """
    return supplied + (1.0 - 2.0 * on) * absorbed - on * q


def lost(rating: Any, available: Any) -> Any:
    """Active power that reactive power takes away: S - A with A = sqrt(S^2 - Q^2)."""
    return rating - available


def where_priced(price: Any) -> Any:
    """1 where a price is positive and 0 where it is zero, in arithmetic that Params can do."""
    return price / (price + _TINY)


def _size_cost(f: Formulation, price: Floats) -> Any:
    """Cost q (Q+ + Q-) of each generator, and the split: `gen_qg_{supplied,absorbed}`.

    They have no upper bounds: the box of `gen_qg` is the only one, whatever becomes of it.
    """
    gen, qg = f.indices["gen"], f["gen_qg"]
    q_price = f.parameter("gen_q_price", gen, price)[:]
    start = split_start(qg.start, np.ones(len(gen)))  # at any price: `update` may change it
    for name in SPLIT:
        f.variable(name, gen, lower=0.0, upper=np.inf, start=start[name])
    supplied, absorbed = (f[name][:] for name in SPLIT)
    on = where_priced(q_price)
    side = 1.0 - on
    f.constraint("gen_qg_split", gen, split(qg[:], supplied, absorbed, on), lower=side, upper=side)
    return q_price * (supplied + absorbed)


def _add_opportunity(f: Formulation, price: Floats) -> None:
    """Costs `inverter_cost_q` = p (S - A); `inverter_p_available` is A, in its circle with Q.

    Where the price is zero, the circle leaves out Q: what costs nothing limits nothing. The right
    side is zero, and not S, because the solver relaxes rows in proportion to it.
    """
    inverter = f.indices["inverter"]
    p = f.parameter("inverter_opportunity_price", inverter, price)[:]
    rating = f["inverter_rating"]
    start = 0.5 * rating.values
    f.variable("inverter_p_available", inverter, lower=0.0, upper=np.inf, start=start)
    available, s = f["inverter_p_available"][:], rating[:]
    row = circle(available**2, where_priced(p) * f["inverter_q_squared"][:], s) - s
    f.constraint("inverter_opportunity", inverter, row, upper=np.zeros(len(inverter)))
    f.expression("inverter_cost_q", inverter, p * lost(s, available))


# -- start -----------------------------------------------

SPLIT = ("gen_qg_supplied", "gen_qg_absorbed")


def split_start(qg: Floats, price: Floats) -> dict[str, Floats]:
    """Q+ and Q- that fit a reactive power, a little inside their bounds; 1/2 where it is free."""
    parts = np.maximum(qg, 0.0) + _INSIDE, np.maximum(-qg, 0.0) + _INSIDE
    return {n: np.where(price > 0, part, 0.5) for n, part in zip(SPLIT, parts, strict=True)}
