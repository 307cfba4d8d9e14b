"""Progress on a terminal's stderr, shown after two seconds and removed at the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self, TypeVar

T = TypeVar("T")

_DELAY = 2.0  # s before anything is shown
_LINE = "{desc}: {n_fmt} iterations in {elapsed}{postfix}"


def watched(items: Iterable[T], what: str, total: int | None, show: bool) -> Iterable[T]:
    """The items, with a bar on a terminal's stderr if they take over two seconds.

    Args:
        items: to iterate over.
        what: label of the bar.
        total: number of items, if they have no length.
        show: whether to show a bar at all.
    """
    if not show:
        return items
    from tqdm import tqdm

    bar: Iterable[T] = tqdm(items, desc=what, total=total, delay=_DELAY, leave=False, disable=None)
    return bar


class Ticker:
    """A line for any number of solves: stage, iterations, violation.

    It is called as `scopf.solve` calls its `progress`; as a context it removes the line at the end.

    Args:
        what: the stage.
        show: whether to show anything; nothing is shown where stderr is no terminal.
        measure: name of the solver's objective; empty to leave it out.
    """

    def __init__(self, what: str, show: bool, measure: str = "cost") -> None:
        self._bar: Any = None
        self._measure = measure
        if show:
            from tqdm import tqdm

            self._bar = tqdm(
                desc=what, bar_format=_LINE, delay=_DELAY, leave=False, disable=None, position=0
            )

    def stage(self, what: str) -> None:
        """Change the stage."""
        if self._bar is not None:
            self._bar.set_description_str(what, refresh=False)

    def __call__(self, _iteration: int, value: float, violation: float) -> None:
        """Count an iteration."""
        if self._bar is None:
            return
        value_text = f"{self._measure} {value:.6g}, " if self._measure else ""
        self._bar.set_postfix_str(f"{value_text}infeasibility {violation:.1e}", refresh=False)
        self._bar.update()

    def close(self) -> None:
        """Remove the line."""
        if self._bar is not None:
            self._bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
