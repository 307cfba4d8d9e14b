"""Devices that the model does not have: their records are counted and named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scopf.cases.psse import lexing


@dataclass(frozen=True)
class Device:
    """Records that are only counted and named.

    Attributes:
        what: to call one.
        status: place of the number in its first line that is zero out of service.
        default: that number where it is left out.
        more: number of lines that follow the first one.
    """

    what: str
    status: Callable[[Sequence[str]], int]
    default: int
    more: Callable[[Sequence[str]], int]


def _whole(fields: Sequence[str], place: int, default: int = 0) -> int:
    try:
        return max(0, lexing.whole(fields[place]))
    except (IndexError, ValueError):
        return default


def _gne_counts(fields: Sequence[str]) -> int:
    """Place of NREAL, which follows NTERM and as many buses."""
    return 3 + _whole(fields, 2, 1)


def _gne_lines(fields: Sequence[str]) -> int:
    place = _gne_counts(fields)
    return sum(-(-_whole(fields, place + k) // 10) for k in range(3))  # ten numbers a line


def out_of_service(device: Device, fields: Sequence[str]) -> bool:
    """Whether a device is out of service by its first line."""
    return _whole(fields, device.status(fields), device.default) == 0


DEVICES = {
    "multi-terminal dc": Device(
        "multi-terminal dc line",
        lambda fields: 4,
        0,
        lambda f: sum(_whole(f, k) for k in (1, 2, 3)),
    ),
    "gne": Device("GNE device", lambda f: _gne_counts(f) + 3, 1, _gne_lines),
}
