"""No stability criterion: the plain AC-OPF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from scopf.stability.criterion import NOBODY, Rows, Stability

if TYPE_CHECKING:
    from scopf.arrays import Floats
    from scopf.engine.formulation import Formulation
    from scopf.network.network import Network
    from scopf.network.susceptances import Grid
    from scopf.stability.criterion import RowPrices, Setting


class Unconstrained:
    """Adds no rows."""

    name = "none"
    nssp_unit = "voltage"
    network: Literal["reduced", "full"] = "full"
    proven = False
    assumptions = "says nothing about stability"
    source = ""

    def droop_margin(self, net: Network) -> float:
        """None: there is nothing to apply it to."""
        return 0.0

    def doubts(self, setting: Setting) -> list[str]:
        """There is no statement to doubt."""
        return []

    def add_rows(self, f: Formulation, setting: Setting) -> None:
        """Leave the model as it is."""

    def parameters(self, setting: Setting) -> dict[str, Floats]:
        """No parameters."""
        return {}

    def read(self, f: Formulation, setting: Setting, rows: RowPrices) -> Stability:
        """No limits, and no price."""
        n = len(setting.inverters)
        return Stability(
            limit=np.full(n, np.nan),
            margin=np.full(n, np.nan),
            neighbor=np.full(n, NOBODY),
            price=np.zeros(n),
            nssp=np.zeros(n),
            dcost_dmq=np.zeros(n),
            required=0.0,
            doubts=(),
            list_rows=Rows.empty,
        )

    def room(self, grid: Grid, k: Floats, vm: Floats, va: Floats) -> Floats:
        """Certifies every point."""
        return np.full(np.broadcast_shapes(vm.shape, va.shape, k.shape), np.inf)


CRITERIA = (Unconstrained(),)
