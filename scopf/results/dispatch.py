"""The network at an operating point: set points, voltages, loads and flows as they were solved."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from scopf.network.network import Network
from scopf.network.tables import Table, positions
from scopf.results.point import Point


def energized(base: Network, point: Point) -> Network:
    """The network that was solved, at the point; its rows are those of the point.

    Args:
        base: the energized network that the problem was built from.
        point: values of its variables and parameters.
    """
    pf, qf, _, qt, _ = point.dclines
    vf, vt = point.vm[base.dcline_from], point.vm[base.dcline_to]
    return base.scaled(susceptance=point.alpha).replace(
        bus={**point.loads, "vm": point.vm, "va": point.va},
        gen={"pg": point.pg, "qg": point.qg, "vg": point.vm[base.gen_at]},
        dcline={"pf": pf, "qf": qf, "qt": qt, "vf": vf, "vt": vt},
    )


def whole(given: Network, solved: Network) -> Network:
    """The given network with the rows of the solved one in place of its own.

    Rows of elements out of service, and of what is in a dead island, are those of `given`.
    """
    if all(len(table) == len(solved.tables[key]) for key, table in given.tables.items()):
        return solved
    tables = {
        key: _put(table, solved.tables[key])
        for key, table in given.tables.items()
        if len(solved.tables[key])
    }
    return given.replace(**tables)


def _put(table: Table, rows: Table) -> Table:
    """A table with other rows in the places of those that have their numbers."""
    at, columns = positions(table.id, rows.id), dict[str, Any]()
    for name in (field.name for field in dataclasses.fields(table)):
        old, new = getattr(table, name), getattr(rows, name)
        if old.ndim > 1:  # costs, which no operating point changes
            continue
        if not np.array_equal(old[at], new, equal_nan=old.dtype.kind == "f"):
            columns[name] = old.copy()
            columns[name][at] = new
    return table.replace(**columns) if columns else table
