"""Pictures and pages that commands write beside their text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from scopf import files
from scopf.errors import ScopfError, require

FORMATS = (".png", ".svg", ".pdf")
PAGES = (".html", ".htm")

Report = Annotated[
    Path | None,
    typer.Option(
        help="File for one self-contained HTML page: map, prices, margins, certificates, tables; "
        "without a solution the limits that conflict."
    ),
]


def check(plot: Path | None, page: Path | None = None) -> None:
    """Refuse what cannot be written, rather before the solve than after it.

    Raises:
        ScopfError: for a format that there is not.
        InstallationError: when a package is missing.
    """
    if plot is not None:
        require("matplotlib")
        if plot.suffix.lower() not in FORMATS:
            raise ScopfError(f"--plot writes {', '.join(FORMATS)}, not {plot.name}")
    if page is not None:
        require("plotly")
        require("jinja2")
        if page.suffix.lower() not in PAGES:
            raise ScopfError(f"--report writes an HTML page, {' or '.join(PAGES)}, not {page.name}")


def save(figure: Any, plot: Path) -> None:
    """Write a matplotlib figure; the file is whole old or whole new.

    Raises:
        ScopfError: when it cannot be written.
    """
    put: Callable[[Path], object] = lambda part: figure.savefig(part, dpi=150)  # noqa: E731
    try:
        files.replace(plot, put)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ScopfError(f"cannot write the picture {plot}: {reason}") from error
