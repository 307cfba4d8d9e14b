"""Branch flow equations, polar form, written once for the model and for numeric checks.

With w = V_f V_t exp(j(theta_f - theta_t)) = wr + j wi and the branch's two-port admittances y,
S_from = conj(y_ff) V_f^2 + conj(y_ft) w and S_to = conj(y_tt) V_t^2 + conj(y_tf) conj(w).
Each function takes admittances first, then wr, wi and the squared voltage of its own side; every
argument may be a float, an array or a Pyomo expression. The flows are linear in these three, which
are all the nonlinear terms that power balances have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from scopf.engine.formulation import Formulation
from scopf.engine.functions import cos, sin
from scopf.engine.symbols import Expression, Parameter
from scopf.engine.templates import Node
from scopf.model.part import Follows, Part
from scopf.model.voltages import Voltages
from scopf.network.network import Network


def w_real(vm_f: Node, vm_t: Node, va_f: Node, va_t: Node) -> Node:
    """Re w of a branch."""
    return vm_f * vm_t * cos(va_f - va_t)


def w_imag(vm_f: Node, vm_t: Node, va_f: Node, va_t: Node) -> Node:
    """Im w of a branch."""
    return vm_f * vm_t * sin(va_f - va_t)


def p_from(g_ff: Node, g_ft: Node, b_ft: Node, wr: Node, wi: Node, vv_f: Node) -> Node:
    """Active power into the branch at its from end."""
    return g_ft * wr + b_ft * wi + g_ff * vv_f


def q_from(b_ff: Node, g_ft: Node, b_ft: Node, wr: Node, wi: Node, vv_f: Node) -> Node:
    """Reactive power into the branch at its from end."""
    return -b_ft * wr + g_ft * wi - b_ff * vv_f


def p_to(g_tt: Node, g_tf: Node, b_tf: Node, wr: Node, wi: Node, vv_t: Node) -> Node:
    """Active power into the branch at its to end."""
    return g_tf * wr - b_tf * wi + g_tt * vv_t


def q_to(b_tt: Node, g_tf: Node, b_tf: Node, wr: Node, wi: Node, vv_t: Node) -> Node:
    """Reactive power into the branch at its to end."""
    return -b_tf * wr - g_tf * wi - b_tt * vv_t


@dataclass(frozen=True, eq=False)
class Flows(Part):
    """Flows into both ends of every branch, per unit.

    Attributes:
        alpha: the mutable Param that multiplies the series admittances.
        vv: V^2 of every bus.
        p_from, q_from, p_to, q_to: flows.
    """

    alpha: Parameter
    vv: Expression
    p_from: Expression
    q_from: Expression
    p_to: Expression
    q_to: Expression

    @classmethod
    def declare(
        cls, f: Formulation, net: Network, voltages: Voltages, alpha: Parameter | None = None
    ) -> Self:
        """Declare `bus_vv`, `branch_wr`, `branch_wi` and `branch_{p,q}_{from,to}`.

        The mutable Param `alpha` multiplies the series admittances; charging stays as it is. It is
        declared unless it is given.
        """
        bus, branch = f.indices["bus"], f.indices["branch"]
        start, end = net.branch_from, net.branch_to
        vm, va = voltages.vm, voltages.va
        ends = vm[start], vm[end], va[start], va[end]
        factor = f.parameter("alpha", None, 1.0) if alpha is None else alpha
        strength = factor[:]
        vv = f.expression("bus_vv", bus, vm[:] ** 2)
        wr = f.expression("branch_wr", branch, w_real(*ends))[:]
        wi = f.expression("branch_wi", branch, w_imag(*ends))[:]

        y = net.admittances
        charging_f, charging_t = 0.5 * net.branch.b / net.branch.tap**2, 0.5 * net.branch.b
        g_ff, b_ff = f.data(y.gff), f.data(y.bff - charging_f)
        g_tt, b_tt = f.data(y.gtt), f.data(y.btt - charging_t)
        g_ft, b_ft, g_tf, b_tf = (f.data(part) for part in (y.gft, y.bft, y.gtf, y.btf))
        vv_f, vv_t = vv[start], vv[end]

        def add(name: str, series: Node, shunt: Node) -> Expression:
            return f.expression(name, branch, strength * series - shunt)

        return cls(
            factor,
            vv,
            add("branch_p_from", p_from(g_ff, g_ft, b_ft, wr, wi, vv_f), 0),
            add("branch_q_from", q_from(b_ff, g_ft, b_ft, wr, wi, vv_f), f.data(charging_f) * vv_f),
            add("branch_p_to", p_to(g_tt, g_tf, b_tf, wr, wi, vv_t), 0),
            add("branch_q_to", q_to(b_tt, g_tf, b_tf, wr, wi, vv_t), f.data(charging_t) * vv_t),
        )

    @property
    def into(self) -> tuple[Expression, Expression, Expression, Expression]:
        """The flows in the order p_from, q_from, p_to, q_to."""
        return self.p_from, self.q_from, self.p_to, self.q_to

    def follows(self) -> Sequence[Follows]:
        """The grid strength."""
        alpha = self.alpha
        names = {"alpha"}
        return [Follows(names, lambda s: [(alpha, np.array([s.numbers["alpha"]]))])]
