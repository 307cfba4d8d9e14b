"""Named families, and placeholders of their members, of which templates are made."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.engine.numbers import Numbers
from scopf.engine.templates import CONSTANT, NAMED, VARIABLE, Node, Template

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
    """All families of a model; see `scopf.engine.formulation.Formulation`."""

    name: str
    indices: dict[str, Index]
    symbols: dict[str, Symbol]


@dataclass(frozen=True, eq=False)
class Symbol:
    """A named family: parameters, variables, expressions or constraints on an index.

    `symbol[positions]` is a placeholder for members, one in each row of the family that it is used
    in; `symbol[:]` stands for all of them in order.
    """

    kind: ClassVar[str] = NAMED  # of its members in a template

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
        return Members(self, np.asarray(positions, dtype=np.int64))

    def total(self, owner: Ints | None = None, rows: int = 1) -> Node:
        """Placeholder of sums: in row i, over the members whose `owner` is i (all, if None).

        Members whose owner is -1 are left out.
        """
        if owner is None:
            owner = np.zeros(len(self), dtype=np.int64)
        return Total(self, np.asarray(owner, dtype=np.int64), rows)


@dataclass(frozen=True, eq=False)
class Parameter(Symbol):
    """Mutable Params; `values` are the present ones."""

    kind: ClassVar[str] = CONSTANT

    values: Floats


@dataclass(frozen=True, eq=False)
class Variable(Symbol):
    """Variables with bounds (infinite where there is none), start values and present values."""

    kind: ClassVar[str] = VARIABLE

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


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class Members(Template):
    """Stands for the members of a symbol at these positions."""

    symbol: Symbol
    positions: Ints

    @property
    def kind(self) -> str:
        """That of the symbol."""
        return self.symbol.kind

    @property
    def numbers(self) -> Numbers:
        """Values of parameters, which follow them."""
        if not isinstance(self.symbol, Parameter):
            raise TypeError(f"{self} has no numbers of its own")
        values, at = self.symbol.values, self.positions
        always, key = np.ones(len(at), dtype=bool), (self.symbol, at.dtype.str, at.tobytes())
        return Numbers(read=lambda: values[at], nonzero=always, key=key)

    def __repr__(self) -> str:
        at, name = self.positions, self.symbol.name
        if np.array_equal(at, np.arange(len(self.symbol))):
            return name
        return f"{name}[{at[0]}{', ...' if len(at) > 1 else ''}]" if len(at) else f"{name}[]"


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class Data(Template):
    """Stands for fixed numbers."""

    numbers: Numbers

    @property
    def kind(self) -> str:
        """No variable."""
        return CONSTANT

    def __repr__(self) -> str:
        values = self.numbers.values()
        return f"{values[0]:g}" if len(values) == 1 else "data"


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class Total(Template):
    """Stands for sums over the members of a symbol that have the same owner."""

    symbol: Symbol
    owner: Ints
    rows: int

    @property
    def kind(self) -> str:
        """A named expression, whatever it sums."""
        return NAMED

    def __repr__(self) -> str:
        return f"sum({self.symbol.name})"


Leaf = Members | Data | Total


def member(symbol: Symbol, position: int) -> str:
    """Name of a member of a family, as on the Pyomo model."""
    return labelled(symbol.name, symbol.index.keys[position]) if symbol.index else symbol.name


def labelled(name: str, key: Key) -> str:
    """Name of a member with this key."""
    return f"{name}[{','.join(map(str, key)) if isinstance(key, tuple) else key}]"
