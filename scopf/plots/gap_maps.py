"""Pictures of the gap: heatmaps over the two droops."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf import files
from scopf.errors import ScopfError
from scopf.plots import style
from scopf.plots.maps import heatmap

if TYPE_CHECKING:
    import os

    from scopf.studies.gap import Gap

_ROWS = {
    "xi": "$\\xi$: share of stable\npoints not certified",
    "false_share": "false share: certified\npoints that are unstable",
}


def gap(found: Gap, path: str | os.PathLike[str] | None = None) -> Any:
    """Heatmaps over the two droops, xi above and the false share below, a column for each B.

    Cells without points to take a share of are hatched.

    Args:
        found: from `scopf.studies.gap.gap`.
        path: picture file to write, if any.

    Returns:
        The matplotlib figure.

    Raises:
        ScopfError: when matplotlib is not installed, or the file cannot be written.
    """
    table = found.table
    values = sorted(table["b"].unique())
    axes = style.grid(2, len(values), (2.3 * len(values) + 1.7, 5.4))
    figure = axes[0, 0].figure
    for row, (column, label) in zip(axes, _ROWS.items(), strict=True):
        for ax, b in zip(row, values, strict=True):
            heatmap(
                table, "mq1", "mq2", column, where={"b": b}, ax=ax, vmin=0, vmax=1, colorbar=False,
                title=f"B = {b:g}" if column == "xi" else None,
            )  # fmt: skip
            ax.set_aspect("equal")
            ax.label_outer()
        shades = row[0].collections[0]
        style.colorbar(shades, row.tolist(), label, ticks=np.linspace(0, 1, 6), fraction=0.05)
    figure.suptitle(
        f"Two inverters on a lossless line: {found.criterion} against the exact condition",
        fontsize=style.TITLE, color=style.INK,
    )  # fmt: skip
    if path is not None:
        name = Path(path)
        name = name if name.suffix else name.with_name(f"{name.name}.png")
        try:
            files.replace(name, lambda part: figure.savefig(part, dpi=150))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ScopfError(f"cannot write the picture {path}: {reason}") from error
    return figure
