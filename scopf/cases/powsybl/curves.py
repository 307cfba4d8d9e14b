"""Reactive capability curves as P-Q curves: a line that bounds Q from above, and one from below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopf.arrays import Floats

_EXACT = 1e-9  # of the largest value


@dataclass(frozen=True)
class Curve:
    """Two lines between p1 and p2, with constant limits beyond them; MW and MVAr.

    Attributes:
        p: ends of both lines.
        low, high: their values at these ends.
        qmin, qmax: constant limits.
    """

    p: tuple[float, float]
    low: tuple[float, float]
    high: tuple[float, float]
    qmin: float
    qmax: float


def fitted(p: Floats, low: Floats, high: Floats) -> Curve | None:
    """The curve through points, or None where one line and a constant limit do not reach them all.

    Args:
        p: active powers, increasing.
        low: least reactive power at each,
        high: and largest.
    """
    upper, lower = _line(p, high), _line(p, -low)
    if upper is None or lower is None:
        return None
    return Curve(
        (float(p[0]), float(p[-1])),
        (-lower[0], -lower[1]),
        upper,
        float(low.min()),
        float(high.max()),
    )


def _line(p: Floats, q: Floats) -> tuple[float, float] | None:
    """Values at both ends of a line with min(line, max q) = q at every point."""
    most, close = q.max(), _EXACT * max(1.0, float(np.abs(q).max()))
    for k in range(len(p) - 1):
        slope = (q[k + 1] - q[k]) / (p[k + 1] - p[k])
        line = q[k] + slope * (p - p[k])
        if np.allclose(np.minimum(line, most), q, rtol=0.0, atol=close):
            return float(line[0]), float(line[-1])
    return None
