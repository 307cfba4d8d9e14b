"""Parameters of generating units: numbers, values by bus, and a table that overrides both."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from scopf.devices.table import Column, Layout
from scopf.errors import CaseError, Fault, ScopfError, number
from scopf.network import csvtable

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Flags, Floats
    from scopf.network.network import Network

log = logging.getLogger(__name__)

Given = float | Mapping[int, float]  # of every unit, or of the whole device at a bus
RATING = "rating_mva"
PERCENT = "droop_percent"
_INSTEAD = {"mq": PERCENT, PERCENT: "mq"}  # of two that say the same the last one given holds
_KEYS = (Column("bus", csvtable.whole), Column("gen", csvtable.whole))


def refuse_both(mq: object, droop_percent: object) -> None:
    """Refuse two numbers for one droop.

    Raises:
        ScopfError: when both are given.
    """
    if mq is not None and droop_percent is not None:
        raise ScopfError("give either mq or droop_percent: both are the reactive droop")


class Parameters:
    """Parameters given for devices at the generators of a network.

    Dispatchable loads are no devices. Faults are collected; `check` raises them.

    Args:
        net: the network, without what is out of service.
        kind: of device, the column of a table with a flag for each unit that is one: "inverter".
        columns: its parameters.
        defaults: of each parameter, for all units or for each.
        optional: parameters that may be NaN, which stands for none.

    Attributes:
        chosen: units that belong to a device, shape of the generator table.
        unit: parameters of each unit, by name.
        at_bus: values of a whole device, by name and bus.
    """

    def __init__(
        self,
        net: Network,
        kind: str,
        columns: tuple[Column, ...],
        defaults: Mapping[str, float | Floats],
        optional: Collection[str] = (),
    ) -> None:
        self.net = net
        self.chosen: Flags = ~net.gen.constant_pf
        self.unit = {key: np.full(len(net.gen), value) for key, value in defaults.items()}
        self.at_bus: dict[str, dict[int, float]] = {key: {} for key in self.unit}
        self._kind, self._columns, self._optional = kind, columns, optional
        self._machine = self.chosen.copy()
        self._others = np.zeros(len(net.gen), dtype=bool)  # units of devices of other kinds
        self._rated = np.zeros(len(net.gen), dtype=bool)  # units whose own rating was given
        self._faults: list[Fault] = []
        self._source = f"{kind}s"

    def check(self) -> None:
        """Raise every fault that was found.

        Raises:
            CaseError: listing them.
        """
        if self._faults:
            raise CaseError(self._source, self._faults)

    def leave_out(self, gens: Iterable[int]) -> None:
        """Generators that are devices of other kinds."""
        self._others = np.isin(self.net.gen.id, list(gens))
        self._machine &= ~self._others
        self.chosen &= ~self._others

    def give(self, key: str, value: Given) -> None:
        """A parameter of every unit, or of the devices at some buses."""
        if isinstance(value, (list, tuple)):
            raise ScopfError(f"{key} must be a number or a mapping by bus number, got {value!r}")
        if hasattr(value, "items"):  # a mapping or a pandas Series
            for bus, one in value.items():
                if number(f"{key}: bus", bus) != int(bus):
                    self._faults.append(Fault("is not a bus number", key, label=str(bus)))
                elif self._known_bus(int(bus), key, None):
                    none = self._is_none(key, one)
                    own = math.nan if none else number(f"{key} of bus {bus}", one)
                    self.at_bus[key][int(bus)] = own
        elif not self._is_none(key, value) and number(key, value) <= 0:
            raise ScopfError(f"{key} must be positive, got {value}")
        else:
            self.unit[key][:] = float(value)
            if key == "mq" and PERCENT in self.unit:  # of the network's own table
                self.unit[PERCENT][:] = math.nan
            self._rated |= key == RATING

    def count_as_rated(self, gens: Iterable[int]) -> None:
        """Generators whose rating by default is one of their own, and no mBase."""
        self._rated |= np.isin(self.net.gen.id, list(gens))

    def select(self, buses: Iterable[int]) -> None:
        """Devices at these buses only."""
        wanted = np.atleast_1d(np.array(list(buses) if isinstance(buses, Iterable) else buses))
        if wanted.size and not np.issubdtype(wanted.dtype, np.integer):
            raise ScopfError(f"buses must be bus numbers, got {buses!r}")
        self.chosen = np.isin(self.net.gen.bus, wanted) & self._machine
        for bus in wanted.tolist():
            self._known_bus(bus, "buses", None)
        for key, values in self.at_bus.items():
            for bus in values:
                if bus not in wanted:
                    text = f"has a value but is not among the buses with an {self._kind}"
                    self._faults.append(Fault(text, key, label=f"bus {bus}"))

    def override(self, table: str | os.PathLike[str] | pd.DataFrame) -> None:
        """Override the values that a table has, keyed by bus or by generator."""
        cells = csvtable.read(table, "table", "table")
        self._source = cells.source or self._source
        layout = Layout(_KEYS, (Column(self._kind, csvtable.flag), *self._columns))
        rows = layout.read(cells)
        self._faults += rows.faults
        seen = set[int]()
        for row in rows:
            label = f"{rows.key} {row.key}"
            if row.key in seen:
                self._faults.append(Fault("occurs twice", rows.key, row.number, label))
            seen.add(row.key)
            units = self._units(rows.key, row.key, row.number)
            if row.values.keys() >= _INSTEAD.keys():
                text = "give either mq or droop_percent: both are the droop"
                self._faults.append(Fault(text, rows.key, row.number, label))
            if self._kind in row.values:
                self.chosen[units] = row.values[self._kind]
            for name in self.unit.keys() & row.values.keys():
                self._set(rows.key, row.key, units, name, row.values[name])

    def rate(self, factor: float) -> None:
        """Ratings by Pmax, of the units that have none of their own and none for their bus."""
        if number("rating_factor", factor) <= 0:
            raise ScopfError(f"rating_factor must be positive, got {factor}")
        gen = self.net.gen
        of_bus = np.isin(gen.bus, list(self.at_bus[RATING]))
        unrated = self.chosen & ~self._rated & ~of_bus
        if self.chosen.any() and not unrated.any():
            log.warning("rating_factor has no effect: every rating is given (rating_mva, s_mva)")
        pmax = gen.pmax * self.net.base_mva
        for row in np.flatnonzero(unrated & ~((pmax > 0) & np.isfinite(pmax))).tolist():
            text = f"Pmax is {pmax[row]:g} MW, which gives no rating; give its rating_mva"
            self._faults.append(Fault(text, "rating_factor", label=self._label(row)))
        self.unit[RATING][unrated] = factor * pmax[unrated]
        self._rated |= unrated

    @property
    def by_mbase(self) -> Flags:
        """Units whose rating is the mBase of the case, shape of the generator table."""
        given = self._rated | np.isin(self.net.gen.bus, list(self.at_bus[RATING]))
        return self.chosen & ~given

    def share_ratings(self) -> None:
        """Ratings of whole devices, shared out in proportion to what their units have."""
        for bus, whole in self.at_bus[RATING].items():
            units = self.chosen & (self.net.gen.bus == bus)
            if units.any():
                self.unit[RATING][units] *= whole / self.unit[RATING][units].sum()

    def check_units(self) -> None:
        """Raise a fault for every parameter of a unit that is no positive number.

        Raises:
            CaseError: listing them.
        """
        for name, values in self.unit.items():
            wrong = self.chosen & ~((values > 0) & np.isfinite(values))
            if name in self._optional:
                wrong &= ~np.isnan(values)
            for row in np.flatnonzero(wrong).tolist():
                text = f"{name} must be a positive number, got {values[row]:g}"
                self._faults.append(Fault(text, self._kind, label=self._label(row)))
        self.check()

    def _is_none(self, key: str, value: object) -> bool:
        """Whether a value says that there is no such parameter."""
        return key in self._optional and isinstance(value, float) and math.isnan(value)

    def _set(self, kind: str, key: int, units: Flags, name: str, value: float) -> None:
        if kind == "bus":
            if units.any():
                self.at_bus[name][key] = value
                self.at_bus.get(_INSTEAD.get(name, ""), {}).pop(key, None)
            return
        self.unit[name][units] = value
        if name == "mq" and PERCENT in self.unit:
            self.unit[PERCENT][units] = math.nan
        if name == RATING:
            self._rated |= units
        for bus in self.net.gen.bus[units].tolist():
            for one in (name, _INSTEAD.get(name, name)):  # the table overrides the keywords
                self.at_bus.get(one, {}).pop(bus, None)

    def _units(self, kind: str, key: int, row: int) -> Flags:
        """Units of this key; none after a fault."""
        gen = self.net.gen
        units: Flags = (gen.bus if kind == "bus" else gen.id) == key
        units = units & self._machine
        if kind == "bus":
            self._known_bus(key, kind, row)
        elif not units.any():
            text = "there is no generator of this number in service"
            if key in gen.id[self._others]:
                text = f"this is a device of another kind, and no {self._kind}"
            elif key in gen.id:
                text = f"this is a dispatchable load, which is no {self._kind}"
            self._faults.append(Fault(text, kind, row, f"gen {key}"))
        return units

    def _known_bus(self, bus: int, table: str, row: int | None) -> bool:
        if bus in self.net.gen.bus[self._machine]:
            return True
        text = "there is no generator in service at this bus"
        if bus in self.net.gen.bus[self._others]:
            text += f", only devices of other kinds than {self._kind}"
        elif bus in self.net.gen.bus:
            text += ", only a dispatchable load"
        elif bus not in self.net.bus.id:
            text = "unknown bus"
        self._faults.append(Fault(text, table, row, f"bus {bus}"))
        return False

    def _label(self, row: int) -> str:
        return f"gen {self.net.gen.id[row]} at bus {self.net.gen.bus[row]}"
