"""A solution as files and as JSON."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scopf import files
from scopf.arrays import plain
from scopf.errors import ScopfError, require
from scopf.results.prices import TRACE

if TYPE_CHECKING:
    import pandas as pd

    from scopf.diagnosis.text import Diagnosis
    from scopf.results.tables import Result


log = logging.getLogger(__name__)

_IN_FILES_ONLY = "lmp_by_state"  # a row for every bus of every state
_MANY_PAIRS = 100_000  # rows of the pair table that are still written as text


def as_dict(solution: Result) -> dict[str, Any]:
    """Summary of a solution, without the tables; plain values, None for what does not exist."""
    problem, horizon = solution.problem, solution.problem.horizon
    return {
        "case": problem.base.name,
        "base_mva": problem.base.base_mva,
        "islands": (problem.base if horizon is None else horizon.one).islands,
        "unserved": solution.setting.net.unserved.as_dict(problem.base.base_mva),
        "criterion": problem.criterion.name,
        "limit": solution.scenario.limit,
        "status": str(solution.status),
        "solved": solution.solved,
        "message": solution.message,
        "cost": _finite(solution.cost),
        "iterations": solution.iterations,
        "attempt": solution.attempt,
        "attempts": [
            {
                "name": attempt.name,
                "status": str(attempt.status),
                "message": attempt.message,
                "iterations": attempt.iterations,
                "seconds": attempt.seconds,
                "solver": attempt.solver,
            }
            for attempt in solution.attempts
        ],
        "seconds": solution.seconds,
        "accuracy": solution.accuracy.as_dict(),
        "claim": solution.claim,
        "conditions": problem.criterion.conditions,
        "unmet_assumptions": list(solution.unmet),
        "constant_power": None if (found := solution.constant_power) is None else found.as_dict(),
        "inverter_share": _finite(solution.inverter_share),
        "inertia": None if (inertia := solution.inertia) is None else inertia.as_dict(),
        **({"states": list(solution.states)} if len(solution.states) > 1 else {}),
        "explained": None if (of := solution.explained) is None else of.as_dict(),
        "certified": solution.certified,
        "checks": [
            {key: _finite(value) for key, value in dataclasses.asdict(check).items()}
            for check in solution.checks
        ],
    }


def as_json(solution: Result, settings: dict[str, Any], diagnosis: Diagnosis | None = None) -> str:
    """Everything about a solution, tables included, but for prices by bus and state, as JSON."""
    tables = {
        name: [
            {key: _finite(value) for key, value in row.items()}
            for row in _readable(name, frame).to_dict("records")
        ]
        for name, frame in solution.tables.items()
        if name != _IN_FILES_ONLY
    }
    head = as_dict(solution) | _diagnosed(diagnosis)
    return json.dumps({**head, "settings": settings, **tables}, allow_nan=False)


def _diagnosed(diagnosis: Diagnosis | None) -> dict[str, Any]:
    return {} if diagnosis is None else {"diagnosis": diagnosis.as_dict()}


def write(
    solution: Result,
    folder: Path,
    settings: dict[str, Any],
    diagnosis: Diagnosis | None = None,
) -> list[Path]:
    """Write every table as CSV and Parquet, and `summary.json`, as `write_tables` does.

    Raises:
        ScopfError: when the folder cannot be made or written to.
    """
    head = {**as_dict(solution), **_diagnosed(diagnosis), "settings": settings}
    return write_tables(folder, solution.tables, "summary.json", head)


def write_tables(
    folder: Path,
    tables: Mapping[str, pd.DataFrame],
    manifest: str,
    content: Mapping[str, Any],
    pictures: Mapping[str, Callable[[Path], object]] | None = None,
) -> list[Path]:
    """Write tables as CSV and Parquet, and a manifest that says which files belong together.

    No file changes before all are written, and then each is whole old or whole new. The manifest
    comes last. Its key `run` has an `id` and the SHA-256 of every file: one that has another is of
    another run.

    Args:
        folder: of the files; it is made if it is not there.
        tables: by name.
        manifest: name of its file, JSON.
        content: of the manifest, besides `run`.
        pictures: further files, by name, each with a function that writes it.

    Returns:
        The files, the manifest last.

    Raises:
        ScopfError: when the folder cannot be made or written to.
    """
    require("pyarrow")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with files.together(folder) as batch:
            for name, frame in tables.items():
                text = _readable(name, frame)
                batch.add(f"{name}.csv", partial(text.to_csv, index=False))
                batch.add(f"{name}.parquet", partial(frame.to_parquet, index=False))
            for name, write_to in (pictures or {}).items():
                batch.add(name, write_to)
            run = {"id": secrets.token_hex(8), "sha256": dict(batch.digests)}
            summary = json.dumps({**content, "run": run}, indent=2) + "\n"
            batch.add(manifest, lambda part: part.write_text(summary, encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise ScopfError(f"cannot write results to {folder}: {reason}") from error
    return batch.paths


def _readable(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The table as text; of millions of pairs those that bind or have a price, and a warning."""
    if name != "pairs" or len(frame) <= _MANY_PAIRS:
        return frame
    kept = frame[frame["binding"] | (frame["price_per_pu"] > TRACE)]
    text = "pairs: text has the %d of %d rows that bind or are priced; Parquet has all"
    log.warning(text, len(kept), len(frame))
    return kept


def _finite(value: Any) -> Any:
    """A plain value; None for NaN and infinities, which JSON does not have."""
    value = plain(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
