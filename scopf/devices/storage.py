"""Storage: power, energy, efficiencies and converter of every storage unit."""

from __future__ import annotations

import dataclasses
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from scopf.arrays import Flags, Floats, Ints, Strings, texts
from scopf.devices.table import POSITIVE, Check, Column, Layout, Row
from scopf.errors import CaseError, Fault, ScopfError, listing
from scopf.network import csvtable
from scopf.network.csvtable import Cell, Cells, physical

if TYPE_CHECKING:
    import pandas as pd

    from scopf.network.network import Network

log = logging.getLogger(__name__)

FREE = "free"  # of the energy at the end
_SOURCE = "storage"  # a table that is no file, in messages
_NOT_NEGATIVE = Check("a number, not negative", lambda value: value >= 0)
_EFFICIENCY = Check("a number above 0 and at most 1", lambda value: 0 < value <= 1)


def _end(cell: Cell) -> float:
    """MWh; NaN where it is free.

    Raises:
        ValueError: saying what is wrong.
    """
    if isinstance(cell, str) and cell.strip().lower() == FREE:
        return np.nan
    try:
        value = csvtable.number(cell)
    except ValueError:
        shown = csvtable.shown(cell)
        raise ValueError(f"`{shown}` is neither a finite number nor the word {FREE}") from None
    if value < 0:
        raise ValueError(f"must be {_NOT_NEGATIVE.text}, got {value:g} MWh")
    return value


LAYOUT = Layout(
    (Column("bus", csvtable.whole),),
    (
        Column("storage", csvtable.whole, "", Check("a positive number", lambda v: v > 0)),
        Column("name", csvtable.text),
        Column("p_mw", csvtable.number, "MW", _NOT_NEGATIVE),
        Column("p_charge_mw", csvtable.number, "MW", _NOT_NEGATIVE),
        Column("e_mwh", csvtable.number, "MWh", POSITIVE),
        Column("eta_c", csvtable.number, "", _EFFICIENCY),
        Column("eta_d", csvtable.number, "", _EFFICIENCY),
        Column("e0_mwh", csvtable.number, "MWh", _NOT_NEGATIVE),
        Column("e_end_mwh", _end),
        Column("s_mva", csvtable.number, "MVA", POSITIVE),
        Column("qmin_mvar", csvtable.number, "MVAr"),
        Column("qmax_mvar", csvtable.number, "MVAr"),
        Column("mq", csvtable.number, "", POSITIVE),
        Column("p_loss_mw", csvtable.number, "MW", _NOT_NEGATIVE),
        Column("r", csvtable.number, "", _NOT_NEGATIVE),
    ),
)
_POWERS = {  # columns of the table that are divided by the base, by attribute
    "discharge": "p_mw", "charge": "p_charge_mw", "energy": "e_mwh", "start": "e0_mwh",
    "end": "e_end_mwh", "rating": "s_mva", "qmin": "qmin_mvar", "qmax": "qmax_mvar",
    "p_loss": "p_loss_mw",
}  # fmt: skip
_NEEDED = ("p_mw", "e_mwh")
_PLAIN = ("eta_c", "eta_d", "mq", "r")


@dataclass(frozen=True, eq=False)
class Storage:
    """Storage units, each array of shape (n,), per unit on the system base; energies in p.u. h.

    A unit charges with p_c and discharges with p_d, so that its energy changes by
    eta_c p_c - p_d / eta_d for each hour. It gives p = p_d - p_c - p_loss - r (p^2 + q^2) / V^2 and
    q to the network, and p^2 + q^2 is at most the rating squared. This is the generic storage model
    of PowerModels (Geth, Coffrin and Fobes 2020), without reactive losses.

    Attributes:
        id: numbers of the units: rows of the table, or its column `storage`.
        bus: bus number of each.
        charge, discharge: largest power drawn from and given to the network.
        energy: capacity.
        eta_c, eta_d: efficiencies of charging and discharging.
        start: energy at the beginning.
        end: energy at the end; NaN where it is free.
        rating: rated apparent power of the converter.
        qmin, qmax: limits of reactive power.
        mq: reactive droop of a grid-forming converter, per unit on the system base; NaN for none.
        p_loss: standing loss, which its terminals always draw.
        r: series resistance of the converter.
        base_mva: the system base.
        name: the user's names, "" by default.
    """

    id: Ints
    bus: Ints
    charge: Floats
    discharge: Floats
    energy: Floats
    eta_c: Floats
    eta_d: Floats
    start: Floats
    end: Floats
    rating: Floats
    qmin: Floats
    qmax: Floats
    mq: Floats
    p_loss: Floats
    r: Floats
    base_mva: float
    name: Strings = ""  # type: ignore[assignment]

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if field.name == "base_mva":
                continue
            value = getattr(self, field.name)
            if field.name == "name":
                column: Any = texts([value] * len(self) if isinstance(value, str) else value)
            else:
                kind = np.int64 if field.name in ("id", "bus") else np.float64
                column = np.array(value, dtype=kind)
            column.setflags(write=False)
            object.__setattr__(self, field.name, column)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        Storage.__post_init__(self)  # arrays that come out of a pickle can be written to

    def __len__(self) -> int:
        return len(self.id)

    def __repr__(self) -> str:
        return f"Storage({len(self)} at bus {listing(self.bus)})"

    @property
    def labels(self) -> list[str]:
        """A name for each, such as "storage 1 at bus 16"."""
        rows = zip(self.id.tolist(), self.bus.tolist(), strict=True)
        return [f"storage {one} at bus {bus}" for one, bus in rows]

    def take(self, rows: Flags) -> Self:
        """The units where `rows` is true."""
        columns = {
            field.name: getattr(self, field.name)[rows]
            for field in dataclasses.fields(self)
            if field.name != "base_mva"
        }
        return dataclasses.replace(self, **columns)

    @classmethod
    def read(cls, given: Storage | str | os.PathLike[str] | pd.DataFrame, net: Network) -> Storage:
        """Storage units out of a table with one row each; several may be at one bus.

        Columns: `bus`; `p_mw`, largest power given to the network, and `p_charge_mw`, largest power
        drawn from it, by default the same; `e_mwh`, capacity; `eta_c` and `eta_d`, efficiencies, by
        default 1; `e0_mwh`, energy at the beginning, by default half of the capacity; `e_end_mwh`,
        energy at the end, by default that of the beginning, or the word `free`; `s_mva`, rating of
        the converter, by default the larger one of both powers; `qmin_mvar` and `qmax_mvar`, by
        default minus and plus the rating; `mq`, droop per unit on the system base, none by default;
        `p_loss_mw`, standing loss, and `r`, resistance of the converter in p.u. on the system base,
        by default 0; `storage`, its number, by default that of the row; `name`.

        Args:
            given: a DataFrame, a CSV file, or storage that has been read for this network.
            net: the network.

        Raises:
            CaseError: listing every fault of the table.
            ScopfError: when it is none of these, or storage on another base.
        """
        if isinstance(given, Storage):
            if given.base_mva != net.base_mva:
                text = f"this storage is per unit on {given.base_mva:g} MVA, the network on "
                raise ScopfError(f"{text}{net.base_mva:g} MVA; read its table: storage.frame()")
            faults = [
                Fault(text, "storage", k, label)
                for k, (bus, label) in enumerate(zip(given.bus, given.labels, strict=True), 1)
                if (text := _bus_fault(int(bus), net))
            ]
            if faults:
                raise CaseError(_SOURCE, faults)
            return given
        cells = csvtable.read(given, "storage", "")
        rows = LAYOUT.read(cells)
        faults, seen = [*rows.faults, *_missing(cells)], set[int]()
        if not rows.rows and not faults:
            faults.append(Fault("has no rows"))
        units = []
        for row in rows:
            faults += _faults(row, net)
            number = row.values.get("storage", row.number)
            if number in seen:
                faults.append(_fault(f"the number {number} occurs twice", row, "storage"))
            seen.add(number)
            units.append({"id": number, "bus": row.key, **_filled(row)})
        if faults:
            raise CaseError(cells.source or _SOURCE, faults)
        _explain(rows.rows)
        columns = {key: np.array([unit[key] for unit in units]) for key in units[0]}
        return cls(**_per_unit(columns, net.base_mva), base_mva=net.base_mva)

    def frame(self) -> pd.DataFrame:
        """The table, in MW, which `read` makes the same storage of."""
        import pandas as pd

        columns: dict[str, Any] = {"storage": self.id, "bus": self.bus, "name": self.name}
        for key, column in _POWERS.items():
            columns[column] = physical(getattr(self, key), self.base_mva)
        columns |= {key: getattr(self, key) for key in _PLAIN}
        end = columns["e_end_mwh"].tolist()
        columns["e_end_mwh"] = [FREE if np.isnan(value) else value for value in end]
        columns["mq"] = [None if np.isnan(value) else value for value in self.mq.tolist()]
        return pd.DataFrame(columns)


def _missing(cells: Cells) -> list[Fault]:
    """Faults for what a table has to have: columns, and their cells."""
    found, names = list[Fault](), [name.lower() for name in cells.header]
    if missing := [name for name in _NEEDED if name not in names]:
        found.append(Fault(f"has no column {listing(missing)}"))
    for name in _NEEDED:
        for number, row in enumerate(cells.rows, 1):
            if name in names and row[names.index(name)] is None and any(c is not None for c in row):
                found.append(Fault(f"the {name} is missing", name, number, column=name))
    return found


def _fault(text: str, row: Row, column: str) -> Fault:
    return Fault(text, column, row.number, f"bus {row.key}", column)


def _bus_fault(bus: int, net: Network) -> str:
    """A sentence if no storage can be at a bus, or ""."""
    if bus in net.energized().bus.id:
        return ""
    if bus in net.bus.id or bus in net.unserved.bus:
        return "the bus is out of service, or in an island that is"
    return f"there is no such bus in {net.name or 'the network'}"


def _faults(row: Row, net: Network) -> list[Fault]:
    """Faults of a row that are not of a single cell."""
    found = list[Fault]()
    if text := _bus_fault(row.key, net):
        found.append(_fault(text, row, "bus"))
    if not row.whole or any(name not in row.values for name in _NEEDED):
        return found
    all_of = _filled(row)
    if max(all_of["discharge"], all_of["charge"]) <= 0:
        found.append(_fault("it can neither charge nor discharge: p_mw is 0", row, "p_mw"))
    for key, column in (("start", "e0_mwh"), ("end", "e_end_mwh")):
        if all_of[key] > all_of["energy"]:
            text = f"{all_of[key]:g} MWh are more than e_mwh, {all_of['energy']:g} MWh"
            found.append(_fault(text, row, column))
    low, high, rating = (all_of[key] for key in ("qmin", "qmax", "rating"))
    if low > high:
        text = f"qmin_mvar {low:g} MVAr > qmax_mvar {high:g} MVAr"
        found.append(_fault(text, row, "qmin_mvar"))
    elif low > rating or high < -rating:
        text = f"no Q between {low:g} and {high:g} MVAr is within s_mva, {rating:g} MVA"
        found.append(_fault(text, row, "qmin_mvar" if low > rating else "qmax_mvar"))
    return found


def _filled(row: Row) -> dict[str, Any]:
    """Values of a unit by attribute, MW and MWh, defaults where there are none."""
    get = row.values.get
    p, energy = get("p_mw", 0.0), get("e_mwh", 0.0)
    charge, start = get("p_charge_mw", p), get("e0_mwh", energy / 2)
    rating = get("s_mva", max(p, charge))
    return {
        "name": get("name", ""), "charge": charge, "discharge": p, "energy": energy,
        "eta_c": get("eta_c", 1.0), "eta_d": get("eta_d", 1.0), "start": start,
        "end": get("e_end_mwh", start), "rating": rating, "qmin": get("qmin_mvar", -rating),
        "qmax": get("qmax_mvar", rating), "mq": get("mq", np.nan),
        "p_loss": get("p_loss_mw", 0.0), "r": get("r", 0.0),
    }  # fmt: skip


def _per_unit(columns: dict[str, Any], base_mva: float) -> dict[str, Any]:
    return {key: of / base_mva if key in _POWERS else of for key, of in columns.items()}


def _explain(rows: list[Row]) -> None:
    """Log what was not given and matters."""
    half = [row.key for row in rows if "e0_mwh" not in row.values]
    if half:
        text = "storage without e0_mwh begins half full: at bus %s"
        log.info(text, listing(half, most=5))
