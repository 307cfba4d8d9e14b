"""Branches and machines by the buses that they are at and their identifiers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from scopf.errors import listing
from scopf.network import identifiers
from scopf.network.network import Network

_WINDING = re.compile(r"((\d{1,18})-(\d{1,18})-(\d{1,18}) '([^']*)') winding ([123])", re.ASCII)
_Key = tuple[frozenset[int], str]


@dataclass(frozen=True)
class Member:
    """A branch, a transformer of three windings, or a machine, as far as it is in service.

    Attributes:
        ids: of branches or generators.
        ends: buses.
    """

    ids: tuple[int, ...]
    ends: frozenset[int]


@dataclass
class NamedElements:
    """Elements of a network by bus and identifier, capitals aside.

    What is asked for and is not there, or not in service, is a ValueError with a sentence.

    Attributes:
        net: the network, elements out of service included.
    """

    net: Network
    _circuits: dict[frozenset[int], dict[str, int]] = field(default_factory=dict)
    _machines: dict[int, dict[str, int]] = field(default_factory=dict)
    _windings: dict[_Key, dict[int, int]] = field(default_factory=dict)  # by their buses

    def __post_init__(self) -> None:
        net, branch, gen = self.net, self.net.branch, self.net.gen
        columns = (branch.id, branch.from_bus, branch.to_bus, branch.name)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        for (one, f, t, name), circuit in zip(rows, identifiers.circuits(net), strict=True):
            self._circuits.setdefault(frozenset((f, t)), {})[circuit.upper()] = one
            match = _WINDING.fullmatch(name)
            if match and f == int(match[1 + int(match[6])]):
                key = frozenset(int(match[k]) for k in (2, 3, 4)), match[5].strip().upper()
                self._windings.setdefault(key, {})[f] = one
        machines = zip(gen.id.tolist(), gen.bus.tolist(), identifiers.machines(net), strict=True)
        for one, bus, machine in machines:
            self._machines.setdefault(bus, {})[machine.upper()] = one

    @cached_property
    def _live(self) -> dict[str, set[int]]:
        """Ids in service, by table."""
        return {key: set(table.id.tolist()) for key, table in self.net.energized().tables.items()}

    @cached_property
    def _buses(self) -> set[int]:
        return set(self.net.bus.id.tolist())

    # -- by name -------------------------------------------

    def branch(self, i: int, j: int, circuit: str) -> int:
        """Id of a branch between two buses."""
        self._known(i, j)
        there = self._circuits.get(frozenset((i, j)), {})
        one = there.get(circuit.upper())
        if one is None:
            text = f"there is no branch between the buses {i} and {j}"
            raise ValueError(_with(text, "circuit", circuit, list(there)))
        if one not in self._live["branch"]:
            raise ValueError(f"the branch {i}-{j} '{circuit}' is out of service")
        return one

    def machine(self, bus: int, machine: str) -> int:
        """Id of a machine at a bus."""
        self._known(bus)
        there = self._machines.get(bus, {})
        one = there.get(machine.upper())
        if one is None:
            text = f"there is no machine at bus {bus}"
            raise ValueError(_with(text, "identifier", machine, list(there)))
        if one not in self._live["gen"]:
            raise ValueError(f"the machine {bus} '{machine}' is out of service")
        return one

    def transformer(self, i: int, j: int, k: int, circuit: str) -> list[int]:
        """Ids of the branches of a transformer of three windings."""
        windings = self._of_transformer(i, j, k, circuit)
        found = [one for one in windings.values() if one in self._live["branch"]]
        if not found:
            raise ValueError(f"the transformer {i}-{j}-{k} '{circuit}' is out of service")
        return found

    def winding(self, i: int, j: int, k: int, circuit: str) -> int:
        """Id of the branch of the winding at bus i."""
        one = self._of_transformer(i, j, k, circuit).get(i)
        if one not in self._live["branch"]:
            raise ValueError(f"winding {i} of {i}-{j}-{k} '{circuit}' is out of service")
        return one

    def _of_transformer(self, i: int, j: int, k: int, circuit: str) -> dict[int, int]:
        self._known(i, j, k)
        buses = frozenset((i, j, k))
        windings = self._windings.get((buses, circuit.upper()), {})
        if not windings:
            text = f"there is no transformer of three windings between the buses {i}, {j} and {k}"
            others = [own for three, own in self._windings if three == buses]
            raise ValueError(_with(text, "circuit", circuit, others))
        return windings

    def at_bus(self, bus: int) -> tuple[list[int], list[int]]:
        """Ids of the branches and machines in service at a bus, which none but they supply."""
        self._known(bus)
        if bus not in self._live["bus"]:
            raise ValueError(f"bus {bus} is out of service")
        branch, gen, line = self.net.branch, self.net.gen, self.net.dcline
        ends = line.id[(line.from_bus == bus) | (line.to_bus == bus)].tolist()
        if not self._live["dcline"].isdisjoint(ends):
            text = f"a DC line ends at bus {bus}; only branches and machines can be lost"
            raise ValueError(text)
        branches = branch.id[(branch.from_bus == bus) | (branch.to_bus == bus)].tolist()
        return (
            [one for one in branches if one in self._live["branch"]],
            [one for one in gen.id[gen.bus == bus].tolist() if one in self._live["gen"]],
        )

    def _known(self, *buses: int) -> None:
        for bus in buses:
            if bus not in self._buses:
                raise ValueError(f"there is no bus {bus}")

    # -- by place -------------------------------------------

    def buses(self, kind: str = "system", number: int = 0) -> set[int]:
        """Buses of a place.

        Args:
            kind: "bus", "area", "zone" or "system".
            number: of it.
        """
        if kind == "system":
            return self._buses
        if kind == "bus":
            self._known(number)
            return {number}
        column = self.net.bus.area if kind == "area" else self.net.bus.zone
        if not (column == number).any():
            known = listing(np.unique(column).tolist())
            raise ValueError(f"there is no {kind} {number}; there is {known}")
        return set(self.net.bus.id[column == number].tolist())

    def machines_at(self, buses: set[int]) -> list[Member]:
        """Machines in service at some buses."""
        rows = zip(self.net.gen.id.tolist(), self.net.gen.bus.tolist(), strict=True)
        on = self._live["gen"]
        return [Member((k,), frozenset({bus})) for k, bus in rows if bus in buses and k in on]

    @cached_property
    def lines(self) -> list[Member]:
        """Branches in service; those of a transformer of three windings are one."""
        whole = {one: key for key, legs in self._windings.items() for one in legs.values()}
        ends, ids = dict[object, frozenset[int]](), dict[object, list[int]]()
        branch = self.net.branch
        columns = (branch.id, branch.from_bus, branch.to_bus)
        for one, f, t in zip(*(column.tolist() for column in columns), strict=True):
            if one in self._live["branch"]:
                transformer = whole.get(one)
                key = one if transformer is None else transformer
                ids.setdefault(key, []).append(one)
                ends[key] = frozenset((f, t)) if transformer is None else transformer[0]
        return [Member(tuple(ids[key]), ends[key]) for key in ids]


def _with(text: str, kind: str, wanted: str, there: list[str]) -> str:
    """The text, with the identifiers that there are where there are some."""
    return f"{text} with the {kind} {wanted}; there is {listing(there)}" if there else text
