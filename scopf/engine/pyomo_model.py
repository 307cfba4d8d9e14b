"""A formulation as a Pyomo model.

Rows are made family by family, node by node of the template, for all rows at once: one list of
arguments in, one list of nodes out. Components are filled with their data objects directly, because
the public route through rules costs ten times as much; what results is the same model.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np
import pyomo.core.expr.numeric_expr as nodes
import pyomo.core.expr.relational_expr as relations
import pyomo.environ as pyo

from scopf.arrays import Floats
from scopf.engine import private
from scopf.engine.pyomo_types import Component, Member, Node
from scopf.engine.symbols import (
    Bound,
    Constraint,
    Data,
    Declarations,
    Expression,
    Objective,
    Parameter,
    Symbol,
    Total,
    Variable,
)

_NUMBERS = (int, float)


class Origin:
    """Link from a model to the formulation that it was made from; a copy of the model has none."""

    def __init__(self, formulation: Declarations | None = None) -> None:
        self.formulation = formulation

    def __reduce__(self) -> tuple[type[Origin], tuple[()]]:
        return (Origin, ())


class Rendering:
    """A Pyomo model made from a formulation.

    Attributes:
        model: the ConcreteModel.
        members: Pyomo data objects of each family, in order.
        expressions: expression that each row, named expression and objective was given.
    """

    def __init__(self, formulation: Declarations) -> None:
        self.members: dict[str, list[Member]] = {}
        self.expressions: dict[str, Sequence[Node]] = {}
        self._formulation = formulation
        m = self.model = pyo.ConcreteModel(name=formulation.name)
        for index in formulation.indices.values():
            keys = index.keys
            dimen = len(keys[0]) if keys and isinstance(keys[0], tuple) else 1
            m.add_component(index.name, pyo.Set(initialize=keys, dimen=dimen))
        makers: dict[type, Any] = {
            Parameter: self._parameters,
            Variable: self._variables,
            Expression: self._named,
            Constraint: self._rows,
            Objective: self._objective,
        }
        for symbol in formulation.symbols.values():
            makers[type(symbol)](m, symbol)
        m._origin = Origin(formulation)

    def values(self, symbol: Parameter) -> Floats:
        """Values that parameters have on the model."""
        return np.array([member.value for member in self.members[symbol.name]], dtype=np.float64)

    def read(self) -> None:
        """Read parameters, bounds, values and fixed flags from the model."""
        for symbol in self._formulation.symbols.values():
            members = self.members.get(symbol.name, [])
            if isinstance(symbol, Parameter):
                symbol.values[:] = self.values(symbol)
            elif isinstance(symbol, Variable):
                symbol.lower[:], symbol.upper[:] = bounds(members)
                symbol.value[:] = [np.nan if v.value is None else v.value for v in members]
                symbol.fixed[:] = [v.fixed for v in members]

    def write(self, symbol: Parameter | Variable) -> None:
        """Give parameters or variables on the model the values of their family."""
        members = self.members[symbol.name]
        if isinstance(symbol, Parameter):
            for member, value in zip(members, symbol.values.tolist(), strict=True):
                member.set_value(value)
        else:
            for member, value in zip(members, symbol.value.tolist(), strict=True):
                member.set_value(value, skip_validation=True)

    # -- components -------------------------------------------

    def _component(
        self, m: pyo.ConcreteModel, symbol: Symbol, kind: type[Component], **options: Any
    ) -> Component:
        sets = () if symbol.index is None else (m.component(symbol.index.name),)
        component = kind(*sets, **options)
        m.add_component(symbol.name, component)
        return component

    def _fill(self, component: Component, symbol: Symbol, members: list[Member]) -> None:
        assert symbol.index is not None
        private.fill(component, symbol.index.keys, members)
        self.members[symbol.name] = members

    def _parameters(self, m: pyo.ConcreteModel, symbol: Parameter) -> None:
        values = symbol.values.tolist()
        if symbol.index is None:
            component = self._component(
                m, symbol, pyo.Param, mutable=True, initialize=values[0], within=pyo.Reals
            )
            self.members[symbol.name] = [component]
            return
        component = self._component(m, symbol, pyo.Param, mutable=True, within=pyo.Reals)
        self._fill(component, symbol, private.parameters(component, values))

    def _variables(self, m: pyo.ConcreteModel, symbol: Variable) -> None:
        component = self._component(m, symbol, pyo.Var, dense=False)
        columns = (_or_none(symbol.lower), _or_none(symbol.upper), symbol.value.tolist())
        members = private.variables(component, *columns)
        for position in np.flatnonzero(symbol.fixed).tolist():
            members[position].fix()
        self._fill(component, symbol, members)

    def _named(self, m: pyo.ConcreteModel, symbol: Expression) -> None:
        component = self._component(m, symbol, pyo.Expression)
        expressions = self._column(symbol.body, len(symbol), {})
        self._fill(component, symbol, private.expressions(component, expressions))
        self.expressions[symbol.name] = expressions

    def _rows(self, m: pyo.ConcreteModel, symbol: Constraint) -> None:
        component = self._component(m, symbol, pyo.Constraint)
        n = len(symbol)
        bodies = self._column(symbol.body, n, {})
        lower, upper = (self._bounds(bound, n) for bound in (symbol.lower, symbol.upper))
        if symbol.lower is symbol.upper:
            equal = relations.EqualityExpression
            expressions = [equal(row) for row in zip(bodies, upper, strict=True)]
        else:
            expressions = [_relation(*row) for row in zip(lower, bodies, upper, strict=True)]
        self._fill(component, symbol, private.constraints(component, expressions))
        self.expressions[symbol.name] = expressions

    def _objective(self, m: pyo.ConcreteModel, symbol: Objective) -> None:
        (expression,) = self._column(symbol.body, 1, {})
        component = self._component(m, symbol, pyo.Objective, expr=expression)
        self.members[symbol.name] = [component]
        self.expressions[symbol.name] = [component.expr]

    # -- expressions -------------------------------------------

    def _column(self, node: Node, n: int, known: dict[int, Sequence[Node]]) -> Sequence[Node]:
        """The node as it is in each of n rows."""
        if node.__class__ in _NUMBERS:
            return [node] * n
        found = known.get(id(node))
        if found is None:
            found = known[id(node)] = self._make(node, n, known)
        return found

    def _make(self, node: Node, n: int, known: dict[int, Sequence[Node]]) -> Sequence[Node]:
        leaf = self._formulation.leaf(node)
        if isinstance(leaf, Data):
            return _spread(leaf.numbers.values(), n)
        if isinstance(leaf, Total):
            return self._totals(leaf)
        if leaf is not None:
            members = self.members[leaf.symbol.name]
            places = leaf.positions.tolist()
            return [members[place] for place in places] * (1 if len(places) == n else n)
        if not node.is_potentially_variable():
            numbers = self._formulation.numbers(node)
            if not numbers.moving:
                return _spread(numbers.values(), n)
        columns = [self._column(argument, n, known) for argument in node.args]
        make = node.create_node_with_local_data
        if isinstance(node, (nodes.SumExpressionBase, nodes.LinearExpression)):
            return [make(list(row)) for row in zip(*columns, strict=True)]
        return [make(row) for row in zip(*columns, strict=True)]

    def _totals(self, leaf: Total) -> list[Node]:
        """Sums of the members of each owner; no member is a zero."""
        terms: list[list[Node]] = [[] for _ in range(leaf.rows)]
        for member, owner in zip(self.members[leaf.symbol.name], leaf.owner.tolist(), strict=True):
            if owner >= 0:
                terms[owner].append(member)
        kind = nodes.LinearExpression if isinstance(leaf.symbol, Variable) else nodes.SumExpression
        return [kind(row) if len(row) > 1 else row[0] if row else 0 for row in terms]

    def _bounds(self, bound: Bound, n: int) -> Sequence[Node]:
        if bound is None:
            return list(repeat(None, n))
        if isinstance(bound, np.ndarray):
            return _or_none(bound)
        return self._column(bound, n, {})


def _relation(lower: Node, body: Node, upper: Node) -> Node:
    if lower is None:
        return relations.InequalityExpression((body, upper), False)
    if upper is None:
        return relations.InequalityExpression((lower, body), False)
    return relations.RangedExpression((lower, body, upper), False)


def _or_none(values: Floats) -> list[float | None]:
    """Bounds as Pyomo has them: None where there is none."""
    return [v if np.isfinite(v) else None for v in values.tolist()]


def _spread(values: Floats, n: int) -> list[float]:
    numbers: list[float] = values.tolist()
    return numbers * (n if len(values) < n else 1)


def bounds(variables: Sequence[Member]) -> tuple[Floats, Floats]:
    """Lower and upper bounds of Pyomo variables, infinite where there is none."""
    pairs = [v.bounds for v in variables]
    lower = np.array([-np.inf if lb is None else lb for lb, _ in pairs], dtype=np.float64)
    upper = np.array([np.inf if ub is None else ub for _, ub in pairs], dtype=np.float64)
    return lower, upper
