"""Atoms that can be evaluated together: of one shape, or on the same variables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from scopf.arrays import Flags, Ints
from scopf.engine.coefficients import Parameters
from scopf.engine.expressions import PARAMETER, Atom, Coefficient, Token
from scopf.engine.families import Atoms
from scopf.engine.kernels import CONSTANT, NUMBER, Output
from scopf.engine.numbers import Numbers

_FEW = 16.0  # a formula's own number is at most this


@dataclass(frozen=True)
class Group:
    """Atoms of one kernel: `outputs` on the variables of each row.

    Attributes:
        outputs: their shapes, with tokens `number:k` and `constant:x` in place of PARAMETER, each
            with the numbers of the kernel's variables in it.
        columns: variables of each row, shape (rows, variables).
        numbers: those of the tokens, each one number for all rows or one for each; of a formulation
            none twice.
        atoms: number of each atom, shape (rows, outputs).
    """

    outputs: tuple[Output, ...]
    columns: Ints
    numbers: tuple[Coefficient, ...]
    atoms: Ints


def grouped(
    blocks: Sequence[Atoms],
    singles: Sequence[Atom],
    parameters: Parameters,
    first: int,
    used: Flags,
) -> list[Group]:
    """Groups of all atoms that are used.

    Args:
        blocks: atoms of families.
        singles: atoms that were met one by one.
        parameters: that the single ones' numbers may follow.
        first: number of the first single one.
        used: whether each atom is used at all.
    """
    return [*_of_blocks(blocks, used), *_of_singles(singles, parameters, first, used)]


def _of_blocks(blocks: Sequence[Atoms], used: Flags) -> list[Group]:
    """Families on the same variables become one group: a branch's w and its squared flows."""
    alike: dict[tuple[int, frozenset[bytes]], list[Atoms]] = defaultdict(list)
    for block in blocks:
        key = frozenset(column.tobytes() for column in block.columns.T)
        alike[len(block), key].append(block)
    groups = []
    for members in alike.values():
        atoms = np.stack([block.first + np.arange(len(block)) for block in members], axis=1)
        wanted = used[atoms]
        rows, taken = np.flatnonzero(wanted.any(axis=1)), np.flatnonzero(wanted.any(axis=0))
        if not len(rows):
            continue
        kept = [members[output] for output in taken.tolist()]
        columns = members[0].columns
        place = {column.tobytes(): k for k, column in enumerate(columns.T)}
        local = [tuple(place[column.tobytes()] for column in block.columns.T) for block in kept]
        outputs, numbers = _told_apart(
            list(zip([block.shape for block in kept], local, strict=True)),
            [number for block in kept for number in block.numbers],
        )
        numbers = [n.take(rows) if isinstance(n, Numbers) else n for n in numbers]
        groups.append(Group(outputs, columns[rows], tuple(numbers), atoms[rows][:, taken]))
    return groups


def _of_singles(
    atoms: Sequence[Atom], parameters: Parameters, first: int, used: Flags
) -> list[Group]:
    """Atoms on the same variables are fused; those fused alike, and of one shape, are a group."""
    on_variables: dict[frozenset[int], list[int]] = defaultdict(list)
    for number, (_, columns, _) in enumerate(atoms):
        if used[first + number]:
            on_variables[frozenset(columns)].append(number)
    alike: dict[tuple[Output, ...], list[tuple[tuple[int, ...], list[int]]]] = defaultdict(list)
    for members in on_variables.values():
        for outputs, columns, ordered in _fused(atoms, members):
            alike[outputs].append((columns, ordered))
    groups = []
    for outputs, rows in alike.items():
        numbers = [[n for atom in ordered for n in atoms[atom][2]] for _, ordered in rows]
        told, apart = _told_apart(
            outputs, [parameters.numbers(column) for column in zip(*numbers, strict=True)]
        )
        groups.append(
            Group(
                told,
                np.array([columns for columns, _ in rows], dtype=np.int64),
                tuple(apart),
                first + np.array([ordered for _, ordered in rows], dtype=np.int64),
            )
        )
    return groups


def _told_apart(
    outputs: Sequence[Output], numbers: Sequence[Coefficient]
) -> tuple[tuple[Output, ...], list[Coefficient]]:
    """Say of each PARAMETER which number it is: one that stands in several places is one symbol.

    Small multiples of a quarter that all rows share, as formulas have them, become part of the
    function.
    """
    known: dict[Hashable, int] = {}
    kept: list[Coefficient] = []

    def token(number: Coefficient) -> Token:
        if not isinstance(number, Numbers):
            number = Numbers(number)
        if not number.moving and len(number.nonzero) == 1:
            value = float(number.values()[0])
            if abs(value) <= _FEW and (4 * value).is_integer():
                return f"{CONSTANT}:{value!r}"
        place = known.setdefault(number.key, len(kept))
        if place == len(kept):
            kept.append(number)
        return f"{NUMBER}:{place}"

    rest = iter(numbers)
    told = tuple(
        (tuple(token(next(rest)) if one == PARAMETER else one for one in shape), local)
        for shape, local in outputs
    )
    return told, kept


def _fused(
    atoms: Sequence[Atom], members: list[int]
) -> list[tuple[tuple[Output, ...], tuple[int, ...], list[int]]]:
    """Split the atoms on one set of variables into at most one atom of each kind per kernel row."""
    columns = atoms[members[0]][1]
    local = {column: k for k, column in enumerate(columns)}
    rounds: list[dict[Output, int]] = []
    seen: dict[Output, int] = defaultdict(int)
    for number in members:
        shape, mine, _ = atoms[number]
        output: Output = (shape, tuple(local[column] for column in mine))
        if seen[output] == len(rounds):
            rounds.append({})
        rounds[seen[output]][output] = number
        seen[output] += 1
    result = []
    for each in rounds:
        signature = tuple(sorted(each, key=repr))
        result.append((signature, columns, [each[output] for output in signature]))
    return result
