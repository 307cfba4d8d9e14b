"""Networks from one file format to another: `scopf convert`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from scopf.cases import load_case, mwriter, native
from scopf.faults import ScopfError, listing
from scopf.network import Network

WRITERS: dict[str, Callable[[Network, Path], None]] = {
    ".m": lambda net, path: mwriter.write(net, path),
    ".json": native.write,
}


def save_case(net: Network, path: str | os.PathLike[str]) -> None:
    """Write a network in the format that the suffix of the file names.

    Args:
        net: the network, elements out of service included.
        path: `.json` (scopf's own, which holds everything) or `.m` (MATPOWER).

    Raises:
        CaseError: listing what the format cannot hold; then nothing is written.
        ScopfError: for another suffix, or a file that cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITERS:
        known = listing(WRITERS)
        raise ScopfError(f"{path}: the suffix names the format to write, one of {known}")
    try:
        WRITERS[path.suffix.lower()](net, path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ScopfError(f"cannot write {path}: {reason}") from error


def convert(
    source: Annotated[str, typer.Argument(help="Bundled case, or a file that `solve` reads.")],
    target: Annotated[Path, typer.Argument(help="File to write: .json or .m")],
    costs: Annotated[
        Path | None, typer.Option(help="CSV table of costs of a .raw file, as `solve` takes it.")
    ] = None,
    ignore_unsupported: Annotated[
        bool, typer.Option(help="Warn of content that is not represented, instead of refusing it.")
    ] = False,
) -> None:
    """Write a case in another format: .json (scopf's own, without loss) or .m (MATPOWER).

    Example: scopf convert case39 case39.json
    """
    if target.exists() and os.path.exists(source) and os.path.samefile(source, target):
        raise ScopfError(f"{target}: this is the file to read; give another name")
    net = load_case(source, costs=costs, ignore_unsupported=ignore_unsupported)
    save_case(net, target)
    typer.echo(f"{target}: {net!r}")
