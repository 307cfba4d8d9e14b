"""No stability criterion: the plain AC-OPF."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scopf.stability.criterion import PairRows

if TYPE_CHECKING:
    import pyomo.environ as pyo

    from scopf.arrays import Floats
    from scopf.inverters import Inverters
    from scopf.network import Network


class Unconstrained:
    """Adds no rows."""

    name = "none"
    proven = False
    assumptions = "says nothing about stability"
    source = ""

    def add_rows(
        self, m: pyo.ConcreteModel, net: Network, inverters: Inverters, alpha: float
    ) -> None:
        """Leave the model as it is."""

    def rows(self, m: pyo.ConcreteModel, inverters: Inverters, vm: Floats) -> PairRows:
        """No rows."""
        return PairRows((), *(np.zeros(0, dtype=np.int64),) * 2, *(np.zeros(0),) * 2)
