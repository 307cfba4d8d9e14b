"""Files of a run folder: there is always a whole one, and nothing outside changes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from scopf.errors import ScopfError


def replace(path: Path, write_to: Callable[[Path], object]) -> None:
    """Write a file under another name, which is new, and give it its own when it is done."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)  # what a kill has left, or a link to a file of somebody else
    part.open("x").close()
    write_to(part)
    part.replace(path)


def no_links(folder: Path, *names: str) -> None:
    """Refuse files of a run folder that are links to others.

    Raises:
        ScopfError: naming the first.
    """
    for name in names:
        if os.path.islink(folder / name):
            text = "is a link; a run folder holds its own files, so put the file itself there"
            raise ScopfError(f"{folder / name} {text}")
