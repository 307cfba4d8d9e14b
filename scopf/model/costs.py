"""Costs of active and reactive power (objective of (P1) in the paper).

J = sum_i a_i + b_i P_i + c_i P_i^2 + d_i Q_i^2, with any further powers that the case carries.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from scopf.algebra import Formulation
from scopf.algebra.formulation import Expression
from scopf.arrays import Floats
from scopf.faults import ScopfError, by_number, listing, number
from scopf.network import Network

log = logging.getLogger(__name__)

Coefficients = float | Mapping[int, float] | None


def polynomial(coefficients: Mapping[int, Any], x: Any) -> Any:
    """sum_k c_k x^k over the powers k that are there."""
    return sum(c * x**k for k, c in coefficients.items())


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
    if isinstance(d, Mapping):
        given = by_number("d", "gen", d)
        unknown = sorted(set(given) - set(net.gen.id.tolist()))
        if unknown:
            raise ScopfError(f"d: no generator in service has number {listing(unknown)}")
        values = np.array([given.get(int(gen), 0.0) for gen in net.gen.id])
    else:
        values = np.full(len(net.gen), number("d", d))
    if not (values >= 0).all():
        raise ScopfError("d: reactive power costs must be zero or positive numbers")
    return values * net.base_mva**2


def warn_without_quadratic(net: Network) -> None:
    """Say at which generators eta_q has no effect."""
    without = net.gen.id[net.gen.cost_p[:, 2] == 0]
    if len(without) == len(net.gen):
        text = "%s: eta_q has no effect, no generator has a quadratic active power cost; use d"
        log.warning(text, net.name)
    elif len(without):
        text = "%s: eta_q has no effect at generators without a quadratic active power cost: %s"
        log.warning(text, net.name, listing(without))


def add_cost(f: Formulation, net: Network, d: Floats) -> None:
    """Costs of the generators, `gen_cost_p` and `gen_cost_q` (currency per hour).

    The coefficients d are the mutable Param `gen_d`.
    """
    gen = f.indices["gen"]

    def coefficients(table: Floats) -> dict[int, Any]:
        return {k: f.data(column) for k, column in enumerate(table.T) if column.any()}

    pg, qg = f["gen_pg"][:], f["gen_qg"][:]
    chosen = f.parameter("gen_d", gen, d)[:]
    own = polynomial(coefficients(net.gen.cost_q), qg)
    f.expression("gen_cost_p", gen, polynomial(coefficients(net.gen.cost_p), pg))
    f.expression("gen_cost_q", gen, chosen * qg**2 + own)


def add_objective(f: Formulation) -> None:
    """`total_cost`: all costs that have been declared, families named `..._cost_...`."""
    costs = [part for part in f.of_kind(Expression) if "_cost_" in part.name]
    f.objective("total_cost", sum(part.total() for part in costs))
