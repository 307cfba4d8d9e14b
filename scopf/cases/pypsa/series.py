"""Loads, limits and costs of a PyPSA network over its snapshots."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from scopf.arrays import Floats
from scopf.cases.approximations import Approximations
from scopf.cases.pypsa import units as at_snapshot
from scopf.cases.pypsa.reading import BASE
from scopf.cases.pypsa.snapshots import Snapshot
from scopf.errors import CaseError, Fault, listing
from scopf.network.network import Network
from scopf.network.tables import DcLines, Gens, positions

log = logging.getLogger(__name__)

_KINDS = {"Load": "loads", "Store": "stores"}  # that the network has as loads


def loads(
    net: Any, network: Network, *, reactive: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Loads at buses over time.

    Args:
        net: the PyPSA network.
        network: as it was read from it, at any snapshot.
        reactive: whether buses that draw reactive power only count as well.

    Returns:
        Active power in MW and reactive power in MVAr, a row for each snapshot, a column for each
        bus with a load, whose number names it.

    Raises:
        CaseError: when no bus with a load is one of the network's.
    """
    number = dict(zip(network.bus.name.tolist(), network.bus.id.tolist(), strict=True))
    total = [pd.DataFrame(index=net.snapshots) for _ in range(2)]
    for kind, name in _KINDS.items():
        table = getattr(net, name)
        active = table["active"].to_numpy(dtype=bool) if "active" in table else True
        here = table.index[table["bus"].astype(str).isin(number) & active]
        to = table.loc[here, "bus"].astype(str).map(number)
        sign = table.loc[here, "sign"].to_numpy(dtype=np.float64)
        for k, column in enumerate(("p_set", "q_set")):
            values = net.get_switchable_as_dense(kind, column)[here] * -sign
            by_bus = values.fillna(0.0).T.groupby(to.to_numpy()).sum().T
            total[k] = total[k].add(by_bus, fill_value=0.0)
    p, q = total
    drawn = p.columns[(p != 0).any() | ((q != 0).any() & reactive)]
    if not len(drawn):
        raise CaseError(network.name, [Fault("no bus of the network has a load in the series")])
    return p[drawn], q[drawn]


def weights(net: Any) -> Floats:
    """Hours that each snapshot stands for in the objective; a warning where stores have others."""
    table = net.snapshot_weightings
    if not table["objective"].equals(table["stores"]):
        text = "%s: snapshots last as long as they weigh in the objective, for storage as well"
        log.warning(text, net.name or "PyPSA network")
    found: Floats = table["objective"].to_numpy(dtype=np.float64)
    return found


class _Silent(Approximations):
    """Sentences that were logged when the network was read."""

    def add(self, text: str, level: int = logging.WARNING) -> None:
        """Leave it."""


def units(net: Any, network: Network, *, ignore_unsupported: bool) -> dict[str, Floats]:
    """Columns of a table of hours: limits and costs of generators that differ from the network's.

    Args:
        net: the PyPSA network.
        network: as it was read from it, at any snapshot.
        ignore_unsupported: log a warning instead of raising where links change.

    Raises:
        CaseError: listing what a table of hours does not represent.
    """
    number = dict(zip(network.bus.name.tolist(), network.bus.id.tolist(), strict=True))
    notes, gens, lines = _Silent(network.name), list[Gens](), list[DcLines]()
    for label in net.snapshots:
        tables = Snapshot(net, label)
        gens.append(at_snapshot.gens(tables, number, BASE, notes))
        lines.append(at_snapshot.dclines(tables, number, BASE, notes))
    known = dict(zip(network.gen.id.tolist(), network.gen.name.tolist(), strict=True))
    for one in gens:
        names = dict(zip(one.id.tolist(), one.name.tolist(), strict=True))
        if any(names.get(gen) != name for gen, name in known.items()):
            text = "its generators are not the same in every snapshot, or not those of the network"
            raise CaseError(network.name, [Fault(text)])
    faults = list[Fault]()
    columns = _limits(gens, network) | _costs(gens, network, faults)
    other = [*_changing(lines), *_rated(net)]
    if other and ignore_unsupported:
        log.warning("%s: stay as in the network: %s", network.name, listing(other, most=5))
    elif other:
        text = "links, lines and transformers that change between snapshots are not represented: "
        text += f"{listing(other, most=5)}; ignore_unsupported=True keeps them as in the network"
        faults.append(Fault(text))
    if faults:
        raise CaseError(network.name, faults)
    return columns


def _limits(gens: list[Gens], network: Network) -> dict[str, Floats]:
    found, at = dict[str, Floats](), positions(gens[0].id, network.gen.id)
    for key in ("pmin", "pmax"):
        over = np.array([getattr(one, key)[at] for one in gens])
        for k in np.flatnonzero((over != getattr(network.gen, key)).any(axis=0)).tolist():
            found[f"{key}_mw_{network.gen.id[k]}"] = over[:, k] * BASE
    return found


def _costs(gens: list[Gens], network: Network, faults: list[Fault]) -> dict[str, Floats]:
    """Prices where a cost is linear, and factors where it stays in proportion to the network's."""
    found, gen = dict[str, Floats](), network.gen
    for number, at, k in zip(
        gen.id.tolist(), positions(gens[0].id, gen.id).tolist(), range(len(gen)), strict=True
    ):
        here = _cost(gen, k)
        over = [_cost(one, at) for one in gens]
        if all(np.array_equal(one, here) for one in over):
            continue
        linear = [one.size == 3 and not one[[0, 2]].any() for one in (here, *over)]
        factors = [_factor(one, here) for one in over]
        if all(linear):
            found[f"price_{number}"] = np.array([one[1] for one in over]) / BASE
        elif not np.isnan(factors).any():
            found[f"cost_factor_{number}"] = np.array(factors)
        else:
            text = "its linear and quadratic costs do not change in proportion, which a table of "
            faults.append(Fault(text + "hours does not represent", "generators", label=gen.name[k]))
    return found


def _cost(gen: Gens, at: int) -> Floats:
    """Coefficients of a cost, or what it comes to at its points."""
    points: Floats = gen.cost_p_points[at]
    given = ~np.isnan(points[:, 1])
    found: Floats = points[given, 1] if given.any() else gen.cost_p[at]
    return found


def _factor(cost: Floats, of: Floats) -> float:
    """What a cost is in terms of another one, NaN where it is not in proportion to it."""
    if cost.shape != of.shape:
        return float("nan") if cost.any() else 0.0
    if not of.any():
        return float("nan") if cost.any() else 1.0
    largest = int(np.abs(of).argmax())
    factor = float(cost[largest] / of[largest])
    return factor if factor >= 0 and np.allclose(cost, factor * of, 1e-12, 0) else float("nan")


def _changing(lines: list[DcLines]) -> list[str]:
    """Names of the links that are not the same in every snapshot."""
    first, found = lines[0], dict[str, None]()
    for one in lines[1:]:
        for key in ("pmin", "pmax", "loss0", "loss1", "cost"):
            differ = getattr(one, key) != getattr(first, key)
            differ = differ.any(axis=1) if differ.ndim > 1 else differ
            found |= dict.fromkeys(first.name[differ].tolist())
    return list(found)


def _rated(net: Any) -> list[str]:
    """Names of the lines and transformers whose ratings are not the same in every snapshot."""
    tables = [net.get_switchable_as_dense(kind, "s_max_pu") for kind in ("Line", "Transformer")]
    return [str(name) for one in tables for name in one.columns[(one != one.iloc[0]).any()]]
