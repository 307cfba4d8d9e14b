"""What an optimisation model says, as forms: families at once, and the rest row by row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo

from scopf.algebra import Formulation
from scopf.algebra.formulation import Constraint, Expression, Objective, Parameter, Variable
from scopf.algebra.numbers import Numbers
from scopf.algebra.render import boxes, origin
from scopf.arrays import Flags, Floats, Ints
from scopf.faults import ScopfError, listing
from scopf.nlp.entries import Entries, Part
from scopf.nlp.parameters import Parameters
from scopf.nlp.template import Families, Family
from scopf.nlp.walk import Form, RowWalker, UnsupportedError, Value

_CARRIES_NO_ROWS = (pyo.Var, pyo.Param, pyo.Set, pyo.RangeSet, pyo.Expression, pyo.Suffix)
_UNDERSTOOD = {
    *_CARRIES_NO_ROWS, pyo.Block, pyo.Constraint, pyo.Objective, pyo.BuildAction, pyo.BuildCheck,
    pyo.SetOf,
}  # fmt: skip


@dataclass(frozen=True)
class Content:
    """What is active on a model; compared by identity to see whether it is still the same.

    Attributes:
        formulation: whose families stand on the model as they were made, if any do.
        kept: of each constraint family, which rows nobody touched.
        rows: the other active rows, with their expressions.
        objective: the active objective with its expression and sense; None if it is the family's.
    """

    formulation: Formulation | None
    kept: dict[str, Flags]
    rows: list[tuple[Any, Any]]
    objective: tuple[Any, Any, Any] | None

    def same(self, other: Content) -> bool:
        """Whether nothing was added, removed, switched or given another expression."""
        mine, theirs = self.objective or (), other.objective or ()
        return (
            self.formulation is other.formulation
            and len(self.rows) == len(other.rows)
            and len(mine) == len(theirs)
            and all(a is b for a, b in zip(mine, theirs, strict=True))
            and all(a is b and c is d for (a, c), (b, d) in zip(self.rows, other.rows, strict=True))
            and self.kept.keys() == other.kept.keys()
            and all(np.array_equal(self.kept[name], other.kept[name]) for name in self.kept)
        )


def content(source: Formulation | pyo.ConcreteModel) -> Content:
    """What is active on a formulation or a Pyomo model now.

    Raises:
        ScopfError: naming components that do not compile, or without exactly one objective.
    """
    formulation = source if isinstance(source, Formulation) else origin(source)
    if formulation is not None and formulation.rendering is None:
        kept = {s.name: np.ones(len(s), dtype=bool) for s in formulation.of_kind(Constraint)}
        return Content(formulation, kept, [], None)
    model = source if not isinstance(source, Formulation) else source.model
    _refuse_unknown(model)
    if formulation is not None and not _intact(model, formulation):
        formulation = None
    kept, ours = _kept(model, formulation) if formulation is not None else ({}, set())
    rows = [
        (row, row.expr)
        for row in model.component_data_objects(pyo.Constraint, active=True)
        if id(row) not in ours
    ]
    objective = _objective(model)
    if formulation is not None:
        (name,) = (s.name for s in formulation.of_kind(Objective))
        made = formulation.rendering
        assert made is not None
        own = (made.members[name][0], made.expressions[name][0], pyo.minimize)
        if all(a is b for a, b in zip(objective, own, strict=True)):
            return Content(formulation, kept, rows, None)
    return Content(formulation, kept, rows, objective)


def _intact(model: Any, formulation: Formulation) -> bool:
    """Whether variables, parameters and named expressions are those that were made."""
    made = formulation.rendering
    assert made is not None
    for symbol in formulation.of_kind((Variable, Parameter, Expression)):  # type: ignore[arg-type]
        members = made.members[symbol.name]
        component = model.component(symbol.name)
        if component is None or len(component) != len(members):
            return False
        if component.is_indexed() and any(
            a is not b for a, b in zip(component.values(), members, strict=True)
        ):
            return False
        if isinstance(symbol, Expression):
            given = made.expressions[symbol.name]
            if any(member.args[0] is not e for member, e in zip(members, given, strict=True)):
                return False
    return True


def _kept(model: Any, formulation: Formulation) -> tuple[dict[str, Flags], set[int]]:
    """Rows of the families that are active and untouched, as masks and as ids."""
    made = formulation.rendering
    assert made is not None
    kept: dict[str, Flags] = {}
    ours: set[int] = set()
    for symbol in formulation.of_kind(Constraint):
        component = model.component(symbol.name)
        present = set() if component is None else set(map(id, component.values()))
        given = zip(made.members[symbol.name], made.expressions[symbol.name], strict=True)
        flags = [
            row.active and row.expr is expression and id(row) in present
            for row, expression in given
        ]
        kept[symbol.name] = np.array(flags, dtype=bool)
        ours.update(
            id(row) for row, yes in zip(made.members[symbol.name], flags, strict=True) if yes
        )
    return kept, ours


def _refuse_unknown(model: pyo.ConcreteModel) -> None:
    unknown = [
        f"{component.name} ({component.ctype.__name__})"
        for component in model.component_objects(active=True, descend_into=True)
        if component.ctype not in _UNDERSTOOD
    ]
    if unknown:
        text = "only continuous variables, constraints, objectives and named expressions compile; "
        raise ScopfError(f"{text}the model also has {listing(unknown)}")


def _objective(model: pyo.ConcreteModel) -> tuple[Any, Any, Any]:
    objectives = list(model.component_data_objects(pyo.Objective, active=True))
    if len(objectives) != 1:
        names = f": {listing(o.name for o in objectives)}" if objectives else ""
        raise ScopfError(f"the model needs one active objective, it has {len(objectives)}{names}")
    return objectives[0], objectives[0].expr, objectives[0].sense


class Reading:
    """A model read: columns, rows as linear forms, and atoms.

    Columns are numbered: families' variables, then lifted families, then variables (and lifted
    expressions) that only the walker met.

    Args:
        source: a formulation or a Pyomo model.
        lift: whether nonlinear expressions inside others become variables.

    Attributes:
        content: what was read.
        families: those of the formulation, or None.
        walker: what read the rest.
        rows: Pyomo rows that were walked, in order; family rows come first, in the family's order.
        places: row number of each member of a constraint family, -1 for one that is not a row.
        size, height: number of columns, and of rows without the objective (which comes last).
        linear, couple, constants: entries of all rows.
        atoms: all atoms, in blocks.
        maximize: whether the objective was negated.
    """

    def __init__(self, source: Formulation | pyo.ConcreteModel, lift: bool = False) -> None:
        self._source = source
        self._formulation = source if isinstance(source, Formulation) else origin(source)
        self._column_of: dict[int, int] | None = None
        self._row_of: dict[int, int] | None = None
        self.content = content(source)
        formulation = self.content.formulation
        if formulation is not None:
            formulation.read_model()
        self._read(())
        if lift:
            nested = set(self.walker.nested)
            families = self.families.nested if self.families is not None else set()
            self._read(families, frozenset(nested))
        self._named = [
            (node, node.args[0]) for node in self.walker.nodes if node.is_named_expression_type()
        ]

    def _read(self, lift: Any, lift_nodes: frozenset[int] = frozenset()) -> None:
        formulation = self.content.formulation
        self.families = Families(formulation, lift) if formulation is not None else None
        self.linear: list[Entries] = []
        self.couple: list[Entries] = []
        self.constants: list[Entries] = []
        self.lower: list[Part] = []
        self.upper: list[Part] = []
        self.places: dict[str, Ints] = {}
        self.height = 0
        self.walker = self._walker(lift_nodes)
        if self.families is not None:
            self._add_families(self.families)
        self.rows = [row for row, _ in self.content.rows]
        forms = [self._row_form(row) for row in self.rows]
        self.maximize = False
        objective = self._objective_form()
        self._discrete()
        definitions = self.walker.definitions
        self._add_walked(forms, [form for _, form in definitions], [c for c, _ in definitions])
        self._add_lifted_families()
        self._add_objective(objective)
        self.size = (self.families.size if self.families else 0) + len(self.walker.variables)

    # -- families -------------------------------------------

    def _walker(self, lift: frozenset[int]) -> RowWalker:
        """A walker that knows the families' variables and expressions, if it has any work."""
        families = self.families
        if families is None or not (self.content.rows or self.content.objective):
            return RowWalker(lift)
        made = families.formulation.rendering
        assert made is not None
        columns: dict[int, int] = {}
        known: dict[int, tuple[str, int]] = {}
        for name, members in made.members.items():
            if name in families.columns:
                first = families.columns[name]
                columns.update((id(member), first + k) for k, member in enumerate(members))
            elif name in families.forms and name in made.expressions:
                known.update((id(member), (name, k)) for k, member in enumerate(members))
        readers: dict[str, _RowReader] = {}

        def form(node: Any) -> Form | None:
            place = known.get(id(node))
            if place is None:
                return None
            name, k = place
            if name not in readers:
                readers[name] = _RowReader(families.forms[name], walker.parameters)
            return readers[name].form(k)

        walker = RowWalker(lift, columns, form, families.size, families.count)
        return walker

    def _add_families(self, families: Families) -> None:
        for symbol in families.formulation.of_kind(Constraint):
            kept = np.flatnonzero(self.content.kept[symbol.name])
            places = np.full(len(symbol), -1, dtype=np.int64)
            places[kept] = self.height + np.arange(len(kept))
            self.places[symbol.name] = places
            family = families.forms[symbol.name]
            lower = _side(families.formulation, symbol.lower, -np.inf, len(symbol)).take(kept)
            upper = _side(families.formulation, symbol.upper, np.inf, len(symbol)).take(kept)
            self._append(family, kept)
            self._limit(lower, upper, len(kept))

    def _append(self, family: Family, kept: Ints | None = None) -> None:
        """Put rows of a family below those that are there."""
        for mine, theirs in (
            (self.linear, family.linear),
            (self.couple, family.atoms),
            (self.constants, family.constants),
        ):
            for entries in (part.compact() for part in theirs):
                chosen = (
                    entries
                    if kept is None or len(kept) == family.size
                    else entries.select(kept, family.size, 1.0)
                )
                mine.append(chosen.shifted(self.height))
        self.height += family.size if kept is None else len(kept)

    def _add_lifted_families(self) -> None:
        """Rows expression - variable = 0 of the lifted families."""
        if self.families is None:
            return
        for name in self._lifted_families():
            family = self.families.forms[name]
            everything = np.arange(family.size)
            minus = Entries(everything, self.families.columns[name] + everything, Numbers(-1.0))
            self.linear.append(minus.shifted(self.height))
            self._append(family)
            self._limit(Numbers(0.0), Numbers(0.0), family.size)

    def _lifted_families(self) -> list[str]:
        families = self.families
        return sorted(families.lift, key=lambda n: families.columns[n]) if families else []

    def _lifted_nodes(self) -> list[Any]:
        return [v for v in self.walker.variables if v.is_expression_type()]

    def _limit(self, lower: Numbers, upper: Numbers, rows: int) -> None:
        """Sides of the rows that were appended last."""
        place = slice(self.height - rows, self.height)
        self.lower.append((lower, place))
        self.upper.append((upper, place))

    # -- rows -------------------------------------------

    def _row_form(self, row: Any) -> tuple[Form, Value, Value]:
        try:
            lower, body, upper = row.to_bounded_expression()
            sides = [self._bound(lower, -np.inf), self._bound(upper, np.inf)]
        except ValueError as error:
            raise ScopfError(f"{row.name}: its bounds cannot be evaluated ({error})") from error
        if any(side != side for side in sides if isinstance(side, float)):
            raise ScopfError(f"{row.name}: a bound is not a number")
        return self._form(row, body), sides[0], sides[1]

    def _bound(self, side: Any, open_side: float) -> Value:
        if side is None:
            return open_side
        return self.walker.number(side) if hasattr(side, "is_fixed") else float(side)

    def _form(self, component: Any, expression: Any) -> Form:
        try:
            return self.walker.form(expression)
        except UnsupportedError as error:
            raise ScopfError(f"{component.name} cannot be compiled: {error}") from error
        except ValueError as error:
            raise ScopfError(f"{component.name}: a parameter has no value ({error})") from error
        except ZeroDivisionError as error:
            raise ScopfError(f"{component.name}: division by zero") from error

    def _objective_form(self) -> Form | None:
        if self.content.objective is None:
            return None
        component, expression, sense = self.content.objective
        form = self._form(component, expression)
        self.maximize = sense == pyo.maximize
        if not self.maximize:
            return form
        negated = Form()
        negated.add(form, -1.0)
        return negated

    def _add_walked(
        self,
        forms: list[tuple[Form, Value, Value]],
        definitions: list[Form],
        columns: list[int],
    ) -> None:
        made = [form for form, _, _ in forms]
        for form, column in zip(definitions, columns, strict=True):
            row = Form()
            row.add(form, 1.0)
            row.linear[column] = row.linear.get(column, 0.0) + -1.0
            made.append(row)
        first, zeros = self.height, [0.0] * len(definitions)
        self._append(_gathered(made, self.walker.parameters))
        place = slice(first, first + len(made))
        read = self.walker.parameters.numbers
        self.lower.append((read([lower for _, lower, _ in forms] + zeros), place))
        self.upper.append((read([upper for _, _, upper in forms] + zeros), place))

    def _add_objective(self, form: Form | None) -> None:
        if form is None:
            assert self.families is not None
            (name,) = (s.name for s in self.families.formulation.of_kind(Objective))
            self._append(self.families.forms[name])
        else:
            self._append(_gathered([form], self.walker.parameters))
        self.height -= 1

    # -- variables -------------------------------------------

    def _discrete(self) -> None:
        """Refuse variables that are not continuous, or fixed without a value."""
        members = [v for v in self.walker.variables if not v.is_expression_type()]
        formulation = self.content.formulation
        if formulation is not None and formulation.rendering is not None:
            for symbol in formulation.of_kind(Variable):
                members += formulation.rendering.members[symbol.name]
        discrete = [v.name for v in members if not v.fixed and not v.is_continuous()]
        if discrete:
            raise ScopfError(f"only continuous variables are supported: {listing(discrete)}")
        empty = [v.name for v in members if v.fixed and v.value is None]
        if empty:
            raise ScopfError(f"fixed without a value: {listing(empty)}")

    def boxes(self) -> tuple[Floats, Floats, Floats, Flags]:
        """Lower and upper bounds, values (NaN: none) and whether it is fixed, of every column."""
        lower, upper = np.full(self.size, -np.inf), np.full(self.size, np.inf)
        value, fixed = np.full(self.size, np.nan), np.zeros(self.size, dtype=bool)
        if self.families is not None:
            for symbol in self.families.formulation.of_kind(Variable):
                first = self.families.columns[symbol.name]
                place = slice(first, first + len(symbol))
                lower[place], upper[place] = symbol.lower, symbol.upper
                value[place], fixed[place] = symbol.value, symbol.fixed
        first = self.families.size if self.families is not None else 0
        own = [(first + k, v) for k, v in enumerate(self.walker.variables)]
        own = [(k, v) for k, v in own if not v.is_expression_type()]
        if own:
            places = np.array([k for k, _ in own])
            lower[places], upper[places] = boxes([v for _, v in own])
            value[places] = [np.nan if v.value is None else v.value for _, v in own]
            fixed[places] = [v.fixed for _, v in own]
        return lower, upper, value, fixed

    def definitions(self) -> Ints:
        """Column that each definition row, in order, is about."""
        columns = [np.array([c for c, _ in self.walker.definitions], dtype=np.int64)]
        for name in self._lifted_families():
            assert self.families is not None
            columns.append(self.families.columns[name] + np.arange(self.families.forms[name].size))
        return np.concatenate(columns)

    def lifted(self) -> Flags:
        """Which columns are lifted expressions."""
        flags = np.zeros(self.size, dtype=bool)
        first = 0
        if self.families is not None:
            first = self.families.size
            for name in self.families.lift:
                start = self.families.columns[name]
                flags[start : start + self.families.forms[name].size] = True
        flags[first:] = [v.is_expression_type() for v in self.walker.variables]
        return flags

    # -- finding things again -------------------------------------------

    def current(self) -> bool:
        """Whether the model still says what was read, but for numbers, which are taken over."""
        if not content(self._source).same(self.content):
            return False
        if any(node.args[0] is not expression for node, expression in self._named):
            return False
        if self.families is not None:
            self.families.formulation.read_model()
        self.walker.parameters.refresh()
        return True

    def variable(self, column: int) -> Any:
        """The Pyomo variable of a column."""
        families = self.families
        if families is None or column >= families.size:
            return self.walker.variables[column - (families.size if families else 0)]
        name, first = next((n, f) for n, f in reversed(families.columns.items()) if f <= column)
        families.formulation.model  # noqa: B018 - made if it was not
        assert families.formulation.rendering is not None
        return families.formulation.rendering.members[name][column - first]

    def columns_of(self, members: str | Iterable[Any]) -> Ints:
        """Column of each member of a family, or of each variable; -1 for an unknown one."""
        families = self.families
        if isinstance(members, str) and families is not None and members in families.columns:
            first = families.columns[members]
            return first + np.arange(len(families.formulation[members]))
        if self._column_of is None:
            self._column_of = {
                id(v): k for k, v in enumerate(self.variable(c) for c in range(self.size))
            }
        return _numbers(self._column_of, self._members(members))

    def rows_of(self, members: str | Iterable[Any]) -> Ints:
        """Row of each member of a family, or of each constraint; -1 for one that is none."""
        rendering = self._rendering()
        if isinstance(members, str) and members in self.places:
            places = self.places[members]
            if (places >= 0).all() or rendering is None:
                return places
        if self._row_of is None:
            self._row_of = {id(row): k for k, row in enumerate(self.row_objects())}
        return _numbers(self._row_of, self._members(members))

    def _rendering(self) -> Any:
        formulation = self._formulation
        return formulation.rendering if formulation is not None else None

    def _members(self, members: str | Iterable[Any]) -> Any:
        """Present members of a component, in the order of its family; None for one that is gone."""
        if not isinstance(members, str):
            return members
        component = self._model().component(members)
        if component is None:
            return [None] * len(self._formulation[members]) if self._formulation else []
        if self._formulation is None or members not in self._formulation:
            return component.values()
        index = self._formulation[members].index
        return [component._data.get(key) for key in index.keys] if index else component.values()

    def _model(self) -> Any:
        return self._formulation.model if self._formulation is not None else self._source

    def row_objects(self) -> list[Any]:
        """Pyomo constraint of every row that has one."""
        found = []
        if self.families is not None:
            self._model()
            members = self._rendering().members
            for name, places in self.places.items():
                found += [row for row, k in zip(members[name], places, strict=True) if k >= 0]
        return found + self.rows

    def row_names(self) -> list[str]:
        """Name of every row."""
        names: list[str] = []
        if self.families is not None:
            for name, places in self.places.items():
                index = self.families.formulation[name].index
                names += [
                    f"{name}[{_label(key)}]"
                    for key, k in zip(index.keys, places, strict=True)
                    if k >= 0
                ]
        names += [row.name for row in self.rows]
        names += [f"definition of {getattr(v, 'name', 'a sum')}" for v in self._lifted_nodes()]
        for name in self._lifted_families():
            index = self.families.formulation[name].index  # type: ignore[union-attr]
            names += [f"definition of {name}[{_label(key)}]" for key in index.keys]
        return names

    def values_of(self, name: str, columns: Floats, atoms: Floats, where: Ints) -> Floats:
        """Values of the members of a named expression; by Pyomo where no row uses it."""
        if self.families is not None:
            found = self.families.forms[name].values(columns, atoms, where)
            if not np.isnan(found).any():
                return found
        values = []
        for member in self._members(name):
            form = self.walker.named.get(id(member))
            if form is None:
                values.append(float(pyo.value(member)))
            else:
                values.append(
                    float(
                        _gathered([form], self.walker.parameters).values(columns, atoms, where)[0]
                    )
                )
        return np.array(values, dtype=np.float64)

    def write(self, columns: Floats, used: Flags) -> None:
        """Give the variables these values, where they are used."""
        if self._formulation is not None:
            for symbol in self._formulation.of_kind(Variable):
                if self.families is not None:
                    first = self.families.columns[symbol.name]
                    place = slice(first, first + len(symbol))
                    symbol.value[:] = np.where(used[place], columns[place], symbol.value)
                    if self._rendering() is not None:
                        self._rendering().write(symbol)
        first = self.families.size if self.families is not None else 0
        for k, variable in enumerate(self.walker.variables, start=first):
            if used[k] and not variable.is_expression_type() and not variable.fixed:
                variable.set_value(float(columns[k]), skip_validation=True)


def _numbers(number_of: dict[int, int], members: Iterable[Any]) -> Ints:
    return np.array([number_of.get(id(data), -1) for data in members], dtype=np.int64)


def _label(key: Any) -> str:
    return ",".join(map(str, key)) if isinstance(key, tuple) else str(key)


class _RowReader:
    """Gives single rows of a family as forms."""

    def __init__(self, family: Family, parameters: Parameters) -> None:
        self._parameters = parameters
        self._kinds = []
        for parts in (family.linear, family.atoms, family.constants):
            found: dict[int, list[tuple[int, Entries, int]]] = defaultdict(list)
            for entries in (part.compact() for part in parts):
                for k, (row, target) in enumerate(
                    zip(entries.rows.tolist(), entries.targets.tolist(), strict=True)
                ):
                    found[row].append((target, entries, k))
            self._kinds.append(found)

    def form(self, row: int) -> Form:
        """One row."""
        form = Form()
        linear, atoms, constants = self._kinds
        for kind, into in ((linear, form.linear), (atoms, form.atoms)):
            for target, entries, k in kind.get(row, ()):
                into[target] = into.get(target, 0.0) + self._one(entries.numbers, k)
        for _, entries, k in constants.get(row, ()):
            form.constant += self._one(entries.numbers, k)
        return form

    def _one(self, numbers: Numbers, k: int) -> Value:
        one = numbers.take(np.array([k]))
        if one.moving:
            return self._parameters.add(lambda: float(one.values()[0]))
        return float(one.values()[0])


def _side(formulation: Formulation, side: Any, open_side: float, rows: int) -> Numbers:
    return Numbers(np.full(rows, open_side)) if side is None else formulation.numbers(side)


def _gathered(forms: list[Form], parameters: Parameters) -> Family:
    """Single forms as a family."""
    family = Family(len(forms))

    def gather(kind: list[Entries], items: list[tuple[int, int, Any]]) -> None:
        if items:
            rows, targets, values = zip(*items, strict=True)
            where = np.array(rows, dtype=np.int64), np.array(targets, dtype=np.int64)
            kind.append(Entries(*where, parameters.numbers(values)))

    rows = list(enumerate(forms))
    gather(family.linear, [(r, c, v) for r, f in rows for c, v in f.linear.items()])
    gather(family.atoms, [(r, a, v) for r, f in rows for a, v in f.atoms.items()])
    gather(family.constants, [(r, 0, f.constant) for r, f in rows])
    return family
