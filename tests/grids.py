"""Small networks made for tests, and networks of several islands."""

import dataclasses

import networkx as nx
import numpy as np

import scopf
from scopf.network.tables import Branches, Buses, DcLines, Gens


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


def side_by_side(*nets, dcline=None):
    """Networks as the AC islands of one, bus numbers of the k-th raised by 1000 k."""

    def stacked(key):
        tables, first = [getattr(net, key) for net in nets], 0
        columns = {field.name: [] for field in dataclasses.fields(tables[0])}
        for k, table in enumerate(tables):
            for name, parts in columns.items():
                column = getattr(table, name)
                if name in ("bus", "from_bus", "to_bus") or (key == "bus" and name == "id"):
                    column = column + 1000 * k
                elif name == "id":
                    column = np.arange(len(table)) + first + 1
                parts.append(column)
            first += len(table)
        return type(tables[0])(**{name: together(parts) for name, parts in columns.items()})

    def together(parts):
        if parts[0].ndim == 3:  # points of costs
            most = max(part.shape[1] for part in parts)
            gaps = [((0, 0), (0, most - part.shape[1]), (0, 0)) for part in parts]
            parts = [
                np.pad(p, gap, constant_values=np.nan) for p, gap in zip(parts, gaps, strict=True)
            ]
        return np.concatenate(parts)

    lines = {} if dcline is None else {"dcline": dcline}
    name, base = "+".join(net.name for net in nets), nets[0].base_mva
    return scopf.Network(name, base, *map(stacked, ("bus", "gen", "branch")), **lines)


def dc_line(from_bus, to_bus, *, most=0.5, loss0=0.001, loss1=0.02):
    """A DC line with losses; per unit."""
    return DcLines(
        id=[1], from_bus=[from_bus], to_bus=[to_bus], in_service=[True], pf=[0], qf=[0], qt=[0],
        vf=[1], vt=[1], pmin=[0], pmax=[most], qminf=[-0.1], qmaxf=[0.1], qmint=[-0.1],
        qmaxt=[0.1], loss0=[loss0], loss1=[loss1],
    )  # fmt: skip
