"""Several networks side by side in one, whose ids tell which network an element is of."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
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
        parts: the networks.
        step: that ids of one part are apart from those of the next.
        net: all of them, energized; element 12 of part 3 has the id 3 step + 12.
    """

    parts: tuple[Network, ...]
    step: int
    net: Network

    @classmethod
    def of(cls, name: str, parts: Sequence[Network]) -> Stack:
        """Stack networks of one system base.

        Args:
            name: of the whole.
            parts: energized networks.
        """
        most = max(int(table.id.max(initial=0)) for net in parts for table in net.tables.values())
        step = 10 ** len(str(most))
        tables = {key: _joined([net.tables[key] for net in parts], key, step) for key in _OWNERS}
        net = Network(name, parts[0].base_mva, **tables)  # type: ignore[arg-type]
        return cls(tuple(parts), step, net)

    def key(self, number: Any) -> tuple[int, ...]:
        """Part and id, or ids, of an id or of a tuple of ids of one part."""
        ids = number if isinstance(number, tuple) else (number,)
        return (ids[0] // self.step, *(one % self.step for one in ids))

    def part_of(self, table: str) -> Ints:
        """The part that each element of a table is of."""
        found: Ints = self.net.tables[table].id // self.step
        return found

    def ids(self, table: str) -> Ints:
        """The id that each element of a table has in its part."""
        found: Ints = self.net.tables[table].id % self.step
        return found

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


def _joined(tables: list[Any], key: str, step: int) -> Table:
    columns: dict[str, Any] = {}
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
