"""Pictures of the gap: heatmaps over the two droops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.faults import ScopfError

if TYPE_CHECKING:
    import os

    from scopf.studies.gap import Gap

_ROWS = {
    "xi": "$\\xi$: share of stable\npoints not certified",
    "false_share": "false share: certified\npoints that are unstable",
}
_COLORS = "viridis"  # its lightness rises evenly: the same in grey and to colour-blind readers


def draw(gap: Gap, path: str | os.PathLike[str] | None = None) -> Any:
    """A figure with xi in the upper row and the false share in the lower, one column for each B.

    Raises:
        ScopfError: when matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        text = 'pictures need matplotlib: pip install "scopf[plot]"'
        raise ScopfError(text) from None
    table = gap.table
    values, mq = sorted(table["b"].unique()), np.sort(table["mq1"].unique())
    half = (mq[1] - mq[0]) / 2 if len(mq) > 1 else 0.5
    box = (mq[0] - half, mq[-1] + half) * 2
    figure = Figure(figsize=(2.3 * len(values) + 1.7, 5.4), layout="constrained")
    axes = figure.subplots(2, len(values), sharex=True, sharey=True, squeeze=False)
    for row, (column, label) in zip(axes, _ROWS.items(), strict=True):
        for ax, b in zip(row, values, strict=True):
            part = table[table["b"] == b].pivot(index="mq2", columns="mq1", values=column)
            image = ax.imshow(
                part.to_numpy(), origin="lower", extent=box, vmin=0, vmax=1, cmap=_COLORS
            )
            ax.set_facecolor("0.8")  # no points to take a share of
            ax.label_outer()
            if column == "xi":
                ax.set_title(f"B = {b:g}")
            else:
                ax.set_xlabel("$m_{q,1}$")
        row[0].set_ylabel("$m_{q,2}$")
        figure.colorbar(image, ax=row.tolist(), label=label, ticks=np.linspace(0, 1, 6))
    figure.suptitle(
        f"Two inverters on a lossless line: {gap.criterion} against the exact condition"
    )
    if path is not None:
        try:
            figure.savefig(path, dpi=150)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ScopfError(f"cannot write the picture {path}: {reason}") from error
    return figure
