"""Generators, batteries and static VAR compensators of a pypowsybl network as generators."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from scopf.arrays import Floats, texts
from scopf.cases.approximations import Approximations
from scopf.cases.powsybl import branches, curves
from scopf.cases.powsybl.tables import Tables, limited
from scopf.cases.twoports import OPEN
from scopf.errors import listing

CURVE = ("pc1", "pc2", "qc1min", "qc1max", "qc2min", "qc2max")
_OF_BOUNDARY = " generation"


def all_of(tables: Tables, notes: Approximations) -> pd.DataFrame:
    """Every unit that is connected, in MW and MVAr, by name.

    Returns:
        The columns of `scopf.network.tables.Gens` without costs.
    """
    parts = [
        _machines(tables, "generators", notes),
        _machines(tables, "batteries", notes),
        _compensators(tables, notes),
        _at_boundaries(tables, notes),
    ]
    found = pd.concat([part for part in parts if len(part)] or parts[:1])
    if len(parts[1]):
        notes.add(
            "batteries give or take any power within their limits, without a store of energy: "
            + listing(parts[1].index, most=5)
        )
    out = found.index[found["bus"] == OPEN]
    if len(out):
        notes.add(f"not connected, and left out: {listing(out, most=5)}", logging.INFO)
    return found[found["bus"] != OPEN]


def target_vm(tables: Tables, table: pd.DataFrame) -> Floats:
    """Voltage that each unit holds, p.u. of the nominal voltage there; 1 without any."""
    nominal = tables.bus["nominal_v"].reindex(table["regulated_bus_id"]).to_numpy()
    found = table["target_v"].to_numpy() / nominal
    return np.where(found > 0, found, 1.0)


def limits(tables: Tables, table: pd.DataFrame, notes: Approximations) -> pd.DataFrame:
    """Limits of reactive power of units, as constants and as P-Q curves, MVAr.

    A curve of another form counts as its limits at the target of P; a sentence says so.
    """
    constant = table["reactive_limits_kind"] != "CURVE"
    found = pd.DataFrame(0.0, index=table.index, columns=["qmin", "qmax", *CURVE])
    for key, bound in (("qmin", "min_q"), ("qmax", "max_q")):
        found[key] = limited(
            np.where(constant, table[bound], table[f"{bound}_at_target_p"].to_numpy())
        )
    points = tables["reactive_capability_curve_points"]
    simplified = []
    for name in table.index[~constant]:
        p, low, high = points.loc[name].sort_values("p")[["p", "min_q", "max_q"]].to_numpy().T
        curve = curves.fitted(p, low, high) if len(p) > 1 else None
        if curve is None:
            simplified.append(name)
            continue
        found.loc[name, ["qmin", "qmax"]] = curve.qmin, curve.qmax
        if np.ptp(low) > 0 or np.ptp(high) > 0:
            ends = zip(curve.low, curve.high, strict=True)
            found.loc[name, list(CURVE)] = [*curve.p, *(q for pair in ends for q in pair)]
    if simplified:
        notes.add(
            "reactive capability curves that are not of one line and one constant limit on either "
            f"side count as their limits at the target of P: {listing(simplified, most=5)}"
        )
    return found


def _machines(tables: Tables, name: str, notes: Approximations) -> pd.DataFrame:
    table = tables[name]
    found = _frame(tables, table)
    for key, column in (("pg", "target_p"), ("pmin", "min_p"), ("pmax", "max_p")):
        found[key] = limited(table[column])
    found["qg"] = table["target_q"].fillna(0.0)
    found.update(limits(tables, table, notes))
    if "target_v" in table:
        found["vg"] = target_vm(tables, table)
    if "rated_s" in table:
        found["mbase"] = table["rated_s"].where(table["rated_s"] > 0, tables.base)
    return found


def _compensators(tables: Tables, notes: Approximations) -> pd.DataFrame:
    """Those that regulate; one that does not takes no part, as in pypowsybl's power flow."""
    table = tables["static_var_compensators"]
    on = table["regulating"].astype(bool) & (table["regulation_mode"] != "OFF")
    idle, table = table.index[~on & (table["bus_id"] != "")], table[on]
    if len(idle):
        notes.add(f"static VAR compensators that do not regulate are out of service: "
                  f"{listing(idle, most=5)}")  # fmt: skip
    found = _frame(tables, table)
    nominal = tables.bus["nominal_v"].reindex(table["bus_id"]).to_numpy()
    found["qmin"], found["qmax"] = (table[key] * nominal**2 for key in ("b_min", "b_max"))
    found["qg"] = -table["target_q"].fillna(0.0)  # what it draws, other than that of other units
    voltage = table["regulation_mode"] == "VOLTAGE"
    found["vg"] = np.where(voltage, target_vm(tables, table), 1.0)
    if len(found):
        notes.add(
            "static VAR compensators are units without active power, of any reactive power within "
            "their susceptances at nominal voltage, that hold no set point: "
            + listing(found.index, most=5)
        )
    return found


def _at_boundaries(tables: Tables, notes: Approximations) -> pd.DataFrame:
    """Generation at the ends of boundary lines, its reactive power fixed or without limits."""
    table = tables["boundary_lines_generation"]
    ends = branches.boundary_ends(tables)
    names = [name.removeprefix("end of ") for name in ends.name]
    at = pd.Series(ends.id, index=names, dtype=np.int64)
    table = table[table.index.isin(at.index)] if len(table) else table
    found = _frame(tables, pd.DataFrame({"bus_id": ""}, index=table.index))
    found["bus"] = at.reindex(table.index).to_numpy()
    if not len(table):
        return found
    for key, column in (("pg", "target_p"), ("pmin", "min_p"), ("pmax", "max_p")):
        found[key] = limited(table[column])
    found["qg"] = table["target_q"].fillna(0.0)
    held = table["voltage_regulator_on"].astype(bool)
    found["qmin"] = np.where(held, -np.inf, found["qg"])
    found["qmax"] = np.where(held, np.inf, found["qg"])
    if held.any():
        notes.add(
            "generation of boundary lines that holds a voltage has no limits of reactive power: "
            + listing(table.index[held], most=5)
        )
    found["name"] = texts(f"{name}{_OF_BOUNDARY}" for name in found.index)
    found.index = pd.Index(found["name"])
    return found


def _frame(tables: Tables, table: pd.DataFrame) -> pd.DataFrame:
    """Columns of units of no power."""
    columns: dict[str, Any] = dict.fromkeys(("pg", "qg", "pmin", "pmax", "qmin", "qmax"), 0.0)
    columns |= dict.fromkeys(CURVE, 0.0) | {"vg": 1.0, "mbase": tables.base}
    found = pd.DataFrame(columns, index=table.index)
    found.insert(0, "bus", tables.numbers(table["bus_id"]))
    found["name"] = texts(table.index)
    return found
