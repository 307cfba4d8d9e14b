"""Stability criteria: a file each in `criteria/`, found here by name."""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from scopf.errors import ScopfError, listing
from scopf.stability import criteria
from scopf.stability.checking import faults
from scopf.stability.criteria.none import Unconstrained
from scopf.stability.criteria.voltage_difference import VoltageDifference
from scopf.stability.criterion import Criterion

_PLUGINS = "scopf.criteria"  # entry points of other packages: an object with `CRITERIA` each


@cache
def _built_in() -> dict[str, Criterion]:
    """The criteria of this package by name."""
    return _by_name(
        import_module(f"{criteria.__name__}.{module.name}")
        for module in pkgutil.iter_modules(criteria.__path__)
    )


@cache
def _registry() -> dict[str, Criterion]:
    """All criteria by name, those of other packages as well; ours keep their names."""
    others = _by_name(plugin.load() for plugin in entry_points(group=_PLUGINS))
    found = _built_in() | others | _built_in()
    first, last = VoltageDifference.name, Unconstrained.name
    return dict(sorted(found.items(), key=lambda item: (item[0] != first, item[0] == last)))


def _by_name(modules: Iterable[Any]) -> dict[str, Criterion]:
    return {criterion.name: criterion for module in modules for criterion in module.CRITERIA}


def names() -> list[str]:
    """Names of the criteria."""
    return list(_registry())


def get(name: str) -> Criterion:
    """The criterion of this name; upper or lower case.

    Raises:
        ScopfError: naming the known ones.
    """
    for criteria_of in (_built_in, _registry):  # entry points are read for other names alone
        known = {key.lower(): criterion for key, criterion in criteria_of().items()}
        if name.lower() in known:
            return known[name.lower()]
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.7)
    hint = f"; did you mean {known[near[0]].name}?" if near else ""
    raise ScopfError(f"unknown criterion {name!r}{hint} (known: {listing(names())})")


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
