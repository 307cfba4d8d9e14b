"""Walk expressions into linear forms over variables and nonlinear atoms.

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
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from scopf.engine.templates import (
    ARITHMETIC,
    CONSTANT,
    FUNCTIONS,
    NAMED,
    NEGATION,
    NUMBER,
    POWER,
    PRODUCT,
    QUOTIENT,
    SUM,
    VARIABLE,
    Node,
)
from scopf.errors import ScopfError

PARAMETER = -1
Token = int | str
Shape = tuple[Token, ...]
Coefficient = Any  # float, Numbers or Polynomial: what can be multiplied and added
Atom = tuple[Shape, tuple[int, ...], tuple[Coefficient, ...]]  # shape, columns, numbers

_FUNCTIONS = frozenset(FUNCTIONS.values())


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

    Subclasses walk templates and Pyomo's expressions: both have operands, `args`, and a kind. They
    give the number or column of a leaf and the body of a named expression. `context` is theirs: the
    rows that an inner expression is meant for.

    Attributes:
        lift: ids of the named expressions that become variables y with rows y = expression.
        nested: ids of the nonlinear named expressions met inside atoms.
    """

    def __init__(self, lift: frozenset[int] = frozenset()) -> None:
        self.lift = lift
        self.nested: set[int] = set()

    @abstractmethod
    def kind(self, node: Node) -> str:
        """Kind of a node, as `scopf.engine.templates` names them.

        Raises:
            UnsupportedError: for one that has no compiled form.
        """

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
            kind = self.kind(node)
            if kind == NUMBER:
                form.constant += scale * node
            elif kind == CONSTANT:
                form.constant += scale * self.number(node)
            elif kind == VARIABLE:
                column = self.column(node)
                form.linear[column] = form.linear.get(column, 0.0) + scale
            elif kind == NAMED:
                self.add_named(node, scale, form)
            elif kind == SUM:
                stack += [(argument, scale) for argument in reversed(node.args)]
            elif kind == NEGATION:
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
            kind = self.kind(part)
            if kind == NUMBER:
                if inverted and part == 0:
                    raise UnsupportedError("division by zero")
                scale = scale / part if inverted else scale * part
            elif kind == CONSTANT:
                scale = scale * (self.inverse(part) if inverted else self.number(part))
            elif kind == QUOTIENT:
                stack += [(part.args[1], not inverted), (part.args[0], inverted)]
            elif kind == PRODUCT:
                stack += [(part.args[1], inverted), (part.args[0], inverted)]
            elif kind == NEGATION:
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
                continue
            kind = self.kind(node)
            if kind in (NUMBER, CONSTANT):
                numbers.append(float(node) if kind == NUMBER else self.number(node, context))
                shape.append(PARAMETER)
            elif kind == VARIABLE or self.lifted(node, context):
                shape.append(columns.setdefault(self.column(node, context), len(columns)))
            elif kind == NAMED:
                inner, within = self.body(node, context)
                stack.append((inner, None, within))
            else:
                operation, operands = _token(kind, node)
                stack.append((None, operation, None))
                stack += [(operand, None, context) for operand in reversed(operands)]


def _token(kind: str, node: Node) -> tuple[Token, Sequence[Node]]:
    """Token of an operation, and its operands."""
    arguments = node.args
    if kind in (SUM, PRODUCT):
        return f"{kind}:{len(arguments)}", arguments
    if kind == POWER and arguments[1].__class__ in (int, float):
        return f"{kind}:{float(arguments[1])!r}", arguments[:1]
    if kind not in ARITHMETIC and kind not in _FUNCTIONS:
        raise UnsupportedError(f"the function {kind} has no derivatives here")
    return kind, arguments
