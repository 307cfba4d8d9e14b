"""Generators, storage units and links of a PyPSA network: what it may choose at a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from scopf.arrays import Flags, Floats, texts
from scopf.cases import dclosses
from scopf.cases.approximations import Approximations
from scopf.cases.pypsa.snapshots import Snapshot
from scopf.errors import listing
from scopf.network.tables import DcLines, Gens

_STORAGE = "StorageUnit"
_DISPATCHED = ("Generator", _STORAGE)


def gens(tables: Snapshot, number: Mapping[str, int], base: float, notes: Approximations) -> Gens:
    """Generators, then storage units, at buses of the network.

    Args:
        tables: at the snapshot.
        number: of each bus.
        base: MVA.
        notes: gets sentences on what is not represented.
    """
    kinds = [tables[kind].assign(stores=kind == _STORAGE) for kind in _DISPATCHED]
    _explain(kinds[0], kinds[1], notes)
    table = pd.concat([part for part in kinds if len(part)] or kinds[:1])
    table = table[table["bus"].isin(number)]
    sign = table["sign"].to_numpy(dtype=np.float64)
    size = table["p_nom"].to_numpy(dtype=np.float64)
    ends = [sign * end for end in _limits(table)]
    low, high = np.minimum(*ends), np.maximum(*ends)
    reactive: dict[str, Floats] = {}
    for key, open_ in (("q_min", -np.inf), ("q_max", np.inf)):  # columns that users add
        given = table[key] if key in table else pd.Series(np.nan, index=table.index)
        reactive[key] = np.asarray(given.fillna(open_), dtype=np.float64) / base
    vm = tables["Bus"]["v_mag_pu_set"]
    costs, points = _costs_of_units(table, base, sign, low < 0, notes)
    return Gens(
        id=np.arange(1, len(table) + 1),
        bus=np.array([number[bus] for bus in table["bus"]], dtype=np.int64),
        in_service=np.ones(len(table), dtype=bool),
        pg=np.clip(sign * table["p_set"].fillna(0.0).to_numpy(), low, high) / base,
        qg=sign * table["q_set"].fillna(0.0).to_numpy() / base,
        pmin=low / base,
        pmax=high / base,
        qmin=reactive["q_min"],
        qmax=reactive["q_max"],
        vg=vm.loc[table["bus"]].to_numpy(dtype=np.float64),
        mbase=np.where((size > 0) & np.isfinite(size), size, base),
        cost_p=costs,
        cost_q=np.zeros((len(table), 3)),
        cost_p_points=points,
        name=texts(table.index),
    )


def dclines(
    tables: Snapshot, number: Mapping[str, int], base: float, notes: Approximations
) -> DcLines:
    """Links between two buses of the network, which draw no reactive power."""
    table = tables["Link"]
    table = table[table["bus0"].isin(number) & table["bus1"].isin(number)]
    nothing, (low, high) = np.zeros(len(table)), _limits(table)
    vm = tables["Bus"]["v_mag_pu_set"]
    found = DcLines(
        id=np.arange(1, len(table) + 1),
        from_bus=np.array([number[bus] for bus in table["bus0"]], dtype=np.int64),
        to_bus=np.array([number[bus] for bus in table["bus1"]], dtype=np.int64),
        in_service=np.ones(len(table), dtype=bool),
        pf=np.clip(table["p_set"].fillna(0.0).to_numpy(dtype=np.float64), low, high) / base,
        qf=nothing,
        qt=nothing,
        vf=vm.loc[table["bus0"]].to_numpy(dtype=np.float64),
        vt=vm.loc[table["bus1"]].to_numpy(dtype=np.float64),
        pmin=low / base,
        pmax=high / base,
        qminf=nothing,
        qmaxf=nothing,
        qmint=nothing,
        qmaxt=nothing,
        loss1=1.0 - table["efficiency"].to_numpy(dtype=np.float64),
        cost=_costs(table, base, np.ones(len(table))),
        name=texts(table.index),
    )
    return dclosses.not_negative(found, base, notes)


def _limits(table: pd.DataFrame) -> list[Floats]:
    """Least and largest p of elements, MW; nothing of an infinite size is nothing."""
    size = table["p_nom"].to_numpy(dtype=np.float64)
    shares = [table[f"p_{end}_pu"].to_numpy(dtype=np.float64) for end in ("min", "max")]
    with np.errstate(invalid="ignore"):
        return [np.where(share == 0, 0.0, size * share) for share in shares]


def _costs(table: pd.DataFrame, base: float, sign: Any) -> Any:
    """Coefficients of the power in per unit; an element of negative sign draws its p."""
    linear, square = (table[key].to_numpy(dtype=np.float64)
                      for key in ("marginal_cost", "marginal_cost_quadratic"))  # fmt: skip
    return np.column_stack([np.zeros(len(table)), sign * linear * base, square * base**2])


def _costs_of_units(
    table: pd.DataFrame, base: float, sign: Floats, charges: Flags, notes: Approximations
) -> tuple[Floats, Floats]:
    """Coefficients and points of costs: those of storage units are of what they give only."""
    found: Floats = _costs(table, base, sign)
    both_ways = table["stores"].to_numpy(dtype=bool) & charges & found.any(axis=1)
    bent = both_ways & (found[:, 1] > 0) & (found[:, 2] == 0)
    if (rest := table.index[both_ways & ~bent]).size:
        notes.add(
            "quadratic and negative costs of storage units count while they charge as well: "
            + listing(rest, most=5)
        )
    points = np.full((len(table), 3 if bent.any() else 0, 2), np.nan)
    points[bent] = [[(-1.0, 0.0), (0.0, 0.0), (1.0, cost)] for cost in found[bent, 1]] or np.nan
    found[bent] = 0.0
    return found, points


def _explain(generators: pd.DataFrame, storage: pd.DataFrame, notes: Approximations) -> None:
    both = pd.concat([generators, storage])
    limited = {key for key in ("q_min", "q_max") if key in both and both[key].notna().all()}
    if len(both) and len(limited) < 2:
        notes.add(
            "PyPSA has no limits of reactive power: generators and storage units give any, "
            "whatever their control and q_set; columns q_min and q_max (MVAr) would limit it"
        )
    committable = generators.index[generators["committable"].astype(bool)]
    for names, text in (
        (committable, "committable generators are all in service, at p_min_pu or more"),
        (storage.index, "storage units give or take any power between p_min_pu and p_max_pu, "
                        "whatever their state of charge"),
    ):  # fmt: skip
        if len(names):
            notes.add(f"{text}: {listing(names, most=5)}")
