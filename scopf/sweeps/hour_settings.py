"""Hours, storage and ramps of a study: in its spec, or as tables beside it; read once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import plain
from scopf.devices.storage import Storage
from scopf.errors import ScopfError
from scopf.model import building
from scopf.network import ramps as ramps_of
from scopf.network.hours import Hours

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Floats, Ints
    from scopf.model.scenario import Scenario
    from scopf.network.network import Network
    from scopf.sweeps.settings import Settings

NAMES = ("hours", "storage", "ramps")


@dataclass(frozen=True, eq=False)
class Coupled:
    """Hours and what couples them, small enough to be sent to workers that have no files.

    Attributes:
        hours: as a table, which is read again for the network of each problem; as they are where
            they have none.
        storage: None without.
        ramps: as a table; None without.
        names: of the hours.
        durations: of the hours, h.
    """

    hours: pd.DataFrame | Hours
    storage: Storage | None
    ramps: pd.DataFrame | None
    names: tuple[str, ...]
    durations: Floats

    @classmethod
    def of(
        cls, net: Network, hours: Hours | None, storage: Storage | None, ramps: Floats | None
    ) -> Coupled | None:
        """What was read for a network; None for a single hour."""
        if hours is None:
            return None
        return cls(
            hours if hours.table is None else hours.frame(),
            storage,
            None if ramps is None else ramps_of.frame(ramps, net),
            hours.names,
            hours.duration,
        )

    @classmethod
    def read(cls, net: Network, settings: Settings, tables: Mapping[str, Any]) -> Coupled | None:
        """Read what a study has.

        Args:
            net: its network.
            settings: of its spec.
            tables: what its spec cannot hold, by name.

        Raises:
            CaseError: listing every fault of a table.
            ScopfError: for storage or ramps of a single hour, and for outages beside hours.
        """
        given = {name: tables.get(name, getattr(settings, name)) for name in NAMES}
        found = cls.of(net, *building.coupled(net, **given))
        if found is not None:
            building.check_beside_hours(settings.outages)
        return found

    @classmethod
    def of_problem(cls, net: Network, scenario: Scenario) -> Coupled | None:
        """Those of a problem."""
        return cls.of(net, scenario.hours, scenario.storage, scenario.ramps)

    def keywords(self, net: Network) -> dict[str, Any]:
        """Keywords of `build` for a network, in which storage may be out as its bus is."""
        storage = self.storage
        if storage is not None:
            there = np.isin(storage.bus, net.energized().bus.id)
            storage = storage if there.all() else storage.take(there)
        found = {"hours": self.hours, "storage": storage, "ramps": self.ramps}
        return {key: one for key, one in found.items() if one is not None and len(one)}

    @property
    def inverters(self) -> Ints:
        """Buses of storage that has a droop."""
        if self.storage is None:
            return np.zeros(0, dtype=np.int64)
        return self.storage.bus[~np.isnan(self.storage.mq)]

    @property
    def hash(self) -> str:
        """Equal for the same numbers."""
        digest = hashlib.sha256(repr((self.names, self.durations.tolist())).encode())
        if isinstance(self.hours, Hours):
            for net in self.hours.nets:
                for table in net.tables.values():
                    digest.update(repr({k: plain(v) for k, v in vars(table).items()}).encode())
        tables = [None if isinstance(self.hours, Hours) else self.hours, self.ramps]
        tables.append(None if self.storage is None else self.storage.frame())
        for frame in tables:
            digest.update(b"-" if frame is None else frame.to_csv(index=False).encode())
        return digest.hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """Names and durations of the hours, and the hash, for a manifest."""
        return {"names": [*self.names], "duration_h": self.durations.tolist(), "hash": self.hash}


def taken_apart(given: dict[str, Any]) -> dict[str, Any]:
    """Tables among the keywords of a sweep, taken out of them; what stays is what a spec has.

    Args:
        given: keywords.
    """
    tables = dict[str, Any]()
    for name in NAMES:
        value = given.pop(name, None)
        if isinstance(value, (Hours, Storage)) or hasattr(value, "columns"):
            tables[name] = value
        elif value is not None:
            given[name] = _in_a_spec(value)
    return tables


def _in_a_spec(value: Any) -> Any:
    """A path, a number, a list or a mapping as a spec has them."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "items"):  # a mapping or a pandas Series
        return {str(key): plain(one) for key, one in value.items()}
    value = value.tolist() if hasattr(value, "tolist") else value
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def refuse_tables(tables: Mapping[str, Any], where: str) -> None:
    """Refuse tables of a study that has its own.

    Raises:
        ScopfError: naming them.
    """
    if tables:
        raise ScopfError("; ".join(f"{name}: has no effect with {where}" for name in tables))


def are_hours(found: Any) -> bool:
    """Whether that is what a manifest may say of hours, which is nothing of a single one."""
    if not isinstance(found, dict):
        return found is None
    names, durations = found.get("names"), found.get("duration_h")
    return (
        isinstance(names, list)
        and isinstance(durations, list)
        and len(names) == len(durations) > 0
        and all(isinstance(name, str) for name in names)
        and all(type(one) in (float, int) and 0 < one < float("inf") for one in durations)
        and isinstance(found.get("hash"), str)
    )
