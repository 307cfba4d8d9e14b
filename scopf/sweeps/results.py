"""The tables of a sweep: written from the journal, read as pandas tables."""

from __future__ import annotations

import tempfile
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scopf import files
from scopf.errors import ScopfError
from scopf.sweeps import batches, parquet
from scopf.sweeps import manifest as manifests
from scopf.sweeps.columns import kind
from scopf.sweeps.plan import Plan
from scopf.sweeps.progress import NOT_RUN
from scopf.sweeps.rows import OF_SOME, ROW
from scopf.sweeps.store import JOURNAL, RESTORE, Store, unwritable
from scopf.sweeps.wide import wide
from scopf.sweeps.worker import TABLES, failed

if TYPE_CHECKING:
    import os

    import pandas as pd

    from scopf.model.problem import Problem
    from scopf.sweeps.study import Study

SCENARIOS = "scenarios"
_COLUMNS: dict[str, dict[str, str]] = {  # that readers rely on
    SCENARIOS: {name: kind for name, kind in ROW.items() if name not in OF_SOME},
    "inverters": {"bus": "Int64", "vm": "float64", "nssp_per_pu": "float64"},
    "pairs": {"bus": "Int64", "neighbor": "Int64", "binding": "bool", "price_per_pu": "float64"},
    "buses": {"bus": "Int64", "vm": "float64"},
}
_AT_ONCE = 50_000  # rows of a table in memory while it is written


class Sweep:
    """The results of a sweep.

    Attributes:
        folder: of the run; None when there was no `out`.
        manifest: what was asked, of which case, with what, where and how long.
    """

    def __init__(
        self,
        folder: Path | None,
        manifest: dict[str, Any],
        tables: Path | None,
        study: Study | None = None,
    ) -> None:
        self.folder, self.manifest = folder, manifest
        self._tables, self._study = tables, study
        self._journal: Sweep | None = None  # in place of tables that cannot be read

    def __repr__(self) -> str:
        counts = ", ".join(f"{n} {status}" for status, n in self.manifest["counts"].items())
        where = f" in {self.folder}" if self.folder else ""
        return f"Sweep({self.manifest['case']['name']}{where}: {counts})"

    @cached_property
    def scenarios(self) -> pd.DataFrame:
        """One row for each scenario: what it is, how it ended, cost, largest price, margins."""
        return self._read(SCENARIOS)

    @cached_property
    def inverters(self) -> pd.DataFrame:
        """`Solution.inverters` of every scenario that was solved, with a column `scenario`."""
        return self._read("inverters")

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """`Solution.pairs` of every scenario that was solved; the manifest says which rows."""
        return self._read("pairs")

    @cached_property
    def buses(self) -> pd.DataFrame:
        """`Solution.buses` of every scenario that was solved."""
        return self._read("buses")

    def series(self, column: str, of: str = "buses") -> pd.DataFrame:
        """A column of a table by scenario and bus: `runs.series("lmp_p_per_mwh")`.

        Of dispatches of several hours there is a row for each scenario and hour.

        Args:
            column: such as "vm", or "nssp_per_pu" of the inverters.
            of: "buses" or "inverters".

        Returns:
            A row for each scenario, with the axes of the sweep (of a time series its steps) as
            index, and the hour as its last level, `state`; a column for each bus; NaN where there
            is no solution.

        Raises:
            ScopfError: when there is no such table, or no such column of numbers.
        """
        if of not in ("buses", "inverters"):
            raise ScopfError(f"of: a series is of buses or inverters, not of {of!r}")
        hours = (self.manifest.get("hours") or {}).get("names", ())
        return wide(getattr(self, of), column, self.scenarios, self.manifest["spec"], hours)

    def problem(self, scenario: int) -> Problem:
        """The problem of a scenario, to solve or diagnose it: `scopf.diagnose(runs.problem(3))`.

        Of a problem whose Pyomo model was in use, it is this problem itself, with the numbers of
        the scenario from then on.

        Args:
            scenario: its number, as in the tables.

        Raises:
            ScopfError: when there is none: no such scenario, or an invalid one; or
                when the sweep was read from a folder and was not one of a case.
        """
        if self._study is None:
            self._study = self._of_case()
        return self._study.problem(scenario)

    def _of_case(self) -> Study:
        """The study again, of a sweep that was read from its folder."""
        from scopf.sweeps.study import Study

        what, about = f"the sweep in {self.folder}", self.manifest["case"]
        if self.folder is None or not about["source"]:
            text = f"{what} was made of a Problem or Network, and was read without it: call sweep "
            raise ScopfError(f"{text}with the same arguments, resume=True, and use its result")
        study = Study.of(None, {}, None, self.folder)
        hours = "" if study.base.coupled is None else study.base.coupled.hash
        if hours != manifests.hash_of_hours(self.manifest):
            text = f"{what} had hours, storage or ramps that it does not keep, or their tables have"
            raise ScopfError(f"{text} changed since")
        if study.base.hash != about["hash"]:
            text = f"{what} had other inverters, devices or a criterion that it does not keep, or"
            raise ScopfError(f"{text} its case {about['source']} has changed since")
        return study

    def _read(self, name: str) -> pd.DataFrame:
        if self._tables is None:
            raise ScopfError(f"the table {name} is gone with its folder")
        path = self._tables / f"{name}.parquet"
        try:
            if self._journal is None:
                return _checked(path, self.manifest)
        except (OSError, ValueError) as error:
            if not (self._tables / JOURNAL).is_file():
                raise ScopfError(f"{path} cannot be read: {error}") from error
            self._journal = _of_journal(self._tables, self.manifest)  # for all, so that they fit
        return getattr(self._journal, name)  # type: ignore[no-any-return]

    def _keep(self) -> Sweep:
        """Read all tables, as their folder is about to go."""
        for name in (SCENARIOS, *TABLES):
            getattr(self, name)
        self._tables = None
        return self


def load_sweep(folder: str | os.PathLike[str]) -> Sweep:
    """Read the results of a sweep from its run folder.

    Of a sweep that is not finished it gives what there is; scenarios to come have the status "not
    run".

    Raises:
        ScopfError: when there is no sweep in the folder.
    """
    folder = Path(folder)
    manifest = manifests.read(folder)
    if manifest["status"] == "finished":
        return Sweep(folder, manifest, folder)
    if not (folder / JOURNAL).is_file():
        raise ScopfError(f"the sweep in {folder} is not finished and has lost its {JOURNAL}")
    return _of_journal(folder, manifest)


def _checked(path: Path, manifest: dict[str, Any]) -> pd.DataFrame:
    """A table of the run in a manifest.

    Raises:
        OSError, ValueError: when it is of another run, or cannot be read.
    """
    digest = manifest["run"]["sha256"].get(path.name)
    frame = parquet.read(path, digest, _COLUMNS[path.stem])
    numbers, count = frame["scenario"], manifest["scenarios"]
    every = len(frame) == count and bool((numbers == range(count)).all())
    if not (every if path.stem == SCENARIOS else numbers.between(0, count - 1).all()):
        raise ValueError(f"it is of other scenarios than the {count} of the manifest")
    return frame


def _of_journal(folder: Path, manifest: dict[str, Any]) -> Sweep:
    """The results as the journal has them.

    Raises:
        ScopfError: when it is that of another run, or damaged.
    """
    plan, study = manifests.fingerprint(folder, manifest)
    with tempfile.TemporaryDirectory() as name, Store(folder, study, write=False) as store:
        if not store.run:
            raise ScopfError(f"{store.path} is empty: resume the sweep, which solves all again")
        if store.run != manifest["run"]["id"] or study.changed(store.identity):
            text = f"is of another sweep than {manifests.MANIFEST} beside it"
            raise ScopfError(f"{store.path} {text}; {RESTORE}")
        rows, digests = write(store, plan, Path(name))
        manifest["counts"] = manifests.counts(rows.values())
        manifests.add_shares(manifest, rows.values())
        run = {**manifest["run"], "sha256": digests}
        found = Sweep(folder, {**manifest, "run": run}, Path(name))._keep()
    found.manifest = manifest
    return found


def write(
    store: Store, plan: Plan, folder: Path, *, csv: bool = False
) -> tuple[dict[int, Any], dict[str, str]]:
    """Write all tables from the journal, a part at a time.

    Returns:
        The rows of the scenarios, and the SHA-256 of each file by name.

    Raises:
        ScopfError: when the folder cannot be written to, or the journal is damaged.
    """
    finished = store.rows()
    solved = [k for k, row in finished.items() if row["solved"]]
    rows = {k: finished.get(k) or failed(NOT_RUN, "", float("nan")) for k in range(len(plan))}
    try:
        with files.together(folder) as tables:
            frame = _scenarios(plan, rows)
            tables.add(f"{SCENARIOS}.parquet", partial(frame.to_parquet, index=False))
            for name in TABLES:
                tables.add(f"{name}.parquet", partial(_stream, store, name, solved))
        digests = tables.digests
        if csv:
            with files.together(folder) as texts:
                texts.add(f"{SCENARIOS}.csv", partial(frame.to_csv, index=False))
                for name in TABLES:
                    texts.add(f"{name}.csv", partial(_as_csv, folder, name))
            digests |= texts.digests
    except OSError as error:
        raise unwritable(folder, error) from error
    except ScopfError:
        raise
    except (LookupError, TypeError, ValueError) as error:
        raise ScopfError(f"{store.path} is damaged: {error}") from error
    return rows, digests


def _scenarios(plan: Plan, rows: dict[int, dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    columns: dict[str, Any] = {"scenario": range(len(plan))}
    for name in plan.columns:
        of, values = kind(name), pd.Series(plan.column(name), dtype="object")
        if of is float:
            values = values.astype("float64")
        elif of is int:
            values = values.astype("Int64")
        elif of is bool and not values.isna().any():
            values = values.astype("bool")
        columns[name] = values
    for name, dtype in ROW.items():
        asked = name in plan.further or any(name in row for row in rows.values())
        if name in OF_SOME and not asked:
            continue
        found = pd.Series([row.get(name) for row in rows.values()], dtype="object")
        columns[name] = found if dtype == "object" else found.astype(dtype)  # type: ignore[call-overload]
    return pd.DataFrame(columns)


def _stream(store: Store, name: str, solved: list[int], path: Path) -> None:
    """Write a table from its batches, in the order of the scenarios."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    schemas = {key: batches.read_schema(data) for key, data in store.schemas().items()}
    writer, waiting, count = None, [], 0
    full = pa.schema([("scenario", pa.int64())])
    try:
        found = zip(solved, store.batches(name, solved), strict=True)
        for scenario, (key, data) in found:
            batch = batches.read_batch(data, schemas[key])
            number = pa.array([scenario] * len(batch), type=pa.int64())
            if writer is None:
                full = pa.schema([("scenario", pa.int64()), *schemas[key]])
                writer = ParquetWriter(path, full)
            columns = [number, *batch.columns]
            waiting.append(pa.RecordBatch.from_arrays(columns, schema=full))
            count += len(batch)
            if count >= _AT_ONCE:
                writer.write_table(pa.Table.from_batches(waiting, full))
                waiting, count = [], 0
        if writer is None:  # nothing was solved
            writer = ParquetWriter(path, full)
        writer.write_table(pa.Table.from_batches(waiting, full))
    finally:
        if writer is not None:
            writer.close()


def _as_csv(folder: Path, name: str, path: Path) -> None:
    from pyarrow import csv
    from pyarrow.parquet import ParquetFile

    source = ParquetFile(folder / f"{name}.parquet")
    with csv.CSVWriter(path, source.schema_arrow) as writer:
        for batch in source.iter_batches():
            writer.write_batch(batch)
