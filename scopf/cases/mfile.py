"""The text of a MATPOWER case file (.m, version 2) as numeric tables.

The rows are read by matpowercaseframes; here statements are recognised and faults collected. Only
data statements are understood; a file that computes (as some distribution cases do) is refused, not
half read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from matpowercaseframes.constants import COLUMNS
from matpowercaseframes.reader import parse_file

from scopf.arrays import Floats
from scopf.cases import mcode
from scopf.errors import Fault

# Our columns by the format's.
FORMAT = {
    "bus": {
        "id": "BUS_I", "type": "BUS_TYPE", "pd": "PD", "qd": "QD", "gs": "GS", "bs": "BS",
        "area": "BUS_AREA", "vm": "VM", "va": "VA", "base_kv": "BASE_KV", "zone": "ZONE",
        "vmax": "VMAX", "vmin": "VMIN",
    },
    "gen": {
        "bus": "GEN_BUS", "pg": "PG", "qg": "QG", "qmax": "QMAX", "qmin": "QMIN", "vg": "VG",
        "mbase": "MBASE", "in_service": "GEN_STATUS", "pmax": "PMAX", "pmin": "PMIN",
        "pc1": "PC1", "pc2": "PC2", "qc1min": "QC1MIN", "qc1max": "QC1MAX", "qc2min": "QC2MIN",
        "qc2max": "QC2MAX", "ramp_agc": "RAMP_AGC", "ramp_10": "RAMP_10", "ramp_30": "RAMP_30",
        "ramp_q": "RAMP_Q", "apf": "APF",
    },
    "branch": {
        "from_bus": "F_BUS", "to_bus": "T_BUS", "r": "BR_R", "x": "BR_X", "b": "BR_B",
        "rate": "RATE_A", "rate_b": "RATE_B", "rate_c": "RATE_C", "tap": "TAP",
        "shift": "SHIFT", "in_service": "BR_STATUS",
        "angmin": "ANGMIN", "angmax": "ANGMAX",
    },
    "dcline": {
        "from_bus": "F_BUS", "to_bus": "T_BUS", "in_service": "BR_STATUS", "pf": "PF", "qf": "QF",
        "qt": "QT", "vf": "VF", "vt": "VT", "pmin": "PMIN", "pmax": "PMAX", "qminf": "QMINF",
        "qmaxf": "QMAXF", "qmint": "QMINT", "qmaxt": "QMAXT", "loss0": "LOSS0", "loss1": "LOSS1",
    },
}  # fmt: skip
_OURS = {table: {v: k for k, v in columns.items()} for table, columns in FORMAT.items()}
AT_LEAST = {"bus": 13, "gen": 10, "branch": 11, "gencost": 5, "dcline": 17, "dclinecost": 5}
REQUIRED = ("bus", "gen", "branch", "gencost")
NUMERIC = (*REQUIRED, "dcline", "dclinecost")
PIECEWISE, POLYNOMIAL = 1, 2  # cost models
_MAY_BE_EMPTY = ("branch", "dcline", "dclinecost")
NAMES = ("bus_name", "gen_name", "branch_name")
_WITHOUT_EFFECT = {  # on an optimal power flow: names, history, and what MATPOWER ignores as well
    "version", "areas", "gentype", "genfuel", "casename", "case",
    "order", "success", "et", "f", "bus_geo", "raw", "iterations",
}  # fmt: skip


@dataclass
class Tables:
    """Content of a case file in the file's own units: numeric tables by name, and faults.

    `function` is the name of the function that the file defines, "" without one.
    """

    source: str
    function: str = ""
    base_mva: float = float("nan")
    rows: dict[str, Floats] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    computations: list[str] = field(default_factory=list)
    unsupported: list[Fault] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


# Possessive (`*+`), so that what does not match is looked at once, not once for each beginning.
_STATEMENT = re.compile(
    r"\s*+(?:"
    r"mpc\.(?P<key>\w++(?:\.\w++)*+)[ \t]*+=\s*+"
    r"(?P<body>\[[^\]\[=]*+\]|\{[^}{=]*+\}|[^\[\{;\n]++)[ \t]*+(?:;|(?=\n)|\Z)"
    r"|function\b(?:[ \t]*+\[[^\]\n]*+\])?+[^\n=;,(]*+(?:=[^\n=;,(]*+)?+(?:\([^)\n]*+\))?+"
    r"[ \t]*+(?:[;,]|(?=\n)|\Z)"
    r"|(?:end(?:function)?|return|define_constants)\b[ \t]*+;?"
    r"|;)"
)
_FUNCTION = re.compile(r"\s*+function\b[^\n=;,(]*+=[ \t]*+(\w++)")
_LINE = re.compile(r"\s*+([^\n]++)")
_OPEN = re.compile(r"\s*+mpc\.(\w++)\s*+=\s*+[\[{]")
_CONTINUED = re.compile(r"\.\.\.[^\n]*+(\n?+)")
_QUOTED = r"'[^'\n]*+(?:''[^'\n]*+)*'|\"[^\"\n]*+\""
_SPECIAL = "%;,[]{}=."
_MASK = {ord(c): chr(0xE000 + k) for k, c in enumerate(_SPECIAL)}
_NO_NUMBER = "\ue0ff"  # put before a cell that only Python would take for a number
_UNMASK: dict[int, str | None] = {0xE000 + k: c for k, c in enumerate(_SPECIAL)}
_UNMASK[ord(_NO_NUMBER)] = None
_MOST_COMPUTATIONS = 1000
_LONGEST = 40  # characters of a cell in the label of a row
_PADDED = 1_000_000  # cells of a matrix of uneven rows, unless an eighth of them is written
_PYTHON_S = re.compile(r"(?i)_|infinity|[^\x00-\x7f]")  # what only Python has in numbers


def parse(text: str, source: str) -> Tables:
    """Split the text of a case file into numeric tables; faults are collected, not raised."""
    tables = Tables(source)
    bodies: dict[str, str] = {}
    text = _masked(text, tables).rstrip()
    named = _FUNCTION.match(text)
    tables.function = named[1] if named else ""
    at, seen = 0, 0
    computed = False  # whether a statement before computes from tables
    while at < len(text):
        match = _STATEMENT.match(text, at)
        if match is None:
            at = _unknown_statement(text, at, tables)
            continue
        at = match.end()
        if match["key"]:
            computed = computed or any("mpc." in one for one in tables.computations[seen:])
            seen = len(tables.computations)
            if match["key"] in NUMERIC and computed:
                text = "stands after statements that compute; only data statements may come before"
                tables.faults.append(Fault(text, f"mpc.{match['key']}"))
            if match["key"] in bodies:
                tables.faults.append(Fault("is assigned twice", f"mpc.{match['key']}"))
            bodies[match["key"]] = match["body"].strip()
    _read_bodies(bodies, tables)
    return tables


def _masked(text: str, tables: Tables) -> str:
    """The text without comments and continuations, characters inside quotes masked."""
    text = _without_blocks(text.replace("\r", ""), tables)
    text = re.sub(_QUOTED, lambda m: m[0].translate(_MASK), text)
    text = re.sub(r"%[^\n]*", "", text)
    return _CONTINUED.sub(lambda m: " " if m[1] else m[0], text)


def _without_blocks(text: str, tables: Tables) -> str:
    """The text without block comments, which may hold others."""
    if "%{" not in text:
        return text
    kept, opened = [], 0
    for line in text.split("\n"):
        mark = line.strip(" \t")
        opened += mark == "%{"
        kept.append("" if opened else line)
        opened -= mark == "%}" and opened > 0
    if opened:
        tables.faults.append(Fault("a block comment, %{, is not closed"))
    return "\n".join(kept)


def _unknown_statement(text: str, at: int, tables: Tables) -> int:
    """Note a statement that is not plain data; return where to go on."""
    unclosed = _OPEN.match(text, at)
    if unclosed:
        advice = "its bracket is not closed, or something other than `;` follows it"
        tables.faults.append(Fault(advice, f"mpc.{unclosed[1]}"))
        following = text.find("mpc.", unclosed.end())
        return following if following >= 0 else len(text)
    line = _LINE.match(text, at)
    if line is None:
        return len(text)
    statement = line[1].translate(_UNMASK).strip()
    if mcode.understood(statement) and len(tables.computations) < _MOST_COMPUTATIONS:
        tables.computations.append(statement)
    else:
        _refuse_statement(statement, tables)
    return line.end()


def _refuse_statement(statement: str, tables: Tables) -> None:
    shown = statement if len(statement) <= 60 else statement[:57] + "..."
    advice = (
        "files are read, not run; load the case with MATPOWER and save it with savecase, which "
        "writes what it comes to"
    )
    tables.faults.append(Fault(f"`{shown}` is not a data statement: {advice}"))


def _read_bodies(bodies: Mapping[str, str], tables: Tables) -> None:
    version = bodies.get("version", "'2'").strip("'\" ")
    if version != "2":
        tables.faults.append(Fault(f"format version {version} is not read, only 2", "mpc.version"))
    for key in ("baseMVA", *REQUIRED):
        if key not in bodies:
            text = "is missing"
            if key == "gencost":
                text += ": an optimal power flow needs the costs of every generator, a row each"
            tables.faults.append(Fault(text, f"mpc.{key}"))
    for key, body in bodies.items():
        if key == "baseMVA":
            tables.base_mva = _base(body, tables)
        elif key in NUMERIC:
            tables.rows[key] = _numbers(key, body, tables)
            if key in ("gencost", "dclinecost"):
                _refuse_spare_numbers(key, tables)
        elif key in NAMES:
            names = [quoted[1:-1].replace("''", "'") for quoted in re.findall(_QUOTED, body)]
            tables.names[key] = tuple(name.translate(_UNMASK).strip() for name in names)
        elif key not in _WITHOUT_EFFECT:
            _refuse(key, body, tables)
    _compute(tables)


def _compute(tables: Tables) -> None:
    """Apply what the file computes at its end."""
    computation = mcode.Computation(tables.base_mva, tables.rows)
    with np.errstate(all="ignore"):
        for statement in tables.computations:
            try:
                computation.apply(statement)
            except mcode.NotUnderstoodError:
                _refuse_statement(statement, tables)


def _base(body: str, tables: Tables) -> float:
    try:
        base = float("nan" if _PYTHON_S.search(body) else body)
    except ValueError:
        base = float("nan")
    if not (np.isfinite(base) and base > 0):
        text = f"must be a positive number of MVA, got `{body}`"
        tables.faults.append(Fault(text, "mpc.baseMVA"))
        return float("nan")
    return base


def _tokens(key: str, body: str) -> list[list[object]]:
    """Cells of a matrix, row by row, as matpowercaseframes reads them."""
    inner = body[1:-1] if body.startswith(("[", "{")) else body
    inner = inner.replace(",", " ").replace(";", "\n")
    if _PYTHON_S.search(inner):
        inner = re.sub(
            r"\S+", lambda m: _NO_NUMBER + m[0] if _PYTHON_S.search(m[0]) else m[0], inner
        )
    return parse_file(key, f"mpc.{key} = [\n{inner}\n];") or []


def _numbers(key: str, body: str, tables: Tables) -> Floats:
    """A numeric table, NaN where a cell is no number or a row is short."""
    cells = _tokens(key, body)
    if not cells:
        if key not in _MAY_BE_EMPTY:
            tables.faults.append(Fault("has no rows", key))
        return np.zeros((0, AT_LEAST[key]))
    lengths = Counter(len(row) for row in cells)
    width = max(lengths, key=lambda n: (lengths[n], n))
    given = sum(n * count for n, count in lengths.items())
    if len(cells) * width > max(_PADDED, 8 * given):
        text = f"has {len(cells)} rows of {min(lengths)} to {max(lengths)} columns"
        tables.faults.append(Fault(f"{text}; they must have the same number", key))
        return np.zeros((0, AT_LEAST[key]))
    for number, row in enumerate(cells, 1):
        if len(row) != width:
            text = f"has {len(row)} columns where the table has {width}"
            tables.faults.append(Fault(text, key, number))
            row[:] = (row + [float("nan")] * width)[:width]
    if width < AT_LEAST[key]:
        text = f"has {width} columns, the format needs at least {AT_LEAST[key]}"
        tables.faults.append(Fault(text, key))
        for row in cells:
            row.extend([float("nan")] * (AT_LEAST[key] - width))
    try:
        return np.array(cells, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        _name_bad_cells(key, cells, tables)
        return np.array(cells, dtype=np.float64)


def _name_bad_cells(key: str, cells: list[list[object]], tables: Tables) -> None:
    names = COLUMNS["gencost" if key == "dclinecost" else key]
    for number, row in enumerate(cells, 1):
        label = _row_label(key, row)
        for k, cell in enumerate(row):
            if isinstance(cell, str):
                shown = names[k] if k < len(names) else f"column {k + 1}"
                text = f"`{cell.translate(_UNMASK)}` in {shown} is not a number"
                column = _OURS.get(key, {}).get(shown, shown)
                tables.faults.append(Fault(text, key, number, label, column))
                row[k] = float("nan")


def _row_label(key: str, row: list[object]) -> str:
    ends = {"bus": 1, "gen": 1, "branch": 2, "dcline": 2}.get(key, 0)
    numbers = "-".join(str(cell)[:_LONGEST] for cell in row[:ends])
    return f"bus {numbers}" if numbers else ""


def _refuse(key: str, body: str, tables: Tables) -> None:
    """Note content that the model does not represent, unless it is empty."""
    rows = _tokens(key, body) if body.startswith(("[", "{")) else [[body]]
    if rows:
        count = f"{len(rows)} row{'s' if len(rows) != 1 else ''}"
        text = f"{count} of content that the model does not represent"
        tables.unsupported.append(Fault(text, f"mpc.{key}"))


def _refuse_spare_numbers(key: str, tables: Tables) -> None:
    """Note costs with more numbers than NCOST says; zeros fill up the table."""
    rows = tables.rows[key]
    if not len(rows):
        return
    each = np.where(rows[:, 0] == PIECEWISE, 2, 1)  # a point has two
    count = np.where(rows[:, 3] >= 0, rows[:, 3], np.inf)  # NaN is a fault of its own
    with np.errstate(over="ignore"):  # 1e308 coefficients are more than any row has, too
        beyond = np.arange(rows.shape[1]) >= 4 + (each * count)[:, None]
    spare = (beyond & (rows != 0)).sum(axis=1) * np.isin(rows[:, 0], (PIECEWISE, POLYNOMIAL))
    for row in np.flatnonzero(spare):
        what = "points" if rows[row, 0] == PIECEWISE else "coefficients"
        text = f"has {what} that are not zero beyond the {count[row]:g} that NCOST says"
        tables.unsupported.append(Fault(text, key, int(row) + 1, column="NCOST"))
