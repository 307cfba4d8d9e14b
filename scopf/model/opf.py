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
import pyomo.environ as pyo

from scopf.arrays import Floats, Ints
from scopf.inverters import Inverters
from scopf.model.costs import add_cost
from scopf.model.flows import add_flows
from scopf.model.limits import add_angle_limits, add_balance, add_thermal_limits
from scopf.network import Network
from scopf.stability import Criterion
from scopf.tables import REFERENCE


def ac_opf(
    net: Network, inverters: Inverters, criterion: Criterion, d: Floats, alpha: float
) -> pyo.ConcreteModel:
    """The model of one network at grid strength alpha.

    Args:
        net: energized network.
        inverters: may be empty when the criterion adds no rows.
        criterion: adds its rows and names them `inverter_stability`.
        alpha: factor on the series admittance of every branch.
        d: quadratic reactive cost of each generator, currency/h per (p.u.)^2.
    """
    m = pyo.ConcreteModel(name=net.name)
    m.bus = pyo.Set(initialize=net.bus.id.tolist(), dimen=1)
    m.gen = pyo.Set(initialize=net.gen.id.tolist(), dimen=1)
    m.branch = pyo.Set(initialize=net.branch.id.tolist(), dimen=1)

    add_voltages(m, net)
    add_generation(m, net)
    add_flows(m, net.scaled(susceptance=alpha))
    add_cost(m, net, d)
    add_balance(m, net)
    add_thermal_limits(m, net)
    add_angle_limits(m, net)
    criterion.add_rows(m, net, inverters, alpha)
    return m


def add_voltages(m: pyo.ConcreteModel, net: Network) -> None:
    """`bus_vm` in its box and `bus_va`, fixed at the reference; both start flat."""
    bus = net.bus
    m.bus_vm = _boxed(m.bus, bus.id, bus.vmin, bus.vmax, start=np.clip(1.0, bus.vmin, bus.vmax))
    references = bus.id[bus.type == REFERENCE].tolist()
    m.bus_va = pyo.Var(m.bus, initialize=float(bus.va[bus.type == REFERENCE][0]))
    for i, angle in zip(references, bus.va[bus.type == REFERENCE].tolist(), strict=True):
        m.bus_va[i].fix(angle)


def add_generation(m: pyo.ConcreteModel, net: Network) -> None:
    """`gen_pg` and `gen_qg` in their boxes, starting in the middle."""
    gen = net.gen
    m.gen_pg = _boxed(m.gen, gen.id, gen.pmin, gen.pmax, start=_middle(gen.pmin, gen.pmax))
    m.gen_qg = _boxed(m.gen, gen.id, gen.qmin, gen.qmax, start=_middle(gen.qmin, gen.qmax))


def _boxed(index: pyo.Set, ids: Ints, low: Floats, high: Floats, start: Floats) -> pyo.Var:
    keys = ids.tolist()
    box = {
        key: (lb if np.isfinite(lb) else None, ub if np.isfinite(ub) else None)
        for key, lb, ub in zip(keys, low.tolist(), high.tolist(), strict=True)
    }
    initial = dict(zip(keys, start.tolist(), strict=True))
    return pyo.Var(index, bounds=lambda m, key: box[key], initialize=initial)


def _middle(low: Floats, high: Floats) -> Floats:
    """Middle of each box; the finite end, or zero, where the box is open."""
    with np.errstate(invalid="ignore"):
        middle = 0.5 * (low + high)
    return np.where(np.isfinite(middle), middle, np.clip(0.0, low, high))
