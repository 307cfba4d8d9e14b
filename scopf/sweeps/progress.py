"""Progress of a running sweep: a bar on a terminal, and a log file."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from collections.abc import Iterable
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from scopf import files
from scopf.optimizer.status import Status
from scopf.sweeps.base_case import INVALID
from scopf.sweeps.worker import ERROR

_EVERY = 60.0  # seconds between lines of counts in the log
CRASHED, NOT_RUN = "crashed", "not run"
LOG = "log.txt"

# From good to bad, for the worst one so far.
_SEVERITY = (
    Status.OPTIMAL, Status.ACCEPTABLE, Status.INFEASIBLE, INVALID, Status.TIME_LIMIT,
    Status.ITERATION_LIMIT, Status.STALLED, Status.DIVERGED, Status.EVALUATION_ERROR, Status.FAILED,
    ERROR, CRASHED,
)  # fmt: skip


class Progress:
    """Counts, draws the bar, and writes the log.

    Args:
        total: scenarios.
        done: rows of those that were finished before.
        shown: whether to draw a bar; None where there is a terminal.
        folder: of the log; None for no log.
    """

    def __init__(
        self,
        total: int,
        done: Iterable[dict[str, Any]],
        shown: bool | None,
        folder: Path | None,
    ) -> None:
        from tqdm import tqdm

        rows = list(done)
        self.failures, self._worst = 0, -1
        self._total, self._statuses = total, Counter[str]()
        self._told = time.monotonic()
        hidden = not (sys.stderr.isatty() if shown is None else shown)
        self._bar = tqdm(total=total, initial=len(rows), unit="scenario", disable=hidden)
        self._file = logging.Logger("sweep")  # of its own: no other logger writes to the file
        self._file.addHandler(logging.NullHandler())  # without any, warnings go to the terminal
        if folder is not None:
            files.own_files(folder, LOG)
            handler = _File(folder / LOG, encoding="utf-8")
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            self._file.addHandler(handler)
        self._said: set[str] = set()
        for row in rows:
            self._count(row)
        self._draw()

    @property
    def worst(self) -> str:
        """The worst status so far."""
        return str(_SEVERITY[self._worst]) if self._worst >= 0 else ""

    @property
    def counts(self) -> str:
        """Scenarios by status, most first, in words."""
        return ", ".join(f"{count} {status}" for status, count in self._statuses.most_common())

    def finished(self, rows: Iterable[tuple[int, dict[str, Any]]]) -> None:
        """Take notice of scenarios that are in the journal now."""
        for scenario, row in rows:
            self._count(row)
            if not row["solved"]:
                self._file.warning("scenario %d: %s: %s", scenario, row["status"], row["message"])
            self._bar.update()
        self._draw()
        if time.monotonic() - self._told >= _EVERY:
            self._told = time.monotonic()
            self.say(f"{self._statuses.total()} of {self._total}: {self.counts}")

    def say(self, text: str, level: int = logging.INFO) -> None:
        """Write to the log file."""
        self._file.log(level, text)

    def warn(self, log: logging.Logger, text: str) -> None:
        """Pass on what a worker had to say; once."""
        if text not in self._said:
            self._said.add(text)
            self._file.warning(text)
            log.warning("%s", text)

    def alert(self, log: logging.Logger, text: str) -> None:
        """Say at once what is wrong with a worker; on the bar until something comes back."""
        self._file.warning(text)
        log.warning("%s", text)
        self._bar.set_postfix_str(text)

    def close(self) -> None:
        """End the bar and the log."""
        self._bar.close()
        for handler in list(self._file.handlers):
            handler.close()
            self._file.removeHandler(handler)

    def _count(self, row: dict[str, Any]) -> None:
        self.failures += not row["solved"]
        self._statuses[str(row["status"])] += 1
        if row["status"] in _SEVERITY:
            self._worst = max(self._worst, _SEVERITY.index(row["status"]))

    def _draw(self) -> None:
        self._bar.set_postfix_str(f"failed {self.failures}, worst {self.worst or 'none'}", False)


class _File(logging.FileHandler):
    """A log file that may fail; the sweep goes on, or has a better reason to stop."""

    def _open(self) -> TextIOWrapper:
        """The file; a link of its name is not followed."""
        return open(self.baseFilename, "a", encoding="utf-8", opener=files.unfollowed)

    def handleError(self, record: logging.LogRecord) -> None:
        """Leave it at that."""
