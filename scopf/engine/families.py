"""Families of a formulation as arrays: their templates are walked once, for all rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.engine.expressions import Coefficient, Form, Shape, Walker
from scopf.engine.formulation import Formulation
from scopf.engine.numbers import Numbers
from scopf.engine.symbols import Constraint, Expression, Members, Objective, Total, Variable
from scopf.engine.templates import Node, kind, numbers
from scopf.engine.triplets import Triplets
from scopf.errors import ScopfError


@dataclass(frozen=True)
class Atoms:
    """Atoms of one shape: variables (rows, k) and numbers, and the number of the first."""

    shape: Shape
    columns: Ints
    numbers: tuple[Coefficient, ...]
    first: int

    def __len__(self) -> int:
        return len(self.columns)


@dataclass(frozen=True)
class Family:
    """Linear forms of a family, n rows; without coefficients that are always zero."""

    size: int
    linear: list[Triplets] = field(default_factory=list)
    atoms: list[Triplets] = field(default_factory=list)
    constants: list[Triplets] = field(default_factory=list)  # target always 0

    def values(self, full: Floats, atoms: Floats, where: Ints) -> Floats:
        """Values of the forms at a point; NaN where an atom is not evaluated (`where` is -1)."""
        total = np.zeros(self.size)
        for triplets in self.constants:
            np.add.at(total, triplets.rows, triplets.numbers.values())
        for triplets in self.linear:
            np.add.at(total, triplets.rows, triplets.numbers.values() * full[triplets.targets])
        for triplets in self.atoms:
            places = where[triplets.targets]
            found = np.where(places >= 0, atoms[places] if len(atoms) else np.nan, np.nan)
            np.add.at(total, triplets.rows, triplets.numbers.values() * found)
        return total


class Families:
    """All families of a formulation as linear forms.

    Args:
        formulation: whose templates are walked.
        lift: names of the expression families that become variables.

    Attributes:
        columns: first column of every variable family (and lifted one), by name.
        size: number of columns.
        atoms: the atoms, numbered in order.
        forms: forms of expressions, constraints and the objective, by name.
        nested: nonlinear expression families met inside atoms.
    """

    def __init__(self, formulation: Formulation, lift: Iterable[str] = ()) -> None:
        self.formulation = formulation
        self.lift = frozenset(lift)
        self.columns: dict[str, int] = {}
        self.size = 0
        self.atoms: list[Atoms] = []
        self.forms: dict[str, Family] = {}
        self.nested: set[str] = set()
        self._last_atom = 0
        within = _Within(self.columns)
        for symbol in formulation.symbols.values():
            if isinstance(symbol, Variable):
                self._claim(symbol.name, len(symbol))
            elif isinstance(symbol, (Expression, Constraint, Objective)):
                self.forms[symbol.name] = self._read(symbol.body, len(symbol), within)
            if symbol.name in self.lift:
                self._claim(symbol.name, len(symbol))

    @property
    def count(self) -> int:
        """Number of atoms."""
        return self._last_atom

    def _claim(self, name: str, size: int) -> None:
        self.columns[name] = self.size
        self.size += size

    def add_atoms(self, shape: Shape, columns: Ints, numbers: tuple[Coefficient, ...]) -> Atoms:
        """Number the atoms of one family."""
        made = Atoms(shape, columns, numbers, self._last_atom)
        self.atoms.append(made)
        self._last_atom += len(columns)
        return made

    def _read(self, body: Node, rows: int, within: _Within) -> Family:
        walker = _TemplateWalker(self, rows, within)
        form = walker.form(body)
        everything = np.arange(rows)
        family = Family(rows)

        def put(parts: list[Triplets], targets: Ints, coefficient: Coefficient) -> None:
            column = coefficient if isinstance(coefficient, Numbers) else Numbers(coefficient)
            parts.append(Triplets(everything, targets, column))

        put(family.constants, np.zeros(rows, dtype=np.int64), form.constant)
        for key, coefficient in form.linear.items():
            put(family.linear, np.broadcast_to(walker.places[key], rows), coefficient)
        for key, coefficient in form.atoms.items():
            block = self.atoms[key]
            put(family.atoms, block.first + np.arange(rows), coefficient)
        for leaf, coefficient in walker.references.values():
            self._refer(family, leaf, coefficient)
        for parts in (family.linear, family.atoms, family.constants):
            parts[:] = [part for part in (part.compact() for part in parts) if len(part.rows)]
        return family

    def _refer(self, family: Family, leaf: Members | Total, coefficient: Coefficient) -> None:
        """Add the forms of other families, row by row or summed by owner."""
        symbol = leaf.symbol
        if symbol.name in self.columns:
            everything = np.arange(len(symbol))
            place = Triplets(everything, self.columns[symbol.name] + everything, Numbers(1.0))
            source = Family(len(symbol), linear=[place])
        else:
            source = self.forms[symbol.name]
        for mine, theirs in (
            (family.linear, source.linear),
            (family.atoms, source.atoms),
            (family.constants, source.constants),
        ):
            for triplets in theirs:
                if isinstance(leaf, Total):
                    mine.append(triplets.total(leaf.owner, coefficient))
                else:
                    mine.append(triplets.select(leaf.positions, source.size, coefficient))


class _Within:
    """Arrays that placeholders stand for in certain rows of a family, the context (None: all).

    Named expressions are met again and again. Equal arrays are one object, so that the second time
    nothing is computed.
    """

    def __init__(self, first_column: Mapping[str, int]) -> None:
        self._first_column = first_column
        self._arrays: dict[bytes, Ints] = {}
        self._known: dict[tuple[int, int], Any] = {}

    def positions(self, node: Members, context: Ints | None) -> Ints:
        """Positions of members, one for each row."""
        found: Ints | None = self._known.get((id(node), id(context)))
        if found is None:
            found = self._kept(node.positions if context is None else node.positions[context])
            self._known[id(node), id(context)] = found
        return found

    def columns(self, node: Members, context: Ints | None) -> Ints:
        """Columns of variables, one for each row."""
        found: Ints | None = self._known.get((id(node), id(context)))
        if found is None:
            positions = node.positions if context is None else node.positions[context]
            found = self._kept(self._first_column[node.symbol.name] + positions)
            self._known[id(node), id(context)] = found
        return found

    def numbers(self, node: Node, context: Ints | None) -> Numbers:
        """Numbers of a template without variables."""
        found: Numbers | None = self._known.get((id(node), id(context)))
        if found is None:
            found = numbers(node) if context is None else numbers(node).take(context)
            self._known[id(node), id(context)] = found
        return found

    def _kept(self, array: Ints) -> Ints:
        return self._arrays.setdefault(array.tobytes(), array)


class _TemplateWalker(Walker[Ints]):
    """Walks a template; variables are placeholders for a column in each row.

    Attributes:
        places: columns of each placeholder met, by its number.
        references: placeholders of other families met outside atoms, and their coefficients.
    """

    def __init__(self, families: Families, rows: int, within: _Within) -> None:
        super().__init__()
        self.places: list[Ints] = []
        self._number_of: dict[int, int] = {}
        self.references: dict[int, tuple[Members | Total, Coefficient]] = {}
        self._families = families
        self._rows, self._within = rows, within

    def kind(self, node: Node) -> str:
        return kind(node)

    def number(self, node: Node, context: Ints | None = None) -> Coefficient:
        return self._within.numbers(node, context)

    def inverse(self, node: Node) -> Coefficient:
        return 1.0 / numbers(node)

    def column(self, variable: Members, context: Ints | None = None) -> int:
        columns = self._within.columns(variable, context)
        number = self._number_of.setdefault(id(columns), len(self.places))
        if number == len(self.places):
            self.places.append(columns)
        return number

    def body(self, node: Node, context: Ints | None) -> tuple[Node, Ints]:
        symbol = node.symbol
        if isinstance(node, Total):
            raise ScopfError(f"a sum over {symbol.name} stands inside a nonlinear term")
        if context is None and self._families.forms[symbol.name].atoms:
            self._families.nested.add(symbol.name)
        return symbol.body, self._within.positions(node, context)

    def lifted(self, node: Node, context: Ints | None) -> bool:
        return isinstance(node, Members) and node.symbol.name in self._families.columns

    def add_named(self, node: Members | Total, scale: Coefficient, form: Form) -> None:
        known = self.references.get(id(node))
        self.references[id(node)] = (node, scale if known is None else known[1] + scale)

    def atom(self, shape: Shape, columns: tuple[int, ...], numbers: tuple[Coefficient, ...]) -> int:
        used = np.empty((self._rows, len(columns)), dtype=np.int64)
        for k, key in enumerate(columns):
            used[:, k] = self.places[key]
        self._families.add_atoms(shape, used, numbers)
        return len(self._families.atoms) - 1
