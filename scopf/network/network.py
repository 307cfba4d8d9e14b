"""The network: frozen per-unit arrays that keep the user's own numbers of everything."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scopf import display
from scopf.arrays import Flags, Floats, Ints
from scopf.errors import (
    CaseError,
    Fault,
    ScopfError,
    by_number,
    check_names,
    listing,
    not_negative,
    number,
)
from scopf.network import dynamics as dynamics_of
from scopf.network import info, islands, validation
from scopf.network.tables import REFERENCE, Branches, Buses, DcLines, Gens, Table, positions

if TYPE_CHECKING:
    import networkx
    import pandas as pd
    from scipy import sparse


log = logging.getLogger(__name__)

_COUNTS = {
    "what": ("", "{}"),
    "count": ("in the case", "{:d}"),
    "live": ("in service", "{:d}"),
}

LOADS = ("pd", "qd", "pd_current", "qd_current")  # columns of buses that a load factor acts on


@dataclass(frozen=True)
class Admittances:
    """Two-port admittances g + jb of every branch, n entries each: from-from, from-to, ..."""

    gff: Floats
    bff: Floats
    gft: Floats
    bft: Floats
    gtf: Floats
    btf: Floats
    gtt: Floats
    btt: Floats


@dataclass(frozen=True, eq=False)
class Network:
    """A validated power network on one system base.

    Every array is read-only and per unit; every id is the user's own. Elements that are out of
    service are kept (so that nothing of a case is lost) and left out by `energized()`, on which the
    optimisation works.

    Attributes:
        name: of the case.
        base_mva: system base.
        bus, gen, branch, dcline: the tables.
        unserved: buses that `energized()` has left out, with their loads.
        approximations: a sentence on everything that the reader of the case changed or left out.
        dynamics: what its generators are, a table as `build(devices=)` takes it, keyed by `gen`;
            None where the case does not say it (see `scopf.network.dynamics`).

    Raises:
        CaseError: listing every fault, when the data do not describe a network that can be solved.
    """

    name: str
    base_mva: float
    bus: Buses
    gen: Gens
    branch: Branches
    dcline: DcLines = field(default_factory=DcLines.none)
    unserved: islands.Unserved = field(default_factory=islands.Unserved, repr=False)
    approximations: tuple[str, ...] = field(default=(), repr=False)
    dynamics: pd.DataFrame | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        faults = self.validate()
        if faults:
            raise CaseError(self.name or "network", faults)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Network)
            and self.base_mva == other.base_mva
            and self.tables == other.tables
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        count = len(self.dcline)
        lines = f"{count} DC line{'s' * (count > 1)}, " if count else ""
        return (
            f"Network({self.name!r}: {len(self.bus)} buses, {len(self.gen)} generators, "
            f"{len(self.branch)} branches, {lines}{self.base_mva:g} MVA)"
        )

    def _repr_html_(self) -> str:
        return display.html(summary(self))

    @property
    def tables(self) -> dict[str, Table]:
        """All tables by name: bus, gen, branch, dcline."""
        found: tuple[Table, ...] = (self.bus, self.gen, self.branch, self.dcline)
        return {table.key: table for table in found}

    # -- positions -------------------------------------------

    def bus_positions(self, ids: npt.ArrayLike) -> Ints:
        """Positions in the bus table of the buses numbered `ids`; -1 for an unknown number."""
        return positions(self.bus.id, ids)

    @cached_property
    def gen_at(self) -> Ints:
        """Position in the bus table of each generator's bus."""
        return self.bus_positions(self.gen.bus)

    @cached_property
    def branch_from(self) -> Ints:
        """Position in the bus table of each branch's from bus."""
        return self.bus_positions(self.branch.from_bus)

    @cached_property
    def branch_to(self) -> Ints:
        """Position in the bus table of each branch's to bus."""
        return self.bus_positions(self.branch.to_bus)

    @cached_property
    def dcline_from(self) -> Ints:
        """Position in the bus table of each DC line's from bus."""
        return self.bus_positions(self.dcline.from_bus)

    @cached_property
    def dcline_to(self) -> Ints:
        """Position in the bus table of each DC line's to bus."""
        return self.bus_positions(self.dcline.to_bus)

    # -- what is in service -------------------------------------------

    @cached_property
    def island(self) -> Ints:
        """Number of each bus's AC island, from 1 in the order of first buses; 0 if isolated."""
        live, f, t = self.bus.in_service, self.branch_from, self.branch_to
        on = self.branch.in_service & live[f] & live[t]
        found = np.zeros(len(self.bus), dtype=np.int64)
        place = np.cumsum(live) - 1
        found[live] = islands.numbers(int(live.sum()), place[f[on]], place[t[on]])
        return found

    @property
    def islands(self) -> int:
        """Number of AC islands, dead ones included."""
        return int(self.island.max(initial=0))

    def dead_islands(self) -> list[Fault]:
        """A fault for each dead island, see `scopf.network.islands`."""
        return islands.faults(self.island, self.bus, self._live)

    @cached_property
    def _live(self) -> Flags:
        """Mask of the buses that `energized()` keeps."""
        return islands.energized(self.island, self.bus, self.gen, self.dcline)

    def energized(self) -> Network:
        """The network that is operated: a reference in every island, all elements in service.

        Isolated buses and dead islands (`scopf.network.islands`) are left out, and so are elements
        at them. `unserved` has what they were. An island without a reference bus gets one.
        """
        return self._energized

    @cached_property
    def _energized(self) -> Network:
        live = self._live
        gens = self.gen.in_service & live[self.gen_at]
        branches = self.branch.in_service & live[self.branch_from] & live[self.branch_to]
        lines = self.dcline.in_service & live[self.dcline_from] & live[self.dcline_to]
        whole = live.all() and gens.all() and branches.all() and lines.all()
        net = self
        if not whole:
            p, q = self.bus.demand(1.0)
            idle = self.gen.id[self.gen.in_service & ~live[self.gen_at]]
            ends = live[self.dcline_from] & live[self.dcline_to]
            cut = self.dcline.id[self.dcline.in_service & ~ends]
            out = islands.Unserved(self.bus.id[~live], p[~live], q[~live], idle, cut)
            net = dataclasses.replace(
                self,
                bus=self.bus.take(live),
                gen=self.gen.take(gens),
                branch=self.branch.take(branches),
                dcline=self.dcline.take(lines),
                unserved=self.unserved + out,
                dynamics=dynamics_of.rows(self.dynamics, self.gen.id[gens]),
            )
        chosen = islands.missing_references(net.island, net.bus, net.gen, net.dcline)
        if len(chosen):
            kind = net.bus.type.copy()
            kind[chosen] = REFERENCE
            net = net.replace(bus={"type": kind})
            for at in chosen.tolist():
                text = "%s: island %d has no reference bus; its angles are relative to bus %d"
                log.info(text, net.name, net.island[at], net.bus.id[at])
        return net

    def part(self, buses: Flags) -> Network:
        """The part of an energized network with these buses, whole islands.

        What a DC line to another part carries (its columns pf, qf, qt) is a load here.
        """
        starts, ends, line = buses[self.dcline_from], buses[self.dcline_to], self.dcline
        cut = line.take(starts != ends)
        across = dataclasses.replace(self, dcline=cut).dcline_sum(cut.pf, cut.qf, cut.qt)
        load = {"pd": self.bus.pd - across.real, "qd": self.bus.qd - across.imag}
        return dataclasses.replace(
            self,
            bus=self.bus.replace(**load).take(buses),
            gen=self.gen.take(buses[self.gen_at]),
            branch=self.branch.take(buses[self.branch_from]),
            dcline=line.take(starts & ends),
            dynamics=dynamics_of.rows(self.dynamics, self.gen.id[buses[self.gen_at]]),
        )

    def info(self) -> info.Info:
        """Sizes, islands, load, and what to know before the first solve; prints as text."""
        return info.info(self)

    def validate(self) -> list[Fault]:
        """Every fault of the data; an empty list when there is none."""
        found = validation.faults(self.base_mva, self.bus, self.gen, self.branch, self.dcline)
        return found + dynamics_of.faults(self.dynamics, self.gen.id)

    # -- variants -------------------------------------------

    def replace(self, **tables: Any) -> Network:
        """A copy with other values: `replace(bus={"pd": ...}, branch={...})` by column.

        Raises:
            ScopfError: naming a table or a column that there is not.
            CaseError: when the copy is no network that can be solved.
        """
        check_names("a Network", "table", tables, [f.name for f in dataclasses.fields(self)])
        changes: dict[str, Any] = {
            key: self.tables[key].replace(**value)
            if isinstance(value, dict) and key in self.tables
            else value
            for key, value in tables.items()
        }
        return dataclasses.replace(self, **changes)

    def lossless(self, *, charging: bool = False) -> Network:
        """Branch resistance, branch charging and bus shunts set to zero; taps and shifts kept.

        This is the network of the paper's theory (Wang and Geng, section II). DC lines keep their
        losses, which are injections to the network. With `charging`,
        branch charging and the susceptance of bus shunts stay: no energy is lost in them, and some
        networks have no feasible operating point without.

        Raises:
            CaseError: naming each branch that has no reactance to be left with.
        """
        n, m = len(self.bus), len(self.branch)
        bus, branch = {"gs": np.zeros(n)}, {"r": np.zeros(m)}
        if not charging:
            bus["bs"], branch["b"] = np.zeros(n), np.zeros(m)
        return self.replace(bus=bus, branch=branch)

    @property
    def is_lossless(self) -> bool:
        """True when no branch has resistance or charging and no bus a shunt."""
        parts = (self.branch.r, self.branch.b, self.bus.gs, self.bus.bs)
        return not any(part.any() for part in parts)

    @property
    def has_losses(self) -> bool:
        """True when a branch has resistance or a bus shunt conductance."""
        return bool(self.branch.r.any() or self.bus.gs.any())

    def scaled(
        self, *, load: float | Mapping[int, float] = 1.0, susceptance: float = 1.0
    ) -> Network:
        """Loads times `load`; series admittance of every branch times `susceptance`.

        A susceptance factor divides both r and x, as a shorter line would; charging is kept. A load
        factor by bus number leaves the buses that it does not name as they are. It may name buses
        that are not energized.

        Raises:
            ScopfError: when `susceptance` is not positive, a load factor is below zero, or a bus is
                unknown.
        """
        factor = self._load_factor(load)
        susceptance = number("susceptance", susceptance)
        if np.all(factor == 1.0) and susceptance == 1.0:
            return self
        if not susceptance > 0:
            raise ScopfError(f"susceptance factor must be positive, got {susceptance}")
        return self.replace(
            bus={key: getattr(self.bus, key) * factor for key in LOADS},
            branch={"r": self.branch.r / susceptance, "x": self.branch.x / susceptance},
            unserved=self.unserved.scaled(load),
        )

    def _load_factor(self, load: Any) -> float | Floats:
        if not hasattr(load, "items"):  # a mapping or a pandas Series has them
            return not_negative("load factor", load)
        given = by_number("load", "bus", load)
        for bus, value in given.items():
            not_negative(f"load factor of bus {bus}", value)
        buses, factors = np.array(list(given), dtype=np.int64), np.array(list(given.values()))
        at = self.bus_positions(buses)
        known = at >= 0
        if len(unknown := np.setdiff1d(buses[~known], self.unserved.bus)):
            raise ScopfError(f"load: there is no bus {listing(unknown)} in service")
        factor = np.ones(len(self.bus))
        factor[at[known]] = factors[known]
        return factor

    def dcline_sum(self, pf: Floats, qf: Floats, qt: Floats) -> npt.NDArray[np.complex128]:
        """Power P + jQ that all DC lines together inject into each bus, per unit, shape (n,).

        Args:
            pf: active power that leaves the from bus of each line.
            qf: reactive power that it injects there,
            qt: and at its to bus.
        """
        total = np.zeros(len(self.bus), dtype=np.complex128)
        np.add.at(total, self.dcline_from, -pf + 1j * qf)
        np.add.at(total, self.dcline_to, self.dcline.received(pf) + 1j * qt)
        return total

    # -- physics -------------------------------------------

    @cached_property
    def admittances(self) -> Admittances:
        """Two-port admittances of every branch (pi model behind an ideal tap on the from side)."""
        branch = self.branch
        with np.errstate(divide="ignore", invalid="ignore"):  # r = x = 0, allowed out of service
            series = 1.0 / (branch.r + 1j * branch.x)
            ratio = branch.tap * np.exp(1j * branch.shift)
            ytt = series + 0.5j * branch.b
            yff, yft, ytf = ytt / branch.tap**2, -series / ratio.conj(), -series / ratio
        return Admittances(
            yff.real, yff.imag, yft.real, yft.imag, ytf.real, ytf.imag, ytt.real, ytt.imag
        )

    def ybus(self) -> sparse.csc_array:
        """Bus admittance matrix, n x n complex, per unit, of what is in service."""
        return self._ybus.copy()

    @cached_property
    def _ybus(self) -> sparse.csc_array:
        from scipy import sparse

        y, n = self.admittances, len(self.bus)
        f, t = self.branch_from, self.branch_to
        on = self.branch.in_service & self.bus.in_service[f] & self.bus.in_service[t]
        f, t, diagonal = f[on], t[on], np.arange(n)
        values = [(y.gff + 1j * y.bff)[on], (y.gft + 1j * y.bft)[on]]
        values += [(y.gtf + 1j * y.btf)[on], (y.gtt + 1j * y.btt)[on]]
        data = np.concatenate([*values, self.bus.gs + 1j * self.bus.bs])
        rows = np.concatenate([f, f, t, t, diagonal])
        cols = np.concatenate([f, t, f, t, diagonal])
        return sparse.coo_array((data, (rows, cols)), shape=(n, n)).tocsc()

    def graph(self) -> networkx.MultiGraph:
        """The energized network as a networkx MultiGraph on the user's bus numbers.

        Edges are keyed by branch id and carry r, x, tap (per unit) and shift (rad).
        """
        import networkx as nx

        live = self.energized()
        graph = nx.MultiGraph(name=self.name)
        graph.add_nodes_from(live.bus.id.tolist())
        rows = zip(
            *(
                getattr(live.branch, key).tolist()
                for key in ("from_bus", "to_bus", "id", "r", "x", "tap", "shift")
            ),
            strict=True,
        )
        graph.add_edges_from(
            (f, t, k, {"r": r, "x": x, "tap": tap, "shift": shift})
            for f, t, k, r, x, tap, shift in rows
        )
        return graph


def summary(net: Network) -> list[display.Block]:
    """Size of a network, power that its loads draw and that its generators can give."""
    import pandas as pd

    live = net.energized()
    load, reactive = (net.base_mva * part.sum() for part in live.bus.demand(1.0))
    most = net.base_mva * live.gen.pmax.sum()
    names = {"bus": "buses", "gen": "generators", "branch": "branches", "dcline": "DC lines"}
    rows = [
        (names[key], len(table), len(live.tables[key]))
        for key, table in net.tables.items()
        if len(table)
    ]
    name = f"{net.name}, lossless" if net.is_lossless else net.name
    islands = f", {live.islands} AC islands" if live.islands > 1 else ""
    out = live.unserved.text(net.base_mva)
    return [
        f"{name}{islands}",
        f"load {load:.1f} MW and {reactive:.1f} MVAr; generators {most:.1f} MW at most; "
        f"base {net.base_mva:g} MVA",
        *filter(None, [out]),
        display.Table(pd.DataFrame(rows, columns=list(_COUNTS)), _COUNTS, "tables"),
    ]
