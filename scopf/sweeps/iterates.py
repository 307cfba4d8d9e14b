"""Iterates as bytes that hold no code and take as much memory as they are long."""

from __future__ import annotations

import json

import numpy as np

from scopf.optimizer.status import Iterate

_ARRAYS = ("x", "rows", "lower", "upper")
_HEAD = 1000  # bytes of the first line, at most
_FLOAT = "<f8"


def packed(iterate: Iterate) -> bytes:
    """An iterate as bytes: one line of JSON, and the numbers of its arrays."""
    arrays = [getattr(iterate, name) for name in _ARRAYS]
    head = {
        "signature": iterate.signature,
        "lift": bool(iterate.lift),
        "cold": int(iterate.cold),
        "sizes": [len(array) for array in arrays],
    }
    numbers = [array.astype(_FLOAT).tobytes() for array in arrays]
    return b"".join([json.dumps(head).encode(), b"\n", *numbers])


def unpacked(data: bytes) -> Iterate:
    """The iterate that `packed` turned into bytes.

    Raises:
        ValueError: when it is none.
    """
    line, end, _ = data[:_HEAD].partition(b"\n")
    try:
        head = json.loads(line)
        signature, lift, cold, sizes = (head[k] for k in ("signature", "lift", "cold", "sizes"))
        kinds = [type(value) for value in (signature, lift, cold, *sizes)]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ValueError("an iterate has no head") from error
    if not end or kinds != [str, bool, int, *[int] * len(_ARRAYS)] or min(cold, *sizes) < 0:
        raise ValueError("an iterate has another head")
    numbers = memoryview(data)[len(line) + 1 :]
    if len(numbers) != 8 * sum(sizes):
        raise ValueError("an iterate has another length than it says")
    values = np.frombuffer(numbers, dtype=_FLOAT).astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("an iterate has numbers that are not finite")
    parts = np.split(values, np.cumsum(sizes)[:-1])
    arrays = dict(zip(_ARRAYS, parts, strict=True))
    return Iterate(signature=signature, lift=lift, cold=cold, **arrays)
