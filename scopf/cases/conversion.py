"""Networks to files, in the format that the suffix names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from scopf.cases import mwriter, native
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
