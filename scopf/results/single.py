"""What a dispatch of several hours does not have, because it is of one operating state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scopf.errors import ScopfError

if TYPE_CHECKING:
    from scopf.model.horizon import Horizon

TABLES = ("buses", "gens", "branches", "dclines", "inverters", "pairs", "devices")  # of every state


def refused(horizon: Horizon, what: str) -> ScopfError:
    """Why a solution of several hours does not have a table, or a network.

    Args:
        horizon: the hours.
        what: name of the attribute.
    """
    names = horizon.hours.names
    text = f"{what} is of one operating state, and this dispatch has {len(names)}, one an hour: "
    text += f"take one of them, as in sol.state({names[0]!r}).{what}"
    return ScopfError(text + (f", or all, sol.table({what!r})" if what in TABLES else ""))
