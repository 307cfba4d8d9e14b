"""Named families, and placeholders of their members, of which templates are made."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.engine.numbers import Numbers
from scopf.engine.pyomo_types import Node

Key = Hashable
"""A user's own number of a bus or a branch, a name, or a tuple of them."""
Bound = Node | Floats | None
"""Bounds of rows: an array, an expression of parameters, or None where there is none."""


@dataclass(frozen=True, eq=False)
class Index:
    """A Pyomo Set: the user's own numbers of buses, branches, pairs of inverters.

    Attributes:
        name: of the Set.
        keys: its members.
        ids: the numbers that it was declared with: in a scope those of its networks side by side.
    """

    name: str
    keys: list[Key]
    ids: list[Key]

    def __len__(self) -> int:
        return len(self.keys)

    def numbers(self, rows: Flags) -> list[Key]:
        """The user's own numbers of members, each once, whatever the state or the hour.

        Args:
            rows: mask of the members.
        """
        chosen = (self.keys[k] for k in np.flatnonzero(rows).tolist())
        return [*dict.fromkeys(key[-1] if isinstance(key, tuple) else key for key in chosen)]


class Declarations(Protocol):
    """The formulation that symbols belong to; see `scopf.engine.formulation.Formulation`."""

    name: str
    indices: dict[str, Index]
    symbols: dict[str, Symbol]

    def place(self, leaf: Leaf) -> Node:
        """A Pyomo object that stands for a leaf in a template."""

    def leaf(self, placeholder: Node) -> Leaf | None:
        """The leaf of a placeholder; None for a Pyomo object that is none."""

    def numbers(self, node: Node) -> Numbers:
        """Numbers of a template without variables, or of an array."""


@dataclass(frozen=True, eq=False)
class Symbol:
    """A named family: parameters, variables, expressions or constraints on an index.

    `symbol[positions]` is a placeholder for members, one in each row of the family that it is used
    in; `symbol[:]` stands for all of them in order.
    """

    formulation: Declarations = field(repr=False)
    name: str
    index: Index | None

    def __len__(self) -> int:
        return 1 if self.index is None else len(self.index)

    @property
    def keys(self) -> list[Key]:
        """The user's own numbers of the members; None of a scalar."""
        return [None] if self.index is None else self.index.keys

    def __getitem__(self, positions: slice | Ints | Sequence[int]) -> Node:
        if isinstance(positions, slice):
            positions = np.arange(len(self))[positions]
        return self.formulation.place(Members(self, np.asarray(positions, dtype=np.int64)))

    def total(self, owner: Ints | None = None, rows: int = 1) -> Node:
        """Placeholder of sums: in row i, over the members whose `owner` is i (all, if None).

        Members whose owner is -1 are left out.
        """
        if owner is None:
            owner = np.zeros(len(self), dtype=np.int64)
        return self.formulation.place(Total(self, np.asarray(owner, dtype=np.int64), rows))


@dataclass(frozen=True, eq=False)
class Parameter(Symbol):
    """Mutable Params; `values` are the present ones."""

    values: Floats


@dataclass(frozen=True, eq=False)
class Variable(Symbol):
    """Variables with bounds (infinite where there is none), start values and present values."""

    lower: Floats
    upper: Floats
    start: Floats
    value: Floats
    fixed: Flags


@dataclass(frozen=True, eq=False)
class Expression(Symbol):
    """Named expressions."""

    body: Node


@dataclass(frozen=True, eq=False)
class Constraint(Symbol):
    """Rows lower <= body <= upper."""

    body: Node
    lower: Bound
    upper: Bound


@dataclass(frozen=True, eq=False)
class Objective(Symbol):
    """The objective, to be minimised."""

    body: Node


@dataclass(frozen=True, eq=False)
class Members:
    """Stands for the members of a symbol at these positions."""

    symbol: Symbol
    positions: Ints


@dataclass(frozen=True, eq=False)
class Data:
    """Stands for fixed numbers."""

    numbers: Numbers


@dataclass(frozen=True, eq=False)
class Total:
    """Stands for sums over the members of a symbol that have the same owner."""

    symbol: Symbol
    owner: Ints
    rows: int


Leaf = Members | Data | Total


def member(symbol: Symbol, position: int) -> str:
    """Name of a member of a family, as on the Pyomo model."""
    return labelled(symbol.name, symbol.index.keys[position]) if symbol.index else symbol.name


def labelled(name: str, key: Key) -> str:
    """Name of a member with this key."""
    return f"{name}[{','.join(map(str, key)) if isinstance(key, tuple) else key}]"
