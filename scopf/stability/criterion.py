"""What a stability criterion is, and what it says about a point.

Every criterion limits something of inverter i, in p.u. voltage, by a number that grows with the
inverter's stiffness 1/k_i, k_i = m_q,i beta_q,i,

    value_i(V, theta) <= Gamma_i - margin,    Gamma_i = 1 / (2 k_i scale_i)

with the natural scale of its bus, B_ii^red in the paper's (3). Margins, limits and prices of all
criteria can so be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import numpy as np

from scopf.errors import ScopfError, listing
from scopf.network.susceptances import Grid

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints
    from scopf.devices.gfm import Inverters
    from scopf.engine.formulation import Formulation
    from scopf.network.kron import Reduction
    from scopf.network.network import Network

STIFFNESS, GAMMA, PER_STIFFNESS = "inverter_stiffness", "inverter_gamma", "inverter_gamma_unit"
MARGIN = "stability_margin"
_NOTHING = 1e-9  # of an inverter's own lines: what rounding leaves of a reduced B_ii that is zero
NOBODY = -1  # no bus has this number


@dataclass(frozen=True)
class Rows:
    """Active rows value <= limit.

    Attributes:
        bus: number of the bus that the row belongs to, shape (m,).
        neighbor: bus number of the inverter across a pair; `NOBODY` for rows about all neighbours.
        value: left side, p.u. voltage.
        limit: right side, p.u. voltage; 0 at a bus without an inverter.
        price: of the row, currency/h per p.u. voltage; NaN without a solution.
        required: room that the row asks for.
    """

    bus: Ints
    neighbor: Ints
    value: Floats
    limit: Floats
    price: Floats
    required: Floats

    @classmethod
    def empty(cls) -> Self:
        """No rows."""
        nobody, nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
        return cls(nobody, nobody, nothing, nothing, nothing, nothing)


@dataclass(frozen=True)
class Stability:
    """A criterion at a point: one entry for each inverter, and all its rows on demand.

    Attributes:
        limit: Gamma of each inverter, p.u. voltage; NaN without a row.
        margin: least room among its rows, p.u. voltage.
        neighbor: bus number of the inverter across the tightest row; `NOBODY` where there is none.
        price: -dJ*/dGamma, currency/h per p.u. voltage; NaN without a solution.
        nssp: Nodal Stability Shadow Price as the criterion defines it.
        dcost_dmq: dJ*/dm_q, currency/h per unit of m_q.
        required: margin that the rows of inverters ask for.
        doubts: assumptions of the criterion that do not hold here.
        list_rows: makes the rows.
    """

    limit: Floats
    margin: Floats
    neighbor: Ints
    price: Floats
    nssp: Floats
    dcost_dmq: Floats
    required: float
    doubts: tuple[str, ...]
    list_rows: Callable[[], Rows]

    @cached_property
    def rows(self) -> Rows:
        """Every active row."""
        return self.list_rows()


@dataclass(frozen=True)
class Seen:
    """A network as a criterion looks at it.

    Attributes:
        grid: its n buses and lines.
        buses: position in the whole network of each bus, shape (n,).
        inverters: place among these of each inverter.
        k: droop that the criterion has to cover at each bus, infinite without an inverter.
    """

    grid: Grid
    buses: Ints
    inverters: Ints
    k: Floats


@dataclass(frozen=True)
class Setting:
    """What a criterion is about.

    Attributes:
        reduction: the grid at strength 1 (`.net`), and what is left of it between the inverters.
        inverters: that the criterion constrains.
        alpha: grid strength; the model's series admittances are alpha times those of the grid.
        margin: room that rows have to leave, p.u. voltage.
        droop_margin: share by which every droop counts as larger than it is.
        codesign: whether the stiffness 1/m_q of the inverters is a variable.
    """

    reduction: Reduction
    inverters: Inverters
    alpha: float = 1.0
    margin: float = 0.0
    droop_margin: float = 0.0
    codesign: bool = False

    @property
    def net(self) -> Network:
        """The whole network, at strength 1."""
        return self.reduction.net

    @property
    def k(self) -> Floats:
        """Droops k = m_q beta_q that the criterion has to cover."""
        return self.inverters.k * (1.0 + self.droop_margin)

    @property
    def present(self) -> Network:
        """The network of present strength."""
        return self.net.scaled(susceptance=self.alpha)

    @cached_property
    def full(self) -> Seen:
        """The whole network."""
        k, at = np.full(len(self.net.bus), np.inf), self.reduction.keep
        k[at] = self.k
        return Seen(Grid.full(self.present), np.arange(len(k)), at, k)

    @cached_property
    def reduced(self) -> Seen:
        """The network of present strength Kron-reduced to the inverters."""
        at = self.reduction.keep
        grid = Grid.reduced(self.reduction.at_strength(self.alpha))
        return Seen(grid, at, np.arange(len(at)), self.k)

    def seen(self, network: Literal["reduced", "full"]) -> Seen:
        """The one or the other."""
        return self.full if network == "full" else self.reduced


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
        nssp_unit: p.u. of what the NSSP is per, "voltage" or "stiffness 1/k".
        network: what it looks at, the "full" network or the one "reduced" to the inverters.
        proven: whether the rows are proven sufficient for stability.
        assumptions: what the statement rests on, one sentence.
        source: paper and equation.
    """

    name: str
    nssp_unit: str
    network: Literal["reduced", "full"]
    proven: bool
    assumptions: str
    source: str

    def droop_margin(self, net: Network) -> float:
        """Droop margin to use on a network unless the user says otherwise."""

    def doubts(self, setting: Setting) -> list[str]:
        """Which assumptions do not hold here, a clause each; empty where they all do."""

    def add_rows(self, f: Formulation, setting: Setting) -> None:
        """Declare the rows; the margin is the scalar Param `stability_margin`."""

    def parameters(self, setting: Setting) -> dict[str, Floats]:
        """Values of the criterion's other Params by name."""

    def read(self, f: Formulation, setting: Setting, rows: RowPrices) -> Stability:
        """The criterion at the present values of the formulation's variables."""

    def room(self, grid: Grid, k: Floats, vm: Floats, va: Floats) -> Floats:
        """Gamma - value of every row, without a model: all positive where the point is certified.

        Args:
            grid: network of the kind that the criterion looks at, n buses.
            k: droop m_q beta_q of each bus, infinite without an inverter.
            vm: voltages, shape (..., n).
            va: angles, rad, shape (..., n).

        Returns:
            Least room among the rows of each bus, p.u. voltage, shape (..., n).
        """


def gamma(k: Any, scale: Any) -> Any:
    """Right side of (3), Gamma_i = 1 / (2 k_i scale_i), with k_i = m_q,i beta_q,i."""
    return 1.0 / (2.0 * k * abs(scale))


def limits(setting: Setting, scale: Floats) -> dict[str, Floats]:
    """Values of the Param that holds Gamma, or Gamma per stiffness 1/m_q where that is a variable.

    Args:
        setting: what the criterion is about.
        scale: natural scale of each inverter's bus, per unit.

    Raises:
        ScopfError: when there is no inverter.
    """
    inverters = setting.inverters
    if not len(inverters):
        raise ScopfError(
            "there is no inverter to constrain; use the criterion none for a plain OPF"
        )
    found = gamma(setting.k, scale)
    return {PER_STIFFNESS: found * inverters.mq} if setting.codesign else {GAMMA: found}


def add_limits(f: Formulation, setting: Setting, scale: Floats) -> Any:
    """Declare Gamma: the mutable Param `inverter_gamma[i]`, or an expression of the stiffness.

    In co-design `inverter_gamma[i]` is `inverter_gamma_unit[i]` times the variable
    `inverter_stiffness[i]`, 1/m_q.

    Raises:
        ScopfError: when there is no inverter, or one is coupled to nothing.
    """
    _check_coupling(setting, scale)
    (name, values), *_ = limits(setting, scale).items()
    index = f.index("inverter", setting.inverters.bus.tolist())
    f.parameter(MARGIN, None, setting.margin)
    found = f.parameter(name, index, values)
    if not setting.codesign:
        return found
    return f.expression(GAMMA, index, found[:] * f[STIFFNESS][:])


def _check_coupling(setting: Setting, scale: Floats) -> None:
    """Refuse inverters whose scale is zero but for rounding."""
    own = Grid.full(setting.present).scale[setting.reduction.keep]
    alone = setting.inverters.bus[np.abs(scale) <= _NOTHING * own]
    if len(alone):
        text = f"inverter at bus {listing(alone)}: B_ii^red is zero, no other inverter and no "
        raise ScopfError(f"{text}reactive load is connected to it; use the criterion weighted")


def present_limits(f: Formulation) -> Floats:
    """Gamma of every inverter at the formulation's present values."""
    if PER_STIFFNESS in f:
        found: Floats = f[PER_STIFFNESS].values * f[STIFFNESS].value
        return found
    values: Floats = f[GAMMA].values.copy()
    return values


def droop_prices(price: Floats, limit: Floats, mq: Floats) -> Floats:
    """dJ*/dm_q,i = price_i Gamma_i / m_q,i by the envelope theorem, as Gamma_i goes with 1/m_q,i.

    Args:
        price: -dJ*/dGamma of each inverter.
        limit: Gamma, NaN for an inverter without a row.
        mq: its droop.
    """
    found: Floats = price * np.where(np.isnan(limit), 0.0, limit) / mq
    return found


def present_margin(f: Formulation) -> float:
    """The margin that the rows ask for at present."""
    return float(f[MARGIN].values[0])
