"""A CasADi function as a list of NumPy calls on fixed buffers.

CasADi's virtual machine spends some nanoseconds on each instruction of each row; NumPy spends half
a microsecond on each instruction and then a fraction of a nanosecond on each row. So kernels of
many rows are run instruction by instruction over all rows at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import casadi as ca
import numpy as np

from scopf.arrays import Floats

BLOCK = 2048  # rows taken at once, so that a kernel's registers stay in the processor's cache

_CALLS: dict[int, np.ufunc] = {
    ca.OP_ADD: np.add, ca.OP_TWICE: np.add, ca.OP_SUB: np.subtract,
    ca.OP_MUL: np.multiply, ca.OP_DIV: np.divide,
    ca.OP_NEG: np.negative, ca.OP_SQ: np.square, ca.OP_SQRT: np.sqrt, ca.OP_INV: np.reciprocal,
    ca.OP_SIN: np.sin, ca.OP_COS: np.cos, ca.OP_TAN: np.tan,
    ca.OP_ASIN: np.arcsin, ca.OP_ACOS: np.arccos, ca.OP_ATAN: np.arctan,
    ca.OP_SINH: np.sinh, ca.OP_COSH: np.cosh, ca.OP_TANH: np.tanh,
    ca.OP_ASINH: np.arcsinh, ca.OP_ACOSH: np.arccosh, ca.OP_ATANH: np.arctanh,
    ca.OP_EXP: np.exp, ca.OP_LOG: np.log, ca.OP_POW: np.power, ca.OP_CONSTPOW: np.power,
    ca.OP_FABS: np.fabs, ca.OP_SIGN: np.sign,
    ca.OP_LOG1P: np.log1p, ca.OP_EXPM1: np.expm1,
}  # fmt: skip

Operand = int | float  # the number of a computed value, or a constant


Call = tuple[Callable[..., object], tuple[Floats | Operand, ...]]  # and its arguments


@dataclass(frozen=True)
class Step:
    """One instruction: the value `result` is `call` of other values."""

    call: np.ufunc
    operands: tuple[Operand, ...]
    result: int
    stage: int


@dataclass(frozen=True)
class Outlet:
    """The value that goes to nonzero `slot` of output `stage`."""

    stage: int
    slot: int
    value: Operand


@dataclass(frozen=True)
class Program:
    """Instructions in single assignment, in stages: one for each output of the function.

    Attributes:
        inputs: (argument, nonzero) of each value that is an input.
        steps: in order.
        outlets: in order.
    """

    inputs: dict[int, tuple[int, int]]
    steps: tuple[Step, ...]
    outlets: tuple[Outlet, ...]

    @classmethod
    def read(cls, function: ca.Function) -> Program | None:
        """Translate a CasADi SX function; None if it has an instruction that NumPy has not."""
        inputs: dict[int, tuple[int, int]] = {}
        known: dict[tuple[int, int], int] = {}
        steps: list[Step] = []
        outlets: list[Outlet] = []
        waiting: list[tuple[np.ufunc, tuple[Operand, ...], int]] = []
        register: dict[int, Operand] = {}
        count = 0
        for k in range(function.n_instructions()):
            operation = function.instruction_id(k)
            source = function.instruction_input(k)
            target = function.instruction_output(k)
            if operation == ca.OP_OUTPUT:
                stage, slot = target
                steps += [Step(*step, stage) for step in waiting]
                waiting.clear()
                outlets.append(Outlet(stage, slot, register[source[0]]))
            elif operation == ca.OP_CONST:
                register[target[0]] = float(function.instruction_constant(k))
            elif operation == ca.OP_INPUT:
                place = (source[0], source[1])
                if place not in known:
                    known[place] = count
                    inputs[count] = place
                    count += 1
                register[target[0]] = known[place]
            else:
                call = _CALLS.get(operation)
                if call is None:
                    return None
                if operation == ca.OP_TWICE:
                    source = [source[0], source[0]]
                operands = tuple(register[s] for s in source[: call.nin])
                waiting.append((call, operands, count))
                register[target[0]] = count
                count += 1
        return cls(inputs, tuple(steps), tuple(outlets))


class Bound:
    """A program bound to its buffers.

    Args:
        program: the instructions.
        arguments: of each input the buffer, shape (nonzeros, rows).
        results: of each output the buffer, shape (nonzeros, rows).
    """

    def __init__(self, program: Program, arguments: list[Floats], results: list[Floats]) -> None:
        rows = arguments[0].shape[1]
        self._calls: list[list[tuple[Callable[..., object], tuple[Floats | Operand, ...]]]] = [
            [] for _ in results
        ]
        last = _last_stage(program)
        kept: dict[int, Floats] = {}
        for step in program.steps:
            if last[step.result] > step.stage:
                kept[step.result] = np.empty(rows)
        homes: dict[Operand, Floats] = {}  # a computed output is computed in its place
        made = {step.result: step.stage for step in program.steps}
        for outlet in program.outlets:
            if made.get(_number(outlet.value)) == outlet.stage:
                homes.setdefault(outlet.value, results[outlet.stage][outlet.slot])
        kept |= {int(value): home for value, home in homes.items()}
        spare: list[Floats] = []
        for start in range(0, rows, BLOCK):
            block = slice(start, min(start + BLOCK, rows))
            self._bind(program, arguments, results, kept, spare, block)

    def _bind(
        self,
        program: Program,
        arguments: list[Floats],
        results: list[Floats],
        kept: dict[int, Floats],
        spare: list[Floats],
        block: slice,
    ) -> None:
        size = block.stop - block.start
        buffers: dict[int, Floats] = {
            value: arguments[argument][place, block]
            for value, (argument, place) in program.inputs.items()
        }
        ends = _last_use(program)
        free = list(range(len(spare)))
        lent: dict[int, int] = {}
        for number, step in enumerate(program.steps):
            operands = [buffers[v] if isinstance(v, int) else v for v in step.operands]
            for value in {v for v in step.operands if isinstance(v, int)}:
                if ends[value] == number and value in lent:
                    free.append(lent.pop(value))  # may serve as the result of this very call
            home = kept.get(step.result)
            if home is not None:
                target = home[block]
            else:
                if not free:
                    spare.append(np.empty(BLOCK))
                    free.append(len(spare) - 1)
                lent[step.result] = free.pop()
                target = spare[lent[step.result]][:size]
            buffers[step.result] = target
            self._calls[step.stage].append((step.call, (*operands, target)))
        for outlet in program.outlets:
            place = results[outlet.stage][outlet.slot][block]
            found = buffers[outlet.value] if isinstance(outlet.value, int) else outlet.value
            if not (isinstance(found, np.ndarray) and np.may_share_memory(found, place)):
                self._calls[outlet.stage].append((np.copyto, (place, found)))

    def run(self, stage: int) -> None:
        """Run one stage; the earlier ones must have been run at the same point."""
        for call, arguments in self._calls[stage]:
            call(*arguments)


def _number(value: Operand) -> int:
    return value if isinstance(value, int) else -1


def _last_stage(program: Program) -> dict[int, int]:
    """Latest stage in which each value is used."""
    last: dict[int, int] = {step.result: step.stage for step in program.steps}
    for step in program.steps:
        for value in step.operands:
            if isinstance(value, int):
                last[value] = max(last.get(value, 0), step.stage)
    for outlet in program.outlets:
        if isinstance(outlet.value, int):
            last[outlet.value] = max(last.get(outlet.value, 0), outlet.stage)
    return last


def _last_use(program: Program) -> dict[int, int]:
    """Number of the last step that uses each value; an output is used to the end."""
    last: dict[int, int] = {}
    for number, step in enumerate(program.steps):
        last[step.result] = number
        for value in step.operands:
            if isinstance(value, int):
                last[value] = number
    for outlet in program.outlets:
        if isinstance(outlet.value, int):
            last[outlet.value] = len(program.steps)
    return last
