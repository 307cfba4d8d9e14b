"""Outages of a solution in a few lines."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from scopf.errors import counted, listing
from scopf.network import labels

if TYPE_CHECKING:
    import pandas as pd

    from scopf.results.tables import Result

_NAMED, _WIDTH = 5, 80
_STILL = 5e-5  # p.u. of frequency that is not worth a line


def lines(solution: Result) -> list[str]:
    """What came of the outages that were asked for, and how near the grid comes to its limits."""
    asked = solution.scenario.outages
    if not asked:
        return []
    table, named = solution.outages, labels.sentences(asked, solution.problem.given)
    table = table.assign(state=table["state"].map(named))
    came = Counter(table["status"])
    parts = [f"{came[key]} {key}" for key in ("in the dispatch", "secure", "not screened")]
    parts = [part for part in parts if not part.startswith("0 ")]
    found = [f"{counted(len(asked), 'outage', 'outages')}: {', '.join(parts) or 'all left out'}"]
    lost = table.loc[table["status"] == "no dispatch survives", "state"]
    if len(lost):
        text = f"no dispatch survives {listing(lost, most=_NAMED)}"
        found += textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")
    return [*found, *_worst(table, labels.branches(solution.problem.given))]


def binding(solution: Result) -> list[str]:
    """Inverters whose rows bind after outages, a sentence."""
    after = solution.after
    if after is None or not solution.solved:
        return []
    named = labels.sentences(solution.scenario.outages, solution.problem.given)
    of, step = after.stability, after.settled.stack.step
    at = solution.binds(of.margin, of.required).nonzero()[0].tolist()
    numbers, names = after.settled.inverters.bus.tolist(), after.settled.names
    places = [f"{numbers[k] % step} after {named[names[numbers[k] // step]]}" for k in at]
    return [f"Stability rows bind at inverter {listing(places, most=_NAMED)}."] if places else []


def _worst(table: pd.DataFrame, branches: dict[int, str]) -> list[str]:
    """The least margin, the highest loading and the largest deviation of the frequency."""
    found, state = [], table["state"].tolist()
    margin, loading, frequency = (
        table[name].to_numpy(dtype=np.float64)
        for name in ("margin", "loading_percent", "frequency_pu")
    )
    if np.isfinite(margin).any():
        k = int(np.nanargmin(margin))
        place = f"at inverter {table['inverter'].iloc[k]} after {state[k]}"
        found.append(f"  least margin {round(margin[k], 5) + 0.0:.5f} p.u. {place}")
    if np.isfinite(loading).any():
        k = int(np.nanargmax(loading))
        place = f"of {branches[int(table['branch'].iloc[k])]} after {state[k]}"
        found.append(f"  highest loading {loading[k]:.1f} % {place}")
    if (np.abs(frequency) > _STILL).any():
        k = int(np.nanargmax(np.abs(frequency)))
        found.append(f"  largest frequency deviation {frequency[k]:.4f} p.u. after {state[k]}")
    return found
