"""Snapshots of a PyPSA network as a table of hours."""

import numpy as np
import pytest

import scopf
from scopf.network.hours import Hours
from tests.peers import pypsa_networks

pytest.importorskip("pypsa")


def assert_hours_are_snapshots(n, table):
    for at in (None, n.snapshots[-1]):  # whatever the network was read at
        net = scopf.load_case(n, snapshot=at)
        hours = Hours.read(table(n, net), net)
        assert hours.names == tuple(map(str, n.snapshots))
        for label, one in zip(n.snapshots, hours.nets, strict=True):
            other = scopf.load_case(n, snapshot=label)
            for key in ("pd", "qd"):
                near = pytest.approx(getattr(other.bus, key), abs=1e-14)
                assert getattr(one.bus, key) == near
            for key in ("pmin", "pmax", "cost_p", "cost_p_points"):
                near = pytest.approx(getattr(other.gen, key), rel=1e-13, nan_ok=True)
                assert getattr(one.gen, key) == near


def test_hours_are_the_network_at_each_snapshot():
    assert_hours_are_snapshots(pypsa_networks.meshed(), scopf.hours_table)


def test_costs_and_limits_that_change():
    n = pypsa_networks.meshed()
    n.generators_t.marginal_cost["gas"] = [34.0, 17.0]  # both costs, in proportion
    n.generators_t.marginal_cost_quadratic["gas"] = [0.03, 0.015]
    n.generators_t.marginal_cost["wind"] = [0.5, 0.5]
    n.add("Generator", "sun", bus="B", p_nom=80.0, p_max_pu=[1.0, 0.0], marginal_cost=[2.0, -3.0])
    n.add("StorageUnit", "cell", bus="B", p_nom=9.0, marginal_cost=[2.0, 4.0])
    n.generators_t.p_min_pu["coal"] = [0.2, 0.4]
    n.snapshot_weightings.loc[:, :] = 3.0
    net = scopf.load_case(n)
    table = scopf.hours_table(n, net)
    assert table["duration_h"].tolist() == [3, 3]
    names = {name: number for number, name in zip(net.gen.id, net.gen.name, strict=True)}
    assert table[f"price_{names['sun']}"].tolist() == [2, -3]
    assert table[f"cost_factor_{names['gas']}"].tolist() == [1, 0.5]
    assert table[f"cost_factor_{names['cell']}"].tolist() == [1, 2]
    assert table[f"pmin_mw_{names['coal']}"].tolist() == [120, 240]
    assert f"price_{names['wind']}" not in table
    assert_hours_are_snapshots(n, scopf.hours_table)


def test_what_a_table_does_not_represent_is_refused(caplog):
    n = pypsa_networks.meshed()
    n.generators_t.marginal_cost["gas"] = [34.0, 17.0]  # the quadratic cost stays
    n.links_t.p_max_pu["A to f"] = [1.0, 0.5]
    n.lines_t.s_max_pu["d-e"] = [1.0, 0.9]
    net = scopf.load_case(n)
    with pytest.raises(scopf.CaseError) as caught:
        scopf.hours_table(n, net)
    text = str(caught.value)
    assert "2 faults" in text
    assert "generators (gas): its linear and quadratic costs do not change in proportion" in text
    assert "are not represented: A to f, d-e; ignore_unsupported=True keeps them" in text
    del n.generators_t.marginal_cost["gas"]
    scopf.hours_table(n, net, ignore_unsupported=True)
    assert "stay as in the network: A to f, d-e" in caplog.text


def test_another_network_is_refused():
    n, other = pypsa_networks.meshed(), pypsa_networks.two_islands()
    with pytest.raises(scopf.CaseError, match="no bus of the network has a load"):
        scopf.hours_table(n, scopf.load_case(other))


def test_weights_of_storage_of_their_own_are_said(caplog):
    n = pypsa_networks.meshed()
    n.snapshot_weightings["objective"] = [10.0, 20.0]
    table = scopf.hours_table(n, scopf.load_case(n))
    assert table["duration_h"].tolist() == [10, 20]
    assert "as long as they weigh in the objective" in caplog.text
    assert np.all(scopf.hours_table(n, scopf.load_case(n), duration_h=1)["duration_h"] == 1)
