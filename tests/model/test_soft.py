"""Limits that may be violated at a price, and loads that may be shed: by finite differences."""

import numpy as np
import pandas as pd
import pytest

import scopf
from scopf.model.soft import default_prices

TIGHT = {"tol": 1e-11}


@pytest.fixture(scope="module")
def case39():
    return scopf.load_case("case39").lossless()


def solved(net, mq=0.2, criterion="voltage-difference", form="auto", **keywords):
    inverters = scopf.Inverters.at_generators(net, mq=mq)
    problem = scopf.build(net, inverters, criterion=criterion, **keywords)
    found = scopf.solve(problem, options=TIGHT, form=form)
    assert found.status == "optimal"
    return found


def with_rating(net, branch, mva):
    rate = np.where(net.branch.id == branch, mva / net.base_mva, net.branch.rate)
    return net.replace(branch={"rate": rate})


# -- soft limits -----------------------------------------------


def test_the_price_of_a_soft_rating_is_its_price(case39):
    flow = solved(case39, criterion="none").branches.set_index("branch")
    rating = 0.8 * np.hypot(flow.pf_mw, flow.qf_mvar)[46]
    found = solved(with_rating(case39, 46, rating), criterion="none", soft={"ratings": 2.0})
    (row,) = found.violations.to_dict("records")
    assert (row["family"], row["limit"], row["unit"]) == ("ratings", "thermal limit", "MVA")
    assert row["element"].startswith("branch 46")
    at = found.branches.set_index("branch").loc[46]
    size = max(np.hypot(at.pf_mw, at.qf_mvar), np.hypot(at.pt_mw, at.qt_mvar))
    assert row["violation"] == pytest.approx(size - rating, rel=1e-6)
    assert row["cost_per_h"] == pytest.approx(2.0 * (size - rating), rel=1e-6)
    both = at.mu_s_from_per_mvah + at.mu_s_to_per_mvah
    assert both == pytest.approx(2.0, rel=1e-5)
    up, down = (
        solved(with_rating(case39, 46, rating + h), criterion="none", soft={"ratings": 2.0}).cost
        for h in (1.0, -1.0)
    )
    assert (down - up) / 2.0 == pytest.approx(both, rel=1e-5)


def test_a_soft_stability_row_caps_the_shadow_price(case39):
    hard = solved(case39).inverters.set_index("bus").nssp_per_pu[32]
    price = 0.25 * hard
    found = solved(case39, soft={"stability": price})
    at = found.inverters.set_index("bus").loc[32]
    assert at.nssp_per_pu == pytest.approx(price, rel=1e-5)
    (row,) = found.violations.to_dict("records")
    assert row["element"] == "inverter 32"
    assert -at.margin == pytest.approx(row["violation"], rel=1e-6)


def test_what_is_violated_is_not_claimed(case39):
    kept = solved(case39, 0.36, "weighted")
    assert kept.claim == "stable"
    broken = solved(case39, 0.36, "weighted", soft={"stability": 5.0})
    assert not broken.violations.empty
    assert broken.claim is None
    assert any("the rows do not hold" in text for text in broken.unmet)


@pytest.mark.parametrize("form", ["reduced", "lifted"])
def test_the_slope_of_the_cost_in_a_price_is_the_violation(case39, form):
    prices = {"stability": 800.0, "voltages": 2000.0, "active_power": 1.0, "reactive_power": 1.0}
    found = solved(case39, soft=prices, form=form)
    of = found.violations.groupby("family").violation.sum()
    assert {"stability", "active_power"} <= set(of.index)
    for family in of.index:
        h = 1e-3 * prices[family]
        up, down = (
            solved(case39, soft={**prices, family: prices[family] + step}, form=form).cost
            for step in (h, -h)
        )
        assert (up - down) / (2 * h) == pytest.approx(of[family], rel=1e-4)


def test_soft_voltages_have_their_price_in_the_table_of_buses(case39):
    vmax = np.where(case39.bus.id == 36, 1.0, case39.bus.vmax)
    found = solved(case39.replace(bus={"vmax": vmax}), criterion="none", soft={"voltages": 40.0})
    at = found.buses.set_index("bus").loc[36]
    assert at.mu_vm_max_per_pu == pytest.approx(40.0, rel=1e-5)
    named = found.violations.set_index("element").violation["bus 36"]
    assert at.vm - 1.0 == pytest.approx(named, rel=1e-6)


def test_a_high_price_is_a_hard_limit(case39):
    prices = default_prices(case39)
    found, hard = solved(case39, soft=prices), solved(case39)
    assert found.violations.empty
    assert found.cost == pytest.approx(hard.cost, rel=1e-7)
    both = (one.inverters.nssp_per_pu for one in (found, hard))
    np.testing.assert_allclose(*both, rtol=1e-4, atol=1e-1)


def test_the_pyomo_model_is_the_same(case39):
    prices = {"stability": 800.0, "ratings": 1.0, "voltages": 2000.0}
    inverters = scopf.Inverters.at_generators(case39, mq=0.2)
    problem = scopf.build(case39, inverters, soft=prices, voll=40.0)
    before = scopf.solve(problem, options=TIGHT)
    model = problem.model
    after = scopf.solve(problem, options=TIGHT)
    assert after.cost == pytest.approx(before.cost, rel=1e-9)
    assert model.soft_stability_rows["inverter 32"].value == pytest.approx(
        before.violations.set_index("element").violation["inverter 32"], rel=1e-5
    )


def test_default_prices_exceed_what_energy_costs():
    net = scopf.load_case("case9")
    prices = default_prices(net)
    assert prices["ratings"] == 1000.0
    assert prices["voltages"] == 1000.0 * net.base_mva
    dear = net.replace(gen={"cost_p": net.gen.cost_p * 1000})
    slope = (dear.gen.cost_p[:, 1] + 2 * dear.gen.cost_p[:, 2] * dear.gen.pmax) / net.base_mva
    assert default_prices(dear)["ratings"] == pytest.approx(2 * slope.max())


@pytest.mark.parametrize(
    ("soft", "text"),
    [
        (1.0, "a price by family"),
        ({"rating": 1.0}, "did you mean"),
        ({"ratings": -1.0}, "price of ratings"),
        ({"ratings": "high"}, "price of ratings"),
    ],
)
def test_prices_that_are_none(case39, soft, text):
    with pytest.raises(scopf.ScopfError, match=text):
        scopf.build(case39, soft=soft)


# -- load shedding -----------------------------------------------


@pytest.fixture(scope="module")
def short():
    """More load than generation."""
    return scopf.load_case("case9").scaled(load=2.9)


def test_load_is_shed_where_there_is_too_little(short):
    assert not scopf.solve(scopf.build(short, criterion="none")).solved
    found = solved(short, criterion="none", voll=500.0)
    shed = found.buses.p_shed_mw
    assert shed.sum() > 2.9 * 315 - 820 - 1
    assert (found.buses.p_load_mw + shed).sum() == pytest.approx(2.9 * 315, rel=1e-9)
    ratio = found.buses[shed > 1e-3]
    np.testing.assert_allclose(
        ratio.q_shed_mvar / ratio.p_shed_mw, ratio.q_load_mvar / ratio.p_load_mw, rtol=1e-9
    )
    up, down = (solved(short, criterion="none", voll=500.0 + h).cost for h in (1.0, -1.0))
    assert (up - down) / 2.0 == pytest.approx(shed.sum(), rel=1e-5)
    total = found.gens.cost_per_h.sum() + 500.0 * shed.sum()
    assert found.cost == pytest.approx(total, rel=1e-8)
    np.testing.assert_allclose(found.net.bus.pd * 100, found.buses.p_load_mw, atol=1e-9)


def test_marginal_prices_are_those_of_load_that_is_not_shed(short):
    """A generator of fixed power is load of the other sign that no one sheds."""
    found = solved(short, criterion="none", voll=500.0)
    prices = found.buses.set_index("bus").lmp_p_per_mwh
    assert prices.max() > 400
    for bus in (5, 9):
        costs = []
        for mw in (0.5, -0.5):
            at = np.where(short.bus.id == bus, mw / short.base_mva, 0.0)
            net = short.replace(bus={"pd": short.bus.pd - at})
            problem = scopf.build(net, criterion="none", voll=500.0)
            ratio = dict(zip(net.bus.id.tolist(), net.bus.pd > 0, strict=True))
            assert ratio[bus]
            costs.append(_unshed(problem, bus, mw / short.base_mva))
        assert (costs[1] - costs[0]) / 1.0 == pytest.approx(prices[bus], rel=1e-4)


def _unshed(problem, bus, injected):
    """Cost with an injection: the load that may be shed is as it was."""
    model = problem.model
    model.bus_pd[bus] = model.bus_pd[bus].value + injected
    row = model.bus_balance_p[bus]
    body, right = row.body, row.upper
    row.set_value(body == right - injected)
    return scopf.solve(problem, options=TIGHT).cost


def test_the_value_of_lost_load_is_a_number_like_others(short):
    problem = scopf.build(short, criterion="none", voll=100.0)
    first = scopf.solve(problem, options=TIGHT)
    dear = scopf.solve(problem.update(voll=500.0), options=TIGHT)
    assert dear.cost == pytest.approx(solved(short, criterion="none", voll=500.0).cost, rel=1e-8)
    assert first.cost < dear.cost
    by_bus = {5: 1.0, 7: 500.0, 9: 500.0}
    found = scopf.solve(problem.update(voll=by_bus), options=TIGHT)
    shed = found.buses.set_index("bus").p_shed_mw
    assert shed[5] > shed[7] + shed[9]
    table = scopf.sweep(problem, voll=[100.0, 500.0]).scenarios
    assert table.cost.tolist() == pytest.approx([first.cost, dear.cost], rel=1e-7)


def test_shedding_with_stability_rows_and_the_claim(case39):
    """The rows count all loads; the claim is about the network as it is served."""
    found = solved(case39.scaled(load=1.25), mq=0.15, voll=300.0)
    assert found.buses.p_shed_mw.sum() > 100
    verdict = found.verify()
    if not found.unmet:
        assert verdict.stable is True


def test_load_is_shed_after_an_outage(case39):
    """No dispatch survives branch 25 without."""
    inverters = scopf.Inverters.at_generators(case39, mq=0.1)
    keywords = {"criterion": "none", "outages": [25], "emergency": 1.2, "voll": 1000.0}
    problem = scopf.build(case39, inverters, **keywords)
    found = scopf.solve(problem, options=TIGHT)
    assert found.status == "optimal"
    assert found.states == ("intact", "branch 25")
    assert found.buses.p_shed_mw.sum() == pytest.approx(0.0, abs=1e-3)
    after = found.state("branch 25").buses
    lost = case39.bus.pd.sum() * case39.base_mva - after.p_load_mw.sum()
    up, down = (
        scopf.solve(problem.update(voll=1000.0 + h), options=TIGHT).cost for h in (5.0, -5.0)
    )
    assert lost > 1
    assert (up - down) / 10.0 == pytest.approx(lost, rel=1e-4)


# -- penalties after outages -----------------------------------------------


def test_penalties_keep_an_outage_that_no_dispatch_survives(case39):
    inverters = scopf.Inverters.at_generators(case39, mq=0.1)
    keywords = {"criterion": "none", "outages": [25, 6], "emergency": 1.2}
    problem = scopf.build(case39, inverters, on_infeasible="penalty", **keywords)
    found = scopf.solve(problem, options=TIGHT)
    assert found.status == "optimal"
    assert found.states == ("intact", "branch 25", "branch 6")
    table = found.violations
    assert isinstance(table, pd.DataFrame)
    assert table.element.str.endswith("after branch 25").all()
    buses = set(table[table.limit == "Vmin"].element.str.split(" ").str[1])
    assert buses & {"12", "14", "15"}


def test_prices_of_penalties_are_those_of_soft_where_given(case39):
    inverters = scopf.Inverters.at_generators(case39, mq=0.1)
    price = default_prices(case39)["voltages"]
    keywords = {"criterion": "none", "outages": [25], "emergency": 1.2}
    first, low, high = (
        scopf.solve(
            scopf.build(
                case39, inverters, on_infeasible="penalty", soft={"voltages": k * price}, **keywords
            ),
            options=TIGHT,
        )
        for k in (1.0, 0.999, 1.001)
    )
    assert set(first.violations.limit) == {"Vmin", "Vmax"}
    slope = (high.cost - low.cost) / (0.002 * price)
    assert slope == pytest.approx(first.violations.violation.sum(), rel=1e-4)


def test_a_saved_solution_keeps_soft_limits_and_shedding(case39, tmp_path):
    inverters = scopf.Inverters.at_generators(case39, mq=0.2)
    problem = scopf.build(
        case39, inverters, outages=[6, 25], emergency=1.2, on_infeasible="penalty",
        soft={"stability": 500.0}, voll=900.0,
    )  # fmt: skip
    found = scopf.solve(problem)
    found.save(tmp_path / "solution.json")
    again = scopf.load_solution(tmp_path / "solution.json")
    assert again.cost == pytest.approx(found.cost, rel=1e-12)
    pd.testing.assert_frame_equal(again.violations, found.violations)
    pd.testing.assert_frame_equal(again.buses, found.buses)
    after = [one.state("branch 25").buses for one in (found, again)]
    pd.testing.assert_frame_equal(*after)


def test_the_summary_says_what_is_violated_and_shed(case39):
    inverters = scopf.Inverters.at_generators(case39, mq=0.2)
    problem = scopf.build(
        case39, inverters, outages=[25], emergency=1.2, voll=800.0, soft={"stability": 1000.0}
    )
    lines = str(scopf.solve(problem)).splitlines()
    assert any("limits are violated at a price" in line for line in lines)
    assert any(line.startswith("load that is shed: 0.00 MW") for line in lines)
    assert all(len(line) <= 100 for line in lines)


# -- shedding and the states after outages -----------------------------------------------


@pytest.fixture(scope="module")
def cheap(case39):
    """Much load is shed in the intact network, and a state pays for what it sheds itself."""
    net = case39.scaled(load=0.8)
    inverters = scopf.Inverters.at_generators(net, mq=0.1)
    keywords = {"voll": 8.0, "emergency": 1.6, "voltage_band": 0.3}

    def solve(outages, all_at_once):
        problem = scopf.build(net, inverters, outages=outages, **keywords)
        if all_at_once:
            problem.include(problem.scenario.outages)
        return scopf.solve(problem)

    return solve


def test_screening_connects_all_loads_after_an_outage(cheap):
    outages = [1, 2, 4, 6, 9, 13, 15]
    screened, whole = cheap(outages, False), cheap(outages, True)
    assert screened.cost == pytest.approx(whole.cost, rel=1e-6)


def test_units_keep_their_limits_where_loads_change_after_an_outage(case39):
    inverters = scopf.Inverters.at_generators(case39, mq=0.1)
    found = scopf.solve(scopf.build(case39, inverters, outages=[6], emergency=1.2, voll=12.0))
    after = found.state("branch 6").gens.p_mw.to_numpy()
    assert (after <= case39.gen.pmax * case39.base_mva + 1e-4).all()
    assert found.buses.p_shed_mw.sum() > 10


def test_a_bus_without_a_value_sheds_nothing(short):
    with_all = solved(short, criterion="none", voll=500.0)
    found = solved(short, criterion="none", voll={5: 500.0, 7: 500.0})
    shed = found.buses.set_index("bus").p_shed_mw
    assert shed[[5, 7]].sum() > 50
    assert shed.drop([5, 7]).abs().max() == 0.0
    assert found.cost >= with_all.cost - 1e-3
    assert not scopf.solve(scopf.build(short, criterion="none", voll=0.0)).solved
