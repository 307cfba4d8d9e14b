"""The power flow after outages, in which the grid settles by its droops; by Newton's method.

Unknowns are the angles but for one in each island, its frequency in place of that one, and the
magnitudes of buses whose voltage no generator holds; equations are the balances, that of reactive
power only where it is not what holds the voltage. No limits are kept: who screens outages counts
what is beyond them. The networks after all outages are one block-diagonal system. One that does not
converge does not disturb the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from scopf.arrays import Complexes, Flags, Floats, Ints
from scopf.devices.gfm import Inverters
from scopf.dynamics.settled import Settled
from scopf.network.network import Network
from scopf.network.powers import injections, jacobian
from scopf.network.tables import REFERENCE

_ITERATIONS = 25
_TOLERANCE = 1e-9  # p.u. of power
_LARGEST = 1e3  # p.u. of power that is missing where an iteration has gone astray


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
        frequency: deviation of each island with inverters, p.u.
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
    system = _System.of(states, before)
    vm, va = before.vm[states.bus], before.va[states.bus]
    vm, va, w, settled = system.solve(vm, va)
    lost = ~settled[states.stack.bus_part]
    vm, va = np.where(lost, np.nan, vm), np.where(lost, np.nan, va)
    pg = before.power.real[states.gen] - w[states.gen_island] * states.share
    power = (
        injections(system.y, vm, va) + system.drawn(vm) - _of_dclines(system.net, states, before)
    )
    return Flow(system.net, vm, va, pg, power.imag, w, settled)


def _of_dclines(net: Network, states: Settled, before: Intact) -> Complexes:
    """Power that DC lines go on to give each bus."""
    line = before.net.dcline
    return net.dcline_sum(*(getattr(line, key)[states.dcline] for key in ("pf", "qf", "qt")))


@dataclass(frozen=True, eq=False)
class _System:
    """The equations of all networks.

    Attributes:
        states: the networks and what belongs to what.
        net: side by side, with the present numbers.
        y: admittance matrix.
        given: P + jQ that generators and DC lines give each bus at w = 0 and V^c = V.
        share: sum of 1/(m_p beta_p) at each bus.
        slope: 1/(m_q beta_q) at each bus, zero without an inverter.
        before: magnitudes before the outage.
        kept: whether an angle, and then a magnitude, is an unknown.
        rows: whether a balance, of P and then of Q, is an equation.
        island: place of each bus's island among those with inverters.
    """

    states: Settled
    net: Network
    y: sparse.csc_array
    given: Complexes
    share: Floats
    slope: Floats
    before: Floats
    kept: Flags
    rows: Flags
    island: Ints

    @classmethod
    def of(cls, states: Settled, before: Intact) -> _System:
        """Set up the equations."""
        net = states.with_numbers(before.net)
        n, at = len(net.bus), net.gen_at
        given = np.zeros(n, dtype=np.complex128)
        np.add.at(given, at, before.power[states.gen])
        given += _of_dclines(net, states, before)
        share = np.bincount(at, states.share, n).astype(np.float64)
        slope, droops = np.zeros(n), states.with_droops(before.inverters)
        slope[states.keep] = 1.0 / droops.k
        held = np.zeros(n, dtype=bool)
        held[states.held] = True
        turning = net.bus.type != REFERENCE
        kept = np.concatenate([turning, ~held])
        rows = np.concatenate([np.ones(n, dtype=bool), ~held])
        island = states.bus_island
        return cls(
            states, net, net.ybus(), given, share, slope, before.vm[states.bus], kept, rows, island
        )

    def drawn(self, vm: Floats) -> Complexes:
        """Power of the loads."""
        p, q = self.net.bus.demand(vm)
        return np.asarray(p + 1j * q)

    def gap(self, vm: Floats, va: Floats, w: Floats) -> Complexes:
        """Power that each bus injects beyond what is given."""
        moved = self.share * w[self.island] + 1j * self.slope * (vm - self.before)
        found: Complexes = injections(self.y, vm, va) + self.drawn(vm) - self.given + moved
        return found

    def solve(self, vm: Floats, va: Floats) -> tuple[Floats, Floats, Floats, Flags]:
        """Voltages and frequencies, and the outages whose network settles."""
        n, part = len(vm), self.states.stack.bus_part
        outages = len(self.states.outages)
        w = np.zeros(len(self.states.islands))
        without = np.setdiff1d(np.arange(outages), part[self.states.keep])
        alive, done = ~np.isin(np.arange(outages), without), np.zeros(outages, dtype=bool)
        island_part = np.zeros(len(w), dtype=np.int64)
        island_part[self.island[self.states.keep]] = part[self.states.keep]
        for _ in range(_ITERATIONS + 1):
            with np.errstate(all="ignore"):
                gap = self.gap(vm, va, w)
            both = np.abs(np.concatenate([gap.real, gap.imag])) * self.rows
            worst = np.zeros(outages)
            np.maximum.at(worst, np.tile(part, 2), np.where(np.isfinite(both), both, np.inf))
            done |= alive & (worst < _TOLERANCE)
            alive &= worst < _LARGEST
            going = alive & ~done
            if not going.any():
                break
            step = self._step(gap, vm, va, going, island_part)
            if step is None:
                break
            va, vm, w = va + step[:n], vm + step[n : 2 * n], w + step[2 * n :]
        return vm, va, w, done & (np.bincount(part, vm <= 0, outages) == 0)

    def _step(
        self, gap: Complexes, vm: Floats, va: Floats, going: Flags, island_part: Ints
    ) -> Floats | None:
        """Newton's step of angles, magnitudes and frequencies; zero where it has ended."""
        n, part = len(vm), self.states.stack.bus_part
        here = going[part]
        by_current = self.net.bus.pd_current + 1j * (self.net.bus.qd_current + self.slope)
        slopes = jacobian(self.y, np.where(here, vm, 1.0), np.where(here, va, 0.0), by_current)
        at = np.flatnonzero(self.share)
        by_w = sparse.coo_array(
            (self.share[at], (at, self.island[at])), shape=(2 * n, len(island_part))
        )
        matrix = sparse.hstack([slopes, by_w]).tocsr()
        rows = self.rows & np.tile(here, 2)
        columns = np.concatenate([self.kept & np.tile(here, 2), going[island_part]])
        right = -np.concatenate([gap.real, gap.imag])[rows]
        found = np.zeros(2 * n + len(island_part))
        try:
            found[columns] = linalg.splu(matrix[rows][:, columns].tocsc()).solve(right)
        except RuntimeError:  # "Factor is exactly singular"
            return None
        return found if np.isfinite(found).all() else None
