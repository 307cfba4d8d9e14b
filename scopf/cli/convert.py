"""`scopf convert`: networks from one file format to another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from scopf.cli import completion, options, terminal
from scopf.cli.interrupts import Writing
from scopf.errors import ScopfError


def convert(
    source: Annotated[
        str,
        typer.Argument(
            help="Bundled case, or a file that `solve` reads.", autocompletion=completion.cases
        ),
    ],
    target: Annotated[Path, typer.Argument(help="File to write: .json, .m or .raw")],
    costs: options.Costs = None,
    dispatch_dc: options.DispatchDc = False,
    dynamics: options.Dynamics = None,
    ignore_unsupported: options.IgnoreUnsupported = False,
    revision: Annotated[
        int | None, typer.Option(help="Of a .raw file: 33 or 35. [default: 33]", show_default=False)
    ] = None,
) -> None:
    """Write a case in another format.

    These are .json (scopf's own, without loss), .m (MATPOWER) and .raw (PSS/E, with the costs
    in grid.costs.csv beside grid.raw).

    Example: scopf convert case39 case39.json
    """
    from scopf.cases.files import load_case, save_case, writer

    if target.exists() and os.path.exists(source) and os.path.samefile(source, target):
        raise ScopfError(f"{target}: this is the file to read; give another name")
    of: Any = {"revision": revision}
    writer(target, **of)  # refuses another suffix or revision rather now than later
    net = load_case(
        source,
        costs=costs,
        dispatch_dc=dispatch_dc,
        dynamics=dynamics,
        ignore_unsupported=ignore_unsupported,
    )
    with Writing(target) as writing:
        save_case(net, target, **of)
        writing.done(f"{target} was written")
    terminal.say(f"{target}: {net!r}")
