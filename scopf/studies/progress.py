"""A progress bar, where somebody waits for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def watched(items: Iterable[T], what: str, total: int | None, show: bool) -> Iterable[T]:
    """The items, with a bar on a terminal's stderr if they take over two seconds.

    Args:
        items: what is worked through.
        what: a word on them.
        total: how many, if they cannot tell.
        show: whether to show a bar at all; it takes the package tqdm.
    """
    if not show:
        return items
    try:
        from tqdm import tqdm
    except ImportError:
        return items
    bar: Iterable[T] = tqdm(items, desc=what, total=total, delay=2, leave=False, disable=None)
    return bar
