"""The text of a MATPOWER case file (.m, version 2) as numeric tables.

The rows are read by matpowercaseframes; here statements are told apart and faults collected. Only
data statements are understood; a file that computes (as some distribution cases do) is refused, not
half read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from matpowercaseframes.constants import COLUMNS
from matpowercaseframes.reader import parse_file

from scopf.arrays import Floats
from scopf.faults import Fault

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
    },
    "branch": {
        "from_bus": "F_BUS", "to_bus": "T_BUS", "r": "BR_R", "x": "BR_X", "b": "BR_B",
        "rate": "RATE_A", "tap": "TAP", "shift": "SHIFT", "in_service": "BR_STATUS",
        "angmin": "ANGMIN", "angmax": "ANGMAX",
    },
}  # fmt: skip
_OURS = {table: {v: k for k, v in columns.items()} for table, columns in FORMAT.items()}
AT_LEAST = {"bus": 13, "gen": 10, "branch": 11, "gencost": 5}
REQUIRED = ("bus", "gen", "branch", "gencost")
_POLYNOMIAL = 2
_WITHOUT_EFFECT = {  # on an optimal power flow: names, history, and what MATPOWER ignores as well
    "version", "areas", "gentype", "genfuel", "gen_name", "branch_name", "casename", "case",
    "order", "success", "et", "f", "bus_geo", "raw", "iterations",
}  # fmt: skip


@dataclass
class Tables:
    """What a case file says, in the file's own units: numeric tables by name, and faults met."""

    source: str
    base_mva: float = float("nan")
    rows: dict[str, Floats] = field(default_factory=dict)
    bus_name: tuple[str, ...] = ()
    unsupported: list[Fault] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


_STATEMENT = re.compile(
    r"\s*(?:"
    r"mpc\.(?P<key>\w+(?:\.\w+)*)[ \t]*=\s*"
    r"(?P<body>\[[^\]\[=]*\]|\{[^}{=]*\}|[^\[\{;\n]+)[ \t]*(?:;|(?=\n)|\Z)"
    r"|function\b(?:[ \t]*\[[^\]\n]*\])?[^\n=;,(]*(?:=[^\n=;,(]*)?(?:\([^)\n]*\))?"
    r"[ \t]*(?:[;,]|(?=\n)|\Z)"
    r"|(?:end(?:function)?|return|define_constants)\b[ \t]*;?"
    r"|;)"
)
_LINE = re.compile(r"\s*([^\n]+)")
_OPEN = re.compile(r"\s*mpc\.(\w+)\s*=\s*[\[{]")
_QUOTED = r"'(?:[^'\n]|'')*'|\"[^\"\n]*\""
_SPECIAL = "%;,[]{}=."
_MASK = {ord(c): chr(0xE000 + k) for k, c in enumerate(_SPECIAL)}
_NO_NUMBER = "\ue0ff"  # put before a cell that only Python would take for a number
_UNMASK: dict[int, str | None] = {0xE000 + k: c for k, c in enumerate(_SPECIAL)}
_UNMASK[ord(_NO_NUMBER)] = None
_PYTHON_S = re.compile(r"(?i)_|infinity|[^\x00-\x7f]")  # what only Python has in numbers


def parse(text: str, source: str) -> Tables:
    """Split the text of a case file into numeric tables; faults are collected, not raised."""
    tables = Tables(source)
    bodies: dict[str, str] = {}
    text = _plain(text, tables).rstrip()
    at = 0
    while at < len(text):
        match = _STATEMENT.match(text, at)
        if match is None:
            at = _unknown_statement(text, at, tables)
            continue
        at = match.end()
        if match["key"]:
            if match["key"] in bodies:
                tables.faults.append(Fault("is assigned twice", f"mpc.{match['key']}"))
            bodies[match["key"]] = match["body"].strip()
    _read_bodies(bodies, tables)
    return tables


def _plain(text: str, tables: Tables) -> str:
    """The text without comments and continuations, characters inside quotes masked."""
    text = _without_blocks(text.replace("\r", ""), tables)
    text = re.sub(_QUOTED, lambda m: m[0].translate(_MASK), text)
    return re.sub(r"\.\.\.[^\n]*\n", " ", re.sub(r"%[^\n]*", "", text))


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
    shown = statement if len(statement) <= 60 else statement[:57] + "..."
    advice = "only data statements are read; load and save the case with MATPOWER first"
    tables.faults.append(Fault(f"`{shown}` is not a data statement: {advice}"))
    return line.end()


def _read_bodies(bodies: Mapping[str, str], tables: Tables) -> None:
    version = bodies.get("version", "'2'").strip("'\" ")
    if version != "2":
        tables.faults.append(Fault(f"format version {version} is not read, only 2", "mpc.version"))
    for key in ("baseMVA", *REQUIRED):
        if key not in bodies:
            tables.faults.append(Fault("is missing", f"mpc.{key}"))
    for key, body in bodies.items():
        if key == "baseMVA":
            tables.base_mva = _base(body, tables)
        elif key in REQUIRED:
            tables.rows[key] = _numbers(key, body, tables)
            if key == "gen":
                _refuse_capability_curves(tables)
            if key == "gencost":
                _refuse_spare_coefficients(tables)
        elif key == "bus_name":
            names = [quoted[1:-1].replace("''", "'") for quoted in re.findall(_QUOTED, body)]
            tables.bus_name = tuple(name.translate(_UNMASK).strip() for name in names)
        elif key not in _WITHOUT_EFFECT:
            _refuse(key, body, tables)


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
    inner = body.strip("[]{} \t\n").replace(",", " ").replace(";", "\n")
    if _PYTHON_S.search(inner):
        inner = re.sub(
            r"\S+", lambda m: _NO_NUMBER + m[0] if _PYTHON_S.search(m[0]) else m[0], inner
        )
    return parse_file(key, f"mpc.{key} = [\n{inner}\n];") or []


def _numbers(key: str, body: str, tables: Tables) -> Floats:
    """A numeric table, NaN where a cell is no number or a row is short."""
    cells = _tokens(key, body)
    if not cells:
        if key != "branch":
            tables.faults.append(Fault("has no rows", key))
        return np.zeros((0, AT_LEAST[key]))
    lengths = [len(row) for row in cells]
    width = max(set(lengths), key=lambda n: (lengths.count(n), n))
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
    names = COLUMNS[key]
    for number, row in enumerate(cells, 1):
        for k, cell in enumerate(row):
            if isinstance(cell, str):
                shown = names[k] if k < len(names) else f"column {k + 1}"
                text = f"`{cell.translate(_UNMASK)}` in {shown} is not a number"
                column = _OURS.get(key, {}).get(shown, shown)
                tables.faults.append(Fault(text, key, number, _row_label(key, row), column))
                row[k] = float("nan")


def _row_label(key: str, row: list[object]) -> str:
    ends = {"bus": 1, "gen": 1, "branch": 2}.get(key, 0)
    numbers = "-".join(str(cell) for cell in row[:ends])
    return f"bus {numbers}" if numbers else ""


def _refuse(key: str, body: str, tables: Tables) -> None:
    """Note content that the model does not represent, unless it is empty or switched off."""
    rows = _tokens(key, body) if body.startswith(("[", "{")) else [[body]]
    status = COLUMNS["dcline"].index("BR_STATUS") if key == "dcline" else None
    active = [r for r in rows if status is None or len(r) <= status or r[status] != 0]
    if active:
        count = f"{len(active)} row{'s' if len(active) != 1 else ''}"
        text = f"{count} of content that the model does not represent"
        tables.unsupported.append(Fault(text, f"mpc.{key}"))


def _refuse_capability_curves(tables: Tables) -> None:
    """Note generators whose P-Q capability curve cuts into their box of P and Q."""
    rows, k = tables.rows["gen"], COLUMNS["gen"].index
    if rows.shape[1] <= k("QC2MAX"):
        return
    pc1, pc2 = rows[:, k("PC1")], rows[:, k("PC2")]
    above = np.minimum(rows[:, k("QC1MAX")], rows[:, k("QC2MAX")]) < rows[:, k("QMAX")]
    below = np.maximum(rows[:, k("QC1MIN")], rows[:, k("QC2MIN")]) > rows[:, k("QMIN")]
    curved = ((pc1 != 0) | (pc2 != 0)) & (above | below) & (rows[:, k("GEN_STATUS")] > 0)
    for row in np.flatnonzero(curved):
        text = "its P-Q capability curve (Pc1 ... Qc2max) is not represented by the model"
        label = f"gen {row + 1} at bus {rows[row, 0]:g}"
        tables.unsupported.append(Fault(text, "gen", int(row) + 1, label, "PC1"))


def _refuse_spare_coefficients(tables: Tables) -> None:
    """Note polynomials with more coefficients than NCOST says; zeros fill up the table."""
    rows = tables.rows["gencost"]
    count = np.where(rows[:, 3] >= 0, rows[:, 3], np.inf)  # NaN is a fault of its own
    beyond = np.arange(rows.shape[1]) >= 4 + count[:, None]
    spare = (beyond & (rows != 0)).sum(axis=1) * (rows[:, 0] == _POLYNOMIAL)
    for row in np.flatnonzero(spare):
        text = f"has coefficients that are not zero beyond the {count[row]:g} that NCOST says"
        tables.unsupported.append(Fault(text, "gencost", int(row) + 1, column="NCOST"))
