"""Stability criteria: a file each in `criteria/`, found here by name."""

from __future__ import annotations

import difflib
import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from scopf.errors import ScopfError, listing
from scopf.stability import criteria
from scopf.stability.checking import faults
from scopf.stability.criteria.none import Unconstrained
from scopf.stability.criteria.voltage_difference import VoltageDifference
from scopf.stability.criterion import Criterion

_PLUGINS = "scopf.criteria"  # entry points of other packages: an object with `CRITERIA` each


@cache
def _registry() -> dict[str, Criterion]:
    modules = [
        import_module(f"{criteria.__name__}.{module.name}")
        for module in pkgutil.iter_modules(criteria.__path__)
    ]
    modules += [plugin.load() for plugin in entry_points(group=_PLUGINS)]
    found = {c.name: c for module in modules for c in module.CRITERIA}
    first, last = VoltageDifference.name, Unconstrained.name
    return dict(sorted(found.items(), key=lambda item: (item[0] != first, item[0] == last)))


def names() -> list[str]:
    """Names of the criteria."""
    return list(_registry())


def get(name: str) -> Criterion:
    """The criterion of this name; upper or lower case.

    Raises:
        ScopfError: naming the known ones.
    """
    known = {key.lower(): criterion for key, criterion in _registry().items()}
    if name.lower() not in known:
        near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.7)
        hint = f"; did you mean {known[near[0]].name}?" if near else ""
        raise ScopfError(f"unknown criterion {name!r}{hint} (known: {listing(names())})")
    return known[name.lower()]


def check(criterion: object) -> None:
    """Refuse what is no criterion, and say what a criterion of one's own lacks.

    Raises:
        ScopfError: naming every fault.
    """
    kind = type(criterion).__name__
    if not isinstance(criterion, Criterion):
        got = "a class: make an instance" if isinstance(criterion, type) else kind
        known = listing(names())
        text = f"criterion must be a name ({known}) or an instance of scopf.Criterion, got {got}"
        raise ScopfError(text)
    found = faults(criterion)
    if found:
        raise ScopfError("\n".join([f"criterion {kind}:", *(f"  {one}" for one in found)]))
