"""Computations of a case file after its tables: units of columns, by numbers that it names.

Distribution cases give loads in kW and impedances in ohms and convert them at their end. That much
arithmetic is understood here; nothing is ever executed. The statements are

    [PQ, PV, ...] = idx_bus;                            names of columns, in their own order
    Vbase = mpc.bus(1, BASE_KV) * 1e3;                  a number
    mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;  columns, scaled or shifted by a number

with + - * / ^, brackets, sqrt, sin, cos and acos.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from scopf.arrays import Floats
from scopf.cases import marithmetic
from scopf.cases.mformat import COLUMNS

_INDEX = {
    "idx_bus": (
        "PQ PV REF NONE BUS_I BUS_TYPE PD QD GS BS BUS_AREA VM VA BASE_KV ZONE VMAX VMIN LAM_P "
        "LAM_Q MU_VMAX MU_VMIN"
    ),
    "idx_brch": (
        "F_BUS T_BUS BR_R BR_X BR_B RATE_A RATE_B RATE_C TAP SHIFT BR_STATUS PF QF PT QT MU_SF "
        "MU_ST ANGMIN ANGMAX MU_ANGMIN MU_ANGMAX"
    ),
    "idx_gen": (
        "GEN_BUS PG QG QMAX QMIN VG MBASE GEN_STATUS PMAX PMIN MU_PMAX MU_PMIN MU_QMAX MU_QMIN PC1 "
        "PC2 QC1MIN QC1MAX QC2MIN QC2MAX RAMP_AGC RAMP_10 RAMP_30 RAMP_Q APF"
    ),
}
_COLUMN = r"mpc\.(bus|gen|branch)[ \t]*\(:,[ \t]*(\[[\w, \t]+\]|\w+)\)"
_NAMES = re.compile(r"\[([\w, \t]+)\][ \t]*=[ \t]*(\w+)[ \t]*;?")
_SCALAR = re.compile(r"([A-Za-z]\w*)[ \t]*=([^=;]+);?")
_ASSIGNED = re.compile(_COLUMN + r"[ \t]*=([^=;]+);?")
_CELL = re.compile(r"mpc\.(bus|gen|branch)[ \t]*\([ \t]*(\d+)[ \t]*,[ \t]*(\w+)[ \t]*\)")
_TAKEN = {
    *marithmetic.FUNCTIONS,
    *" ".join(_INDEX.values()).split(),
}  # names with a meaning of their own
_SELF = "the_columns"
_CONTROL = re.compile(
    r"\b(?:if|for|parfor|while|switch|case|otherwise|else|elseif|try|catch|end|break|continue|"
    r"eval|evalc|evalin|assignin|load|run|clear|feval|global|persistent|function|classdef)\b"
)
_FIELD = re.compile(r"mpc\.(\w++(?:\.\w++)*+)(?:\([^()\n]*+\))?+[ \t]*+=[ \t]*+[^\s;]")
_BARE = re.compile(r"\bmpc\b(?!\.\w)")  # the struct as a whole
_TABLE = re.compile(r"\bmpc\.(?:baseMVA|version|bus|gen|branch|gencost|dcline|dclinecost)\b")
_COMPARED = re.compile(r"[=<>~]=")


class NotUnderstoodError(ValueError):
    """A statement that is none of those."""


def understood(statement: str) -> bool:
    """Whether a statement has the form of one of those."""
    forms = (_NAMES, _SCALAR, _ASSIGNED)
    return len(statement) <= marithmetic.LONGEST and any(
        form.fullmatch(statement) for form in forms
    )


def other_field(statement: str) -> str:
    """The field of the struct, none of the tables that are read, that a statement only assigns."""
    text = _COMPARED.sub("", statement)
    match, table = _FIELD.match(text), _TABLE.search(text)
    assigned = table is not None and "=" in text[table.end() :]
    if match is None or assigned or _CONTROL.search(text) or _BARE.search(text):
        return ""
    return match[1]


class Computation:
    """Statements at the end of a case file, applied one by one to its tables.

    Args:
        base_mva: of the file.
        rows: its tables, which are changed.
    """

    def __init__(self, base_mva: float, rows: Mapping[str, Floats]) -> None:
        self._rows = rows
        self._numbers: dict[str, Any] = {}
        self._base = base_mva

    def apply(self, statement: str) -> None:
        """Carry out one statement.

        Raises:
            NotUnderstoodError: when it is something else, or has no finite result.
        """
        named = _NAMES.fullmatch(statement)
        if named:
            names = named[1].replace(",", " ").split()
            if names != _INDEX.get(named[2], "").split()[: len(names)]:
                raise NotUnderstoodError(statement)
            return
        assigned = _ASSIGNED.fullmatch(statement)
        if assigned:
            self._assign(assigned[1], assigned[2], assigned[3])
            return
        scalar = _SCALAR.fullmatch(statement)
        if not scalar or scalar[1] in _TAKEN:
            raise NotUnderstoodError(statement)
        self._numbers[scalar[1]] = self._finite(self._value(scalar[2]))

    def _assign(self, table: str, columns: str, right: str) -> None:
        read = list(re.finditer(_COLUMN, right))
        if len(read) != 1 or read[0][1] != table:
            raise NotUnderstoodError(right)
        target, source = (self._places(table, text) for text in (columns, read[0][2]))
        if len(target) != len(source):
            raise NotUnderstoodError(right)
        expression = right[: read[0].start()] + _SELF + right[read[0].end() :]
        values = self._value(expression, self._rows[table][:, source])
        if np.shape(values) != (len(self._rows[table]), len(target)):
            raise NotUnderstoodError(right)
        self._rows[table][:, target] = values

    def _places(self, table: str, text: str) -> list[int]:
        names = text.strip("[]").replace(",", " ").split()
        return [self._place(table, name) for name in names]

    def _place(self, table: str, name: str) -> int:
        width = self._rows[table].shape[1] if table in self._rows else 0
        if name not in COLUMNS[table][:width]:
            raise NotUnderstoodError(name)
        return COLUMNS[table].index(name)

    def _value(self, text: str, columns: Floats | None = None) -> Any:
        """Value of an expression, in which `the_columns` may stand for columns."""
        known = {**self._numbers, "base_mva": self._base}
        if columns is not None:
            known[_SELF] = columns

        def cell(match: re.Match[str]) -> str:
            row, place = int(match[2]) - 1, self._place(match[1], match[3])
            if not 0 <= row < len(self._rows[match[1]]):
                raise NotUnderstoodError(text)
            name = f"cell_{len(known)}"
            known[name] = float(self._rows[match[1]][row, place])
            return name

        plain = re.sub(r"mpc\.baseMVA\b", "base_mva", _CELL.sub(cell, text))
        try:
            return marithmetic.value(plain, known)
        except marithmetic.NotArithmeticError as error:
            raise NotUnderstoodError(text) from error

    def _finite(self, value: Any) -> float:
        if isinstance(value, float) and math.isfinite(value):
            return value
        raise NotUnderstoodError("no number")
