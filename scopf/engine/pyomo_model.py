"""A formulation as a Pyomo model.

Rows are made family by family, node by node of the template, for all rows at once: one list of
arguments in, one list of nodes out. Components are filled with their data objects directly, because
the public route through rules costs ten times as much; what results is the same model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    Leaf,
    Members,
    Objective,
    Parameter,
    Symbol,
    Total,
    Variable,
)
from scopf.engine.templates import (
    NEGATION,
    NUMBER,
    POWER,
    PRODUCT,
    QUOTIENT,
    SUM,
    VARIABLE,
    Operation,
    is_constant,
    kind,
)

_KINDS: dict[str, Any] = {  # for operands with variables, and without
    PRODUCT: (nodes.ProductExpression, nodes.NPV_ProductExpression),
    QUOTIENT: (nodes.DivisionExpression, nodes.NPV_DivisionExpression),
    NEGATION: (nodes.NegationExpression, nodes.NPV_NegationExpression),
    POWER: (nodes.PowExpression, nodes.NPV_PowExpression),
}


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
        self, m: pyo.ConcreteModel, symbol: Symbol, make: type[Component], **options: Any
    ) -> Component:
        sets = () if symbol.index is None else (m.component(symbol.index.name),)
        component = make(*sets, **options)
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
        if kind(node) == NUMBER:
            return [node] * n
        found = known.get(id(node))
        if found is None:
            found = known[id(node)] = self._make(node, n, known)
        return found

    def _make(
        self, node: Operation | Leaf, n: int, known: dict[int, Sequence[Node]]
    ) -> Sequence[Node]:
        if isinstance(node, Data):
            return _spread(node.numbers.values(), n)
        if isinstance(node, Total):
            return self._totals(node)
        if isinstance(node, Members):
            members = self.members[node.symbol.name]
            places = node.positions.tolist()
            return [members[place] for place in places] * (1 if len(places) == n else n)
        if is_constant(node) and not node.numbers.moving:
            return _spread(node.numbers.values(), n)
        columns = [self._column(argument, n, known) for argument in node.args]
        make = _maker(node)
        return [make(row) for row in zip(*columns, strict=True)]

    def _totals(self, leaf: Total) -> list[Node]:
        """Sums of the members of each owner; no member is a zero."""
        terms: list[list[Node]] = [[] for _ in range(leaf.rows)]
        for member, owner in zip(self.members[leaf.symbol.name], leaf.owner.tolist(), strict=True):
            if owner >= 0:
                terms[owner].append(member)
        make = nodes.LinearExpression if isinstance(leaf.symbol, Variable) else nodes.SumExpression
        return [make(row) if len(row) > 1 else row[0] if row else 0 for row in terms]

    def _bounds(self, bound: Bound, n: int) -> Sequence[Node]:
        if bound is None:
            return list(repeat(None, n))
        if isinstance(bound, np.ndarray):
            return _or_none(bound)
        return self._column(bound, n, {})


def _maker(node: Operation) -> Callable[[tuple[Node, ...]], Node]:
    """Makes Pyomo's node of an operation from its operands in a row."""
    operator = node.operator
    if operator == SUM:
        linear = all(is_constant(arg) or _is_term(arg) for arg in node.args)
        kinds = nodes.LinearExpression if linear else nodes.SumExpression, nodes.NPV_SumExpression
        add = kinds[is_constant(node)]
        return lambda row: add(list(row))
    if operator in _KINDS:
        make: Callable[[tuple[Node, ...]], Node] = _KINDS[operator][is_constant(node)]
        return nodes.MonomialTermExpression if _is_term(node) else make
    function = abs if operator == "abs" else getattr(pyo, operator)
    return lambda row: function(*row)


def _is_term(node: Node) -> bool:
    """Whether a node is a variable, or a number times one."""
    if kind(node) == PRODUCT:
        return is_constant(node.args[0]) and kind(node.args[1]) == VARIABLE
    return kind(node) == VARIABLE


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
