"""Generators, loads and DC lines of a pandapower net."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from scopf.arrays import Complexes, Flags, Ints, texts
from scopf.cases.approximations import Approximations
from scopf.cases.pandapower import costs
from scopf.cases.pandapower.costs import Cost, Costs
from scopf.errors import listing
from scopf.network.tables import DcLines, Gens

# Elements whose power is chosen, in the order of the generators; -1 for those that draw it.
SIGNS = {"ext_grid": 1.0, "gen": 1.0, "sgen": 1.0, "load": -1.0, "storage": -1.0}
_ALWAYS = ("ext_grid", "gen")  # in the table of generators even where nothing is to be chosen


def decided(name: str, table: pd.DataFrame) -> Flags:
    """Mask of the rows of a table that are generators of the network."""
    if name in _ALWAYS:
        return np.ones(len(table), dtype=bool)
    found: Flags = table["controllable"].to_numpy()
    return found


def at(tables: dict[str, pd.DataFrame]) -> Ints:
    """Buses of everything that is a generator of the network and in service."""
    found = [
        table["bus"].to_numpy()[decided(name, table) & table["in_service"].to_numpy()]
        for name, table in tables.items()
        if name in SIGNS
    ]
    return np.concatenate(found)


# -- fixed power -----------------------------------------------


def fixed(name: str, table: pd.DataFrame) -> tuple[Complexes, Complexes, Complexes]:
    """Power drawn by each row at 1 p.u., in MW and MVAr: as power, as impedance, as current.

    Zero where a row is out of service or a generator of the network.
    """
    sign = -1.0 if name.endswith("sgen") else 1.0
    if name.startswith("asymmetric"):
        p, q = (sum(table[f"{power}_{phase}_{unit}"] for phase in "abc")
                for power, unit in (("p", "mw"), ("q", "mvar")))  # fmt: skip
        drawn = table["in_service"].to_numpy()
    else:
        p, q = table["p_mw"], table["q_mvar"]
        drawn = table["in_service"].to_numpy() & ~decided(name, table)
    scale = np.where(drawn, sign * table["scaling"].to_numpy(), 0.0)
    power = np.column_stack([np.asarray(p) * scale, np.asarray(q) * scale])
    shares = np.zeros((2, len(table), 2))
    if name == "load":
        for k, kind in enumerate("zi"):
            of = [table[f"const_{kind}_{letter}_percent"] for letter in "pq"]
            shares[k] = np.column_stack(of) / 100.0
    parts = ((1.0 - shares.sum(axis=0)) * power, shares[0] * power, shares[1] * power)
    constant, impedance, current = (part[:, 0] + 1j * part[:, 1] for part in parts)
    return constant, impedance, current


# -- generators -----------------------------------------------


def gens(
    tables: dict[str, pd.DataFrame],
    buses: pd.Series[int],
    holding: list[dict[str, Any]],
    cost: Costs,
    base: float,
) -> Gens:
    """Everything whose power is chosen, and sources of reactive power that hold a voltage.

    Args:
        tables: of the net.
        buses: the network's bus number of each pandapower bus.
        holding: columns of these sources, as `holding` makes them.
        cost: of the elements.
        base: MVA.
    """
    parts = [_part(name, tables[name], buses, base) for name in SIGNS]
    parts += holding
    columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    signs = columns.pop("sign")
    names = [str(name) for name in columns["name"]]
    own = [cost.get((name.split(" ")[0], int(name.split(" ")[1])), Cost()) for name in names]
    return Gens(
        id=np.arange(1, len(signs) + 1),
        cost_p=costs.coefficients(own, "p", signs, base),
        cost_q=costs.coefficients(own, "q", signs, base),
        cost_p_points=costs.points(own, "p", signs, base),
        cost_q_points=costs.points(own, "q", signs, base),
        **columns,
    )


def _part(name: str, whole: pd.DataFrame, buses: pd.Series[int], base: float) -> dict[str, Any]:
    table, sign = whole[decided(name, whole)], SIGNS[name]
    n = len(table)
    nothing = pd.Series(np.zeros(n), index=table.index)
    scale = sign * table.get("scaling", nothing + 1.0) / base
    pg = table.get("p_mw", nothing) * scale
    limits = {}
    for power in ("p_mw", "q_mvar"):
        ends = [table[f"{end}_{power}"] for end in ("min", "max")]
        low, high = (sign * end.to_numpy() / base for end in ends[:: int(sign)])
        limits[power] = (
            np.where(np.isnan(low), -np.inf, low),
            np.where(np.isnan(high), np.inf, high),
        )
    pmin, pmax = limits["p_mw"]
    if name == "gen":
        held = ~table["controllable"].to_numpy()
        pmin, pmax = np.where(held, pg, pmin), np.where(held, pg, pmax)
    return {
        "sign": np.full(n, sign),
        "bus": buses.loc[table["bus"]].to_numpy(),
        "in_service": table["in_service"].to_numpy(),
        "pg": pg.to_numpy(),
        "qg": (table.get("q_mvar", nothing) * scale).to_numpy(),
        "pmin": pmin,
        "pmax": pmax,
        "qmin": limits["q_mvar"][0],
        "qmax": limits["q_mvar"][1],
        "vg": table.get("vm_pu", nothing + 1.0).to_numpy(),
        "mbase": table.get("sn_mva", nothing * np.nan).fillna(base).to_numpy(),
        "name": texts(f"{name} {number}" for number in table.index),
    }


def holding(names: list[str], table: pd.DataFrame, buses: Ints, base: float) -> dict[str, Any]:
    """Columns of sources of reactive power that hold a voltage.

    Args:
        names: of the elements.
        table: their `in_service` and `vm_pu`.
        buses: the network's numbers of their buses.
        base: MVA.
    """
    n = len(table)
    nothing, open_ = np.zeros(n), np.full(n, np.inf)
    return {
        "sign": nothing + 1.0,
        "bus": buses,
        "in_service": table["in_service"].to_numpy(),
        "pg": nothing,
        "qg": nothing,
        "pmin": nothing,
        "pmax": nothing,
        "qmin": -open_,
        "qmax": open_,
        "vg": table["vm_pu"].to_numpy(),
        "mbase": nothing + base,
        "name": texts(names),
    }


def explain_idle(tables: dict[str, pd.DataFrame], cost: Costs, notes: Approximations) -> None:
    """Say which costs are of elements that are not controllable, and when there are none at all."""
    masks = {name: decided(name, tables[name]) for name in SIGNS}
    idle = [
        f"{name} {number}"
        for name, number in cost
        if name in SIGNS and not masks[name][tables[name].index.get_loc(number)]
    ]
    if idle:
        notes.add(f"{listing(idle)} is not controllable, so its cost is a constant and left out")
    if not cost:
        notes.add("there are no costs, so that every dispatch costs the same")


# -- DC lines -----------------------------------------------


def dclines(table: pd.DataFrame, buses: pd.Series[int], cost: Costs, base: float) -> DcLines:
    """The table dcline; a line with negative p_mw sends from its to_bus to its from_bus.

    Its cost is of p_mw, so that of such a line is of a negative power.
    """
    back = table["p_mw"].to_numpy() < 0
    ends = (np.where(back, table["to_bus"], table["from_bus"]),
            np.where(back, table["from_bus"], table["to_bus"]))  # fmt: skip
    own = [cost.get(("dcline", int(number)), Cost()) for number in table.index]
    signs = np.where(back, -1.0, 1.0)

    def of(column: str, blank: float, scale: float = 1.0) -> Any:
        """A column with "from" at the sending end."""
        other = column.replace("from", "TO").replace("to_", "from_").replace("TO", "to")
        values = np.where(back, table[other], table[column])
        return np.where(np.isnan(values), blank, values) / scale

    pf = np.abs(table["p_mw"].to_numpy()) / base
    return DcLines(
        id=table.index.to_numpy(),
        from_bus=np.asarray(buses.loc[ends[0]], dtype=np.int64),
        to_bus=np.asarray(buses.loc[ends[1]], dtype=np.int64),
        in_service=table["in_service"].to_numpy(),
        pf=pf,
        qf=np.zeros(len(table)),
        qt=np.zeros(len(table)),
        vf=of("vm_from_pu", 1.0),
        vt=of("vm_to_pu", 1.0),
        pmin=np.zeros(len(table)),
        pmax=table["max_p_mw"].fillna(np.inf).to_numpy() / base,
        qminf=of("min_q_from_mvar", -np.inf, base),
        qmaxf=of("max_q_from_mvar", np.inf, base),
        qmint=of("min_q_to_mvar", -np.inf, base),
        qmaxt=of("max_q_to_mvar", np.inf, base),
        loss0=table["loss_mw"].to_numpy() / base,
        loss1=table["loss_percent"].to_numpy() / 100.0,
        cost=costs.coefficients(own, "p", signs, base),
        cost_points=costs.points(own, "p", signs, base),
    )
