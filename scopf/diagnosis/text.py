"""The result of a diagnosis, as tables and as text."""

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
    """A limit, and the value at which relaxing it alone is enough.

    Attributes:
        conflict: number of the conflict, from 1.
        limit: the limit.
        needed: value, in the limit's unit; the change is a thousandth more than the least found.
    """

    conflict: int
    limit: Limit
    needed: float

    def __str__(self) -> str:
        limit = self.limit
        whose = f" of {limit.element}" if limit.element else ""
        value = f"{limit.side} {outward(self.needed, limit.side)}"
        return " ".join(f"{limit.quantity}{whose} {value} {limit.unit}".split())


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The reason why a problem has no solution, as far as it was found.

    Attributes:
        verdict: the answer as a sentence.
        feasible: True when a point that meets all limits was found, False when none was, None when
            the search ended without an answer.
        changes: each resolves its conflict by itself.
        members: other members of each conflict, which are not enough by themselves: number of the
            conflict, limit, and whether it was tested.
        together: where there are several conflicts, one change for each; each value holds with the
            others changed as well.
        factors: factors on all loads and on all droops that resolve everything.
        groups: groups of limits, and whether dropping one group would be enough; tested where there
            are several conflicts.
        proven: whether the verdict needs no solver: then `changes` are the least that is necessary.
        complete: False when the search ended early, or a re-solve failed.
        suspects: where the search ended before any answer, the limits relaxed most by then, worst
            first. None of them is proven to be in conflict.
        unexplained: number of conflicts whose members were not looked for.
        stopped: reason why the search ended early, such as "time limit"; empty if it did not.
        solves, seconds: re-solves made, and wall time.
    """

    verdict: str
    feasible: bool | None
    changes: tuple[Change, ...] = ()
    members: tuple[tuple[int, Limit, bool], ...] = field(default=(), repr=False)
    together: tuple[Change, ...] = ()
    factors: tuple[Change, ...] = ()
    groups: tuple[tuple[str, bool], ...] = ()
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

        Changing one of them to that value, or dropping it, makes the problem feasible; where there
        are several conflicts, together with the changes in `together` for the other ones. With
        several AC islands a column `island` says which one a limit belongs to, 0 for none.
        """
        import pandas as pd

        columns = ["conflict", "limit", "element", "quantity", "present", "needed", "unit"]
        if any(change.limit.island for change in self.changes):
            columns.append("island")
        return pd.DataFrame([_record(change) for change in self.changes], columns=columns)

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
            "groups": dict(self.groups),
            "suspects": [
                {"limit": limit.name, "element": limit.element} for limit in self.suspects
            ],
            "members": [
                {"conflict": conflict, "limit": limit.name, "element": limit.element,
                 "tested": tested}
                for conflict, limit, tested in self.members
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
            lines += self._not_enough(number)
        if self.suspects:
            lines.append(
                f"until then these were relaxed most, worst first: {listing(self.suspects)}"
            )
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
        if self.groups:
            lines.append(self._groups())
        if not self.complete:
            lines.append(self._incomplete())
        return "\n".join(lines)

    def _not_enough(self, number: int) -> list[str]:
        """Members of a conflict that are not enough alone, and those that were not tested."""
        found = []
        for wanted, text in (
            (True, "at their limits, but not enough alone"),
            (False, "not tested"),
        ):
            limits = [
                limit for conflict, limit, tested in self.members
                if conflict == number and tested is wanted
            ]  # fmt: skip
            if limits:
                found.append(f"  {text}: {listing(limits)}")
        return found

    def _incomplete(self) -> str:
        """The part of the search that is missing, and the reason."""
        why = (
            f"{self.stopped or 're-solves failed'} ({self.solves} re-solves, {self.seconds:.0f} s)"
        )
        if self.unexplained:
            several = "conflicts were" if self.unexplained > 1 else "conflict was"
            return f"{self.unexplained} more {several} not explained: {why}"
        return f"not everything was looked into: {why}"

    def _groups(self) -> str:
        enough = [name for name, is_enough in self.groups if is_enough]
        if enough:
            return f"feasible as well without any one of these groups: {listing(enough)}"
        names = listing(name for name, _ in self.groups)
        return f"dropping one group of limits is not enough (tested: {names})"


def sentence(changes: Sequence[Change], word: str = "feasible") -> str:
    """The limits of a conflict, its AC island if there are several, and what resolves it."""
    islands = sorted({change.limit.island for change in changes} - {0})
    where = f"in island {_and([str(island) for island in islands])}, " if islands else ""
    first, *rest = [str(change.limit) for change in changes]
    remedies = " or ".join(str(change) for change in changes[:_SHOWN])
    others = f" against {_and(rest)}" if rest else ""
    more = " (or one of the others below)" if len(changes) > _SHOWN else ""
    return f"{where}{first}{others}; {word} if {remedies}{more}"


def outward(value: float, side: str) -> str:
    """A number rounded in the direction that relaxes its limit."""
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
    island = {"island": limit.island} if limit.island else {}
    return {
        "conflict": change.conflict,
        "limit": limit.name,
        "element": limit.element,
        "quantity": limit.quantity,
        "present": limit.present,
        "needed": change.needed,
        "unit": limit.unit,
        **island,
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
