"""One self-contained HTML page about a sweep.

Data flows one way: `axes` finds out what was varied, `study` lines the tables up with it; `curves`,
`grids`, `status` and `network` make figures (plain dictionaries in Plotly's schema) out of that,
`facts` the sentences and small tables; `page` puts all of it into the template under `assets/`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scopf.sweeps.report.study import Sweep


def write(sweep: Sweep, path: str | Path) -> Path:
    """Write the report of a sweep as one HTML page, which opens without a network.

    Args:
        sweep: what `scopf.load_sweep` returns; a part of a sweep will do.
        path: of the page; it is replaced if it exists.

    Returns:
        The path.

    Raises:
        ScopfError: when a package of the extra `report` is missing, the tables do not fit the
            schema, or the page cannot be written.
    """
    from scopf.sweeps.report import page

    return page.write(sweep, Path(path))
