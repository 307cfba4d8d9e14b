"""A MATPOWER case file (.m) as numeric tables.

Only data statements, and a little arithmetic, are understood; a file that computes anything else
(as some distribution cases do) is refused, not half read.
"""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from scopf.arrays import Floats
from scopf.cases import marithmetic, mcells, mcode, mcosts, mtext
from scopf.cases.mformat import CHANGES, NAMES, NUMERIC, REQUIRED, SILENT, WITHOUT_EFFECT
from scopf.cases.mtext import Source, Statement
from scopf.errors import Fault, listing

_MOST_COMPUTATIONS = 1000
_SPELT = 0.85  # likeness of a name to that of a table that must be meant
_LONGEST = 40  # characters of such a name
_QUOTED = re.compile(mtext.QUOTED)
_GEN_V1, _GEN_V2 = 10, 21  # columns of the gen table of versions 1 and 2, without results
_BRANCH_V1, _BRANCH_V1_RESULTS = 11, (15, 17)  # columns of version 1's branch table


@dataclass
class Tables:
    """Content of a case file in the file's own units.

    Attributes:
        source: the file.
        function: name of the function that it defines, "" without one.
        base_mva: of the system.
        rows: numeric tables by name.
        names: rows of the tables of names, each a row of texts.
        computations: statements that compute.
        unsupported: content that a network does not represent.
        faults: of the file.
        notes: sentences on what was left out or read in one of two ways, with their log level.
    """

    source: str
    function: str = ""
    base_mva: float = float("nan")
    rows: dict[str, Floats] = field(default_factory=dict)
    names: dict[str, list[list[str]]] = field(default_factory=dict)
    computations: list[str] = field(default_factory=list)
    unsupported: list[Fault] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[tuple[str, int]] = field(default_factory=list)


def parse(text: str, source: str) -> Tables:
    """Numeric tables of the text of a case file; faults are collected, not raised."""
    content = Source(text)
    tables = Tables(source, content.function, faults=content.faults)
    bodies: dict[str, str] = {}
    computed, seen = False, 0  # whether a statement before computes from tables
    for statement in content.statements():
        if statement.key:
            computed = computed or any("mpc." in one for one in tables.computations[seen:])
            seen = len(tables.computations)
            _take_body(statement, bodies, tables, computed)
        elif _computes(statement.text) and len(tables.computations) < _MOST_COMPUTATIONS:
            tables.computations.append(mtext.unmasked(statement.text))
        elif key := mcode.other_field(statement.text):
            bodies[key] = statement.text
        else:
            _refuse_statement(statement.text, tables)
    if content.variables:
        bodies.setdefault("version", "1")
    _read_bodies(bodies, tables)
    _compute(tables)
    return tables


def _computes(text: str) -> bool:
    return mcode.understood(mtext.unmasked(text))


def _take_body(
    statement: Statement, bodies: dict[str, str], tables: Tables, computed: bool
) -> None:
    """Keep what a table is, unless it cannot be read as one."""
    key = statement.key
    transposed = key in NAMES and statement.rest == "'"
    if statement.rest and not transposed and key in (*NUMERIC, *NAMES):
        advice = "its bracket is not closed, or something other than `;` follows it"
        tables.faults.append(Fault(advice, f"mpc.{key}"))
    if key in NUMERIC and computed:
        text = "stands after statements that compute; only data statements may come before"
        tables.faults.append(Fault(text, f"mpc.{key}"))
    if key in bodies and key in (*NUMERIC, "baseMVA", "version"):
        tables.faults.append(Fault("is assigned twice", f"mpc.{key}"))
    bodies[key] = statement.body


def _read_bodies(bodies: Mapping[str, str], tables: Tables) -> None:
    version = bodies.get("version", "").strip("'\" ")
    if version not in ("1", "2") and "version" in bodies:
        text = f"format version {version} is not read, only 1 and 2"
        tables.faults.append(Fault(text, "mpc.version"))
    for key in ("baseMVA", *REQUIRED):
        if key not in bodies:
            tables.faults.append(Fault("is missing", f"mpc.{key}"))
    idle, unknown = list[str](), list[str]()
    for key, body in bodies.items():
        root = key.partition(".")[0]
        if key == "baseMVA":
            tables.base_mva = _base(body, tables)
        elif key in NUMERIC:
            rows = tables.rows[key] = mcells.numbers(key, body, tables.faults)
            if key in ("gencost", "dclinecost"):
                tables.unsupported += mcosts.spare_numbers(key, rows)
        elif key in NAMES and body.startswith(("[", "{")):
            tables.names[key] = _names(body)
        elif root not in SILENT and (content := _content(key, body)):
            near = difflib.get_close_matches(root[:_LONGEST].lower(), NUMERIC, n=1, cutoff=_SPELT)
            if root in CHANGES or near:
                text = f"{content} of content that the model does not represent"
                meant = f"; is it mpc.{near[0]}?" if near and root not in CHANGES else ""
                tables.unsupported.append(Fault(text + meant, f"mpc.{key}"))
            else:
                (idle if root in WITHOUT_EFFECT else unknown).append(f"mpc.{key} ({content})")
    if idle:
        text = f"tables left out, without effect on an optimal power flow: {listing(idle)}"
        tables.notes.append((text, logging.INFO))
    if unknown:
        text = f"tables left out, which an optimal power flow does not have: {listing(unknown)}"
        if "storage" in bodies:
            text += "; scopf.storage_table reads mpc.storage"
        tables.notes.append((text, logging.WARNING))
    if version == "1" or ("version" not in bodies and _narrow(tables)):
        for key in tables.rows:
            tables.rows[key] = _of_version_1(key, tables.rows[key], tables)


def _narrow(tables: Tables) -> bool:
    """Whether a file that names no version is of version 1, as MATPOWER's loadcase has it."""
    gen = tables.rows.get("gen")
    return gen is not None and gen.shape[1] < _GEN_V2


def _of_version_1(key: str, rows: Floats, tables: Tables) -> Floats:
    """A table without the results that version 1 has in columns where version 2 has others."""
    width = rows.shape[1]
    if key == "gen" and width < _GEN_V2:
        return rows[:, :_GEN_V1]
    if key == "branch" and width in _BRANCH_V1_RESULTS:
        return rows[:, :_BRANCH_V1]
    if key == "branch" and width > _BRANCH_V1 + 1:
        low, high = rows[:, _BRANCH_V1 : _BRANCH_V1 + 2].T
        if ((low > -360) & (low != 0) | (high < 360) & (high != 0)).any():
            text = (
                "branch: columns 12 and 13 are read as angle limits, though the file is of version "
                "1, which has none"
            )
            tables.notes.append((text, logging.WARNING))
    return rows


def _names(body: str) -> list[list[str]]:
    """Rows of texts of a cell array."""
    inner = body.strip("[]{}")
    rows = [_QUOTED.findall(line) for line in re.split(r"[;\n]", inner)]
    return [
        [mtext.unmasked(one[1:-1].replace("''", "'")).strip() for one in row] for row in rows if row
    ]


def _content(key: str, body: str) -> str:
    """Amount of content of a table that is not read, or ""."""
    if not body.startswith(("[", "{")):
        return "1 row" if body.strip("'\" ") else ""
    count = sum(1 for line in re.split(r"[;\n]", body[1:-1]) if line.strip())
    return f"{count} row{'s' if count != 1 else ''}" if count else ""


def _compute(tables: Tables) -> None:
    """Apply what the file computes at its end."""
    computation = mcode.Computation(tables.base_mva, tables.rows)
    with np.errstate(all="ignore"):
        for statement in tables.computations:
            try:
                computation.apply(statement)
            except mcode.NotUnderstoodError:
                _refuse_statement(statement, tables)


def _refuse_statement(statement: str, tables: Tables) -> None:
    advice = (
        "files are read, not run; load the case with MATPOWER and save it with savecase, which "
        "writes what it comes to"
    )
    text = f"`{mtext.shown(statement)}` is not a data statement: {advice}"
    tables.faults.append(Fault(text))


def _base(body: str, tables: Tables) -> float:
    try:
        base = marithmetic.number(body)
    except marithmetic.NotArithmeticError:
        base = float("nan")
    if not (np.isfinite(base) and base > 0):
        text = f"must be a positive number of MVA, got `{body}`"
        tables.faults.append(Fault(text, "mpc.baseMVA"))
        return float("nan")
    return base
