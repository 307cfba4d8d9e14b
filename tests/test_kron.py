"""The Kron reduction against the textbook's dense formula."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scopf
from scopf.network import Branches, Buses, Gens
from scopf.stability.kron import reduced_neighbors, reduced_susceptance


def dense_reduction(net, keep):
    """Y_GG - Y_GL Y_LL^-1 Y_LG of the matrix assembled branch by branch, loads as shunts."""
    y = np.diag(net.bus.gs + 1j * net.bus.bs + net.bus.pd - 1j * net.bus.qd).astype(complex)
    for k, (f, t) in enumerate(zip(net.branch_from, net.branch_to, strict=True)):
        line = net.branch
        a = line.tap[k] * np.exp(1j * line.shift[k])
        series = 1 / (line.r[k] + 1j * line.x[k])
        y[f, f] += (series + 0.5j * line.b[k]) / abs(a) ** 2
        y[t, t] += series + 0.5j * line.b[k]
        y[f, t] -= series / np.conj(a)
        y[t, f] -= series / a
    rest = np.setdiff1d(np.arange(len(y)), keep)
    inner = np.linalg.inv(y[np.ix_(rest, rest)])
    return y[np.ix_(keep, keep)] - y[np.ix_(keep, rest)] @ inner @ y[np.ix_(rest, keep)]


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("case", ["case9", "case14", "case39", "case118", "case300"])
def test_reduced_susceptance_is_the_textbook_formula(case, lossless):
    net = scopf.load_case(case).energized()
    net = net.lossless() if lossless else net
    keep = np.unique(net.gen_at)
    expected = -dense_reduction(net, keep).imag
    scale = np.abs(expected).max()
    assert reduced_susceptance(net, keep) == pytest.approx(expected, rel=1e-8, abs=1e-10 * scale)


def test_the_order_of_the_kept_buses_is_that_of_the_result():
    net = scopf.load_case("case39")
    keep, order = np.unique(net.gen_at), np.array([3, 9, 0, 1, 2, 8, 7, 6, 5, 4])
    shuffled = reduced_susceptance(net, keep[order])
    assert shuffled == pytest.approx(reduced_susceptance(net, keep)[np.ix_(order, order)])
    neighbors = reduced_neighbors(net, keep[order])
    assert np.array_equal(neighbors, reduced_neighbors(net, keep)[np.ix_(order, order)])


def test_a_chain_of_two_lines_is_their_series_and_taps_are_kept():
    net = scopf.load_case("case9").lossless()
    net = net.replace(bus={"pd": np.zeros(9), "qd": np.zeros(9)})
    keep = net.bus_positions([1, 5, 9])  # bus 4 joins them
    x = dict(zip(net.branch.id.tolist(), net.branch.x.tolist(), strict=True))
    ring = 1 / (x[3] + x[5] + x[6] + x[8])  # the other way round from bus 5 to bus 9
    star = [1 / x[1], 1 / x[2], 1 / x[9]]
    found = reduced_susceptance(net, keep)
    assert -found[0, 1] == pytest.approx(star[0] * star[1] / sum(star))
    assert -found[1, 2] == pytest.approx(star[1] * star[2] / sum(star) + ring)
    tapped = net.replace(branch={"tap": np.where(net.branch.id == 1, 0.9, 1)})
    found = reduced_susceptance(tapped, keep)  # seen from the tap's side, b / tap^2
    assert found[0, 0] == pytest.approx(star[0] / 0.81 * (1 - star[0] / sum(star)))
    assert -found[0, 1] == pytest.approx(star[0] / 0.9 * star[1] / sum(star))


def test_all_buses_kept_is_the_admittance_matrix_and_the_network_s_own_neighbours():
    net = scopf.load_case("case118")
    everything = np.arange(len(net.bus))
    loads = np.diag(net.bus.pd - 1j * net.bus.qd)
    expected = -(net.ybus().toarray() + loads).imag
    assert reduced_susceptance(net, everything) == pytest.approx(expected)
    joined = nx.to_numpy_array(nx.Graph(net.graph()), nodelist=net.bus.id.tolist(), weight=None)
    assert np.array_equal(reduced_neighbors(net, everything), joined > 0)


def test_one_bus_kept_has_no_neighbour():
    net = scopf.load_case("case14")
    assert not reduced_neighbors(net, np.array([3])).any()
    assert reduced_susceptance(net, np.array([3])).shape == (1, 1)


def inductive_network(graph):
    """A network of reactances without loads on the edges of a networkx graph of nodes 0, 1, ..."""
    n, edges = graph.number_of_nodes(), np.array([edge[:2] for edge in graph.edges])
    m, zero, one = len(edges), np.zeros(n), np.ones(n)
    x = np.random.default_rng(n + m).uniform(0.5, 2, m)
    return scopf.Network(
        "graph", 1.0,
        Buses(
            id=np.arange(n) + 1, type=[3, *[1] * (n - 1)], pd=zero, qd=zero, gs=zero, bs=zero,
            vm=one, va=zero, base_kv=one, vmin=zero, vmax=one, area=one, zone=one, name=[""] * n,
        ),
        Gens(
            id=[1], bus=[1], in_service=[True], pg=[0], qg=[0], pmin=[0], pmax=[1], qmin=[0],
            qmax=[1], vg=[1], mbase=[1], cost_p=[[0, 0, 0]], cost_q=[[0, 0, 0]],
        ),
        Branches(
            id=np.arange(m) + 1, from_bus=edges[:, 0] + 1, to_bus=edges[:, 1] + 1,
            in_service=np.ones(m), r=np.zeros(m), x=x, b=np.zeros(m), rate=np.full(m, np.inf),
            tap=np.ones(m), shift=np.zeros(m), angmin=np.full(m, -np.inf),
            angmax=np.full(m, np.inf),
        ),
    )  # fmt: skip


@st.composite
def networks(draw):
    """A random tree, some more edges (parallel ones among them), and which nodes are kept."""
    n = draw(st.integers(2, 14))
    node = st.integers(0, n - 1)
    code = draw(st.lists(node, min_size=n - 2, max_size=n - 2))
    graph = nx.MultiGraph(nx.from_prufer_sequence(code))
    more = draw(st.lists(st.tuples(node, node).filter(lambda e: e[0] != e[1]), max_size=6))
    graph.add_edges_from(more)
    keep = draw(st.lists(node, min_size=1, max_size=n, unique=True))
    return inductive_network(graph), np.array(keep)


@settings(max_examples=150, deadline=None)
@given(networks())
def test_neighbours_are_the_pattern_of_the_dense_reduction(case):
    net, keep = case
    dense = np.abs(dense_reduction(net, keep)) > 1e-7  # no smaller than 2^-14 where there is a path
    np.fill_diagonal(dense, False)
    assert np.array_equal(reduced_neighbors(net, keep), dense)


def test_an_eliminated_part_that_is_singular_is_refused():
    net = inductive_network(nx.path_graph(3))
    x = net.branch.x
    resonant = net.replace(bus={"bs": [0, 1 / x[0] + 1 / x[1], 0]})
    with pytest.raises(scopf.ScopfError, match="singular"):
        reduced_susceptance(resonant, np.array([0, 2]))
