"""The spec of a study: settings of all scenarios, and columns in which they differ.

A TOML file, the keyword arguments of `scopf.sweep` and the flags of `scopf sweep` say the same
things under the same names, and all come here as one mapping.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError, create_model

from scopf import files
from scopf.errors import CaseError, Fault, ScopfError, listing, nearest
from scopf.model.quantities import PAIRS, QUANTITIES
from scopf.sweeps import series
from scopf.sweeps.columns import COLUMNS, Value, is_column, split
from scopf.sweeps.settings import LATER, Checks, Settings
from scopf.sweeps.toml_lines import DEEPEST, Lines, depth
from scopf.sweeps.values import MOST, are_too_many, column_type, is_space, size

Line = Callable[[tuple[str | int, ...]], int | None]

_OF_FILES = (
    "case", "inverters", "scenarios", "load_series", "outages", "hours", "storage", "ramps",
    "devices", "dynamics",
)  # fmt: skip
_CELLS = 10_000_000  # of a table of scenarios, unless an eighth of them is written
_SHOWN = 10**15  # scenarios that are counted out
_PARTS = 10  # axes that are named


@dataclass(frozen=True)
class Axis:
    """Columns of the scenario table that change together.

    Attributes:
        columns: their names.
        rows: their values; None where a row leaves one at what the base case has.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True)
class Spec:
    """A study, checked."""

    settings: Settings
    axes: tuple[Axis, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the scenario table, in the order of the spec."""
        return tuple(column for axis in self.axes for column in axis.columns)

    def largest(self, column: str) -> float | None:
        """The largest number in a column; None where there is none."""
        places = [
            (axis, axis.columns.index(column)) for axis in self.axes if column in axis.columns
        ]
        values = [row[k] for axis, k in places for row in axis.rows]
        return max((float(one) for one in values if isinstance(one, (int, float))), default=None)

    def as_dict(self) -> dict[str, Any]:
        """The spec in plain values."""
        axes = [{"columns": list(a.columns), "rows": [list(r) for r in a.rows]} for a in self.axes]
        return {"settings": self.settings.model_dump(), "axes": axes}

    @property
    def identity(self) -> dict[str, Any]:
        """Settings and columns that results depend on; the case and tables have other hashes."""
        of_tables = {"inverters", "hours", "storage", "ramps", "devices", "dynamics"}
        settings = self.settings.model_dump(exclude={"title", "case", *of_tables})
        for name in LATER:
            if settings[name] == Settings.model_fields[name].default:
                del settings[name]
        columns = {
            column: [row[k] for row in axis.rows]
            for axis in self.axes
            for k, column in enumerate(axis.columns)
        }
        return {**settings, **columns, "axes": [list(axis.columns) for axis in self.axes]}

    @property
    def hash(self) -> str:
        """Equal for specs of the same results."""
        text = json.dumps(self.identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def overridden(content: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a file, and on top of it what was given beside; mq_32 is mq.32 there.

    Of a table of exact checks it is setting by setting: `verify.load` leaves `verify.min_damping`.
    """
    kept, given = {**content}, {**given}
    for key in ("verify", "certify"):
        there, beside = content.get(key), given.get(key)
        if isinstance(there, Mapping) and (beside is True or isinstance(beside, Mapping)):
            given[key] = {**there, **({} if beside is True else beside)}
    for key, value in given.items():
        name, bus = split(key)
        if bus is not None and isinstance(kept.get(name), Mapping):
            kept[name] = {k: v for k, v in kept[name].items() if str(k) != str(bus)}
            if not kept[name]:
                del kept[name]
        elif isinstance(value, Mapping) and not is_space(value):
            own = {f"{key}_{b}" for b in value}
            kept = {k: v for k, v in kept.items() if k not in own}
    return {**kept, **given}


def read_toml(path: Path) -> tuple[dict[str, Any], Line]:
    """A spec file as a mapping, files named in it relative to its folder; and lines of its keys.

    Raises:
        CaseError: when it is no TOML.
    """
    try:
        text = files.read(path, files.LARGEST_SPEC).decode("utf-8")
        if depth(text) > DEEPEST:
            text = f"has a dotted key of more than {DEEPEST} parts; a spec needs two"
            raise CaseError(str(path), [Fault(text)])
        given = tomllib.loads(text)
        if _has_long_number(given):
            raise ValueError("a whole number has more than 64 bits")
    except CaseError:
        raise
    except OSError as error:
        raise CaseError(str(path), [Fault(f"cannot be read: {error.strerror}")]) from error
    except (ValueError, RecursionError) as error:  # of TOML, UTF-8, 5000 digits, or nesting
        raise CaseError(str(path), [Fault(f"is not TOML: {error}")]) from error
    for key in _OF_FILES:
        value = given.get(key)
        if not isinstance(value, str) or files.refusal(value):
            continue
        beside = path.parent / value
        if os.path.exists(beside) and not os.path.isdir(beside):  # for any name at all
            given[key] = str(beside)
    lines = cache(lambda: Lines(text))
    return given, lambda where: lines().of(where)


def _has_long_number(value: Any) -> bool:
    """Whether a whole number in the values of a file is longer than TOML's."""
    if isinstance(value, int):
        return value.bit_length() > 64
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(_has_long_number, parts))


def check(
    given: Mapping[str, Any],
    source: str,
    line: Line = lambda _: None,
    idle: Mapping[str, str] | None = None,
) -> Spec:
    """A spec out of a mapping; what is None is left out.

    Args:
        given: settings and columns by name, `scenarios` (a table: a list of mappings, a DataFrame,
            or a CSV file), `load_series` (a CSV file, see `scopf.sweeps.series`).
        source: where it comes from, for messages.
        line: line of a key in there.
        idle: settings that would have no effect on this study, and why.

    Raises:
        CaseError: listing every fault with its key, and its line in a file.
    """
    reader = _SpecReader(source, line)
    given = {k: v for k, v in given.items() if v is not None}
    idle = idle or {}
    for key in (key for key in given if key in idle):
        reader.fault((key,), f"has no effect with {idle[key]}")
    return reader.read(given)


class _SpecReader:
    """Collects faults while it takes a mapping apart."""

    def __init__(self, source: str, line: Line) -> None:
        self._source, self._line = source, line
        self._faults: list[tuple[int, Fault]] = []

    def read(self, given: dict[str, Any]) -> Spec:
        rows, loads = given.pop("scenarios", None), given.pop("load_series", None)
        columns, paths, rest = self._taken_apart(given)
        settings = self._settings(rest)
        axes: list[Axis] = []
        grid = settings is not None and settings.combine == "grid"
        sizes = {name: 1 if isinstance(c, str) else size(c) for name, c in columns.items()}
        if large := self._too_large(sizes, grid=grid):
            columns = {}
        found = self._columns(columns, lambda column, k: paths[column])
        if "outage" in found:
            found["outage"] = self._outages(found["outage"], settings)
        if settings and settings.combine == "zip":
            axes += self._zipped(found)
        else:
            axes += [Axis((name,), tuple((v,) for v in found[name])) for name in found]
        if rows is not None:
            axes += self._table(rows)
        if loads is not None:
            axes += self._series(loads)
        self._clashes(axes, paths)
        if not large:
            large = self._number({axis.columns[0]: len(axis.rows) for axis in axes})
        if not large and are_too_many((len(axis.rows), len(axis.columns)) for axis in axes):
            self.fault(("scenarios",), "have too many values in all: split the sweep")
        if self._faults or settings is None:
            ordered = sorted(self._faults, key=lambda entry: entry[0])
            raise CaseError(self._source, [fault for _, fault in ordered])
        return Spec(settings, tuple(axes))

    def fault(self, path: tuple[str | int, ...], text: str) -> None:
        """Note what is wrong with the value at `path`."""
        line = self._line(path)
        key = ".".join(str(part) for part in path)
        label = "" if line is None else f"line {line}"
        self._faults.append((line or 0, Fault(text, key, label=label)))

    def _taken_apart(
        self, given: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, tuple[str | int, ...]], dict[str, Any]]:
        """Columns, the path of each, and the rest; {mq: {32: ...}} is the column mq_32."""
        columns: dict[str, Any] = {}
        paths: dict[str, tuple[str | int, ...]] = {}
        rest = {}
        for key, value in given.items():
            quantity = QUANTITIES.get(key)
            if quantity and quantity.owner and isinstance(value, Mapping) and not is_space(value):
                owner = "generator" if quantity.owner == "gen" else "bus"
                if not value:
                    self.fault((key,), f"is an empty table; leave it out, or name a {owner} in it")
                for own, one in value.items():
                    column = key if own == "all" else f"{key}_{own}"
                    path = (key, str(own))
                    if not is_column(column):
                        self.fault(path, f'"{own}" is neither a {owner} number nor "all"')
                        continue
                    self._once(column, columns, path)
                    columns[column], paths[column] = one, path
            elif is_column(key):
                self._once(key, columns, (key,))
                columns[key], paths[key] = value, (key,)
            else:
                rest[key] = value
        return columns, paths, rest

    def _once(self, column: str, known: Mapping[str, Any], path: tuple[str | int, ...]) -> None:
        if column in known:
            self.fault(path, f"{column} is given twice")

    def _settings(self, given: dict[str, Any]) -> Settings | None:
        known = [*Settings.model_fields, *COLUMNS, "scenarios", "load_series"]
        try:
            found = Settings(**given)
            self._two_checks(found)
            return found
        except ValidationError as error:
            for path, text in _complaints(error):
                if text.startswith("extra"):
                    of = list(Checks.model_fields) if len(path) > 1 else known
                    near = nearest(str(path[-1]), of)
                    text = "is no setting and no axis of a sweep"
                    if len(path) > 1:
                        text = f"is no setting of an exact check, which are {listing(of)}"
                    text += f"; did you mean {near}?" if near else ""
                self.fault(path, text)
            return None

    def _two_checks(self, settings: Settings) -> None:
        """Refuse settings of `verify` and `certify` that differ: there is one check of a point."""
        both = [one.keywords for one in (settings.verify, settings.certify) if one is not None]
        for name in both[0].keys() & both[1].keys() if len(both) == 2 else ():
            if both[0][name] != both[1][name]:
                text = f"{both[1][name]} differs from that of verify, {both[0][name]}"
                self.fault(("certify", name), f"{text}: give it once")

    def _columns(
        self,
        columns: Mapping[str, Any],
        path: Callable[[str, int | None], tuple[str | int, ...]],
        *,
        blanks: bool = False,
    ) -> dict[str, list[Value]]:
        """Values of columns; those with faults are left out."""
        good = dict(columns)
        if good.get("outage") == "all":
            good["outage"] = ["all"]
        whole: dict[str, Any] = {"outage": ["all"]} if good.get("outage") == ["all"] else {}
        good = {name: value for name, value in good.items() if name not in whole}
        types = {name: (column_type(name, blanks=blanks), ...) for name in good}
        try:
            model = create_model("Columns", **types)  # type: ignore[call-overload]
            checked = model(**good)
            return {name: whole.get(name) or getattr(checked, name) for name in columns}
        except ValidationError as error:
            for where, text in _complaints(error):
                row = next((part for part in where[1:] if isinstance(part, int)), None)
                self.fault(path(str(where[0]), row), text)
            return {}

    def _outages(self, ids: list[Value], settings: Settings | None) -> list[Value]:
        """The base case first, where outages are an axis of their own."""
        if settings and settings.combine == "zip":
            return ids
        return [None, *(branch for branch in ids if branch is not None)]

    def _zipped(self, found: Mapping[str, list[Value]]) -> Iterator[Axis]:
        lengths = {name: len(values) for name, values in found.items()}
        longest = max(lengths.values(), default=1)
        others = {name: n for name, n in lengths.items() if n not in (1, longest)}
        for name, n in others.items():
            self.fault((name,), f"has {n} values where others have {longest}; zip needs as many")
        if found and not others:
            full = [v * longest if len(v) == 1 else v for v in found.values()]
            yield Axis(tuple(found), tuple(zip(*full, strict=True)))

    def _table(self, given: Any) -> Iterator[Axis]:
        """An axis of rows given one by one."""
        try:
            rows = series.rows_of(given)
        except ScopfError as error:
            self._faults_of(error, "scenarios")
            return
        given_cells = sum(map(len, rows))
        place: dict[str, int] = {}  # the first row that has each name
        for k, row in enumerate(rows):
            for name in row:
                place.setdefault(name, k)
        for name, first in place.items():
            if is_column(name):
                continue
            near = nearest(str(name), COLUMNS)
            hint = f"; did you mean {near}?" if near else f"; known are {listing(COLUMNS, 20)}"
            self.fault(("scenarios", first, str(name)), "is nothing that scenarios have" + hint)
        names = [name for name in place if is_column(name)]
        if self._too_many_cells("scenarios", len(names), len(rows), given_cells):
            return
        columns = {name: [row.get(name) for row in rows] for name in names}
        found = self._columns(columns, lambda name, k: ("scenarios", k or 0, name), blanks=True)
        if found:
            yield Axis(tuple(found), tuple(zip(*found.values(), strict=True)))

    def _too_many_cells(self, key: str, columns: int, rows: int, given: int = 0) -> bool:
        """Whether a table would be far larger than what is written, which is a fault."""
        if columns * rows <= max(_CELLS, 8 * given):
            return False
        text = (
            f"{rows:,} scenarios with values in {columns:,} columns are too many: split the sweep"
        )
        self.fault((key,), text)
        return True

    def _series(self, given: Any) -> Iterator[Axis]:
        try:
            columns = series.loads_of(given)
        except ScopfError as error:
            self._faults_of(error, "load_series")
            return
        yield Axis(tuple(columns), tuple(zip(*columns.values(), strict=True)))

    def _faults_of(self, error: ScopfError, key: str) -> None:
        """Note what is wrong with a table."""
        if not isinstance(error, CaseError):
            self.fault((key,), str(error))
            return
        for fault in error.faults:
            self.fault((key,), f"{error.source} {str(fault).strip()}".strip())

    def _too_large(self, sizes: Mapping[str, int], *, grid: bool) -> bool:
        """Whether columns of these lengths would be far too many values, before they are made."""
        if grid:
            return self._number({name: n for name, n in sizes.items() if n > 1})
        return self._too_many_cells("combine", len(sizes), max(sizes.values(), default=0))

    def _number(self, sizes: Mapping[str, int]) -> bool:
        """Whether axes of these lengths are more scenarios than a sweep can hold, a fault."""
        count = math.prod(sizes.values())
        if count <= MOST:
            return False
        several = [f"{n:,} ({name})" for name, n in sizes.items()]
        shown = f"{count:,}" if count < _SHOWN else f"more than {_SHOWN:,}"
        parts = " x ".join([*several[:_PARTS], "..."] if len(several) > _PARTS else several)
        text = f"{parts} = {shown} scenarios, and a sweep has {MOST:,} at most: split it"
        self.fault(("scenarios",), text)
        return True

    def _clashes(self, axes: Sequence[Axis], paths: Mapping[str, tuple[str | int, ...]]) -> None:
        """Columns given twice, and costs that exclude each other.

        Args:
            axes: of the study.
            paths: of columns by name, those of a table excepted.
        """
        columns = [column for axis in axes for column in axis.columns]
        for column in (c for c, count in Counter(columns).items() if count > 1):
            self.fault(paths.get(column, (column,)), "is given twice")
        names = [{split(column)[0] for column in axis.columns} for axis in axes]
        for pair in PAIRS:
            together = any({*pair} <= one for one in names)
            if {*pair} <= set().union(*names) and not together:
                column = next(column for column in columns if split(column)[0] == pair[1])
                text = f"give either {pair[0]} or {pair[1]}"
                self.fault(
                    paths.get(column, (column,)),
                    f"{text}; a table of scenarios may have some of each",
                )


def _complaints(error: ValidationError) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Path and sentence of each error."""
    for fault in error.errors():
        text = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
        text = text[0].lower() + text[1:]
        if fault["type"] not in ("value_error", "extra_forbidden"):
            text += f", got {fault['input']!r}"
        yield fault["loc"], text
