"""Recognises a PyPSA network without importing PyPSA."""

from __future__ import annotations


def is_network(source: object) -> bool:
    """Whether an object is a PyPSA network."""
    return any(
        kind.__name__ == "Network" and kind.__module__.partition(".")[0] == "pypsa"
        for kind in type(source).__mro__
    )
