"""The network: frozen per-unit arrays that keep the user's own numbers of everything."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from scopf.faults import CaseError, Fault, ScopfError, number

if TYPE_CHECKING:
    import networkx
    from scipy import sparse

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.str_]

REFERENCE, ISOLATED = 3, 4  # bus types, numbered as MATPOWER numbers them
_TYPES = {"Floats": np.float64, "Ints": np.int64, "Flags": np.bool_, "Strings": np.str_}


@dataclass(frozen=True, eq=False)
class _Table:
    """Columns of equal length, made read-only."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            column: npt.NDArray[Any] = np.array(
                getattr(self, field.name), dtype=_TYPES[str(field.type)]
            )
            column.setflags(write=False)
            object.__setattr__(self, field.name, column)
        lengths = {f.name: len(getattr(self, f.name)) for f in dataclasses.fields(self)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"{type(self).__name__}: columns differ in length: {lengths}")

    def __len__(self) -> int:
        return len(getattr(self, dataclasses.fields(self)[0].name))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            np.array_equal(getattr(self, f.name), getattr(other, f.name))
            for f in dataclasses.fields(self)
        )

    __hash__ = None  # type: ignore[assignment]

    def take(self, rows: Flags) -> Self:
        """The same table with only the rows where `rows` is true."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in dataclasses.fields(self)})


@dataclass(frozen=True, eq=False)
class Buses(_Table):
    """Bus table, n rows. Powers and voltages per unit, angles in rad.

    `gs + j bs` is the shunt admittance (bs > 0 for a capacitor); `pd`, `qd` the constant-power
    load; `vm`, `va` the operating point that the case carries.
    """

    id: Ints
    type: Ints
    pd: Floats
    qd: Floats
    gs: Floats
    bs: Floats
    vm: Floats
    va: Floats
    base_kv: Floats
    vmin: Floats
    vmax: Floats
    area: Ints
    zone: Ints
    name: Strings

    @property
    def in_service(self) -> Flags:
        """False for isolated buses (MATPOWER type 4)."""
        return np.asarray(self.type != ISOLATED)


@dataclass(frozen=True, eq=False)
class Gens(_Table):
    """Generator table, n rows. Powers per unit; `id` is the row in the case, counted from 1.

    `cost_p[:, k]` and `cost_q[:, k]` are the coefficients of P^k and Q^k (P, Q in per unit) in the
    case's currency per hour. `mbase` is the machine's rating in MVA.
    """

    id: Ints
    bus: Ints
    in_service: Flags
    pg: Floats
    qg: Floats
    pmin: Floats
    pmax: Floats
    qmin: Floats
    qmax: Floats
    vg: Floats
    mbase: Floats
    cost_p: Floats
    cost_q: Floats


@dataclass(frozen=True, eq=False)
class Branches(_Table):
    """Branch table, n rows. Per unit, angles in rad; `id` is the row in the case, counted from 1.

    The tap is on the `from_bus` side (1 for a line); `rate` and the angle limits are infinite where
    the case sets none. `b` is the total charging susceptance.
    """

    id: Ints
    from_bus: Ints
    to_bus: Ints
    in_service: Flags
    r: Floats
    x: Floats
    b: Floats
    rate: Floats
    tap: Floats
    shift: Floats
    angmin: Floats
    angmax: Floats


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

    Raises:
        CaseError: listing every fault, when the data do not describe a network that can be solved.
    """

    name: str
    base_mva: float
    bus: Buses
    gen: Gens
    branch: Branches

    def __post_init__(self) -> None:
        faults = self.validate()
        if faults:
            raise CaseError(self.name or "network", faults)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Network)
            and self.base_mva == other.base_mva
            and self.bus == other.bus
            and self.gen == other.gen
            and self.branch == other.branch
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"Network({self.name!r}: {len(self.bus)} buses, {len(self.gen)} generators, "
            f"{len(self.branch)} branches, {self.base_mva:g} MVA)"
        )

    # -- positions -------------------------------------------

    def bus_positions(self, ids: npt.ArrayLike) -> Ints:
        """Positions in the bus table of the buses numbered `ids`; -1 for an unknown number."""
        wanted = np.asarray(ids, dtype=np.int64)
        order = np.argsort(self.bus.id, kind="stable")
        ranked = self.bus.id[order]
        place = np.searchsorted(ranked, wanted)
        found = place < len(ranked)
        found[found] = ranked[place[found]] == wanted[found]
        positions = np.full(wanted.shape, -1, dtype=np.int64)
        positions[found] = order[place[found]]
        return positions

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

    # -- what is in service -------------------------------------------

    def energized(self) -> Network:
        """The same network without isolated buses and without elements that are out of service.

        A generator or branch at an isolated bus counts as out of service.
        """
        live = self.bus.in_service
        gens = self.gen.in_service & live[self.gen_at]
        branches = self.branch.in_service & live[self.branch_from] & live[self.branch_to]
        if live.all() and gens.all() and branches.all():
            return self
        return dataclasses.replace(
            self,
            bus=self.bus.take(live),
            gen=self.gen.take(gens),
            branch=self.branch.take(branches),
        )

    def validate(self) -> list[Fault]:
        """Every fault of the data; an empty list when there is none."""
        from scopf import validation

        return validation.faults(self)

    # -- variants -------------------------------------------

    def replace(self, **tables: Any) -> Network:
        """A copy with other values: `replace(bus={"pd": ...}, branch={...})` by column."""
        changes = {
            key: dataclasses.replace(getattr(self, key), **value)
            if isinstance(value, dict)
            else value
            for key, value in tables.items()
        }
        return dataclasses.replace(self, **changes)

    def lossless(self) -> Network:
        """Branch resistance, branch charging and bus shunts set to zero; taps and shifts kept.

        This is the network of the paper's theory (Wang and Geng, section II).

        Raises:
            CaseError: naming each branch that has no reactance to be left with.
        """
        n, m = len(self.bus), len(self.branch)
        return self.replace(
            bus={"gs": np.zeros(n), "bs": np.zeros(n)},
            branch={"r": np.zeros(m), "b": np.zeros(m)},
        )

    @property
    def is_lossless(self) -> bool:
        """True when no branch has resistance or charging and no bus a shunt."""
        parts = (self.branch.r, self.branch.b, self.bus.gs, self.bus.bs)
        return not any(part.any() for part in parts)

    def scaled(self, *, load: float = 1.0, susceptance: float = 1.0) -> Network:
        """Loads times `load`; series admittance of every branch times `susceptance`.

        A susceptance factor divides both r and x, as a shorter line would; charging is kept.

        Raises:
            ScopfError: when `susceptance` is not positive.
        """
        load, susceptance = number("load", load), number("susceptance", susceptance)
        if load == 1.0 and susceptance == 1.0:
            return self
        if not susceptance > 0:
            raise ScopfError(f"susceptance factor must be positive, got {susceptance}")
        return self.replace(
            bus={"pd": self.bus.pd * load, "qd": self.bus.qd * load},
            branch={"r": self.branch.r / susceptance, "x": self.branch.x / susceptance},
        )

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
