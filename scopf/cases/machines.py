"""Tables of devices that come with the bundled cases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from scopf.cases import bundled
from scopf.errors import ScopfError, listing
from scopf.network import csvtable
from scopf.network.network import Network

if TYPE_CHECKING:
    import pandas as pd


def devices_table(name: str | Network) -> pd.DataFrame:
    """A table of devices, as `build(devices=)` takes it, whole or in part.

    Args:
        name: of a bundled table or of its case: "case39_machines" or "case39", the machines of the
            New England system (Pai 1989), per unit on the system base. Or a network, whose own
            table (`net.dynamics`, from a .dyr file) is copied; `net.replace(dynamics=table)` gives
            it back.

    Raises:
        ScopfError: when there is none of this name, or the network has none.
    """
    if isinstance(name, Network):
        if name.dynamics is None:
            text = "it has no table of devices; load_case(..., dynamics=) reads one"
            raise ScopfError(f"{name.name}: {text}")
        return name.dynamics.copy()
    tables = bundled.device_tables()
    path = tables.get(name) or tables.get(f"{name}_machines")
    if path is None:
        raise ScopfError(f"there is no bundled table of devices {name!r}; known are {_known()}")
    return csvtable.read(path, "devices").frame()


def found(given: Any) -> Any:
    """The file of a bundled table that is given by name; what is no such name as it is."""
    if isinstance(given, str) and not Path(given).exists():
        return bundled.device_tables().get(given, given)
    return given


def _known() -> str:
    return listing(bundled.device_tables())
