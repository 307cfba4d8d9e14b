"""Costs of reactive power as users give them, in the units of the model."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.devices.gfm import Inverters
from scopf.errors import ScopfError, by_number, listing, number
from scopf.model.capability import reach
from scopf.network import piecewise
from scopf.network.network import Network

log = logging.getLogger(__name__)

Each = float | Mapping[int, float]


def quadratic(net: Network, eta_q: float, d: Each | None) -> Floats:
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


def absolute(net: Network, q_price: Each) -> Floats:
    """Cost of |Q| of each generator, currency/h per p.u., shape (n_gen,).

    Args:
        net: the energized network.
        q_price: currency per MVArh, one number or by generator id.

    Raises:
        ScopfError: when one is negative, or a generator is unknown.
    """
    return _by_gen("q_price", net, q_price) * net.base_mva


def opportunity(net: Network, inverters: Inverters, price: Each) -> Floats:
    """Price of lost opportunity of each inverter, currency/h per p.u.

    Args:
        net: the energized network.
        inverters: whose active power it is.
        price: currency per MWh, one number or by bus number.

    Raises:
        ScopfError: when one is negative, there is no inverter at a bus, or an inverter's reactive
            power cannot be within its rating, where the cost is defined.
    """
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
