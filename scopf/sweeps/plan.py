"""The scenarios of a spec, and the order in which each starts from a neighbour."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scopf.arrays import Ints
from scopf.errors import CaseError, Fault, listing
from scopf.model.quantities import QUANTITIES
from scopf.network.network import Network
from scopf.sweeps.base_case import Topology
from scopf.sweeps.columns import CHOICES, Value, split
from scopf.sweeps.spec import Axis, Line, Spec

_REBUILT = tuple(CHOICES)
_CHAINS, _SHORT, _LONG = 16, 6, 50  # chains that are aimed at; shortest and longest


@dataclass(frozen=True)
class Chain:
    """Scenarios of one topology, each a neighbour of the one before it.

    Attributes:
        number: of the chain.
        topology: of all of them.
        scenarios: their numbers, in order.
    """

    number: int
    topology: Topology
    scenarios: tuple[int, ...]


class Plan:
    """All scenarios of a study.

    Attributes:
        columns: what they differ in, and what was fixed for all.
        rows: values by scenario, in the order of the spec: the last axis fastest.
        chains: the order of work; it depends on the spec alone, and so do results.
        further: columns that results have because of the settings.
    """

    def __init__(self, spec: Spec) -> None:
        self.columns = spec.columns
        axes = [axis.rows for axis in spec.axes]
        self.rows = [tuple(itertools.chain(*parts)) for parts in itertools.product(*axes)]
        self.chains = self._chains(spec.settings.chain)
        self.further = spec.settings.further

    def __len__(self) -> int:
        return len(self.rows)

    def values(self, scenario: int) -> dict[str, Value]:
        """Values of a scenario by column."""
        return dict(zip(self.columns, self.rows[scenario], strict=True))

    def column(self, name: str) -> list[Value]:
        """Values of a column by scenario."""
        at = self.columns.index(name)
        return [row[at] for row in self.rows]

    def _chains(self, length: int | None) -> list[Chain]:
        count = len(self.rows)
        most = length or min(_LONG, max(_SHORT, -(-count // _CHAINS)))
        places = [self.columns.index(name) if name in self.columns else None for name in _REBUILT]
        groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for scenario, row in enumerate(self.rows):
            groups[tuple(None if k is None else row[k] for k in places)].append(scenario)
        numbers = [k for k, name in enumerate(self.columns) if name not in _REBUILT]
        chains: list[Chain] = []
        for key, members in groups.items():
            topology = Topology(**dict(zip(_REBUILT, key, strict=True)))
            for part in _cut(self._ordered(members, numbers), most):
                chains.append(Chain(len(chains), topology, tuple(part)))
        return chains

    def _ordered(self, members: Sequence[int], columns: Iterable[int]) -> list[int]:
        """Boustrophedon: columns of few values outside, and every other row backwards."""
        ranks = [_ranks([self.rows[k][column] for k in members]) for column in columns]
        ranks = sorted((rank for rank in ranks if rank.max(initial=0)), key=lambda r: int(r.max()))
        keys = []
        turned = np.zeros(len(members), dtype=np.int64)
        for rank in ranks:
            keys.append(np.where(turned % 2, -rank, rank))
            turned = turned + rank
        order = np.lexsort(keys[::-1]) if keys else np.arange(len(members))
        return [members[k] for k in order]


def _ranks(values: Sequence[Value]) -> Ints:
    """Place of each value among the distinct ones; what is missing comes first."""
    distinct = sorted({v for v in values if v is not None}, key=lambda v: (str(type(v)), v))
    place = {value: k for k, value in enumerate(distinct, 1)}
    ranks: Ints = np.array([0 if value is None else place[value] for value in values], dtype=int)
    return ranks - min(ranks.tolist(), default=0)


def _cut(ordered: list[int], most: int) -> Iterable[list[int]]:
    """Pieces of nearly equal length, none longer than `most`."""
    pieces = -(-len(ordered) // most)
    edges = [round(k * len(ordered) / pieces) for k in range(pieces + 1)]
    return (ordered[a:b] for a, b in itertools.pairwise(edges))


def resolved(
    spec: Spec,
    net: Network,
    inverters: Iterable[int],
    source: str = "",
    line: Line = lambda _: None,
) -> Spec:
    """The spec with `outage = "all"` spelled out, and every bus and branch number known.

    Args:
        spec: to resolve.
        net: network of the base case.
        inverters: numbers of their buses.
        source: file that the spec comes from, if any.
        line: line of a key in there.

    Raises:
        CaseError: naming the numbers that are not.
    """
    net = net.energized()
    branches: list[int] = net.branch.id.tolist()
    known = {
        "bus": ("bus", set(net.bus.id.tolist())),
        "inverter": ("inverter at bus", set(inverters)),
        "gen": ("generator", set(net.gen.id.tolist())),
    }
    out = net.unserved
    idle = {"bus": set(out.bus.tolist()), "inverter": set(), "gen": set(out.gen.tolist())}
    faults, axes = [], []
    for axis in spec.axes:
        rows = axis.rows
        for k, column in enumerate(axis.columns):
            name, own = split(column)
            if own is not None:
                owner, numbers = known[QUANTITIES[name].owner]
                if own in idle[QUANTITIES[name].owner]:
                    text = f"has no effect: {owner} {own} of {net.name} is not energized"
                    faults.append(_fault(text, column, line))
                elif own not in numbers:
                    faults.append(_fault(f"there is no {owner} {own} in {net.name}", column, line))
            if name != "outage":
                continue
            if axis.columns == ("outage",) and (None,) in rows and ("all",) in rows:
                rows = ((None,), *((branch,) for branch in branches))
            unknown = {row[k] for row in rows} - {None, *branches}
            if unknown:
                text = f"there is no branch {listing(sorted(unknown, key=str))} in service"
                at = next(n for n, row in enumerate(rows) if row[k] in unknown)
                faults.append(_fault(text, column, line, at))
        axes.append(Axis(axis.columns, rows))
    if faults:
        raise CaseError(source or f"sweep of {net.name}", faults)
    return Spec(spec.settings, tuple(axes))


def _fault(text: str, column: str, line: Line, row: int = 0) -> Fault:
    """A fault of a column, with its key and line in the file, if it comes from one."""
    name, bus = split(column)
    paths: list[tuple[str | int, ...]] = [(column,), (name, str(bus)), ("scenarios", row, column)]
    paths += [("load_series",)] if name == "load_scale" else []
    for path in paths:
        at = line(path)
        if at is not None:
            return Fault(text, ".".join(map(str, path)), label=f"line {at}")
    return Fault(text, column)
