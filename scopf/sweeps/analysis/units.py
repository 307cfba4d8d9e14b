"""Units of the prices: what an NSSP is per depends on the criterion."""

from __future__ import annotations

import numpy as np

from scopf.arrays import Ints
from scopf.errors import listing
from scopf.sweeps.analysis.amounts import amount
from scopf.sweeps.analysis.analysis import STIFFNESS, Analysis, nssp_unit

CURRENCY = "currency/h"
_SHORT = {"voltage": "V", STIFFNESS: "1/k"}


def cost_unit(analysis: Analysis) -> str:
    """Unit of costs: of one hour, or of all hours of a dispatch together."""
    return "currency" if analysis.hours else CURRENCY


def price_unit(analysis: Analysis, rows: Ints | None = None) -> str:
    """Unit of the NSSP of these scenarios, of all by default; "per p.u." alone if they differ."""
    found = criteria_by_unit(analysis, rows)
    return per(*found) if len(found) == 1 else f"{CURRENCY} per p.u."


def price_units(analysis: Analysis) -> str:
    """Unit of the NSSP, naming each where criteria have different ones."""
    first, *others = map(per, criteria_by_unit(analysis))
    if not others:
        return first
    more = (text.removeprefix(f"{CURRENCY} per p.u. ") for text in others)
    return f"{' or '.join([first, *more])}, by criterion"


def per(unit: str) -> str:
    """Unit of an NSSP, from what a criterion says that it is per (its `nssp_unit`)."""
    return f"{CURRENCY} per p.u. {_SHORT.get(unit, unit)}".rstrip()


def floor_text(analysis: Analysis) -> str:
    """Least price that counts as one, with its unit; of each unit where criteria have several."""
    shown = list[str]()
    for unit, names in criteria_by_unit(analysis).items():
        least = analysis.floors[np.isin(analysis.criteria, names)].max(initial=0.0)
        shown.append(f"{least:.3g} {per(unit)}")
    return " or ".join(shown)


def price_text(value: float) -> str:
    """A price as readers see it."""
    return f"{value:,.0f}" if abs(value) >= 1000 else amount(value, 4)


def mixture(analysis: Analysis) -> str:
    """A sentence on criteria whose prices have different units; empty if all agree."""
    units = criteria_by_unit(analysis)
    if len(units) < 2:
        return ""
    return ", ".join(
        f"of {listing(names, 4)} per p.u. {unit or '(unit unknown)'}"
        for unit, names in units.items()
    )


def criteria_by_unit(analysis: Analysis, rows: Ints | None = None) -> dict[str, list[str]]:
    """Names of the criteria by what an NSSP is per; "none" has no prices and counts if alone."""
    criteria = analysis.criteria if rows is None else analysis.criteria[rows]
    names = sorted(set(criteria.tolist()))
    found: dict[str, list[str]] = {}
    for name in [name for name in names if name != "none"] or names:
        found.setdefault(nssp_unit(name), []).append(name)
    return dict(sorted(found.items(), reverse=True))
