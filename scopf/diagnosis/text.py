"""What a diagnosis found, as tables and as text."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scopf.diagnosis.limits import Limit
from scopf.errors import listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

_SHOWN = 5  # limits that a sentence names
_ROWS = 20  # that the text shows
_DIGITS = 4


@dataclass(frozen=True)
class Change:
    """A limit, and the value that it alone would have to have.

    Attributes:
        conflict: number of the conflict, from 1.
        limit: which.
        needed: value, in the limit's unit; a thousandth more room than the least that was found.
    """

    conflict: int
    limit: Limit
    needed: float

    def __str__(self) -> str:
        limit = self.limit
        whose = "" if limit.quantity == "room" else f" of {limit.element}" if limit.element else ""
        value = f"{limit.side} {outward(self.needed, limit.side)}"
        return " ".join(f"{limit.quantity}{whose} {value} {limit.unit}".split())


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Why a problem has no solution, as far as can be told.

    Attributes:
        verdict: the answer as a sentence.
        feasible: True when a point that meets all limits was found, False when none was, None when
            the question stayed open.
        changes: each resolves its conflict by itself.
        partners: limits that take part in a conflict, but are not enough by themselves: their
            number of conflict and whether they were tried.
        together: where there are several conflicts, one change for each; the numbers of one count
            on those of the others.
        factors: factors on all loads and on all droops that resolve everything.
        families: families of limits, and whether to drop one of them would be enough; asked where
            there are several conflicts.
        proven: whether the verdict needs no solver: then `changes` are the least that is necessary.
        complete: False when the search was cut short, or a re-solve failed.
        suspects: where the search ended before any answer: what gave way most until then, worst
            first. None of them has to.
        unexplained: conflicts that were found but not looked into.
        stopped: what cut the search short, such as "time limit"; empty if nothing did.
        solves, seconds: re-solves and wall time that it took.
    """

    verdict: str
    feasible: bool | None
    changes: tuple[Change, ...] = ()
    partners: tuple[tuple[int, Limit, bool], ...] = field(default=(), repr=False)
    together: tuple[Change, ...] = ()
    factors: tuple[Change, ...] = ()
    families: tuple[tuple[str, bool], ...] = ()
    suspects: tuple[Limit, ...] = ()
    proven: bool = False
    complete: bool = True
    unexplained: int = 0
    stopped: str = ""
    solves: int = 0
    seconds: float = 0.0

    @cached_property
    def limits(self) -> pd.DataFrame:
        """The limits that conflict: present value, and the value that each needs by itself.

        To change one of them, or to drop it, makes the instance feasible; where there are several
        conflicts, together with the changes `together` of the other ones.
        """
        import pandas as pd

        columns = ("conflict", "limit", "element", "quantity", "present", "needed", "unit")
        return pd.DataFrame([_record(change) for change in self.changes], columns=list(columns))

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "verdict": self.verdict,
            "feasible": self.feasible,
            "proven": self.proven,
            "complete": self.complete,
            "unexplained": self.unexplained,
            "stopped": self.stopped,
            "solves": self.solves,
            "seconds": self.seconds,
            "limits": [_record(change) for change in self.changes],
            "together": [_record(change) for change in self.together],
            "factors": [_record(change) for change in self.factors],
            "families": dict(self.families),
            "suspects": [
                {"limit": limit.name, "element": limit.element} for limit in self.suspects
            ],
            "partners": [
                {"conflict": conflict, "limit": limit.name, "element": limit.element,
                 "tried": tried}
                for conflict, limit, tried in self.partners
            ],
        }  # fmt: skip

    def _repr_html_(self) -> str:
        from scopf import display

        return display.html(str(self).split("\n"))

    def __str__(self) -> str:
        if self.proven:
            return self.verdict
        lines = [self.verdict]
        numbers = sorted({change.conflict for change in self.changes})
        for number in numbers:
            changes = [change for change in self.changes if change.conflict == number]
            several = len(self.together) > 1
            head = f"conflict {number}: " if several else ""
            lines += [head + sentence(changes, "resolved" if several else "feasible")]
            if len(changes) > _SHOWN:
                lines += _table(changes)
            lines += self._more(number)
        if self.suspects:
            lines.append(f"until then these gave way most, worst first: {listing(self.suspects)}")
        if len(self.together) > 1:
            lines += [
                "feasible with one change for each conflict, these together:",
                *_table(self.together),
            ]
        elif self.together and not self.changes:
            lines.append(f"feasible if {self.together[0]}")
        if self.factors:
            text = " or ".join(str(change) for change in self.factors)
            lines.append(f"feasible as well with {text}")
        if self.families:
            lines.append(self._families())
        if not self.complete:
            lines.append(self._cut_short())
        return "\n".join(lines)

    def _more(self, number: int) -> list[str]:
        """Which limits of a conflict are not enough, and which were not tried."""
        found = []
        for wanted, text in ((True, "at their limits, but not enough alone"), (False, "not tried")):
            limits = [
                limit for conflict, limit, tried in self.partners
                if conflict == number and tried is wanted
            ]  # fmt: skip
            if limits:
                found.append(f"  {text}: {listing(limits)}")
        return found

    def _cut_short(self) -> str:
        """What was not looked into, and why."""
        why = (
            f"{self.stopped or 're-solves failed'} ({self.solves} re-solves, {self.seconds:.0f} s)"
        )
        if self.unexplained:
            several = "conflicts were" if self.unexplained > 1 else "conflict was"
            return f"{self.unexplained} more {several} not explained: {why}"
        return f"not everything was looked into: {why}"

    def _families(self) -> str:
        enough = [name for name, is_enough in self.families if is_enough]
        if enough:
            return f"feasible as well without any one of these families: {listing(enough)}"
        names = listing(name for name, _ in self.families)
        return f"no family of limits is to blame alone (tried: {names})"


def sentence(changes: Sequence[Change], word: str = "feasible") -> str:
    """What conflicts with what, and what would be feasible."""
    first, *rest = [str(change.limit) for change in changes]
    remedies = " or ".join(str(change) for change in changes[:_SHOWN])
    others = f" against {_and(rest)}" if rest else ""
    more = " (or one of the others below)" if len(changes) > _SHOWN else ""
    return f"{first}{others}; {word} if {remedies}{more}"


def outward(value: float, side: str) -> str:
    """A number rounded to where its limit is the looser one."""
    if not value or not math.isfinite(value):
        return f"{value:g}"
    digits = _DIGITS - 1 - math.floor(math.log10(abs(value)))
    scaled = value * 10.0**digits
    rounded = math.ceil(scaled - 1e-9) if side == ">=" else math.floor(scaled + 1e-9)
    return f"{rounded / 10.0**digits:.{max(digits, 0)}f}"


def _and(names: Sequence[str]) -> str:
    shown = list(names[:_SHOWN])
    left = len(names) - len(shown)
    if left:
        return ", ".join(shown) + f" and {left} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def _record(change: Change) -> dict[str, Any]:
    limit = change.limit
    return {
        "conflict": change.conflict,
        "limit": limit.name,
        "element": limit.element,
        "quantity": limit.quantity,
        "present": limit.present,
        "needed": change.needed,
        "unit": limit.unit,
    }


def _table(changes: Sequence[Change]) -> list[str]:
    """Limit, present and needed value of each, in columns."""
    cells = [("limit", "now", "needed", "")]
    for change in changes[:_ROWS]:
        limit = change.limit
        needed = f"{limit.side} {outward(change.needed, limit.side)}"
        cells.append((str(limit), f"{limit.present:.6g}", needed, f"{limit.quantity} {limit.unit}"))
    widths = [max(len(row[k]) for row in cells) for k in range(4)]
    lines = [
        f"  {row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip()
        for row in cells
    ]
    left = len(changes) - _ROWS
    return [*lines, f"  ... {left} more, see the table `limits`"] if left > 0 else lines
