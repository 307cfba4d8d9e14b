"""Stability criteria: one file each, found here by name."""

from __future__ import annotations

import difflib

from scopf.faults import ScopfError, listing
from scopf.stability.criterion import Criterion, Pairs, Setting, Stability
from scopf.stability.kron import Reduction
from scopf.stability.none import Unconstrained
from scopf.stability.voltage_difference import VoltageDifference

__all__ = ["Criterion", "Pairs", "Reduction", "Setting", "Stability", "get", "names"]

_REGISTRY: dict[str, Criterion] = {c.name: c for c in (VoltageDifference(), Unconstrained())}


def names() -> list[str]:
    """Names of the criteria."""
    return list(_REGISTRY)


def get(name: str) -> Criterion:
    """The criterion of this name.

    Raises:
        ScopfError: naming the known ones.
    """
    if name not in _REGISTRY:
        near = difflib.get_close_matches(name, _REGISTRY, n=1, cutoff=0.7)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ScopfError(f"unknown criterion {name!r}{hint} (known: {listing(_REGISTRY)})")
    return _REGISTRY[name]
