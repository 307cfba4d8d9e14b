"""What the components of PyPSA networks become, and what of them is named or refused."""

import numpy as np
import pandas as pd
import pytest

import scopf
from tests.peers import pypsa_networks

pypsa = pytest.importorskip("pypsa")


def said(grid, text):
    return any(text in one for one in grid.approximations)


def row(table, name):
    return list(table.name).index(name)


@pytest.fixture
def net():
    return pypsa_networks.meshed()


def test_sizes_costs_and_limits_are_those_of_the_snapshot(net):
    net.generators_t["marginal_cost"]["gas"] = [40.0, 20.0]
    for snapshot, cost, most in (("noon", 40.0, 60.0), ("night", 20.0, 140.0)):
        grid = scopf.load_case(net, snapshot=snapshot)
        gen, base = grid.gen, grid.base_mva
        gas, wind, coal = (row(gen, name) for name in ("gas", "wind", "coal"))
        assert gen.cost_p[gas] == pytest.approx([0.0, cost * base, 0.03 * base**2])
        assert gen.pmax[wind] * base == pytest.approx(most)
        assert gen.pmin[coal] * base == pytest.approx(120.0)
        assert said(grid, f"the snapshot is {snapshot}")
    assert (gen.qmin == -np.inf).all()
    assert said(grid, "PyPSA has no limits of reactive power")


def test_loads_are_those_of_the_snapshot(net):
    grid = [scopf.load_case(net, snapshot=one) for one in (None, "night")]
    bus = row(grid[0].bus, "B")
    assert [one.bus.pd[bus] * one.base_mva for one in grid] == pytest.approx([300.0, 180.0])


def test_an_unknown_snapshot_is_refused_with_some_that_there_are(net):
    with pytest.raises(
        scopf.ScopfError, match="no snapshot 'dusk'; the first ones are noon, night"
    ):
        scopf.load_case(net, snapshot="dusk")


def test_dates_may_be_texts():
    net = pypsa_networks.two_islands()
    net.set_snapshots(pd.date_range("2026-01-01", periods=3, freq="h"))
    grid = scopf.load_case(net, snapshot="2026-01-01 02:00")
    assert said(grid, "2026-01-01 02:00")


def test_investment_periods_say_which_components_there_are():
    net = pypsa_networks.two_islands()
    net.set_snapshots([0, 1])
    net.set_investment_periods([2030, 2040])
    net.generators.loc["g2", ["build_year", "lifetime"]] = 2040, 20.0
    assert "g2" not in scopf.load_case(net).gen.name
    assert "g2" in scopf.load_case(net, snapshot=(2040, 1)).gen.name
    with pytest.raises(scopf.ScopfError, match="no snapshot 2040"):
        scopf.load_case(net, snapshot=2040)


def test_scenarios_are_refused():
    net = pypsa_networks.two_islands()
    net.set_scenarios({"dry": 0.5, "wet": 0.5})
    with pytest.raises(scopf.ScopfError, match="scenarios"):
        scopf.load_case(net)


def test_inactive_components_are_left_out(net):
    assert "old" not in scopf.load_case(net).gen.name
    net.lines.loc["A-B", "active"] = False
    assert "A-B" not in scopf.load_case(net).branch.name


def test_columns_of_reactive_limits_are_heeded(net):
    net.generators["q_min"], net.generators["q_max"] = -50.0, 70.0
    net.storage_units["q_min"], net.storage_units["q_max"] = -5.0, 7.0
    grid = scopf.load_case(net)
    most = {name: q * grid.base_mva for name, q in zip(grid.gen.name, grid.gen.qmax, strict=True)}
    assert most == pytest.approx({"coal": 70.0, "gas": 70.0, "wind": 70.0, "pump": 7.0})
    assert not said(grid, "PyPSA has no limits")


def test_storage_stores_and_committable_units_are_named(net):
    net.generators.loc["gas", "committable"] = True
    grid = scopf.load_case(net)
    assert said(grid, "committable generators are all in service, at p_min_pu or more: gas")
    assert said(grid, "whatever their state of charge: pump")
    assert said(grid, "stores keep p_set: cell")
    pump = row(grid.gen, "pump")
    assert grid.gen.pmin[pump] == -grid.gen.pmax[pump] == pytest.approx(-0.5)
    assert grid.bus.pd[row(grid.bus, "e")] * grid.base_mva == pytest.approx(120.0 - 2.0)


@pytest.mark.parametrize("power", [-1.0, 1.0])
def test_storage_units_have_costs_of_what_they_give_as_in_pypsa(power):
    n = pypsa.Network()
    n.add("Bus", "a", v_nom=110)
    n.add("Bus", "b", v_nom=110)
    n.add("Line", "ab", bus0="a", bus1="b", x=1.0, s_nom=100)
    n.add("Generator", "gas", bus="a", p_nom=100, marginal_cost=50)
    n.add("Load", "town", bus="b", p_set=30)
    n.add("StorageUnit", "pump", bus="b", p_nom=20, p_min_pu=-1, marginal_cost=10, max_hours=10,
          state_of_charge_initial=100, p_set=20 * power)  # fmt: skip
    grid = scopf.load_case(n)
    held = [0.0, 20 * power / grid.base_mva], [1.0, 20 * power / grid.base_mva]
    sol = scopf.solve(scopf.build(grid.replace(gen=dict(zip(("pmin", "pmax"), held, strict=True)))))
    n.optimize(solver_name="highs", log_to_console=False)
    assert sol.cost == pytest.approx(n.objective, rel=1e-6)


def test_costs_of_storage_that_are_not_convex_are_named(net):
    net.storage_units.loc["pump", "marginal_cost"] = -3.0
    assert said(scopf.load_case(net), "count while they charge as well: pump")


def test_the_slack_is_the_reference_and_limits_are_those_of_the_buses(net):
    grid = scopf.load_case(net)
    assert grid.bus.name[grid.bus.type == 3].tolist() == ["A"]
    assert grid.bus.vmin == pytest.approx([0.94] * 6)
    net.buses.loc["d", ["v_mag_pu_min", "v_mag_pu_max"]] = 0.0, np.inf
    grid = scopf.load_case(net)
    assert grid.bus.vmax[row(grid.bus, "d")] == 1.1
    assert said(grid, "0 or infinity (1): d")


def test_an_island_has_one_reference(net):
    net.generators.loc["gas", "control"] = "Slack"
    grid = scopf.load_case(net)
    assert grid.bus.name[grid.bus.type == 3].tolist() == ["A"]


def test_a_size_may_be_infinite(net):
    net.generators.loc["gas", "p_nom"] = np.inf
    gen = scopf.load_case(net).gen
    gas = row(gen, "gas")
    assert (gen.pmin[gas], gen.pmax[gas]) == (0.0, np.inf)


def test_faults_go_by_names(net):
    net.buses.loc["d", ["v_mag_pu_min", "v_mag_pu_max"]] = 1.1, 0.9
    with pytest.raises(scopf.CaseError, match=r"d; bus 4.*Vmin 1.1 > Vmax 0.9"):
        scopf.load_case(net)


def test_ratings(net):
    net.lines.loc["d-e", "s_nom"] = 0.0
    net.lines.loc["A-B", ["s_nom_extendable", "s_nom_opt"]] = True, 2500.0
    grid = scopf.load_case(net)
    rate = {name: r * grid.base_mva for name, r in zip(grid.branch.name, grid.branch.rate,
                                                       strict=True)}  # fmt: skip
    assert np.isinf(rate["d-e"])
    assert rate["e-f"] == pytest.approx(162.0)
    assert rate["A-B"] == pytest.approx(2500.0)
    assert said(grid, "s_nom 0 is no rating: 1 branch, d-e")
    assert said(grid, "optimal size: A-B")


def test_links_are_dc_lines_without_reactive_power(net):
    line = scopf.load_case(net).dcline
    assert line.name.tolist() == ["A to f"]
    assert line.loss1 == pytest.approx([0.03])
    assert (line.pmin[0], line.pmax[0]) == pytest.approx((0.0, 0.6))
    assert line.cost[0] == pytest.approx([0.0, 10.0, 0.0])
    assert [line.qminf[0], line.qmaxf[0], line.qmint[0], line.qmaxt[0]] == [0.0] * 4


def test_a_link_in_both_directions_with_losses_has_none_and_is_named(net):
    net.links.loc["A to f", "p_min_pu"] = -1.0
    grid = scopf.load_case(net)
    assert not grid.dcline.loss1.any()
    assert said(grid, "the losses of these DC lines would be negative")


def test_what_is_not_represented_is_refused_all_at_once_or_named(net):
    net.add("Bus", "gas net", carrier="gas")
    net.add("Bus", "dc", carrier="DC", v_nom=500.0)
    net.add("Link", "plant", bus0="gas net", bus1="A", bus2="B", efficiency=0.5, efficiency2=0.1)
    net.add("Store", "tank", bus="gas net")
    with pytest.raises(scopf.CaseError) as error:
        scopf.load_case(net)
    assert [fault.label for fault in error.value.faults] == ["gas net", "dc", "plant"]
    grid = scopf.load_case(net, ignore_unsupported=True)
    assert said(grid, "ignored: buses row 7 (gas net)")
    assert grid.dcline.name.tolist() == ["A to f"]
    assert len(grid.bus) == 6


def test_global_constraints_are_named(net):
    net.add("GlobalConstraint", "co2", sense="<=", constant=1.0)
    assert said(scopf.load_case(net), "global constraints are left out: co2")


def test_references_to_no_bus_are_faults(net):
    net.loads.loc["load B", "bus"] = "Q"
    with pytest.raises(scopf.CaseError, match="bus 'Q' is no bus of the network"):
        scopf.load_case(net)


def test_the_network_is_left_as_it_was(net):
    before = net.copy()
    scopf.load_case(net, snapshot="night")
    for name in ("buses", "lines", "transformers", "links", "generators"):
        pd.testing.assert_frame_equal(getattr(before, name), getattr(net, name))
    assert len(net.snapshots) == 2


def test_costs_of_the_network_are_its_own(net):
    with pytest.raises(scopf.ScopfError, match="costs go with"):
        scopf.load_case(net, costs="costs.csv")


def test_load_factors_are_those_of_the_snapshots():
    net = pypsa_networks.meshed()
    net.loads_t.p_set["d"] = [90.0, 45.0]
    net.loads_t.q_set["d"] = [20.0, 10.0]
    grid = scopf.load_case(net)
    found = scopf.load_factors(net, grid)
    assert found.index.tolist() == ["noon", "night"]
    for snapshot, factors in found.iterrows():
        there = scopf.load_case(net, snapshot=snapshot)
        for number, factor in factors.items():
            at = grid.bus.id.tolist().index(int(number))
            assert factor * grid.bus.pd[at] == pytest.approx(there.bus.pd[at], rel=1e-12)
    first, second = found[str(grid.bus.id[grid.bus.name == "d"][0])]
    assert first == pytest.approx(1.0)
    assert 0.4 < second < 0.7
