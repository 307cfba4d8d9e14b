"""Hours of a dispatch: the network in each of them, with its loads, costs and limits."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.errors import CaseError, Fault, ScopfError, listing
from scopf.network import hour_table
from scopf.network.hour_table import DURATION, HOUR, HourTable
from scopf.network.network import LOADS, Network
from scopf.network.tables import positions

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Floats

_VARYING = {"bus": LOADS, "gen": ("pmin", "pmax", "qmin", "qmax", "cost_p", "cost_p_points")}


@dataclass(frozen=True, eq=False)
class Hours:
    """Hours that are dispatched together.

    Attributes:
        names: labels of the hours, each of its own.
        duration: of each, in h, shape (hours,).
        nets: the network in each hour: the same elements, with its loads, limits and costs.
        table: what they were read from.
        given: the network that they were read for.
    """

    names: tuple[str, ...]
    duration: Floats
    nets: tuple[Network, ...]
    table: HourTable | None = field(default=None, repr=False)
    given: Network | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        duration = np.array(self.duration, dtype=np.float64)
        duration.setflags(write=False)
        object.__setattr__(self, "duration", duration)

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def read(cls, given: Any, net: Network) -> Hours:
        """Hours out of a table, or out of one load factor for each hour.

        Columns, which have a value in every row; a column of a bus or a generator of its own
        replaces the one for all there:

        - `hour` (or `time`, `step`, `snapshot`; so may the index be named): label, by default 1,
          2, ...; `duration_h`, by default 1;
        - `load_scale` (or `all`), `load_scale_<bus>` (or the number of the bus): load factors;
        - `p_mw_<bus>`, `q_mvar_<bus>`: the load at 1 p.u. voltage; without the one of them, that
          power is as in `net`, times the factor for all;
        - `availability_<gen>`: factor on Pmax; `pmin_mw_<gen>`, `pmax_mw_<gen>`: limits
          (a dispatchable load keeps its power factor);
        - `cost_factor`, `cost_factor_<gen>`: factor on the cost of active power of generators;
          `price_<gen>`: cost per MWh instead of that cost.

        Args:
            given: a DataFrame, a CSV file, a sequence of load factors, or hours that have been
                read before (their table is read again for another network).
            net: the network, whose loads, costs and limits the table changes.

        Raises:
            CaseError: listing every fault of the table.
            ScopfError: when it is no such thing, or these are hours of another network and have
                no table.
        """
        if isinstance(given, Hours):
            return given.of(net)
        table = hour_table.read(given, net)
        faults, nets = list[Fault](), list[Network]()
        changes = _Changes(net, table)
        for k in range(len(table.names)):
            faults += changes.faults(k)
        if faults:
            raise CaseError(table.source, faults)
        for k, name in enumerate(table.names):
            try:
                nets.append(changes.net(k))
            except CaseError as error:
                faults += [_in_hour(fault, name, k) for fault in error.faults]
        if faults:
            raise CaseError(table.source, faults)
        return cls(table.names, table.columns[DURATION], tuple(nets), table, net)

    def frame(self) -> pd.DataFrame:
        """The table, which `read` makes the same hours of.

        Raises:
            ScopfError: when these hours come from no table.
        """
        import pandas as pd

        if self.table is None:
            raise ScopfError("these hours were made without a table, so they have none")
        return pd.DataFrame({HOUR: list(self.names), **self.table.columns})

    def of(self, net: Network) -> Hours:
        """These hours, of a network that may be another one.

        Raises:
            CaseError: listing every fault of their table there.
            ScopfError: without a table, saying what differs.
        """
        if self.given is not None and self.table is not None:
            same = self.given is net or self.given == net
            return self if same else Hours.read(self.frame(), net)
        other = [
            key
            for key, table in net.tables.items()
            if any(not _alike(one.tables[key], table) for one in self.nets)
        ]
        if any(one.base_mva != net.base_mva for one in self.nets):
            other.append("base_mva")
        if other:
            text = f"these hours are of another network, which has another {listing(other)}"
            raise ScopfError(text)
        return self


def _alike(one: Any, other: Any) -> bool:
    """Whether tables differ in nothing but what hours change."""
    if len(one) != len(other):
        return False
    columns = {name: getattr(other, name) for name in _VARYING.get(one.key, ())}
    return bool(dataclasses.replace(one, **columns) == other)


def _in_hour(fault: Fault, name: str, k: int) -> Fault:
    where = f"hour {name}, {fault.label or fault.table}".rstrip(", ")
    return Fault(fault.text, "hours", k + 1, where, fault.column)


class _Changes:
    """What a table changes in a network, hour by hour."""

    def __init__(self, net: Network, table: HourTable) -> None:
        self._net, self._table = net, table
        self._factor = {name: self._factors(name) for name in ("load_scale", "cost_factor")}

    def _factors(self, name: str) -> Floats:
        """Factors of every bus or generator, a row for each hour."""
        table = self._table
        of = self._net.bus if name == "load_scale" else self._net.gen
        for_all = table.columns.get(name, np.ones(len(table.names)))
        found: Floats = np.repeat(for_all[:, None], len(of), axis=1)
        for number, values in table.own(name).items():
            found[:, of.id == number] = values[:, None]
        return found

    def faults(self, k: int) -> list[Fault]:
        """Faults of availabilities in an hour."""
        found, gen, base = list[Fault](), self._net.gen, self._net.base_mva
        pmin = self._limit("pmin", k)
        for number, values in self._table.own("availability").items():
            column, label = f"availability_{number}", f"hour {self._table.names[k]}"
            for at in np.flatnonzero((gen.id == number) & gen.in_service).tolist():
                pmax = gen.pmax[at]
                if not (pmax > 0 and np.isfinite(pmax)):
                    if k == 0:
                        text = f"Pmax of {gen.label(at)} is {pmax * base:g} MW; an availability "
                        text += f"needs a positive one, or give pmax_mw_{number}"
                        found.append(Fault(text, column, column=column))
                elif pmin[at] > (left := values[k] * pmax):
                    text = f"{values[k]:g} leaves {left * base:g} MW of {gen.label(at)}, less than "
                    text += f"its Pmin of {pmin[at] * base:g} MW; give pmin_mw_{number} as well"
                    found.append(Fault(text, column, k + 1, label, column))
        return found

    def net(self, k: int) -> Network:
        """The network in an hour.

        Raises:
            CaseError: when it is none that can be solved.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is a fault
            bus, gen = self._loads(k), self._gens(k)
        return self._net.replace(bus=bus, gen=gen, unserved=self._unserved(k))

    def _loads(self, k: int) -> dict[str, Floats]:
        bus, table = self._net.bus, self._table
        found = {key: getattr(bus, key) * self._factor["load_scale"][k] for key in LOADS}
        for name, key in (("p_mw", "pd"), ("q_mvar", "qd")):
            for number, values in table.own(name).items():
                at, power = bus.id == number, values[k] / self._net.base_mva
                constant, current = getattr(bus, key)[at], getattr(bus, f"{key}_current")[at]
                total = constant + current
                with np.errstate(divide="ignore", invalid="ignore"):
                    part = np.where(total != 0, current / total, 0.0)
                found[f"{key}_current"][at] = power * part
                found[key][at] = np.where(part == 0, power, power * (1 - part))
        return found

    def _unserved(self, k: int) -> Any:
        """Loads that are not served."""
        out, table = self._net.unserved, self._table
        for_all = table.columns.get("load_scale", np.ones(len(table.names)))[k]
        own = {bus: float(values[k]) for bus, values in table.own("load_scale").items()}
        scaled = out.scaled({bus: own.get(bus, float(for_all)) for bus in out.bus.tolist()})
        changed: dict[str, Any] = {"pd": scaled.pd.copy(), "qd": scaled.qd.copy()}
        for name, key in (("p_mw", "pd"), ("q_mvar", "qd")):
            for number, values in table.own(name).items():
                changed[key][out.bus == number] = values[k] / self._net.base_mva
        return dataclasses.replace(scaled, **changed)

    def _limit(self, key: str, k: int) -> Floats:
        gen, table = self._net.gen, self._table
        limit: Floats = getattr(gen, key).copy()
        for number, values in table.own(f"{key}_mw").items():
            limit[gen.id == number] = values[k] / self._net.base_mva
        if key == "pmax":
            for number, values in table.own("availability").items():
                limit[gen.id == number] *= values[k]
        return limit

    def _gens(self, k: int) -> dict[str, Floats]:
        gen = self._net.gen
        factor = self._factor["cost_factor"][k]
        cost, points = gen.cost_p * factor[:, None], gen.cost_p_points.copy()
        points[:, :, 1] *= factor[:, None]
        prices = self._table.own("price")
        for at, values in zip(positions(gen.id, list(prices)), prices.values(), strict=True):
            if at >= 0:
                points[at] = np.nan
                cost[at] = 0.0
                cost[at, 1] = values[k] * self._net.base_mva
        pmin, pmax = (self._limit(key, k) for key in ("pmin", "pmax"))
        growth = np.divide(pmin, gen.pmin, out=np.ones(len(gen)), where=gen.constant_pf)
        of_q = {"qmin": gen.qmin * growth, "qmax": gen.qmax * growth}  # Q / P stays as it is
        return {"pmin": pmin, "pmax": pmax, **of_q, "cost_p": cost, "cost_p_points": points}
