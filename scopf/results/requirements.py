"""What the requirements on a dispatch cost: stability rows, outages, and each outage that binds.

The price of a requirement is the cost of the dispatch less that of the problem without it. Prices
do not add up: requirements that ask for the same are each worth little while the others stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.optimizer.status import Status

if TYPE_CHECKING:
    import pandas as pd

STABILITY, OUTAGES, BOTH = "stability rows", "outages", "both"

_THEM = {STABILITY: "them", OUTAGES: "them", BOTH: "either"}  # by name, in "without them"
_SHOWN = 7  # outages with a line of their own
_TOLERANCE = 1e-6  # of the cost
_LABEL = 30  # characters of a name


@dataclass(frozen=True)
class Requirement:
    """A requirement, and the problem without it.

    Attributes:
        name: "stability rows", "outages", "both", or that of an outage.
        cost_without: cost of the optimum without it, currency/h; NaN if there is none.
        status: of the solve without it.
        message: the same as a sentence.
    """

    name: str
    cost_without: float
    status: Status
    message: str


@dataclass(frozen=True)
class Requirements:
    """The requirements on a dispatch, each with the optimum without it.

    Attributes:
        cost: of the dispatch, currency/h.
        whole: stability rows, outages, and both together; those that there are.
        single: outages that bind, without each of which the others stay.
    """

    cost: float
    whole: tuple[Requirement, ...]
    single: tuple[Requirement, ...] = ()

    def price(self, one: Requirement) -> float:
        """What is saved without a requirement, currency/h; NaN where that was not solved.

        Below zero only where the optimum without it is a worse one than the dispatch, which meets
        all that is left: a local one. What the solver's tolerance leaves below zero counts as zero.
        """
        saved = self.cost - one.cost_without
        return 0.0 if -_TOLERANCE * abs(self.cost) <= saved < 0 else saved

    @property
    def ranked(self) -> list[Requirement]:
        """Outages by price, the largest first, those without a number last."""
        prices = np.array([self.price(one) for one in self.single], dtype=np.float64)
        return [self.single[k] for k in np.argsort(-prices, kind="stable").tolist()]

    @property
    def table(self) -> pd.DataFrame:
        """A row for each requirement: `price_per_h`, `cost_without_per_h`, `status`."""
        import pandas as pd

        rows = [*self.whole, *self.ranked]
        return pd.DataFrame(
            {
                "requirement": [one.name for one in rows],
                "price_per_h": np.array([self.price(one) for one in rows], dtype=np.float64),
                "cost_without_per_h": np.array([one.cost_without for one in rows], np.float64),
                "status": [str(one.status) for one in rows],
            }
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values; None for what is not known."""
        return {
            "cost": _finite(self.cost),
            **{
                key: [
                    {
                        "requirement": one.name,
                        "price_per_h": _finite(self.price(one)),
                        "cost_without_per_h": _finite(one.cost_without),
                        "status": str(one.status),
                        "message": one.message,
                    }
                    for one in rows
                ]
                for key, rows in (("requirements", self.whole), ("outages", self.ranked))
            },
        }

    def __str__(self) -> str:
        return "\n".join(self.lines({}))

    def lines(self, labels: dict[str, str]) -> list[str]:
        """All of it in lines of at most 80 columns.

        Args:
            labels: of outages, by name; the name itself by default.
        """
        if not self.whole:
            return ["What it costs: there are no stability rows and no outages"]
        shown = [*self.whole, *self.ranked[:_SHOWN]]
        names = {one.name: _short(labels.get(one.name, one.name)) for one in self.single}
        texts = [names.get(one.name, one.name) for one in shown]
        numbers = [_money(self.price(one)) if one.status.solved else "not solved" for one in shown]
        width, digits = max(map(len, texts)), max(map(len, numbers))
        lines = [
            f"  {text:<{width}}  {number:>{digits}}{self._without(one)}".rstrip()
            for one, text, number in zip(shown, texts, numbers, strict=True)
        ]
        count, whole = len(self.single), len(self.whole)
        head = f"What it costs, per hour (of {_money(self.cost)})"
        if not count:
            none = any(one.name == OUTAGES for one in self.whole)
            return [head, *lines, *(["No outage binds."] if none else [])]
        binds = f"Price of each outage that binds ({count}), the saving without it"
        more = [f"  ... {count - _SHOWN} more"] if count > _SHOWN else []
        return [head, *lines[:whole], binds, *lines[whole:], *more]

    def _without(self, one: Requirement) -> str:
        """The cost without it in brackets, for an outage only the status where there is none."""
        whole, solved = one in self.whole, one.status.solved
        if solved and not whole:
            return ""
        them = _THEM[one.name] if whole else "it"
        return f"  ({_money(one.cost_without) if solved else one.status} without {them})"


def _short(text: str) -> str:
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 3]}..."


def _money(value: float) -> str:
    """Two digits, without the sign of a zero."""
    return f"{round(value, 2) + 0.0:.2f}"


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
