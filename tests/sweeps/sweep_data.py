"""Sweeps for the tests of the report: one really solved, others made up."""

from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pandas as pd

import scopf

EVIL = "<script>alert(1)</script>"
NETWORK = {
    "buses": [1, 2, 3, 30, 31, 32],
    "branches": [
        {"id": k, "from_bus": a, "to_bus": b}
        for k, (a, b) in enumerate([(1, 2), (2, 3), (3, 1), (1, 30), (2, 31), (3, 32)], 1)
    ],
    "inverters": [30, 31, 32],
}


@dataclass
class Sweep:
    scenarios: pd.DataFrame
    inverters: pd.DataFrame
    pairs: pd.DataFrame
    buses: pd.DataFrame
    manifest: dict = field(default_factory=dict)


def grid(**axes):
    """Columns of a full grid."""
    return dict(zip(axes, map(list, zip(*product(*axes.values()), strict=True)), strict=True))


def solved(eta_q=(0.0, 0.5), mq=(0.17, 0.18, 0.19, 0.2, 0.21, 0.22, 0.5)):
    """case39, lossless, as a sweep would store it."""
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net)
    problem, start = scopf.build(net, inverters), {}
    rows, tables = [], {"inverters": [], "pairs": [], "buses": []}
    for number, (eta, droop) in enumerate(product(eta_q, mq)):
        found = scopf.solve(problem.update(eta_q=eta, mq=droop), max_iter=60, **start)
        row = {"scenario": number, "eta_q": eta, "mq": droop, "status": str(found.status)}
        row |= {"solved": found.solved, "message": found.message, "cost": found.cost}
        row |= {"iterations": found.iterations, "seconds": found.seconds, "attempt": found.attempt}
        if found.solved:
            start = {"start": found}
            dearest = found.inverters.loc[found.inverters["nssp_per_pu"].idxmax()]
            row |= {"nssp_max": dearest["nssp_per_pu"], "nssp_max_bus": int(dearest["bus"])}
            row |= {"margin_min": found.inverters["margin"].min(), "binding": 0}
            row |= {"vm_min": found.buses["vm"].min(), "vm_max": found.buses["vm"].max()}
            for name, parts in tables.items():
                parts.append(getattr(found, name).assign(scenario=number))
        rows.append(row)
    frames = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    branch = net.branch
    ends = zip(branch.id.tolist(), branch.from_bus.tolist(), branch.to_bus.tolist(), strict=True)
    network = {
        "buses": net.bus.id.tolist(),
        "branches": [{"id": k, "from_bus": a, "to_bus": b} for k, a, b in ends],
        "inverters": inverters.bus.tolist(),
    }
    manifest = {"case": {"name": "case39", "hash": "0"}, "spec": {"mq": mq}, "network": network}
    return Sweep(pd.DataFrame(rows), **frames, manifest=manifest)


def made_up(axes, name="made up", failing=0.1, message="no point satisfies all constraints"):
    """A sweep over `axes` (columns of the table of scenarios) with invented results."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(axes)
    count, buses = len(table), np.array(NETWORK["inverters"])
    solved = random.random(count) >= failing
    nssp = np.maximum(0.0, random.random((count, len(buses))) - 0.5) * 1e4
    table.insert(0, "scenario", np.arange(count))
    table["status"] = np.where(solved, "optimal", "infeasible")
    table["solved"] = solved
    table["message"] = np.where(solved, "an optimal solution was found", message)
    table["cost"] = np.where(solved, 1e4 + nssp.sum(axis=1), np.nan)
    table["seconds"] = 0.01
    table["nssp_max"] = np.where(solved, nssp.max(axis=1), np.nan)
    table["nssp_max_bus"] = pd.array(np.where(solved, buses[nssp.argmax(axis=1)], 0), dtype="Int64")
    for column, value in {"margin_min": 0.01, "vm_min": 0.95, "vm_max": 1.05}.items():
        table[column] = np.where(solved, value, np.nan)
    rows = np.flatnonzero(solved)
    inverters = pd.DataFrame(
        {
            "scenario": np.repeat(rows, len(buses)),
            "bus": np.tile(buses, len(rows)),
            "vm": 1.0,
            "nssp_per_pu": nssp[rows].ravel(),
        }
    )
    pairs = pd.DataFrame(
        {
            "scenario": rows,
            "bus": 30,
            "neighbor": pd.array([31] * len(rows), dtype="Int64"),
            "binding": True,
            "price_per_pu": nssp[rows, 0],
        }
    )
    manifest = {"case": {"name": name}, "spec": {"case": name}, "network": NETWORK}
    return Sweep(table, inverters, pairs, pd.DataFrame(), manifest)


def equal(runs, whole):
    """Every table to the bit; only the clock differs."""
    for name in ("scenarios", "inverters", "pairs", "buses"):
        one, other = (
            getattr(r, name).drop(columns="seconds", errors="ignore") for r in (runs, whole)
        )
        pd.testing.assert_frame_equal(one, other)
