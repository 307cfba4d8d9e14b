"""The command `scopf report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scopf.cli.interrupts import Writing

NAME = "report.html"


def report(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Run folder that `scopf sweep` has written.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="File to write. [default: report.html in the run folder]")
    ] = None,
) -> None:
    """Write one self-contained HTML page about a sweep.

    Exit code: 0 written, 2 usage or bad input.

    Example: scopf report runs/qcost --out qcost.html
    """
    import scopf
    from scopf.pages.page import write

    runs, target = scopf.load_sweep(folder), out or folder / NAME
    with Writing(target) as writing:
        written = write(runs, target)
        writing.done(f"{written} was written")
    typer.echo(f"report written to {written} ({written.stat().st_size / 1e6:.1f} MB)")
