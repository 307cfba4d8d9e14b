"""What generators hold in a power flow, and which of them take up the power that is missing.

With the set points of a dispatch, and w a number of each island that is found with the voltages,

    P_g = P_set,g - w share_g
    Q_g = Q_set,g - slope_g (V - V_set)       or Q_g as it is needed, where V = V_set is held,
                                              or as the field of a machine gives it

`share` says how the slack is understood. By droops it is 1/(m_p beta_p), of machines 1/r + d, so
that w is the frequency deviation, and slope = 1/(m_q beta_q), of grid-following inverters k_v.
Otherwise it is the generator's part of what is missing, and -w is all that is missing in the
island.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

import numpy as np

from scopf.arrays import Complexes, Flags, Floats, Ints
from scopf.devices.gfm import Inverters
from scopf.devices.mixed import Devices
from scopf.dynamics.fields import Fields
from scopf.dynamics.newton import Equations, Iterate
from scopf.network.islands import first_references, firsts
from scopf.network.network import Network
from scopf.network.powers import injections
from scopf.network.tables import REFERENCE, positions

Slack = Literal["droop", "distributed", "reference"]
_PLAIN = 1  # bus type: nobody holds the voltage


@dataclass(frozen=True, eq=False)
class SetPoints:
    """The set points of all generators of an energized network.

    Attributes:
        net: with the dispatch.
        share: of each generator.
        slope: of each generator.
        regulating: mask of the generators that hold the voltage of their bus.
        anchors: buses whose angles stay, one for each w.
        island: place among them of the one that each bus belongs to.
        fields: machines whose reactive power follows from their fields; None without any.
    """

    net: Network
    share: Floats
    slope: Floats
    regulating: Flags
    anchors: Ints
    island: Ints
    fields: Fields | None = None

    @classmethod
    def droop(cls, net: Network, inverters: Inverters, devices: Devices | None = None) -> Self:
        """Inverters follow their droops, machines governors and fields.

        Other generators keep P, and their voltage or Q.
        """
        gen, of = net.gen, inverters.units
        devices = Devices.none() if devices is None else devices
        machines = devices.machines
        unit = positions(gen.id, of.gen)
        share, slope = np.zeros((2, len(gen)))
        share[unit] = np.where(gen.pmin < gen.pmax, 1.0, 0.0)[unit] / (of.mp * of.beta_p)
        slope[unit] = 1.0 / (of.mq * of.beta_q)
        share, slope = share + devices.shares(net), slope + devices.support(net)
        apart = np.isin(gen.bus, np.concatenate([inverters.bus, machines.bus]))
        regulating = _regulating(net) & ~apart & ~np.isin(gen.id, devices.gens)
        anchors, fields = first_references(net.island, net.bus), None
        if len(machines):
            at = positions(gen.id, machines.gen)
            power, vm = (gen.pg + 1j * gen.qg)[at], np.where(gen.vg > 0, gen.vg, 1.0)[at]
            fields = Fields(machines, at, net.gen_at[at], power, vm, share[at])
        return cls(net, share, slope, regulating, anchors, net.island - 1, fields)

    @classmethod
    def distributed(cls, net: Network, weights: Mapping[int, float] | None = None) -> Self:
        """All generators take up what is missing in their island, in proportion to weights.

        Args:
            net: with the dispatch.
            weights: by number of the generator, zero for others; None for the participation factors
                `apf` of the case in an island that has any, else Pmax (the rating where that is
                infinite).
        """
        gen, island = net.gen, net.island[net.gen_at] - 1
        if weights is not None:
            found = np.array([weights.get(number, 0.0) for number in gen.id.tolist()])
        else:
            factors = np.where(gen.constant_pf, 0.0, np.maximum(gen.apf, 0.0))
            given = np.bincount(island, factors, net.islands) > 0
            found = np.where(given[island], factors, _sizes(net))
        share = _parts(found, island, net.islands)
        anchors = first_references(net.island, net.bus)
        return cls(net, share, np.zeros(len(gen)), _regulating(net), anchors, net.island - 1)

    @classmethod
    def reference(cls, net: Network) -> Self:
        """The generators of each reference bus take up what is missing, in proportion to Pmax."""
        anchors, takers, island = slack_buses(net, ~net.gen.constant_pf)
        at, sizes = net.gen_at, _sizes(net)
        share = np.where(np.isin(at, takers) & ~net.gen.constant_pf, sizes, 0.0)
        none = np.bincount(at, share, len(net.bus))[at] == 0  # all of them alike then
        share[none & np.isin(at, takers) & ~net.gen.constant_pf] = 1.0
        share = _parts(share, island[at], len(anchors))
        return cls(net, share, np.zeros(len(at)), _regulating(net), anchors, island)

    # -- equations -------------------------------------------

    @cached_property
    def vm(self) -> Floats:
        """Voltage set points of the buses: of the first generator there that has to do with it."""
        gen, found = self.net.gen, np.ones(len(self.net.bus))
        those = np.flatnonzero(self.regulating | (self.slope > 0))[::-1]
        found[self.net.gen_at[those]] = np.where(gen.vg > 0, gen.vg, 1.0)[those]
        return found

    @cached_property
    def held(self) -> Flags:
        """Mask of the buses whose voltage a generator holds."""
        return self._sum(self.regulating) > 0

    @cached_property
    def slope_at(self) -> Floats:
        """By how much the reactive power of each bus falls with its voltage."""
        return self._sum(self.slope)

    def _sum(self, values: Floats | Flags) -> Floats:
        """Sum over the generators of each bus."""
        return np.bincount(self.net.gen_at, values, len(self.net.bus)).astype(np.float64)

    @cached_property
    def _lines(self) -> Complexes:
        line = self.net.dcline
        return self.net.dcline_sum(line.pf, line.qf, line.qt)

    def equations(self, fixed: Floats | None = None) -> Equations:
        """The power flow at these set points; each island is a part of its own.

        Args:
            fixed: reactive power that the generators of a bus give which would hold its voltage,
                if they are at a limit; NaN for others.
        """
        net, gen = self.net, self.net.gen
        q = self._sum(np.where(self.regulating, 0.0, gen.qg))
        held = self.held
        if fixed is not None:
            q, held = q + np.nan_to_num(fixed), held & np.isnan(fixed)
        power = self._lines + self._sum(gen.pg) + 1j * q
        share, part = self._sum(self.share), net.island - 1
        return Equations(
            net, power, share, self.slope_at, self.vm, held, self.anchors, self.island, part,
            self.fields,
        )  # fmt: skip

    # -- the point -------------------------------------------

    def output(self, at: Iterate, equations: Equations) -> tuple[Floats, Floats]:
        """Active and reactive power of each generator.

        Those that hold a voltage share what it takes, each at the same fraction of its range.

        Args:
            at: the voltages and w.
            equations: whose solution they are.
        """
        gen, bus = self.net.gen, self.net.gen_at
        pg = gen.pg - at.w[self.island[bus]] * self.share
        qg = gen.qg - self._by_droop(at.vm)
        if self.fields is not None:
            qg[self.fields.gen] = equations.machines_at(at.vm, at.w).q
        those = np.flatnonzero(self.regulating)
        qg[those] = divided(
            self.needed(at, equations), bus[those], gen.qmin[those], gen.qmax[those]
        )
        return pg, qg

    def needed(self, at: Iterate, equations: Equations) -> Floats:
        """Reactive power that those who hold the voltage of each bus have to give."""
        into = injections(equations.y, at.vm, at.va) + equations.drawn(at.vm) - self._lines
        others = np.where(self.regulating, 0.0, self.net.gen.qg - self._by_droop(at.vm))
        if self.fields is not None:
            others[self.fields.gen] = equations.machines_at(at.vm, at.w).q
        found: Floats = into.imag - self._sum(others)
        return found

    def _by_droop(self, vm: Floats) -> Floats:
        """Reactive power that each generator gives less, as its voltage is above the set point."""
        return self.slope * (vm - self.vm)[self.net.gen_at]

    @cached_property
    def reactive_limits(self) -> tuple[Floats, Floats]:
        """Least and most reactive power of the generators of each bus that hold its voltage."""
        low, high = (
            self._sum(np.where(self.regulating, side, 0.0))
            for side in (self.net.gen.qmin, self.net.gen.qmax)
        )
        return low, high


def slack_buses(net: Network, gens: Flags) -> tuple[Ints, Ints, Ints]:
    """Reference buses and the buses that take up the active power which is missing.

    Args:
        net: energized network.
        gens: mask of the generators that can.

    Returns:
        Anchors, the buses whose angles stay, are all references with such a generator, or in an
        island without one its first reference. Takers, one for each island or anchor, are the
        anchor itself, or the bus of the island's largest generator (by Pmax); fewer, where an
        island has no generator. And the place among the anchors of the one that each bus belongs
        to.
    """
    able = np.zeros(len(net.bus), dtype=bool)
    able[net.gen_at[gens]] = True
    found = np.flatnonzero((net.bus.type == REFERENCE) & able)
    first = first_references(net.island, net.bus)
    anchors = np.sort(
        np.concatenate([found, first[~np.isin(net.island[first], net.island[found])]])
    )
    at = net.gen_at[gens][np.argsort(-net.gen.pmax[gens], kind="stable")]
    at = at[~np.isin(net.island[at], net.island[found])]
    takers = np.concatenate([found, at[firsts(net.island[at])]])
    place = firsts(net.island[anchors])[net.island - 1]
    place[anchors] = np.arange(len(anchors))
    return anchors, takers, place


def divided(total: Floats, at: Ints, low: Floats, high: Floats) -> Floats:
    """Totals of buses among generators, those of one bus at the same fraction of their ranges.

    The sums are the totals, inside the ranges or beyond.

    Args:
        total: of each bus, shape (n,).
        at: bus of each generator, shape (g,).
        low: lower ends of their ranges; without one a range reaches as far as the total and all
            finite ends there together, and where no range has any width all are alike.
        high: upper ends.
    """
    n = len(total)
    finite = [np.where(np.isfinite(side), np.abs(side), 0.0) for side in (low, high)]
    far = (np.abs(total) + np.bincount(at, finite[0] + finite[1], n))[at]
    low, high = np.where(np.isfinite(low), low, -far), np.where(np.isfinite(high), high, far)
    width, count = np.bincount(at, high - low, n), np.bincount(at, minlength=n)
    left = (total - np.bincount(at, low, n))[at]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(width[at] > 0, (high - low) / width[at], 1.0 / count[at])
    return np.asarray(low + part * left)


def _regulating(net: Network) -> Flags:
    """Mask of the generators that hold a voltage: at buses of type 2 or 3, but for loads."""
    return np.asarray((net.bus.type[net.gen_at] != _PLAIN) & ~net.gen.constant_pf)


def _sizes(net: Network) -> Floats:
    """Pmax of the generators, the rating where it is infinite, zero where there is none."""
    gen = net.gen
    size = np.where(np.isfinite(gen.pmax), gen.pmax, gen.mbase / net.base_mva)
    return np.where(gen.constant_pf, 0.0, np.maximum(size, 0.0))


def _parts(weights: Floats, place: Ints, count: int) -> Floats:
    """Weights as parts of their sum at each place; zero where that is zero."""
    total = np.bincount(place, weights, count)[place]
    return np.divide(weights, total, out=np.zeros(len(weights)), where=total > 0)
