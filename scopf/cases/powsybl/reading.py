"""pypowsybl networks as networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scopf import files
from scopf.arrays import Complexes, Floats, Ints, texts
from scopf.cases.approximations import Approximations
from scopf.cases.faults import by_name
from scopf.cases.powsybl import branches, costs, hvdc, loads, units, unsupported
from scopf.cases.powsybl.branches import Inner
from scopf.cases.powsybl.ratings import Ratings
from scopf.cases.powsybl.tables import Tables, physical_units
from scopf.cases.psse import costs as tables_of_costs
from scopf.cases.twoports import TwoPorts
from scopf.errors import CaseError, Fault, installation, listing
from scopf.network.network import Network
from scopf.network.tables import REFERENCE, Buses, Gens, positions

_PLAIN, _REGULATED = 1, 2  # bus types
_LOW, _HIGH = 0.9, 1.1  # p.u., where a voltage level has no limits
_CDF = ".cdf"  # pypowsybl knows IEEE-CDF files by .txt


def load(path: Path, **settings: Any) -> Network:
    """Read a file with pypowsybl.

    Args:
        path: the file; its suffix says what it is.
        settings: as of `read`.

    Raises:
        CaseError: when pypowsybl cannot read it, and for every fault of the network.
    """
    try:
        import pypowsybl
    except ImportError as error:
        if error.name != "pypowsybl":
            raise installation(error) from error
        text = "pypowsybl reads such a file and is not installed: `pip install 'scopf[powsybl]'`"
        raise CaseError(str(path), [Fault(text)]) from error
    try:
        if path.suffix.lower() == _CDF:
            content = files.text(path, errors="replace")
            net = pypowsybl.network.load_from_string(f"{path.stem}.txt", content)
        else:
            files.check(path)
            net = pypowsybl.network.load(str(path))
    except OSError as error:
        raise CaseError(str(path), [Fault(f"cannot be read: {error.strerror}")]) from error
    except pypowsybl.PyPowsyblError as error:
        raise CaseError(str(path), [Fault(f"pypowsybl cannot read it: {error}")]) from error
    return read(net, name=path.stem, beside=path, **settings)


def read(
    net: Any,
    *,
    name: str = "",
    beside: Path | None = None,
    costs_from: tables_of_costs.Source | None = None,
    dispatch_dc: bool = False,
    ignore_unsupported: bool = False,
) -> Network:
    """Read a pypowsybl network, in its working variant, into a validated per-unit network.

    Args:
        net: the network, left as it is.
        name: of the case; "" takes that of the network.
        beside: the file that it comes from.
        costs_from: table of costs by the id of a unit, a CSV file or a DataFrame; None takes
            `grid.costs.csv` beside the file `grid.xiidm`.
        dispatch_dc: whether the power of HVDC lines is a variable between zero and its maximum.
        ignore_unsupported: log content that the model does not represent instead of refusing it.

    Raises:
        CaseError: listing every fault with table and id.
    """
    source = str(beside or name or net.name or net.id or "pypowsybl network")
    notes = Approximations(source)
    left_out = unsupported.faults(net)
    if left_out and not ignore_unsupported:
        raise CaseError(source, left_out)
    for fault in left_out:
        notes.add(f"ignored: {fault}")
    with physical_units(net):
        parsed = _Parsed(Tables(net), notes, dispatch_dc)
        unsupported.explain(parsed.tables, notes)
    return notes.of(parsed.network(source, name or source, costs_from, beside))


class _Parsed:
    """Network of the tables.

    Args:
        tables: of the network.
        notes: gets sentences on what is changed or left out.
        dispatch_dc: whether the power of HVDC lines is a variable.
    """

    def __init__(self, tables: Tables, notes: Approximations, dispatch_dc: bool) -> None:
        self.tables, self.notes, self.faults = tables, notes, list[Fault]()
        if not len(tables.bus):
            self.faults.append(Fault("has no rows", "buses"))
        self.ports, self.inner = branches.all_of(tables, Ratings(tables, notes))
        self.ports = self.ports.with_impedance(notes)
        self.units = units.all_of(tables, notes)
        self.dcline = hvdc.table(tables, dispatch_dc, notes, self.faults)
        self.bus = _buses(tables, self.inner, self.ports, self.units, notes)

    def network(
        self, source: str, name: str, costs_from: tables_of_costs.Source | None, beside: Path | None
    ) -> Network:
        """The network.

        Raises:
            CaseError: listing every fault, by the ids of the elements.
        """
        gens, text, more = _gens(self.units, costs_from, beside, self.tables.base)
        if text:
            self.notes.add(text)
        branch = self.ports.branches(self.tables.base)
        faults = [*self.faults, *more]
        try:
            net = Network(name, self.tables.base, self.bus, gens, branch, self.dcline)
        except CaseError as error:
            faults += by_name(error.faults, self.bus, gens, branch, self.dcline)
        if faults:
            raise CaseError(source, faults)
        return net


def _buses(
    tables: Tables, inner: Inner, ports: TwoPorts, table: pd.DataFrame, notes: Approximations
) -> Buses:
    bus, base = tables.bus, tables.base
    number = np.concatenate([bus["number"].to_numpy(dtype=np.int64), inner.id])
    load, current, shunt = (np.zeros(len(number), dtype=np.complex128) for _ in range(3))
    for part in loads.drawn(tables, notes):
        _add(load, number, part.bus, part.power / base)
        _add(current, number, part.bus, part.current / base)
        _add(shunt, number, part.bus, part.impedance.conj() / base)
    for at, admittance in (_shunts(tables), ports.shunts()):
        _add(shunt, number, at, admittance)
    home, n = positions(number, inner.home), len(bus)
    home = np.where(home < 0, 0, home)
    kilovolts = bus["nominal_v"].to_numpy(dtype=np.float64)
    vmin, vmax = _voltage_limits(bus, notes)
    vm = (bus["v_mag"] / kilovolts).fillna(1.0).to_numpy()
    va = np.radians(bus["v_angle"].fillna(0.0).to_numpy())
    kind = np.where(np.isin(number, table["bus"]), _REGULATED, _PLAIN)
    kind[_references(tables)] = REFERENCE
    ones = np.ones(len(number), dtype=np.int64)
    return Buses(
        id=number,
        type=kind,
        pd=load.real,
        qd=load.imag,
        gs=shunt.real,
        bs=shunt.imag,
        vm=np.concatenate([vm, np.ones(len(inner.id))]),
        va=np.concatenate([va, va[home] if n else va]),
        base_kv=np.concatenate([kilovolts, inner.kilovolts]),
        vmin=np.concatenate([vmin, np.zeros(len(inner.id))]),
        vmax=np.concatenate([vmax, np.full(len(inner.id), np.inf)]),
        area=ones,
        zone=ones,
        name=texts([*bus.index, *inner.name]),
        pd_current=current.real,
        qd_current=current.imag,
    )


def _add(total: Complexes, number: Ints, at: Ints, values: Any) -> None:
    """Add values at buses; what is not connected is left out."""
    place = positions(number, at)
    np.add.at(total, place[place >= 0], np.asarray(values)[place >= 0])


def _shunts(tables: Tables) -> tuple[Ints, Complexes]:
    """Numbers of buses, and admittances of the sections in service there, per unit."""
    table = tables["shunt_compensators"]
    kilovolts = tables.bus["nominal_v"].reindex(table["bus_id"]).to_numpy()
    value = (table["g"] + 1j * table["b"]).to_numpy() * kilovolts**2 / tables.base
    return tables.numbers(table["bus_id"]), np.asarray(value, dtype=np.complex128)


def _voltage_limits(bus: pd.DataFrame, notes: Approximations) -> tuple[Floats, Floats]:
    found = []
    for column, default in (("low_voltage_limit", _LOW), ("high_voltage_limit", _HIGH)):
        limit = bus[column] / bus["nominal_v"]
        found.append(limit.fillna(default).to_numpy(dtype=np.float64))
    without = bus[["low_voltage_limit", "high_voltage_limit"]].isna().any(axis=1)
    if without.any():
        levels = bus.loc[without, "voltage_level_id"].unique()
        notes.add(
            f"limits of voltages are {_LOW:g} and {_HIGH:g} p.u. where a voltage level has none "
            f"({len(levels)}): {listing(levels, most=5)}"
        )
    return found[0], found[1]


def _references(tables: Tables) -> Ints:
    """Places of the first slack bus of each synchronous component that has one."""
    slack = tables.extension("slackTerminal")
    if not len(slack):
        return np.zeros(0, dtype=np.int64)
    there = tables.bus[tables.bus.index.isin(slack["bus_id"])]
    first = there.drop_duplicates("synchronous_component")
    return first["number"].to_numpy(dtype=np.int64) - 1


def _gens(
    table: pd.DataFrame, costs_from: tables_of_costs.Source | None, beside: Path | None, base: float
) -> tuple[Gens, str, list[Fault]]:
    """The table of generators, a sentence on units without costs, and faults of the costs."""
    names = table["name"].tolist()
    given = {key: table[key].to_numpy(dtype=np.float64) / base
             for key in ("pg", "qg", "pmin", "pmax", "qmin", "qmax", *units.CURVE)}  # fmt: skip
    limits = given["pmin"], given["pmax"]
    columns, text, faults = costs.of(costs_from, beside, names, limits, base)
    found = Gens(
        id=np.arange(1, len(table) + 1),
        bus=table["bus"].to_numpy(dtype=np.int64),
        in_service=np.ones(len(table), dtype=bool),
        vg=table["vg"].to_numpy(dtype=np.float64),
        mbase=table["mbase"].to_numpy(dtype=np.float64),
        name=texts(names),
        **(given | columns),
    )
    return found, text, faults
