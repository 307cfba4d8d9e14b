"""`scopf convert`: networks from one file format to another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from scopf.cli import completion, options
from scopf.cli.interrupts import Writing
from scopf.errors import ScopfError


def convert(
    source: Annotated[
        str,
        typer.Argument(
            help="Bundled case, or a file that `solve` reads.", autocompletion=completion.cases
        ),
    ],
    target: Annotated[Path, typer.Argument(help="File to write: .json or .m")],
    costs: options.Costs = None,
    dispatch_dc: options.DispatchDc = False,
    ignore_unsupported: options.IgnoreUnsupported = False,
) -> None:
    """Write a case in another format: .json (scopf's own, without loss) or .m (MATPOWER).

    Example: scopf convert case39 case39.json
    """
    from scopf.cases.files import load_case, save_case

    if target.exists() and os.path.exists(source) and os.path.samefile(source, target):
        raise ScopfError(f"{target}: this is the file to read; give another name")
    net = load_case(
        source, costs=costs, dispatch_dc=dispatch_dc, ignore_unsupported=ignore_unsupported
    )
    with Writing(target) as writing:
        save_case(net, target)
        writing.done(f"{target} was written")
    typer.echo(f"{target}: {net!r}")
