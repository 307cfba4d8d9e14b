"""Faults of events: elements that a network does not have, and values of another form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.dynamics.simulation.events import SET_POINTS, Event, elements, gen_of, place_text
from scopf.errors import CaseError, ScopfError, listing, number

if TYPE_CHECKING:
    from scopf.network.network import Network


def check(events: Sequence[Event], net: Network) -> None:
    """Refuse events that make no sense in an energized network, whatever state it is in.

    Raises:
        ScopfError: naming all that is wrong.
    """
    if not isinstance(events, Sequence) or not all(isinstance(one, Event) for one in events):
        raise ScopfError(f"events is a list of scopf.Event(time, ...), got {events!r}")
    faults = []
    for event in events:
        where = f"event at {number('time of an event', event.time):g} s"
        faults += [f"{where}: {text}" for text in _of(event, net)]
    if faults:
        raise ScopfError("; ".join(faults))


def _of(event: Event, net: Network) -> Iterator[str]:
    for given in (event.outage, event.reclose):
        try:
            if given is not None:
                elements(given, net)
        except CaseError as error:
            yield from (fault.text.partition(": ")[2] or fault.text for fault in error.faults)
        except ScopfError as error:
            yield str(error)
    for name, key, of in _pairs(event):
        if of is None:
            yield f"{name} is a mapping by bus, got {key!r}"
            continue
        where = f"{name} of {place_text(key)}"
        if text := _place(key, net, strings=name == "set_point"):
            yield f"{where}: {text}"
        elif text := (_power(of) if name == "load_step" else _values(of)):
            yield f"{where} {text}"


def _pairs(event: Event) -> Iterator[tuple[str, Any, Any]]:
    """Name, key and value of all steps; no value where there is no mapping."""
    for name in ("load_step", "set_point"):
        given: Any = getattr(event, name)
        if given is not None and not isinstance(given, Mapping):
            yield name, given, None
        else:
            yield from ((name, key, of) for key, of in (given or {}).items())


def _place(key: Any, net: Network, *, strings: bool) -> str:
    """The fault of a number of a bus, or of the name of a generator; "" for none."""
    if isinstance(key, str) and strings:
        gen = gen_of(key)
        if gen is None:
            return 'the key is the number of a bus, or "gen 3"'
        return "" if gen in net.gen.id else f"{net.name} has no such generator in service"
    whole = isinstance(key, (int, np.integer)) and not isinstance(key, bool)
    return "" if whole and key in net.bus.id else f"{net.name} has no energized bus {key}"


def _power(of: Any) -> str:
    pair = isinstance(of, (tuple, list)) and len(of) == 2
    return "" if pair and not _wrong(of) else f"is a pair of numbers (MW, MVAr), got {of!r}"


def _values(of: Any) -> str:
    if not isinstance(of, Mapping) or not of or set(of) - set(SET_POINTS):
        return f"is a mapping of {listing(SET_POINTS)}, got {of!r}"
    if _wrong(of.values()):
        return f"has a value that is no finite number: {dict(of)!r}"
    return "" if of.get("vm", 1) > 0 else f"has a voltage vm that is not positive: {of['vm']:g}"


def _wrong(values: Any) -> bool:
    try:
        for value in values:
            number("", value)
    except ScopfError:
        return True
    return False
