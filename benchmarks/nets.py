"""pandapower nets as texts of one cell a line, which can be spoilt like any text.

    line x_ohm_per_km 0 0.39

is the cell of the table line in the column x_ohm_per_km and the row 0. A line that is none is left
out; a value that is no number, true, false or none is a word.
"""

from __future__ import annotations

import copy
import json
import math
from functools import cache
from typing import Any

import pandas as pd

TABLES = (
    "bus", "ext_grid", "gen", "sgen", "load", "storage", "motor", "asymmetric_load", "shunt",
    "ward", "xward", "line", "trafo", "trafo3w", "impedance", "switch", "dcline", "poly_cost",
    "pwl_cost", "svc",
)  # fmt: skip


def text(net: Any) -> bytes:
    """The text of a net."""
    lines = [f"net {key} 0 {net[key]}" for key in ("sn_mva", "f_hz")]
    for table in TABLES:
        for column, cells in net[table].items():
            if column in ("name", "geo", "std_type"):
                continue
            for row, cell in cells.items():
                lines.append(f"{table} {column} {row} {_said(cell)}")
    return "\n".join(lines).encode()


def _said(cell: Any) -> str:
    if isinstance(cell, list):
        return json.dumps(cell)
    if cell is None or cell is pd.NA or (isinstance(cell, float) and math.isnan(cell)):
        return "none"
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def net(spoilt: bytes) -> Any:
    """The net that a text says."""
    tables: dict[str, dict[str, dict[Any, Any]]] = {}
    for line in spoilt.decode("utf-8", "replace").splitlines():
        words = line.split(None, 3)
        if len(words) == 4:
            table, column, row, cell = words
            number = row if isinstance(_meant(row), (list, dict)) else _meant(row)
            tables.setdefault(table, {}).setdefault(column, {})[number] = _meant(cell)
    found = copy.copy(_empty())
    for key, cells in tables.pop("net", {}).items():
        if key in ("sn_mva", "f_hz", "name", "user_pf_options"):
            found[key] = next(iter(cells.values()))
    for table, columns in tables.items():
        if not table.startswith("_"):
            rows = list(dict.fromkeys(row for cells in columns.values() for row in cells))
            found[table] = pd.DataFrame(
                {key: [cells.get(row) for row in rows] for key, cells in columns.items()},
                index=pd.Index(rows, dtype=object).infer_objects(),
            )
    return found


def _meant(word: str) -> Any:
    plain = {"true": True, "false": False, "none": None, "nan": math.nan, "True": True}
    if word.strip() in plain:
        return plain[word.strip()]
    for kind in (_whole, float, json.loads):
        try:
            return kind(word)
        except (ValueError, RecursionError, OverflowError):
            continue
    return word


def _whole(word: str) -> int:
    number = int(word)
    float(number)  # pandas holds no column of one beyond that
    return number


@cache
def _empty() -> Any:
    import pandapower

    return pandapower.create_empty_network()


@cache
def seeds() -> tuple[bytes, ...]:
    """Texts of small nets with one of almost everything."""
    import pandapower as pp

    net = pp.create_empty_network(sn_mva=10.0)
    for number, kv in ((0, 110.0), (1, 110.0), (2, 110.0), (5, 20.0), (6, 10.0)):
        pp.create_bus(net, kv, index=number, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, 0, min_p_mw=-50, max_p_mw=50, min_q_mvar=-50, max_q_mvar=50)
    pp.create_gen(net, 1, 10, 1.01, min_p_mw=0, max_p_mw=30, min_q_mvar=-9, max_q_mvar=9)
    pp.create_line_from_parameters(
        net, 0, 1, 20, 0.1, 0.4, 9, 0.5, g_us_per_km=1, max_loading_percent=90
    )
    pp.create_poly_cost(net, 0, "gen", 20, cp2_eur_per_mw2=0.1)
    pp.create_switch(net, 1, 2, et="b")
    small = text(net)
    pp.create_line_from_parameters(net, 2, 0, 20, 0.1, 0.4, 9, 0.5, parallel=2)
    pp.create_transformer3w(net, 0, 5, 6, "63/25/38 MVA 110/20/10 kV")
    pp.create_transformer(net, 1, 5, "25 MVA 110/20 kV", tap_pos=2)
    limits = {"min_p_mw": 0, "max_p_mw": 5, "min_q_mvar": -2, "max_q_mvar": 2}
    pp.create_sgen(net, 5, 3, 1, controllable=True, **limits)
    pp.create_load(net, 6, 4, 1, const_z_p_percent=20, const_i_q_percent=30)
    pp.create_load(net, 5, 2, 1, controllable=True, **limits)
    pp.create_storage(net, 5, 1, 10, controllable=True, **limits)
    pp.create_motor(net, 6, 1, 0.9)
    pp.create_asymmetric_load(net, 6, 0.1, 0.2, 0.3)
    pp.create_shunt(net, 6, -1, step=2)
    pp.create_ward(net, 5, 0.1, 0.1, 0.1, 0.1)
    pp.create_xward(net, 6, 0.1, 0.1, 0.1, 0.1, 0.1, 1.0, 1.0)
    pp.create_impedance(net, 1, 0, 0.01, 0.1, 50)
    pp.create_dcline(net, 0, 2, 2, 1, 0.1, 1.0, 1.0, max_p_mw=5)
    pp.create_switch(net, 0, 0, et="l", closed=False)
    pp.create_switch(net, 1, 0, et="t")
    pp.create_pwl_cost(net, 0, "ext_grid", [[-50, 0, 10], [0, 50, 20]])
    pp.create_poly_cost(net, 0, "dcline", 1)
    return small, small, text(net)
