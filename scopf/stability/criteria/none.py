"""No stability criterion: the plain AC-OPF."""

from __future__ import annotations

from typing import Literal

import numpy as np

from scopf.arrays import Floats
from scopf.network.susceptances import Grid
from scopf.stability.criterion import Criterion
from scopf.stability.rows import NOBODY, Declared, Dispatch, RowPrices, Rows, Stability
from scopf.stability.setting import Setting


class Unconstrained(Criterion):
    """Adds no rows."""

    name = "none"
    network: Literal["reduced", "full"] = "full"
    conditions = "says nothing about stability"

    def declare(self, d: Dispatch, setting: Setting) -> Declared:
        """Leave the model as it is."""
        return Declared()

    def parameters(self, setting: Setting) -> dict[str, Floats]:
        """No parameters."""
        return {}

    def read(
        self, declared: Declared, d: Dispatch, setting: Setting, prices: RowPrices
    ) -> Stability:
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
            list_rows=Rows.empty,
        )

    def slack(self, grid: Grid, k: Floats, vm: Floats, va: Floats) -> Floats:
        """Certifies every point."""
        return np.full(np.broadcast_shapes(vm.shape, va.shape, k.shape), np.inf)


CRITERIA = (Unconstrained(),)
