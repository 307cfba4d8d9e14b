"""Two solutions, compared inverter by inverter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import plain
from scopf.errors import counted, listing
from scopf.network import labels
from scopf.results.prices import TRACE
from scopf.sweeps.analysis.amounts import amount, money
from scopf.sweeps.analysis.comparison import PRICE, Comparison, Setting, moved, price
from scopf.sweeps.analysis.units import per

if TYPE_CHECKING:
    import pandas as pd

    from scopf.results.solution import Solution

_STILL = 1e-5  # p.u. of a margin or a voltage that is no difference
_POWER, _LOADING = 0.01, 0.01  # MW and per cent


def compared(
    one: Solution, other: Solution, names: tuple[str, str], tolerance: float
) -> Comparison:
    """The difference between two solutions.

    Args:
        one: a solution.
        other: the other one.
        names: of both.
        tolerance: difference of a cost, as a part of it, that is none.
    """
    table, only = _inverters(one, other)
    findings = [*_of_status(one, other), *_of_cost(one, other, tolerance)]
    findings += [*_of_inverters(one, table), *_of_grid(one, other)]
    for end, rows in only.items():
        if len(rows):
            where = listing(rows["bus"].tolist(), 8)
            findings.append(f"Inverters in {end.upper()} only: at bus {where}.")
    same = not findings
    if same:
        alike = f"Results are the same, the cost to {amount(tolerance)} of itself."
        findings = [alike if one.solved else f"Neither has a solution: both are {one.status}."]
    settings = tuple(_settings(one, other))
    ends = (*names, "inverters")
    return Comparison(*ends, settings, tuple(findings), table, only, same, tolerance)


def _settings(one: Solution, other: Solution) -> list[Setting]:
    found = []
    ends = [_flat(solution) for solution in (one, other)]
    for name in dict.fromkeys([*ends[0], *ends[1]]):
        a, b = (end.get(name) for end in ends)
        if repr(a) != repr(b):
            found.append(Setting(name, a, b))
    return found


def _flat(solution: Solution) -> dict[str, Any]:
    """The network in numbers, the criterion, what `build` was given, and the inverters."""
    problem, scenario = solution.problem, solution.scenario
    net = problem.given
    size = {"buses": len(net.bus), "branches": len(net.branch), "generators": len(net.gen)}
    found: dict[str, Any] = {"network": net.name, **size, "lossless": net.is_lossless}
    load = float(net.bus.demand(np.ones(len(net.bus)))[0].sum() * net.base_mva)
    found |= {"load in MW": float(f"{load:.9g}"), "criterion": problem.criterion.name}
    found |= {name: plain(value) for name, value in scenario.flat.items() if name != "devices"}
    columns = solution.problem.own_inverters.columns
    return {**found, **{f"inverters' {name}": _alone(plain(x)) for name, x in columns.items()}}


def _alone(values: Any) -> Any:
    """The value of all inverters where they have the same."""
    alike = isinstance(values, list) and values and all(one == values[0] for one in values)
    return values[0] if alike else values


def _of_status(one: Solution, other: Solution) -> list[str]:
    if one.status == other.status:
        return []
    return [f"A is {one.status}, B is {other.status}."]


def _of_cost(one: Solution, other: Solution, tolerance: float) -> list[str]:
    a, b = one.cost, other.cost
    if not (np.isfinite(a) and np.isfinite(b)) or abs(a - b) <= tolerance * max(abs(a), abs(b)):
        return []
    units = [_cost_unit(solution) for solution in (one, other)]
    if units[0] != units[1]:
        return [f"A costs {money(a)} {units[0]}, B {money(b)} {units[1]}."]
    unit = units[0].partition(" over")[0]
    return [f"The cost goes from {money(a)} to {money(b)} {unit}, {moved(a, b)}."]


def _cost_unit(solution: Solution) -> str:
    """Of a cost per hour, or of all hours together."""
    horizon = solution.problem.horizon
    if horizon is None:
        return "currency/h"
    return f"currency over {float(horizon.hours.duration.sum()):g} h"


def _table(solution: Solution) -> pd.DataFrame:
    """Inverters with prices and margins, of every hour; by bus and hour.

    With outages prices are sums over the states, and margins the least of any.
    """
    if solution.scenario.outages and solution.solved:
        by_bus = solution.nssp_by_state.groupby("bus", as_index=False)
        return by_bus.agg({"nssp_per_pu": "sum", "margin": "min"}).assign(state="")
    hours = solution.problem.horizon is not None
    table = solution.table("inverters") if hours else solution.inverters
    keys = ["bus", *(["state"] if hours else [])]
    return table[[*keys, "nssp_per_pu", "margin"]].assign(state=table["state"] if hours else "")


def _inverters(one: Solution, other: Solution) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Inverters that differ, the largest difference of the price first; and those of one only.

    None differs where a solve failed: its margins are those of no dispatch.
    """
    keys = ["bus", "state"]
    a, b = (_table(solution) for solution in (one, other))
    both = a.merge(b, on=keys, suffixes=("_a", "_b"))
    if not (one.solved and other.solved):
        both = both.iloc[:0]
    columns = {"nssp_per_pu_a": "nssp_a", "nssp_per_pu_b": "nssp_b"}
    both = both.rename(columns=columns)
    rise = _gap(both, "nssp")
    size = both[["nssp_a", "nssp_b"]].abs().max(axis=1).to_numpy(dtype=np.float64)
    priced = rise > np.maximum(PRICE * np.nan_to_num(size), TRACE)
    margin = _gap(both, "margin")
    order = np.lexsort((-margin, -np.where(priced, rise, 0.0)))
    kept = order[(priced | (margin > _STILL))[order]]
    rows = both.iloc[kept].reset_index(drop=True)
    hour = rows["state"].map(lambda name: f" in hour {name}" if name else "")
    rows.insert(0, "what", "bus " + rows["bus"].astype(str) + hour)
    only = {
        end: mine.loc[~mine["bus"].isin(theirs["bus"]), ["bus"]].drop_duplicates()
        for end, mine, theirs in (("a", a, b), ("b", b, a))
    }
    names = ["what", "bus", "nssp_a", "nssp_b", "margin_a", "margin_b"]
    return rows[names], only


def _gap(table: pd.DataFrame, name: str) -> Any:
    ends = (table[f"{name}_{end}"].to_numpy(dtype=np.float64) for end in "ab")
    return np.nan_to_num(np.abs(np.subtract(*ends)))


def _of_inverters(one: Solution, table: pd.DataFrame) -> list[str]:
    found = list[str]()
    if not len(table):
        return found
    first, unit = table.iloc[0], per(one.problem.criterion.nssp_unit)
    if _gap(table, "nssp")[0] > TRACE:
        found.append(
            f"The price of the inverter at {first['what']} moves most, from "
            f"{price(first['nssp_a'])} to {price(first['nssp_b'])} {unit}."
        )
    gaps = _gap(table, "margin")
    k = int(np.argmax(gaps))
    if gaps[k] > _STILL:
        row = table.iloc[k]
        low, high = (amount(round(float(row[f"margin_{end}"]), 6) + 0.0, 4) for end in "ab")
        found.append(
            f"The margin of the inverter at {row['what']} moves most, from {low} to {high} p.u. "
            "voltage."
        )
    return found


def _of_grid(one: Solution, other: Solution) -> list[str]:
    """The generator, the bus and the branch that move most."""
    if not (one.solved and other.solved) or one.problem.horizon or other.problem.horizon:
        return []
    lines = labels.branches(one.problem.given)
    found = list[str]()
    for name, key, column, least, text, digits in (
        ("gens", "gen", "p_mw", _POWER, "The output of gen {} moves most", 1),
        ("buses", "bus", "vm", _STILL, "The voltage of bus {} moves most", 4),
        ("branches", "branch", "loading_percent", _LOADING, "The loading of {} moves most", 1),
    ):
        both = getattr(one, name)[[key, column]].merge(
            getattr(other, name)[[key, column]], on=key, suffixes=("_a", "_b")
        )
        gaps = _gap(both, column)
        moving = int((gaps > least).sum())
        if not moving:
            continue
        row = both.iloc[int(np.argmax(gaps))]
        place = lines[int(row[key])] if key == "branch" else int(row[key])
        low, high = (f"{row[f'{column}_{end}']:,.{digits}f}" for end in "ab")
        unit = {"gens": "MW", "buses": "p.u.", "branches": "%"}[name]
        many = counted(moving, "one moves", f"of {len(both)} move") if moving > 1 else "it alone"
        found.append(f"{text.format(place)}, from {low} to {high} {unit} ({many}).")
    return found
