"""Numbers as files have them: the fewest digits that read back as the same float."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def cells_of(values: npt.NDArray[np.generic], unit: float = 1.0, per: float = 1.0) -> list[str]:
    """Each value times unit / per, in the fewest digits that read back as the same float."""
    return [digits(value, unit, per) for value in values.tolist()]


def digits(value: float, unit: float = 1.0, per: float = 1.0) -> str:
    """A value times unit / per, as `cells_of`; Inf, -Inf and NaN by name."""
    if isinstance(value, int):
        return str(value)
    if np.isnan(value):
        return "NaN"
    if not np.isfinite(value):
        return "Inf" if value > 0 else "-Inf"
    for count in (15, 16, 17):
        text = f"{value * unit / per:.{count}g}"
        if float(text) / unit * per == value:
            break
    return text
