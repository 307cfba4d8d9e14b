"""The page: figures, sentences and tables of a sweep in one HTML file that needs nothing else."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.pages import curves, grids, network, status
from scopf.pages import figure as f
from scopf.pages.document import put, template
from scopf.pages.figure import Figure
from scopf.sweeps.analysis import axes as axes_of
from scopf.sweeps.analysis import facts, units
from scopf.sweeps.analysis.analysis import Analysis, analyse
from scopf.sweeps.analysis.axes import INTACT
from scopf.sweeps.analysis.network_map import network_map
from scopf.sweeps.analysis.references import Reference
from scopf.sweeps.analysis.results import unit_of

if TYPE_CHECKING:
    import pandas as pd

    from scopf.sweeps.results import Sweep

log = logging.getLogger(__name__)

_SCRIPTS = ("theme.js", "tables.js", "figures.js", "symbols.js", "network.js", "start.js")


def write(sweep: Sweep, path: str | Path) -> Path:
    """Write the report of a sweep as one HTML page, which opens without a network.

    Args:
        sweep: from `scopf.load_sweep`; a part of a sweep will do.
        path: of the page; it is replaced if it exists.

    Returns:
        The path.

    Raises:
        ScopfError: when a package of the extra `report` is missing, the tables do not fit the
            schema, or the page cannot be written.
    """
    target, text = Path(path), html(sweep)
    put(text, target)
    log.info("report of %d scenarios: %s, %.1f MB", len(sweep.scenarios), target, len(text) / 1e6)
    return target


def html(sweep: Sweep) -> str:
    """The page as text; see `write`."""
    made = template("page.html")
    whole = analyse(sweep)
    analysis = whole.of(axes_of.thin(whole.axes))
    groups = _figures(analysis)
    drawn = network_map(analysis, sweep.manifest.get("network"))
    data = {
        "axes": [
            {"name": axis.name, "label": axis.label, "unit": axis.unit, "texts": axis.texts}
            for axis in analysis.axes.named
        ],
        "slice": [axis.name for axis in analysis.axes.sliced],
        "figures": {figure.id: figure.data() for group in groups.values() for figure in group},
        "network": network.data(analysis, drawn) if drawn else None,
        "table": _table(analysis),
        "first": _first(analysis),
    }
    return made.page(
        data,
        _SCRIPTS,
        name=facts.case_name(sweep.manifest),
        sentences=facts.headline(whole, sweep.manifest),
        tiles=facts.tiles(whole, sweep.manifest),
        part=facts.part(analysis, whole),
        floor=units.floor_text(whole),
        groups=groups,
        axes=analysis.axes,
        mixture=units.mixture(analysis),
        network=drawn,
        failures=facts.failures(whole),
        pairs=facts.binding_pairs(whole, sweep),
        run=facts.run(sweep.manifest),
        spec=json.dumps(sweep.manifest.get("spec"), indent=2, default=str, ensure_ascii=False),
    )


def _figures(analysis: Analysis) -> dict[str, list[Figure]]:
    """Figures by the heading they stand under."""
    ended = status.by_scenario(analysis)
    if not analysis.solved.any():
        return {"Status": [ended]}
    by_id = curves.over_choices(analysis)
    cost = [by_id[name] for name in ("cost", "stability", "critical") if name in by_id]
    margins = [by_id["margin"]]
    priced = [by_id["nssp-max"], by_id["nssp-curves"], grids.prices(analysis)]
    if not np.isfinite(analysis.nssp_max).any():  # a plain OPF
        priced, margins = [], []
    elif not len(analysis.inverters):
        priced = priced[:1]
    surface = grids.surface(analysis)
    checked = [by_id["damping"]] if "damping" in by_id else []
    groups = {
        "Cost": cost,
        "Stability prices": priced,
        "Exact checks": checked,
        "Margin and voltages": [*margins, by_id["spread"], by_id["voltages"]],
        "All scenarios": [ended, *([surface] if surface else [])],
    }
    return {heading: figures for heading, figures in groups.items() if figures}


def _first(analysis: Analysis) -> dict[str, int]:
    """Places that the controls show at first: those of the scenario with the highest price."""
    row = analysis.highest_priced
    found = {axis.name: int(axis.codes[row]) for axis in analysis.axes.sliced}
    return {**found, "x": 0} if analysis.axes.is_list else found


def _branch_out(frame: pd.DataFrame, analysis: Analysis) -> list[str]:
    """Buses and circuit of the branch that is out, by scenario."""
    import pandas as pd

    known = analysis.branches
    return [INTACT if pd.isna(k) else known.get(str(int(k)), str(k)) for k in frame["outage"]]


def _table(analysis: Analysis) -> dict[str, Any]:
    """The table of scenarios: heads, and columns of plain values."""
    import pandas as pd

    frame = analysis.scenarios.copy()
    after = list(frame.columns).index("cost") + 1
    if analysis.reference is not Reference.NOTHING:
        frame.insert(after, "cost_increase", analysis.cost_increase)
    if "outage" in frame:
        frame.insert(
            list(frame.columns).index("outage") + 1, "branch_out", _branch_out(frame, analysis)
        )
    heads: list[str] = []
    columns: list[dict[str, list[Any]]] = []
    for name in frame.columns:
        column = frame[name]
        unit = unit_of(analysis, str(name))
        heads.append(f"{name} [{unit}]" if unit else str(name))
        if not pd.api.types.is_bool_dtype(column) and pd.api.types.is_numeric_dtype(column):
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
            digits = 4 if name == "seconds" else 10 if name == "cost" else 6
            columns.append({"values": f.numbers(values.tolist(), digits)})
            continue
        codes, texts = pd.factorize(
            column.map(lambda one: "" if pd.isna(one) else axes_of.text(one))
        )
        columns.append({"codes": codes.tolist(), "texts": [str(text) for text in texts]})
    return {"heads": heads, "columns": columns}
