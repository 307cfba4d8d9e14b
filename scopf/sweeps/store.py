"""The journal of a sweep: what is finished, in a SQLite database that survives a kill.

One process writes. What a task brings back is one transaction: the rows and tables of its
scenarios and the last iterate of its chain, so that a sweep that is resumed goes on from the very
same point. The log of a transaction is on disk before the next one begins (`synchronous=FULL`).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from scopf.errors import ScopfError
from scopf.files import own_files
from scopf.sweeps import rows
from scopf.sweeps.database import Database
from scopf.sweeps.fingerprint import Fingerprint
from scopf.sweeps.iterates import unpacked
from scopf.sweeps.worker import Done

JOURNAL = "results.sqlite"
FORMAT = 2
_LOCK = "lock"
_APPLICATION = 0x73636F70  # "scop"
_SCHEMAS = 1000  # of tables: a few for each criterion
_TABLES = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE schemas (key TEXT PRIMARY KEY, schema BLOB);
CREATE TABLE scenarios (scenario INTEGER PRIMARY KEY, inputs TEXT, row TEXT);
CREATE TABLE tables (name TEXT, scenario INTEGER, schema TEXT, batch BLOB,
    PRIMARY KEY (name, scenario));
CREATE TABLE chains (chain INTEGER PRIMARY KEY, iterate BLOB)
"""
RESTORE = "put back the one that belongs there, or start again in another folder"
_ABOUT = "INSERT INTO about VALUES (?, ?)"


class Store:
    """The journal in a run folder.

    Use it as a context; what SQLite or the file system refuses becomes a sentence.

    Args:
        folder: of the run, which exists.
        study: what is asked for; each row has to be of one of its scenarios.
        durable: whether to wait for the disk; a folder that is thrown away need not.
        write: False to look only.

    Attributes:
        run: id of the run; empty before `begin`.
        identity: that of the study which the journal was begun for.
    """

    def __init__(
        self, folder: Path, study: Fingerprint, *, durable: bool = True, write: bool = True
    ) -> None:
        self.path, self._study = folder / JOURNAL, study
        self._lock = _locked(folder) if write else None
        try:
            self._base = Database(
                self.path, _TABLES, application=_APPLICATION, version=FORMAT,
                durable=durable, write=write,
            )  # fmt: skip
        except BaseException:
            self._unlock()
            raise
        try:
            self.run, self.identity = self._about()
            self._known = set(self.schemas())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the journal and let others write."""
        self._base.close()
        self._unlock()

    # -- writing -------------------------------------------

    def begin(self, run: str = "") -> None:
        """Make the journal and note what the sweep is about, before anything is solved.

        Args:
            run: id of the run, if it has one.
        """
        self.run, self.identity = run or secrets.token_hex(8), self._study.identity
        about = {"run": self.run, "identity": self.identity}
        entries = [(_ABOUT, (key, json.dumps(value))) for key, value in about.items()]
        self._base.create(*entries)

    def add(self, chain: int, done: Done, *, last: bool) -> None:
        """Append what a task brought back, in one transaction.

        Args:
            chain: number of its chain.
            done: results, and the last iterate.
            last: whether the chain is finished, so that its iterate is not kept.
        """
        run = self._base.run
        new = done.schemas.keys() - self._known
        with self._base.transaction():
            for key in new:
                run("INSERT OR IGNORE INTO schemas VALUES (?, ?)", key, done.schemas[key])
            for result in done.results:
                number, row = result.scenario, json.dumps(result.row)
                inputs = self._study.inputs(number)
                run("INSERT OR REPLACE INTO scenarios VALUES (?, ?, ?)", number, inputs, row)
                for name, (schema, batch) in result.tables.items():
                    values = (name, number, schema, batch)
                    run("INSERT OR REPLACE INTO tables VALUES (?, ?, ?, ?)", *values)
            if last:
                run("DELETE FROM chains WHERE chain = ?", chain)
            else:
                run("INSERT OR REPLACE INTO chains VALUES (?, ?)", chain, done.iterate)
        self._known |= new

    # -- reading -------------------------------------------

    def rows(self) -> dict[int, dict[str, Any]]:
        """Rows of the finished scenarios, in their order.

        Raises:
            ScopfError: when one is none, or is that of a scenario with other inputs.
        """
        query = "SELECT scenario, inputs, row FROM scenarios ORDER BY scenario"
        count, found = len(self._study), {}
        for number, inputs, text in self._base.select(query, most=count):
            if type(number) is not int or not 0 <= number < count or number in found:
                raise self._base.damaged(f"it has a scenario {number} of {count}")
            if inputs != self._study.inputs(number):
                text = f"scenario {number} was solved with other inputs than those of this sweep"
                raise ScopfError(f"{self.path} does not fit: {text}; {RESTORE}")
            try:
                found[number] = rows.read(text)
            except ValueError as error:
                raise self._base.damaged(f"scenario {number} {error}") from error
        return found

    def iterates(self) -> dict[int, bytes | None]:
        """Last iterates of unfinished chains."""
        query, found = "SELECT chain, iterate FROM chains", {}
        for chain, data in self._base.select(query, most=len(self._study)):
            try:
                if data is not None:
                    unpacked(data)
            except (TypeError, ValueError) as error:
                raise self._base.damaged(f"chain {chain}: {error}") from error
            found[chain] = data
        return found

    def schemas(self) -> dict[str, bytes]:
        """Schemas of the batches by key."""
        query, found = "SELECT key, schema FROM schemas", {}
        for key, data in self._base.select(query, most=_SCHEMAS):
            found[key] = self._bytes(data)
        return found

    def batches(self, name: str, solved: Sequence[int]) -> Iterator[tuple[str, bytes]]:
        """Key of the schema and batch of a table, for each of the solved scenarios in order.

        Raises:
            ScopfError: when it has those of others, or lacks some.
        """
        query = "SELECT scenario, schema, batch FROM tables WHERE name = ? ORDER BY scenario"
        found = self._base.select(query, name, most=len(solved))
        count = 0
        for number, key, data in found:
            if number != solved[count]:
                break
            count += 1
            yield key, self._bytes(data)
        if count != len(solved):
            text = f"its table {name} does not go with its scenarios: see {solved[count]}"
            raise self._base.damaged(text)

    # -- inside -------------------------------------------

    def _about(self) -> tuple[str, dict[str, Any]]:
        """Run and identity as `begin` stored them."""
        if self._base.empty:
            return "", {}
        try:
            query = "SELECT key, value FROM about"
            found = {key: json.loads(text) for key, text in self._base.select(query, most=2)}
            run, identity = found["run"], found["identity"]
        except (TypeError, ValueError, LookupError, RecursionError) as error:
            if isinstance(error, ScopfError):
                raise
            raise self._base.damaged("it does not say of which sweep it is") from error
        if not isinstance(run, str) or not run or not isinstance(identity, dict):
            raise self._base.damaged("it does not say of which sweep it is")
        return run, identity

    def _bytes(self, data: object) -> bytes:
        if not isinstance(data, bytes):
            raise self._base.damaged("it has no bytes where a table should be")
        return data

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


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
