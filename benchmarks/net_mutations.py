"""pandapower nets made worse: types of cells and columns, indices, tables in each other's place,
references to what is not there.
"""

from __future__ import annotations

import copy
import datetime
import decimal
import fractions
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import scopf
from benchmarks.mutations import Rng

TABLES = (
    "bus", "ext_grid", "gen", "sgen", "load", "storage", "motor", "asymmetric_load", "shunt",
    "ward", "xward", "line", "trafo", "trafo3w", "impedance", "switch", "dcline", "poly_cost",
    "pwl_cost", "svc",
)  # fmt: skip
CELLS: tuple[Any, ...] = (
    np.nan, np.inf, -np.inf, 0, -1, 1, 2, 0.5, -0.0, 1e308, 5e-324, 2**53, 2**63, -(10**30), True,
    None, pd.NA, pd.NaT, "", "x", "1", "b", "l", "t3", "gen", "load", "p", "hv", "Ideal", "Tabular",
    b"1", [], [1], [[0, 1, 2]], [[0, 1], [1]], (1, 2), {}, {"a": 1}, {1}, 1j, object,
    np.float32(1.5), np.int8(3), np.uint64(2**64 - 1), np.bool_(True), np.str_("b"),
    np.array([1.0, 2.0]), np.array(1.0), np.datetime64("2020-01-01"), pd.Timestamp("2020-01-01"),
    pd.Timedelta(1), datetime.date(2020, 1, 1), decimal.Decimal("1.5"), decimal.Decimal("sNaN"),
    fractions.Fraction(1, 3), float, "1" * 5000, "\0", "\ud800", range(3), slice(1), pd.Series([1]),
)  # fmt: skip
KINDS = (
    "object", "float32", "float16", "int8", "uint8", "Int64", "Float64", "boolean", "bool", "str",
    "string", "category", "complex128", "datetime64[ns]", "timedelta64[ns]", "Sparse[float]",
)  # fmt: skip


def _pick(rng: Rng, of: Any) -> Any:
    return of[int(rng.integers(len(of)))]


def _table(rng: Rng, net: Any) -> tuple[str, pd.DataFrame] | None:
    """A table of the net, mostly one that has rows."""
    names = [name for name in TABLES if isinstance(net.get(name), pd.DataFrame)]
    full = [name for name in names if len(net[name]) and len(net[name].columns)]
    names = full if full and rng.random() < 0.9 else names
    if not names:
        return None
    name = _pick(rng, names)
    return name, net[name]


def cell(rng: Rng, name: str, table: pd.DataFrame, net: Any) -> Any:
    """A cell, or a few, replaced."""
    if not table.size:
        return table
    k = int(rng.integers(len(table.columns)))
    cells = list(table.iloc[:, k])
    for row in rng.integers(len(cells), size=int(rng.integers(1, 3))):
        cells[int(row)] = _pick(rng, CELLS)
    column = pd.Series(np.empty(len(cells), dtype=object), index=table.index)
    for row, value in enumerate(cells):
        column.iat[row] = value
    return _with_column(table, k, column if rng.random() < 0.5 else column.infer_objects())


def _with_column(table: pd.DataFrame, k: int, column: Any) -> pd.DataFrame:
    parts = [table.iloc[:, :k], column.to_frame(), table.iloc[:, k + 1 :]]
    for part in parts:
        part.index = pd.RangeIndex(len(table))
    found = pd.concat(parts, axis=1)
    found.index, found.columns = table.index, table.columns
    return found


def kind(rng: Rng, name: str, table: pd.DataFrame, net: Any) -> Any:
    """A column, or all, of another type."""
    if not table.size:
        return table
    to = _pick(rng, KINDS)
    if rng.random() < 0.2:
        return table.astype(to)
    k = int(rng.integers(len(table.columns)))
    return _with_column(table, k, table.iloc[:, k].astype(to))


def columns(rng: Rng, name: str, table: pd.DataFrame, net: Any) -> Any:
    """Columns left out, doubled, exchanged, renamed, or named by what is no text."""
    width = len(table.columns)
    if not width:
        return table
    i, j = (int(k) for k in rng.integers(width, size=2))
    match int(rng.integers(6)):
        case 0:
            return table.drop(columns=table.columns[i])
        case 1:
            return table.iloc[:, [*range(width), i]]
        case 2:
            order = list(range(width))
            order[i], order[j] = j, i
            return table.set_axis(table.columns[order], axis=1)
        case 3:
            names = list(table.columns)
            names[i] = _pick(rng, (0, None, np.nan, ("a", "b"), "in_service", "bus", True, "x"))
            return table.set_axis(pd.Index(names, dtype=object, tupleize_cols=False), axis=1)
        case 4 if not isinstance(table.columns, pd.MultiIndex):
            return table.set_axis(pd.MultiIndex.from_product([["a"], table.columns]), axis=1)
        case _:
            return table.iloc[:, :i]


def index(rng: Rng, name: str, table: pd.DataFrame, net: Any) -> Any:
    """Another index: not unique, not sorted, not of whole numbers, too large."""
    n = len(table)
    made: tuple[Callable[[], Any], ...] = (
        lambda: table.index[::-1],
        lambda: rng.permutation(n),
        lambda: np.zeros(n, dtype=np.int64),
        lambda: -1 - np.arange(n),
        lambda: np.arange(n) + 0.5,
        lambda: np.arange(n, dtype=np.float64),
        lambda: np.arange(n) + _pick(rng, (10**6, 10**7 - n, 10**7 + 1, 2**40)),
        lambda: np.arange(n, dtype=np.uint64),
        lambda: [str(k) for k in range(n)],
        lambda: [_pick(rng, ("a", 1, None, np.nan, 1.0, True, (1, 2), 2**70)) for _ in range(n)],
        lambda: np.arange(n) % 2 == 0,
        lambda: pd.MultiIndex.from_arrays([np.arange(n), np.arange(n)]),
        lambda: pd.date_range("2020", periods=n),
        lambda: pd.CategoricalIndex(np.arange(n)),
        lambda: pd.Index(np.arange(n), dtype="Int64"),
        lambda: pd.Index(np.arange(n), dtype="int8", name="bus"),
        lambda: pd.interval_range(0, n) if n else pd.RangeIndex(0),
    )
    found = table.copy()
    given = _pick(rng, made)()
    found.index = (
        pd.Index(given, dtype=object, tupleize_cols=False) if isinstance(given, list) else given
    )
    return found


def rows(rng: Rng, name: str, table: pd.DataFrame, net: Any) -> Any:
    """Rows doubled, left out, or in another order, with or without their index."""
    if not len(table):
        return table
    taken = rng.integers(len(table), size=int(rng.integers(2 * len(table) + 1)))
    found = table.iloc[taken]
    return found.reset_index(drop=True) if rng.random() < 0.5 else found


def references(rng: Rng, name: str, table: pd.DataFrame, net: Any) -> Any:
    """Buses and elements that are others, or not there."""
    known = ("et", "element", "power_type")
    named = [str(key) for key in table.columns]
    names = [k for k, key in enumerate(named) if key in known or key.endswith("bus")]
    if not names or not len(table):
        return table
    k = _pick(rng, names)
    words = ("gen", "load", "sgen", "storage", "ext_grid", "dcline", "b", "l", "t", "t3", "p", "q")
    numbers = (0, 1, 2, 3, 5, 6, 7, -1, 99, 10**7, 2**62)
    texts = str(table.columns[k]) in ("et", "power_type")
    cells = [_pick(rng, words if texts else numbers) if rng.random() < 0.6 else one
             for one in table.iloc[:, k]]  # fmt: skip
    return _with_column(table, k, pd.Series(cells, index=table.index))


def exchanged(rng: Rng, name: str, table: pd.DataFrame, net: Any) -> Any:
    """Something else in a table's place: another table, no table, nothing."""
    others = (
        None, {}, [], "x", 1, table.to_dict(), table.to_numpy(), pd.DataFrame(), table.iloc[:0],
        pd.DataFrame(index=table.index), table.T, table.stack() if table.size else pd.Series(),
        pd.DataFrame({"in_service": [True], "bus": [0]}),
    )  # fmt: skip
    other = net.get(_pick(rng, TABLES))
    return other if rng.random() < 0.4 else _pick(rng, others)


MUTATIONS = (cell, cell, cell, kind, columns, index, index, rows, references, references, exchanged)


def _settings(rng: Rng, net: Any) -> None:
    """A number of the net, or a table that nobody knows."""
    key = _pick(rng, ("sn_mva", "f_hz", "name", "user_pf_options", "own", 1, "_x", "res_bus"))
    dict.__setitem__(net, key, _pick(rng, (*CELLS, pd.DataFrame({"bus": [0, 99]}))))
    if key in ("sn_mva", "f_hz") and rng.random() < 0.3:
        dict.pop(net, key)


@cache
def seeds() -> tuple[Any, ...]:
    """Small nets, one of them with one of almost everything."""
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
    small = copy.deepcopy(net)
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
    return small, net


def spoil(rng: Rng) -> Any:
    """A spoilt net."""
    net = copy.copy(_pick(rng, seeds()))  # tables are replaced, never changed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(int(rng.geometric(0.5))):
            if rng.random() < 0.05:
                _settings(rng, net)
                continue
            found = _table(rng, net)
            if found is None:
                continue
            name, table = found
            try:
                spoilt = _pick(rng, MUTATIONS)(rng, name, table, net)
            except (TypeError, ValueError, OverflowError, ArithmeticError):
                continue  # what pandas does not make
            dict.__setitem__(net, name, spoilt)
    return net


def put(net: Any, folder: Path) -> str:
    """Nothing is written: a net is read as it is. The tables that are spoilt."""
    new = [key for key, table in net.items() if all(table is not s.get(key) for s in seeds())]
    return ", ".join(map(str, new))


def _is_one(cell: Any) -> bool:
    return np.ndim(cell) == 0 and not pd.isna(cell) and cell == 1


def check(net: Any, found: scopf.Network) -> None:
    """Compare what was chosen for generators, and DC lines and lines, with the net."""
    there = {name: isinstance(net.get(name), pd.DataFrame) for name in TABLES}
    rows = {name: net[name] if is_table else pd.DataFrame() for name, is_table in there.items()}
    chosen = [f"{name} {row}" for name in ("ext_grid", "gen", "xward") for row in rows[name].index]
    for name in ("sgen", "load", "storage"):
        if "controllable" in rows[name]:
            cells = rows[name]["controllable"]
            chosen += [f"{name} {row}" for row, cell in cells.items() if _is_one(cell)]
    assert sorted(found.gen.name.tolist()) == sorted(chosen), "generators are not what is chosen"
    assert sorted(found.dcline.id.tolist()) == sorted(rows["dcline"].index), "DC lines are missing"
    kept = {name.split(" ")[1] for name in found.branch.name if name.startswith("line ")}
    assert kept <= {str(row) for row in rows["line"].index}, "a line that there is not"
