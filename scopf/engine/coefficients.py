"""Coefficients that follow parameters, for rows that are walked one by one.

A coefficient is a float, or a short polynomial of parameters: products come from `alpha * (b * x)`,
sums from the same variable met twice. They are kept as such, so that thousands of them are computed
at once when parameters change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from scopf.arrays import Floats
from scopf.engine.numbers import Numbers
from scopf.engine.pyomo_types import Node
from scopf.errors import ScopfError


class Polynomial:
    """A sum of products of parameters; compared by identity, so that it can be a key.

    Attributes:
        terms: coefficient of each product, by the parameters' numbers.
    """

    __slots__ = ("terms",)

    def __init__(self, terms: dict[tuple[int, ...], float]) -> None:
        self.terms = terms

    def __mul__(self, other: float | Polynomial) -> Polynomial:
        if not isinstance(other, Polynomial):
            return Polynomial({key: value * other for key, value in self.terms.items()})
        terms: dict[tuple[int, ...], float] = {}
        for mine, a in self.terms.items():
            for theirs, b in other.terms.items():
                key = tuple(sorted(mine + theirs))
                terms[key] = terms.get(key, 0.0) + a * b
        return Polynomial(terms)

    __rmul__ = __mul__

    def __truediv__(self, other: float) -> Polynomial:
        return self * (1.0 / other)

    def __add__(self, other: float | Polynomial) -> Polynomial:
        terms = dict(self.terms)
        if isinstance(other, Polynomial):
            for key, value in other.terms.items():
                terms[key] = terms.get(key, 0.0) + value
        elif other:
            terms[()] = terms.get((), 0.0) + other
        return Polynomial(terms)

    __radd__ = __add__

    def __neg__(self) -> Polynomial:
        return self * -1.0


class Parameters:
    """The mutable parameters (and expressions of them) that a walk has met.

    Attributes:
        values: their present values, and a one at the end.
    """

    def __init__(self) -> None:
        self.values: Floats = np.ones(1)
        self._readers: list[Callable[[], float]] = []
        self._nodes: list[Node] = []
        self._known: dict[tuple[int, bool], tuple[Node, Polynomial]] = {}

    def of(self, node: Node, inverse: bool = False) -> Polynomial:
        """An expression of parameters, or one over it, as a coefficient.

        Raises:
            ValueError: when a parameter has no value.
            ZeroDivisionError: when the inverse does not exist.
        """
        found = self._known.get((id(node), inverse))
        if found is None:
            from pyomo.environ import value as value_of

            def read() -> float:
                value: float = value_of(node)
                return 1.0 / value if inverse else value

            read()  # raises here, where the row is known
            found = self._known[id(node), inverse] = (node, self.add(read, node))
        return found[1]

    def add(self, read: Callable[[], float], node: Node = None) -> Polynomial:
        """A number that is read again at every refresh; errors name `node`."""
        self._readers.append(read)
        self._nodes.append(node)
        return Polynomial({(len(self._readers) - 1,): 1.0})

    def refresh(self) -> None:
        """Read all of them again.

        Raises:
            ScopfError: naming a parameter, or an expression of them, that has no finite value.
        """
        values = np.ones(len(self._readers) + 1)
        for k, read in enumerate(self._readers):
            try:
                values[k] = read()
            except (TypeError, ValueError, ZeroDivisionError) as error:
                raise ScopfError(
                    f"{self._nodes[k]} has no value that can be used ({error})"
                ) from error
        self.values = values

    def numbers(self, coefficients: Sequence[float | Polynomial]) -> Numbers:
        """Coefficients as one column of numbers."""
        plain = np.array([0.0 if isinstance(c, Polynomial) else c for c in coefficients])
        moving = [(k, c) for k, c in enumerate(coefficients) if isinstance(c, Polynomial)]
        if not moving:
            return Numbers(plain)
        terms = [(k, key, value) for k, c in moving for key, value in c.terms.items()]
        degree = max((len(key) for _, key, _ in terms), default=0)
        slot = np.array([k for k, _, _ in terms], dtype=np.int64)
        factor = np.array([value for _, _, value in terms])
        one = -1  # the last value
        which = np.array(
            [key + (one,) * (degree - len(key)) for _, key, _ in terms], dtype=np.int64
        ).reshape(len(terms), degree)

        def read() -> Floats:
            products = factor * self.values[which].prod(axis=1)
            column = plain + np.bincount(slot, products, minlength=len(plain))
            return column.astype(np.float64)

        nonzero = plain != 0
        nonzero[[k for k, _ in moving]] = True
        self.refresh()
        return Numbers(read=read, nonzero=nonzero)
