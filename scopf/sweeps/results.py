"""The tables of a sweep: written from the journal, read as pandas tables."""

from __future__ import annotations

import tempfile
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scopf import files
from scopf.errors import ScopfError
from scopf.sweeps import manifest as manifests
from scopf.sweeps.columns import STEP, kind
from scopf.sweeps.plan import Plan
from scopf.sweeps.progress import NOT_RUN
from scopf.sweeps.store import JOURNAL, Store, unwritable
from scopf.sweeps.worker import TABLES, failed

if TYPE_CHECKING:
    import os

    import pandas as pd

    from scopf.model.problem import Problem
    from scopf.sweeps.study import Study

SCENARIOS = "scenarios"
_WHOLE = ("outage", "nssp_max_bus", "iterations", "binding", "neighbor", STEP)
ROW = {
    "status": "object", "solved": "bool", "message": "object", "cost": "float64",
    "iterations": "Int64", "seconds": "float64", "attempt": "object", "start": "object",
    "nssp_max": "float64", "nssp_max_bus": "Int64", "margin_min": "float64",
    "vm_min": "float64", "vm_max": "float64", "binding": "Int64",
    "constant_power_share": "float64", "islands": "Int64", "unserved_mw": "float64",
}  # fmt: skip
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

    def problem(self, scenario: int) -> Problem:
        """The problem of a scenario, to solve or diagnose it: `scopf.diagnose(runs.problem(3))`.

        Of a problem whose Pyomo model was in use, it is this problem itself, with the numbers of
        the scenario from then on.

        Args:
            scenario: its number, as in the tables.

        Raises:
            ScopfError: when there is none: no such scenario, or an islanded or invalid one; or
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
        if study.base.hash != about["hash"]:
            text = f"{what} had other inverters or a criterion that it does not keep, or its case"
            raise ScopfError(f"{text} {about['source']} has changed since")
        return study

    def _read(self, name: str) -> pd.DataFrame:
        from pyarrow import parquet

        if self._tables is None:
            raise ScopfError(f"the table {name} is gone with its folder")
        path = self._tables / f"{name}.parquet"
        try:
            # not by pandas, which hands a Python file to Arrow's threads: one of them may let go of
            # it while Python ends, and abort
            files.check(path)
            with parquet.ParquetFile(path) as file:
                frame: pd.DataFrame = file.read().to_pandas()
        except (OSError, ValueError) as error:
            if not (self._tables / JOURNAL).is_file():
                raise ScopfError(f"{path} cannot be read: {error}") from error
            return getattr(_of_journal(self._tables, self.manifest), name)  # type: ignore[no-any-return]
        whole = [column for column in _WHOLE if column in frame and frame[column].dtype != "bool"]
        return frame.astype(dict.fromkeys(whole, "Int64"))

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


def _of_journal(folder: Path, manifest: dict[str, Any]) -> Sweep:
    """The results as the journal has them."""
    plan = Plan(manifests.spec(folder, manifest))
    with tempfile.TemporaryDirectory() as name, Store(folder, write=False) as store:
        rows = write(store, plan, Path(name))
        manifest["counts"] = manifests.counts(rows.values())
        manifests.add_shares(manifest, rows.values())
        return Sweep(folder, manifest, Path(name))._keep()


def write(store: Store, plan: Plan, folder: Path, *, csv: bool = False) -> dict[int, Any]:
    """Write all tables from the journal, a part at a time; give the rows of the scenarios.

    Raises:
        ScopfError: when the folder cannot be written to, or the journal is damaged.
    """
    rows = store.rows()
    rows = {k: rows.get(k) or failed(NOT_RUN, "", float("nan")) for k in range(len(plan))}
    try:
        frame = _scenarios(plan, rows)
        files.replace(
            folder / f"{SCENARIOS}.parquet", lambda part: frame.to_parquet(part, index=False)
        )
        if csv:
            files.replace(folder / f"{SCENARIOS}.csv", lambda part: frame.to_csv(part, index=False))
        for name in TABLES:
            files.replace(folder / f"{name}.parquet", partial(_stream, store, name))
            if csv:
                files.replace(folder / f"{name}.csv", partial(_as_csv, folder, name))
    except OSError as error:
        raise unwritable(folder, error) from error
    except (LookupError, TypeError, ValueError) as error:
        raise ScopfError(f"{store.path} is damaged: {error}") from error
    return rows


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
        found = pd.Series([row.get(name) for row in rows.values()], dtype="object")
        columns[name] = found if dtype == "object" else found.astype(dtype)  # type: ignore[call-overload]
    return pd.DataFrame(columns)


def _stream(store: Store, name: str, path: Path) -> None:
    """Write a table from its batches, in the order of the scenarios."""
    import pyarrow as pa
    from pyarrow import parquet

    schemas = {key: pa.ipc.read_schema(pa.py_buffer(text)) for key, text in store.schemas().items()}
    writer, waiting, count = None, [], 0
    full = pa.schema([("scenario", pa.int64())])
    try:
        for scenario, key, data in store.batches(name):
            batch = pa.ipc.read_record_batch(pa.py_buffer(data), schemas[key])
            number = pa.array([scenario] * len(batch), type=pa.int64())
            if writer is None:
                full = pa.schema([("scenario", pa.int64()), *schemas[key]])
                writer = parquet.ParquetWriter(path, full)
            columns = [number, *batch.columns]
            waiting.append(pa.RecordBatch.from_arrays(columns, schema=full))
            count += len(batch)
            if count >= _AT_ONCE:
                writer.write_table(pa.Table.from_batches(waiting, full))
                waiting, count = [], 0
        if writer is None:  # nothing was solved
            writer = parquet.ParquetWriter(path, full)
        writer.write_table(pa.Table.from_batches(waiting, full))
    finally:
        if writer is not None:
            writer.close()


def _as_csv(folder: Path, name: str, path: Path) -> None:
    from pyarrow import csv, parquet

    source = parquet.ParquetFile(folder / f"{name}.parquet")
    with csv.CSVWriter(path, source.schema_arrow) as writer:
        for batch in source.iter_batches():
            writer.write_batch(batch)
