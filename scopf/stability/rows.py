"""Stability rows: as a criterion declares them on a model, and as they stand at a point."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Protocol, Self

import numpy as np

from scopf.arrays import Flags, Floats, Ints, Strings, texts
from scopf.engine.formulation import Formulation
from scopf.engine.symbols import Constraint, Index, Parameter, Symbol, Variable
from scopf.network.susceptances import Grid

LoadPrices = Callable[[float], tuple[Floats, Floats]]

NOBODY = -1  # no bus has this number, no inverter this position


# -- on a model -----------------------------------------------


@dataclass(frozen=True, eq=False)
class Dispatch:
    """The part of a model that stability rows are made of.

    Attributes:
        formulation: the model.
        bus, branch, inverter: its index sets.
        vm, va: voltages of the buses, per unit and rad.
        stiffness: 1/m_q of the inverters, numbers, or variables in co-design.
        place: position of each inverter among these; None where they are in the same order.
        p, q: output of the generators, per unit; not needed without devices.
        output_now: gives their present values, where `p` is no variable.
    """

    formulation: Formulation
    bus: Index
    branch: Index
    inverter: Index
    vm: Variable
    va: Variable
    stiffness: Parameter | Variable
    place: Ints | None = None
    p: Symbol | None = None
    q: Symbol | None = None
    output_now: Callable[[], tuple[Floats, Floats]] | None = None

    @property
    def power(self) -> tuple[Floats, Floats]:
        """Present output of the generators, per unit."""
        if self.output_now is not None:
            return self.output_now()
        assert isinstance(self.p, Variable)
        assert isinstance(self.q, Variable)
        return self.p.value, self.q.value


@dataclass(frozen=True, eq=False)
class Limits:
    """Right sides of stability rows: Gamma_i = unit_i / m_q,i + offset_i, less the margin.

    Attributes:
        stiffness: 1/m_q of each inverter.
        unit: Gamma per unit of it.
        offset: added to Gamma; zero, unless a user sets it on the model.
        margin: p.u. voltage that every row has to leave, a scalar.
        place: position of each inverter in `stiffness`.
    """

    stiffness: Parameter | Variable
    unit: Parameter
    offset: Parameter
    margin: Parameter
    place: Ints

    @property
    def stiffness_now(self) -> Floats:
        """1/m_q of every inverter at the present values of the model."""
        given = self.stiffness
        values = given.values if isinstance(given, Parameter) else given.value
        return values[self.place]

    @property
    def values(self) -> Floats:
        """Gamma of every inverter at the present values of the model."""
        return self.unit.values * self.stiffness_now + self.offset.values

    @property
    def required(self) -> float:
        """The present margin."""
        return float(self.margin.values[0])


@dataclass(frozen=True, eq=False)
class OwnedRows:
    """Rows value <= Gamma - margin, and whose they are.

    Attributes:
        constraint: the rows.
        owner: position of the inverter of each; `NOBODY` at a bus without one.
    """

    constraint: Constraint
    owner: Ints


@dataclass(frozen=True, eq=False)
class AngleRows:
    """Rows that keep angles below 90 degrees.

    Attributes:
        constraint: the rows.
        labels: makes a name for each: "branch 7 (4-9)".
    """

    constraint: Constraint
    labels: Callable[[], list[str]]


@dataclass(frozen=True, eq=False)
class Declared:
    """All that a criterion has declared on a model.

    Attributes:
        margin: scalar Param that rows have to leave; None without rows.
        limits: right sides of the rows of inverters; None where they limit no inverter.
        rows: that limit inverters.
        angles: that keep angles below 90 degrees.
        definitions: rows that define variables of the criterion; they always hold.
        weights: variables of the criterion's own, one for each bus of its network, for each of
            its sets of rows.
        grid: network that the rows are about, whose susceptances may have changed since; None
            where the rows have slopes of devices.
        buses: positions of its buses among those of the model.
        load_angles: rows K > 0 of machines; None without any.
        parameters: Params whose values `Criterion.parameters` gives, by name.
    """

    margin: Parameter | None = None
    limits: Limits | None = None
    rows: tuple[OwnedRows, ...] = ()
    angles: tuple[AngleRows, ...] = ()
    definitions: tuple[Constraint, ...] = ()
    weights: tuple[Variable | None, ...] = ()
    grid: Grid | None = None
    buses: Ints | None = None
    load_angles: Constraint | None = None
    parameters: dict[str, Parameter] = field(default_factory=dict)


class RowPrices(Protocol):
    """The solver's answer about constraint families."""

    def active(self, rows: Constraint, /) -> Flags:
        """Members of a family that are rows of the problem."""

    def price(self, rows: Constraint, /, *, lower: bool = False) -> Floats:
        """Value of one unit more slack on the upper (or lower) side of each row.

        NaN without a solution, 0 for what is no row.
        """


# -- at a point -----------------------------------------------


@dataclass(frozen=True)
class Rows:
    """Active rows value <= limit.

    Attributes:
        bus: number of the bus that the row belongs to, shape (m,).
        neighbor: bus number of the inverter across a pair; `NOBODY` for rows about all neighbours.
        value: left side, p.u. voltage.
        limit: right side, p.u. voltage; 0 at a bus without an inverter.
        price: of the row, currency/h per p.u. voltage; NaN without a solution.
        required: slack that the row has to leave.
        slopes: of devices that the row has, "steady" or "transient"; None where there is one set.
    """

    bus: Ints
    neighbor: Ints
    value: Floats
    limit: Floats
    price: Floats
    required: Floats
    slopes: Strings | None = None

    @classmethod
    def empty(cls) -> Self:
        """No rows."""
        nobody, nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
        return cls(nobody, nobody, nothing, nothing, nothing, nothing)

    @classmethod
    def active(cls, parts: Mapping[str, Self]) -> Self:
        """The rows of sets by slopes, without those whose limit is not a number: they are none."""
        names = [field.name for field in fields(cls) if field.name != "slopes"]
        sets = parts.values()
        kept = ~np.isnan(np.concatenate([one.limit for one in sets]))
        columns = {n: np.concatenate([getattr(one, n) for one in sets])[kept] for n in names}
        if len(parts) == 1:
            return cls(**columns)
        words = np.repeat(texts(parts), [len(one.limit) for one in sets])
        return cls(**columns, slopes=words[kept])


@dataclass(frozen=True)
class Stability:
    """A criterion at a point: one entry for each inverter, and all its rows on demand.

    Attributes:
        limit: Gamma of each inverter, p.u. voltage; NaN without a row.
        margin: least slack among its rows, p.u. voltage.
        neighbor: bus number of the inverter across the tightest row; `NOBODY` where there is none.
        price: -dJ*/dGamma, currency/h per p.u. voltage; NaN without a solution.
        nssp: Nodal Stability Shadow Price as the criterion defines it.
        dcost_dmq: dJ*/dm_q, currency/h per unit of m_q.
        required: margin that the rows of inverters have to leave.
        list_rows: makes the rows.
        load_prices: dJ*/d(load P) and dJ*/d(load Q) of every bus of the network, currency/h per
            unit, through the criterion's Params alone, of the rows priced above the number given.
            None where the criterion does not tell.
    """

    limit: Floats
    margin: Floats
    neighbor: Ints
    price: Floats
    nssp: Floats
    dcost_dmq: Floats
    required: float
    list_rows: Callable[[], Rows]
    load_prices: LoadPrices | None = None

    @cached_property
    def rows(self) -> Rows:
        """Every active row."""
        return self.list_rows()
