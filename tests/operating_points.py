"""Solutions of networks of many kinds, for tests of what is written of them."""

import dataclasses
from functools import cache

import numpy as np

import scopf
from scopf.network.tables import ISOLATED, DcLines


def much_out_of_service():
    """Case 39 without gens 4 and 6 and branch 6; bus 36 is cut off with its gen, bus 1 alone."""
    net = an_isolated_bus()
    gens = net.gen.in_service & ~np.isin(net.gen.id, [4, 6])
    ends = np.array([net.branch.from_bus, net.branch.to_bus])
    out = np.isin(ends, [1, 36]).any(axis=0) | (net.branch.id == 6)
    branches = net.branch.in_service & ~out
    net = net.replace(gen={"in_service": gens}, branch={"in_service": branches})
    return net.scaled(load=0.7)


def an_isolated_bus():
    """Case 39 with bus 1 isolated, the branches at which are in service."""
    net = scopf.load_case("case39")
    return net.replace(bus={"type": np.where(net.bus.id == 1, ISOLATED, net.bus.type)})


def an_outage():
    """Case 118 with a line and a transformer out of service."""
    net = scopf.load_case("case118")
    out = np.isin(net.branch.id, [3, 32])
    assert set(net.branch.tap[out] == 1) == {True, False}
    return net.replace(branch={"in_service": net.branch.in_service & ~out})


def dc_lines(**columns):
    """Case 9 with DC lines: with losses, backwards, of a fixed ratio, and one that is off."""
    net = scopf.load_case("case9")
    one = np.ones(4)
    given = {
        "id": [1, 2, 3, 4], "from_bus": [4, 6, 5, 8], "to_bus": [7, 8, 9, 4],
        "in_service": [True, True, True, False], "pf": [0.3, -0.2, 0.1, 0.1],
        "pmin": [0.3, -0.2, 0.1, 0.0], "pmax": [0.3, -0.2, 0.1, 0.2], "qf": 0 * one, "qt": 0 * one,
        "vf": one, "vt": one, "qminf": -0.2 * one, "qmaxf": 0.2 * one, "qmint": -0.2 * one,
        "qmaxt": 0.2 * one, "loss0": [0.002, 0.01, 0.0, 0.0], "loss1": [0.03, 0.0, 0.0, 0.0],
        "tan_phi_f": [np.nan, np.nan, 0.4, np.nan], "tan_phi_t": [np.nan, np.nan, -0.3, np.nan],
    }  # fmt: skip
    return dataclasses.replace(net, dcline=DcLines(**given | columns))


def free_dc_lines():
    """The same without ratios, whose powers are variables: a MATPOWER case can hold them."""
    free = np.full(4, np.nan)
    return dc_lines(
        pmin=[0.0, -0.4, 0.0, 0.0], pmax=[0.5, 0.0, 0.3, 0.2], tan_phi_f=free, tan_phi_t=free
    )


def shifting():
    """Case 39 with phase shifts and ratios, of transformers and of lines with charging."""
    net = scopf.load_case("case39")
    shift, tap = net.branch.shift.copy(), net.branch.tap.copy()
    lines, transformers = np.flatnonzero(net.branch.b > 0), np.flatnonzero(tap != 1)
    shift[[lines[2], lines[9], transformers[0]]] = np.radians([4.0, -3.0, 5.0])
    tap[[lines[2], lines[5]]] = 1.02, 0.97
    return net.replace(branch={"shift": shift, "tap": tap, "rate": np.full(46, np.inf)})


def several_units():
    """Case 9 with three units at bus 1 and two at bus 2, set points all different."""
    net = scopf.load_case("case9")
    rows = [0, 1, 2, 0, 0, 1]
    columns = {f.name: getattr(net.gen, f.name)[rows] for f in dataclasses.fields(net.gen)}
    gen = dataclasses.replace(net.gen, **columns)
    limits = {"qmin": gen.qmin * [1, 1, 1, 0.3, 0.5, 0.7], "vg": np.linspace(0.95, 1.05, 6)}
    cost = gen.cost_p * np.array([1, 1, 1, 1.1, 1.3, 0.9])[:, None]
    return dataclasses.replace(net, gen=gen.replace(id=np.arange(1, 7), cost_p=cost, **limits))


def constant_current():
    """Case 9 with loads of constant current at two buses, and of constant impedance at one."""
    net = scopf.load_case("case9")
    at = net.bus.id
    share = 0.4 * (at == 5) + 0.7 * (at == 7)
    bus = {"pd": (1 - share) * net.bus.pd, "qd": (1 - share) * net.bus.qd}
    bus |= {"pd_current": share * net.bus.pd, "qd_current": share * net.bus.qd}
    return net.replace(bus={**bus, "gs": 0.1 * (at == 8), "bs": -0.05 * (at == 8)})


NETWORKS = {
    "case9": lambda: scopf.load_case("case9"),
    "case39": lambda: scopf.load_case("case39"),
    "case118": lambda: scopf.load_case("case118"),
    "case300": lambda: scopf.load_case("case300"),
    "outage": an_outage,
    "out of service": much_out_of_service,
    "isolated bus": an_isolated_bus,
    "dc lines": dc_lines,
    "free dc lines": free_dc_lines,
    "shifting": shifting,
    "several units": several_units,
    "constant current": constant_current,
}


def solved(net, **numbers):
    """The plain AC OPF of a network."""
    found = scopf.solve(scopf.build(net, criterion="none", **numbers))
    assert found.solved
    return found


@cache
def solution(name):
    """The solution of one of the networks, with a few of its loads larger and smaller."""
    net = NETWORKS[name]()
    live = net.energized().bus
    bus = live.id[live.pd > 0]
    return solved(net, load_scale={int(bus[0]): 0.8, int(bus[-1]): 1.1})
