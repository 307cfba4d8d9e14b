"""Families of a formulation as arrays: their templates are walked once, for all rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.engine.expressions import Coefficient, Form, Shape, Walker
from scopf.engine.formulation import Formulation
from scopf.engine.numbers import Numbers
from scopf.engine.symbols import Members, Total, Variable
from scopf.engine.triplets import Entries
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
    """Linear forms of a family, n rows; without entries that are always zero."""

    size: int
    linear: list[Entries] = field(default_factory=list)
    atoms: list[Entries] = field(default_factory=list)
    constants: list[Entries] = field(default_factory=list)  # target always 0

    def values(self, full: Floats, atoms: Floats, where: Ints) -> Floats:
        """Values of the forms at a point; NaN where an atom is not evaluated (`where` is -1)."""
        total = np.zeros(self.size)
        for entries in self.constants:
            np.add.at(total, entries.rows, entries.numbers.values())
        for entries in self.linear:
            np.add.at(total, entries.rows, entries.numbers.values() * full[entries.targets])
        for entries in self.atoms:
            places = where[entries.targets]
            found = np.where(places >= 0, atoms[places] if len(atoms) else np.nan, np.nan)
            np.add.at(total, entries.rows, entries.numbers.values() * found)
        return total


class Families:
    """All families of a formulation as linear forms.

    Args:
        formulation: what to read.
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
        for symbol in formulation.symbols.values():
            if isinstance(symbol, Variable):
                self._claim(symbol.name, len(symbol))
            elif hasattr(symbol, "body"):
                self.forms[symbol.name] = self._read(symbol.body, len(symbol))
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

    def _read(self, body: Any, rows: int) -> Family:
        walker = _TemplateWalker(self, rows)
        form = walker.form(body)
        everything = np.arange(rows)
        family = Family(rows)

        def put(kind: list[Entries], targets: Ints, coefficient: Coefficient) -> None:
            numbers = coefficient if isinstance(coefficient, Numbers) else Numbers(coefficient)
            kind.append(Entries(everything, targets, numbers))

        put(family.constants, np.zeros(rows, dtype=np.int64), form.constant)
        for key, coefficient in form.linear.items():
            put(family.linear, np.broadcast_to(walker.places[key], rows), coefficient)
        for key, coefficient in form.atoms.items():
            block = self.atoms[key]
            put(family.atoms, block.first + np.arange(rows), coefficient)
        for leaf, coefficient in walker.references.values():
            self._refer(family, leaf, coefficient)
        for kind in (family.linear, family.atoms, family.constants):
            kind[:] = [part for part in (part.compact() for part in kind) if len(part.rows)]
        return family

    def _refer(self, family: Family, leaf: Members | Total, coefficient: Coefficient) -> None:
        """Add the forms of other families, row by row or summed by owner."""
        symbol = leaf.symbol
        if symbol.name in self.columns:
            everything = np.arange(len(symbol))
            place = Entries(everything, self.columns[symbol.name] + everything, Numbers(1.0))
            source = Family(len(symbol), linear=[place])
        else:
            source = self.forms[symbol.name]
        for mine, theirs in (
            (family.linear, source.linear),
            (family.atoms, source.atoms),
            (family.constants, source.constants),
        ):
            for entries in theirs:
                if isinstance(leaf, Total):
                    mine.append(entries.total(leaf.owner, coefficient))
                else:
                    mine.append(entries.select(leaf.positions, source.size, coefficient))


class _TemplateWalker(Walker):
    """Walks a template; variables are placeholders for a column in each row.

    Attributes:
        places: columns of each placeholder met, by its number.
        references: placeholders of other families met outside atoms, and their coefficients.
    """

    def __init__(self, families: Families, rows: int) -> None:
        super().__init__()
        self.places: list[Ints] = []
        self.references: dict[int, tuple[Any, Coefficient]] = {}
        self._families = families
        self._rows = rows

    def _leaf(self, node: Any) -> Any:
        return self._families.formulation.leaf(node)

    def number(self, node: Any, context: Any = None) -> Coefficient:
        numbers = self._families.formulation.numbers(node)
        return numbers if context is None else numbers.take(context)

    def inverse(self, node: Any) -> Coefficient:
        return 1.0 / self.number(node)

    def column(self, variable: Any, context: Any = None) -> int:
        leaf = self._leaf(variable)
        positions = leaf.positions if context is None else leaf.positions[context]
        columns = self._families.columns[leaf.symbol.name] + positions
        for key, known in enumerate(self.places):
            if known is columns or np.array_equal(known, columns):
                return key
        self.places.append(columns)
        return len(self.places) - 1

    def open(self, node: Any, context: Any) -> tuple[Any, Any]:
        leaf = self._leaf(node)
        if isinstance(leaf, Total):
            raise ScopfError(f"a sum over {leaf.symbol.name} stands inside a nonlinear term")
        if context is None and self._families.forms[leaf.symbol.name].atoms:
            self._families.nested.add(leaf.symbol.name)
        return leaf.symbol.body, leaf.positions if context is None else leaf.positions[context]

    def lifted(self, node: Any, context: Any) -> bool:
        leaf = self._leaf(node)
        return isinstance(leaf, Members) and leaf.symbol.name in self._families.columns

    def add_named(self, node: Any, scale: Coefficient, form: Form) -> None:
        known = self.references.get(id(node))
        total = scale if known is None else known[1] + scale
        self.references[id(node)] = (self._leaf(node), total)

    def atom(self, shape: Shape, columns: tuple[int, ...], numbers: tuple[Coefficient, ...]) -> int:
        used = np.empty((self._rows, len(columns)), dtype=np.int64)
        for k, key in enumerate(columns):
            used[:, k] = self.places[key]
        self._families.add_atoms(shape, used, numbers)
        return len(self._families.atoms) - 1
