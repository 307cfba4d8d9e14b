"""The capability circle of inverters, and where their ratings come from."""

import logging

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.model.capability import circle
from scopf.model.limits import apparent_power

at_generators = scopf.Inverters.at_generators


def test_the_circle_of_one_unit_is_a_thermal_limit():
    assert circle(0.3**2, 0.4**2, 0.7) == apparent_power(0.3, 0.4, 0.7)


def test_a_case_without_circles_has_none_of_their_components():
    problem = scopf.build(scopf.load_case("case9"))
    assert not {"inverter_capability", "inverter_rating"} & set(problem.formulation.symbols)
    table = scopf.solve(problem).inverters
    assert (table["mu_s_per_mvah"] == 0).all()
    assert (table["cost_q_per_h"] == 0).all()
    expected = 100 * np.hypot(table["p_mw"], table["q_mvar"]) / table["rating_mva"]
    assert table["loading_percent"].to_numpy() == pytest.approx(expected.to_numpy())


@pytest.mark.parametrize("criterion", ["none", "voltage-difference"])
def test_inverters_keep_within_their_ratings(criterion):
    net = scopf.load_case("case9")
    ratings = {1: 95.0, 2: 120.0, 3: 300.0}
    units = at_generators(net, rating_mva=ratings)
    free = scopf.solve(scopf.build(net, units, criterion=criterion)).inverters
    assert free["loading_percent"].max() > 101
    problem = scopf.build(net, units, criterion=criterion, capability=True)
    solution = scopf.solve(problem)
    table = solution.inverters
    power = np.hypot(table["p_mw"], table["q_mvar"])
    assert (power <= np.array([95, 120, 300]) + 1e-5).all()
    binding = table["loading_percent"] > 99.99
    assert (table["mu_s_per_mvah"][binding] > 0.01).all()
    assert (table["mu_s_per_mvah"][~binding] < 1e-4).all()
    assert binding.any()
    assert [str(row) for row in problem.model.inverter_capability] == ["1", "2", "3"]
    failed = scopf.solve(problem, max_iter=2)
    assert failed.inverters["mu_s_per_mvah"].isna().all()


def test_units_of_one_bus_share_a_circle_and_a_machine_beside_them_has_none():
    net = scopf.load_case("case9").replace(gen={"bus": [1, 2, 1]})
    table = pd.DataFrame({"gen": [2], "inverter": [0]})
    units = at_generators(net, table=table, rating_mva=60.0)
    assert units.gens == ((1, 3),)
    problem = scopf.build(net, units, criterion="none", capability=True)
    solution = scopf.solve(problem)
    assert solution.status == "optimal"
    p, q = solution.point.pg[[0, 2]].sum(), solution.point.qg[[0, 2]].sum()
    assert solution.inverters["loading_percent"][0] == pytest.approx(100, abs=1e-4)
    assert np.hypot(p, q) == pytest.approx(1.2, abs=1e-6)
    cost = []
    for sign in (1, -1):
        problem.model.inverter_rating[1] = 1.2 + sign * 1e-4
        cost.append(scopf.solve(problem, options={"tol": 1e-10}).cost)
    price = solution.inverters["mu_s_per_mvah"][0]
    assert price * 100 == pytest.approx((cost[1] - cost[0]) / 2e-4, rel=1e-3)
    assert price > 1


def test_three_units_of_one_bus():
    net = scopf.load_case("case9").replace(gen={"bus": [1, 1, 1]})
    solution = scopf.solve(
        scopf.build(net, at_generators(net, rating_mva=110), criterion="none", capability=True)
    )
    body = solution.problem.model.inverter_capability[1].body()
    p, q = solution.point.pg.sum(), solution.point.qg.sum()
    assert body == pytest.approx((p**2 + q**2) / 3.3, rel=1e-12)


def test_no_inverter_no_circle():
    net = scopf.load_case("case9")
    units = at_generators(net, buses=[])
    given = {"capability": True, "opportunity_price": 1.0}
    solution = scopf.solve(scopf.build(net, units, criterion="none", **given))
    assert solution.cost == pytest.approx(scopf.solve(scopf.build(net, criterion="none")).cost)


def test_a_synchronous_condenser_has_a_circle_of_its_own():
    net = scopf.load_case("pglib_opf_case14_ieee")
    off = net.gen.pmax <= 0
    reach = np.maximum(abs(net.gen.qmax), abs(net.gen.qmin))[off] * net.base_mva
    table = pd.DataFrame({"gen": net.gen.id[off], "rating_mva": 0.5 * reach})
    units = at_generators(net, table=table, rating_factor=1.1)
    solution = scopf.solve(scopf.build(net, units, criterion="none", capability=True))
    assert solution.status == "optimal"
    table = solution.inverters
    assert (table["loading_percent"] <= 100 + 1e-4).all()
    assert table["rating_mva"].to_numpy()[~off] == pytest.approx(
        1.1 * net.gen.pmax[~off] * net.base_mva
    )


# -- ratings by Pmax -----------------------------------------------


@pytest.fixture
def net():
    """Units 1 and 3 at bus 1, of 250 and 270 MW; unit 2 at bus 2 of 300 MW."""
    return scopf.load_case("case9").replace(gen={"bus": [1, 2, 1]})


def test_ratings_are_a_factor_of_pmax(net):
    assert at_generators(net, rating_factor=1.1).rating == pytest.approx([5.72, 3.3])


def test_ratings_that_are_given_override_the_factor(net, caplog):
    rated = at_generators(net, rating_factor=1.1, rating_mva={2: 50}).rating
    assert rated == pytest.approx([5.72, 0.5])
    by_bus = pd.DataFrame({"bus": [1], "rating_mva": [400]})
    assert at_generators(net, rating_factor=1.1, table=by_bus).rating == pytest.approx([4, 3.3])
    by_gen = pd.DataFrame({"gen": [3, 2], "rating_mva": [100, np.nan]})
    assert at_generators(net, rating_factor=1.1, table=by_gen).rating == pytest.approx([3.75, 3.3])
    with caplog.at_level(logging.WARNING, "scopf"):
        assert at_generators(net, rating_factor=1.1, rating_mva=70).rating == pytest.approx(
            [1.4, 0.7]
        )
    assert "rating_factor has no effect" in caplog.text


def test_a_unit_without_pmax_needs_a_rating(net):
    flat = net.replace(gen={"pmax": [2.5, 0.0, np.inf], "pmin": [0.1, 0.0, 0.1]})
    with pytest.raises(scopf.CaseError) as caught:
        at_generators(flat, rating_factor=1.1)
    assert [str(fault) for fault in caught.value.faults] == [
        f"rating_factor (gen {k} at bus {bus}): Pmax is {pmax} MW, which gives no rating; give its "
        "rating_mva"
        for k, bus, pmax in ((2, 2, "0"), (3, 1, "inf"))
    ]
    given = at_generators(flat, rating_factor=1.1, rating_mva={1: 300, 2: 40})
    assert given.rating == pytest.approx([3, 0.4])
    machines = pd.DataFrame({"gen": [2, 3], "inverter": [0, 0]})
    assert at_generators(flat, rating_factor=1.1, table=machines).rating == pytest.approx([2.75])


@pytest.mark.parametrize("factor", [0, -1.0, "much", float("nan"), float("inf")])
def test_a_factor_is_a_positive_number(net, factor):
    with pytest.raises(scopf.ScopfError, match="rating_factor"):
        at_generators(net, rating_factor=factor)


# -- faults -----------------------------------------------


def test_a_circle_that_leaves_out_the_box_is_refused_early():
    net = scopf.load_case("case9").replace(gen={"pmin": [0.5, 0.1, -2.5], "pmax": [2.5, 3, -2.0]})
    units = at_generators(net, rating_mva={1: 40.0, 2: 10.0, 3: 200.0})
    with pytest.raises(scopf.ScopfError, match=r"at bus 1 \(50 MVA, rating 40 MVA\); give") as said:
        scopf.build(net, units, capability=True)
    assert "bus 2" not in str(said.value)  # its box touches the circle
    assert "bus 3" not in str(said.value)
    assert scopf.build(net, units)
    tight = at_generators(net, rating_mva={1: 60.0, 3: 199.0})
    with pytest.raises(scopf.ScopfError, match="bus 3"):
        scopf.build(net, tight, capability=True)


@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_capability_is_yes_or_no(value):
    with pytest.raises(scopf.ScopfError, match="capability"):
        scopf.build(scopf.load_case("case9"), capability=value)


# -- command line -----------------------------------------------


def test_the_command_line_has_circles_and_costs(tmp_path):
    words = (
        "solve case39 --lossless --mq 0.3 --capability --rating-factor 1.05 --q-price 0.2 "
        f"--opportunity-price 0.5 --out {tmp_path}"
    )
    result = CliRunner().invoke(app, words.split(), env={"COLUMNS": "1000", "NO_COLOR": "1"})
    assert result.exit_code == 0, result.output
    net = scopf.load_case("case39").lossless()
    units = at_generators(net, mq=0.3, rating_factor=1.05)
    costs = {"capability": True, "q_price": 0.2, "opportunity_price": 0.5}
    expected = scopf.solve(scopf.build(net, units, **costs))
    assert f"cost {expected.cost:.4f} per hour" in result.stdout
    assert "load [%]" in result.stdout
    written = pd.read_parquet(tmp_path / "inverters.parquet")
    assert written["mu_s_per_mvah"].to_numpy() == pytest.approx(
        expected.inverters["mu_s_per_mvah"].to_numpy(), abs=1e-6
    )
