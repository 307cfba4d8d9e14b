"""The difference between two sweeps, or two solutions, as sentences and a table."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scopf import display
from scopf.arrays import plain
from scopf.errors import counted, listing
from scopf.results.prices import TRACE
from scopf.sweeps.analysis.amounts import amount, money, percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

WIDTH = 80  # columns of the text
ROWS = 10  # of the table in it
PRICE = 1e-3  # of a price that is no difference: a solver's tolerance leaves it
NAMED = 5  # scenarios or columns in a sentence
_SETTINGS = 8  # that the text shows
_LEAST = 10  # characters of the first column
_VALUE = 24  # characters of a setting


@dataclass(frozen=True)
class Setting:
    """A setting in which two studies differ.

    Attributes:
        name: of it.
        a, b: its values; None where it is not set.
    """

    name: str
    a: Any
    b: Any

    def __str__(self) -> str:
        if names := _members(self.a, self.b):
            return f"{self.name}: {names}"
        return f"{self.name}: {_short(self.a)} in A, {_short(self.b)} in B"


@dataclass(frozen=True, eq=False)
class Comparison:
    """The difference between A and B.

    Attributes:
        a, b: names of the two.
        rows_are: what the rows of the table are: "scenarios" or "inverters".
        settings: those that differ.
        findings: sentences, what matters most first.
        table: one row for each scenario (or inverter) that both have and that differs, the largest
            differences first: `status_a`, `status_b`, `cost_a`, `cost_b`, `cost_difference`,
            `nssp_a`, `nssp_b`, `margin_a`, `margin_b`, and `stable_a`, `stable_b` where both were
            checked; solutions have no status and cost there.
        only: what only A and only B have, a table each.
        same: whether both have the same results; settings do not count.
        tolerance: difference of a cost, as a part of it, that is none.
    """

    a: str
    b: str
    rows_are: str
    settings: tuple[Setting, ...]
    findings: tuple[str, ...]
    table: pd.DataFrame = field(repr=False)
    only: Mapping[str, pd.DataFrame] = field(repr=False)
    same: bool
    tolerance: float

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return not self.same

    def __str__(self) -> str:
        return display.text(self._blocks())

    @property
    def unwrapped(self) -> str:
        """The text with each sentence in one line, and names in full."""
        return display.text(self._blocks(None))

    def _repr_html_(self) -> str:
        return display.html(self._blocks())

    def _blocks(self, width: int | None = WIDTH) -> list[display.Block]:
        lines = [f"A is {self.a}", f"B is {self.b}", *map(str, self.settings[:_SETTINGS])]
        if len(self.settings) > _SETTINGS:
            left = len(self.settings) - _SETTINGS
            lines.append(counted(left, "more setting differs", "more settings differ"))
        lines += [""] if self.findings else []
        table = ["", *self._lines(width)] if len(self.table) else []
        if width is None:
            return [*lines, *self.findings, *table]
        wrapped = [part for line in lines for part in textwrap.wrap(line, width) or [""]]
        for finding in self.findings:
            wrapped += textwrap.wrap(finding, width, subsequent_indent="  ", break_on_hyphens=False)
        return [*wrapped, *table]

    def _lines(self, width: int | None) -> list[str]:
        """The table in lines of at most this many columns, which shorten the names."""
        shown = self.table.head(ROWS)
        cells = {head: [_cell(one) for one in column] for head, column in self._columns(shown)}
        first, *others = cells
        widths = {head: max(map(len, [head, *cells[head]])) for head in others}
        left = max(map(len, cells[first]))
        if width is not None:
            left = max(_LEAST, width - sum(widths.values()) - 2 * len(widths))
        names = [name if len(name) <= left else name[: left - 3] + "..." for name in cells[first]]
        size = max(map(len, [first, *names]))
        lines = []
        for k, name in enumerate([first, *names]):
            row = [head if not k else cells[head][k - 1] for head in others]
            parts = (text.rjust(widths[head]) for head, text in zip(others, row, strict=True))
            lines.append("  ".join([name.ljust(size), *parts]).rstrip())
        more = len(self.table) - len(shown)
        return [*lines, f"... {more} more {self.rows_are}"] if more else lines

    def _columns(self, table: pd.DataFrame) -> list[tuple[str, list[Any]]]:
        """Heads and cells of the text's table."""
        found = [(self.rows_are[:-1], table["what"].tolist())]
        if "cost_a" in table:
            for end in ("a", "b"):
                cost, status = table[f"cost_{end}"], table[f"status_{end}"]
                ends = zip(cost, status, strict=True)
                cells = [_money(x) if _is_number(x) else str(s) for x, s in ends]
                found.append((f"cost {end.upper()}", cells))
            both = zip(table["cost_difference"], table["cost_a"], strict=True)
            moves = [0 if abs(x) <= self.tolerance * abs(cost) else x for x, cost in both]
            found.append(("change", [_signed(x) for x in moves]))
        for name, text in (("nssp", price), ("margin", _margin)):
            for end in ("a", "b"):
                numbers = [text(x) for x in table[f"{name}_{end}"]]
                head = f"{name.upper() if name == 'nssp' else name} {end.upper()}"
                found.append((head, numbers))
        return found

    def as_dict(self) -> dict[str, Any]:
        """Plain values and the tables as lists of records, for JSON."""
        return {
            "a": self.a, "b": self.b, "same": self.same, "tolerance": self.tolerance,
            "settings": [{"name": s.name, "a": plain(s.a), "b": plain(s.b)} for s in self.settings],
            "findings": list(self.findings), self.rows_are: _records(self.table),
            "only_a": _records(self.only["a"]), "only_b": _records(self.only["b"]),
        }  # fmt: skip


def moved(before: float, after: float) -> str:
    """The change of a cost with its share, for a sentence."""
    share = (after - before) / before if before > 0 else math.nan
    text = f" ({'+' if share > 0 else '-'}{percent(abs(share))})" if share == share else ""
    return f"{_signed(after - before)}{text}"


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(key): plain(value) for key, value in row.items()} for row in records]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _cell(value: Any) -> str:
    return str(value)


def _money(value: Any) -> str:
    return money(float(value)) if _is_number(value) else "-"


def price(value: Any) -> str:
    """A price in a cell or a sentence; zero for what the solver leaves behind."""
    return "0" if _is_number(value) and abs(value) < TRACE else _money(value)


def _signed(value: Any) -> str:
    if not _is_number(value):
        return "-"
    return f"{'+' if value > 0 else '-' if value < 0 else ''}{money(abs(float(value)))}"


def _margin(value: Any) -> str:
    if not _is_number(value):
        return "-"
    return amount(round(float(value), 5), 4)


def _members(a: Any, b: Any) -> str:
    """Names that only one of two lists has; "" where they are no lists of names."""
    if not (isinstance(a, list) and isinstance(b, list) and a and b):
        return ""
    if not all(isinstance(one, str) for one in (*a, *b)):
        return ""
    only = {"A": [x for x in a if x not in b], "B": [x for x in b if x not in a]}
    return ", ".join(f"{listing(x, 4)} in {end} only" for end, x in only.items() if x)


def _short(value: Any) -> str:
    text = "not set" if value is None or value == [] else str(value)
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 3]}..."
