"""The power flow after outages, in which the grid settles by its droops.

No limits are kept: who screens outages counts what is beyond them. The networks after all outages
are solved side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopf.arrays import Complexes, Flags, Floats
from scopf.devices.gfm import Inverters
from scopf.dynamics.newton import Equations
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
        frequency: deviation of each island with inverters, p.u.; NaN where it did not settle.
        settled: mask of the outages whose power flow converged.
    """

    net: Network
    vm: Floats
    va: Floats
    pg: Floats
    reactive: Floats
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
    without = np.setdiff1d(np.arange(len(states.outages)), states.stack.bus_part[states.keep])
    settled = found.converged.copy()
    settled[without] = False
    lost = ~settled[states.stack.bus_part]
    vm, va = np.where(lost, np.nan, found.vm), np.where(lost, np.nan, found.va)
    w = found.w[equations.island]
    pg = before.power.real[states.gen] - w[net.gen_at] * states.share
    power = injections(equations.y, vm, va) + equations.drawn(vm)
    power = power - _of_dclines(net, states, before)
    frequency = np.zeros(len(states.islands))
    frequency[states.bus_island[states.keep]] = np.where(lost, np.nan, w)[states.keep]
    return Flow(net, vm, va, pg, power.imag, frequency, settled)


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
    held = np.zeros(n, dtype=bool)
    held[states.held] = True
    vm, anchors = before.vm[states.bus], first_references(net.island, net.bus)
    return Equations(
        net, power, share, slope, vm, held, anchors, net.island - 1, states.stack.bus_part
    )
