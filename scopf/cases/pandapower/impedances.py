"""Results of pandapower's converter for a net: fused buses, branch parameters, shunts, islands."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from scopf.arrays import Floats, Ints, Strings, texts
from scopf.cases.approximations import Approximations
from scopf.cases.pandapower import private
from scopf.cases.pandapower.elements import row_faults
from scopf.errors import CaseError, Fault, ScopfError, installation, listing

_HANDED_ON = (
    "bus", "switch", "line", "trafo", "trafo3w", "impedance", "shunt", "ward", "xward", "motor",
)  # fmt: skip
_CHARACTERISTICS = ("trafo_characteristic_table", "shunt_characteristic_table")
_UNLIMITED = 99999.0  # kA or MVA: what pandapower's converters write for no limit
_OF_KVA = 99.999  # MVA: the same in transformers of cases that were converted when units were kVA


@dataclass(frozen=True)
class Converted:
    """pandapower's matrices of a net, elements out of service included. MW, MVAr, degrees, p.u.

    Attributes:
        bus, branch: matrices with the columns of pandapower's `idx_bus` and `idx_brch`.
        row: row in `bus` of each pandapower bus, as a Series on its indices.
        star, inside: rows in `bus` of the star points of trafo3w and inside xward.
        branch_names: the element that each branch is (a part of), such as "trafo3w 0 hv".
    """

    bus: Floats
    branch: Floats
    row: pd.Series[int]
    star: Ints
    inside: Ints
    branch_names: Strings


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without pandapower's warnings: we log what matters of them."""
    logger = logging.getLogger("pandapower")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def imported() -> Any:
    """The package pandapower.

    Raises:
        ScopfError: when it is not there.
    """
    try:
        with quietly():
            import pandapower
    except ImportError as error:
        if not isinstance(error, ModuleNotFoundError) or error.name != "pandapower":
            raise installation(error) from error
        text = "pandapower nets need the package pandapower: pip install 'scopf[pandapower]'"
        raise ScopfError(text) from error
    return pandapower


def convert(
    net: Any, tables: dict[str, pd.DataFrame], source: str, aliases: dict[str, str]
) -> Converted:
    """Have pandapower convert the tables of a net.

    Args:
        net: the net, left as it is.
        tables: as `elements.cleaned` gives them, without a fault.
        source: its name, for errors.
        aliases: names of elements that stand for another one.

    Raises:
        CaseError: when pandapower cannot.
    """
    imported()
    with quietly():
        try:
            copy = private.unshared(_made_once())
            copy["sn_mva"], copy["f_hz"] = float(net["sn_mva"]), float(net["f_hz"])
            _fill(copy, net, tables)
            matrices, lookups = private.convert(copy)
        except Exception as error:  # whatever its code meets in tables that no one foresaw
            reason = " ".join(str(error).split())[:200]
            text = f"pandapower cannot convert this net ({type(error).__name__}: {reason})"
            raise CaseError(source, [Fault(text)]) from error
    places, aux = lookups["bus"], lookups["aux"]
    nothing = np.zeros(0, dtype=np.int64)
    return Converted(
        bus=np.asarray(matrices["bus"], dtype=np.float64),
        branch=np.asarray(matrices["branch"].real, dtype=np.float64),
        row=pd.Series(places[tables["bus"].index], index=tables["bus"].index),
        star=places[aux.get("trafo3w", nothing)],
        inside=places[aux.get("xward", nothing)],
        branch_names=_names(copy, lookups["branch"], len(matrices["branch"]), aliases),
    )


@cache
def _made_once() -> Any:
    """An empty net: making one takes most of the time of a conversion."""
    return imported().create_empty_network()


def _fill(copy: Any, net: Any, tables: dict[str, pd.DataFrame]) -> None:
    """Fill in everything that carries current, and the elements that set the reference."""
    for name in _HANDED_ON:
        copy[name] = tables[name].copy()
    for name in _CHARACTERISTICS:
        if isinstance(net.get(name), pd.DataFrame):
            copy[name] = net[name].copy()
    copy["bus"] = copy["bus"].assign(min_vm_pu=0.0, max_vm_pu=2.0)
    for name, column in (("line", "max_i_ka"), ("trafo", "sn_mva")):
        unlimited = (copy[name][column] >= _UNLIMITED) | without_rating(copy[name])
        copy[name].loc[unlimited, "max_loading_percent"] = np.nan
    copy["motor"] = copy["motor"].assign(sn_mva=np.nan)
    copy["xward"] = copy["xward"].assign(slack_weight=0.0)
    for name in ("gen", "ext_grid"):
        copy[name] = tables[name].assign(controllable=True, slack_weight=1.0)
    copy["gen"] = copy["gen"].drop(columns=["min_vm_pu", "max_vm_pu"])


def without_rating(table: pd.DataFrame) -> pd.Series[bool]:
    """Mask of the transformers whose size says no more than that none was known."""
    found: pd.Series[bool] = table.get("sn_mva", pd.Series(0.0, index=table.index)) == _OF_KVA
    return found


def explain(tables: dict[str, pd.DataFrame], notes: Approximations) -> None:
    """Say which transformers in service count as without a rating."""
    table = tables["trafo"]
    rows = table.index[table["in_service"] & without_rating(table)]
    if len(rows):
        listed = listing(f"trafo {number}" for number in rows)
        notes.add(f"sn_mva of {_OF_KVA} stands for no rating, so that {listed} is not limited")


def _names(
    copy: Any, places: dict[str, tuple[int, int]], count: int, aliases: dict[str, str]
) -> Strings:
    """Name of the element that each row of the branch matrix is."""
    names = np.full(count, "", dtype=object)
    for table, (first, last) in places.items():
        index = copy[table].index
        if table == "switch":
            index = index[private.switch_branches(copy)]
        sides = (" hv", " mv", " lv") if table == "trafo3w" else ("",)
        known = [f"{table} {number}{side}" for side in sides for number in index]
        names[first:last] = [aliases.get(name, name) for name in known]
    return texts(names)


def two_ports(converted: Converted) -> dict[str, Any]:
    """Parameters of every branch as `Branches` has them, and what is left over, per unit.

    A branch of ours has no conductance to ground and the same susceptance at both ends. Iron losses
    of transformers, conductances of lines, and shunts of other size at the to end are left over as
    `at_from` and `at_to`, complex admittances of its two buses.
    """
    from pandapower.pypower import idx_brch as k

    branch = converted.branch
    tap = np.where(branch[:, k.TAP] == 0, 1.0, branch[:, k.TAP])
    g, b = branch[:, k.BR_G], branch[:, k.BR_B]
    rate = branch[:, k.RATE_A]
    kind = np.array([name.split(" ")[0] for name in converted.branch_names], dtype=np.str_)
    rated = np.isin(kind, ("line", "trafo", "trafo3w"))  # a 0 there is one that was written
    free = np.isnan(rate) | (rate >= 1e10) | ((rate == 0) & ~rated)
    free |= np.isin(kind, ("impedance", "tcsc")) & (rate >= _UNLIMITED)
    return {
        "f": branch[:, k.F_BUS].astype(np.int64),
        "t": branch[:, k.T_BUS].astype(np.int64),
        "in_service": branch[:, k.BR_STATUS] > 0,
        "r": branch[:, k.BR_R],
        "x": branch[:, k.BR_X],
        "b": b,
        "tap": tap,
        "shift": np.radians(branch[:, k.SHIFT]),
        "rate": np.where(free, np.inf, rate),
        "at_from": 0.5 * g / tap**2 + 0j,
        "at_to": 0.5 * (g + branch[:, k.BR_G_ASYM] + 1j * branch[:, k.BR_B_ASYM]),
    }


def uneven(table: pd.DataFrame) -> Iterator[Fault]:
    """Impedances that differ by direction, which a branch of ours cannot."""
    off = (table["rft_pu"] != table["rtf_pu"]) | (table["xft_pu"] != table["xtf_pu"])
    text = "the impedance from-to differs from that to-from, which the model does not represent"
    return row_faults("impedance", table, off & table["in_service"], text)
