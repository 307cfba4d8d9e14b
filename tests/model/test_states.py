"""Outages in one dispatch: published numbers, prices by finite differences, an independent flow."""

import numpy as np
import pandas as pd
import pytest

import scopf
from scopf.dynamics.power_flow import Intact, after_outages

TIGHT = {"tol": 1e-10}
# Two independent programs: emergency ratings 1.2 times rating A, voltages .05 p.u. wider.
BRANCHES = {  # outages: cost at m_q .1, at .2 without rows, at .2 with rows in every state
    (1,): (42908.58, 43145.07, 43413.71),
    (2,): (41871.71, 41998.90, 42127.89),
    (6,): (41461.38, 41803.82, 43373.74),
    (13,): (41343.55, 41726.90, 41851.64),
    (6, 12, 13): (41613.31, 42196.37, 43809.65),
}


@pytest.fixture(scope="module")
def case39():
    return scopf.load_case("case39").lossless()


def problem(net, outages, mq=0.2, criterion="voltage-difference", **keywords):
    inverters = scopf.Inverters.at_generators(net, mq=mq)
    keywords = {"emergency": 1.2} | keywords
    return scopf.build(net, inverters, criterion=criterion, outages=outages, **keywords)


def cost(*args, **keywords):
    return scopf.solve(problem(*args, **keywords)).cost


def unit_at(net, bus):
    return f"gen {net.gen.id[net.gen.bus == bus][0]}"


# -- against other programs -----------------------------------------------


@pytest.mark.parametrize("outages", BRANCHES)
def test_costs_of_branch_outages(case39, outages):
    soft, plain, both = BRANCHES[outages]
    assert cost(case39, outages, 0.1) == pytest.approx(soft, rel=1e-6)
    assert cost(case39, outages, 0.2, "none") == pytest.approx(plain, rel=1e-6)
    assert cost(case39, outages, 0.2) == pytest.approx(both, rel=1e-6)


@pytest.mark.parametrize(
    ("branch", "widths", "expected"),
    [(1, 0.0, 43031.47), (2, 0.0, 41910.28), (6, 0.0, 42503.24), (13, 0.0, 41573.48)],
)
def test_costs_without_wider_voltages(case39, branch, widths, expected):
    assert cost(case39, [branch], 0.1, voltage_band=widths) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("branch", "expected"), [(1, 44010.85), (2, 42607.20), (6, 41461.38), (13, 41789.44)]
)
def test_costs_without_emergency_ratings(case39, branch, expected):
    assert cost(case39, [branch], 0.1, emergency=1.0) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("load", "bus", "band", "expected", "frequency"),
    [
        (0.9, 33, 0.01, 35326.143, -0.01),
        (0.9, 33, 0.05, 33657.567, -0.031271),
        (1.0, 37, 0.01, 45129.640, -0.01),
    ],
)
def test_costs_of_lost_units(case39, load, bus, band, expected, frequency):
    net = case39.scaled(load=load)
    found = scopf.solve(problem(net, [unit_at(net, bus)], 0.1, frequency_band=band))
    assert found.cost == pytest.approx(expected, rel=1e-6)
    (row,) = found.outages.to_dict("records")
    assert row["frequency_pu"] == pytest.approx(frequency, abs=1e-6)


@pytest.mark.parametrize("branch", [3, 25, 35])
def test_an_outage_that_no_dispatch_survives_has_none(case39, branch):
    given = problem(case39, [branch], 0.1, "none", on_infeasible="stop")
    assert not scopf.solve(given).solved


# -- the grid settles so -----------------------------------------------


@pytest.mark.parametrize("criterion", ["voltage-difference", "weighted", "C1"])
@pytest.mark.parametrize("lossless", [True, False])
def test_states_are_those_of_a_power_flow_with_droops(criterion, lossless):
    net = scopf.load_case("case39")
    net = net.lossless() if lossless else net
    mq, lost = (0.05, [6, 13, "gen 8"]) if criterion != "voltage-difference" else (0.2, [6, 13])
    given = problem(net, lost, mq, criterion, frequency_band=0.05)
    found = scopf.solve(given, options=TIGHT)
    assert found.status == "optimal"
    after, point = found.after, found.point
    power = point.pg + 1j * point.qg
    before = Intact(found.energized, found.inverter_data, point.vm, point.va, power)
    flow = after_outages(after.settled, before)
    assert flow.settled.all()
    np.testing.assert_allclose(flow.vm, after.vm, atol=1e-8)
    np.testing.assert_allclose(flow.va, after.va, atol=1e-8)
    np.testing.assert_allclose(flow.frequency, after.frequency, atol=1e-9)
    np.testing.assert_allclose(flow.pg, after.pg, atol=1e-8)


def test_one_that_does_not_settle_leaves_the_others(case39):
    found = scopf.solve(problem(case39, [6, 13]))
    lost = [6, 3, 13]
    states = problem(case39, lost).opf.states.settled
    point = found.point
    power = point.pg + 1j * point.qg
    flow = after_outages(
        states, Intact(found.energized, found.inverter_data, point.vm, point.va, power)
    )
    assert flow.settled.tolist() == [True, False, True]
    part = states.stack.bus_part
    assert np.isnan(flow.vm[part == 1]).all()
    np.testing.assert_allclose(flow.vm[part == 2], found.after.vm[-39:], atol=1e-7)


def test_a_generator_without_inverter_holds_its_voltage(case39):
    buses = [bus for bus in case39.gen.bus.tolist() if bus not in (30, 36)]
    inverters = scopf.Inverters.at_generators(case39, buses=buses, mq=0.1)
    found = scopf.solve(scopf.build(case39, inverters, outages=[6], emergency=1.2))
    assert found.status == "optimal"
    before, after = (
        found.buses.set_index("bus").vm,
        found.state("branch 6").buses.set_index("bus").vm,
    )
    assert after[[30, 36]].to_numpy() == pytest.approx(before[[30, 36]].to_numpy(), abs=1e-9)
    assert abs(after[32] - before[32]) > 1e-4


def test_an_island_that_dies_loses_its_load_and_says_so():
    net = scopf.load_case("case118")
    found = scopf.solve(problem(net, [184], 0.05, "none", frequency_band=0.05))
    assert found.status == "optimal"
    (row,) = found.outages.to_dict("records")
    assert row["unserved_mw"] == pytest.approx(20.0)
    assert row["frequency_pu"] > 0
    assert len(found.state("branch 184").buses) == 117


# -- prices -----------------------------------------------


@pytest.fixture(scope="module")
def secure(case39):
    return scopf.solve(problem(case39, [6]), options=TIGHT)


def test_the_price_of_a_droop_is_the_slope_of_the_cost(case39, secure):
    costs = [
        scopf.solve(problem(case39, [6], {32: 0.2 + h} | {
            int(bus): 0.2 for bus in case39.gen.bus if bus != 32
        }), options=TIGHT).cost for h in (-1e-4, 1e-4)
    ]  # fmt: skip
    price = secure.inverters.set_index("bus").dcost_dmq[32]
    assert price == pytest.approx(31742.5, rel=1e-5)
    assert price == pytest.approx((costs[1] - costs[0]) / 2e-4, rel=1e-5)


@pytest.mark.parametrize("column", ["pd", "qd"])
@pytest.mark.parametrize("bus", [4, 20, 39])
def test_prices_of_load_are_slopes_of_the_cost(case39, secure, bus, column):
    costs = []
    for step in (-1e-4, 1e-4):
        load = getattr(case39.bus, column) + step * (case39.bus.id == bus)
        changed = case39.replace(bus={column: load})
        costs.append(scopf.solve(problem(changed, [6]), options=TIGHT).cost)
    name = {"pd": "lmp_p_per_mwh", "qd": "lmp_q_per_mvarh"}[column]
    price = secure.buses.set_index("bus")[name][bus]
    assert price == pytest.approx((costs[1] - costs[0]) / 2e-4 / 100, rel=1e-4, abs=1e-4)


def test_the_shadow_price_is_the_sum_over_states(case39, secure):
    """A shift of all Gamma_i of inverter 32 in the state, by hand on the model."""
    given = problem(case39, [6])
    costs = []
    for shift in (-1e-6, 1e-6):
        for name, key in (
            ("inverter_gamma_offset", 32),
            ("state_inverter_gamma_offset", ("branch 6", 32)),
        ):
            getattr(given.model, name)[key] = shift
        costs.append(scopf.solve(given, options=TIGHT).cost)
    nssp = secure.inverters.set_index("bus").nssp_per_pu[32]
    assert nssp == pytest.approx(-(costs[1] - costs[0]) / 2e-6, rel=1e-3)
    intact = secure.state("intact").inverters.nssp_per_pu
    parts = intact, secure.state("branch 6").inverters.nssp_per_pu
    assert nssp == pytest.approx(parts[0][2] + parts[1][2], rel=1e-9)
    assert secure.outages.nssp_per_pu[0] == pytest.approx(parts[1].sum())


# -- the problem -----------------------------------------------


def test_an_update_is_what_build_would_make(case39):
    given = problem(case39, [6, "gen 8"], 0.1, frequency_band=0.05)
    scopf.solve(given)
    given.update(load_scale=0.9, mq=0.15, margin=0.001)
    again = problem(case39, [6, "gen 8"], 0.15, frequency_band=0.05, load_scale=0.9, margin=0.001)
    assert scopf.solve(given).cost == pytest.approx(scopf.solve(again).cost, rel=1e-8)


def test_keys_on_the_model_begin_with_the_state(case39):
    model = problem(case39, [6, (12, 13)]).model
    assert ("branch 6", 39) in model.state_bus_vm
    assert ("branch 12 + branch 13", 30, 31) in model.state_inverter_stability
    assert ("branch 6", 1) in model.state_frequency


def test_states_have_tables(secure):
    assert secure.states == ("intact", "branch 6")
    state = secure.state("branch 6")
    assert len(state.buses) == 39
    assert len(state.branches) == 45
    assert state.gens.p_mw.sum() == pytest.approx(state.buses.p_load_mw.sum(), rel=1e-8)
    binding = state.inverters[state.inverters.binding]
    assert binding.bus.tolist() == [32]
    with pytest.raises(scopf.ScopfError, match="no state 'branch 7'; did you mean 'branch 6'"):
        secure.state("branch 7")


@pytest.mark.parametrize("kind", ["list", "frame", "file"])
def test_outages_may_be_a_table(case39, tmp_path, kind):
    table = pd.DataFrame(
        {
            "name": ["corridor", "weak"],
            "out": ["branch 6 + branch 13", "6"],
            "emergency": [1.2, 1.5],
        }
    )
    given = table
    if kind == "file":
        given = tmp_path / "outages.csv"
        table.to_csv(given, index=False)
    if kind == "list":
        given = [(6, 13), 6]
    made = problem(case39, given, 0.1).opf.states.settled
    names = ("branch 6 + branch 13", "branch 6") if kind == "list" else ("corridor", "weak")
    assert made.names == names
    assert made.outages[0].branches == (6, 13)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("n-2", 'none of "n-1", "n-1-gens", "n-1-all"; did you mean'),
        (7.5, "must be a list, a table or a text"),
        ([99, "unit 3", "gen 77"], "no branch 99 in service"),
        ([99, "unit 3", "gen 77"], "'unit 3' is no element"),
        ([99, "unit 3", "gen 77"], "no gen 77 in service"),
        ([6, 6], "branch 6 is there twice"),
        (pd.DataFrame({"branch": [6]}), "there is no column branch"),
        (
            pd.DataFrame({"out": [6], "emergency": [-1.0]}),
            "emergency must be a number, above zero",
        ),
    ],
)
def test_outages_that_there_cannot_be_are_said(case39, given, said):
    with pytest.raises(scopf.ScopfError, match=said):
        problem(case39, given)


# -- what is said of outages, and co-design -----------------------------------------------


def test_the_log_says_what_droops_cover(case39, caplog):
    """Nine units of m_p .05 are left, 20 p.u. each: 1.8 p.u. of power at .01 p.u. of frequency."""
    scopf.solve(problem(case39, [unit_at(case39, 37)], 0.1))
    assert "cover losses of up to 180 MW; gen 8 may lose more" in caplog.text


def test_an_island_that_does_not_settle_is_left_out(case39):
    """The unit at bus 34 has more power than the load of its island, whatever its limits."""
    found = scopf.solve(problem(case39, [14, 6], 0.17))
    assert found.status == "optimal"
    (lost,) = found.unsurvived
    assert lost.alone
    assert lost.state == "branch 14"


def test_co_design_counts_the_states(case39):
    """At its droops the slope of the cost is that of the price of stiffness, dJ/dm_q = c/m_q^2."""
    price = 20.0
    designed = problem(case39, [6], 0.15, mq_bounds=(0.05, 0.4), stiffness_cost=price)
    found = scopf.solve(designed, options=TIGHT)
    assert found.status == "optimal"
    mq = found.inverter_data.mq
    fixed = scopf.build(case39, found.inverter_data, outages=[6], emergency=1.2)
    again = scopf.solve(fixed, options=TIGHT)
    assert again.cost + (price / mq).sum() == pytest.approx(found.cost, rel=1e-7)
    inside = (mq > 0.0501) & (mq < 0.3999)
    assert inside.sum() >= 4
    slope = found.inverters.dcost_dmq.to_numpy()[inside]
    np.testing.assert_allclose(slope, price / mq[inside] ** 2, rtol=1e-4)
