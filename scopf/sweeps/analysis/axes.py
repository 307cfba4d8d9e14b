"""The dimensions of a sweep, with labels, units and values, and the part each plays in a figure."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Flags, Ints
from scopf.errors import listing
from scopf.model.quantities import OF_INVERTERS
from scopf.sweeps import columns
from scopf.sweeps.columns import COLUMNS, STEP
from scopf.sweeps.rows import ROW

if TYPE_CHECKING:
    import pandas as pd

OUTAGE = "outage"  # column with the branch that is out
INTACT = "intact"  # the network without an outage
_LONGEST = 40  # characters of a value that are shown
_COSTS = ("plain_cost", "stability_cost")  # results, whichever version wrote them
MOST = 12_000  # scenarios that figures show


@dataclass(frozen=True, eq=False)
class Dimension:
    """A dimension of a sweep: a column in which scenarios differ.

    Attributes:
        name: its column in the table of scenarios.
        label: its name for readers; an underscore begins an index.
        unit: of its values; empty without one.
        values: distinct values in order; numbers if `numeric`, else their texts.
        texts: the same as readers see it: of outages the buses and circuit of the branch.
        codes: place in `values` by scenario, shape (scenarios,).
        numeric: whether it makes sense to draw it to scale.
        along: dimensions whose values follow from its own.
    """

    name: str
    label: str
    unit: str
    values: tuple[Any, ...]
    texts: tuple[str, ...]
    codes: Ints
    numeric: bool
    along: tuple[Dimension, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    @property
    def title(self) -> str:
        """Label and unit, and what goes with it."""
        own = f"{self.label} ({self.unit})" if self.unit else self.label
        return f"{own},{self.company}" if self.along else own

    @property
    def company(self) -> str:
        """Labels of the dimensions along it, to follow its own; empty if there are none."""
        return f" with {listing([one.label for one in self.along], 2)}" if self.along else ""

    def at(self, place: int) -> str:
        """Label, value and unit at a place, for a sentence."""
        if self.name == OUTAGE:
            text = self.texts[place]
            return "intact network" if text == INTACT else f"{text} out"
        if self.name == STEP:
            return f"step {self.texts[place]}"
        return f"{self.label} = {self.texts[place]} {self.unit}".rstrip()

    @property
    def column(self) -> str:
        """Name and unit, for the head of a table."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name

    @property
    def is_droop(self) -> bool:
        """Whether it is m_q or a droop in per cent, of all inverters or of one."""
        return columns.split(self.name)[0] in OF_INVERTERS

    def of(self, rows: Ints) -> Dimension:
        """The same axis for these scenarios only."""
        kept = np.unique(self.codes[rows])
        places = kept.tolist()
        return dataclasses.replace(
            self,
            values=tuple(self.values[k] for k in places),
            texts=tuple(self.texts[k] for k in places),
            codes=np.searchsorted(kept, self.codes[rows]),
            along=tuple(one.of(rows) for one in self.along),
        )


@dataclass(frozen=True, eq=False)
class Axes:
    """The dimensions of a sweep by the part they play in a figure.

    Attributes:
        x: dimension of the horizontal axis.
        series: dimension with one curve for each value.
        rest: dimensions that are fixed in a figure and chosen with a control.
        fixed: labels and texts of the columns that have one value only.
        is_list: the scenarios are no grid, and x is their number.
        listed: dimensions of a list of scenarios.
    """

    x: Dimension
    series: Dimension | None
    rest: tuple[Dimension, ...]
    fixed: tuple[tuple[str, str], ...]
    is_list: bool
    listed: tuple[Dimension, ...] = ()

    @property
    def sliced(self) -> tuple[Dimension, ...]:
        """All but x."""
        return (self.series, *self.rest) if self.series else self.rest

    @property
    def every(self) -> tuple[Dimension, ...]:
        """All axes, x first."""
        return (self.x, *self.sliced)

    @property
    def choices(self) -> tuple[Dimension, ...]:
        """Candidates for x in a list: the numbers that vary, and the number of the scenario."""
        numbers = tuple(axis for axis in self.listed if axis.numeric)
        return (*numbers, self.x) if self.is_list else (self.x,)

    @property
    def named(self) -> tuple[Dimension, ...]:
        """The dimensions that tell one scenario from another."""
        return self.listed if self.is_list else self.every

    def of(self, rows: Ints) -> Axes:
        """The same axes for these scenarios only."""
        series = self.series.of(rows) if self.series else None
        rest = tuple(axis.of(rows) for axis in self.rest)
        listed = tuple(axis.of(rows) for axis in self.listed)
        return Axes(self.x.of(rows), series, rest, self.fixed, self.is_list, listed)


def find(scenarios: pd.DataFrame, branches: Mapping[str, str] | None = None) -> Axes:
    """The axes of a table of scenarios.

    Args:
        scenarios: the table.
        branches: labels of branches, by their number as text; the number itself by default.
    """
    found = [_axis(name, scenarios[name], branches or {}) for name in columns_of(scenarios)]
    fixed = tuple((a.label, _with_unit(a)) for a in found if len(a) == 1)
    varied = sorted((axis for axis in found if len(axis) > 1), key=_preference)
    if varied:
        free = sorted(_together(varied), key=_preference)
        few = [axis for axis in free if axis.numeric and (len(axis) > 2 or axis.name == STEP)]
        x = (few or sorted(free, key=len, reverse=True))[0]
        others = [axis for axis in free if axis is not x]
        if _is_grid(x, others):
            others.sort(key=lambda axis: (axis.name not in ("eta_q", "d"), len(axis) > 12))
            series = others[0] if others else None
            return Axes(x, series, tuple(others[1:]), fixed, is_list=False)
    number = _axis("scenario", scenarios["scenario"], {})
    return Axes(number, None, (), fixed, is_list=True, listed=tuple(varied))


def columns_of(scenarios: pd.DataFrame) -> list[str]:
    """Columns of a table of scenarios that say what they are, not what came of them."""
    return [name for name in scenarios.columns if name not in {"scenario", *ROW, *_COSTS}]


def thin(axes: Axes, most: int = MOST) -> Ints:
    """Positions of the scenarios to draw: all, or a regular part with the ends of every axis."""
    kept: Flags = np.ones(len(axes.x.codes), dtype=bool)
    keep = [np.arange(len(axis)) for axis in axes.every]
    while kept.sum() > most:
        longest = max(range(len(keep)), key=lambda k: len(keep[k]))
        ends = keep[longest]
        if len(ends) <= 2:  # nothing regular is left to leave out
            rows = np.flatnonzero(kept)
            return rows[spread_out(len(rows), most)]
        keep[longest] = np.unique(np.append(ends[::2], ends[-1]))
        for axis, places in zip(axes.every, keep, strict=True):
            kept &= np.isin(axis.codes, places)
    return np.flatnonzero(kept)


def spread_out(count: int, most: int) -> list[int]:
    """At most `most` of `count` places, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(k) for k in np.linspace(0, count - 1, most).tolist()})


def groups(axes: Sequence[Dimension], size: int) -> dict[tuple[int, ...], Ints]:
    """Positions of the scenarios by their codes on some axes; one group if there are none."""
    if not axes:
        return {(): np.arange(size)}
    codes = np.column_stack([axis.codes for axis in axes])
    keys, inverse = np.unique(codes, axis=0, return_inverse=True)
    inverse = inverse.ravel()
    order = np.argsort(inverse, kind="stable")
    ends = np.cumsum(np.bincount(inverse))[:-1]
    return dict(zip(map(tuple, keys.tolist()), np.split(order, ends), strict=True))


def _preference(axis: Dimension) -> tuple[int, str]:
    """Sorts what readers expect on the horizontal axis first."""
    order = list(COLUMNS)
    if axis.name == STEP:
        return -1, axis.name
    if axis.is_droop:
        return 0, axis.name
    return (order.index(axis.name) if axis.name in order else len(order)), axis.name


def _together(varied: list[Dimension]) -> list[Dimension]:
    """The axes that vary by themselves; those that follow from one of them go along with it."""
    leaders: dict[str, tuple[Dimension, list[Dimension]]] = {}
    for axis in sorted(
        varied, key=lambda axis: (axis.name != STEP, -len(axis), axis.name != "criterion")
    ):  # what has fewer values can only follow; of equals, the sort keeps the order of preference
        for leader, along in leaders.values():
            if _goes_with(axis, leader):
                along.append(axis)
                break
        else:
            leaders[axis.name] = axis, []
    return [
        dataclasses.replace(axis, along=tuple(sorted(along, key=_preference)))
        for axis, along in leaders.values()
    ]


def follows(axis: Dimension, *leaders: Dimension) -> bool:
    """Whether the values of one are a function of those of others."""
    of = np.column_stack([leader.codes for leader in leaders])
    return len(np.unique(of, axis=0)) == len(np.unique(np.column_stack([of, axis.codes]), axis=0))


def _goes_with(axis: Dimension, leader: Dimension) -> bool:
    """Whether the values of one follow from another's, and not by chance."""
    if not follows(axis, leader):
        return False
    if leader.name == STEP or len(leader.codes) >= 2 * len(leader):
        return True
    # Where every scenario has a value of its own anything follows from it; a common order is none
    # that random points have.
    rise = np.diff(axis.codes[np.argsort(leader.codes, kind="stable")])
    return leader.numeric and axis.numeric and bool((rise >= 0).all() or (rise <= 0).all())


def _is_grid(x: Dimension, others: list[Dimension]) -> bool:
    """Whether curves over x have points enough."""
    return len(groups(others, len(x.codes))) <= max(1, len(x.codes) // 2)


def _axis(name: str, column: pd.Series[Any], branches: Mapping[str, str]) -> Dimension:
    import pandas as pd

    label, unit = columns.title(name)
    missing = column.isna()
    is_flag = bool(column[~missing].map(lambda value: isinstance(value, (bool, np.bool_))).all())
    numbers = pd.to_numeric(column, errors="coerce")
    is_number = not is_flag and bool((numbers.notna() | missing).all())
    if is_number:
        rounded = [math.nan if pd.isna(v) else float(f"{v:.12g}") for v in numbers]
        codes, unique = pd.factorize(pd.Series(rounded), sort=True)
        values: list[Any] = list(unique)
        texts = [f"{value:.6g}" for value in values]
    else:
        codes, unique = pd.factorize(column.astype(object).where(~missing, None).map(_short))
        texts = values = [str(value) for value in unique]
    if missing.any():
        absent = "none" if name == OUTAGE else "not set"
        codes, texts, values = codes + 1, [absent, *texts], [absent, *values]
    numeric = is_number and columns.is_numeric(name) and not missing.any()
    shown = values if numeric else texts
    if name == OUTAGE:
        texts = [INTACT if one == "none" else branches.get(one, one) for one in texts]
    return Dimension(name, label, unit, tuple(shown), tuple(texts), codes.astype(np.int64), numeric)


def text(value: object) -> str:
    """A value as readers see it."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    return str(value)


def _short(value: object) -> str | None:
    if value is None:
        return None
    shown = text(value)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def _with_unit(axis: Dimension) -> str:
    return f"{axis.texts[0]} {axis.unit}".rstrip() if axis.numeric else axis.texts[0]
