"""Tables of devices that come with the bundled cases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from scopf.cases import bundled
from scopf.errors import ScopfError, listing
from scopf.network import csvtable

if TYPE_CHECKING:
    import pandas as pd


def devices_table(name: str) -> pd.DataFrame:
    """A bundled table of devices, as `build(devices=)` takes it, whole or in part.

    Args:
        name: of the table or of its case: "case39_machines" or "case39", the machines of the New
            England system (Pai 1989), per unit on the system base.

    Raises:
        ScopfError: when there is none of this name.
    """
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
