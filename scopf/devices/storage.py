"""stub"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopf.arrays import Floats, Ints


@dataclass(frozen=True, eq=False)
class Storage:
    id: Ints
    bus: Ints
    charge: Floats
    discharge: Floats
    energy: Floats
    eta_c: Floats
    eta_d: Floats
    start: Floats
    end: Floats
    rating: Floats
    qmin: Floats
    qmax: Floats
    mq: Floats
    p_loss: Floats
    r: Floats

    def __len__(self):
        return len(self.id)

    @classmethod
    def read(cls, given, net):
        if isinstance(given, Storage):
            return given
        b = net.base_mva
        n = len(given)
        col = lambda k, d: np.array([r.get(k, d) for r in given], dtype=float)
        p, e, s = col("p_mw", 0) / b, col("e_mwh", 0) / b, col("s_mva", np.nan) / b
        s = np.where(np.isnan(s), p, s)
        e0 = col("e0_mwh", np.nan) / b
        return cls(
            np.arange(1, n + 1),
            np.array([r["bus"] for r in given]),
            p,
            p,
            e,
            col("eta_c", 1),
            col("eta_d", 1),
            e0,
            e0,
            s,
            -s,
            s,
            col("mq", np.nan),
            np.zeros(n),
            np.zeros(n),
        )
