"""A solution as files and as JSON."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scopf.arrays import plain
from scopf.errors import ScopfError
from scopf.results.prices import TRACE

if TYPE_CHECKING:
    import pandas as pd

    from scopf.diagnosis.text import Diagnosis
    from scopf.results.tables import Result


log = logging.getLogger(__name__)

_MANY_PAIRS = 100_000  # rows of the pair table that are still written as text


def as_dict(solution: Result) -> dict[str, Any]:
    """Summary of a solution, without the tables; plain values, None for what does not exist."""
    problem = solution.problem
    return {
        "case": problem.base.name,
        "base_mva": problem.base.base_mva,
        "criterion": problem.criterion.name,
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
            }
            for attempt in solution.attempts
        ],
        "seconds": solution.seconds,
        "accuracy": solution.accuracy.as_dict(),
        "claim": solution.claim,
        "conditions": problem.criterion.conditions,
        "unmet_assumptions": list(solution.unmet),
        "constant_power": None if (found := solution.constant_power) is None else found.as_dict(),
        "certified": solution.certified,
        "checks": [
            {key: _finite(value) for key, value in dataclasses.asdict(check).items()}
            for check in solution.checks
        ],
    }


def as_json(solution: Result, settings: dict[str, Any], diagnosis: Diagnosis | None = None) -> str:
    """Everything about a solution, tables included, as one JSON object."""
    tables = {
        name: [
            {key: _finite(value) for key, value in row.items()}
            for row in _readable(name, frame).to_dict("records")
        ]
        for name, frame in solution.tables.items()
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
    """Write every table as CSV and Parquet, and `summary.json`.

    Raises:
        ScopfError: when the folder cannot be made or written to.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in solution.tables.items():
            _readable(name, frame).to_csv(folder / f"{name}.csv", index=False)
            frame.to_parquet(folder / f"{name}.parquet", index=False)
            written += [folder / f"{name}.csv", folder / f"{name}.parquet"]
        head = as_dict(solution) | _diagnosed(diagnosis)
        summary = json.dumps({**head, "settings": settings}, indent=2)
        (folder / "summary.json").write_text(summary + "\n", encoding="utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ScopfError(f"cannot write results to {folder}: {reason}") from error
    return [*written, folder / "summary.json"]


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
