"""Small networks made for tests."""

import networkx as nx
import numpy as np

import scopf
from scopf.network.tables import Branches, Buses, Gens


def meshed(edges, gens, load):
    """A small lossless grid: unit voltages, cheap first generator, costly reactive power."""
    graph = nx.Graph(edges)
    nodes = sorted(graph)
    n, m, g = len(nodes), graph.number_of_edges(), len(gens)
    start, end = np.array(graph.edges).T
    pd = np.array([load.get(k, (0, 0))[0] for k in nodes])
    qd = np.array([load.get(k, (0, 0))[1] for k in nodes])
    one, none = np.ones(n), np.zeros(n)
    cost_p = [[0, 1 + k, 1 + 0.1 * k] for k in range(g)]
    return scopf.Network(
        "meshed", 100.0,
        Buses(
            id=nodes, type=[3 if k == gens[0] else 1 for k in nodes], pd=pd, qd=qd, gs=none,
            bs=none, vm=one, va=none, base_kv=one, vmin=0.9 * one, vmax=1.1 * one, area=one,
            zone=one, name=[""] * n,
        ),
        Gens(
            id=np.arange(g) + 1, bus=gens, in_service=[True] * g, pg=[0] * g, qg=[0] * g,
            pmin=[0] * g, pmax=[5] * g, qmin=[-5] * g, qmax=[5] * g, vg=[1] * g, mbase=[100] * g,
            cost_p=cost_p, cost_q=[[0, 0, 0.5 * (k + 1)] for k in range(g)],
        ),
        Branches(
            id=np.arange(m) + 1, from_bus=start, to_bus=end, in_service=[True] * m,
            r=np.zeros(m), x=np.full(m, 0.1), b=np.zeros(m), rate=np.full(m, np.inf),
            tap=np.ones(m), shift=np.zeros(m), angmin=np.full(m, -np.inf),
            angmax=np.full(m, np.inf),
        ),
    )  # fmt: skip
