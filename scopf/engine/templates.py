"""Templates: expressions of placeholders, from which every row of a family is made.

An equation is called once on placeholders, the leaves of `scopf.engine.symbols`; Python's operators
and NumPy's functions of them give the family's template. Sums of sums are one sum, and a number
times a variable is one product with the number in front, however they were written.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from scopf.engine.numbers import Numbers

Node = Any
"""A node of a template: a number, a placeholder, or an operation on nodes.

An equation that is written for nodes takes arrays and numbers as well, and returns the same.
"""

NUMBER, CONSTANT, VARIABLE, NAMED = "number", "constant", "variable", "named"
"""Kinds of nodes that are no operations on variables: a plain number, anything else without
variables, a variable, a named expression. The kind of any other node is its operator."""

SUM, PRODUCT, QUOTIENT, NEGATION, POWER = "sum", "prod", "div", "neg", "pow"
ARITHMETIC: dict[str, Callable[..., Any]] = {
    SUM: lambda *terms: reduce(operator.add, terms),
    PRODUCT: operator.mul,
    QUOTIENT: operator.truediv,
    NEGATION: operator.neg,
    POWER: operator.pow,
}
FUNCTIONS: dict[np.ufunc, str] = {
    np.sin: "sin", np.cos: "cos", np.tan: "tan",
    np.arcsin: "asin", np.arccos: "acos", np.arctan: "atan",
    np.sinh: "sinh", np.cosh: "cosh", np.tanh: "tanh",
    np.arcsinh: "asinh", np.arccosh: "acosh", np.arctanh: "atanh",
    np.exp: "exp", np.log: "log", np.log10: "log10", np.sqrt: "sqrt", np.absolute: "abs",
}  # fmt: skip
"""Functions of one operand, by that of NumPy which gives them."""

_SIGNS = {SUM: " + ", PRODUCT: " * ", QUOTIENT: " / ", NEGATION: "-", POWER: "**"}
_BINDING = {SUM: 0, PRODUCT: 1, QUOTIENT: 1, NEGATION: 1, POWER: 2}  # of signs in a formula


class Template:
    """A node that is no plain number.

    Attributes:
        args: the operands.
    """

    __slots__ = ()
    args: tuple[Node, ...] = ()

    @property
    def kind(self) -> str:
        """One of those above, or an operator."""
        raise NotImplementedError

    @property
    def numbers(self) -> Numbers:
        """Numbers of a node without variables, one in each row."""
        raise TypeError(f"{self} has no numbers")

    def __add__(self, other: Node) -> Node:
        return _operated(_sum, self, other)

    def __radd__(self, other: Node) -> Node:
        return _operated(_sum, other, self)

    def __sub__(self, other: Node) -> Node:
        return _operated(_difference, self, other)

    def __rsub__(self, other: Node) -> Node:
        return _operated(_difference, other, self)

    def __mul__(self, other: Node) -> Node:
        return _operated(_product, self, other)

    def __rmul__(self, other: Node) -> Node:
        return _operated(_product, other, self)

    def __truediv__(self, other: Node) -> Node:
        return _operated(_quotient, self, other)

    def __rtruediv__(self, other: Node) -> Node:
        return _operated(_quotient, other, self)

    def __pow__(self, other: Node) -> Node:
        return _operated(_power, self, other)

    def __rpow__(self, other: Node) -> Node:
        return _operated(_power, other, self)

    def __neg__(self) -> Node:
        scaled = _scaled(self)
        return Operation(PRODUCT, -scaled[0], scaled[1]) if scaled else Operation(NEGATION, self)

    def __pos__(self) -> Node:
        return self

    def __abs__(self) -> Node:
        return np.absolute(self)

    def is_numeric_type(self) -> bool:
        """Pyomo asks this of what its functions and variables meet."""
        return False

    def as_numeric(self) -> Node:
        """Refuse to be an operand of Pyomo's.

        Raises:
            TypeError: naming the functions to use.
        """
        raise TypeError(
            f"{self!r} is a placeholder of a formulation, which Pyomo's functions and variables do "
            "not take: use the functions of scopf.engine.functions, or NumPy's"
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Node, **options: Any) -> Any:
        if any(isinstance(operand, np.ndarray) for operand in operands):
            raise TypeError(
                f"{self!r} and an array: `data(array)` of the formulation stands for it"
            )
        if ufunc in FUNCTIONS and method == "__call__":
            return Operation(FUNCTIONS[ufunc], self)
        return _operated(_OF_SCALARS[ufunc], *operands) if ufunc in _OF_SCALARS else NotImplemented


class Operation(Template):
    """An operator and its operands."""

    __slots__ = ("_kind", "args", "operator")

    def __init__(self, operator: str, *args: Node) -> None:
        self.operator, self.args = operator, args
        self._kind = CONSTANT if all(map(is_constant, args)) else operator

    @property
    def kind(self) -> str:
        """The operator, where there are variables."""
        return self._kind

    @property
    def numbers(self) -> Numbers:
        """Numbers of an operation without variables.

        Raises:
            TypeError: for powers and functions.
        """
        if self.operator not in ARITHMETIC or self.operator == POWER:
            raise TypeError(f"{self}: numbers are sums, products and quotients of parameters")
        found: Numbers = ARITHMETIC[self.operator](*map(numbers, self.args))
        return found

    def __repr__(self) -> str:
        if self.operator not in ARITHMETIC:
            return f"{self.operator}({self.args[0]!r})"
        sign, binding = _SIGNS[self.operator], _BINDING[self.operator]
        first, *others = self.args
        if _is(first, -1) and self.operator == PRODUCT:
            return f"-{_bracketed(others[0], binding)}"
        after = [_bracketed(arg, binding + (self.operator != SUM)) for arg in others]
        text = sign.join([_bracketed(first, binding), *after])
        return text.replace("+ -", "- ") if after else f"{sign}{text}"


def kind(node: Node) -> str:
    """Kind of a node."""
    return NUMBER if node.__class__ in (int, float) else node.kind


def is_constant(node: Node) -> bool:
    """Whether no variable stands in a node."""
    return kind(node) in (NUMBER, CONSTANT)


def numbers(node: Node) -> Numbers:
    """Numbers of a template without variables, or of an array."""
    if isinstance(node, (int, float, np.ndarray, Sequence)):
        return Numbers(node)
    found: Numbers = node.numbers
    return found


# -- operations, simplified where a number is zero or one -----------------------------------------


def _operated(operation: Callable[[Node, Node], Node], a: Node, b: Node) -> Node:
    operands = [float(x) if isinstance(x, np.number) else x for x in (a, b)]
    if not all(isinstance(x, (int, float, Template)) for x in operands):
        return NotImplemented
    return operation(*operands)


def _is(node: Node, number: int) -> bool:
    return node.__class__ in (int, float) and node == number


def _sum(a: Node, b: Node) -> Node:
    if _is(a, 0) or _is(b, 0):
        return b if _is(a, 0) else a
    if kind(a) == SUM:
        return Operation(SUM, *a.args, *(b.args if kind(b) == SUM else (b,)))
    return Operation(SUM, *b.args, a) if kind(b) == SUM else Operation(SUM, a, b)


def _difference(a: Node, b: Node) -> Node:
    return _sum(a, -b)


def _product(a: Node, b: Node) -> Node:
    for one, other in ((a, b), (b, a)):
        if _is(one, 0) or _is(one, 1):
            return other if one else 0
        scaled = _scaled(other) if is_constant(one) else None
        if scaled:
            return Operation(PRODUCT, one * scaled[0], scaled[1])
    return Operation(PRODUCT, a, b)


def _quotient(a: Node, b: Node) -> Node:
    if _is(a, 0) or _is(b, 1):
        return a
    if _is(b, 0):
        raise ZeroDivisionError(f"{a!r} / 0")
    scaled = _scaled(a) if is_constant(b) else None
    return Operation(PRODUCT, scaled[0] / b, scaled[1]) if scaled else Operation(QUOTIENT, a, b)


def _power(a: Node, b: Node) -> Node:
    if _is(b, 0) or _is(b, 1):
        return a if b else 1
    return Operation(POWER, a, b)


_OF_SCALARS = {
    np.add: _sum, np.subtract: _difference, np.multiply: _product, np.true_divide: _quotient,
    np.power: _power,
}  # fmt: skip


def _scaled(node: Node) -> tuple[Node, Node] | None:
    """Number and variable of a node that is a variable times a number, or a variable."""
    if kind(node) == VARIABLE:
        return 1, node
    if kind(node) == PRODUCT and is_constant(node.args[0]) and kind(node.args[1]) == VARIABLE:
        return node.args[0], node.args[1]
    return None


def _bracketed(node: Node, binding: int) -> str:
    """A node in a formula, in brackets where its sign binds less."""
    own = _BINDING.get(node.operator, 3) if isinstance(node, Operation) else 3
    return repr(node) if own >= binding else f"({node!r})"
