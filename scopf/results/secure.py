"""States after outages that are no part of the model, as a power flow has them.

They violate nothing at the dispatch, so all their prices are zero. Margins are those of
`Criterion.slack`: of a criterion with variables of its own (`weighted`) what the best ones leave.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from scopf.arrays import Complexes, Flags, Floats
from scopf.dynamics.power_flow import Flow, Intact, after_outages
from scopf.dynamics.settled import Settled
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Constraint
from scopf.model.stability import StabilityRows
from scopf.model.voltages import Voltages
from scopf.network.kron import Reduction
from scopf.network.network import LOADS
from scopf.network.outages import Outage
from scopf.network.powers import branch_currents, branch_powers
from scopf.results.states import AfterOutages
from scopf.stability import device_claims, limits, registry
from scopf.stability.criterion import Criterion
from scopf.stability.rows import Dispatch, Stability
from scopf.stability.setting import Setting, View

if TYPE_CHECKING:
    from scopf.results.record import Record


class _NoPrices:
    """Rows that are all there, with prices of zero."""

    def active(self, rows: Constraint) -> Flags:
        return np.ones(len(rows), dtype=bool)

    def price(self, rows: Constraint, *, lower: bool = False) -> Floats:
        return np.zeros(len(rows))


def after(record: Record, outage: Outage) -> AfterOutages:
    """The state after an outage, at the dispatch of a solution.

    Args:
        record: of the solution.
        outage: one that was asked for, without a state in the model.
    """
    point, inverters, intact = record.point, record.setting.inverters, record.connected
    power = point.pg + 1j * point.qg
    devices = record.setting.devices
    settled = Settled.after([outage], record.scenario.bands, intact, inverters, devices)
    flow = after_outages(settled, Intact(intact, inverters, point.vm, point.va, power))
    net, limit = flow.net, record.scenario.limit
    into, loading = flows(flow, limit)
    qg = reactive(settled, flow, power.imag)
    nothing = np.zeros((2, len(net.bus)))
    idle = np.zeros(len(settled.inverters))
    return AfterOutages(
        settled=settled,
        vm=flow.vm,
        va=flow.va,
        pg=flow.pg,
        qg=qg,
        flows=np.array([into[0].real, into[0].imag, into[1].real, into[1].imag]),
        loading=loading,
        before=dataclasses.replace(point, alpha=1.0),  # `intact` has the grid strength already
        loads={key: getattr(net.bus, key) for key in LOADS},
        demand=net.bus.demand(flow.vm),
        shed=nothing,
        frequency=flow.frequency,
        balance=nothing,
        solved=record.solved,
        ratings=np.zeros((2, len(net.branch))),
        voltages=(nothing[0], nothing[1]),
        stability=_stability(record, settled, flow, qg),
        by_droop=idle,
        load_angles=np.zeros(len(settled.devices.machines)),
    )


def flows(flow: Flow, limit: str) -> tuple[tuple[Complexes, Complexes], tuple[Floats, Floats]]:
    """Powers P + jQ into both ends of every branch, and their loading; zero without a rating.

    Args:
        flow: after outages.
        limit: whether ratings are of the power or of the current.
    """
    net, v = flow.net, flow.vm * np.exp(1j * flow.va)
    into = branch_powers(net, v)
    limited = into if limit == "power" else branch_currents(net, v)
    return into, (np.abs(limited[0]) / net.branch.rate, np.abs(limited[1]) / net.branch.rate)


def slack(
    criterion: Criterion,
    setting: Setting,
    voltage: tuple[Floats, Floats],
    power: tuple[Floats, Floats],
) -> tuple[View, Floats]:
    """The network as a criterion looks at it, and the slack of the rows of its buses.

    Limits are those of the model, which for the paper's rows are of alpha B^red.

    Args:
        criterion: whose rows they are.
        setting: network, inverters and devices after an outage.
        voltage: vm and va of all buses, per unit and rad.
        power: P and Q of all generators, per unit; of those that are no device any.
    """
    view, (vm, va) = setting.view(criterion.network), voltage
    if setting.devices is not None and criterion.of_devices:
        return view, device_claims.slack(criterion, setting, setting.net, voltage, power)
    k, unit = view.k.copy(), criterion.parameters(setting).get(limits.UNIT)
    if unit is not None:
        scale = view.grid.scale[view.inverters]
        k[view.inverters] = setting.inverters.mq / (2.0 * unit * np.abs(scale))
    return view, criterion.slack(view.grid, k, vm[view.buses], va[view.buses])


def reactive(settled: Settled, flow: Flow, before: Floats) -> Floats:
    """Reactive power of every generator.

    Those of a bus without one of their own share what it has more, by their ranges.
    """
    net, n = flow.net, len(flow.net.bus)
    q = np.where(np.isnan(flow.qg), before[settled.gen], flow.qg)
    more = flow.reactive - np.bincount(net.gen_at, q, n)
    moving = np.ones(len(q), dtype=bool)
    moving[settled.own_q] = False
    span = net.gen.qmax - net.gen.qmin
    weight = np.where(moving, np.where(np.isfinite(span) & (span > 0), span, 1e-9), 0.0)
    total = np.bincount(net.gen_at, weight, n)[net.gen_at]
    share = np.divide(weight, total, out=np.zeros_like(q), where=total > 0)
    found: Floats = q + share * more[net.gen_at]
    return found


def _stability(record: Record, settled: Settled, flow: Flow, qg: Floats) -> Stability:
    """The criterion's rows there, as a model without prices reads them."""
    criterion, given = record.problem.criterion, record.setting
    if not len(settled.inverters) and not (len(settled.devices) and criterion.of_devices):
        criterion = registry.get("none")
    f, net = Formulation("after an outage"), flow.net
    bus = f.index("bus", net.bus.id.tolist())
    branch = f.index("branch", net.branch.id.tolist())
    gen = f.index("gen", net.gen.id.tolist())
    inverter = f.index("inverter", settled.inverters.bus.tolist())
    v = Voltages.declare(f, net, {"bus_vm": flow.vm, "bus_va": flow.va})
    stiffness = f.parameter("inverter_stiffness", inverter, 1.0 / settled.inverters.mq)
    reduction = Reduction(settled.with_numbers(given.net), settled.keep)
    margins = given.alpha, given.margin, given.droop_margin
    devices = settled.devices if len(settled.devices) else None
    setting = Setting(reduction, settled.inverters, *margins, devices=devices)
    p, q = (f.variable(name, gen, lower=-np.inf, upper=np.inf, start=values) for name, values in
            (("gen_pg", flow.pg), ("gen_qg", qg)))  # fmt: skip
    dispatch = Dispatch(f, bus, branch, inverter, v.vm, v.va, stiffness, p=p, q=q)
    rows = StabilityRows.declare(criterion, dispatch, setting)
    found = rows.read(setting, _NoPrices())
    view, left = slack(criterion, setting, (flow.vm, flow.va), (flow.pg, qg))
    margin = np.where(np.isnan(found.margin), np.nan, left[view.inverters])
    return dataclasses.replace(found, margin=margin, load_prices=None)
