"""stub"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopf.arrays import Floats
from scopf.network.network import Network


@dataclass(frozen=True, eq=False)
class Hours:
    names: tuple[str, ...]
    duration: Floats
    nets: tuple[Network, ...]

    @classmethod
    def read(cls, given, net):
        if isinstance(given, Hours):
            return given
        return cls(
            tuple(str(k + 1) for k in range(len(given))),
            np.ones(len(given)),
            tuple(net.scaled(load=one) for one in given),
        )
