"""Choices that a problem is built with, for all who offer them."""

from __future__ import annotations

from typing import Literal, get_args

from scopf.errors import ScopfError, listing

Limit = Literal["power", "current"]  # what the ratings of branches limit
LIMITS: tuple[Limit, ...] = get_args(Limit)


def check_limit(limit: object) -> None:
    """Refuse what ratings cannot limit.

    Raises:
        ScopfError: naming what they can.
    """
    if limit not in LIMITS:
        raise ScopfError(f"limit is one of {listing(map(repr, LIMITS))}, got {limit!r}")
