"""Simulations from a solution on: progress, Ctrl-C and time limits."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scopf.errors import ScopfError, not_negative, number
from scopf.optimizer.signals import stoppable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scopf.dynamics.simulation.events import Event, Power
    from scopf.dynamics.simulation.simulated import Simulation

_PARTS = 1000  # of the bar


def first_events(
    outage: Any,
    load_step: Mapping[int, Power] | None,
    set_point: Mapping[int | str, Mapping[str, float]] | None,
    at: float,
    reclose_at: float | None,
) -> list[Event]:
    """The events of one disturbance.

    Raises:
        ScopfError: for a reclosure without an outage, or before it.
    """
    from scopf.dynamics.simulation.events import Event

    at = number("at", at)
    found = []
    if outage is not None or load_step or set_point:
        found.append(Event(at, outage, None, load_step, set_point))
    if reclose_at is not None:
        if outage is None:
            raise ScopfError("reclose_at is when what was lost comes back: give an outage as well")
        if not number("reclose_at", reclose_at) > at:
            raise ScopfError(f"reclose_at must be later than the outage at {at:g} s")
        found.append(Event(reclose_at, reclose=outage))
    return found


def all_events(asked: list[Event], events: Sequence[Event]) -> list[Event]:
    """The events of a disturbance, and further ones.

    Raises:
        ScopfError: when these are no list.
    """
    if isinstance(events, (str, bytes)) or not isinstance(events, Sequence):
        raise ScopfError(f"events is a list of scopf.Event(time, ...), got {events!r}")
    return [*asked, *events]


def simulated(
    point: tuple[Any, ...],
    events: Sequence[Event],
    until: float,
    time_limit: float | None,
    progress: bool,
    **how: Any,
) -> Simulation:
    """Simulate from an operating point on; Ctrl-C ends it where it is.

    Args:
        point: the first arguments of `scopf.dynamics.simulation.simulate.simulate`.
        events: what happens.
        until: end, s.
        time_limit: wall time, s.
        progress: whether to show a bar on a terminal's stderr.
        **how: its keywords.
    """
    from tqdm import tqdm

    from scopf.dynamics.simulation.simulate import simulate
    from scopf.dynamics.simulation.simulated import INTERRUPTED, TIME_LIMIT

    limit = None if time_limit is None else not_negative("time_limit", time_limit)
    until = number("until", until)
    begin = time.monotonic()
    form = "{desc}: {percentage:3.0f} % of {unit} |{bar}| {elapsed}<{remaining}"
    bar = tqdm(
        total=_PARTS,
        desc=point[0].name,
        unit=f"{until:g} s",
        bar_format=form,
        delay=2.0,
        leave=False,
        disable=None if progress else True,
    )
    with bar, stoppable() as stop:

        def watch(reached: float) -> str:
            bar.update(int(_PARTS * reached / until) - bar.n)
            if stop.wanted:
                return INTERRUPTED
            late = limit is not None and time.monotonic() - begin > limit
            return TIME_LIMIT if late else ""

        return simulate(*point, events=events, until=until, watch=watch, **how)
