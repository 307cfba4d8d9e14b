"""The Kron reduction against the textbook's dense formula, its neighbours against networkx."""

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import scopf
from scopf.network import kron
from scopf.network.kron import (
    Reduction,
    reduced_groups,
    reduced_self_susceptance,
)
from scopf.network.tables import Branches, Buses, Gens

pytestmark = pytest.mark.core


def self_susceptances(net, keep):
    """By whole columns and by the sweep, whichever the size of the network would call for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kron, "_SMALL", np.inf)
        columns = reduced_self_susceptance(net, keep)
        patch.setattr(kron, "_SMALL", 0)
        return columns, reduced_self_susceptance(net, keep)


def neighbor_flags(net, keep):
    """Flags of the neighbours in the reduced network, dense."""
    near = np.zeros((len(keep), len(keep)), dtype=bool)
    near[reduced_groups(net, keep).pairs()] = True
    return near


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
    assert Reduction(net, keep).susceptance == pytest.approx(expected, rel=1e-8, abs=1e-10 * scale)
    for found in self_susceptances(net, keep):
        assert found == pytest.approx(np.diag(expected), rel=1e-9)


def test_the_order_of_the_kept_buses_is_that_of_the_result():
    net = scopf.load_case("case39")
    keep, order = np.unique(net.gen_at), np.array([3, 9, 0, 1, 2, 8, 7, 6, 5, 4])
    shuffled = Reduction(net, keep[order]).susceptance
    assert shuffled == pytest.approx(Reduction(net, keep).susceptance[np.ix_(order, order)])
    for found in self_susceptances(net, keep[order]):
        assert found == pytest.approx(np.diag(shuffled))
    neighbors = neighbor_flags(net, keep[order])
    assert np.array_equal(neighbors, neighbor_flags(net, keep)[np.ix_(order, order)])


def test_a_chain_of_two_lines_is_their_series_and_taps_are_kept():
    net = scopf.load_case("case9").lossless()
    net = net.replace(bus={"pd": np.zeros(9), "qd": np.zeros(9)})
    keep = net.bus_positions([1, 5, 9])  # bus 4 joins them
    x = dict(zip(net.branch.id.tolist(), net.branch.x.tolist(), strict=True))
    ring = 1 / (x[3] + x[5] + x[6] + x[8])  # the other way round from bus 5 to bus 9
    star = [1 / x[1], 1 / x[2], 1 / x[9]]
    found = Reduction(net, keep).susceptance
    assert -found[0, 1] == pytest.approx(star[0] * star[1] / sum(star))
    assert -found[1, 2] == pytest.approx(star[1] * star[2] / sum(star) + ring)
    tapped = net.replace(branch={"tap": np.where(net.branch.id == 1, 0.9, 1)})
    found = Reduction(tapped, keep).susceptance  # seen from the tap's side, b / tap^2
    assert found[0, 0] == pytest.approx(star[0] / 0.81 * (1 - star[0] / sum(star)))
    assert -found[0, 1] == pytest.approx(star[0] / 0.9 * star[1] / sum(star))


def test_all_buses_kept_is_the_admittance_matrix_and_the_network_s_own_neighbours():
    net = scopf.load_case("case118")
    everything = np.arange(len(net.bus))
    loads = np.diag(net.bus.pd - 1j * net.bus.qd)
    expected = -(net.ybus().toarray() + loads).imag
    assert Reduction(net, everything).susceptance == pytest.approx(expected)
    assert reduced_self_susceptance(net, everything) == pytest.approx(np.diag(expected))
    joined = nx.to_numpy_array(nx.Graph(net.graph()), nodelist=net.bus.id.tolist(), weight=None)
    assert np.array_equal(neighbor_flags(net, everything), joined > 0)


def test_one_bus_kept_has_no_neighbour():
    net = scopf.load_case("case14")
    assert not neighbor_flags(net, np.array([3])).any()
    groups = reduced_groups(net, np.array([3]))
    assert groups.pair_count == len(groups.group) == len(groups.direct) == 0
    matrix = Reduction(net, np.array([3])).susceptance
    assert matrix.shape == (1, 1)
    assert reduced_self_susceptance(net, np.array([3])) == pytest.approx(matrix[0])


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


def uneven(net, seed):
    """The same network with resistances, taps, phase shifters, charging, shunts and loads."""
    rng, n, m = np.random.default_rng(seed), len(net.bus), len(net.branch)
    return net.replace(
        bus={"pd": rng.uniform(-0.1, 1, n), "qd": rng.uniform(0, 0.5, n), "gs": rng.random(n) / 9},
        branch={
            "r": rng.uniform(0, 0.5, m), "b": rng.uniform(0, 0.02, m),
            "tap": rng.uniform(0.9, 1.1, m), "shift": rng.uniform(-0.5, 0.5, m),
        },
    )  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(networks(), st.integers(0, 99))
def test_self_susceptance_of_any_network(case, seed):
    net, keep = uneven(case[0], seed), case[1]
    expected = -np.diag(dense_reduction(net, keep)).imag
    for found in self_susceptances(net, keep):
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_self_susceptance_of_a_meshed_grid_of_1600_buses():
    rng = np.random.default_rng(7)
    grid = nx.convert_node_labels_to_integers(nx.grid_2d_graph(40, 40))
    net = uneven(inductive_network(grid), 7)
    keep = rng.choice(1600, 120, replace=False)
    expected = np.diag(Reduction(net, keep).susceptance)
    assert len(keep) * 1480 > kron._SMALL
    assert reduced_self_susceptance(net, keep) == pytest.approx(expected, rel=1e-9)


def test_self_susceptance_where_rows_must_be_exchanged():
    net, keep = inductive_network(nx.path_graph(4)), np.array([0, 3])
    y = 1 / net.branch.x
    net = net.replace(bus={"bs": [0, y[0] + y[1], y[1] + y[2], 0]})  # both diagonals are zero
    expected = -np.diag(dense_reduction(net, keep)).imag
    for found in self_susceptances(net, keep):
        assert found == pytest.approx(expected, rel=1e-9)


def groups_of_networkx(net, keep):
    """Which places of `keep` each group of eliminated buses touches, and the pairs on a branch."""
    graph, place = nx.Graph(net.graph()), {int(net.bus.id[k]): i for i, k in enumerate(keep)}
    touched = [
        sorted({place[b] for a in part for b in graph[a] if b in place})
        for part in nx.connected_components(graph.subgraph(set(graph) - set(place)))
    ]
    joined = {(place[a], place[b]) for a, b in graph.edges if a in place and b in place}
    return [t for t in touched if len(t) > 1], joined | {(j, i) for i, j in joined}


def check_groups(net, keep):
    found = reduced_groups(net, keep)
    groups, joined = groups_of_networkx(net, keep)
    shared = {pair for group in groups for pair in itertools.permutations(group, 2)}
    members = [found.inverter[found.group == k].tolist() for k in range(len(groups))]
    assert sorted(members) == sorted(groups)
    assert (np.diff(found.group) >= 0).all()
    assert len(found.group) == sum(map(len, groups))
    assert [tuple(pair) for pair in found.direct.tolist()] == sorted(joined - shared)
    i, j = found.pairs()
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == sorted(joined | shared)
    assert found.pair_count == len(i)


@settings(max_examples=50, deadline=None)
@given(networks())
def test_groups_and_pairs_are_those_of_networkx(case):
    check_groups(*case)


@pytest.mark.parametrize("case", ["case39", "case118", "case300"])
def test_groups_and_pairs_of_a_case_are_those_of_networkx(case):
    net = scopf.load_case(case)
    check_groups(net, np.unique(net.gen_at))


def test_a_pair_that_several_groups_share_counts_once():
    ways = [[0, 1, 2], [0, 3, 2], [0, 4, 2], [0, 2], [2, 5]]  # from bus 0 to 2, and a direct pair
    net = inductive_network(nx.Graph([edge for way in ways for edge in itertools.pairwise(way)]))
    found = reduced_groups(net, np.array([0, 2, 5]))
    assert found.group.tolist() == [0, 0, 1, 1, 2, 2]
    assert found.inverter.tolist() == [0, 1, 0, 1, 0, 1]
    assert found.direct.tolist() == [[1, 2], [2, 1]]
    assert found.pair_count == 4
    assert np.transpose(found.pairs()).tolist() == [[0, 1], [1, 0], [1, 2], [2, 1]]


@settings(max_examples=50, deadline=None)
@given(networks())
def test_neighbours_are_the_pattern_of_the_dense_reduction(case):
    net, keep = case
    dense = np.abs(dense_reduction(net, keep)) > 1e-7  # no smaller than 2^-14 where there is a path
    np.fill_diagonal(dense, False)
    assert np.array_equal(neighbor_flags(net, keep), dense)


@pytest.mark.parametrize("small", [0, np.inf])
def test_an_eliminated_part_that_is_singular_is_refused(small, monkeypatch):
    monkeypatch.setattr(kron, "_SMALL", small)
    net = inductive_network(nx.path_graph(3))
    x = net.branch.x
    resonant = net.replace(bus={"bs": [0, 1 / x[0] + 1 / x[1], 0]})
    with pytest.raises(scopf.ScopfError, match="singular"):
        _ = Reduction(resonant, np.array([0, 2])).susceptance
    with pytest.raises(scopf.ScopfError, match="singular"):
        reduced_self_susceptance(resonant, np.array([0, 2]))


@pytest.mark.parametrize("block", [2, 256])
@pytest.mark.parametrize("kept", [0.3, 1.0])
def test_derivatives_by_loads_are_finite_differences(kept, block, monkeypatch):
    monkeypatch.setattr(kron, "_BLOCK", block)
    net, rng = uneven(scopf.load_case("case14"), 3), np.random.default_rng(5)
    n = len(net.bus)
    keep = rng.permutation(n)[: round(kept * n)]
    weights = sparse.random_array((len(keep), len(keep)), density=0.3, random_state=rng).tocsr()

    def weighed(column, bus, step):
        load = getattr(net.bus, column).copy()
        load[bus] += step
        return (weights * Reduction(net.replace(bus={column: load}), keep).susceptance).sum()

    for column, found in zip(("pd", "qd"), Reduction(net, keep).by_loads(weights), strict=True):
        slopes = [
            (weighed(column, bus, 1e-5) - weighed(column, bus, -1e-5)) / 2e-5 for bus in range(n)
        ]
        np.testing.assert_allclose(found, slopes, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kept", [0.3, 1.0])
def test_derivatives_of_the_diagonal_are_those_of_diagonal_weights(kept, monkeypatch):
    net, rng = uneven(scopf.load_case("case14"), 3), np.random.default_rng(6)
    keep = rng.permutation(len(net.bus))[: round(kept * len(net.bus))]
    weights = rng.normal(size=len(keep)) * (rng.random(len(keep)) < 0.7)
    expected = kron.load_derivatives(net, keep, sparse.diags_array(weights).tocsr())
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(Reduction(net, keep).by_loads(weights), expected, atol=1e-12)
    monkeypatch.setattr(kron, "_SMALL", 0)
    np.testing.assert_allclose(Reduction(net, keep).by_loads(weights), expected, atol=1e-12)
