"""(P1) of Wang and Geng (arXiv 2604.17603): AC optimal power flow with stability rows per inverter.

    minimise    sum_i a_i + b_i P_i + c_i P_i^2 + d_i Q_i^2
    over        P, Q of generators; V, theta of buses
    subject to  power balance at every bus
                boxes on P, Q, V; reference angle fixed
                |S| <= rate at both branch ends; limits on angle differences
                DC lines, P-Q curves and constant power factors, where the case has them
                P^2 + Q^2 <= S^2 of every inverter, if asked for
                the stability criterion, one set of rows per inverter

Indices are the user's own: bus numbers, generator ids, branch ids. Quantities are per unit, angles
in rad, costs in currency per hour.
"""

from __future__ import annotations

import numpy as np

from scopf.arrays import Floats
from scopf.devices.gfm import Inverters
from scopf.engine.formulation import Formulation
from scopf.model.capability import add_capability, add_ratings, add_squares
from scopf.model.costs import ReactiveCosts, add_cost
from scopf.model.dclines import add_dclines
from scopf.model.flows import add_flows
from scopf.model.limits import add_angle_limits, add_balance, add_thermal_limits
from scopf.model.pq_curves import add_curves
from scopf.model.starts import flat
from scopf.network.network import Network
from scopf.network.tables import REFERENCE


def ac_opf(
    net: Network,
    inverters: Inverters,
    costs: ReactiveCosts,
    alpha: float,
    capability: bool = False,
) -> Formulation:
    """The optimal power flow of one network; controls, costs and a criterion's rows come on top.

    Args:
        net: energized network.
        inverters: whose ratings count, in the capability circle and in lost opportunity.
        costs: of reactive power.
        alpha: factor on the series admittance of every branch.
        capability: whether the inverters keep within their capability circles.
    """
    f = Formulation(net.name)
    f.index("bus", net.bus.id.tolist())
    f.index("gen", net.gen.id.tolist())
    f.index("branch", net.branch.id.tolist())

    start = flat(net)
    add_voltages(f, net, start)
    add_generation(f, net, start)
    if len(net.dcline):
        add_dclines(f, net, start)
    add_flows(f, net, alpha)
    if capability or costs.opportunity is not None:
        f.index("inverter", inverters.bus.tolist())
        add_ratings(f, inverters)
        add_squares(f, net, inverters, "pq" if capability else "q")
    add_cost(f, net, costs)
    add_balance(f, net)
    add_thermal_limits(f, net)
    add_angle_limits(f, net)
    add_curves(f, net)
    if capability:
        add_capability(f)
    return f


def add_voltages(f: Formulation, net: Network, start: dict[str, Floats]) -> None:
    """`bus_vm` in its box and `bus_va`, fixed at the reference."""
    index, bus = f.indices["bus"], net.bus
    f.variable("bus_vm", index, lower=bus.vmin, upper=bus.vmax, start=start["bus_vm"])
    reference = bus.type == REFERENCE
    angle = start["bus_va"]
    f.variable("bus_va", index, lower=-np.inf, upper=np.inf, start=angle, fixed=reference)


def add_generation(f: Formulation, net: Network, start: dict[str, Floats]) -> None:
    """`gen_pg` and `gen_qg` in their boxes.

    A load of constant power factor has its Q by `curves.add_curves`; a bound would say the same as
    that of P.
    """
    index, gen = f.indices["gen"], net.gen
    low, high = (
        np.where(gen.constant_pf, end, q) for end, q in ((-np.inf, gen.qmin), (np.inf, gen.qmax))
    )
    f.variable("gen_pg", index, lower=gen.pmin, upper=gen.pmax, start=start["gen_pg"])
    f.variable("gen_qg", index, lower=low, upper=high, start=start["gen_qg"])
