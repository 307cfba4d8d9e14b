"""The power flow after outages, in which the grid settles by its droops.

No limits are kept: who screens outages counts what is beyond them. The networks after all outages
are solved side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopf.arrays import Complexes, Flags, Floats
from scopf.devices.gfm import Inverters
from scopf.dynamics.fields import Fields
from scopf.dynamics.newton import Equations, Iterate
from scopf.dynamics.settled import Settled
from scopf.network.islands import first_references
from scopf.network.network import Network
from scopf.network.powers import injections


@dataclass(frozen=True, eq=False)
class Intact:
    """The operating point before the outages, per unit and rad.

    Attributes:
        net: the intact network, with its loads and the powers of its DC lines.
        inverters: with their droops.
        vm, va: voltages of the buses.
        power: P + jQ of the generators.
    """

    net: Network
    inverters: Inverters
    vm: Floats
    va: Floats
    power: Complexes


@dataclass(frozen=True, eq=False)
class Flow:
    """The networks after the outages as they have settled, side by side.

    Attributes:
        net: the networks.
        vm, va: voltages of the buses; NaN in a network that did not settle.
        pg: active power of the generators.
        reactive: reactive power of all generators of each bus.
        qg: reactive power of the generators whose own it is (`Settled.own_q`); NaN for others.
        frequency: deviation of each island with inverters or machines, p.u.; NaN where it did not
            settle.
        settled: mask of the outages whose power flow converged.
    """

    net: Network
    vm: Floats
    va: Floats
    pg: Floats
    reactive: Floats
    qg: Floats
    frequency: Floats
    settled: Flags


def after_outages(states: Settled, before: Intact) -> Flow:
    """The power flow after each outage.

    Args:
        states: the networks.
        before: where the intact network was.
    """
    equations = _equations(states, before)
    net = equations.net
    found = equations.solve(before.vm[states.bus], before.va[states.bus])
    without = np.setdiff1d(np.arange(len(states.outages)), states.stack.bus_part[states.sources])
    settled = found.converged.copy()
    settled[without] = False
    lost = ~settled[states.stack.bus_part]
    vm, va = np.where(lost, np.nan, found.vm), np.where(lost, np.nan, found.va)
    w = found.w[equations.island]
    pg = before.power.real[states.gen] - w[net.gen_at] * states.share
    power = injections(equations.y, vm, va) + equations.drawn(vm)
    power = power - _of_dclines(net, states, before)
    frequency = np.zeros(len(states.islands))
    frequency[states.bus_island[states.sources]] = np.where(lost, np.nan, w)[states.sources]
    qg = _own(states, before, equations, found)
    return Flow(net, vm, va, pg, power.imag, qg, frequency, settled)


def _own(states: Settled, before: Intact, equations: Equations, found: Iterate) -> Floats:
    """Reactive power of generators that share it with none; NaN for others."""
    qg, at = np.full(len(states.net.gen), np.nan), states.follower_gen
    first, bus = before.power.imag[states.gen], states.net.gen_at[at]
    qg[states.same_q] = first[states.same_q]
    rise = found.vm[bus] - before.vm[states.bus[bus]]
    qg[at] = first[at] - states.devices.followers.kv * rise
    if equations.fields is not None:
        qg[states.machine_gen] = equations.machines_at(found.vm, found.w).q
    return qg


def _of_dclines(net: Network, states: Settled, before: Intact) -> Complexes:
    """Power that DC lines go on to give each bus."""
    line = before.net.dcline
    return net.dcline_sum(*(getattr(line, key)[states.dcline] for key in ("pf", "qf", "qt")))


def _equations(states: Settled, before: Intact) -> Equations:
    """The equations of all networks."""
    net = states.with_numbers(before.net)
    n, at, power = len(net.bus), net.gen_at, _of_dclines(net, states, before)
    np.add.at(power, at, before.power[states.gen])
    share, slope = np.bincount(at, states.share, n).astype(np.float64), np.zeros(n)
    slope[states.keep] = 1.0 / states.with_droops(before.inverters).k
    slope += np.bincount(at, states.devices.support(net), n)
    held = np.zeros(n, dtype=bool)
    held[states.held] = True
    vm, anchors = before.vm[states.bus], first_references(net.island, net.bus)
    return Equations(
        net, power, share, slope, vm, held, anchors, net.island - 1, states.stack.bus_part,
        _fields(net, states, before),
    )  # fmt: skip


def _fields(net: Network, states: Settled, before: Intact) -> Fields | None:
    """The machines of all networks."""
    if not len(states.devices.machines):
        return None
    at = states.machine_gen
    bus, power = net.gen_at[at], before.power[states.gen[at]]
    vm = before.vm[states.bus[bus]]
    return Fields(states.devices.machines, at, bus, power, vm, states.share[at])
