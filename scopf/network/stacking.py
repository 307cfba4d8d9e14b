"""Several networks side by side in one, whose ids tell which network an element is of."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from scopf.arrays import Ints
from scopf.network.network import Network
from scopf.network.tables import Table

_OWNERS = {"bus": ("id",), "gen": ("id", "bus"), "branch": ("id", "from_bus", "to_bus"),
           "dcline": ("id", "from_bus", "to_bus")}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Stack:
    """Energized networks side by side; they share no bus.

    Attributes:
        names: of the networks.
        parts: the networks.
        step: that ids of one part are apart from those of the next.
        net: all of them, energized; element 12 of part 3 has the id 3 step + 12.
    """

    names: tuple[str, ...]
    parts: tuple[Network, ...]
    step: int
    net: Network

    @classmethod
    def of(cls, name: str, parts: Mapping[str, Network]) -> Stack:
        """Stack networks of one system base.

        Args:
            name: of the whole.
            parts: energized networks by name.
        """
        nets = tuple(parts.values())
        most = max(int(table.id.max(initial=0)) for net in nets for table in net.tables.values())
        step = 10 ** len(str(most))
        tables = {key: joined([net.tables[key] for net in nets], step) for key in _OWNERS}
        net = Network(name, nets[0].base_mva, **tables)  # type: ignore[arg-type]
        return cls(tuple(parts), nets, step, net)

    def key(self, number: Any) -> Any:
        """Key on the model: the name of the part, and the id or ids there.

        Args:
            number: an id of the networks side by side, several of one part, or a tuple that has
                such keys in it.
        """
        if isinstance(number, int):
            return (self.names[number // self.step], number % self.step)
        if isinstance(number[0], str):
            return number
        if all(isinstance(one, int) for one in number):
            return (self.names[number[0] // self.step], *(one % self.step for one in number))
        names = [one[0] for one in number if isinstance(one, tuple)]
        return (
            names[0],
            *(k for one in number for k in (one[1:] if isinstance(one, tuple) else (one,))),
        )

    def label(self, text: str) -> tuple[str, str]:
        """The label of an element with ids of its own part, and the name of the part.

        Args:
            text: label with ids of the networks side by side.
        """
        numbers = [int(one) for one in re.findall(r"\d+", text)]
        part = max(numbers) // self.step
        own = re.sub(r"\d+", lambda match: str(int(match[0]) % self.step), text)
        return own, self.names[part]

    def part_of(self, table: str) -> Ints:
        """The part that each element of a table is of."""
        found: Ints = self.net.tables[table].id // self.step
        return found

    def ids(self, table: str) -> Ints:
        """The id that each element of a table has in its part."""
        found: Ints = self.net.tables[table].id % self.step
        return found

    def part(self, net: Network, part: int) -> Network:
        """One of the networks, with the values that the networks side by side have now.

        Args:
            net: the networks side by side.
            part: which of them.
        """
        shift, tables = part * self.step, dict[str, Table]()
        for key, ids in _OWNERS.items():
            rows = np.zeros(len(net.tables[key]), dtype=bool)
            rows[self.slice(key, part)] = True
            table = net.tables[key].take(rows)
            tables[key] = table.replace(**{name: getattr(table, name) - shift for name in ids})
        return dataclasses.replace(net, **tables)  # type: ignore[arg-type]

    def slice(self, table: str, part: int) -> slice:
        """The places of the elements of one part, which stand side by side."""
        first = self._first[table]
        return slice(int(first[part]), int(first[part + 1]))

    @cached_property
    def _first(self) -> dict[str, Ints]:
        return {
            key: np.cumsum([0, *(len(net.tables[key]) for net in self.parts)]) for key in _OWNERS
        }

    @cached_property
    def bus_part(self) -> Ints:
        """The part that each bus is of."""
        return self.part_of("bus")


def joined(tables: Sequence[Any], step: int = 0) -> Table:
    """Tables of one kind below each other.

    Args:
        tables: the tables.
        step: added to the ids of each but the first, once more for every table before it.
    """
    key, columns = tables[0].key, dict[str, Any]()
    for field in dataclasses.fields(tables[0]):
        each = [getattr(table, field.name) for table in tables]
        if field.name in _OWNERS[key]:
            each = [column + k * step for k, column in enumerate(each)]
        elif each[0].ndim > 1:
            each = _alike(each)
        columns[field.name] = np.concatenate(each)
    made: Table = type(tables[0])(**columns)
    return made


def _alike(columns: list[Any]) -> list[Any]:
    """Columns of arrays of one shape: costs of more coefficients or points than others have."""
    width = max(column.shape[1] for column in columns)
    found = []
    for column in columns:
        fill = np.nan if column.ndim > 2 else 0.0
        more = [(0, 0), (0, width - column.shape[1]), *[(0, 0)] * (column.ndim - 2)]
        found.append(np.pad(column, more, constant_values=fill))
    return found
