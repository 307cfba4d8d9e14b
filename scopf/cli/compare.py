"""The command `scopf compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from scopf.cli import options, terminal
from scopf.cli.interrupts import Writing

DIFFERENT = 1


def compare(
    a: Annotated[
        Path, typer.Argument(metavar="A", help="Run folder of a sweep, or file of a solution.")
    ],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another one of the same kind.")],
    out: Annotated[
        Path | None, typer.Option(help="File for the comparison as an HTML page.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(help="Difference of a cost, as a part of it, that is none.")
    ] = 1e-6,
    as_json: options.Json = False,
) -> None:
    """Say what differs between two sweeps, or between two saved solutions.

    Scenarios are matched by the values of what varies. Different settings are listed, but only
    results make a difference.

    Exit code: 0 the same results, 1 different ones, 2 usage or bad input.

    Example: scopf compare runs/before runs/after --out changes.html
    """
    import scopf

    found = scopf.compare(a, b, tolerance=tolerance)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), allow_nan=False))
    else:
        terminal.say(found.unwrapped)
    if out is not None:
        from scopf.pages import comparison

        with Writing(out) as writing:
            written = comparison.write(found, out)
            writing.done(f"{written} was written")
        terminal.say(f"page written to {written}", err=as_json)
    if not found.same:
        raise typer.Exit(DIFFERENT)
