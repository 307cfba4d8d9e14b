"""Names of the variables, rows and named expressions of a model, and their places in arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.engine.formulation import Formulation, origin
from scopf.engine.parsed_model import ParsedModel, gathered
from scopf.engine.pyomo_types import Member
from scopf.engine.symbols import Key, Variable
from scopf.errors import ScopfError

if TYPE_CHECKING:
    import pyomo.environ as pyo

    from scopf.engine.pyomo_model import Rendering


class NameMap:
    """From names of components, or Pyomo objects, to columns and rows, and back.

    Args:
        source: a formulation or a Pyomo model.
        parsed: the same, parsed.
    """

    def __init__(self, source: Formulation | pyo.ConcreteModel, parsed: ParsedModel) -> None:
        self._source, self._parsed = source, parsed
        self._formulation = source if isinstance(source, Formulation) else origin(source)
        self._column_of: dict[int, int] | None = None
        self._row_of: dict[int, int] | None = None

    @property
    def is_settled(self) -> bool:
        """Whether there is no Pyomo model on which a user could change rows and variables."""
        return self._formulation is not None and self._formulation.rendering is None

    def variable(self, column: int) -> Member:
        """The Pyomo variable of a column."""
        families = self._parsed.families
        if families is None or column >= families.size:
            return self._parsed.walker.variables[column - (families.size if families else 0)]
        name, first = next((n, f) for n, f in reversed(families.columns.items()) if f <= column)
        return families.formulation.rendered().members[name][column - first]

    def columns_of(self, members: str | Iterable[Member]) -> Ints:
        """Column of each member of a family, or of each variable; -1 for an unknown one."""
        families = self._parsed.families
        if isinstance(members, str) and families is not None and members in families.columns:
            first = families.columns[members]
            return first + np.arange(len(families.formulation[members]))
        if self._column_of is None:
            self._column_of = {
                id(v): k for k, v in enumerate(self.variable(c) for c in range(self._parsed.size))
            }
        return _places(self._column_of, self._members(members))

    def rows_of(self, members: str | Iterable[Member]) -> Ints:
        """Row of each member of a family, or of each constraint; -1 for one that is none."""
        rendering = self._rendering()
        if isinstance(members, str) and members in self._parsed.places:
            places = self._parsed.places[members]
            if (places >= 0).all() or rendering is None:
                return places
        if self._row_of is None:
            self._row_of = {id(row): k for k, row in enumerate(self.row_objects())}
        return _places(self._row_of, self._members(members))

    def replaced(self, name: str) -> Flags:
        """Mask of the members of a family that are rows with an expression of the user's."""
        rendering = self._rendering()
        if rendering is None:
            return np.zeros(len(self.rows_of(name)), dtype=bool)
        given = zip(self._members(name), rendering.expressions[name], strict=True)
        other = [member is not None and member.expr is not made for member, made in given]
        return np.array(other, dtype=bool) & (self.rows_of(name) >= 0)

    def _rendering(self) -> Rendering | None:
        formulation = self._formulation
        return formulation.rendering if formulation is not None else None

    def _members(self, members: str | Iterable[Member]) -> Iterable[Member | None]:
        """Members of a component, in the order of its family; None for one that was deleted."""
        if not isinstance(members, str):
            # of a component, or a list
            found: Iterable[Member] = getattr(members, "values", lambda: members)()
            return found
        component = self._model().component(members)
        if component is None and (self._formulation is None or members not in self._formulation):
            raise ScopfError(f"the model has no component {members!r}")
        if component is None:
            return [None] * len(self._formulation[members]) if self._formulation else []
        if self._formulation is None or members not in self._formulation:
            return list(component.values())
        index = self._formulation[members].index
        present = dict(component.items())
        return [present.get(key) for key in (index.keys if index else present)]

    def _model(self) -> pyo.ConcreteModel:
        return self._formulation.model if self._formulation is not None else self._source

    def row_objects(self) -> list[Member]:
        """Pyomo constraint of every row that has one."""
        found = []
        if self._parsed.families is not None:
            members = self._parsed.families.formulation.rendered().members
            for name, places in self._parsed.places.items():
                found += [row for row, k in zip(members[name], places, strict=True) if k >= 0]
        return found + self._parsed.rows

    def added(self) -> tuple[Ints, list[str]]:
        """Rows that no family gave: number, those of families first, and name of each."""
        parsed, rendering = self._parsed, self._rendering()
        if not parsed.rows:
            return np.zeros(0, dtype=np.int64), []
        ours = set()
        if rendering is not None:
            ours = {id(made) for family in rendering.expressions.values() for made in family}
        first = sum(int((places >= 0).sum()) for places in parsed.places.values())
        found = [(first + k, r.name) for k, r in enumerate(parsed.rows) if id(r.expr) not in ours]
        return np.array([row for row, _ in found], dtype=np.int64), [name for _, name in found]

    def row_names(self) -> list[str]:
        """Name of every row."""
        parsed, families = self._parsed, self._parsed.families
        names: list[str] = []
        if families is not None:
            for name, places in parsed.places.items():
                keys = families.formulation[name].index.keys
                names += [
                    f"{name}[{_label(key)}]" for key, k in zip(keys, places, strict=True) if k >= 0
                ]
        names += [row.name for row in parsed.rows]
        names += [f"definition of {getattr(v, 'name', 'a sum')}" for v in parsed.lifted_nodes()]
        if families is not None:
            for name in parsed.lifted_families():
                keys = families.formulation[name].index.keys
                names += [f"definition of {name}[{_label(key)}]" for key in keys]
        return names

    def values_of(self, name: str, columns: Floats, atoms: Floats, where: Ints) -> Floats:
        """Values of the members of a named expression; by Pyomo where no row uses it."""
        families, walker = self._parsed.families, self._parsed.walker
        if families is not None:
            found = families.forms[name].values(columns, atoms, where)
            if not np.isnan(found).any():
                return found
        from pyomo.environ import value

        values = []
        for member in self._members(name):
            form = walker.named.get(id(member))
            if member is None:  # deleted
                values.append(np.nan)
            elif form is None:
                values.append(float(value(member)))
            else:
                one = gathered([form], walker.parameters).values(columns, atoms, where)
                values.append(float(one[0]))
        return np.array(values, dtype=np.float64)

    def write(self, columns: Floats, used: Flags) -> None:
        """Give the variables these values, where they are used."""
        families, formulation = self._parsed.families, self._formulation
        first = families.size if families is not None else 0
        for k, variable in enumerate(self._parsed.walker.variables, start=first):
            if used[k] and not variable.is_expression_type() and not variable.fixed:
                variable.set_value(float(columns[k]), skip_validation=True)
        if families is None:
            if formulation is not None:
                formulation.read_model()  # its families were walked like anything else
            return
        for symbol in families.formulation.of_kind(Variable):
            start = families.columns[symbol.name]
            place = slice(start, start + len(symbol))
            symbol.value[:] = np.where(used[place], columns[place], symbol.value)
            if families.formulation.rendering is not None:
                families.formulation.rendering.write(symbol)


def _places(number_of: dict[int, int], members: Iterable[Member | None]) -> Ints:
    return np.array([number_of.get(id(data), -1) for data in members], dtype=np.int64)


def _label(key: Key) -> str:
    return ",".join(map(str, key)) if isinstance(key, tuple) else str(key)
