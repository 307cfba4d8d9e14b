"""scopf's own JSON of a network: every table and column, to the last bit.

    {"format": "scopf-network", "version": 1, "name": "case9", "base_mva": 100.0,
     "bus": {"id": [1, 2, ...], "pd": [0.0, ...], ...}, "gen": {...}, "branch": {...}, ...}

The columns are those of `scopf.network.tables`, in per unit and rad. Infinity is "inf" or "-inf",
NaN is null; polynomials and cost points are lists of lists. What a network may leave out, a file
may. A table of devices is there as "dynamics": {"gen": [1, ...], "device": ["avr", ...], ...}.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from scopf import files
from scopf.arrays import plain
from scopf.cases import dclosses
from scopf.cases.approximations import Approximations
from scopf.errors import CaseError, Fault, listing
from scopf.network import piecewise
from scopf.network.network import Network
from scopf.network.tables import Branches, Buses, DcLines, Gens, Table

if TYPE_CHECKING:
    import pandas as pd

FORMAT, VERSION = "scopf-network", 1
DYNAMICS = "dynamics"

_TABLES: tuple[type[Table], ...] = (Buses, Gens, Branches, DcLines)
_INFINITE = {"inf": math.inf, "-inf": -math.inf}
_LARGEST = 2**63
_DEPTH = {"cost_p": 2, "cost_q": 2, "cost": 2, "points": 3}  # of lists, where it is not 1


def write(net: Network, path: str | os.PathLike[str]) -> None:
    """Write a network.

    Args:
        net: the network, elements out of service included.
        path: file to write.
    """
    blocks = [f"{json.dumps(key)}: {_block(value)}" for key, value in content(net).items()]
    text = "{\n " + ",\n ".join(blocks) + "\n}\n"
    files.replace(Path(path), lambda part: part.write_text(text, encoding="utf-8"), follow=True)


def content(net: Network) -> dict[str, Any]:
    """A network as values that JSON has; `parse` makes it of them again."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "name": net.name,
        "base_mva": net.base_mva,
    }
    if net.approximations:
        head["approximations"] = list(net.approximations)
    if net.dynamics is not None:
        rows = net.dynamics.to_dict("list")
        head[DYNAMICS] = {str(name): [plain(cell) for cell in rows[name]] for name in rows}
    for key, table in net.tables.items():
        names = [field.name for field in dataclasses.fields(table)]
        head[key] = {name: _nested(getattr(table, name)) for name in names}
    return head


def _block(value: Any) -> str:
    """A value as text, tables with a line for each column."""
    if not isinstance(value, dict):
        return _text(value)
    return "{\n" + ",\n".join(f"  {json.dumps(k)}: {_text(v)}" for k, v in value.items()) + "\n }"


def _text(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _nested(column: Any) -> Any:
    """A column as lists of what JSON has; points without those that only fill up."""
    if column.ndim == 3:
        return [[_nested(point) for point in row[~np.isnan(row).all(axis=1)]] for row in column]
    if column.dtype != np.float64 or np.isfinite(column).all():
        return column.tolist()
    if column.ndim > 1:
        return [_nested(row) for row in column]
    return [_cell(value) for value in column.tolist()]


def _cell(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else f"{value:g}"


# -- reading -----------------------------------------------


def read(path: str | os.PathLike[str]) -> Network:
    """Read a network.

    Raises:
        CaseError: listing every fault with table, row and column.
    """
    return parse(values(path), os.fspath(path))


def values(path: str | os.PathLike[str]) -> Any:
    """The values in a JSON file.

    Raises:
        CaseError: when it cannot be read, or is no JSON.
    """
    source = os.fspath(path)
    try:
        text = files.text(path)
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_once)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CaseError(source, [Fault(f"cannot be read: {reason}")]) from error
    except RecursionError as error:
        raise CaseError(source, [Fault("is not JSON: brackets are nested too deep")]) from error
    except ValueError as error:  # of encoding, of JSON, and too long a number
        raise CaseError(source, [Fault(f"is not JSON: {error}")]) from error


def parse(content: Any, source: str) -> Network:
    """The network that a file's content (parsed JSON) stands for.

    Raises:
        CaseError: listing every fault.
    """
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        text = f'is no network: it has no "format": "{FORMAT}", as `scopf convert` writes it'
        raise CaseError(source, [Fault(text)])
    version = content.get("version")
    if type(version) is not int or version != VERSION:
        shown = json.dumps(version)[:40]
        text = f"is of version {shown}, and this scopf reads version {VERSION}"
        raise CaseError(source, [Fault(text)])
    reader = _TablesReader()
    made = reader.tables(content)
    if reader.faults:
        raise CaseError(source, reader.faults)
    name, base = content["name"], float(content["base_mva"])
    try:
        with np.errstate(all="ignore"):  # what overflows is infinite, and that is found
            notes, said = Approximations(name), tuple(content.get("approximations", ()))
            made["dcline"] = dclosses.not_negative(made["dcline"], base, notes)
            own = _frame(content.get(DYNAMICS))
            return notes.of(Network(name, base, approximations=said, dynamics=own, **made))
    except CaseError as error:
        raise CaseError(source, error.faults) from error


def _frame(given: dict[str, list[Any]] | None) -> pd.DataFrame | None:
    """A table of devices of its columns."""
    if given is None:
        return None
    import pandas as pd

    return pd.DataFrame(given, dtype=object)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f'{name} is not in JSON; write "inf", "-inf" or null')


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        count = Counter(name for name, _ in pairs)
        raise ValueError(f"{next(name for name in count if count[name] > 1)!r} occurs twice")
    return found


class _TablesReader:
    """Collects tables and faults."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def tables(self, content: dict[str, Any]) -> dict[str, Any]:
        known = ["format", "version", "name", "base_mva", "approximations", DYNAMICS]
        known += [kind.key for kind in _TABLES]
        unknown = [key for key in content if key not in known]
        if unknown:
            self._note(f"there is no {listing(unknown)} in this format")
        if not isinstance(content.get("name"), str):
            self._note("the name must be a text")
        said = content.get("approximations", [])
        if not isinstance(said, list) or not all(isinstance(text, str) for text in said):
            self._note("approximations must be a list of texts")
        self._check_dynamics(content.get(DYNAMICS))
        base = content.get("base_mva")
        if type(base) not in (int, float) or not _float(base) < math.inf:
            self._note("base_mva must be a number")
        return {kind.key: self._table(kind, content.get(kind.key)) for kind in _TABLES}

    def _check_dynamics(self, given: Any) -> None:
        """Faults of a table of devices: its columns are lists of plain values."""
        if given is None:
            return
        columns: list[Any] = list(given.values()) if isinstance(given, dict) else [None]
        if not all(isinstance(column, list) for column in columns):
            self._note("must be an object of columns, which are lists", DYNAMICS)
            return
        if len({len(column) for column in columns}) > 1:
            self._note("columns differ in length", DYNAMICS)
        kinds = (str, int, float, type(None))
        if not all(type(cell) in kinds for column in columns for cell in column):
            self._note("cells are numbers, texts or null", DYNAMICS)

    def _note(self, text: str, table: str = "", row: int | None = None, column: str = "") -> None:
        self.faults.append(Fault(text, table, row, column=column))

    def _table(self, kind: type[Table], given: Any) -> Table | None:
        if given is None and kind is DcLines:
            return DcLines.none()
        if not isinstance(given, dict):
            self._note("is missing, or no object of columns", kind.key)
            return None
        fields = {field.name: field for field in dataclasses.fields(kind)}
        unknown = [name for name in given if name not in fields]
        if unknown:
            self._note(f"has no column {listing(unknown)}", kind.key)
        before, columns = len(self.faults), {}
        for name, field in fields.items():
            if name in given:
                columns[name] = self._column(kind.key, name, str(field.type), given[name])
            elif field.default is dataclasses.MISSING:
                self._note(f"the column {name} is missing", kind.key, column=name)
        if len(self.faults) > before:
            return None
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            each = listing(f"{name} {length}" for name, length in lengths.items())
            self._note(f"columns differ in length: {each}", kind.key)
            return None
        return kind(**columns)

    def _column(self, table: str, name: str, kind: str, given: Any) -> Any:
        """An array, or nothing after a fault."""
        depth = _DEPTH.get("points" if name.endswith("points") else name, 1)
        if not isinstance(given, list):
            self._note(f"{name} must be a list", table, column=name)
            return []
        if depth == 1:
            return [self._value(table, name, kind, row, v) for row, v in enumerate(given, 1)]
        before = len(self.faults)
        rows = [self._row(table, name, row, one, depth) for row, one in enumerate(given, 1)]
        if len(self.faults) > before:
            return []
        if depth == 2:
            if len({len(row) for row in rows}) > 1:
                self._note(f"the rows of {name} differ in length", table, column=name)
                return []
            if rows and not rows[0]:
                self._note(f"the rows of {name} have no coefficients", table, column=name)
                return []
            width = len(rows[0]) if rows else 3
            return np.array(rows, dtype=np.float64).reshape(len(rows), width)
        try:
            return piecewise.table_of(rows)
        except piecewise.PointsError as error:
            self._note(f"{name}: {error}", table, column=name)
            return []

    def _row(self, table: str, name: str, row: int, given: Any, depth: int) -> list[Any]:
        """A row of a polynomial, or of points."""
        if not isinstance(given, list):
            self._note(f"{name} must be a list here", table, row, name)
            return []
        if depth == 2:
            return [self._value(table, name, "Floats", row, value) for value in given]
        if not all(isinstance(point, list) and len(point) == 2 for point in given):
            self._note(f"{name} must be pairs of power and cost", table, row, name)
            return []
        return [[self._value(table, name, "Floats", row, v) for v in point] for point in given]

    def _value(self, table: str, name: str, kind: str, row: int, given: Any) -> Any:
        """A cell, or zero after a fault."""
        what, value = _CELLS[kind](given)
        if what:
            shown = json.dumps(given)
            shown = shown if len(shown) <= 40 else shown[:37] + "..."
            self._note(f"{name} must be {what}, got {shown}", table, row, name)
        return value


def _float(given: Any) -> float:
    try:
        return float(given)
    except OverflowError:
        return math.inf if given > 0 else -math.inf


def _as_float(given: Any) -> tuple[str, float]:
    if given is None:
        return "", math.nan
    if isinstance(given, str):
        return ("", _INFINITE[given]) if given in _INFINITE else ("a number", 0.0)
    if type(given) in (int, float):
        return "", _float(given)
    return "a number", 0.0


def _as_int(given: Any) -> tuple[str, int]:
    if type(given) is int and abs(given) < _LARGEST:
        return "", given
    return "a whole number", 0


def _as_flag(given: Any) -> tuple[str, bool]:
    return ("", given) if isinstance(given, bool) else ("true or false", False)


def _as_text(given: Any) -> tuple[str, str]:
    return ("", given) if isinstance(given, str) and "\0" not in given else ("a text", "")


_CELLS: dict[str, Any] = {
    "Floats": _as_float, "Ints": _as_int, "Flags": _as_flag, "Strings": _as_text,
}  # fmt: skip
