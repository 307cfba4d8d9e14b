"""Loads of a PyPSA network over its snapshots."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from scopf.errors import CaseError, Fault
from scopf.network.network import Network

_KINDS = {"Load": "loads", "Store": "stores"}  # that the network has as loads


def loads(net: Any, network: Network) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Loads at buses over time.

    Args:
        net: the PyPSA network.
        network: as it was read from it, at any snapshot.

    Returns:
        Active power in MW and reactive power in MVAr, a row for each snapshot, a column for each
        bus with a load, whose number names it.

    Raises:
        CaseError: when no bus with a load is one of the network's.
    """
    number = dict(zip(network.bus.name.tolist(), network.bus.id.tolist(), strict=True))
    total = [pd.DataFrame(index=net.snapshots) for _ in range(2)]
    for kind, name in _KINDS.items():
        table = getattr(net, name)
        active = table["active"].to_numpy(dtype=bool) if "active" in table else True
        here = table.index[table["bus"].astype(str).isin(number) & active]
        to = table.loc[here, "bus"].astype(str).map(number)
        sign = table.loc[here, "sign"].to_numpy(dtype=np.float64)
        for k, column in enumerate(("p_set", "q_set")):
            values = net.get_switchable_as_dense(kind, column)[here] * -sign
            by_bus = values.fillna(0.0).T.groupby(to.to_numpy()).sum().T
            total[k] = total[k].add(by_bus, fill_value=0.0)
    p, q = total
    drawn = p.columns[(p != 0).any()]
    if not len(drawn):
        raise CaseError(network.name, [Fault("no bus of the network has a load in the series")])
    return p[drawn], q[drawn]
