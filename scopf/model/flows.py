"""Branch flow equations, polar form, written once for the Pyomo model and for numeric checks.

With w = V_f V_t exp(j(theta_f - theta_t)) = wr + j wi and the branch's two-port admittances y,
S_from = conj(y_ff) V_f^2 + conj(y_ft) w and S_to = conj(y_tt) V_t^2 + conj(y_tf) conj(w).
Each function takes admittances first, then wr, wi and the squared voltage of its own side; every
argument may be a float, an array or a Pyomo expression. The flows are linear in these three, which
are all the nonlinear terms that power balances have.
"""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

from scopf.network import Network


def p_from(g_ff: Any, g_ft: Any, b_ft: Any, wr: Any, wi: Any, vv_f: Any) -> Any:
    """Active power into the branch at its from end."""
    return g_ft * wr + b_ft * wi + g_ff * vv_f


def q_from(b_ff: Any, g_ft: Any, b_ft: Any, wr: Any, wi: Any, vv_f: Any) -> Any:
    """Reactive power into the branch at its from end."""
    return -b_ft * wr + g_ft * wi - b_ff * vv_f


def p_to(g_tt: Any, g_tf: Any, b_tf: Any, wr: Any, wi: Any, vv_t: Any) -> Any:
    """Active power into the branch at its to end."""
    return g_tf * wr - b_tf * wi + g_tt * vv_t


def q_to(b_tt: Any, g_tf: Any, b_tf: Any, wr: Any, wi: Any, vv_t: Any) -> Any:
    """Reactive power into the branch at its to end."""
    return -b_tf * wr - g_tf * wi - b_tt * vv_t


def add_flows(m: pyo.ConcreteModel, net: Network) -> None:
    """Named expressions of the flows at both ends of every branch.

    Adds `bus_vv` (V^2), `branch_wr`, `branch_wi` and `branch_{p,q}_{from,to}`, per unit.
    """
    y = net.admittances
    ends = {
        k: (f, t)
        for k, f, t in zip(
            net.branch.id.tolist(),
            net.branch.from_bus.tolist(),
            net.branch.to_bus.tolist(),
            strict=True,
        )
    }
    admittance = {
        name: dict(zip(ends, values.tolist(), strict=True)) for name, values in vars(y).items()
    }
    vm, va = m.bus_vm, m.bus_va

    def wr(m: pyo.ConcreteModel, k: int) -> Any:
        f, t = ends[k]
        return vm[f] * vm[t] * pyo.cos(va[f] - va[t])

    def wi(m: pyo.ConcreteModel, k: int) -> Any:
        f, t = ends[k]
        return vm[f] * vm[t] * pyo.sin(va[f] - va[t])

    m.bus_vv = pyo.Expression(m.bus, rule=lambda m, i: vm[i] ** 2)
    m.branch_wr = pyo.Expression(m.branch, rule=wr)
    m.branch_wi = pyo.Expression(m.branch, rule=wi)

    def flow(equation: Any, near: int, own: str, g: str, b: str) -> Any:
        a, c, d = admittance[own], admittance[g], admittance[b]
        return lambda m, k: equation(
            a[k], c[k], d[k], m.branch_wr[k], m.branch_wi[k], m.bus_vv[ends[k][near]]
        )

    m.branch_p_from = pyo.Expression(m.branch, rule=flow(p_from, 0, "gff", "gft", "bft"))
    m.branch_q_from = pyo.Expression(m.branch, rule=flow(q_from, 0, "bff", "gft", "bft"))
    m.branch_p_to = pyo.Expression(m.branch, rule=flow(p_to, 1, "gtt", "gtf", "btf"))
    m.branch_q_to = pyo.Expression(m.branch, rule=flow(q_to, 1, "btt", "gtf", "btf"))
