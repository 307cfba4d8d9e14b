"""The network: physics against pandapower, variants, and what is refused."""

import pickle

import networkx as nx
import numpy as np
import pytest
from pandapower.pypower import idx_brch, idx_bus
from pandapower.pypower.makeYbus import makeYbus

import scopf
from scopf.network.tables import Branches, Buses, Gens


def pandapower_ybus(net):
    """MATPOWER's admittance matrix, in pandapower's port, of consecutive buses from 0."""
    bus = np.zeros((len(net.bus), idx_bus.bus_cols))
    bus[:, idx_bus.GS] = net.bus.gs * net.base_mva
    bus[:, idx_bus.BS] = net.bus.bs * net.base_mva
    branch = np.zeros((len(net.branch), idx_brch.branch_cols))
    for column, values in {
        idx_brch.F_BUS: net.branch_from,
        idx_brch.T_BUS: net.branch_to,
        idx_brch.BR_R: net.branch.r,
        idx_brch.BR_X: net.branch.x,
        idx_brch.BR_B: net.branch.b,
        idx_brch.TAP: net.branch.tap,
        idx_brch.SHIFT: np.degrees(net.branch.shift),
        idx_brch.BR_STATUS: net.branch.in_service,
    }.items():
        branch[:, column] = values
    return makeYbus(net.base_mva, bus, branch)[0].toarray()


@pytest.mark.parametrize("case", ["case9", "case14", "case39", "case118", "case300"])
def test_admittance_matrix_is_pandapower_s(case):
    net = scopf.load_case(case)
    assert net.ybus().toarray() == pytest.approx(pandapower_ybus(net), rel=1e-9, abs=1e-9)


def test_admittance_matrix_with_shifts_taps_and_outages_is_pandapower_s():
    net, random = scopf.load_case("case39"), np.random.default_rng(1)
    m = len(net.branch)
    net = net.replace(
        branch={
            "tap": random.uniform(0.9, 1.1, m),
            "shift": random.uniform(-0.5, 0.5, m),
            "in_service": ~np.isin(net.branch.id, (2, 7)),
        }
    )
    assert net.ybus().toarray() == pytest.approx(pandapower_ybus(net), rel=1e-9, abs=1e-9)


def test_admittance_matrix_with_a_branch_out_of_service_that_has_no_impedance():
    net = scopf.load_case("case9")
    on, nothing = np.arange(9) != 4, np.where(np.arange(9) == 4, 0.0, net.branch.x)
    off = net.replace(branch={"in_service": on, "r": nothing * 0, "x": nothing})
    without = off.energized()
    assert len(without.branch) == 8
    assert abs(off.ybus() - without.ybus()).max() == 0


def test_lossless_leaves_reactances_taps_and_shifts():
    net = scopf.load_case("case300")
    bare = net.lossless()
    assert bare.is_lossless
    assert not net.is_lossless
    for table, columns in {"bus": ("gs", "bs"), "branch": ("r", "b")}.items():
        for column in columns:
            assert getattr(getattr(net, table), column).any()
            assert not getattr(getattr(bare, table), column).any()
    for column in ("x", "tap", "shift", "rate", "in_service"):
        assert np.array_equal(getattr(bare.branch, column), getattr(net.branch, column))
    assert np.array_equal(bare.bus.pd, net.bus.pd)
    assert bare.gen == net.gen
    assert not bare.ybus().toarray()[~np.eye(len(net.bus), dtype=bool)].real.all()


def test_lossless_refuses_a_branch_without_reactance_by_name():
    net = scopf.load_case("case9")
    x = np.where(net.branch.id == 2, 0, net.branch.x)
    with pytest.raises(scopf.CaseError, match=r"branch row 2 .*4-5.*zero impedance"):
        net.replace(branch={"x": x}).lossless()


def test_scaled_multiplies_loads_and_series_admittances():
    net = scopf.load_case("case14")
    more = net.scaled(load=1.5, susceptance=2)
    assert more.bus.pd == pytest.approx(1.5 * net.bus.pd)
    assert more.bus.qd == pytest.approx(1.5 * net.bus.qd)
    off = ~np.eye(len(net.bus), dtype=bool)
    assert more.ybus().toarray()[off] == pytest.approx(2 * net.ybus().toarray()[off])
    assert np.array_equal(more.branch.b, net.branch.b)
    assert np.array_equal(more.bus.bs, net.bus.bs)
    assert net.scaled() == net


@pytest.mark.parametrize(
    "factors",
    [
        {"susceptance": 0}, {"susceptance": -1}, {"load": np.nan}, {"load": "much"},
        {"load": -0.5}, {"load": {5: -1}},
    ],
)  # fmt: skip
def test_scaled_refuses_what_is_no_factor(factors):
    with pytest.raises(
        scopf.ScopfError, match=r"must be (a finite number|positive|zero or positive)"
    ):
        scopf.load_case("case9").scaled(**factors)


def test_arrays_are_read_only_and_their_own():
    net = scopf.load_case("case9")
    loads = np.ones(9)
    loaded = net.replace(bus={"pd": loads})
    loads[0] = 7
    assert loaded.bus.pd[0] == 1
    for table in (net.bus, net.gen, net.branch):
        for name, column in vars(table).items():
            with pytest.raises(ValueError, match="read-only"):
                column[0] = column[0]
            assert len(column) == len(table), name
    with pytest.raises(AttributeError):
        net.base_mva = 1


def test_equality_is_that_of_all_numbers():
    net = scopf.load_case("case9")
    assert net == net.replace(bus={"pd": net.bus.pd.copy()})
    assert net != net.replace(bus={"pd": np.nextafter(net.bus.pd, 9)})
    assert net != net.replace(gen={"in_service": [True, True, False]})
    assert net != net.replace(base_mva=101.0)
    assert net != scopf.load_case("case14")
    assert net != "case9"


def test_columns_of_different_length_are_refused():
    net = scopf.load_case("case9")
    with pytest.raises(ValueError, match="differ in length"):
        net.replace(bus={"pd": [1.0]})


def test_positions_of_buses_follow_the_user_s_numbers():
    net = scopf.load_case("case300")
    assert net.bus_positions(net.bus.id[::-1]).tolist() == list(range(299, -1, -1))
    assert net.bus_positions([9533, -1, 10**9]).tolist() == [
        net.bus.id.tolist().index(9533),
        -1,
        -1,
    ]
    assert np.array_equal(net.bus.id[net.gen_at], net.gen.bus)
    assert np.array_equal(net.bus.id[net.branch_to], net.branch.to_bus)


def test_graph_is_a_multigraph_keyed_by_branch():
    net = scopf.load_case("case118")
    net = net.replace(branch={"in_service": net.branch.id != 5})
    graph = net.graph()
    assert isinstance(graph, nx.MultiGraph)
    assert set(graph) == set(net.bus.id.tolist())
    live = net.energized().branch
    ends = zip(live.from_bus.tolist(), live.to_bus.tolist(), live.id.tolist(), strict=True)
    assert {(*sorted((f, t)), k) for f, t, k in graph.edges(keys=True)} == {
        (*sorted((f, t)), k) for f, t, k in ends
    }
    assert graph.number_of_edges() == 185
    assert nx.is_connected(graph)
    assert graph.number_of_edges(42, 49) == 2  # parallel circuits
    assert graph.edges[5, 8, 8] == {"r": 0.0, "x": 0.0267, "tap": 0.985, "shift": 0.0}


# -- made by hand ----------------------------------------------


def hand_made(bus=None, gen=None, branch=None, base_mva=100.0):
    """Two buses, a generator and a line, straight from arrays."""
    one, two = np.ones(1), np.ones(2)
    buses = {
        "id": [4, 9], "type": [3, 1], "pd": [0, 0.5], "qd": [0, 0.1], "gs": 0 * two, "bs": 0 * two,
        "vm": two, "va": 0 * two, "base_kv": two, "vmin": 0.9 * two, "vmax": 1.1 * two,
        "area": two, "zone": two, "name": ["", ""],
    }  # fmt: skip
    gens = {
        "id": [1], "bus": [4], "in_service": [True], "pg": one, "qg": one, "pmin": 0 * one,
        "pmax": one, "qmin": -one, "qmax": one, "vg": one, "mbase": 100 * one,
        "cost_p": [[0, 1, 0]], "cost_q": [[0, 0, 0]],
    }  # fmt: skip
    branches = {
        "id": [1], "from_bus": [4], "to_bus": [9], "in_service": [True], "r": 0 * one,
        "x": 0.1 * one, "b": 0 * one, "rate": one, "tap": one, "shift": 0 * one,
        "angmin": [-np.inf], "angmax": [np.inf],
    }  # fmt: skip
    return scopf.Network(
        "by hand",
        base_mva,
        Buses(**buses | (bus or {})),
        Gens(**gens | (gen or {})),
        Branches(**branches | (branch or {})),
    )


def test_a_network_made_by_hand_is_valid_and_can_be_solved():
    net = hand_made()
    assert net.validate() == []
    assert scopf.solve(scopf.build(net, criterion="none")).cost == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"base_mva": 0}, "base must be a positive"),
        ({"bus": {"type": [3, 5]}}, r"bus row 2 \(bus 9\): bus type 5"),
        ({"bus": {"vmax": [1.1, np.nan]}}, r"bus row 2 \(bus 9\): Vmax is not a number"),
        ({"bus": {"pd": [0, np.inf]}}, r"bus row 2 \(bus 9\): Pd is not a finite"),
        ({"gen": {"bus": [5]}}, r"gen row 1 \(gen 1 at bus 5\): unknown bus 5"),
        ({"gen": {"pmin": [2]}}, "Pmin 200 MW > Pmax 100 MW"),
        ({"gen": {"mbase": [0]}}, "mBase 0 must be positive"),
        ({"gen": {"cost_p": [[0, 1]]}}, "order 0, 1 and 2"),
        ({"branch": {"rate": [0]}}, r"branch row 1 \(branch 1, 4-9\): the rating 0 MVA"),
        ({"branch": {"tap": [-1]}}, "ratio -1 must be positive"),
        ({"branch": {"angmin": [0.2], "angmax": [0.1]}}, "angmin 11.4.* > angmax 5.7"),
        ({"branch": {"angmin": [np.inf]}}, "no finite angle is between angmin inf and angmax inf"),
        ({"branch": {"angmax": [-np.inf]}}, "between angmin -inf and angmax -inf"),
    ],
)
def test_a_network_made_by_hand_is_refused_with_the_reason(tables, said):
    with pytest.raises(scopf.CaseError, match=said) as caught:
        hand_made(**tables)
    assert len(caught.value.faults) == 1


def test_a_pickled_error_keeps_its_faults():
    with pytest.raises(scopf.CaseError) as caught:
        hand_made(bus={"pd": [np.nan, 0], "vmin": [2, 0]}, branch={"x": [0]})
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is scopf.CaseError
    assert again.faults == caught.value.faults
    assert len(again.faults) == 3
    assert str(again) == str(caught.value)
    assert again.source == "by hand"


def test_a_network_can_be_pickled():
    net = scopf.load_case("case14")
    assert pickle.loads(pickle.dumps(net)) == net
