"""AC islands: buses that branches join. DC lines join none; every island has its own frequency.

An island is *alive* if something there generates and something consumes. A unit whose Pmax is
positive generates, and so does a DC line that can bring active power from another island where
something generates, if reactive power may vary there: at the line or at a unit. A load, a shunt, a
unit that may draw power, or the end of any DC line to an island that is alive consumes. Other
islands are *dead*: they are not energized, so that their loads are not served, and their units and
DC lines stand still. If no island is alive, all that generate are kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from scopf.errors import Fault, counted, listing
from scopf.network.tables import REFERENCE, Buses, DcLines, Gens, positions

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints


T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Unserved:
    """Buses of a case that are not energized: isolated (type 4), or in a dead island.

    Attributes:
        bus: their numbers.
        pd, qd: their loads at 1 p.u. voltage, per unit.
        gen: numbers of units in service at them,
        dcline: and of DC lines.
    """

    bus: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    pd: Floats = field(default_factory=lambda: np.zeros(0))
    qd: Floats = field(default_factory=lambda: np.zeros(0))
    gen: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    dcline: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __add__(self, other: Unserved) -> Unserved:
        return Unserved(
            np.concatenate([self.bus, other.bus]),
            np.concatenate([self.pd, other.pd]),
            np.concatenate([self.qd, other.qd]),
            np.concatenate([self.gen, other.gen]),
            np.concatenate([self.dcline, other.dcline]),
        )

    def scaled(self, factor: float | Mapping[int, float]) -> Unserved:
        """The same with loads times a factor, or by bus number."""
        if not isinstance(factor, Mapping):
            return dataclasses.replace(self, pd=self.pd * factor, qd=self.qd * factor)
        each = np.array([factor.get(bus, 1.0) for bus in self.bus.tolist()], dtype=np.float64)
        return dataclasses.replace(self, pd=self.pd * each, qd=self.qd * each)

    def without(self, by_bus: Mapping[int, T]) -> dict[int, T]:
        """Values by bus number, without those of these buses."""
        idle = set(self.bus.tolist())
        return {bus: value for bus, value in by_bus.items() if bus not in idle}

    def as_dict(self, base_mva: float) -> dict[str, Any]:
        """For JSON: number of buses, load in MW and MVAr, units and DC lines."""
        return {
            "buses": len(self.bus),
            "load_mw": base_mva * float(self.pd.sum()),
            "load_mvar": base_mva * float(self.qd.sum()),
            "units": len(self.gen),
            "dclines": len(self.dcline),
        }

    def text(self, base_mva: float) -> str:
        """A sentence; "" where no load, unit or DC line is concerned."""
        p, q = base_mva * self.pd.sum(), base_mva * self.qd.sum()
        parts = []
        if self.pd.any() or self.qd.any():
            parts.append(f"{p:.1f} MW and {q:.1f} MVAr of load")
        for number, one in ((len(self.gen), "unit"), (len(self.dcline), "DC line")):
            parts += [counted(number, one, f"{one}s")] if number else []
        if not parts:
            return ""
        where = counted(len(self.bus), "bus", "buses")
        return f"not energized: {where} ({listing(self.bus, 3)}) with {listing(parts)}"


def numbers(count: int, start: Ints, end: Ints) -> Ints:
    """Number of the island of each bus, from 1 in the order of their first buses.

    Args:
        count: number of buses.
        start: position of the one bus that each line joins,
        end: and of the other.
    """
    links = sparse.coo_array((np.ones(len(start)), (start, end)), shape=(count, count))
    label = csgraph.connected_components(links, directed=False)[1]
    _, first, place = np.unique(label, return_index=True, return_inverse=True)
    found: Ints = 1 + np.argsort(np.argsort(first))[place]
    return found


def firsts(island: Ints) -> Ints:
    """Position of the first member of each island that there is, in their order."""
    found: Ints = np.unique(island, return_index=True)[1]
    return found


def first_references(island: Ints, bus: Buses) -> Ints:
    """Position of the first reference bus of each island, all of which have one.

    Args:
        island: number of each bus's island, from 1.
        bus: table of buses.
    """
    references = np.flatnonzero(bus.type == REFERENCE)
    return references[firsts(island[references])]


def energized(island: Ints, bus: Buses, gen: Gens, dcline: DcLines) -> Flags:
    """Mask of the buses that are in service and in no dead island.

    Args:
        island: number of each bus's island, 0 for an isolated bus.
        bus: table of buses,
        gen: of generators,
        dcline: and of DC lines.
    """
    count = 1 + int(island.max(initial=0))
    at, on = island[positions(bus.id, gen.bus)], gen.in_service
    produces, consumes = np.zeros((2, count), dtype=bool)
    produces[at[on & (gen.pmax > 0)]] = True
    consumes[at[on & (gen.pmin < 0)]] = True
    draws = np.zeros(len(bus), dtype=bool)
    for column in (bus.pd, bus.qd, bus.pd_current, bus.qd_current, bus.gs, bus.bs):
        draws |= column != 0
    consumes[island[draws]] = True
    lines = np.stack([island[positions(bus.id, ids)] for ids in (dcline.from_bus, dcline.to_bus)])
    lines, feeds = lines[:, dcline.in_service], _feeds(lines, at, gen, dcline)

    kept, before = np.arange(count) > 0, np.zeros(count, dtype=bool)
    every = kept & _supplied(produces, feeds[:, kept[feeds].all(axis=0)])
    while not np.array_equal(kept, before):  # DC lines of a dead island stand still
        before = kept
        lines, feeds = (ends[:, kept[ends].all(axis=0)] for ends in (lines, feeds))
        drawn = consumes.copy()
        drawn[lines.ravel()] = True
        kept = kept & drawn & _supplied(produces, feeds)
    if not kept.any():
        kept = every if every.any() else np.arange(count) > 0
    return kept[island]


def _feeds(lines: Ints, at: Ints, gen: Gens, dcline: DcLines) -> Ints:
    """Islands that a DC line can supply: those from which and to which power flows, shape (2, k).

    Its active power may vary, and so may its reactive power there or that of a unit.

    Args:
        lines: islands of the two ends of each line, shape (2, m).
        at: island of each unit.
        gen: table of generators,
        dcline: and of DC lines.
    """
    controlled = np.isin(lines, at[gen.in_service & (gen.qmin < gen.qmax)])
    controlled |= np.isnan([dcline.tan_phi_f, dcline.tan_phi_t])
    varies = dcline.in_service & (dcline.pmin < dcline.pmax)
    forth, back = (dcline.pmax > 0) & controlled[1], (dcline.pmin < 0) & controlled[0]
    return np.concatenate([lines[:, varies & forth], lines[::-1, varies & back]], axis=1)


def _supplied(produces: Flags, feeds: Ints) -> Flags:
    """Mask of the islands that power reaches from those that produce it."""
    own, count = np.flatnonzero(produces), len(produces)
    start = np.concatenate([np.zeros_like(own), feeds[0]])  # island 0, which is none, feeds them
    end = np.concatenate([own, feeds[1]])
    graph = sparse.coo_array((np.ones(len(start)), (start, end)), shape=(count, count)).tocsr()
    found = np.zeros(count, dtype=bool)
    found[csgraph.breadth_first_order(graph, 0, return_predecessors=False)] = True
    return found


def missing_references(island: Ints, bus: Buses, gen: Gens, dcline: DcLines) -> Ints:
    """Positions of buses to be references, one for each island that has none.

    The bus of the island's unit with the largest Pmax; without a unit, an end of a DC line there,
    or the first bus.

    Args:
        island: number of each bus's island, from 1.
        bus: table of buses,
        gen: of generators,
        dcline: and of DC lines, all in service.
    """
    chosen = firsts(island)
    for at in (
        positions(bus.id, np.concatenate([dcline.from_bus, dcline.to_bus])),
        positions(bus.id, gen.bus[np.argsort(-gen.pmax, kind="stable")]),
    ):
        there, first = np.unique(island[at], return_index=True)
        chosen[there - 1] = at[first]
    without = np.setdiff1d(island, island[bus.type == REFERENCE])
    found: Ints = chosen[without - 1]
    return found


def faults(island: Ints, bus: Buses, live: Flags) -> list[Fault]:
    """A fault for each dead island.

    Args:
        island: number of each bus's island, 0 for an isolated bus.
        bus: table of buses.
        live: mask of those that are energized.
    """
    dead = np.flatnonzero(~live & (island > 0))
    dead = dead[np.argsort(island[dead], kind="stable")]
    found = []
    for members in np.split(bus.id[dead], np.flatnonzero(np.diff(island[dead])) + 1):
        text = (
            f"dead island: nothing in service generates, or nothing consumes, at bus "
            f"{listing(members)}, and no branch in service connects them to the rest of the network"
        )
        where = f"{len(members)} of {counted(len(island), 'bus', 'buses')}"
        found += [Fault(text, "branch", label=where)] if len(members) else []
    return found
