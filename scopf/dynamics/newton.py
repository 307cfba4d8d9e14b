"""Newton's method for power flows in which active power follows one number of each island.

At every bus, with S the injection into the network and S_D the load at the voltage V,

    S(V, theta) + S_D(V) = S_set - share w - j slope (V - V_set) + j (Q_m(V, w) - Q_m,set)

with Q_m the reactive power of machines (`scopf.dynamics.fields`), whose share is that of governors.
Unknowns are the angles but for one in each island, w in place of that one, and the magnitudes of
buses whose voltage nobody holds; equations are the balances, that of reactive power only where
nobody holds the voltage. The number w is the deviation of the frequency where `share` is that of
droops; where it is that of a reference bus or of participation factors, it is no more than the
power that is missing, in their unit. Networks may stand side by side: one that does not converge
does not disturb the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from scopf.arrays import Complexes, Flags, Floats, Ints
from scopf.dynamics.fields import Fields, Reactive
from scopf.network.network import Network
from scopf.network.powers import MISMATCH, injections, jacobian

_LU: dict[str, Any] = {  # for matrices whose pattern is nearly symmetric, with large diagonals
    "permc_spec": "MMD_AT_PLUS_A",
    "diag_pivot_thresh": 0.1,
    "options": {"SymmetricMode": True},
}
_ITERATIONS = 25
_TOLERANCE = 1e-9  # p.u. of power
_ROUNDING = 1e-14  # the same, over the admittance of the bus
_ASTRAY = 1e3  # p.u. of power that is missing, or as many times what was at the start
_HALVINGS = 6  # of a step that leads to where machines cannot hold their power


@dataclass(frozen=True, eq=False)
class Iterate:
    """Where Newton's method ended, per unit and rad.

    Attributes:
        vm, va: voltages of the buses.
        w: of each island.
        converged: mask of the parts that did.
        iterations: of each part.
        mismatch: largest power that was missing at a bus of each part, at its best iterate (it is
            infinite where powers balance at magnitudes below zero),
        bus: and position of that bus.
        unmatched: mask of the parts that did not because an island of theirs is alone (see
            `Equations.alone`), and its active power does not balance.
    """

    vm: Floats
    va: Floats
    w: Floats
    converged: Flags
    iterations: Ints
    mismatch: Floats
    bus: Ints
    unmatched: Flags


@dataclass(frozen=True, eq=False)
class Equations:
    """The equations of networks that share no bus.

    Attributes:
        net: energized; its loads draw power.
        set_power: P + jQ that generators and DC lines give each bus at w = 0 and V = V_set.
        share: by which that falls with w, at each bus; zero where nothing follows it.
        slope: by which Q falls with the voltage, at each bus.
        set_vm: V_set of each bus.
        held: mask of the buses that keep it.
        anchors: positions of the buses whose angles stay, one for each w.
        island: place among the anchors of the one that each bus belongs to.
        part: number of the network, from 0, that each bus belongs to.
        fields: machines whose reactive power follows from their fields; None without any.
    """

    net: Network
    set_power: Complexes
    share: Floats
    slope: Floats
    set_vm: Floats
    held: Flags
    anchors: Ints
    island: Ints
    part: Ints
    fields: Fields | None = None

    @cached_property
    def y(self) -> sparse.csc_array:
        """Admittance matrix."""
        return self.net.ybus()

    @cached_property
    def parts(self) -> int:
        """Number of networks."""
        return int(self.part.max(initial=-1)) + 1

    @cached_property
    def alone(self) -> Flags:
        """Mask of the islands where nothing follows w: their active power has to balance as is."""
        return np.asarray(np.bincount(self.island, self.share != 0, len(self.anchors)) == 0)

    @cached_property
    def taken(self) -> Floats:
        """The shares of all buses; what is missing in an island that is alone, its anchor takes."""
        found = self.share.copy()
        found[self.anchors[self.alone]] = 1.0
        return found

    @cached_property
    def kept(self) -> Flags:
        """Mask of the unknowns among n angles and n magnitudes, and of the equations, P and Q.

        In the place of an anchor's angle stands w.
        """
        return np.concatenate([np.ones(len(self.held), dtype=bool), ~self.held])

    def drawn(self, vm: Floats) -> Complexes:
        """Power of the loads."""
        p, q = self.net.bus.demand(vm)
        return np.asarray(p + 1j * q)

    def gap(self, vm: Floats, va: Floats, w: Floats) -> Complexes:
        """Power that each bus injects beyond what it is given."""
        moved = self.taken * w[self.island] + 1j * self.slope * (vm - self.set_vm)
        if self.fields is not None:
            more = self.machines_at(vm, w).q - self.fields.power.imag
            moved = moved - 1j * np.bincount(self.fields.bus, more, len(vm))
        found: Complexes = injections(self.y, vm, va) + self.drawn(vm) - self.set_power + moved
        return found

    def machines_at(self, vm: Floats, w: Floats) -> Reactive:
        """Reactive power of the machines at the voltages and w of a point."""
        assert self.fields is not None
        bus = self.fields.bus
        return self.fields.at(vm[bus], w[self.island[bus]])

    def solve(self, vm: Floats, va: Floats) -> Iterate:
        """The voltages at which all buses balance.

        Args:
            vm: first magnitudes; those that are held are not taken from here.
            va: first angles, those of the anchors included.
        """
        vm, w = np.where(self.held, self.set_vm, vm), np.zeros(len(self.anchors))
        alive, done = np.ones(self.parts, dtype=bool), np.zeros(self.parts, dtype=bool)
        iterations, least = np.zeros(self.parts, dtype=np.int64), np.full(self.parts, np.inf)
        place, far = np.zeros(self.parts, dtype=np.int64), np.zeros(self.parts)
        for number in range(_ITERATIONS + 1):
            with np.errstate(all="ignore"):
                gap = self.gap(vm, va, w)
            worst, where, balanced = self._worst(gap)
            better = alive & ~done & (worst < least)
            least[better], place[better] = worst[better], where[better]
            done |= alive & balanced
            far = np.maximum(_ASTRAY * np.maximum(worst, 1.0), far) if not number else far
            alive &= worst < far
            going = alive & ~done
            if not going.any() or number == _ITERATIONS:
                break
            iterations += going
            step = self._step(gap, (vm, va, w), going)
            vm, va, w = self._moved(step, (vm, va, w), going)
        below = done & (np.bincount(self.part, vm <= 0, self.parts) > 0)
        done, least = done & ~below, np.where(below, np.inf, least)
        lost = self.alone & (np.abs(w) > MISMATCH) & done[self.part[self.anchors]]
        at = self.anchors[lost]
        unmatched = np.zeros(self.parts, dtype=bool)
        done[self.part[at]], unmatched[self.part[at]] = False, True
        least[self.part[at]], place[self.part[at]] = np.abs(w[lost]), at
        return Iterate(vm, va, w, done, iterations, least, place, unmatched)

    def _moved(
        self, step: Floats, at: tuple[Floats, Floats, Floats], going: Flags
    ) -> tuple[Floats, Floats, Floats]:
        """Magnitudes, angles and w after a step.

        It is shorter in parts where the fields of machines could not hold their active power.

        Args:
            step: as `_step` gives it.
            at: magnitudes, angles and w before.
            going: mask of the parts that have not ended.
        """
        n, length = len(at[0]), np.ones(self.parts)
        for _ in range(_HALVINGS + 1):
            turn, rise = (length[self.part] * half for half in (step[:n], step[n:]))
            vm, w = at[0] + rise, at[2] + turn[self.anchors]
            turn[self.anchors] = 0.0
            if self.fields is None:
                break
            lost = self.part[self.fields.bus[np.isnan(self.machines_at(vm, w).q)]]
            lost = lost[going[lost]]
            if not len(lost):
                break
            length[np.unique(lost)] /= 2
        return vm, at[1] + turn, w

    def _worst(self, gap: Complexes) -> tuple[Floats, Ints, Flags]:
        """Largest power missing at a bus of each part, the first such bus, and which parts balance.

        Where admittances are large, balances are met as far as rounding allows.
        """
        size = np.maximum(np.abs(gap.real), np.where(self.held, 0.0, np.abs(gap.imag)))
        size = np.where(np.isfinite(size), size, np.inf)
        worst = np.zeros(self.parts)
        np.maximum.at(worst, self.part, size)
        at = np.flatnonzero(size == worst[self.part])
        part, first = np.unique(self.part[at], return_index=True)
        where = np.zeros(self.parts, dtype=np.int64)
        where[part] = at[first]
        balanced = np.bincount(self.part, size > self._tolerance, self.parts) == 0
        return worst, where, balanced

    @cached_property
    def _tolerance(self) -> Floats:
        """P.u. of power that may be missing at each bus."""
        return np.asarray(np.maximum(_TOLERANCE, _ROUNDING * np.abs(self.y.diagonal())))

    def _step(self, gap: Complexes, at: tuple[Floats, Floats, Floats], going: Flags) -> Floats:
        """Newton's step of angles (w at anchors) and magnitudes; zero where it has ended.

        NaN in a part whose equations are singular.

        Args:
            gap: what is missing.
            at: magnitudes, angles and w.
            going: mask of the parts that have not ended.
        """
        vm, va, w = at
        n = len(vm)
        here = np.flatnonzero(going[self.part])
        y = self.y if len(here) == n else self.y[:, here].tocsr()[here]
        by_vm = self.net.bus.pd_current + 1j * (self.net.bus.qd_current + self.slope)
        reactive_by_w: Floats = np.zeros(n)
        if self.fields is not None:
            of, bus = self.machines_at(vm, w), self.fields.bus
            by_vm = by_vm - 1j * np.bincount(bus, of.by_vm, n)
            reactive_by_w -= np.bincount(bus, of.by_w, n)
        slopes = jacobian(y, vm[here], va[here], by_vm[here])
        turns = np.ones(2 * len(here))
        turns[np.flatnonzero(np.isin(here, self.anchors))] = 0.0
        anchor = np.searchsorted(here, self.anchors[self.island[here]])
        by_w = sparse.coo_array(
            (np.concatenate([self.taken[here], reactive_by_w[here]]),
             (np.arange(2 * len(here)), np.tile(anchor, 2))), shape=slopes.shape,
        )  # fmt: skip
        by_w.eliminate_zeros()
        both = np.concatenate([here, n + here])
        kept = self.kept[both]
        matrix = (slopes @ sparse.diags_array(turns) + by_w.tocsr())[kept][:, kept]
        right = -np.concatenate([gap.real[here], gap.imag[here]])[kept]
        found = np.zeros(2 * n)
        found[both[kept]] = _solved(matrix, right, np.tile(self.part[here], 2)[kept])
        return found


def _solved(matrix: sparse.csr_array, right: Floats, part: Ints) -> Floats:
    """Solution of a block-diagonal system, NaN in the blocks that are singular.

    Args:
        matrix: square, each block as well.
        right: right-hand side.
        part: number of the block that each row is in.
    """
    found = solution(matrix, right)
    blocks = np.unique(part)
    if found is not None or len(blocks) < 2:
        return np.full(len(right), np.nan) if found is None else found
    halves = np.empty(len(right))
    for some in np.array_split(blocks, 2):
        of = np.isin(part, some)
        halves[of] = _solved(matrix[of][:, of], right[of], part[of])
    return halves


def solution(matrix: sparse.csc_array, right: Floats) -> Floats | None:
    """Solution of a sparse linear system; None where it is singular."""
    if not len(right):
        return right
    try:
        found: Floats = linalg.splu(matrix.tocsc(), **_LU).solve(right)
    except RuntimeError:  # "Factor is exactly singular"
        return None
    return found if np.isfinite(found).all() else None
