"""Inverters: droop, filters and rating of every grid-forming inverter, one per bus."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from scopf.errors import CaseError, Fault, ScopfError, check_names, listing, number, spelled
from scopf.network import csvtable

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Flags, Floats, Ints
    from scopf.network.network import Network

log = logging.getLogger(__name__)

DroopBase = Literal["system", "rating"]
Value = float | Mapping[int, float]

_DEFAULTS = {"mq": 0.05, "beta_q": 1.0, "mp": 0.05, "beta_p": 1.0, "tau_p": 0.1, "tau_q": 0.1}
_PARAMETERS = (*_DEFAULTS, "rating_mva")
_DROOPS = ("mq", "mp")


@dataclass(frozen=True, eq=False)
class Inverters:
    """Grid-forming inverters, at most one per bus, in the order of the network's buses.

    The Q-V droop of the paper (section II) is tau_q dV/dt = -(V - V0) + mq beta_q (Q0 - Q), and the
    P-f droop likewise with mp, beta_p, tau_p. Droops are per unit on the *system* base.

    Attributes:
        bus: bus number of each inverter, shape (n,).
        gens: ids of the generators that act together as the inverter at that bus.
        mq, beta_q: reactive droop (p.u. voltage per p.u. reactive power) and its gain.
        mp, beta_p: active droop (p.u. frequency per p.u. active power) and its gain.
        tau_p, tau_q: power filter time constants in s.
        rating: rated apparent power, per unit on the system base.
    """

    bus: Ints
    gens: tuple[tuple[int, ...], ...]
    mq: Floats
    beta_q: Floats
    mp: Floats
    beta_p: Floats
    tau_p: Floats
    tau_q: Floats
    rating: Floats

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if field.name != "gens":
                kind = np.int64 if field.name == "bus" else np.float64
                column = np.array(getattr(self, field.name), dtype=kind)
                if column.ndim == 0 and field.name != "bus":
                    column = np.full(len(self.bus), column)
                column.setflags(write=False)
                object.__setattr__(self, field.name, column)
        faults = self._faults()
        if faults:
            raise CaseError("inverters", faults)

    def _faults(self) -> list[Fault]:
        found = []
        for field in dataclasses.fields(self):
            values = getattr(self, field.name)
            if len(values) != len(self.bus):
                text = f"{len(values)} values for {len(self.bus)} inverters"
                found.append(Fault(text, field.name))
            elif field.name not in ("bus", "gens"):
                for i in np.flatnonzero(~((values > 0) & np.isfinite(values))):
                    text = f"must be a positive number, got {values[i]:g}"
                    found.append(Fault(text, field.name, label=f"bus {self.bus[i]}"))
        return found

    def __len__(self) -> int:
        return len(self.bus)

    def __repr__(self) -> str:
        return f"Inverters({len(self)} at bus {listing(self.bus)})"

    @property
    def k(self) -> Floats:
        """Effective reactive droop k = mq beta_q, shape (n,)."""
        return self.mq * self.beta_q

    @property
    def labels(self) -> list[str]:
        """A name for each, such as "inverter 32"."""
        return [f"inverter {bus}" for bus in self.bus.tolist()]

    def replace(self, **columns: Any) -> Self:
        """A copy with other values in the named columns.

        Raises:
            ScopfError: naming a column that there is not.
        """
        check_names("Inverters", "column", columns, [f.name for f in dataclasses.fields(self)])
        return dataclasses.replace(self, **columns)

    @classmethod
    @spelled
    def at_generators(
        cls,
        net: Network,
        *,
        buses: Iterable[int] | None = None,
        table: str | os.PathLike[str] | pd.DataFrame | None = None,
        droop_base: DroopBase = "system",
        mq: Value | None = None,
        beta_q: Value | None = None,
        mp: Value | None = None,
        beta_p: Value | None = None,
        tau_p: Value | None = None,
        tau_q: Value | None = None,
        rating_mva: Value | None = None,
        rating_factor: float | None = None,
    ) -> Self:
        """An inverter at every generator bus, or at `buses` only.

        A number holds for each generating unit. Units on one bus act as one inverter, in parallel:
        their stiffnesses 1/(mq beta_q) add up, and so do their ratings. A value given for a bus (a
        mapping by bus number, or a table keyed by bus) is that of the whole inverter there.

        Args:
            net: the network; generators out of service are left out.
            buses: bus numbers that have an inverter; all generator buses when None. Dispatchable
                loads are no generators here.
            table: CSV file or DataFrame with one key column, `bus` or `gen`, and any of the columns
                mq, beta_q, mp, beta_p, tau_p, tau_q, rating_mva, and `inverter` (0: the machine
                there is no inverter). It overrides the keywords; blank cells and rows that are not
                there leave them as they are.
            droop_base: "system" when mq and mp are per unit on the system base, as in the paper;
                "rating" when they are per unit of each inverter's own rating.
            mq: reactive droop, default 0.05.
            beta_q: gain of the reactive droop, default 1.
            mp: active droop, default 0.05.
            beta_p: gain of the active droop, default 1.
            tau_p: filter time constant of active power in s, default 0.1.
            tau_q: filter time constant of reactive power in s, default 0.1.
            rating_mva: rated apparent power, default the case's machine base (mBase).
            rating_factor: rated apparent power of each unit over its Pmax, where rating_mva does
                not say it.

        Raises:
            CaseError: listing every unknown bus or generator and every value that is out of range.
        """
        given = {
            "mq": mq, "beta_q": beta_q, "mp": mp, "beta_p": beta_p,
            "tau_p": tau_p, "tau_q": tau_q, "rating_mva": rating_mva,
        }  # fmt: skip
        reader = _Reader(net.energized(), droop_base)
        with np.errstate(all="ignore"):  # what overflows is no positive number, and that is found
            return cls(**reader.read(given, buses, table, rating_factor))

    def frame(self) -> pd.DataFrame:
        """The inverters as a table, one row each, per unit on the system base."""
        import pandas as pd

        columns = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        columns["gens"] = ["+".join(map(str, units)) for units in self.gens]
        return pd.DataFrame(columns)


class _Reader:
    """Collects parameters per unit, combines the units of a bus, applies what is given per bus."""

    def __init__(self, net: Network, droop_base: DroopBase) -> None:
        if droop_base not in ("system", "rating"):
            raise ScopfError(f'droop_base is "system" or "rating", got {droop_base!r}')
        self.net = net
        self.own_base = droop_base == "rating"
        self.faults: list[Fault] = []
        self.source = "inverters"
        self.machine = ~net.gen.constant_pf  # a dispatchable load is none
        self.is_inverter = self.machine.copy()
        self.unit = {key: np.full(len(net.gen), value) for key, value in _DEFAULTS.items()}
        self.unit["rating_mva"] = net.gen.mbase.copy()
        self.rated = np.zeros(len(net.gen), dtype=bool)  # units whose own rating was given
        self.at_bus: dict[str, dict[int, float]] = {key: {} for key in _PARAMETERS}

    def read(
        self,
        given: Mapping[str, Value | None],
        buses: Iterable[int] | None,
        table: str | os.PathLike[str] | pd.DataFrame | None,
        rating_factor: float | None = None,
    ) -> dict[str, Any]:
        """Columns of an Inverters object."""
        for key, value in given.items():
            self._keyword(key, value)
        if buses is not None:
            self._select(buses)
        if table is not None:
            self._table(table)
        if rating_factor is not None:
            self._rate(rating_factor)
        if self.faults:
            raise CaseError(self.source, self.faults)
        columns = self._combine()
        if self.faults:
            raise CaseError(self.source, self.faults)
        return columns

    def _keyword(self, key: str, value: Value | None) -> None:
        if value is None:
            return
        if hasattr(value, "items"):  # a mapping or a pandas Series
            for bus, one in value.items():
                if number(f"{key}: bus", bus) != int(bus):
                    self.faults.append(Fault("is not a bus number", key, label=str(bus)))
                elif self._known_bus(int(bus), key, None):
                    self.at_bus[key][int(bus)] = number(f"{key} of bus {bus}", one)
        elif isinstance(value, (list, tuple)):
            raise ScopfError(f"{key} must be a number or a mapping by bus number, got {value!r}")
        elif number(key, value) <= 0:
            raise ScopfError(f"{key} must be positive, got {value}")
        else:
            self.unit[key][:] = float(value)
            self.rated |= key == "rating_mva"

    def _rate(self, factor: float) -> None:
        """Ratings by Pmax, of the units that have none of their own and none for their bus."""
        if number("rating_factor", factor) <= 0:
            raise ScopfError(f"rating_factor must be positive, got {factor}")
        gen = self.net.gen
        of_bus = np.isin(gen.bus, list(self.at_bus["rating_mva"]))
        open_ = self.is_inverter & ~self.rated & ~of_bus
        if not open_.any():
            log.warning("rating_factor has no effect: every rating is given by rating_mva")
        pmax = gen.pmax * self.net.base_mva
        for row in np.flatnonzero(open_ & ~((pmax > 0) & np.isfinite(pmax))):
            text = f"Pmax is {pmax[row]:g} MW, which gives no rating; give its rating_mva"
            label = f"gen {gen.id[row]} at bus {gen.bus[row]}"
            self.faults.append(Fault(text, "rating_factor", label=label))
        self.unit["rating_mva"][open_] = factor * pmax[open_]

    def _select(self, buses: Iterable[int]) -> None:
        wanted = np.atleast_1d(np.array(list(buses) if isinstance(buses, Iterable) else buses))
        if wanted.size and not np.issubdtype(wanted.dtype, np.integer):
            raise ScopfError(f"buses must be bus numbers, got {buses!r}")
        self.is_inverter = np.isin(self.net.gen.bus, wanted) & self.machine
        for bus in wanted.tolist():
            self._known_bus(bus, "buses", None)
        for key, values in self.at_bus.items():
            for bus in values:
                if bus not in wanted:
                    text = "has a value but is not among the buses with an inverter"
                    self.faults.append(Fault(text, key, label=f"bus {bus}"))

    def _known_bus(self, bus: int, table: str, row: int | None) -> bool:
        if bus in self.net.gen.bus[self.machine]:
            return True
        text = "there is no generator in service at this bus"
        if bus in self.net.gen.bus:
            text += ", only a dispatchable load"
        elif bus not in self.net.bus.id:
            text = "unknown bus"
        self.faults.append(Fault(text, table, row, f"bus {bus}"))
        return False

    def _table(self, table: str | os.PathLike[str] | pd.DataFrame) -> None:
        frame = self._frame(table)
        keys = [key for key in ("bus", "gen") if key in frame.columns]
        known = (*_PARAMETERS, "bus", "gen", "inverter")
        unknown = [c for c in frame.columns if c not in known]
        if unknown:
            text = f"unknown column {listing(unknown)}; known are bus or gen, inverter, "
            self.faults.append(Fault(text + listing(_PARAMETERS)))
        twice = frame.columns[frame.columns.duplicated()].unique()
        if len(twice):
            self.faults.append(Fault(f"column {listing(twice)} occurs twice"))
        frame = frame.loc[:, [c in known for c in frame.columns] & ~frame.columns.duplicated()]
        if len(keys) != 1:
            self.faults.append(Fault("needs one key column, either `bus` or `gen`"))
            return
        numbers = self._numeric(frame)
        again = numbers[keys[0]][numbers[keys[0]].duplicated()].dropna()
        for row, repeated in again.items():
            self.faults.append(Fault("occurs twice", keys[0], int(str(row)) + 1, f"{repeated:g}"))
        for row, record in enumerate(numbers.to_dict("records"), 1):
            self._record(keys[0], record, row)

    def _frame(self, table: str | os.PathLike[str] | pd.DataFrame) -> pd.DataFrame:
        import pandas as pd

        if isinstance(table, pd.DataFrame):
            return table.reset_index(drop=True)
        if not isinstance(table, (str, os.PathLike)):
            raise ScopfError(f"table must be a file or a DataFrame, not {type(table).__name__}")
        self.source = os.fspath(table)
        header, rows, faults = csvtable.read(self.source, "table")
        self.faults += faults
        return pd.DataFrame([[cell or None for cell in row] for row in rows], columns=header)

    def _numeric(self, frame: pd.DataFrame) -> pd.DataFrame:
        import pandas as pd

        numbers: pd.DataFrame = frame.apply(pd.to_numeric, errors="coerce")
        for row, column in zip(
            *np.nonzero((numbers.isna() & frame.notna()).to_numpy()), strict=True
        ):
            text = f"`{frame.iloc[row, column]!s}` is not a number"
            name = str(frame.columns[column])
            self.faults.append(Fault(text, name, int(row) + 1))
        return numbers

    def _record(self, key: str, record: Mapping[Any, float], row: int) -> None:
        key_number = record[key]
        if not (np.isfinite(key_number) and key_number == round(key_number)):
            self.faults.append(Fault(f"the {key} number is missing or not whole", key, row))
            return
        if key == "bus":
            if not self._known_bus(int(key_number), "bus", row):
                return
            units = (self.net.gen.bus == int(key_number)) & self.machine
        else:
            units = (self.net.gen.id == int(key_number)) & self.machine
            if not units.any():
                text = "there is no generator of this number in service"
                if int(key_number) in self.net.gen.id:
                    text = "this is a dispatchable load, which is no inverter"
                self.faults.append(Fault(text, "gen", row, f"gen {key_number:g}"))
                return
        flag = record.get("inverter", np.nan)
        if flag in (0, 1):
            self.is_inverter[units] = flag == 1
        elif not np.isnan(flag):
            self.faults.append(Fault(f"must be 0 or 1, got {flag:g}", "inverter", row))
        for name in _PARAMETERS:
            value = record.get(name, np.nan)
            if np.isnan(value):
                continue
            if not 0 < value < np.inf:
                text = f"must be a positive number, got {value:g}"
                self.faults.append(Fault(text, name, row, f"{key} {key_number:g}"))
            if key == "bus":
                self.at_bus[name][int(key_number)] = value
            else:
                self.unit[name][units] = value
                if name == "rating_mva":
                    self.rated |= units
                for bus in self.net.gen.bus[units].tolist():
                    self.at_bus[name].pop(bus, None)  # the table overrides the keywords

    def _combine(self) -> dict[str, Any]:
        """One inverter per bus out of its units, then what was given for the bus as a whole."""
        net, unit, on = self.net, dict(self.unit), self.is_inverter
        base = net.base_mva
        for bus, whole in self.at_bus["rating_mva"].items():  # shared out like the units' own
            units = on & (net.gen.bus == bus)
            if units.any():
                unit["rating_mva"][units] *= whole / unit["rating_mva"][units].sum()
        for name, values in unit.items():
            self._positive(name, values, on)
        if self.faults:
            return {}
        if self.own_base:
            for name in _DROOPS:
                unit[name] = unit[name] * base / unit["rating_mva"]
        at, inverse = np.unique(net.gen_at[on], return_inverse=True)
        ids, members = net.gen.id[on], [np.flatnonzero(inverse == i) for i in range(len(at))]
        unit = {name: values[on] for name, values in unit.items()}

        def total(values: Floats) -> Floats:
            return np.bincount(inverse, values, minlength=len(at)).astype(np.float64)

        mq, mp = 1 / total(1 / unit["mq"]), 1 / total(1 / unit["mp"])
        kq = 1 / total(1 / (unit["mq"] * unit["beta_q"]))
        kp = 1 / total(1 / (unit["mp"] * unit["beta_p"]))
        columns: dict[str, Any] = {
            "mq": mq,
            "beta_q": kq / mq,
            "mp": mp,
            "beta_p": kp / mp,
            "tau_p": total(unit["tau_p"] / (unit["mp"] * unit["beta_p"])) * kp,
            "tau_q": total(unit["tau_q"] / (unit["mq"] * unit["beta_q"])) * kq,
            "rating_mva": total(unit["rating_mva"]),
        }
        buses = net.bus.id[at]
        self._override(buses, columns, base)
        columns["rating"] = columns.pop("rating_mva") / base
        gens = tuple(tuple(ids[rows].tolist()) for rows in members)
        return {"bus": buses, "gens": gens, **columns}

    def _override(self, buses: Ints, columns: dict[str, Any], base: float) -> None:
        place = {int(bus): i for i, bus in enumerate(buses)}
        for name in ("rating_mva", *_DEFAULTS):
            for bus, value in self.at_bus[name].items():
                if bus not in place:
                    continue
                i = place[bus]
                own = self.own_base and name in _DROOPS
                columns[name][i] = value * base / columns["rating_mva"][i] if own else value

    def _positive(self, name: str, values: Floats, on: Flags) -> None:
        for row in np.flatnonzero(on & ~((values > 0) & np.isfinite(values))):
            text = f"{name} must be a positive number, got {values[row]:g}"
            label = f"gen {self.net.gen.id[row]} at bus {self.net.gen.bus[row]}"
            self.faults.append(Fault(text, "inverter", label=label))
