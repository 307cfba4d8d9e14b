"""Time series of other packages as tables of hours."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scopf.cases.pandapower.recognition import is_net
from scopf.cases.pypsa import recognition as pypsa
from scopf.errors import ScopfError
from scopf.network.hour_table import DURATION, HOUR

if TYPE_CHECKING:
    from scopf.network.network import Network

log = logging.getLogger(__name__)


def hours_table(
    source: Any,
    net: Network,
    *,
    duration_h: float | None = None,
    ignore_unsupported: bool = False,
) -> pd.DataFrame:
    """The table of hours of a time series, for `scopf.build(net, hours=...)`.

    Of a pandapower net, profiles of loads and static generators become loads by bus. Of a PyPSA
    network, loads, limits and costs of generators and storage units that differ between snapshots
    become columns by bus and by generator.

    Args:
        source: a pandapower net with `ConstControl` controllers, or a PyPSA network.
        net: the network as it was read from it.
        duration_h: of every hour; None for the snapshot weightings of the objective of a PyPSA
            network, and for one hour of other sources.
        ignore_unsupported: log a warning instead of raising where links, or ratings of lines,
            change between snapshots, which a table of hours does not represent.

    Returns:
        A row for each time; the columns are those that `scopf.build` takes, in MW, MVAr and h.

    Raises:
        CaseError: listing every fault of the series.
        ScopfError: when the source is neither of these.
    """
    if is_net(source):
        from scopf.cases.pandapower import profiles

        p, q = profiles.loads(source, net)
        columns, weights = _loads(p, q), np.ones(len(p))
        names = p.index
    elif pypsa.is_network(source):
        from scopf.cases.pypsa import series

        columns = _loads(*series.loads(source, net, reactive=True))
        columns |= series.units(source, net, ignore_unsupported=ignore_unsupported)
        weights = series.weights(source)
        names = source.snapshots
    else:
        kind = type(source).__name__
        raise ScopfError(
            f"hours_table takes a pandapower net or a PyPSA network, not {kind}; scopf.build takes "
            "tables and CSV files themselves"
        )
    labels = [" ".join(map(str, one)) if isinstance(one, tuple) else str(one) for one in names]
    duration = weights if duration_h is None else np.full(len(labels), duration_h)
    return pd.DataFrame({HOUR: labels, DURATION: duration, **columns})


def _loads(p: pd.DataFrame, q: pd.DataFrame) -> dict[str, Any]:
    """Columns of loads by bus."""
    found = {f"p_mw_{bus}": values.to_numpy() for bus, values in p.items()}
    return found | {f"q_mvar_{bus}": values.to_numpy() for bus, values in q.items()}
