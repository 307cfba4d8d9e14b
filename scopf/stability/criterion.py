"""What a stability criterion is, and what it says about a point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from scopf.algebra import Formulation
    from scopf.arrays import Flags, Floats, Ints
    from scopf.inverters import Inverters
    from scopf.stability.kron import Reduction


@dataclass(frozen=True)
class Pairs:
    """Active rows value <= limit, one per ordered pair of inverters (their positions).

    Attributes:
        inverter: that the row belongs to, shape (m,).
        neighbor: the other inverter.
        value: left side, per unit.
        limit: right side, per unit.
        price: of the row, currency/h per p.u. voltage; NaN without a solution.
    """

    inverter: Ints
    neighbor: Ints
    value: Floats
    limit: Floats
    price: Floats


@dataclass(frozen=True)
class Stability:
    """A criterion at a point: one entry for each inverter, and all its rows on demand.

    Attributes:
        limit: right side of the inverter's rows, per unit; NaN without a row.
        margin: least room among its rows, per unit.
        neighbor: position of the inverter across the tightest row; -1 without a row.
        nssp: Nodal Stability Shadow Price, currency/h per p.u. voltage; NaN without a solution.
        required: margin that the rows ask for.
        list_pairs: makes the rows.
    """

    limit: Floats
    margin: Floats
    neighbor: Ints
    nssp: Floats
    required: float
    list_pairs: Callable[[], Pairs]

    @cached_property
    def pairs(self) -> Pairs:
        """Every active row."""
        return self.list_pairs()


@dataclass(frozen=True)
class Setting:
    """What a criterion is about.

    Attributes:
        reduction: the grid at strength 1 (`.net`), and what is left of it between the inverters.
        inverters: that the criterion constrains.
        alpha: grid strength; the model's series admittances are alpha times those of the grid.
        margin: room that rows have to leave.
    """

    reduction: Reduction
    inverters: Inverters
    alpha: float
    margin: float


class RowPrices(Protocol):
    """The solver's answer about constraint families, as criteria read it."""

    def active(self, name: str) -> Flags:
        """Which members of a family are rows of the problem."""

    def price(self, name: str, *, lower: bool = False) -> Floats:
        """What one unit more room is worth on the upper (or lower) side of each row.

        NaN without a solution, 0 for what is no row.
        """


class Criterion(Protocol):
    """Rows that keep an inverter-based grid small-signal stable.

    Attributes:
        name: what users call it.
        proven: whether the rows are proven sufficient for stability.
        assumptions: what the statement rests on, one sentence.
        source: paper and equation.
    """

    name: str
    proven: bool
    assumptions: str
    source: str

    def add_rows(self, f: Formulation, setting: Setting) -> None:
        """Declare the rows, as the family `inverter_stability`.

        The margin is the scalar Param `stability_margin`.
        """

    def parameters(self, setting: Setting) -> dict[str, Floats]:
        """Values of the criterion's other Params by name."""

    def read(self, f: Formulation, setting: Setting, vm: Floats, rows: RowPrices) -> Stability:
        """The criterion at inverter voltages `vm`, shape (n_inverters,)."""
