"""Small networks made of a few numbers, and random ones at a random operating point."""

import numpy as np

import scopf
from scopf.network.powers import mismatch
from scopf.network.tables import Branches, Buses, Gens


def network(n, lines, gens, *, loads=None, shunts=None, name="small"):
    """A network of buses 1 to n.

    Lines are (from, to, r, x, b, tap, shift) with the last three optional, gens bus numbers, loads
    and shunts mappings from bus to P + jQ and G + jB.
    """
    zeros, ones, each = np.zeros(n), np.ones(n), np.arange(1, n + 1)
    load, shunt = zeros + 0j, zeros + 0j
    for of, values in ((load, loads), (shunt, shunts)):
        for bus, value in (values or {}).items():
            of[bus - 1] = value
    bus = Buses(
        id=each, type=np.where(each == 1, 3, 1), pd=load.real, qd=load.imag, gs=shunt.real,
        bs=shunt.imag, vm=ones, va=zeros, base_kv=ones, vmin=0.5 * ones, vmax=1.5 * ones,
        area=each, zone=each, name=[""] * n,
    )  # fmt: skip
    g = len(gens)
    gen = Gens(
        id=np.arange(1, g + 1), bus=gens, in_service=np.ones(g), pg=np.zeros(g), qg=np.zeros(g),
        pmin=-9 * np.ones(g), pmax=9 * np.ones(g), qmin=-9 * np.ones(g), qmax=9 * np.ones(g),
        vg=np.ones(g), mbase=100 * np.ones(g), cost_p=np.tile([0.0, 1, 1], (g, 1)),
        cost_q=np.zeros((g, 3)),
    )  # fmt: skip
    rows = np.array([[*line, *(0.0, 1.0, 0.0)[len(line) - 4 :]] for line in lines]).reshape(-1, 7)
    m = len(rows)
    branch = Branches(
        id=np.arange(1, m + 1), from_bus=rows[:, 0], to_bus=rows[:, 1], in_service=np.ones(m),
        r=rows[:, 2], x=rows[:, 3], b=rows[:, 4], rate=np.full(m, np.inf), tap=rows[:, 5],
        shift=rows[:, 6], angmin=np.full(m, -np.inf), angmax=np.full(m, np.inf),
    )  # fmt: skip
    return scopf.Network(name, 100.0, bus, gen, branch)


def balanced(net, inverters, vm, va):
    """The network with those loads at buses without an inverter that make a point a power flow."""
    left = mismatch(net, vm, va, np.zeros(len(net.gen)))
    left[net.bus_positions(inverters.bus)] = 0
    return net.replace(bus={"pd": net.bus.pd + left.real, "qd": net.bus.qd + left.imag})


def random_network(rng, *, losses=0.0, everywhere=False):
    """A network with parallel lines, taps, shifts, charging and shunts; inverters; a power flow.

    Returns:
        Network, inverters (at all buses, or at some), magnitudes and angles.
    """
    n = int(rng.integers(2, 8))
    ends = [(i, int(rng.integers(1, i))) for i in range(2, n + 1)]
    ends += [tuple(rng.choice(n, 2, replace=False) + 1) for _ in range(int(rng.integers(0, n)))]
    lines = [
        (i, j, losses * x, x, rng.uniform(0, 0.1), rng.uniform(0.9, 1.1), rng.uniform(-0.2, 0.2))
        for (i, j), x in zip(ends, rng.uniform(0.05, 0.5, len(ends)), strict=True)
    ]
    buses = np.arange(1, n + 1)
    at = buses if everywhere else rng.choice(buses, int(rng.integers(1, n + 1)), replace=False)
    loads = {b: complex(rng.uniform(0, 1), rng.uniform(-0.2, 0.6)) for b in buses.tolist()}
    shunts = {b: 1j * rng.uniform(-0.1, 0.3) for b in buses.tolist()}
    net = network(n, lines, np.sort(at), loads=loads, shunts=shunts)
    inv = scopf.Inverters.at_generators(net)
    size = len(inv)
    inv = inv.replace(
        mq=np.exp(rng.uniform(np.log(0.02), np.log(3), size)),
        mp=rng.uniform(0.01, 1, size),
        tau_p=rng.uniform(0.01, 1, size),
        tau_q=rng.uniform(0.01, 1, size),
        beta_q=rng.uniform(0.5, 2, size),
    )
    vm, va = rng.uniform(0.85, 1.1, n), rng.uniform(-0.5, 0.5, n)
    return balanced(net, inv, vm, va), inv, vm, va
