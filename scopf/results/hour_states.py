"""Hours as operating states: their tables, and tables of all of them below each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats
from scopf.errors import ScopfError, listing, nearest
from scopf.stability.rows import NOBODY

if TYPE_CHECKING:
    import pandas as pd

    from scopf.devices.gfm import Inverters
    from scopf.model.horizon import Horizon
    from scopf.network.network import Network
    from scopf.results.intact import IntactTables

_IDS = ("bus", "gen", "branch", "dcline", "from_bus", "to_bus", "neighbor")  # columns of numbers


@dataclass(frozen=True, eq=False)
class HourState:
    """The tables of one hour, with the columns of a solution of that hour alone.

    Prices are per hour: times the duration they are those of the cost of all hours.

    Attributes:
        name: of the hour.
    """

    _tables: IntactTables
    name: str

    def __repr__(self) -> str:
        return f"State({self.name!r})"

    @property
    def _horizon(self) -> Horizon:
        found = self._tables.problem.horizon
        assert found is not None
        return found

    @property
    def _part(self) -> int:
        return self._horizon.hours.names.index(self.name)

    @property
    def duration(self) -> float:
        """Hours that it stands for."""
        return float(self._horizon.hours.duration[self._part])

    def _of(self, table: str) -> pd.DataFrame:
        hours, here = self._tables.divided, (table, self.name)
        if here not in hours:
            found = table_of(self._tables, table)
            nothing = found.iloc[:0]
            of = dict(tuple(found.groupby("state", sort=False)))
            hours |= {(table, name): of.get(name, nothing) for name in states(self._tables)}
        return hours[here].drop(columns="state").reset_index(drop=True)

    @cached_property
    def buses(self) -> pd.DataFrame:
        """Voltages, loads and prices by bus."""
        return self._of("buses")

    @cached_property
    def gens(self) -> pd.DataFrame:
        """Output, cost and prices by generator; storage has a table of its own."""
        return self._of("gens")

    @cached_property
    def branches(self) -> pd.DataFrame:
        """Flows, losses, loading and prices by branch."""
        return self._of("branches")

    @cached_property
    def dclines(self) -> pd.DataFrame:
        """Powers, cost and prices by DC line."""
        return self._of("dclines")

    @cached_property
    def inverters(self) -> pd.DataFrame:
        """Output, limit, margin and prices by inverter, those of storage among them."""
        return self._of("inverters")

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Every stability row."""
        return self._of("pairs")

    @cached_property
    def devices(self) -> pd.DataFrame:
        """Machines and grid-following inverters."""
        return self._of("devices")

    @cached_property
    def storage(self) -> pd.DataFrame:
        """Powers, energy and prices by storage."""
        return self._of("storage")

    @cached_property
    def net(self) -> Network:
        """The network at this operating point, energized; storage is a generator in it."""
        return self._horizon.stack.part(self._tables.energized, self._part)

    @property
    def inverter_data(self) -> Inverters:
        """The inverters, those of storage among them."""
        return self._horizon.inverters(self._tables.inverter_data, self._part)


def states(found: IntactTables) -> tuple[str, ...]:
    """Names of the hours."""
    horizon = found.problem.horizon
    return () if horizon is None else horizon.hours.names


def state(found: IntactTables, name: object) -> HourState:
    """The tables of an hour.

    Raises:
        ScopfError: when there is none.
    """
    known = states(found)
    if str(name) in known:
        return HourState(found, str(name))
    near = nearest(str(name), known)
    hint = f"did you mean {near!r}? There" if near else "there"
    raise ScopfError(f"there is no hour {name!r}; {hint} are {listing(known, most=8)}")


def table_of(found: IntactTables, name: str) -> pd.DataFrame:
    """A table of all hours, with a column `state`.

    Args:
        found: the solution.
        name: of the table, "storage" and "ramps" among them.

    Raises:
        ScopfError: of a dispatch without such a table.
    """
    hourly = found.hourly
    if hourly is None:
        raise ScopfError("the dispatch is of a single hour; give scopf.build hours")
    horizon = hourly.horizon
    if name not in ("storage", "ramps"):
        return long(horizon, name, found.frame(name))
    if getattr(horizon, name) is None:
        raise ScopfError(f"the dispatch has no {name}; give scopf.build hours and {name}")
    return hourly.ramps_by_hour() if name == "ramps" else hourly.by_hour(storage_prices(found))


def storage_prices(found: IntactTables) -> tuple[Floats, Floats]:
    """Prices of P and Q at the buses of storage, the limits held: what its powers are worth."""
    horizon, (p, q) = found.problem.horizon, found.prices.balance
    assert horizon is not None
    at = horizon.net.gen_at[horizon.storage_at]
    return p[at], q[at]


def long(horizon: Horizon, name: str, table: pd.DataFrame) -> pd.DataFrame:
    """A table of the networks side by side in the user's own numbers, by hour.

    Args:
        horizon: the hours.
        name: of the table.
        table: with numbers of the networks side by side.
    """
    state, changed = _own(horizon, name, table)
    found = table.assign(**changed)
    found.insert(0, "state", state)
    if horizon.one.islands == 1 and "island" in found:
        found = found.drop(columns="island")
    if name == "gens":
        found = found[~horizon.is_storage].reset_index(drop=True)
    return found


def columns(horizon: Horizon, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Columns of `IntactTables.columns` in the user's own numbers, with a column `state`.

    Args:
        horizon: the hours.
        name: of the table.
        given: columns with numbers of the networks side by side; nobody is -1.
    """
    state, changed = _own(horizon, name, given)
    if "neighbor" in given:
        nobody = given["neighbor"] == NOBODY
        changed["neighbor"] = np.where(nobody, NOBODY, changed["neighbor"])
    return {"state": state, **given, **changed}


def _own(horizon: Horizon, name: str, given: Any) -> tuple[Any, dict[str, Any]]:
    """Name of the hour of each row, and the columns that are others in the user's own numbers."""
    first = next(column for column in given if column in _IDS)
    part = horizon.hour(np.asarray(given[first], dtype=np.int64))
    changed: dict[str, Any] = {}
    for column in _IDS:
        if column in given:
            changed[column] = given[column] % horizon.stack.step
    if "island" in given:
        changed["island"] = given["island"] - part * horizon.one.islands
    if name == "inverters":
        changed["gens"] = [_units(horizon, text) for text in given["gens"]]
    return np.array(horizon.hours.names, dtype=object)[part], changed


def _units(horizon: Horizon, text: str) -> str:
    """Numbers of the units of an inverter, storage by its own."""
    return "+".join(horizon.unit(int(number)) for number in text.split("+"))
