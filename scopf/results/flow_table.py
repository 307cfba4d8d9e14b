"""Columns of flows, for every table of branches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scopf.arrays import Floats, Ints
    from scopf.network.network import Network


def columns(
    net: Network, flows: Floats, loading: Floats, island: dict[str, Ints]
) -> dict[str, Any]:
    """Branch and its buses, powers into both ends, losses and loading.

    Args:
        net: the network.
        flows: into the branches, rows p_from, q_from, p_to, q_to, per unit.
        loading: of the more loaded end of each, share of its rating.
        island: the column of that name, if there is one.
    """
    pf, qf, pt, qt = flows * net.base_mva
    return {
        "branch": net.branch.id,
        "from_bus": net.branch.from_bus,
        "to_bus": net.branch.to_bus,
        **island,
        "pf_mw": pf,
        "qf_mvar": qf,
        "pt_mw": pt,
        "qt_mvar": qt,
        "p_loss_mw": pf + pt,
        "loading_percent": np.where(np.isfinite(net.branch.rate), 100 * loading, np.nan),
    }
