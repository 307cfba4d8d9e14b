"""A SQLite file that may come from a stranger: opened, compared with its schema, read in bounds.

SQLite runs what a schema says: triggers when a table is written, views and generated columns when
one is read. So the schema of a file has to be ours to the letter before anything else is read.
"""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from scopf.errors import ScopfError
from scopf.files import own_files

ENDS = ("", "-wal", "-shm", "-journal")  # of the names of a database's files
_LARGEST = 2**28  # bytes of a value
_STEPS = 1_000_000  # of SQLite's machine that a query may take, and one more for each byte
_EVERY = 10_000  # steps after which they are counted
_NAMES_OTHERS = bytes.fromhex("d9d505f920a163d7")  # end of a rollback journal that names a file

# of Python 3.12 on; the comparison of schemas is what guards, these come on top
_SWITCHES = {"DEFENSIVE": True, "ENABLE_TRIGGER": False, "ENABLE_VIEW": False}


class Database:
    """A database of one schema.

    Args:
        path: of the file; it is made if it is not there, or empty.
        schema: statements that create its tables.
        application: number that marks files of this kind.
        version: of the schema, 1 or more.
        durable: whether to wait for the disk.
        write: False to look only, at one state of the file however long it takes.

    Attributes:
        empty: whether it has no tables yet; `create` makes them.

    Raises:
        ScopfError: when the file cannot be opened, or is of another schema.
    """

    def __init__(
        self, path: Path, schema: str, *, application: int, version: int,
        durable: bool = True, write: bool = True,
    ) -> None:  # fmt: skip
        self.path, self._schema, self._mark = path, schema, (application, version)
        own_files(path.parent, *(f"{path.name}{end}" for end in ENDS), written=write)
        self._refuse_names_of_others()
        self._steps = math.inf
        where = str(path) if write else f"{path.absolute().as_uri()}?mode=ro"
        with self._reading():
            self._base = sqlite3.connect(where, uri=not write, isolation_level=None)
        try:
            with self._reading():
                self._guard()
                if not write:
                    self._base.execute("BEGIN")
                self.empty = self._compare()
            if write:
                with self.writing():
                    self._base.execute("PRAGMA journal_mode=WAL")
                    self._base.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
        except BaseException:
            self._base.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def create(self, *entries: tuple[str, tuple[Any, ...]]) -> None:
        """Make the tables of an empty database, with first entries, in one transaction.

        Args:
            entries: statements that insert, each with its values.
        """
        application, version = self._mark
        with self.transaction():
            for statement in self._schema.split(";"):
                self._base.execute(statement)
            self._base.execute(f"PRAGMA application_id={application}")
            self._base.execute(f"PRAGMA user_version={version}")
            for text, values in entries:
                self._base.execute(text, values)
        self.empty = False

    def run(self, text: str, *values: Any) -> None:
        """Execute a statement, inside a transaction."""
        self._base.execute(text, values)

    def select(self, text: str, *values: Any, most: int) -> Iterator[tuple[Any, ...]]:
        """Rows of a query: no more of them, and no more bytes, than there can be.

        Args:
            text: of the query.
            values: of its parameters.
            most: rows that the plan of the sweep allows.

        Raises:
            ScopfError: when there are more, or they cannot be read.
        """
        if self.empty:
            return
        with self._reading():
            cursor = self._base.execute(text, values)
            left = self._size()  # since the query began, so that all it reads is counted
            self._steps = _STEPS + left
            for count, row in enumerate(cursor):
                left -= sum(len(value) for value in row if isinstance(value, (str, bytes)))
                if left < 0:
                    raise self.damaged("its tables are larger than the file")
                if count >= most:
                    raise self.damaged("it has more rows than the sweep")
                yield row

    def damaged(self, what: object) -> ScopfError:
        """The error for content that cannot be."""
        return ScopfError(f"{self.path} is damaged: {what}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what is run inside, or nothing.

        Raises:
            ScopfError: when it cannot be written, with what to do.
        """
        with self.writing():
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn errors of SQLite into sentences that say what to do."""
        try:
            yield
        except sqlite3.Error as error:
            text = f"{self.path}: {error}"
            if isinstance(error, sqlite3.OperationalError):
                text += "; is the disk full, or the folder read-only? What was finished is safe "
                text += "there: free some space, and resume"
            raise ScopfError(text) from error

    # -- inside -------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[None]:
        self._steps = _STEPS
        try:
            yield
        except sqlite3.OperationalError as error:
            if self._steps < 0:
                raise self.damaged("reading it would take too long for its size") from error
            raise ScopfError(f"{self.path} cannot be read: {error}") from error
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self.damaged(error) from error
        finally:
            self._steps = math.inf

    def _guard(self) -> None:
        """Limits and switches, before SQLite looks at the schema."""
        base = self._base
        base.set_progress_handler(self._late, _EVERY)
        base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST)
        base.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        base.execute("PRAGMA trusted_schema=OFF")
        base.execute("PRAGMA cell_size_check=ON")
        if hasattr(base, "setconfig"):
            for name, on in _SWITCHES.items():
                base.setconfig(getattr(sqlite3, f"SQLITE_DBCONFIG_{name}"), on)

    def _late(self) -> bool:
        self._steps -= _EVERY
        return self._steps < 0

    def _compare(self) -> bool:
        """Refuse another schema; whether there is none at all."""
        expected = _created(self._schema)
        query = "SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT ?"
        found = self._base.execute(query, (len(expected) + 1,)).fetchall()
        if not found:
            return True
        (application,) = self._base.execute("PRAGMA application_id").fetchone()
        (version,) = self._base.execute("PRAGMA user_version").fetchone()
        if (application, version) != self._mark:
            text = "was not written by this version of scopf, which reads format"
            raise ScopfError(f"{self.path} {text} {self._mark[1]}")
        if set(found) != expected or len(found) != len(expected):
            raise self.damaged("its tables are not those that scopf makes")
        return False

    def _size(self) -> int:
        """Bytes of the file and of what is to be merged into it."""
        size = 0
        for end in ("-wal", ""):  # in this order: what is merged meanwhile is counted twice
            try:
                size += os.stat(f"{self.path}{end}").st_size
            except OSError:
                continue
        return size

    def _refuse_names_of_others(self) -> None:
        """Refuse a rollback journal that names a further file, which SQLite might remove.

        Ours is there only while the database is made, and names none.
        """
        journal = Path(f"{self.path}-journal")
        if not journal.exists():
            return
        with open(journal, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - len(_NAMES_OTHERS)))
            if file.read() == _NAMES_OTHERS:
                text = "names a file elsewhere, which scopf's never do; remove it"
                raise ScopfError(f"{journal} {text}")


@cache
def _created(schema: str) -> frozenset[tuple[Any, ...]]:
    """Rows of `sqlite_master` of a schema that SQLite has just created."""
    base = sqlite3.connect(":memory:")
    try:
        base.executescript(schema)
        query = "SELECT type, name, tbl_name, sql FROM sqlite_master"
        return frozenset(base.execute(query).fetchall())
    finally:
        base.close()
