"""Power balances and operating limits of (P1)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pyomo.environ as pyo

from scopf.network import Network


def add_balance(m: pyo.ConcreteModel, net: Network) -> None:
    """Power balance of every bus: generation - flows - shunt = load, `bus_balance_{p,q}`.

    The loads are the mutable Params `bus_pd`, `bus_qd` on the right-hand side, so the multiplier is
    the price of load.
    """
    at_bus: dict[int, list[int]] = defaultdict(list)
    for gen, bus in zip(net.gen.id.tolist(), net.gen.bus.tolist(), strict=True):
        at_bus[bus].append(gen)
    leaving, arriving = defaultdict(list), defaultdict(list)
    ends = zip(
        net.branch.id.tolist(),
        net.branch.from_bus.tolist(),
        net.branch.to_bus.tolist(),
        strict=True,
    )
    for k, f, t in ends:
        leaving[f].append(k)
        arriving[t].append(k)
    ids = net.bus.id.tolist()
    gs = dict(zip(ids, net.bus.gs.tolist(), strict=True))
    bs = dict(zip(ids, net.bus.bs.tolist(), strict=True))

    def balance(i: int, generation: Any, out: Any, into: Any, shunt: float, load: Any) -> Any:
        supplied = [generation[g] for g in at_bus[i]]
        drawn = [out[k] for k in leaving[i]] + [into[k] for k in arriving[i]]
        if shunt:
            drawn.append(shunt * m.bus_vv[i])
        return pyo.quicksum(supplied) - pyo.quicksum(drawn) == load[i]

    m.bus_pd = _loads(m, ids, net.bus.pd)
    m.bus_qd = _loads(m, ids, net.bus.qd)
    m.bus_balance_p = pyo.Constraint(
        m.bus,
        rule=lambda m, i: balance(i, m.gen_pg, m.branch_p_from, m.branch_p_to, gs[i], m.bus_pd),
    )
    m.bus_balance_q = pyo.Constraint(
        m.bus,
        rule=lambda m, i: balance(i, m.gen_qg, m.branch_q_from, m.branch_q_to, -bs[i], m.bus_qd),
    )


def _loads(m: pyo.ConcreteModel, ids: list[int], values: Any) -> pyo.Param:
    initial = dict(zip(ids, values.tolist(), strict=True))
    return pyo.Param(m.bus, mutable=True, initialize=initial, within=pyo.Reals)


def apparent_power(p: Any, q: Any, rate: Any) -> Any:
    """Left side of the thermal limit |S|^2 / rate <= rate, which is scaled like a power."""
    return (p**2 + q**2) / rate


def add_thermal_limits(m: pyo.ConcreteModel, net: Network) -> None:
    """|S| <= rate at both ends of every limited branch, `branch_limit_{from,to}`."""
    limited = np.isfinite(net.branch.rate)
    ids = net.branch.id[limited].tolist()
    rate = dict(zip(ids, net.branch.rate[limited].tolist(), strict=True))
    m.branch_limited = pyo.Set(initialize=ids, dimen=1)
    m.branch_limit_from = pyo.Constraint(
        m.branch_limited,
        rule=lambda m, k: (
            apparent_power(m.branch_p_from[k], m.branch_q_from[k], rate[k]) <= rate[k]
        ),
    )
    m.branch_limit_to = pyo.Constraint(
        m.branch_limited,
        rule=lambda m, k: apparent_power(m.branch_p_to[k], m.branch_q_to[k], rate[k]) <= rate[k],
    )


def add_angle_limits(m: pyo.ConcreteModel, net: Network) -> None:
    """Angmin <= theta_f - theta_t <= angmax of every branch that limits it, `branch_angle`."""
    branch = net.branch
    limited = np.isfinite(branch.angmin) | np.isfinite(branch.angmax)
    rows = {
        k: (f, t, low if np.isfinite(low) else None, high if np.isfinite(high) else None)
        for k, f, t, low, high in zip(
            branch.id[limited].tolist(),
            branch.from_bus[limited].tolist(),
            branch.to_bus[limited].tolist(),
            branch.angmin[limited].tolist(),
            branch.angmax[limited].tolist(),
            strict=True,
        )
    }

    def angle(m: pyo.ConcreteModel, k: int) -> Any:
        f, t, low, high = rows[k]
        return (low, m.bus_va[f] - m.bus_va[t], high)

    m.branch_angle_limited = pyo.Set(initialize=list(rows), dimen=1)
    m.branch_angle = pyo.Constraint(m.branch_angle_limited, rule=angle)
