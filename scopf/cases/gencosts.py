"""A table of costs beside a MATPOWER case: for all generators of a case without costs, or some."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.cases.psse import costs
from scopf.cases.psse.reading import Records
from scopf.errors import Fault, listing
from scopf.network import piecewise


class GenCosts:
    """The table, or none.

    A row is of a generator (`gen`, its row in the case), or of the only one at a `bus`.

    Args:
        source: CSV file or DataFrame; None looks for `grid.costs.csv` beside a `grid.m` without
            costs.
        case: the .m file.
        missing: whether it has no costs.

    Raises:
        CaseError: when the file cannot be read as a table at all.
    """

    def __init__(self, source: costs.Source | None, case: Path, *, missing: bool) -> None:
        self._missing, self._table = missing, costs.Costs()
        if source is not None or missing:
            self._table = costs.read(source, case, ("bus", "gen"))
        self._records = Records("gen", [], {})

    @property
    def faults(self) -> list[Fault]:
        """Faults of the table."""
        return self._table.faults

    def over(self, columns: Mapping[str, Floats], bus: Ints, base: float) -> dict[str, Any]:
        """Columns of the generator table with the costs, and limits, that the table has.

        Args:
            columns: costs, and `pmin` and `pmax`, of the case.
            bus: bus number of each generator.
            base: MVA of the system.
        """
        table, n = self._table, len(bus)
        own = [str(number) for number in range(1, n + 1)]
        limits = {"PB": columns["pmin"] * base, "PT": columns["pmax"] * base}
        self._records = Records(
            "gen",
            list(range(1, n + 1)),
            {"I": bus.tolist(), "ID": own, **{k: v.tolist() for k, v in limits.items()}},
        )
        if not table.rows:
            return dict(columns)
        places = _places(bus)
        table.rows = [row for one in table.rows if (row := self._with_id(one, places)) is not None]
        given = table.of(self._records, base)
        named = np.array([self._records.name(row) in table.known for row in range(n)])
        return dict(columns) | _merged(columns, given, named)

    def _with_id(self, row: costs.Row, places: Mapping[int, list[int]]) -> costs.Row | None:
        """The row with the bus and the number of its generator, or None after a fault."""
        table, n = self._table, len(self._records)
        text = ""
        if table.key == "gen":
            if 1 <= row.bus <= n:
                bus = int(self._records.columns["I"][row.bus - 1])
                return dataclasses.replace(row, bus=bus, id=str(row.bus))
            text = f"there is no generator {row.bus}, the case has {n}"
        there = places.get(row.bus, [])
        if not text and len(there) < 2:
            return dataclasses.replace(row, id="")
        if not text:
            numbers = listing(str(place + 1) for place in there)
            text = f"bus {row.bus} has the generators {numbers}: give `gen`, the number of one"
        table.faults.append(Fault(text, table.table, row.number))
        return None

    def without(self, on: Flags) -> str:
        """Generators in service of a case without costs that have no row, as a sentence, or ""."""
        return self._table.without(self._records, on) if self._missing else ""


def _places(bus: Ints) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for place, number in enumerate(bus.tolist()):
        found.setdefault(number, []).append(place)
    return found


def _merged(
    columns: Mapping[str, Floats], given: Mapping[str, Floats], named: Flags
) -> dict[str, Floats]:
    """Columns in which those of the table stand for the generators that it names."""
    found: dict[str, Floats] = {}
    for key in ("cost_p", "cost_q"):
        found[key] = columns[key].copy()
        found[key][named] = 0.0
        found[key][named, :3] = given[key][named]
    for key in ("pmin", "pmax"):
        found[key] = np.where(named, given[key], columns[key])
    found["cost_q_points"] = columns["cost_q_points"].copy()
    found["cost_q_points"][named] = np.nan
    curves = [
        row[~np.isnan(row).all(axis=1)]
        for one, old, new in zip(
            named, columns["cost_p_points"], given["cost_p_points"], strict=True
        )
        for row in [new if one else old]
    ]
    found["cost_p_points"] = piecewise.table_of(curves)
    return found
