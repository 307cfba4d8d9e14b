"""PyPSA networks at a snapshot as networks."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from scopf.arrays import Floats, texts
from scopf.cases.approximations import Approximations
from scopf.cases.faults import by_name
from scopf.cases.pypsa import branches, units
from scopf.cases.pypsa.snapshots import KINDS, Snapshot
from scopf.cases.twoports import TwoPorts
from scopf.errors import CaseError, Fault, listing
from scopf.network.network import Network
from scopf.network.tables import REFERENCE, Branches, Buses, DcLines, Gens

BASE = 100.0  # MVA; PyPSA's own base of 1 MVA makes small numbers large
_LOW, _HIGH = 0.9, 1.1  # p.u., where a bus has PyPSA's default limits, which are none
_PLAIN, _REGULATED = 1, 2  # bus types
_ENDS = {"Line": ("bus0", "bus1"), "Transformer": ("bus0", "bus1"), "Link": ("bus0", "bus1")}
_NO_GRID = {  # lists of components that carry no current
    "carriers", "line_types", "transformer_types", "global_constraints", "shapes", "sub_networks",
}  # fmt: skip


def read(net: Any, *, snapshot: object = None, ignore_unsupported: bool = False) -> Network:
    """Read a PyPSA network at one snapshot into a validated per-unit network.

    Args:
        net: the network, left as it is.
        snapshot: label of the snapshot; None for the first.
        ignore_unsupported: log content that the model does not represent instead of refusing it.

    Raises:
        CaseError: listing every fault by the name of its element.
        ScopfError: when there is no such snapshot.
    """
    name = net.name if isinstance(net.name, str) and net.name else "PyPSA network"
    notes, tables = Approximations(name), Snapshot(net, snapshot)
    bus = tables["Bus"]
    alternating = bus.index[bus["carrier"].isin(["AC", ""])]
    number = {bus: k for k, bus in enumerate(alternating, 1)}
    unknown = list(_unknown(tables))
    left_out = list(_unsupported(net, tables, number))
    if unknown or (left_out and not ignore_unsupported):
        raise CaseError(name, [*unknown, *left_out])
    for fault in left_out:
        notes.add(f"ignored: {fault}")
    _explain(net, tables, notes)
    ports = branches.all_of(tables, number, BASE, notes).with_impedance(notes)
    gen = units.gens(tables, number, BASE, notes)
    lines = units.dclines(tables, number, BASE, notes)
    return notes.of(_network(name, _buses(tables, number, ports, notes), gen, ports, lines))


def _network(name: str, bus: Buses, gen: Gens, ports: TwoPorts, lines: DcLines) -> Network:
    """The network, with one reference an island; its faults go by the names of the elements."""
    branch: Branches = ports.branches(BASE)
    try:
        net = Network(name, BASE, bus, gen, branch, lines)
    except CaseError as error:
        raise CaseError(name, by_name(error.faults, bus, gen, branch, lines)) from None
    at = np.flatnonzero(net.bus.type == REFERENCE)
    first = at[np.unique(net.island[at], return_index=True)[1]]
    kind = net.bus.type.copy()
    kind[np.setdiff1d(at, first)] = _REGULATED
    return net.replace(bus={"type": kind})


# -- buses -----------------------------------------------


def _buses(
    tables: Snapshot, number: Mapping[str, int], ports: TwoPorts, notes: Approximations
) -> Buses:
    bus = tables["Bus"].loc[list(number)]
    n = len(bus)
    load, shunt = (np.zeros(n, dtype=np.complex128) for _ in range(2))
    for kind, columns, total in (
        ("Load", ("p_set", "q_set"), load),
        ("Store", ("p_set", "q_set"), load),
        ("ShuntImpedance", ("g_pu", "b_pu"), shunt),
    ):
        table = tables[kind]
        table = table[table["bus"].isin(number)]
        real, imaginary = (table[key].fillna(0.0).to_numpy(dtype=np.float64) for key in columns)
        sign = 1.0 if kind == "ShuntImpedance" else -table["sign"].to_numpy(dtype=np.float64)
        at = np.array([number[name] - 1 for name in table["bus"]], dtype=np.int64)
        np.add.at(total, at, sign * (real + 1j * imaginary) / BASE)
    at, admittance = ports.shunts()
    np.add.at(shunt, at - 1, admittance)
    vmin, vmax = _voltage_limits(bus, notes)
    one = np.ones(n, dtype=np.int64)
    return Buses(
        id=np.arange(1, n + 1),
        type=_types(tables, bus),
        pd=load.real,
        qd=load.imag,
        gs=shunt.real,
        bs=shunt.imag,
        vm=bus["v_mag_pu_set"].to_numpy(dtype=np.float64),
        va=np.zeros(n),
        base_kv=bus["v_nom"].to_numpy(dtype=np.float64),
        vmin=vmin,
        vmax=vmax,
        area=one,
        zone=one,
        name=texts(bus.index),
    )


def _types(tables: Snapshot, bus: pd.DataFrame) -> Any:
    """References where a generator or storage unit has the control Slack."""
    kind = np.full(len(bus), _PLAIN)
    for table in (tables["Generator"], tables["StorageUnit"]):
        kind[bus.index.isin(table["bus"])] = _REGULATED
    for table in (tables["Generator"], tables["StorageUnit"]):
        kind[bus.index.isin(table.loc[table["control"] == "Slack", "bus"])] = REFERENCE
    return kind


def _voltage_limits(bus: pd.DataFrame, notes: Approximations) -> tuple[Floats, Floats]:
    low, high = (bus[f"v_mag_pu_{end}"].to_numpy(dtype=np.float64) for end in ("min", "max"))
    without = (low == 0) | np.isinf(high)
    if without.any():
        notes.add(
            f"limits of voltages are {_LOW:g} and {_HIGH:g} p.u. where a bus has PyPSA's defaults, "
            f"0 or infinity ({int(without.sum())}): {listing(bus.index[without], most=5)}"
        )
    return np.where(low == 0, _LOW, low), np.where(np.isinf(high), _HIGH, high)


# -- faults -----------------------------------------------


def _unknown(tables: Snapshot) -> Iterator[Fault]:
    """References to buses that do not exist."""
    for kind, name in KINDS.items():
        for column in () if kind == "Bus" else _ENDS.get(kind, ("bus",)):
            table = tables[kind]
            wrong = ~table[column].isin(tables["Bus"].index)
            for row in np.flatnonzero(wrong).tolist():
                text = f"{column} {table[column].iloc[row]!r} is no bus of the network"
                yield Fault(text, name, row + 1, table.index[row], column)


def _unsupported(net: Any, tables: Snapshot, number: Mapping[str, int]) -> Iterator[Fault]:
    """Content that the model does not represent."""
    bus, known = tables["Bus"], {*KINDS.values(), *_NO_GRID}
    for row in np.flatnonzero(~bus.index.isin(list(number))).tolist():
        carrier = bus["carrier"].iloc[row]
        text = f"a bus of the carrier {carrier} is not represented, with all that is connected"
        yield Fault(text, "buses", row + 1, bus.index[row], "carrier")
    table = tables["Link"]
    columns = [str(key) for key in table]
    more = [key for key in columns if re.fullmatch(r"bus([2-9]|[1-9]\d+)", key)]
    third = table[more].map(lambda end: isinstance(end, str) and bool(end)).any(axis=1)
    for row in np.flatnonzero(third).tolist():
        text = "a link of more than two buses is not represented, only its first two"
        yield Fault(text, "links", row + 1, table.index[row])
    for name in net.components.keys() if hasattr(net.components, "keys") else ():
        listed = name if name.endswith("s") else f"{name}s"
        rows = () if listed in known else getattr(net, listed, ())
        if len(rows):
            yield Fault(f"{len(rows)} elements are not represented", listed)


def _explain(net: Any, tables: Snapshot, notes: Approximations) -> None:
    """Sentences on what holds otherwise than in PyPSA."""
    if len(net.snapshots) > 1:
        notes.add(f"the snapshot is {tables.label}, one of {len(net.snapshots)}", logging.INFO)
    if tables.extended:
        notes.add(f"elements that may be extended have their optimal size: "
                  f"{listing(tables.extended, most=5)}", logging.INFO)  # fmt: skip
    for names, text in (
        (tables["Store"].index, "stores keep p_set"),
        (net.global_constraints.index, "global constraints are left out"),
    ):
        if len(names):
            notes.add(f"{text}: {listing(names, most=5)}")
