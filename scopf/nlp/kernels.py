"""Shapes to numbers: one differentiated function for all atoms of a kind.

CasADi differentiates one representative symbolically and exactly, and its virtual machine evaluates
all rows of a kernel in one call on buffers that we own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import casadi as ca
import numpy as np

from scopf.arrays import Floats, Ints
from scopf.nlp.walk import PARAMETER, Shape

_UNARY: dict[str, Any] = {
    "neg": lambda x: -x,
    "sin": ca.sin, "cos": ca.cos, "tan": ca.tan,
    "asin": ca.asin, "acos": ca.acos, "atan": ca.atan,
    "sinh": ca.sinh, "cosh": ca.cosh, "tanh": ca.tanh,
    "asinh": ca.asinh, "acosh": ca.acosh, "atanh": ca.atanh,
    "exp": ca.exp, "log": ca.log, "log10": ca.log10, "sqrt": ca.sqrt, "abs": ca.fabs,
}  # fmt: skip

Output = tuple[Shape, tuple[int, ...]]  # a shape, and which of the kernel's variables it takes


@dataclass(frozen=True)
class Functions:
    """Values, first and second derivatives of a kernel's outputs, and where these are nonzero.

    Attributes:
        value: (x, p) -> outputs.
        first: (x, p) -> nonzeros of the Jacobian of the outputs.
        second: (x, p, w) -> nonzeros of the lower triangle of the Hessian of w . outputs.
        first_at: (output, variable) of each nonzero.
        second_at: (variable, variable) of each nonzero.
    """

    value: ca.Function
    first: ca.Function
    second: ca.Function
    first_at: tuple[tuple[int, int], ...]
    second_at: tuple[tuple[int, int], ...]


@lru_cache(maxsize=512)
def differentiate(outputs: tuple[Output, ...], variables: int) -> Functions:
    """Differentiate a kernel; the answer depends on shapes only and is kept for later models."""
    numbers = [sum(token == PARAMETER for token in shape) for shape, _ in outputs]
    x = [ca.SX.sym(f"x{k}") for k in range(variables)]
    p = [ca.SX.sym(f"p{k}") for k in range(sum(numbers))]
    w = ca.SX.sym("w", len(outputs))
    outcomes, taken = [], 0
    for (shape, local), count in zip(outputs, numbers, strict=True):
        outcomes.append(_symbolic(shape, [x[k] for k in local], p[taken : taken + count]))
        taken += count
    xs, ps = ca.vertcat(*x), ca.vertcat(*p)
    values = ca.cse(ca.vertcat(*outcomes))
    jacobian = ca.jacobian(values, xs)
    hessian = ca.tril(ca.hessian(ca.dot(w, values), xs)[0])

    def compiled(name: str, arguments: list[Any], matrix: Any) -> ca.Function:
        return ca.Function(name, arguments, [ca.cse(ca.vertcat(*matrix.nonzeros()))])

    return Functions(
        compiled("value", [xs, ps], ca.densify(values)),
        compiled("first", [xs, ps], jacobian),
        compiled("second", [xs, ps, w], hessian),
        _nonzeros(jacobian),
        _nonzeros(hessian),
    )


def _nonzeros(matrix: Any) -> tuple[tuple[int, int], ...]:
    """Row and column of each nonzero of a CasADi matrix, in its order."""
    rows: list[int]
    cols: list[int]
    rows, cols = matrix.sparsity().get_triplet()
    return tuple(zip(rows, cols, strict=True))


def _symbolic(shape: Shape, x: Sequence[Any], p: Sequence[Any]) -> Any:
    """Evaluate a shape's postfix tokens on symbols."""
    numbers = iter(p)
    stack: list[Any] = []
    for token in shape:
        if isinstance(token, int):
            stack.append(next(numbers) if token == PARAMETER else x[token])
            continue
        operator, _, detail = token.partition(":")
        if operator in _UNARY:
            stack.append(_UNARY[operator](stack.pop()))
        elif operator == "pow" and detail:
            stack.append(stack.pop() ** float(detail))
        elif operator in ("sum", "prod"):
            count = int(detail)
            operands = stack[len(stack) - count :]
            del stack[len(stack) - count :]
            total = operands[0] if count else (0.0 if operator == "sum" else 1.0)
            for operand in operands[1:]:
                total = total + operand if operator == "sum" else total * operand
            stack.append(total)
        else:
            right, left = stack.pop(), stack.pop()
            stack.append(left / right if operator == "div" else left**right)
    (result,) = stack
    return result


class Kernel:
    """All atoms that share one function: `rows` variable tuples, `outputs` atoms on each.

    Args:
        functions: from `differentiate`.
        columns: positions in x of each row's variables, shape (rows, variables).
        numbers: parameters of each row, shape (rows, parameters).
        outputs: number of outputs of the functions.
    """

    def __init__(self, functions: Functions, columns: Ints, numbers: Floats, outputs: int) -> None:
        self.functions = functions
        self.columns = np.ascontiguousarray(columns)
        self.numbers = np.ascontiguousarray(numbers)
        self.rows, self.outputs = len(columns), outputs
        self._x = np.empty(columns.shape)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Lengths of what the three functions write: values, first, second derivatives."""
        f = self.functions
        return tuple(  # type: ignore[return-value]
            self.rows * count for count in (self.outputs, len(f.first_at), len(f.second_at))
        )

    def bind(self, values: Floats, first: Floats, weights: Floats, second: Floats) -> None:
        """Give the slices that the functions write to (and the weights they read), once."""
        arguments = [self._x, self.numbers]
        self._value = _Call(self.functions.value, self.rows, arguments, values)
        self._first = _Call(self.functions.first, self.rows, arguments, first)
        self._second = _Call(self.functions.second, self.rows, [*arguments, weights], second)

    def gather(self, x: Floats) -> None:
        """Collect the variables of every row out of x."""
        np.take(x, self.columns, out=self._x, mode="clip")  # clip: writes straight into out

    def value(self) -> None:
        """Evaluate the atoms at the gathered point."""
        self._value()

    def first(self) -> None:
        """Evaluate the first derivatives at the gathered point."""
        self._first()

    def second(self) -> None:
        """Evaluate the second derivatives at the gathered point, with the bound weights."""
        self._second()


class _Call:
    """A CasADi function mapped over rows, bound to NumPy buffers."""

    def __init__(
        self, function: ca.Function, rows: int, arguments: list[Floats], result: Floats
    ) -> None:
        self._alive = (arguments, result)  # the buffers must outlive the call
        self._empty = not result.size
        if self._empty:
            return
        mapped = function.map(rows) if rows > 1 else function
        self._buffer, self._trigger = mapped.buffer()
        for k, argument in enumerate(arguments):
            if argument.size:
                self._buffer.set_arg(k, argument.reshape(-1).data)
        self._buffer.set_res(0, result.data)

    def __call__(self) -> None:
        if not self._empty:
            self._trigger()
