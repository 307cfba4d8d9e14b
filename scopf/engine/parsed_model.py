"""An optimisation model parsed into linear forms: families at once, the rest row by row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.engine.coefficients import Parameters
from scopf.engine.expressions import Coefficient, Form, UnsupportedError
from scopf.engine.families import Families, Family
from scopf.engine.formulation import Formulation, origin
from scopf.engine.numbers import Numbers
from scopf.engine.pyomo_types import Member, Node
from scopf.engine.row_walker import RowWalker
from scopf.engine.snapshot import snapshot
from scopf.engine.symbols import Bound, Constraint, Objective, Variable
from scopf.engine.templates import numbers
from scopf.engine.triplets import Part, Triplets
from scopf.errors import ScopfError, listing

if TYPE_CHECKING:
    import pyomo.environ as pyo


class ParsedModel:
    """Columns of a model, its rows as linear forms, and the atoms in them.

    Columns are numbered: families' variables, then lifted families, then variables (and lifted
    expressions) that only the walker met.

    Args:
        source: a formulation or a Pyomo model.
        lift: whether nonlinear expressions inside others become variables.

    Attributes:
        snapshot: of the model as it was parsed.
        families: of the formulation, parsed; None for another model.
        walker: with the variables and atoms of everything else.
        rows: Pyomo rows that were walked, in order; they come after the families' rows.
        places: row number of each member of a constraint family, -1 for one that is not a row.
        size, height: number of columns, and of rows without the objective (which comes last).
        linear, nonlinear, constants: triplets of all rows.
        maximize: whether the objective was negated.
    """

    def __init__(self, source: Formulation | pyo.ConcreteModel, lift: bool = False) -> None:
        self._source = source
        self.snapshot = snapshot(source)
        self._read_numbers()
        self._read(())
        if lift:
            nested = set(self.walker.nested)
            families = self.families.nested if self.families is not None else set()
            self._read(families, frozenset(nested))
        self._named = [
            (node, node.args[0]) for node in self.walker.nodes if node.is_named_expression_type()
        ]

    def _read(self, lift: Iterable[str], lift_nodes: frozenset[int] = frozenset()) -> None:
        formulation = self.snapshot.formulation
        self.families = Families(formulation, lift) if formulation is not None else None
        self.linear: list[Triplets] = []
        self.nonlinear: list[Triplets] = []
        self.constants: list[Triplets] = []
        self.lower: list[Part] = []
        self.upper: list[Part] = []
        self.places: dict[str, Ints] = {}
        self.height = 0
        self.walker = self._walker(lift_nodes)
        if self.families is not None:
            self._add_families(self.families)
        self.rows = [row for row, _ in self.snapshot.rows]
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
        if families is None or not (self.snapshot.rows or self.snapshot.objective):
            return RowWalker(lift)
        made = families.formulation.rendered()
        columns: dict[int, int] = {}
        known: dict[int, tuple[str, int]] = {}
        for name, members in made.members.items():
            if name in families.columns:
                first = families.columns[name]
                columns.update((id(member), first + k) for k, member in enumerate(members))
            elif name in families.forms and name in made.expressions:
                known.update((id(member), (name, k)) for k, member in enumerate(members))
        readers: dict[str, _RowReader] = {}

        def form(node: Node) -> Form | None:
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
            kept = np.flatnonzero(self.snapshot.kept[symbol.name])
            places = np.full(len(symbol), -1, dtype=np.int64)
            places[kept] = self.height + np.arange(len(kept))
            self.places[symbol.name] = places
            family = families.forms[symbol.name]
            lower = _bounds(symbol.lower, -np.inf, len(symbol)).take(kept)
            upper = _bounds(symbol.upper, np.inf, len(symbol)).take(kept)
            self._append(family, kept)
            self._limit(lower, upper, len(kept))

    def _append(self, family: Family, kept: Ints | None = None) -> None:
        """Put rows of a family below those that are there."""
        for mine, theirs in (
            (self.linear, family.linear),
            (self.nonlinear, family.atoms),
            (self.constants, family.constants),
        ):
            for triplets in theirs:
                chosen = (
                    triplets
                    if kept is None or len(kept) == family.size
                    else triplets.select(kept, family.size, 1.0)
                )
                mine.append(chosen.shifted(self.height))
        self.height += family.size if kept is None else len(kept)

    def _add_lifted_families(self) -> None:
        """Rows expression - variable = 0 of the lifted families."""
        if self.families is None:
            return
        for name in self.lifted_families():
            family = self.families.forms[name]
            everything = np.arange(family.size)
            minus = Triplets(everything, self.families.columns[name] + everything, Numbers(-1.0))
            self.linear.append(minus.shifted(self.height))
            self._append(family)
            self._limit(Numbers(0.0), Numbers(0.0), family.size)

    def lifted_families(self) -> list[str]:
        """Names of the expression families that became variables, in order of their columns."""
        families = self.families
        return sorted(families.lift, key=lambda n: families.columns[n]) if families else []

    def lifted_nodes(self) -> list[Node]:
        """Walked expressions that became variables, in order of their columns."""
        return [v for v in self.walker.variables if v.is_expression_type()]

    def _limit(self, lower: Numbers, upper: Numbers, rows: int) -> None:
        """Give the rows that were appended last their bounds."""
        place = slice(self.height - rows, self.height)
        self.lower.append((lower, place))
        self.upper.append((upper, place))

    # -- rows -------------------------------------------

    def _row_form(self, row: Member) -> tuple[Form, Coefficient, Coefficient]:
        try:
            lower, body, upper = row.to_bounded_expression()
            limits = [self._bound(lower, -np.inf), self._bound(upper, np.inf)]
        except ValueError as error:
            raise ScopfError(f"{row.name}: its bounds cannot be evaluated ({error})") from error
        if any(limit != limit for limit in limits if isinstance(limit, float)):
            raise ScopfError(f"{row.name}: a bound is not a number")
        return self._form(row, body), limits[0], limits[1]

    def _bound(self, bound: Node, unbounded: float) -> Coefficient:
        if bound is None:
            return unbounded
        return self.walker.number(bound) if hasattr(bound, "is_fixed") else float(bound)

    def _form(self, component: Member, expression: Node) -> Form:
        try:
            return self.walker.form(expression)
        except UnsupportedError as error:
            raise ScopfError(f"{component.name} cannot be compiled: {error}") from error
        except ValueError as error:
            raise ScopfError(f"{component.name}: a parameter has no value ({error})") from error
        except ZeroDivisionError as error:
            raise ScopfError(f"{component.name}: division by zero") from error

    def _objective_form(self) -> Form | None:
        if self.snapshot.objective is None:
            return None
        component, expression, sense = self.snapshot.objective
        form = self._form(component, expression)
        self.maximize = sense < 0
        if not self.maximize:
            return form
        negated = Form()
        negated.add(form, -1.0)
        return negated

    def _add_walked(
        self,
        forms: list[tuple[Form, Coefficient, Coefficient]],
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
        self._append(gathered(made, self.walker.parameters))
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
            self._append(gathered([form], self.walker.parameters))
        self.height -= 1

    # -- variables -------------------------------------------

    def _discrete(self) -> None:
        """Refuse variables that are not continuous, or fixed without a value."""
        members = [v for v in self.walker.variables if not v.is_expression_type()]
        formulation = self.snapshot.formulation
        if formulation is not None and formulation.rendering is not None:
            for symbol in formulation.of_kind(Variable):
                members += formulation.rendering.members[symbol.name]
        discrete = [v.name for v in members if not v.fixed and not v.is_continuous()]
        if discrete:
            raise ScopfError(f"only continuous variables are supported: {listing(discrete)}")
        empty = [v.name for v in members if v.fixed and v.value is None]
        if empty:
            raise ScopfError(f"fixed without a value: {listing(empty)}")

    def columns(self) -> tuple[Floats, Floats, Floats, Flags]:
        """Lower and upper bound, value (NaN: none) and fixed flag of every column."""
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
            from scopf.engine.pyomo_model import bounds

            places = np.array([k for k, _ in own])
            lower[places], upper[places] = bounds([v for _, v in own])
            value[places] = [np.nan if v.value is None else v.value for _, v in own]
            fixed[places] = [v.fixed for _, v in own]
        return lower, upper, value, fixed

    def definitions(self) -> Ints:
        """Column of the lifted variable that each definition row defines, in order."""
        columns = [np.array([c for c, _ in self.walker.definitions], dtype=np.int64)]
        for name in self.lifted_families():
            assert self.families is not None
            columns.append(self.families.columns[name] + np.arange(self.families.forms[name].size))
        return np.concatenate(columns)

    def lifted(self) -> Flags:
        """Mask of the columns that are lifted expressions."""
        flags = np.zeros(self.size, dtype=bool)
        first = 0
        if self.families is not None:
            first = self.families.size
            for name in self.families.lift:
                start = self.families.columns[name]
                flags[start : start + self.families.forms[name].size] = True
        flags[first:] = [v.is_expression_type() for v in self.walker.variables]
        return flags

    def current(self) -> bool:
        """Whether nothing but numbers has changed on the model; these are read again."""
        if not snapshot(self._source).same(self.snapshot):
            return False
        if any(node.args[0] is not expression for node, expression in self._named):
            return False
        self._discrete()
        self._read_numbers()
        self.walker.parameters.refresh()
        return True

    def _read_numbers(self) -> None:
        """Read the numbers on a formulation's model into it, even if its rows are walked."""
        formulation = (
            self._source if isinstance(self._source, Formulation) else origin(self._source)
        )
        if formulation is not None:
            formulation.read_model()


class _RowReader:
    """Single rows of a family as forms."""

    def __init__(self, family: Family, parameters: Parameters) -> None:
        self._parameters = parameters
        self._kinds = []
        for parts in (family.linear, family.atoms, family.constants):
            found: dict[int, list[tuple[int, Triplets, int]]] = defaultdict(list)
            for triplets in parts:
                for k, (row, target) in enumerate(
                    zip(triplets.rows.tolist(), triplets.targets.tolist(), strict=True)
                ):
                    found[row].append((target, triplets, k))
            self._kinds.append(found)

    def form(self, row: int) -> Form:
        """One row."""
        form = Form()
        linear, atoms, constants = self._kinds
        for kind, into in ((linear, form.linear), (atoms, form.atoms)):
            for target, triplets, k in kind.get(row, ()):
                into[target] = into.get(target, 0.0) + self._one(triplets.numbers, k)
        for _, triplets, k in constants.get(row, ()):
            form.constant += self._one(triplets.numbers, k)
        return form

    def _one(self, numbers: Numbers, k: int) -> Coefficient:
        one = numbers.take(np.array([k]))
        if one.moving:
            return self._parameters.add(lambda: float(one.values()[0]))
        return float(one.values()[0])


def _bounds(bound: Bound, unbounded: float, rows: int) -> Numbers:
    return Numbers(np.full(rows, unbounded)) if bound is None else numbers(bound)


def gathered(forms: list[Form], parameters: Parameters) -> Family:
    """Single forms as a family."""
    family = Family(len(forms))

    def gather(kind: list[Triplets], items: list[tuple[int, int, Coefficient]]) -> None:
        if items:
            rows, targets, values = zip(*items, strict=True)
            where = np.array(rows, dtype=np.int64), np.array(targets, dtype=np.int64)
            kind.append(Triplets(*where, parameters.numbers(values)).compact())

    rows = list(enumerate(forms))
    gather(family.linear, [(r, c, v) for r, f in rows for c, v in f.linear.items()])
    gather(family.atoms, [(r, a, v) for r, f in rows for a, v in f.atoms.items()])
    gather(family.constants, [(r, 0, f.constant) for r, f in rows])
    return family
