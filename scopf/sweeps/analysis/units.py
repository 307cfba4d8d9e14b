"""Units of the prices: what an NSSP is per depends on the criterion."""

from __future__ import annotations

import html
from functools import cache

from scopf.arrays import Ints
from scopf.errors import ScopfError, listing
from scopf.stability import registry
from scopf.sweeps.analysis.table import Study

CURRENCY = "currency/h"
_SHORT = {"voltage": "V", "stiffness 1/k": "1/k"}


def price_unit(study: Study, rows: Ints | None = None) -> str:
    """Unit of the NSSP of these scenarios, of all by default; "per p.u." alone if they differ."""
    found = set(_by_criterion(study, rows).values())
    if len(found) != 1:
        return f"{CURRENCY} per p.u."
    return per(*found)


def per(unit: str) -> str:
    """Unit of an NSSP, from what a criterion says that it is per (its `nssp_unit`)."""
    return f"{CURRENCY} per p.u. {_SHORT.get(unit, unit)}".rstrip()


def mixture(study: Study) -> str:
    """What the prices of each criterion are per, as a sentence of markup; empty if all agree."""
    units = _by_criterion(study)
    if len(set(units.values())) < 2:
        return ""
    parts = []
    for unit in sorted(set(units.values()), reverse=True):
        names = listing([html.escape(name) for name, its in units.items() if its == unit], 4)
        parts.append(f"of {names} per p.u. {unit or '(unit unknown)'}")
    return (
        f" <strong>Prices have different units</strong>: {', '.join(parts)}. Compare them within "
        "a unit only."
    )


def criteria_by_unit(study: Study) -> dict[str, list[str]]:
    """Names of the criteria that have prices, by the unit of these."""
    found: dict[str, list[str]] = {}
    for name, unit in _by_criterion(study).items():
        found.setdefault(unit, []).append(name)
    return found


def _by_criterion(study: Study, rows: Ints | None = None) -> dict[str, str]:
    """What an NSSP is per, by criterion; without "none", which has no prices, if others are."""
    names = study.criteria if rows is None else study.criteria[rows]
    units = {name: _unit(name) for name in sorted(set(names.tolist()))}
    return {name: unit for name, unit in units.items() if name != "none"} or units


@cache
def _unit(name: str) -> str:
    try:
        return registry.get(name).nssp_unit
    except ScopfError:  # of another version, or of a file that is too old to name it
        return ""
