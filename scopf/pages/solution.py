"""The page of one solution: sentences, prices, outages and tables in one HTML file."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.errors import ScopfError, counted
from scopf.network import labels
from scopf.pages import certificates, hours, modes, outages, trajectories
from scopf.pages.document import put, template
from scopf.pages.table import plain_table
from scopf.plots.outage_bars import by_state
from scopf.plots.response_content import simulation_of
from scopf.results import standing
from scopf.results import text as words
from scopf.results.prices import TRACE
from scopf.results.verified import VerifiedStates
from scopf.sweeps.analysis.units import per

if TYPE_CHECKING:
    import pandas as pd

    from scopf.dynamics.simulation.simulated import Simulation
    from scopf.pages.modes import Verified
    from scopf.results.solution import Solution

Runs = Mapping[str, "Simulation"] | Sequence["Simulation"]

log = logging.getLogger(__name__)

_SCRIPTS = (
    "theme.js", "tables.js", "hours.js", "symbols.js", "map.js", "curves.js", "modes.js",
    "solution.js",
)  # fmt: skip
_TABLES = {
    "hours": "Hours", "storage": "Storage, over all hours", "storage_by_hour": "Storage by hour",
    "ramps": "Ramps, over all hours", "ramps_by_hour": "Ramps by hour",
    "inverters": "Inverters", "buses": "Buses", "gens": "Generators", "branches": "Branches",
    "dclines": "DC lines",
}  # fmt: skip


def write(
    solution: Solution, path: str | Path, runs: Runs = (), verified: Verified | None = None
) -> Path:
    """Write the report of a solution as one HTML page, which opens without a connection.

    Args:
        solution: from `scopf.solve` or `scopf.load_solution`.
        path: of the page; it is replaced if it exists.
        runs: simulations from it on, whose frequencies and voltages are drawn: a list, or a mapping
            from the headings that they shall have.
        verified: what `Solution.verify` or `Solution.verify_states` has found, for its modes.

    Returns:
        The path.

    Raises:
        ScopfError: after a solve that failed; when a package of the extra `report` is missing, or
            the page cannot be written.
    """
    target, page = Path(path), html(solution, runs, verified)
    put(page, target)
    log.info("report of %s: %s", solution.problem.base.name, target)
    return target


def html(solution: Solution, runs: Runs = (), verified: Verified | None = None) -> str:
    """The page as text; see `write`."""
    if not solution.solved:
        raise ScopfError(f"there is no solution to report on: {solution.message}")
    given = _labelled(runs)
    made = template("solution.html")
    found = solution.tables
    shown = {name: head for name, head in _TABLES.items() if name in found}
    tables = {name: plain_table(found[name]) for name in shown}
    asked = bool(solution.scenario.outages)
    if solution.explained is not None:
        texts = labels.sentences(solution.scenario.outages, solution.problem.given)
        table = solution.explained.table.round(2)
        table["requirement"] = [texts.get(name, name) for name in table["requirement"]]
        tables["requirements"] = plain_table(table)
    if asked:
        tables["outages"] = plain_table(_rounded(solution))
    named = labels.outages(solution.scenario.outages, solution.problem.given)
    found_modes = None if verified is None else modes.data(verified, named)
    checks = {} if verified is None else modes.checks(verified)
    proven = certificates.rows(solution, checks, named)
    tables["certificates"] = {"heads": certificates.HEAD, "rows": proven, "left": 0}
    if isinstance(verified, VerifiedStates):
        table = verified.table.round({"real": 5, "frequency_hz": 5, "damping": 5})
        if asked:
            table.insert(1, "lost", [named.get(name, "") for name in table["state"]])
        tables["verified"] = plain_table(table)
    prices, margins = outages.by_inverter(solution), outages.least_margins(solution)
    drawn = outages.maps(solution)
    data = {
        "tables": tables,
        "inverters": prices,
        "margins": margins,
        "modes": found_modes,
        "outages": outages.by_outage(solution) if asked else [],
        "price": f"NSSP ({_unit(solution)})",
        "hours": hours.data(solution),
        "map": drawn,
        "runs": [_run(one) for one in given.values()],
    }
    lines = [line for line in words.head(solution) if line]
    sentences = standing.sentences(solution, report=True)
    return made.page(
        data,
        _SCRIPTS,
        name=solution.problem.base.name,
        lead=lines[0],
        standing=[f"{one[0].upper()}{one[1:]}" for one in sentences],
        lines=lines[1:],
        tiles=[*_tiles(solution), *_stable(verified)],
        priced=bool(prices),
        margins=bool(margins),
        modes=found_modes,
        proven=bool(proven),
        checked=isinstance(verified, VerifiedStates),
        states=[one["name"] for one in drawn["states"]],
        colours=[one["name"] for one in drawn["colours"]],
        note=drawn["note"],
        asked=asked,
        runs=[(name, str(one).partition("\n")[0], one.message) for name, one in given.items()],
        hours=solution.problem.horizon is not None,
        explained=solution.explained is not None,
        tables=shown,
    )


def _labelled(runs: Runs) -> dict[str, Simulation]:
    """Simulations by their headings."""
    named = runs.items() if isinstance(runs, Mapping) else [("", one) for one in runs]
    found: dict[str, Simulation] = {}
    for k, (name, given) in enumerate(named, 1):
        one = simulation_of(given, "runs: the report")
        said = str(name) or "; ".join(text for _, text in one.happened) or "no event"
        found[f"{said} ({k})" if said in found else said] = one
    return found


def _run(one: Simulation) -> dict[str, Any]:
    return trajectories.data(one, ("frequency", "voltage"), times=200, lines=25)


def _unit(solution: Solution) -> str:
    """Unit of the NSSP by inverter: over all hours together it is not per hour."""
    unit = per(solution.problem.criterion.nssp_unit)
    return unit if solution.problem.horizon is None else unit.replace("currency/h", "currency")


def _stable(verified: Verified | None) -> list[tuple[str, str]]:
    """The verdict as a key number, nothing without one."""
    if verified is None:
        return []
    text = {True: "yes", False: "no", None: "undecided"}[verified.stable]
    if isinstance(verified, VerifiedStates):
        each = [check.stable is True for check in verified.checks.values()]
        text = f"{sum(each)} of {counted(len(each), 'state', 'states')}"
    return [("Stable, by the dynamics", text)]


def _tiles(solution: Solution) -> list[tuple[str, str]]:
    """Key numbers: label and text."""
    if solution.problem.horizon is not None:
        return _tiles_of_hours(solution)
    table, found = solution.inverters, [("Cost per hour", f"{solution.cost:,.2f}")]
    bus = table["bus"].tolist()
    margin = table["margin"].to_numpy(dtype=np.float64)
    price = by_state(solution)[2].sum(axis=0)
    if np.isfinite(margin).any():
        k, least = int(np.argmax(price)), int(np.nanargmin(margin))
        text = f"{price[k]:,.2f} at bus {bus[k]}" if price[k] else "none"
        found.append(("Largest NSSP", text))
        found.append(("Least margin, intact", f"{margin[least]:.5f} at bus {bus[least]}"))
    if solution.scenario.outages:
        came = Counter(solution.outages["status"].tolist())
        found.append(("Outages", f"{came.total()}"))
        found += [(key.capitalize(), f"{count}") for key, count in came.most_common()]
    return found


def _tiles_of_hours(solution: Solution) -> list[tuple[str, str]]:
    """Key numbers of several hours."""
    every, table = solution.hours, solution.table("inverters")
    total = counted(len(every), "hour", "hours")
    found = [(f"Cost of {total}", f"{solution.cost:,.2f}")]
    margin, price = (table[name].to_numpy(dtype=np.float64) for name in ("margin", "nssp_per_pu"))
    if np.isfinite(margin).any():
        text = "none"
        if np.nanmax(price) > TRACE:
            most = int(np.nanargmax(price))
            text = f"{price[most]:,.2f} per hour at bus {_place(table, most)}"
        found.append(("Largest NSSP", text))
        least = int(np.nanargmin(margin))
        found.append(("Least margin", f"{margin[least]:.5f} at bus {_place(table, least)}"))
    if "e_mwh" in every:
        found.append(("Storage earned", f"{solution.storage['earned'].sum():,.2f}"))
    return found


def _place(table: pd.DataFrame, row: int) -> str:
    return f"{table['bus'].iloc[row]} in hour {table['state'].iloc[row]}"


def _rounded(solution: Solution) -> pd.DataFrame:
    """The table of outages without digits that the solver leaves behind, and empty prices."""
    table = solution.outages
    unpriced = ["price_per_h"] if table["price_per_h"].isna().all() else []
    names, _, prices = by_state(solution)
    total = dict(zip(names, prices.sum(axis=1).tolist(), strict=True))
    nssp = [total.get(*one) for one in zip(table["state"], table["nssp_per_pu"], strict=True)]
    digits = {"margin": 6, "frequency_pu": 6, "loading_percent": 2, "unserved_mw": 3}
    digits |= {"price_per_h": 2}
    table = table.assign(nssp_per_pu=nssp).drop(columns=unpriced).round(digits)
    given, lines = solution.problem.given, labels.branches(solution.problem.given)
    named = labels.outages(solution.scenario.outages, given)
    table["branch"] = [lines.get(k, "") for k in table["branch"].fillna(-1).astype(int)]
    table.insert(1, "lost", table["state"].map(named))
    return table
