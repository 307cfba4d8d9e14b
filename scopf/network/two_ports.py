"""A network as pairs of neighbouring buses, with its losses: a two-port for each pair.

Parallel lines are one two-port. With y its admittances, behind taps and phase shifters, the power
that leaves bus i towards j is conj(y_ii) V_i^2 + conj(y_ij) V_i V_j exp(j(theta_i - theta_j)).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

import numpy as np

from scopf.network import islands

if TYPE_CHECKING:
    from scopf.arrays import Complexes, Flags, Floats, Ints
    from scopf.network.network import Network

_OF_PAIRS = ("g_ij", "b_ij", "g_ji", "b_ji", "g_ii", "g_jj")


@dataclass(frozen=True, eq=False)
class TwoPorts:
    """Pairs of neighbours among n buses, and what each bus has of its own; per unit.

    Attributes:
        start, end: buses (positions) i < j of each pair, shape (m,).
        g_ij, b_ij, g_ji, b_ji: admittances between the two, shape (m,).
        g_ii, g_jj: conductance of the pair's lines at its ends.
        own: -Im Y_ii of each bus, shape (n,): its lines, less charging and capacitors.
        shunt: conductance of the shunt at each bus.
        p_current, q_current: load of constant current at each bus.
    """

    start: Ints
    end: Ints
    g_ij: Floats
    b_ij: Floats
    g_ji: Floats
    b_ji: Floats
    g_ii: Floats
    g_jj: Floats
    own: Floats
    shunt: Floats
    p_current: Floats
    q_current: Floats

    def __len__(self) -> int:
        return len(self.own)

    @classmethod
    def of(cls, net: Network) -> Self:
        """Those of an energized network."""
        y, bus = net.admittances, net.bus
        between = (y.gft, y.bft), (y.gtf, y.btf)
        terminals = y.gff, y.gtt
        own = -net.ybus().diagonal().imag
        at_buses = own, bus.gs, bus.pd_current, bus.qd_current
        return cls._paired(net.branch_from, net.branch_to, between, terminals, at_buses)

    @classmethod
    def lossless(cls, start: Ints, end: Ints, b: Floats, shift: Floats, own: Floats) -> Self:
        """Those of lines of pure susceptance b between buses that have `own`."""
        cosine, sine, nothing = b * np.cos(shift), b * np.sin(shift), np.zeros(len(own))
        between, none = ((-sine, cosine), (sine, cosine)), np.zeros(len(b))
        return cls._paired(start, end, between, (none, none), (own, nothing, nothing, nothing))

    @classmethod
    def of_admittance(cls, y: Complexes) -> Self:
        """Those of a dense admittance matrix whose rows add up to zero: no shunts, no charging."""
        start, end = np.nonzero(np.triu(y, 1))
        there, back, nothing = y[start, end], y[end, start], np.zeros(len(y))
        between = (there.real, there.imag), (back.real, back.imag)
        terminals = -there.real, -back.real
        own = -y.diagonal().imag
        return cls._paired(start, end, between, terminals, (own, nothing, nothing, nothing))

    @classmethod
    def _paired(
        cls,
        start: Ints,
        end: Ints,
        between: tuple[tuple[Floats, Floats], tuple[Floats, Floats]],
        terminals: tuple[Floats, Floats],
        at_buses: tuple[Floats, Floats, Floats, Floats],
    ) -> Self:
        """Sums over parallel lines, either way round."""
        n, turned = len(at_buses[0]), start > end
        i, j = np.where(turned, end, start), np.where(turned, start, end)
        key, pair = np.unique(i * n + j, return_inverse=True)
        (g_ft, b_ft), (g_tf, b_tf) = between
        ends = (g_ft, g_tf), (b_ft, b_tf), (g_tf, g_ft), (b_tf, b_ft), terminals, terminals[::-1]
        columns = [np.where(turned, back, ahead) for ahead, back in ends]
        sums = [np.bincount(pair, one, len(key)).astype(np.float64) for one in columns]
        first, second = np.divmod(key, max(n, 1))
        g_ij, b_ij, g_ji, b_ji, g_ii, g_jj = sums
        return cls(first, second, g_ij, b_ij, g_ji, b_ji, g_ii, g_jj, *at_buses)

    @property
    def between(self) -> Floats:
        """Susceptance of each pair, the mean of both ways."""
        return 0.5 * (self.b_ij + self.b_ji)

    @property
    def dissipates(self) -> Flags:
        """Mask of the buses whose shunt or load follows the voltage, but those without neighbours.

        A bus alone has no angle across anything.
        """
        joined = np.zeros(len(self), dtype=bool)
        joined[self.start] = joined[self.end] = True
        return np.asarray(joined & ((self.shunt != 0) | (self.p_current != 0)))

    @property
    def has_losses(self) -> Flags:
        """Mask of the buses in islands where something dissipates."""
        n = len(self)
        island = islands.numbers(n, self.start, self.end)
        r = (self.g_ii != 0) | (self.g_jj != 0)
        lossy = self.dissipates
        lossy[self.start[r]] = True
        found: Flags = np.isin(island, island[lossy])
        return found

    def take(self, buses: Flags) -> TwoPorts:
        """Those of these buses and of the pairs between them."""
        place = np.cumsum(buses) - 1
        kept = buses[self.start] & buses[self.end]
        columns = {one.name: getattr(self, one.name) for one in fields(self)}
        pairs = {name: columns[name][kept] for name in _OF_PAIRS}
        ends = {name: place[columns[name][kept]] for name in ("start", "end")}
        rest = columns.keys() - pairs.keys() - ends.keys()
        return TwoPorts(**ends, **pairs, **{name: columns[name][buses] for name in rest})
