"""What is switched on by a price."""

from __future__ import annotations

from scopf.engine.templates import Node

_TINY = 1e-200


def where_priced(price: Node) -> Node:
    """1 where a price is positive and 0 where it is zero, in arithmetic that Params can do."""
    return price / (price + _TINY)
