"""The journal of a sweep: what is finished, in a SQLite database that survives a kill.

One process writes. What a task brings back is one transaction: the rows and tables of its
scenarios and the last iterate of its chain, so that a sweep that is resumed goes on from the very
same point. The log of a transaction is on disk before the next one begins (`synchronous=FULL`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from scopf.errors import ScopfError
from scopf.files import own_files
from scopf.sweeps.worker import Done

JOURNAL = "results.sqlite"
_LOCK = "lock"
_FORMAT = 1
_ALWAYS = {"status", "solved", "message", "seconds"}  # of a row
_TABLES = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE schemas (key TEXT PRIMARY KEY, schema BLOB);
CREATE TABLE scenarios (scenario INTEGER PRIMARY KEY, row TEXT);
CREATE TABLE tables (name TEXT, scenario INTEGER, schema TEXT, batch BLOB,
    PRIMARY KEY (name, scenario));
CREATE TABLE chains (chain INTEGER PRIMARY KEY, iterate BLOB);
"""


class Store:
    """The journal in a run folder.

    Use it as a context; what SQLite or the file system refuses becomes a sentence.

    Args:
        folder: of the run, which exists.
        durable: whether to wait for the disk; a folder that is thrown away need not.
        write: False to look only.
    """

    def __init__(self, folder: Path, *, durable: bool = True, write: bool = True) -> None:
        self.path = folder / JOURNAL
        own_files(folder, *(f"{JOURNAL}{end}" for end in ("", "-wal", "-shm", "-journal")))
        self._lock = _locked(folder) if write else None
        new = not self.path.exists()
        with self._told():
            where = str(self.path) if write else f"{self.path.absolute().as_uri()}?mode=ro"
            self._base = sqlite3.connect(where, uri=not write, isolation_level=None)
            if write:
                self._base.execute("PRAGMA journal_mode=WAL")
                self._base.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
            tables = self._base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if write and (new or not tables):
                with self._transaction():
                    for statement in _TABLES.split(";"):
                        self._base.execute(statement)
                    self._say("format", _FORMAT)
        self._known = {key for (key,) in self._rows("SELECT key FROM schemas")}

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the journal and let others write."""
        self._base.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    # -- writing -------------------------------------------

    def begin(self, about: dict[str, Any]) -> None:
        """Note what the sweep is about, before anything is solved."""
        with self._told(), self._transaction():
            for key, value in about.items():
                self._say(key, value)

    def add(self, chain: int, done: Done, *, last: bool) -> None:
        """Append what a task brought back, in one transaction.

        Args:
            chain: number of its chain.
            done: results, and the last iterate.
            last: whether the chain is finished, so that its iterate is not kept.
        """
        with self._told(), self._transaction():
            run = self._base.execute
            for key in done.schemas.keys() - self._known:
                run("INSERT OR IGNORE INTO schemas VALUES (?, ?)", (key, done.schemas[key]))
            for result in done.results:
                row = json.dumps(result.row)
                run("INSERT OR REPLACE INTO scenarios VALUES (?, ?)", (result.scenario, row))
                for name, (schema, batch) in result.tables.items():
                    values = (name, result.scenario, schema, batch)
                    run("INSERT OR REPLACE INTO tables VALUES (?, ?, ?, ?)", values)
            if last:
                run("DELETE FROM chains WHERE chain = ?", (chain,))
            else:
                run("INSERT OR REPLACE INTO chains VALUES (?, ?)", (chain, done.iterate))
        self._known |= done.schemas.keys()

    # -- reading -------------------------------------------

    def about(self) -> dict[str, Any]:
        """The identity and other entries that `begin` stored."""
        return {key: self._read(text) for key, text in self._rows("SELECT * FROM about")}

    def rows(self) -> dict[int, dict[str, Any]]:
        """Rows of the finished scenarios."""
        found = self._rows("SELECT scenario, row FROM scenarios ORDER BY scenario")
        rows = {scenario: self._read(text) for scenario, text in found}
        for scenario, row in rows.items():
            if not isinstance(row, dict) or not row.keys() >= _ALWAYS:
                raise ScopfError(f"{self.path} is damaged: scenario {scenario} has no status")
        return rows

    def iterates(self) -> dict[int, bytes | None]:
        """Last iterates of unfinished chains."""
        return dict(self._rows("SELECT chain, iterate FROM chains"))

    def schemas(self) -> dict[str, bytes]:
        """Schemas of the batches by key."""
        return dict(self._rows("SELECT key, schema FROM schemas"))

    def batches(self, name: str) -> Iterator[tuple[int, str, bytes]]:
        """Scenario, key of the schema and batch of a table, in the order of the scenarios."""
        text = "SELECT scenario, schema, batch FROM tables WHERE name = ? ORDER BY scenario"
        with self._told():
            yield from self._base.execute(text, (name,))

    # -- inside -------------------------------------------

    def _read(self, text: Any) -> Any:
        try:
            return json.loads(text)
        except (TypeError, ValueError) as error:
            raise ScopfError(f"{self.path} is damaged: {error}") from error

    def _rows(self, text: str) -> list[Any]:
        with self._told():
            return self._base.execute(text).fetchall()

    def _say(self, key: str, value: Any) -> None:
        self._base.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (key, json.dumps(value)))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._base.execute("COMMIT")
        except BaseException:
            if self._base.in_transaction:
                self._base.execute("ROLLBACK")
            raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            text = f"{self.path}: {error}"
            if isinstance(error, sqlite3.OperationalError):
                text += "; is the disk full, or the folder read-only? What was finished is safe "
                text += "there: free some space, and resume"
            raise ScopfError(text) from error


def _locked(folder: Path) -> FileLock:
    """A lock on the folder, which the system takes back when this process ends, however it ends."""
    own_files(folder, _LOCK)
    lock = FileLock(folder / _LOCK, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise ScopfError(f"another process is at work on the sweep in {folder}") from error
    except OSError as error:
        raise unwritable(folder, error) from error
    return lock


def unwritable(folder: Path, error: OSError) -> ScopfError:
    """The error for a run folder that cannot be written to."""
    reason = error.strerror or type(error).__name__
    return ScopfError(f"cannot write to {folder}: {reason}")
