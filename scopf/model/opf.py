"""(P1) of Wang and Geng (arXiv 2604.17603): AC optimal power flow with stability rows per inverter.

    minimise    sum_i a_i + b_i P_i + c_i P_i^2 + d_i Q_i^2
    over        P, Q of generators; V, theta of buses
    subject to  power balance at every bus
                boxes on P, Q, V; reference angle fixed
                |S| <= rate at both branch ends; limits on angle differences
                the stability criterion, one set of rows per inverter

Indices are the user's own: bus numbers, generator ids, branch ids. Quantities are per unit, angles
in rad, costs in currency per hour.
"""

from __future__ import annotations

import numpy as np

from scopf.algebra import Formulation
from scopf.arrays import Floats
from scopf.model.costs import add_cost
from scopf.model.flows import add_flows
from scopf.model.limits import add_angle_limits, add_balance, add_thermal_limits
from scopf.network import Network
from scopf.tables import REFERENCE


def ac_opf(net: Network, d: Floats, alpha: float) -> Formulation:
    """The optimal power flow of one network; a stability criterion adds its rows to it.

    Args:
        net: energized network.
        d: quadratic reactive cost of each generator, currency/h per (p.u.)^2.
        alpha: factor on the series admittance of every branch.
    """
    f = Formulation(net.name)
    f.index("bus", net.bus.id.tolist())
    f.index("gen", net.gen.id.tolist())
    f.index("branch", net.branch.id.tolist())

    add_voltages(f, net)
    add_generation(f, net)
    add_flows(f, net, alpha)
    add_cost(f, net, d)
    add_balance(f, net)
    add_thermal_limits(f, net)
    add_angle_limits(f, net)
    return f


def add_voltages(f: Formulation, net: Network) -> None:
    """`bus_vm` in its box and `bus_va`, fixed at the reference; both start flat."""
    bus = net.bus
    start = np.clip(1.0, bus.vmin, bus.vmax)
    f.variable("bus_vm", f.indices["bus"], lower=bus.vmin, upper=bus.vmax, start=start)
    reference = bus.type == REFERENCE
    angle = np.where(reference, bus.va, bus.va[reference][0])
    f.variable(
        "bus_va", f.indices["bus"], lower=-np.inf, upper=np.inf, start=angle, fixed=reference
    )


def add_generation(f: Formulation, net: Network) -> None:
    """`gen_pg` and `gen_qg` in their boxes, starting in the middle."""
    index, gen = f.indices["gen"], net.gen
    for name, low, high in (("gen_pg", gen.pmin, gen.pmax), ("gen_qg", gen.qmin, gen.qmax)):
        f.variable(name, index, lower=low, upper=high, start=middle(low, high))


def middle(low: Floats, high: Floats) -> Floats:
    """Middle of each box; the finite end, or zero, where the box is open."""
    with np.errstate(invalid="ignore"):
        centre = 0.5 * (low + high)
    return np.where(np.isfinite(centre), centre, np.clip(0.0, low, high))
