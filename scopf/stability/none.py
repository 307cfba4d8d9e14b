"""No stability criterion: the plain AC-OPF."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scopf.stability.criterion import Pairs, Stability

if TYPE_CHECKING:
    from scopf.algebra import Formulation
    from scopf.arrays import Floats
    from scopf.stability.criterion import RowPrices, Setting


class Unconstrained:
    """Adds no rows."""

    name = "none"
    proven = False
    assumptions = "says nothing about stability"
    source = ""

    def add_rows(self, f: Formulation, setting: Setting) -> None:
        """Leave the model as it is."""

    def parameters(self, setting: Setting) -> dict[str, Floats]:
        """No parameters."""
        return {}

    def read(self, f: Formulation, setting: Setting, vm: Floats, rows: RowPrices) -> Stability:
        """No limits, and no price."""
        n = len(vm)
        nobody, nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
        return Stability(
            limit=np.full(n, np.nan),
            margin=np.full(n, np.nan),
            neighbor=np.full(n, -1, dtype=np.int64),
            nssp=np.zeros(n),
            required=0.0,
            list_pairs=lambda: Pairs(nobody, nobody, nothing, nothing, nothing),
        )
