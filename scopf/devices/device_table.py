"""The table of devices: machines and grid-following inverters, and which generators are neither.

Numbers are per unit on the rating of a device, `s_mva`, or without it on the system base.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import texts
from scopf.devices import gfm_parameters, typical
from scopf.devices.gfl import GFL, Followers
from scopf.devices.machine import CLASSICAL, ONE_AXIS, REGULATED, Machines
from scopf.devices.mixed import Devices
from scopf.devices.parameters import RATING
from scopf.devices.table import POSITIVE, Check, Column, Layout, Row, Rows
from scopf.errors import CaseError, Fault, listing, nearest
from scopf.network import csvtable
from scopf.network.csvtable import Cell, Cells
from scopf.network.tables import positions

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Flags
    from scopf.devices.gfm import Inverters
    from scopf.network.network import Network

log = logging.getLogger(__name__)

GFM = "gfm"
KINDS = (GFM, ONE_AXIS, CLASSICAL, REGULATED, GFL)
_MACHINES = (ONE_AXIS, CLASSICAL, REGULATED)
_SOURCE = "devices"  # a table that is no file, in messages
_NOT_NEGATIVE = Check("a number, not negative", lambda value: value >= 0)


def _kind(cell: Cell) -> str:
    """One of `KINDS`.

    Raises:
        ValueError: saying what is wrong.
    """
    given = csvtable.text(cell).strip().lower()
    if given in KINDS:
        return given
    if given == "storage":
        raise ValueError("storage has a table of its own: storage=")
    near = nearest(given, KINDS)
    hint = f"did you mean {near}?" if near else f"known are {listing(KINDS)}"
    raise ValueError(f"unknown device `{csvtable.shown(cell)}`; {hint}")


_OF_MACHINES = (
    Column("xd", csvtable.number, "", POSITIVE),
    Column("xq", csvtable.number, "", POSITIVE),
    Column("xd1", csvtable.number, "", POSITIVE),
    Column("h", csvtable.number, "s", POSITIVE),
    Column("d", csvtable.number, "", _NOT_NEGATIVE),
    Column("td0", csvtable.number, "s", POSITIVE),
    Column("ka", csvtable.number, "", _NOT_NEGATIVE),
    Column("ta", csvtable.number, "s", _NOT_NEGATIVE),
    Column("r", csvtable.number, "", POSITIVE),
    Column("tg", csvtable.number, "s", _NOT_NEGATIVE),
)
_OF_FOLLOWERS = (
    Column("bw_pll", csvtable.number, "rad/s", POSITIVE),
    Column("bw_i", csvtable.number, "rad/s", POSITIVE),
    Column("kv", csvtable.number, "", _NOT_NEGATIVE),
    Column("tv", csvtable.number, "s", _NOT_NEGATIVE),
)
_OF_INVERTERS = tuple(column for column in gfm_parameters.COLUMNS if column.name != RATING)
LAYOUT = Layout(
    (Column("bus", csvtable.whole), Column("gen", csvtable.whole)),
    (
        Column("device", _kind),
        *_OF_MACHINES,
        *_OF_FOLLOWERS,
        *_OF_INVERTERS,
        Column("s_mva", csvtable.number, "MVA", POSITIVE),
    ),
)
_MACHINE, _FOLLOWER, _INVERTER = (
    tuple(column.name for column in columns)
    for columns in (_OF_MACHINES, _OF_FOLLOWERS, _OF_INVERTERS)
)
_COLUMNS = {**dict.fromkeys(_MACHINES, _MACHINE), GFL: _FOLLOWER, GFM: _INVERTER}


@dataclass(frozen=True, eq=False)
class DeviceTable:
    """What a table of devices says.

    Attributes:
        devices: machines and grid-following inverters.
        inverters: parameters of the generators that are `gfm`, as `Inverters.at_generators` takes
            them, per unit on the system base; None where there is no such row.
        rows: number of the row and label, by generator of the devices.
        gfm: the same by generator that is `gfm`.
    """

    devices: Devices
    inverters: pd.DataFrame | None
    rows: dict[int, tuple[int, str]]
    gfm: dict[int, tuple[int, str]] = field(default_factory=dict)


Given = Any  # a CSV file, a DataFrame, Devices or a DeviceTable


def read(given: Devices | str | os.PathLike[str] | pd.DataFrame, net: Network) -> Devices:
    """Machines and grid-following inverters out of a table with a row each.

    One key column, `bus` or `gen`; by bus it is the generator there. `device`: `one-axis`,
    `classical` or `avr` (one-axis with a voltage regulator) for synchronous machines, `gfl` for
    grid-following inverters, `gfm` for generators that are grid-forming ones, as those are that
    the table does not name. `s_mva`: rating of the device, on which its numbers are per unit; by
    default the system base. Columns of machines: `xd`, `xq`, `xd1` (x'd), `h` (s), `d`, `td0`
    (T'd0, s), `ka` and `ta` (s) of an `avr`, `r` and `tg` (s) of a governor, none where `r` is
    blank. Columns of `gfl`: `bw_pll` and `bw_i` (rad/s), `kv` and `tv` (s). Columns of `gfm`: those
    of `Inverters.at_generators`, without `rating_mva`.

    Blank cells have typical values, which is logged (see `scopf.devices.typical`): on `s_mva`, or
    without it on the generator's mBase; `d`, `kv` and a one-axis machine's `ka` are zero.

    Args:
        given: a CSV file, a DataFrame, or devices that have been read for this network.
        net: the network.

    Raises:
        CaseError: listing every fault of the table.
        ScopfError: when it is none of these.
    """
    return read_table(given, net).devices


def read_table(given: Given, net: Network) -> DeviceTable:
    """The same with the rows of grid-forming inverters."""
    if isinstance(given, DeviceTable):
        return given
    if isinstance(given, Devices):
        return _again(given, net.energized())
    cells = csvtable.read(given, "devices", "")
    return _Reader(net, cells).table()


def of_network(net: Network, inverters: Inverters) -> DeviceTable | None:
    """Machines and grid-following inverters of the network's own table; None without any.

    Its generators that belong to the inverters are none.

    Args:
        net: the network.
        inverters: of that network.

    Raises:
        CaseError: listing every fault of the table.
    """
    table = net.energized().dynamics
    if table is None:
        return None
    others = ~table["gen"].isin(inverters.units.gen.tolist()) & (table["device"] != GFM)
    return read_table(table[others], net) if others.any() else None


class _Reader:
    """Devices out of rows, with all faults."""

    def __init__(self, net: Network, cells: Cells) -> None:
        self.whole, self.net, self.base = net, net.energized(), net.base_mva
        self.source = cells.source or _SOURCE
        self.rows = LAYOUT.read(cells)
        self.faults = [*self.rows.faults, *_without_kind(cells, self.rows)]
        self.filled: dict[str, dict[str, typical.Filled]] = {kind: {} for kind in KINDS}
        self.devices: dict[str, list[dict[str, Any]]] = {"machines": [], "followers": []}
        self.inverters: list[dict[str, Any]] = []
        self.taken: dict[int, tuple[int, str]] = {}
        self.forming: dict[int, tuple[int, str]] = {}
        self.by_mbase: list[tuple[str, int]] = []

    def table(self) -> DeviceTable:
        """What the rows say.

        Raises:
            CaseError: listing every fault.
        """
        if not self.rows.rows and not self.faults:
            self.faults.append(Fault("has no rows"))
        seen = set[int]()
        for row in self.rows:
            if row.key in seen:
                self._fault("occurs twice", row, self.rows.key)
            seen.add(row.key)
            self._row(row)
        if self.faults:
            raise CaseError(self.source, self.faults)
        self._explain()
        devices = Devices(
            _columns(Machines, self.devices["machines"]),
            _columns(Followers, self.devices["followers"]),
        )
        return DeviceTable(devices, self._of_inverters(), self.taken, self.forming)

    def _row(self, row: Row) -> None:
        kind, units = row.values.get("device"), self._units(row)
        if kind is None:
            return
        self._misplaced(row, kind)
        if not row.whole or not units:
            return
        base = row.values.get("s_mva", self.base)
        own = {name: row.values[name] for name in _COLUMNS[kind] if name in row.values}
        place = row.number, f"{self.rows.key} {row.key}"
        if kind == GFM:
            self.forming |= dict.fromkeys(units, place)
            values = {name: typical.on_base(name, x, base, self.base) for name, x in own.items()}
            rating = {RATING: base} if "s_mva" in row.values else {}
            self.inverters.append({self.rows.key: row.key, "inverter": 1, **values, **rating})
            return
        at = int(positions(self.net.gen.id, np.array(units))[0])
        rating = row.values.get("s_mva", float(self.net.gen.mbase[at]))
        if kind == GFL:
            found = typical.follower(own, rating, base)
        else:
            found = typical.machine(kind, own, rating, base)
            self._check(row, kind, found)
        if found.by_rating and "s_mva" not in row.values:
            self.by_mbase.append((place[1], at))
        self.filled[kind][place[1]] = found
        values = {n: typical.on_base(n, x, base, self.base) for n, x in found.values.items()}
        one = {"gen": units[0], "bus": int(self.net.gen.bus[at]), "kind": kind, **values}
        self.devices["followers" if kind == GFL else "machines"].append(one)
        self.taken[units[0]] = place

    def _units(self, row: Row) -> list[int]:
        """Numbers of the generators of a row; none after a fault."""
        gen, key = self.net.gen, self.rows.key
        there = (gen.bus if key == "bus" else gen.id) == row.key
        units: list[int] = gen.id[there & ~gen.constant_pf].tolist()
        if not units:
            self._fault(self._absent(row.key, bool(there.any())), row, key)
        elif len(units) > 1 and row.values.get("device") != GFM:
            several = listing(units)
            self._fault(f"generators {several} are at this bus: use the column gen", row, key)
            return []
        return units

    def _absent(self, key: int, load: bool) -> str:
        """Why there is no generator of this key."""
        net, name = self.net, self.net.name or "the network"
        if self.rows.key == "gen":
            if load:
                return "this is a dispatchable load, which is no device"
            there = key in self.whole.gen.id
            return "it is out of service" if there else f"{name} has no generator of this number"
        if load:
            return "there is no generator at this bus, only a dispatchable load"
        if key in net.bus.id:
            return "there is no generator in service at this bus"
        if key in self.whole.bus.id or key in net.unserved.bus:
            return "the bus is out of service, or in an island that is"
        return f"there is no such bus in {name}"

    def _misplaced(self, row: Row, kind: str) -> None:
        """Faults for cells that have no effect on a device of this kind."""
        known = {"device", "s_mva", *_COLUMNS[kind]}
        for name in row.values.keys() - known:
            self._fault(f"{name} has no effect on a device {kind}", row, name)
        if kind in (ONE_AXIS, CLASSICAL) and row.values.get("ka", 0) > 0:
            text = f"a machine with a voltage regulator is a device {REGULATED}, not {kind}"
            self._fault(text, row, "ka")
        if kind == REGULATED and row.values.get("ka") == 0:
            self._fault(f"must be above zero; without a regulator it is {ONE_AXIS}", row, "ka")

    def _check(self, row: Row, kind: str, found: typical.Filled) -> None:
        """Faults of numbers of a machine that do not go together."""
        if kind == CLASSICAL:
            return
        xd, xq, xd1 = (found.values[name] for name in typical.REACTANCES)
        if xq > xd:
            self._fault(f"xq {xq:g} is above xd {xd:g}", row, "xq")
        if xd1 >= xd:
            self._fault(f"xd1 {xd1:g} is not below xd {xd:g}", row, "xd1")

    def _fault(self, text: str, row: Row, column: str) -> None:
        label = f"{self.rows.key} {row.key}"
        self.faults.append(Fault(text, column, row.number, label, column))

    def _explain(self) -> None:
        """Log what was not given, a line for each kind of device."""
        for kind, by_place in self.filled.items():
            if text := typical.explained(kind, by_place):
                log.info("%s", text)
        gen, labels = self.net.gen, [label for label, _ in self.by_mbase]
        if labels:
            text = "devices without s_mva have typical values on mBase: %s"
            log.info(text, listing(labels, most=5))
        small = [label for label, at in self.by_mbase if gen.mbase[at] < gen.pmax[at] * self.base]
        if small:
            text = "typical values are on mBase, which is below Pmax at %s: give s_mva"
            log.warning(text, listing(small, most=5))

    def _of_inverters(self) -> pd.DataFrame | None:
        if not self.inverters:
            return None
        import pandas as pd

        return pd.DataFrame(self.inverters)


def _without_kind(cells: Cells, rows: Rows) -> Iterable[Fault]:
    """Faults where the table does not say what a device is."""
    names = [name.lower() for name in cells.header]
    if "device" not in names:
        yield Fault(f"has no column device, which is one of {listing(KINDS)}")
        return
    for number, row in enumerate(cells.rows, 1):
        if row[names.index("device")] is None and any(cell is not None for cell in row):
            yield Fault("the device is missing", "device", number, column="device")


def _columns(kind: Any, devices: list[dict[str, Any]]) -> Any:
    """Machines or followers of rows with all their values."""
    found = {}
    for name in (one.name for one in fields(kind)):
        values = [one[name] for one in devices]
        if name == "kind":
            found[name] = texts(values)
        else:
            whole = name in ("gen", "bus")
            found[name] = np.array(values, dtype=np.int64 if whole else np.float64)
    return kind(**found)


# -- devices that were read -----------------------------------------------


def _again(devices: Devices, net: Network) -> DeviceTable:
    """Devices that have been read, for another network; those at its dead buses are left out.

    Raises:
        CaseError: listing those whose generators it does not have.
    """
    parts = devices.machines, devices.followers
    kept = Devices(*(_there(part, ~np.isin(part.bus, net.unserved.bus)) for part in parts))
    gens = np.concatenate([kept.machines.gen, kept.followers.gen]).tolist()
    buses = np.concatenate([kept.machines.bus, kept.followers.bus]).tolist()
    at = dict(zip(net.gen.id.tolist(), net.gen.bus.tolist(), strict=True))
    rows, faults = dict[int, tuple[int, str]](), []
    for number, (gen, bus) in enumerate(zip(gens, buses, strict=True), 1):
        label = f"gen {gen}"
        if at.get(gen) != bus:
            text = f"{net.name or 'the network'} does not have it at bus {bus}, in service"
            faults.append(Fault(text, "gen", number, label, "gen"))
        elif gen in rows:
            faults.append(Fault("occurs twice", "gen", number, label, "gen"))
        rows[gen] = number, label
    if faults:
        raise CaseError(_SOURCE, faults)
    return DeviceTable(kept, None, rows)


def _there(part: Any, chosen: Flags) -> Any:
    """Those of the machines or followers that are chosen."""
    if chosen.all():
        return part
    return type(part)(**{one.name: getattr(part, one.name)[chosen] for one in fields(part)})


def frame(devices: Devices) -> pd.DataFrame:
    """The table, per unit on the system base, which `read` makes the same devices of."""
    import pandas as pd

    rows = list[dict[str, Any]]()
    for part in (devices.machines, devices.followers):
        columns = {one.name: getattr(part, one.name).tolist() for one in fields(part)}
        columns["device"] = columns.pop("kind", [GFL] * len(part))
        del columns["bus"]
        for k in range(len(part)):
            row = {name: values[k] for name, values in columns.items()}
            absent = ["ka", "ta"] if row["device"] != REGULATED and row.get("ka") == 0 else []
            absent += ["r"] if row.get("r") == np.inf else []
            rows.append({name: x for name, x in row.items() if name not in absent})
    names = ["gen", "device", *_MACHINE, *_FOLLOWER]
    used = [name for name in names if any(name in row for row in rows)]
    table = pd.DataFrame(rows, columns=used if rows else ["gen", "device"], dtype=object)
    return table.where(table.notna(), None)
