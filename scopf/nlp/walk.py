"""Walk Pyomo expressions into linear forms over variables and nonlinear atoms.

Every body becomes  g(x) = sum_j A_j x_j + sum_k C_k a_k(x) + constant.  An atom a_k is whatever is
not linear at the top: a product of variables, a function, a power. Atoms are deduplicated, and each
is split into a *shape* (the expression tree with variables and numbers taken out, as a tuple of
tokens in postfix order) and the variables and numbers that go in. Atoms of one shape are later
evaluated together.

Tokens: a non-negative integer is a local variable, PARAMETER the next number, a string an operator
(with its number of operands, or its constant exponent, behind a colon).
"""

from __future__ import annotations

from typing import Any

import pyomo.core.expr.numeric_expr as nodes
import pyomo.environ as pyo
from pyomo.common.numeric_types import native_numeric_types

from scopf.faults import ScopfError

PARAMETER = -1
Token = int | str
Shape = tuple[Token, ...]
Atom = tuple[Shape, tuple[int, ...], tuple[float, ...]]  # shape, columns, numbers

FUNCTIONS = {
    "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
    "exp", "log", "log10", "sqrt", "abs",
}  # fmt: skip
_SUMS = (nodes.SumExpressionBase, nodes.LinearExpression)


class UnsupportedError(ScopfError):
    """An expression that has no compiled form."""


class Form:
    """A linear form: constant + linear . x + atoms . a(x)."""

    __slots__ = ("atoms", "constant", "linear")

    def __init__(self) -> None:
        self.constant = 0.0
        self.linear: dict[int, float] = {}
        self.atoms: dict[int, float] = {}

    def add(self, other: Form, scale: float) -> None:
        """Add `scale` times another form."""
        self.constant += scale * other.constant
        for column, coefficient in other.linear.items():
            self.linear[column] = self.linear.get(column, 0.0) + scale * coefficient
        for atom, coefficient in other.atoms.items():
            self.atoms[atom] = self.atoms.get(atom, 0.0) + scale * coefficient


class Walker:
    """Turns expressions into forms; variables and atoms get their numbers as they are met.

    Attributes:
        variables: every variable met, in order of its column.
        atoms: every distinct atom met, in order of its number.
        named: form of every named expression met at the top of a body, by id.
    """

    def __init__(self) -> None:
        self.variables: list[Any] = []
        self.atoms: list[Atom] = []
        self._column: dict[int, int] = {}
        self._atom: dict[Atom, int] = {}
        self.named: dict[int, Form] = {}

    def column(self, variable: Any) -> int:
        """Column of a variable, a new one when it is met for the first time."""
        column = self._column.get(id(variable))
        if column is None:
            column = self._column[id(variable)] = len(self.variables)
            self.variables.append(variable)
        return column

    def form(self, expression: Any) -> Form:
        """Linear form of an expression.

        Raises:
            UnsupportedError: for an operator that has no compiled form.
        """
        form = Form()
        stack: list[tuple[Any, float]] = [(expression, 1.0)]
        while stack:
            node, scale = stack.pop()
            if node.__class__ in native_numeric_types:
                form.constant += scale * node
            elif not node.is_potentially_variable():
                form.constant += scale * pyo.value(node)
            elif node.is_variable_type():
                column = self.column(node)
                form.linear[column] = form.linear.get(column, 0.0) + scale
            elif not node.is_expression_type():
                raise UnsupportedError(f"{node} ({type(node).__name__}) is not an expression")
            elif node.is_named_expression_type():
                form.add(self._named_form(node), scale)
            elif isinstance(node, _SUMS):
                stack += [(argument, scale) for argument in reversed(node.args)]
            elif isinstance(node, nodes.NegationExpression):
                stack.append((node.args[0], -scale))
            else:
                self._product(node, scale, form, stack)
        return form

    def _named_form(self, node: Any) -> Form:
        form = self.named.get(id(node))
        if form is None:
            if node.expr is None:
                raise UnsupportedError(f"expression {node.name} is empty")
            form = self.named[id(node)] = self.form(node.expr)
        return form

    def _product(self, node: Any, scale: float, form: Form, stack: list[tuple[Any, float]]) -> None:
        """Take the numbers out of a product; what is left is linear after all, or an atom."""
        above: list[Any] = []
        below: list[Any] = []
        scale *= _factors(node, above, below)
        if not below and len(above) == 1 and above[0] is not node:
            stack.append((above[0], scale))
            return
        shape: list[Token] = []
        columns: dict[int, int] = {}
        numbers: list[float] = []
        for factor in above:
            self._tokens(factor, shape, columns, numbers)
        if len(above) != 1:
            shape.append(f"prod:{len(above)}")
        for factor in below:
            self._tokens(factor, shape, columns, numbers)
            shape.append("div")
        atom: Atom = (tuple(shape), tuple(columns), tuple(numbers))
        number = self._atom.get(atom)
        if number is None:
            number = self._atom[atom] = len(self.atoms)
            self.atoms.append(atom)
        form.atoms[number] = form.atoms.get(number, 0.0) + scale

    def _tokens(
        self, root: Any, shape: list[Token], columns: dict[int, int], numbers: list[float]
    ) -> None:
        """Append an expression's tokens in postfix order; `columns` numbers them locally."""
        stack: list[tuple[Any, Token | None]] = [(root, None)]
        while stack:
            node, token = stack.pop()
            if token is not None:
                shape.append(token)
            elif node.__class__ in native_numeric_types:
                numbers.append(float(node))
                shape.append(PARAMETER)
            elif not node.is_potentially_variable():
                numbers.append(float(pyo.value(node)))
                shape.append(PARAMETER)
            elif node.is_variable_type():
                shape.append(columns.setdefault(self.column(node), len(columns)))
            elif not node.is_expression_type():
                raise UnsupportedError(f"{node} ({type(node).__name__}) is not an expression")
            else:
                operator, operands = _operator(node)
                if operator:
                    stack.append((None, operator))
                stack += [(operand, None) for operand in reversed(operands)]


def _factors(node: Any, above: list[Any], below: list[Any]) -> float:
    """Split a product or quotient into variable factors; return the number they are scaled by."""
    scale = 1.0
    stack = [(node, False)]
    while stack:
        part, inverted = stack.pop()
        if part.__class__ in native_numeric_types or not part.is_potentially_variable():
            number = pyo.value(part)
            if inverted and number == 0:
                raise UnsupportedError("division by zero")
            scale = scale / number if inverted else scale * number
        elif isinstance(part, nodes.DivisionExpression):
            stack += [(part.args[1], not inverted), (part.args[0], inverted)]
        elif isinstance(part, nodes.ProductExpression):  # MonomialTermExpression is one as well
            stack += [(part.args[1], inverted), (part.args[0], inverted)]
        elif isinstance(part, nodes.NegationExpression):
            scale = -scale
            stack.append((part.args[0], inverted))
        else:
            (below if inverted else above).append(part)
    return scale


def _operator(node: Any) -> tuple[str, tuple[Any, ...]]:
    """Token of a nonlinear or inner node, and its operands; no token where a node only wraps."""
    if node.is_named_expression_type():
        if node.expr is None:
            raise UnsupportedError(f"expression {node.name} is empty")
        return "", (node.expr,)
    arguments = tuple(node.args)
    if isinstance(node, _SUMS):
        return f"sum:{len(arguments)}", arguments
    if isinstance(node, nodes.ProductExpression):
        return "prod:2", arguments
    if isinstance(node, nodes.DivisionExpression):
        return "div", arguments
    if isinstance(node, nodes.NegationExpression):
        return "neg", arguments
    if isinstance(node, nodes.PowExpression):
        exponent = arguments[1]
        if exponent.__class__ in native_numeric_types or not exponent.is_potentially_variable():
            return f"pow:{float(pyo.value(exponent))!r}", arguments[:1]
        return "pow", arguments
    if isinstance(node, (nodes.UnaryFunctionExpression, nodes.AbsExpression)):
        name = node.getname()
        if name in FUNCTIONS:
            return name, arguments
        raise UnsupportedError(f"the function {name} has no derivatives here")
    raise UnsupportedError(f"{type(node).__name__} is not supported")
