"""What screening has found after each outage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.stability.rows import NOBODY

if TYPE_CHECKING:
    import pandas as pd

    from scopf.network.network import Network

_COLUMNS = ("state", "round", "violation", "reason", "added")


@dataclass(frozen=True)
class Extremes:
    """The branch, the inverter and the island that are nearest to their limits after an outage.

    Attributes:
        branch: id of the most loaded one with a rating; `NOBODY` without one.
        loading: its share of the emergency rating; NaN without one.
        inverter: bus of that with the least margin; `NOBODY` without a limit.
        margin: its margin, p.u. voltage; NaN without a limit.
        frequency: the largest deviation of an island, p.u., with its sign; NaN where no inverter is
            left.
    """

    branch: int = NOBODY
    loading: float = float("nan")
    inverter: int = NOBODY
    margin: float = float("nan")
    frequency: float = float("nan")

    @classmethod
    def of(
        cls, net: Network, loading: Floats, inverters: Ints, margin: Floats, frequency: Floats
    ) -> Self:
        """The extremes of one network.

        Args:
            net: after the outage.
            loading: of its branches, the larger of both ends.
            inverters: their buses.
            margin: of each; NaN or infinite without a limit.
            frequency: of each island with inverters or machines.
        """
        rated = np.flatnonzero(np.isfinite(net.branch.rate) & np.isfinite(loading))
        limited = np.flatnonzero(np.isfinite(margin))
        values = vars(cls()).copy()
        if len(rated):
            k = rated[np.argmax(loading[rated])]
            values |= {"branch": int(net.branch.id[k]), "loading": float(loading[k])}
        if len(limited):
            k = limited[np.argmin(margin[limited])]
            values |= {"inverter": int(inverters[k]), "margin": float(margin[k])}
        if len(frequency):
            values["frequency"] = float(frequency[np.argmax(np.abs(frequency))])
        return cls(**values)


@dataclass(frozen=True)
class Screened:
    """The worst violation after an outage.

    Attributes:
        state: name of the outage.
        round: of screening, from 1.
        violation: p.u. and rad, of a rating its share; infinite where the grid does not settle.
        reason: a sentence on it.
        added: whether the state joined the dispatch then.
        extremes: what was nearest to its limits.
    """

    state: str
    round: int
    violation: float
    reason: str
    added: bool = False
    extremes: Extremes = field(default=Extremes(), repr=False)


def table(screened: Sequence[Screened]) -> pd.DataFrame:
    """One row for each state that was added, in this order, and for each that was not needed."""
    import pandas as pd

    rows = [[getattr(one, name) for name in _COLUMNS] for one in screened]
    return pd.DataFrame(rows, columns=list(_COLUMNS))
