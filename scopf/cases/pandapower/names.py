"""The element of pandapower that each generator of a network is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from scopf.network.network import Network


def units(network: Network) -> pd.DataFrame:
    """The element of pandapower that each generator of a network is.

    Returns:
        One row for each generator, with `gen` and `bus`, its number and bus in the network;
        `table` and `element`, such as "sgen" and 3, its table and index in the net.
    """
    import pandas as pd

    names = [name.rpartition(" ") for name in network.gen.name.tolist()]
    return pd.DataFrame(
        {
            "gen": network.gen.id,
            "bus": network.gen.bus,
            "table": [table for table, _, _ in names],
            "element": [int(number) if number.isdigit() else -1 for _, _, number in names],
        }
    )
