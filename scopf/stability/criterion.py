"""What a stability criterion is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyomo.environ as pyo

    from scopf.arrays import Floats, Ints
    from scopf.inverters import Inverters
    from scopf.network import Network


@dataclass(frozen=True)
class PairRows:
    """Active rows value <= limit, one per ordered pair of inverters.

    Attributes:
        constraints: the Pyomo constraint of each row, m of them.
        inverter: position of the inverter that the row belongs to, shape (m,).
        neighbor: position of the other inverter.
        value: left side at some voltages, per unit.
        limit: right side, per unit.
    """

    constraints: tuple[Any, ...]
    inverter: Ints
    neighbor: Ints
    value: Floats
    limit: Floats


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

    def add_rows(
        self, m: pyo.ConcreteModel, net: Network, inverters: Inverters, alpha: float
    ) -> None:
        """Add the rows to the model as the constraint `inverter_stability[i, j]` (bus numbers).

        `net` is the grid at strength 1; the model's is alpha times as strong.
        """

    def rows(self, m: pyo.ConcreteModel, inverters: Inverters, vm: Floats) -> PairRows:
        """The rows evaluated at inverter voltages `vm`, shape (n_inverters,)."""
