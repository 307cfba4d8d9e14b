"""Walk Pyomo expressions into linear forms over variables and nonlinear atoms.

Every body becomes  g(x) = sum_j A_j x_j + sum_k C_k a_k(x) + constant.  An atom a_k is whatever is
not linear at the top: a product of variables, a function, a power. Atoms are deduplicated, and each
is split into a *shape* (the expression tree with variables and numbers taken out, as a tuple of
tokens in postfix order) and the variables and numbers that go in. Atoms of one shape are later
evaluated together.

Tokens: a non-negative integer is a local variable, PARAMETER the next number, a string an operator
(with its number of operands, or its constant exponent, behind a colon).

Coefficients and numbers are floats. Where they follow a mutable parameter, they are `Polynomial`s
in a row, `Numbers` in a family.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pyomo.core.expr.numeric_expr as nodes
from pyomo.common.numeric_types import native_numeric_types

from scopf.engine.coefficients import Parameters
from scopf.engine.pyomo_types import Node
from scopf.errors import ScopfError

PARAMETER = -1
Token = int | str
Shape = tuple[Token, ...]
Coefficient = Any  # float, Numbers or Polynomial: what can be multiplied and added
Atom = tuple[Shape, tuple[int, ...], tuple[Coefficient, ...]]  # shape, columns, numbers

FUNCTIONS = {
    "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
    "exp", "log", "log10", "sqrt", "abs",
}  # fmt: skip
_SUMS = (nodes.SumExpressionBase, nodes.LinearExpression)
_INSIDE = "inside"  # context of what is inside a named expression: only the outermost is nested
_LONG = 24  # an inner sum of more variables than this becomes a variable of its own


Context = TypeVar("Context")


class UnsupportedError(ScopfError):
    """An expression that has no compiled form."""


class Form:
    """A linear form: constant + linear . x + atoms . a(x)."""

    __slots__ = ("atoms", "constant", "linear")

    def __init__(self) -> None:
        self.constant: Coefficient = 0.0
        self.linear: dict[int, Coefficient] = {}
        self.atoms: dict[int, Coefficient] = {}

    def add(self, other: Form, scale: Coefficient) -> None:
        """Add `scale` times another form."""
        self.constant += scale * other.constant
        for column, coefficient in other.linear.items():
            self.linear[column] = self.linear.get(column, 0.0) + scale * coefficient
        for atom, coefficient in other.atoms.items():
            self.atoms[atom] = self.atoms.get(atom, 0.0) + scale * coefficient


class Walker(ABC, Generic[Context]):
    """Turns expressions into forms; variables and atoms get their numbers as they are met.

    Subclasses walk other leaves; they give the number or column of a leaf and the body of a
    named expression. `context` is theirs: the rows that an inner expression is meant for.

    Attributes:
        lift: ids of the named expressions that become variables y with rows y = expression.
        nested: ids of the nonlinear named expressions met inside atoms.
    """

    def __init__(self, lift: frozenset[int] = frozenset()) -> None:
        self.lift = lift
        self.nested: set[int] = set()

    @abstractmethod
    def number(self, node: Node, context: Context | None = None) -> Coefficient:
        """Value of an expression without variables."""

    @abstractmethod
    def inverse(self, node: Node) -> Coefficient:
        """One over that value."""

    @abstractmethod
    def column(self, variable: Node, context: Context | None = None) -> int:
        """Column of a variable, a new one when it is met for the first time."""

    @abstractmethod
    def body(self, node: Node, context: Context | None) -> tuple[Node, Context]:
        """Body of a named expression, and the context to read it in."""

    @abstractmethod
    def lifted(self, node: Node, context: Context | None) -> bool:
        """Whether this node is a variable of its own, found by `column`."""

    @abstractmethod
    def add_named(self, node: Node, scale: Coefficient, form: Form) -> None:
        """Add a named expression to a form."""

    @abstractmethod
    def atom(self, shape: Shape, columns: tuple[int, ...], numbers: tuple[Coefficient, ...]) -> int:
        """Number of an atom."""

    def form(self, expression: Node) -> Form:
        """Linear form of an expression.

        Raises:
            UnsupportedError: for an operator that has no compiled form.
        """
        form = Form()
        stack: list[tuple[Node, Coefficient]] = [(expression, 1.0)]
        while stack:
            node, scale = stack.pop()
            if node.__class__ in native_numeric_types:
                form.constant += scale * node
            elif not node.is_potentially_variable():
                form.constant += scale * self.number(node)
            elif node.is_variable_type():
                column = self.column(node)
                form.linear[column] = form.linear.get(column, 0.0) + scale
            elif not node.is_expression_type():
                raise UnsupportedError(f"{node} ({type(node).__name__}) is not an expression")
            elif node.is_named_expression_type():
                self.add_named(node, scale, form)
            elif isinstance(node, _SUMS):
                stack += [(argument, scale) for argument in reversed(node.args)]
            elif isinstance(node, nodes.NegationExpression):
                stack.append((node.args[0], -scale))
            else:
                self._product(node, scale, form, stack)
        return form

    def _product(
        self, node: Node, scale: Coefficient, form: Form, stack: list[tuple[Node, Coefficient]]
    ) -> None:
        """Take the numbers out of a product; what is left is linear after all, or an atom."""
        above: list[Node] = []
        below: list[Node] = []
        scale *= self._factors(node, above, below)
        if not below and len(above) == 1 and above[0] is not node:
            stack.append((above[0], scale))
            return
        shape: list[Token] = []
        columns: dict[int, int] = {}
        numbers: list[Coefficient] = []
        for factor in above:
            self._tokens(factor, shape, columns, numbers)
        if len(above) != 1:
            shape.append(f"prod:{len(above)}")
        for factor in below:
            self._tokens(factor, shape, columns, numbers)
            shape.append("div")
        number = self.atom(tuple(shape), tuple(columns), tuple(numbers))
        form.atoms[number] = form.atoms.get(number, 0.0) + scale

    def _factors(self, node: Node, above: list[Node], below: list[Node]) -> Coefficient:
        """Split a product or quotient into variable factors; return the number before them."""
        scale: Coefficient = 1.0
        stack = [(node, False)]
        while stack:
            part, inverted = stack.pop()
            if part.__class__ in native_numeric_types:
                if inverted and part == 0:
                    raise UnsupportedError("division by zero")
                scale = scale / part if inverted else scale * part
            elif not part.is_potentially_variable():
                scale = scale * (self.inverse(part) if inverted else self.number(part))
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

    def _tokens(
        self, root: Node, shape: list[Token], columns: dict[int, int], numbers: list[Coefficient]
    ) -> None:
        """Append an expression's tokens in postfix order; `columns` numbers them locally."""
        stack: list[tuple[Node, Token | None, Context | None]] = [(root, None, None)]
        while stack:
            node, token, context = stack.pop()
            if token is not None:
                shape.append(token)
            elif node.__class__ in native_numeric_types:
                numbers.append(float(node))
                shape.append(PARAMETER)
            elif not node.is_potentially_variable():
                numbers.append(self.number(node, context))
                shape.append(PARAMETER)
            elif node.is_variable_type() or self.lifted(node, context):
                shape.append(columns.setdefault(self.column(node, context), len(columns)))
            elif not node.is_expression_type():
                raise UnsupportedError(f"{node} ({type(node).__name__}) is not an expression")
            elif node.is_named_expression_type():
                inner, within = self.body(node, context)
                stack.append((inner, None, within))
            else:
                operator, operands = _operator(node)
                stack.append((None, operator, None))
                stack += [(operand, None, context) for operand in reversed(operands)]


class RowWalker(Walker[str]):
    """Walks the rows of a Pyomo model, one by one.

    Args:
        lift: as in Walker.
        columns: columns of variables that are known already, by id.
        forms: gives the form of a named expression that is known already, None for another.
        first_column, first_atom: numbers of the first new variable and atom.

    Attributes:
        variables: every new variable met, in order of its column.
        atoms: every distinct atom met, in order of its number.
        parameters: every mutable parameter met.
        named: form of every named expression (and long sum) met, by id.
        nodes: these expressions.
        definitions: lifted variables (their columns) and the forms that they are equal to.
    """

    def __init__(
        self,
        lift: frozenset[int] = frozenset(),
        columns: dict[int, int] | None = None,
        forms: Callable[[Node], Form | None] | None = None,
        first_column: int = 0,
        first_atom: int = 0,
    ) -> None:
        super().__init__(lift)
        self.variables: list[Node] = []
        self.atoms: list[Atom] = []
        self.named: dict[int, Form] = {}
        self.nodes: list[Node] = []
        self.definitions: list[tuple[int, Form]] = []
        self._column = columns if columns is not None else {}
        self._forms = forms or (lambda node: None)
        self._first_column, self._first_atom = first_column, first_atom
        self._atom: dict[Atom, int] = {}
        self.parameters = Parameters()

    def number(self, node: Node, context: str | None = None) -> Coefficient:
        """A mutable parameter, or an expression of them: read again at every refresh."""
        return self.parameters.of(node)

    def inverse(self, node: Node) -> Coefficient:
        """One over it, also read again at every refresh."""
        return self.parameters.of(node, inverse=True)

    def column(self, variable: Node, context: str | None = None) -> int:
        """Column of a variable or of a lifted expression."""
        column = self._column.get(id(variable))
        if column is None:
            column = self._column[id(variable)] = self._first_column + len(self.variables)
            self.variables.append(variable)
        return column

    def body(self, node: Node, context: str | None) -> tuple[Node, str]:
        """The named expression's own expression."""
        if node.expr is None:
            raise UnsupportedError(f"expression {node.name} is empty")
        if context is None and self._form_of(node).atoms:
            self.nested.add(id(node))
        return node.expr, _INSIDE

    def lifted(self, node: Node, context: str | None) -> bool:
        """Named expressions that are to be lifted, and long inner sums always."""
        if id(node) in self._column:
            return True
        if node.is_expression_type() and node.is_named_expression_type():
            if id(node) not in self.lift or not self._form_of(node).atoms:
                return False
        elif not isinstance(node, _SUMS) or len(node.args) < _LONG:
            return False
        form = self._form_of(node)
        self.definitions.append((self.column(node), form))
        return True

    def add_named(self, node: Node, scale: Coefficient, form: Form) -> None:
        """Add a named expression's form, or its variable when it is lifted."""
        if self.lifted(node, None):
            column = self.column(node)
            form.linear[column] = form.linear.get(column, 0.0) + scale
        else:
            form.add(self._form_of(node), scale)

    def atom(self, shape: Shape, columns: tuple[int, ...], numbers: tuple[Coefficient, ...]) -> int:
        """Number of an atom, the same for equal ones."""
        atom: Atom = (shape, columns, numbers)
        number = self._atom.get(atom)
        if number is None:
            number = self._atom[atom] = self._first_atom + len(self.atoms)
            self.atoms.append(atom)
        return number

    def _form_of(self, node: Node) -> Form:
        """Form of a named expression or of a sum, made once."""
        form = self.named.get(id(node))
        if form is None:
            form = self._forms(node)
            if form is None:
                named = node.is_named_expression_type()
                if named and node.expr is None:
                    raise UnsupportedError(f"expression {node.name} is empty")
                form = self.form(node.expr if named else node)
            self.named[id(node)] = form
            self.nodes.append(node)
        return form


def _operator(node: Node) -> tuple[str, tuple[Node, ...]]:
    """Token of a nonlinear or inner node, and its operands."""
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
        if arguments[1].__class__ in native_numeric_types:
            return f"pow:{float(arguments[1])!r}", arguments[:1]
        return "pow", arguments
    if isinstance(node, (nodes.UnaryFunctionExpression, nodes.AbsExpression)):
        name = node.getname()
        if name in FUNCTIONS:
            return name, arguments
        raise UnsupportedError(f"the function {name} has no derivatives here")
    raise UnsupportedError(f"{type(node).__name__} is not supported")
