"""Shapes to numbers: one differentiated function for all atoms of a kind.

CasADi differentiates one representative symbolically and exactly. Kernels of many rows run as NumPy
calls (`scopf.engine.vectorized`); for few rows, CasADi's virtual machine evaluates them all in one
call. Either way on buffers that we own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import casadi as ca
import numpy as np

from scopf.arrays import Floats, Ints
from scopf.engine.expressions import Coefficient, Shape
from scopf.engine.numbers import Numbers
from scopf.engine.triplets import Buffer
from scopf.engine.vectorized import Bound, Program

MANY = 64  # rows from which NumPy's fixed price for a call is worth paying

_UNARY: dict[str, Callable[[ca.SX], ca.SX]] = {
    "neg": lambda x: -x,
    "sin": ca.sin, "cos": ca.cos, "tan": ca.tan,
    "asin": ca.asin, "acos": ca.acos, "atan": ca.atan,
    "sinh": ca.sinh, "cosh": ca.cosh, "tanh": ca.tanh,
    "asinh": ca.asinh, "acosh": ca.acosh, "atanh": ca.atanh,
    "exp": ca.exp, "log": ca.log, "log10": ca.log10, "sqrt": ca.sqrt, "abs": ca.fabs,
}  # fmt: skip

NUMBER, CONSTANT = "number", "constant"  # tokens, the number's place or the value after a colon
Output = tuple[Shape, tuple[int, ...]]  # a shape, and the numbers of the kernel's variables in it


@dataclass(frozen=True)
class Slots:
    """Nonzeros of a derivative: equal or opposite ones are computed once.

    Attributes:
        places: (row, column) of each nonzero in the kernel's own matrix.
        source: position of its computed number.
        sign: factor on that number, 1 or -1.
        count: of computed numbers.
    """

    places: tuple[tuple[int, int], ...]
    source: tuple[int, ...]
    sign: tuple[float, ...]
    count: int


class Functions:
    """Values, first and second derivatives of a kernel's outputs.

    Attributes:
        first_at: Jacobian of the outputs: (output, variable).
        second_at: lower triangle of the Hessian of w . outputs: (variable, variable).
    """

    def __init__(self, outputs: tuple[Output, ...], variables: int, numbers: int) -> None:
        x = [ca.SX.sym(f"x{k}") for k in range(variables)]
        p = [ca.SX.sym(f"p{k}") for k in range(numbers)]
        w = ca.SX.sym("w", len(outputs))
        outcomes = [_symbolic(shape, [x[k] for k in local], p) for shape, local in outputs]
        xs, values = ca.vertcat(*x), ca.cse(ca.vertcat(*outcomes))
        first, self.first_at = _distinct(ca.jacobian(values, xs))
        second, self.second_at = _distinct(ca.tril(ca.hessian(ca.dot(w, values), xs)[0]))
        self._arguments = [xs, ca.vertcat(*p), w]
        self._results = [ca.densify(values), first, second]

    @cached_property
    def machine(self) -> tuple[ca.Function, ...]:
        """For CasADi's virtual machine: (x, p, w) -> values; first; second derivatives."""
        return tuple(
            ca.Function("kernel", self._arguments, [ca.cse(result)]) for result in self._results
        )

    @cached_property
    def program(self) -> Program | None:
        """For NumPy: the three in stages that share what they have in common."""
        return Program.read(ca.Function("kernel", self._arguments, ca.cse(self._results)))


@lru_cache(maxsize=512)
def differentiate(outputs: tuple[Output, ...], variables: int, numbers: int) -> Functions:
    """Differentiate a kernel; the answer depends on its outputs and is kept for later models."""
    return Functions(outputs, variables, numbers)


def _distinct(matrix: ca.SX) -> tuple[ca.SX, Slots]:
    """The nonzeros of a matrix that differ by more than their sign, and where each goes."""
    rows: list[int]
    cols: list[int]
    rows, cols = matrix.sparsity().get_triplet()
    known: dict[int, int] = {}
    kept: list[ca.SX] = []
    source, sign = [], []
    for element in ca.cse(ca.vertcat(*matrix.nonzeros())).elements() if rows else []:
        negated = element.op() == ca.OP_NEG if not element.is_leaf() else False
        base = element.dep(0) if negated else element
        key = base.element_hash()
        if key not in known:
            known[key] = len(kept)
            kept.append(base)
        source.append(known[key])
        sign.append(-1.0 if negated else 1.0)
    places = tuple(zip(rows, cols, strict=True))
    return ca.vertcat(*kept), Slots(places, tuple(source), tuple(sign), len(kept))


def _symbolic(shape: Shape, x: Sequence[ca.SX], p: Sequence[ca.SX]) -> ca.SX:
    """Evaluate a shape's postfix tokens on symbols."""
    stack: list[ca.SX] = []
    for token in shape:
        if isinstance(token, int):
            stack.append(x[token])
            continue
        operator, _, detail = token.partition(":")
        if operator == NUMBER:
            stack.append(p[int(detail)])
        elif operator == CONSTANT:
            stack.append(ca.SX(float(detail)))
        elif operator in _UNARY:
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
        numbers: parameters of the function, each one for every row.
        outputs: number of outputs of the functions.
    """

    def __init__(
        self, functions: Functions, columns: Ints, numbers: Sequence[Coefficient], outputs: int
    ) -> None:
        self.functions = functions
        self.columns = columns
        self.rows, self.outputs = len(columns), outputs
        self._parameters = Buffer.of(
            [(n if isinstance(n, Numbers) else Numbers(n), self.rows) for n in numbers]
        )
        program = functions.program if self.rows >= MANY else None
        self._program = program
        self._places = np.ascontiguousarray(columns if program is None else columns.T)
        self._x = np.empty(self._places.shape)
        self._numbers = self._parameters.values.reshape(len(numbers), self.rows)
        if program is None:
            self._numbers = np.ascontiguousarray(self._numbers.T)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Lengths of the three results: values, first, second derivatives."""
        f = self.functions
        counts = (self.outputs, f.first_at.count, f.second_at.count)
        return tuple(self.rows * count for count in counts)  # type: ignore[return-value]

    def place(self, row: Ints, slot: Ints | int, count: int) -> Ints:
        """Position of a row's number of this slot, in a result of `count` numbers for each row."""
        return row * count + slot if self._program is None else slot * self.rows + row

    def row_and_output(self, places: Ints) -> tuple[Ints, Ints]:
        """Row and output of each of the kernel's values; inverse of `place`."""
        if self._program is None:
            row, output = np.divmod(places, self.outputs)
        else:
            output, row = np.divmod(places, self.rows)
        return row, output

    def bind(self, values: Floats, first: Floats, weights: Floats, second: Floats) -> None:
        """Give the slices that the functions write to (and the weights they read), once."""
        results = [values, first, second]
        if self._program is None:
            arguments = [self._x, self._numbers, weights]
            self._calls = [
                _Call(function, self.rows, arguments, result)
                for function, result in zip(self.functions.machine, results, strict=True)
            ]
        else:
            shaped = [result.reshape(-1, self.rows) for result in (weights, *results)]
            self._bound = Bound(self._program, [self._x, self._numbers, shaped[0]], shaped[1:])

    def refresh(self) -> None:
        """Read the parameters again."""
        if self._parameters.refresh() and self._program is None:
            self._numbers[:] = self._parameters.values.reshape(-1, self.rows).T

    def gather(self, x: Floats) -> None:
        """Collect the variables of every row out of x."""
        np.take(x, self._places, out=self._x, mode="clip")  # clip: writes straight into out

    def run(self, order: int) -> None:
        """Evaluate values (0), first (1) or weighted second (2) derivatives where gathered.

        Each needs the lower ones evaluated at the same point.
        """
        if self._program is None:
            self._calls[order]()
        else:
            self._bound.run(order)


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
