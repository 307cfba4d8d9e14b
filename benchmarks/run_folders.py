"""Run folders of sweeps made worse: manifest, journal and tables."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import scopf
from benchmarks import mutations
from benchmarks.mutations import Files, Rng
from scopf.procedures.solver import solve
from scopf.sweeps import manifest as manifests
from scopf.sweeps.iterates import packed
from scopf.sweeps.plan import Plan

JOURNAL, MANIFEST = "results.sqlite", "manifest.json"
TABLES = ("scenarios", "inverters", "pairs", "buses")
_BESIDE = ("-wal", "-shm", "-journal")  # of the journal
_VALUES: tuple[Any, ...] = (
    None, 0, -1, 1, 5, 10**6, 2**62, -(2**63), 0.5, 1e308, float("inf"), "", "x", "1", "null", "[]",
    "{}", "\0", "NaN", "9" * 5000, "[" * 5000, b"", b"\0", b"PK\x03\x04", b"x" * 1000,
)  # fmt: skip
_STATEMENTS = (
    "DROP TABLE {0}", "DELETE FROM {0}", "ALTER TABLE {0} RENAME TO x", "ALTER TABLE {0} ADD x",
    "CREATE VIEW x AS SELECT * FROM {0}", "CREATE INDEX x ON {0} (1)",
    "ALTER TABLE {0} RENAME TO x; CREATE VIEW {0} AS SELECT * FROM x",
    "ALTER TABLE {0} RENAME TO x; CREATE TABLE {0} AS SELECT * FROM x",
    "ALTER TABLE {0} RENAME TO x; CREATE TABLE {0} (x)",
    "ALTER TABLE {0} RENAME TO x; CREATE TABLE {0} AS SELECT * FROM x UNION ALL SELECT * FROM x",
    "ALTER TABLE {0} RENAME TO x; CREATE VIRTUAL TABLE {0} USING fts5(x)",
    "CREATE TRIGGER x AFTER INSERT ON {0} BEGIN DELETE FROM {0}; END",
    "CREATE TRIGGER x BEFORE INSERT ON {0} BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TRIGGER x BEFORE DELETE ON {0} BEGIN SELECT RAISE(ABORT, 'x'); END",
    "PRAGMA user_version = 7", "PRAGMA application_id = 7", "PRAGMA page_size = 512; VACUUM",
    "PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = 'x' WHERE name = '{0}'",
    "PRAGMA writable_schema = 1; UPDATE sqlite_master SET rootpage = 2",
    "PRAGMA writable_schema = 1; DELETE FROM sqlite_master WHERE name = '{0}'",
)  # fmt: skip


# -- to begin with -----------------------------------------------


@cache
def seeds() -> tuple[Files, ...]:
    """Two finished sweeps and one that was interrupted, the same to the last bit each time."""
    problem = scopf.build(scopf.load_case("case9"), mq=0.05)
    iterate = packed(solve(problem).iterate)  # type: ignore[arg-type]
    first = _swept("1" * 16, eta_q=[0.0, 0.1], mq=[0.05, 0.1], max_iter=60)
    second = _swept("2" * 16, outage=[2], load_scale=[0.9, 1.0], max_iter=60)

    def interrupt(base: sqlite3.Connection) -> None:
        base.execute("DELETE FROM scenarios WHERE scenario > 1")
        base.execute("DELETE FROM tables WHERE scenario > 1")
        base.execute("INSERT INTO chains VALUES (0, ?)", (iterate,))

    manifest = json.loads(first[MANIFEST])
    manifest |= {"status": "interrupted", "counts": {"optimal": 2}}
    unfinished = {
        MANIFEST: json.dumps(manifest, indent=1).encode(),
        JOURNAL: journal(first[JOURNAL], interrupt),
    }
    return first, second, unfinished


def _swept(run: str, **keywords: Any) -> Files:
    """The folder of a sweep of case9 with this id, at no time and on no machine."""
    folder = Path(tempfile.mkdtemp())
    try:
        with (
            mock.patch("time.perf_counter", return_value=0.0),
            mock.patch("secrets.token_hex", return_value=run),
            mock.patch.object(manifests, "now", return_value="2026-01-01T00:00:00+00:00"),
            mock.patch.object(manifests, "machine", return_value={"host": "x", "cpus": 1}),
        ):
            scopf.sweep("case9", out=folder, progress=False, **keywords)
        names = (MANIFEST, JOURNAL, *(f"{name}.parquet" for name in TABLES))
        found = {name: (folder / name).read_bytes() for name in names}
    finally:
        shutil.rmtree(folder)
    return {**found, JOURNAL: journal(found[JOURNAL], _ordered)}


def journal(content: bytes, edit: Callable[[sqlite3.Connection], object]) -> bytes:
    """A journal that is edited; SQLite's errors leave it as it is."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as base:
        base.deserialize(content[:18] + b"\1\1" + content[20:])  # no log in memory
        with contextlib.suppress(sqlite3.Error):
            edit(base)
        changed = base.serialize()
    return changed[:18] + b"\2\2" + changed[20:]


def _ordered(base: sqlite3.Connection) -> None:
    """Rows in an order that does not depend on that of sets."""
    for name in _names(base):
        rows = sorted(base.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
        base.execute(f"DELETE FROM {name}")
        for row in rows:
            base.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", row)
    base.execute("VACUUM")


def _names(base: sqlite3.Connection) -> list[str]:
    text = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    return [name for (name,) in base.execute(text)]


# -- spoilt -----------------------------------------------


def spoil(rng: Rng) -> Files:
    """A spoilt run folder."""
    files = dict(_pick(rng, seeds()))
    for _ in range(int(rng.geometric(0.6))):
        if not files:
            return files
        kind = rng.random()
        if kind < 0.35 and files.get(JOURNAL):
            edit = _pick(rng, EDITS)
            with contextlib.suppress(sqlite3.Error):  # of one that is none any more
                files[JOURNAL] = journal(files[JOURNAL], lambda base, edit=edit: edit(rng, base))
        elif kind < 0.6 and files.get(MANIFEST):
            files[MANIFEST] = mutations.edit_json(rng, files[MANIFEST], [])
        elif kind < 0.9:
            name = _pick(rng, list(files))
            other = _pick(rng, seeds()).get(name, b"")
            files[name] = mutations.mutate(rng, files[name], [other])
        else:
            _exchange(rng, files)
    return signed(files) if rng.random() < 0.5 else files


def signed(files: Files) -> Files:
    """The same with the digests of the tables in the manifest, as a forger would have them."""
    try:
        manifest = json.loads(files[MANIFEST])
        for name in manifest["run"]["sha256"].keys() & files.keys():
            manifest["run"]["sha256"][name] = hashlib.sha256(files[name]).hexdigest()
        return {**files, MANIFEST: json.dumps(manifest).encode()}
    except (LookupError, AttributeError, TypeError, ValueError, RecursionError):
        return files


def _pick(rng: Rng, of: Any) -> Any:
    return of[int(rng.integers(len(of)))]


def _exchange(rng: Rng, files: Files) -> None:
    """A file of another run, or in another's place; one left out, or one beside the journal."""
    name, other = _pick(rng, list(files)), _pick(rng, seeds())
    kind = rng.integers(4)
    if kind == 0:
        del files[name]
    elif kind == 1:
        files[name] = files[_pick(rng, list(files))]
    elif kind == 2:
        files[name] = other.get(name, b"")
    else:
        content = _pick(rng, (b"", b"\0" * 512, files.get(JOURNAL, b""), other[JOURNAL]))
        files[JOURNAL + _pick(rng, _BESIDE)] = content


def _row(rng: Rng, base: sqlite3.Connection, name: str) -> tuple[int, str, Any] | None:
    """Number of a row of a table, and one of its columns with the value."""
    rows = base.execute(f"SELECT rowid, * FROM {name} ORDER BY rowid").fetchall()
    columns = [column[1] for column in base.execute(f"PRAGMA table_info({name})")]
    if not rows or not columns:
        return None
    row, k = _pick(rng, rows), int(rng.integers(len(columns)))
    return row[0], columns[k], row[1 + k]


def edit_cell(rng: Rng, base: sqlite3.Connection) -> None:
    """A cell replaced, or spoilt according to what it is."""
    name = _pick(rng, _names(base))
    if (found := _row(rng, base, name)) is None:
        return
    row, column, value = found
    if rng.random() < 0.7 and isinstance(value, bytes):
        value = mutations.mutate(rng, value, [value])
    elif rng.random() < 0.7 and isinstance(value, str) and value.startswith("{"):
        value = mutations.edit_json(rng, value.encode(), []).decode("utf-8", "replace")
    else:
        value = _pick(rng, _VALUES)
    base.execute(f"UPDATE OR REPLACE {name} SET {column} = ? WHERE rowid = ?", (value, row))


def exchange_cells(rng: Rng, base: sqlite3.Connection) -> None:
    """A cell that is that of another row."""
    name = _pick(rng, _names(base))
    one, other = _row(rng, base, name), _row(rng, base, name)
    if one and other:
        text = f"SELECT {one[1]} FROM {name} WHERE rowid = ?"
        if found := base.execute(text, (other[0],)).fetchone():
            text = f"UPDATE OR REPLACE {name} SET {one[1]} = ? WHERE rowid = ?"
            base.execute(text, (found[0], one[0]))


def edit_rows(rng: Rng, base: sqlite3.Connection) -> None:
    """A row left out, or one more."""
    name = _pick(rng, _names(base))
    if (found := _row(rng, base, name)) is None:
        return
    if rng.random() < 0.5:
        base.execute(f"DELETE FROM {name} WHERE rowid = ?", (found[0],))
        return
    row = list(base.execute(f"SELECT * FROM {name} WHERE rowid = ?", (found[0],)).fetchone())
    row[int(rng.integers(len(row)))] = _pick(rng, _VALUES)
    base.execute(f"INSERT OR REPLACE INTO {name} VALUES ({', '.join('?' * len(row))})", row)


def change_tables(rng: Rng, base: sqlite3.Connection) -> None:
    """Tables left out, renamed, exchanged for views; triggers; a schema that is none."""
    name = _pick(rng, _names(base))
    base.executescript(_pick(rng, _STATEMENTS).format(name))


EDITS = (edit_cell, edit_cell, edit_cell, exchange_cells, edit_rows, change_tables)


# -- read -----------------------------------------------


def read(given: Files, ignore: bool, folder: Path) -> None:
    """Read the results of a run folder; with `ignore` go on with the sweep as well."""
    forged = given.get(MANIFEST) not in [files[MANIFEST] for files in seeds()]
    _check(scopf.load_sweep(folder), forged=forged)
    if ignore:
        _check(scopf.sweep(out=folder, resume=True, progress=False), forged=forged)


def _check(found: scopf.Sweep, *, forged: bool) -> None:
    """Compare the tables with each other; and with the manifest, unless that may say anything."""
    frame = found.scenarios
    count = found.manifest["scenarios"]
    assert len(frame) == count, "scenarios are not those asked for"
    assert frame["scenario"].tolist() == list(range(count)), "scenarios are not those asked for"
    assert all(isinstance(status, str) for status in frame["status"]), "a status that is none"
    assert not (frame["status"] == "error").any(), "a scenario that raised something unforeseen"
    solved = set(np.flatnonzero(frame["solved"]))
    for name in TABLES[1:]:
        table = getattr(found, name)
        assert set(table["scenario"]) <= solved, f"{name} of scenarios that are not solved"
    assert repr(found), "no text"
    if forged:
        return
    plan = Plan(manifests.spec(found.folder or Path(), found.manifest))
    for column in plan.columns:
        assert column in frame, f"there is no {column}"
        cells = frame[column]
        values = [None if none else v for none, v in zip(cells.isna(), cells, strict=True)]
        assert values == plan.column(column), f"{column} is not what was asked for"
