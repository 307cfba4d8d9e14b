"""What screening has found after each outage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Screened:
    """The worst violation after an outage.

    Attributes:
        state: name of the outage.
        round: of screening, from 1.
        violation: p.u. and rad, of a rating its share; infinite where the grid does not settle.
        reason: a sentence on it.
        added: whether the state joined the dispatch then.
    """

    state: str
    round: int
    violation: float
    reason: str
    added: bool = False


def table(screened: Sequence[Screened]) -> pd.DataFrame:
    """One row for each state that was added, in this order, and for each that was not needed."""
    import pandas as pd

    columns = ["state", "round", "violation", "reason", "added"]
    return pd.DataFrame([asdict(one) for one in screened], columns=columns)
