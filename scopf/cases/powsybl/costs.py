"""Costs of units, which pypowsybl does not have: a table by their ids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scopf.arrays import Floats
from scopf.cases.psse import costs
from scopf.cases.psse.reading import Records
from scopf.errors import Fault, listing, nearest


def of(
    source: costs.Source | None,
    beside: Path | None,
    names: Sequence[str],
    limits: tuple[Floats, Floats],
    base: float,
) -> tuple[dict[str, Any], str, list[Fault]]:
    """Columns of the generator table with costs, and with limits of P where the table has any.

    Args:
        source: CSV file or DataFrame with the column `id`; None looks beside the file.
        beside: the file of the network, or None.
        names: ids of the units.
        limits: least and largest active power of each, per unit.
        base: MVA.

    Returns:
        The columns, a sentence on units without costs ("" for none), and the faults of the table.

    Raises:
        CaseError: when the file cannot be read as a table at all.
    """
    table = costs.read(source, beside, ("id",))
    place, rows, known = {name: k for k, name in enumerate(names, 1)}, [], dict[str, int]()
    for row in table.rows:
        name = str(row.bus)
        text = ""
        if name not in place:
            near = nearest(name, place)
            text = f"there is no unit {name}" + (f"; did you mean {near}?" if near else "")
        elif name in known:
            text = f"this unit has costs in row {known[name]} already"
        if text:
            table.faults.append(Fault(text, table.table, row.number, name, "id"))
            continue
        known[name], row.bus = row.number, place[name]
        rows.append(row)
    table.rows = rows
    number = list(range(1, len(names) + 1))
    power = {
        key: (values * base).tolist() for key, values in zip(("PB", "PT"), limits, strict=True)
    }
    columns = table.of(Records("gen", number, {"I": number, "ID": list(names), **power}), base)
    free = [name for name in names if name not in known]
    text = f"units without costs count as free ({len(free)} of {len(names)}): "
    if not table.source:
        hint = f"{table.beside} beside it, or `costs`" if table.beside else "`costs`"
        text += f"there is no table of costs ({hint})"
    else:
        text += listing(free, most=5)
    return columns, text if free else "", table.faults
