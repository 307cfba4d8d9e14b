"""The command `scopf report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from scopf.cli import terminal
from scopf.cli.interrupts import Writing

NAME = "report.html"


def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="RUNS",
            help="Run folder that `scopf sweep` has written, or a file of `Solution.save`.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write. [default: report.html in the run folder, or beside the file]"
        ),
    ] = None,
) -> None:
    """Write one self-contained HTML page about a sweep, or about a solution.

    Exit code: 0 written, 2 usage or bad input.

    Example: scopf report runs/qcost --out qcost.html
    """
    import scopf

    what: Any
    if folder.is_file():
        target, what = out or folder.with_suffix(".html"), scopf.load_solution(folder)
    else:
        target, what = out or folder / NAME, scopf.load_sweep(folder)
    with Writing(target) as writing:
        written = scopf.report(what, target)
        writing.done(f"{written} was written")
    terminal.say(f"report written to {written} ({written.stat().st_size / 1e6:.1f} MB)")
