"""Loads of a pypowsybl network: constant power, constant current and constant impedance."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from scopf.arrays import Complexes, Ints
from scopf.cases.approximations import Approximations
from scopf.cases.powsybl import branches
from scopf.cases.powsybl.tables import Tables
from scopf.errors import listing

_MODELS = ("zipModel", "exponentialModel")
_ORDERS = (0, 1, 2)  # of the voltage that constant power, current and impedance draw


@dataclass(frozen=True)
class Drawn:
    """Power drawn at buses at nominal voltage, MW and MVAr.

    Attributes:
        bus: numbers of the buses, OPEN for what is not connected.
        power: as constant power,
        current: as constant current,
        impedance: and as constant impedance.
    """

    bus: Ints
    power: Complexes
    current: Complexes
    impedance: Complexes


def drawn(tables: Tables, notes: Approximations) -> list[Drawn]:
    """Power drawn by loads, ends of boundary lines and fictitious injections."""
    loads, lines, bus = tables["loads"], tables["boundary_lines"], tables.bus
    ends = branches.boundary_ends(tables)
    at_end = lines.loc[[name.removeprefix("end of ") for name in ends.name]]
    share_p, share_q = _shares(tables, notes)
    parts = (share_p.mul(loads["p0"], axis=0) + 1j * share_q.mul(loads["q0"], axis=0)).to_numpy()
    found = [Drawn(tables.numbers(loads["bus_id"]), parts[:, 0], parts[:, 1], parts[:, 2])]
    for number, table, keys in (
        (ends.id, at_end, ("p0", "q0")),
        (bus["number"].to_numpy(dtype=np.int64), bus, ("fictitious_p0", "fictitious_q0")),
    ):
        p, q = (table[key].fillna(0.0).to_numpy(dtype=np.float64) for key in keys)
        found.append(Drawn(number, p + 1j * q, 0j * p, 0j * p))
    return found


def _shares(tables: Tables, notes: Approximations) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Shares of P and of Q of each load that are constant power, current and impedance."""
    index = tables["loads"].index
    shares = [pd.DataFrame(0.0, index=index, columns=_ORDERS) for _ in "pq"]
    for table in shares:
        table[0] = 1.0
    modelled, constant = [], []
    for name, kind, values in _models(tables.xml()):
        for letter, table in zip("pq", shares, strict=True):
            if kind == "zipModel":
                table.loc[name] = [values[f"c{k}{letter}"] for k in _ORDERS]
            elif values[f"n{letter}"] in _ORDERS:
                table.loc[name] = [float(values[f"n{letter}"] == k) for k in _ORDERS]
            else:
                constant.append(f"{name} ({letter.upper()})")
        modelled.append(name)
    if modelled:
        notes.add(
            "these loads follow the voltage, as in pypowsybl's power flow with useLoadModel: "
            + listing(modelled, most=5)
        )
    if constant:
        notes.add(
            "loads with another power of the voltage than 0, 1 and 2 are constant power: "
            + listing(constant, most=5)
        )
    return shares[0], shares[1]


def _models(text: str) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Load, kind and coefficients of each load model in a network as XIIDM.

    pypowsybl has no table of them.
    """
    if not any(model in text for model in _MODELS):
        return
    for _, element in ElementTree.iterparse(io.StringIO(text)):
        for model in element if element.tag.endswith("}load") else ():
            kind = model.tag.rpartition("}")[2]
            if kind in _MODELS:
                coefficients = {key: float(value) for key, value in model.attrib.items()}
                yield element.attrib["id"], kind, coefficients
