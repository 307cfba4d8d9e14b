"""Cells of the sections of a .raw file, from the tables of a network."""

from __future__ import annotations

import numpy as np

from scopf.arrays import Flags, Floats
from scopf.cases.digits import cells_of
from scopf.cases.psse.reading import THRSHZ
from scopf.cases.psse.records import LONGEST_NAME, limits, quoted, ratings
from scopf.network import identifiers
from scopf.network.network import Network

DEGREE = 180.0 / np.pi  # degrees in a rad
_CHARGING = "'TC'"  # identifier of the charging of transformers at a bus
Cells = dict[str, list[str]]


def buses(net: Network) -> Cells:
    """Bus records."""
    bus = net.bus
    return {
        "I": cells_of(bus.id),
        "NAME": quoted(bus.name, LONGEST_NAME),
        "BASKV": cells_of(bus.base_kv),
        "IDE": cells_of(bus.type),
        "AREA": cells_of(bus.area),
        "ZONE": cells_of(bus.zone),
        "VM": cells_of(bus.vm),
        "VA": cells_of(bus.va, DEGREE),
        "NVHI": limits(bus.vmax, 1.0),
        "NVLO": cells_of(bus.vmin),
    }


def loads(net: Network) -> Cells:
    """A load at each bus that has one, of constant power and of constant current."""
    bus, base = net.bus, net.base_mva
    there = (bus.pd != 0) | (bus.qd != 0) | (bus.pd_current != 0) | (bus.qd_current != 0)
    powers = {"PL": bus.pd, "QL": bus.qd, "IP": bus.pd_current, "IQ": bus.qd_current}
    return {
        "I": cells_of(bus.id[there]),
        "AREA": cells_of(bus.area[there]),
        "ZONE": cells_of(bus.zone[there]),
        "YP": ["0.0"] * int(there.sum()),
        **{name: cells_of(power[there], base) for name, power in powers.items()},
    }


def shunts(net: Network) -> Cells:
    """Shunts of buses, and the charging of transformers, for which their records have no place."""
    bus, base, branch = net.bus, net.base_mva, net.branch
    own = (bus.gs != 0) | (bus.bs != 0)
    half = np.where(charged(net), 0.5 * branch.b, 0.0)
    charging = np.zeros(len(bus))
    np.add.at(charging, net.branch_from, half / branch.tap**2)
    np.add.at(charging, net.branch_to, half)
    more = charging != 0
    return {
        "I": cells_of(bus.id[own]) + cells_of(bus.id[more]),
        "ID": ["'1'"] * int(own.sum()) + [_CHARGING] * int(more.sum()),
        "GL": cells_of(bus.gs[own], base) + ["0.0"] * int(more.sum()),
        "BL": cells_of(bus.bs[own], base) + cells_of(charging[more], base),
    }


def machines(net: Network) -> Cells:
    """Generator records."""
    gen, base = net.gen, net.base_mva
    return {
        "I": cells_of(gen.bus),
        "ID": [f"'{own}'" for own in identifiers.machines(net)],
        "PG": cells_of(gen.pg, base),
        "QG": cells_of(gen.qg, base),
        "QT": limits(gen.qmax, base),
        "QB": limits(gen.qmin, base),
        "VS": cells_of(gen.vg),
        "MBASE": cells_of(gen.mbase),
        "STAT": cells_of((gen.in_service & net.bus.in_service[net.gen_at]).astype(int)),
        "PT": limits(gen.pmax, base),
        "PB": limits(gen.pmin, base),
    }


def are_transformers(net: Network) -> Flags:
    """Mask of the branches that are written as transformers.

    These have a ratio or a shift, or join two base voltages without charging, or are lines of so
    little impedance that the format would take them for none.
    """
    branch, kilovolts = net.branch, net.bus.base_kv
    other = kilovolts[net.branch_from] != kilovolts[net.branch_to]
    tiny = (branch.r == 0) & (abs(branch.x) < THRSHZ)
    ideal = (branch.tap != 1) | (branch.shift != 0)
    return np.asarray(ideal | (other & (branch.b == 0)) | tiny)


def in_service(net: Network) -> Flags:
    """Mask of the branches in service between buses in service."""
    live = net.bus.in_service
    return np.asarray(net.branch.in_service & live[net.branch_from] & live[net.branch_to])


def charged(net: Network) -> Flags:
    """Mask of the transformers in service with charging."""
    return np.asarray(are_transformers(net) & (net.branch.b != 0) & in_service(net))


def lines(net: Network) -> Cells:
    """Branch records."""
    which = ~are_transformers(net)
    branch = net.branch.take(which)
    return {
        **_ends(net, which),
        **_ratings(net, which, "RATE{0}", "RATE{1}"),
        "R": cells_of(branch.r),
        "X": cells_of(branch.x),
        "B": cells_of(branch.b),
        "ST": cells_of(in_service(net)[which].astype(int)),
    }


def transformers(net: Network) -> Cells:
    """Transformers of two windings: ratio and shift in the first one, which is at the from bus."""
    which = are_transformers(net)
    branch = net.branch.take(which)
    return {
        **_ends(net, which),
        **_ratings(net, which, "RAT{0}1", "RATE1-{1}"),
        "STAT": cells_of(in_service(net)[which].astype(int)),
        "R1-2": cells_of(branch.r),
        "X1-2": cells_of(branch.x),
        "SBASE1-2": cells_of(np.full(len(branch), net.base_mva)),
        "WINDV1": cells_of(branch.tap),
        "ANG1": cells_of(branch.shift, DEGREE),
        "WINDV2": ["1.0"] * len(branch),
    }


def _ends(net: Network, which: Flags) -> Cells:
    """Buses and circuits of some branches."""
    circuits = np.array(identifiers.circuits(net), dtype=object)[which].tolist()
    branch = net.branch.take(which)
    return {
        "I": cells_of(branch.from_bus),
        "J": cells_of(branch.to_bus),
        "CKT": [f"'{own}'" for own in circuits],
    }


def _ratings(net: Network, which: Flags, *patterns: str) -> Cells:
    """Ratings A, B and C of some branches, under the names that revisions have for them."""
    branch = net.branch.take(which)
    rates = zip((branch.rate, branch.rate_b, branch.rate_c), "ABC", "123", strict=True)
    return {
        pattern.format(letter, number): ratings(rate, net.base_mva)
        for rate, letter, number in rates
        for pattern in patterns
    }


def costs(net: Network) -> str:
    """The table of costs, one row a machine, as `scopf.cases.psse.costs` reads it."""
    gen, base = net.gen, net.base_mva
    columns = {"bus": cells_of(gen.bus), "id": identifiers.machines(net)}
    pairs = [points[~np.isnan(points[:, 0])] for points in gen.cost_p_points]
    straight = np.array([len(pair) == 0 for pair in pairs], dtype=bool)
    for k in (2, 1, 0):
        columns[f"c{k}"] = _where(straight, gen.cost_p[:, k], base**k)
    if not straight.all():
        columns["points"] = [_points(pair, base) for pair in pairs]
    if gen.cost_q.any():
        every = np.ones(len(gen), dtype=bool)
        columns |= {f"d{k}": _where(every, gen.cost_q[:, k], base**k) for k in (2, 1, 0)}
    rows = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *map(",".join, rows), ""])


def _where(mask: Flags, values: Floats, per: float) -> list[str]:
    """Cells of coefficients; blank where the mask is not."""
    cells = cells_of(values, per=per)
    return [cell if there else "" for cell, there in zip(cells, mask.tolist(), strict=True)]


def _points(pairs: Floats, base: float) -> str:
    powers, costs = cells_of(pairs[:, 0], base), cells_of(pairs[:, 1])
    return " ".join(f"{power}:{cost}" for power, cost in zip(powers, costs, strict=True))
