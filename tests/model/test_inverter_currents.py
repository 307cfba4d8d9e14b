"""Current limits of inverters: where they come from, that they hold, prices and diagnosis."""

import pickle

import numpy as np
import pandas as pd
import pytest

import scopf
from scopf.model.current_limits import current
from scopf.model.limits import current as of_a_branch
from scopf.procedures.screening import screen

at_generators = scopf.Inverters.at_generators
OUTAGES = [1, 6, 13]
TIGHT = {"tol": 1e-10}


@pytest.fixture(scope="module")
def case39():
    return scopf.load_case("case39").lossless()


@pytest.fixture(scope="module")
def secure(case39):
    """Limits that bind in the intact network, and after outages."""
    inverters = at_generators(case39, mq=0.1, rating_factor=1.1, imax=0.95)
    return scopf.solve(problem(case39, inverters), options=TIGHT)


def problem(net, inverters, outages=OUTAGES, **keywords):
    return scopf.build(
        net, inverters, criterion="none", outages=outages, **{"emergency": 1.2} | keywords
    )


@pytest.fixture
def net():
    """Units 1 and 3 at bus 1; unit 2 at bus 2."""
    return scopf.load_case("case9").replace(gen={"bus": [1, 2, 1]})


# -- where they come from -----------------------------------------------


def test_there_is_none_unless_it_is_given(net):
    inverters = at_generators(net)
    assert np.isnan(inverters.imax).all()
    made = scopf.build(net, inverters, criterion="none")
    assert not {"inverter_current", "inverter_imax", "inverter_rating"} & {
        *made.formulation.symbols
    }
    assert not {"current_pu", "imax", "mu_imax_per_pu"} & {*scopf.solve(made).inverters}


def test_keywords_mappings_and_tables(net):
    assert at_generators(net, imax=1.2).imax == pytest.approx([1.2, 1.2])
    assert at_generators(net, imax={2: 1.1}).imax == pytest.approx([np.nan, 1.1], nan_ok=True)
    by_bus = pd.DataFrame({"bus": [1, 2], "imax": [1.3, np.nan]})
    assert at_generators(net, table=by_bus, imax=1.2).imax == pytest.approx([1.3, 1.2])
    none = at_generators(net, imax={2: np.nan}, table=by_bus)
    assert none.imax == pytest.approx([1.3, np.nan], nan_ok=True)
    assert at_generators(net, imax=1.2, droop_base="rating").imax == pytest.approx([1.2, 1.2])


def test_currents_of_units_add_up(net):
    table = pd.DataFrame({"gen": [1, 3], "rating_mva": [100, 300], "imax": [1.0, 1.2]})
    inverters = at_generators(net, table=table)
    assert inverters.imax[0] == pytest.approx((1.0 * 100 + 1.2 * 300) / 400)
    assert np.isnan(inverters.imax[1])
    assert inverters.units.imax == pytest.approx([1.0, 1.2, np.nan], nan_ok=True)
    assert inverters.without_units([1]).imax[0] == pytest.approx(1.2)
    assert inverters.without_units([3]).imax[0] == pytest.approx(1.0)
    open_ = at_generators(net, table=table.assign(imax=[1.0, np.nan]))
    assert np.isnan(open_.imax[0])
    assert open_.without_units([3]).imax[0] == pytest.approx(1.0)


def test_units_follow_their_inverter(net):
    table = pd.DataFrame({"gen": [1, 3], "rating_mva": [100, 300], "imax": [1.0, 1.2]})
    inverters = at_generators(net, table=table)
    doubled = inverters.replace(imax=2 * inverters.imax)
    assert doubled.units.imax == pytest.approx([2.0, 2.4, np.nan], nan_ok=True)
    limited = inverters.replace(imax=[np.nan, 1.5])
    assert limited.units.imax == pytest.approx([np.nan, np.nan, 1.5], nan_ok=True)
    assert limited.replace(imax=[0.9, 1.5]).units.imax == pytest.approx([0.9, 0.9, 1.5])
    for same in (inverters.with_droops(0.3), pickle.loads(pickle.dumps(inverters))):
        assert same.units.imax == pytest.approx([1.0, 1.2, np.nan], nan_ok=True)
    alike = scopf.Inverters(**inverters.columns)
    assert alike.units.imax == pytest.approx([1.15, 1.15, np.nan], nan_ok=True)


@pytest.mark.parametrize("given", [0, -1.0, "much", float("inf"), {1: 0.0}, {1: float("inf")}])
def test_a_limit_is_a_positive_number(net, given):
    with pytest.raises(scopf.ScopfError, match="imax"):
        at_generators(net, imax=given)


def test_a_table_with_a_wrong_limit_is_refused(net, tmp_path):
    path = tmp_path / "inverters.csv"
    path.write_text("gen,imax\n1,-1\n2,x\n3,1.1\n", encoding="utf-8")
    with pytest.raises(scopf.CaseError) as caught:
        at_generators(net, table=path)
    assert [fault.row for fault in caught.value.faults] == [1, 2]
    assert "imax row 1 (gen 1): must be a positive number, got -1 p.u." in str(caught.value)


# -- they hold -----------------------------------------------


def test_the_current_of_one_unit_is_that_of_a_branch():
    assert current((0.3**2 + 0.4**2) / 1.1, 0.7) == pytest.approx(
        of_a_branch(0.3, 0.4, 1.1, 0.7), rel=1e-15
    )


def currents(table):
    """|I| in p.u. of 100 MVA."""
    return (np.hypot(table["p_mw"], table["q_mvar"]) / table["vm"] / 100).to_numpy()


def test_a_limit_in_the_intact_network(net):
    inverters = at_generators(net, rating_mva=150.0, imax={2: 0.8})
    free = scopf.solve(scopf.build(net, inverters.replace(imax=np.nan), criterion="none"))
    assert currents(free.inverters)[1] > 1.21
    made = scopf.build(net, inverters, criterion="none")
    found = scopf.solve(made)
    assert found.cost > free.cost
    assert currents(found.inverters)[1] == pytest.approx(1.2, abs=1e-6)
    shares = currents(found.inverters) / inverters.rating
    assert found.inverters["current_pu"].to_numpy() == pytest.approx(shares)
    assert found.inverters["mu_imax_per_pu"][0] == 0
    assert found.accuracy.violation < 1e-8
    assert [*made.model.inverter_current] == [2]
    assert made.model.inverter_imax[2].value == 0.8


def test_three_units_of_one_bus(net):
    """The squares of sums are written out by unit: the body is that of the sums."""
    net = net.replace(gen={"bus": [1, 1, 1]})
    found = scopf.solve(
        scopf.build(net, at_generators(net, rating_mva=110, imax=0.9), criterion="none")
    )
    power = found.point.pg.sum() + 1j * found.point.qg.sum()
    body = found.problem.model.inverter_current[1].body()
    assert body == pytest.approx((abs(power) / found.point.vm[0]) ** 2 / 2.97, rel=1e-12)


def test_limits_hold_in_every_state(case39, secure):
    inverters = secure.inverter_data
    most = 0.95 * inverters.rating * (1 + 1e-7)
    assert secure.status == "optimal"
    assert (currents(secure.inverters) <= most).all()
    after = {name: currents(secure.state(name).inverters) for name in secure.states[1:]}
    assert all((now <= most).all() for now in after.values())
    assert max((now / most).max() for now in after.values()) > 1 - 1e-6
    assert (currents(secure.inverters) / most).max() < 0.999
    without = scopf.solve(problem(case39, inverters.replace(imax=np.nan)))
    assert without.cost < secure.cost - 100


def test_the_state_is_that_of_another_program(case39, secure):
    """The currents after an outage, out of complex voltages and the admittance matrix."""
    outage = secure.problem.opf.states.settled.outages[1]
    after = outage.network(case39)
    table = secure.state(outage.name).buses
    v = table["vm"].to_numpy() * np.exp(1j * np.radians(table["va_deg"].to_numpy()))
    load = (table["p_load_mw"] + 1j * table["q_load_mvar"]).to_numpy() / 100
    injected = after.ybus() @ v + np.conj(load / v)
    at = after.bus_positions(secure.inverter_data.bus)
    limit = 0.95 * secure.inverter_data.rating
    assert np.abs(injected[at]) == pytest.approx(
        currents(secure.state(outage.name).inverters), abs=1e-7
    )
    assert (np.abs(injected[at]) / limit).max() == pytest.approx(1.0, abs=1e-6)


def test_the_rating_that_is_left_counts(case39):
    """Two of three units of an inverter go on; a third of the current is gone with the other."""
    net = case39.scaled(load=0.6)
    gen = {"bus": net.gen.bus.copy()}
    gen["bus"][[1, 2]] = gen["bus"][0]
    net = net.replace(gen=gen)
    table = pd.DataFrame({"gen": [1, 2, 3], "rating_mva": [500.0, 300, 400], "imax": [1, 0.9, 1.1]})
    inverters = at_generators(net, mq=0.1, rating_factor=1.1, table=table)
    made = problem(net, inverters, ["gen 3"], frequency_band=0.05)
    limits = made.opf.states.currents
    assert limits.most == pytest.approx([1.0 * 5 + 0.9 * 3])
    assert made.opf.currents.most == pytest.approx([1.0 * 5 + 0.9 * 3 + 1.1 * 4])


# -- prices -----------------------------------------------


def cost(net, inverters, **keywords):
    found = scopf.solve(problem(net, inverters, **keywords), options=TIGHT)
    assert found.status == "optimal"
    return found.cost


@pytest.mark.parametrize("place", [1, 4])
def test_prices_are_slopes_of_the_cost(case39, secure, place):
    """Of limits that bind after outages as well."""
    row, inverters = secure.inverters.iloc[place], secure.inverter_data
    assert row["mu_imax_per_pu"] > 100
    for name, price in (("imax", row["mu_imax_per_pu"]), ("rating", row["mu_s_per_mvah"] * 100)):
        costs, step = [], 1e-4
        for sign in (1, -1):
            changed = getattr(inverters, name).copy()
            changed[place] += sign * step
            costs.append(cost(case39, inverters.replace(**{name: changed})))
        assert price == pytest.approx((costs[1] - costs[0]) / (2 * step), rel=2e-3)


def test_prices_with_capability_circles_and_units_in_states(net):
    """The circle binds in one network, the current limit in the other; a unit's share is lost."""
    table = pd.DataFrame({"gen": [1, 2, 3], "rating_mva": [130.0, 130, 130], "imax": [1.2, 0.9, 1]})
    inverters = at_generators(net, mq=0.1, table=table)
    given = {"outages": ["gen 3", 4], "capability": True, "frequency_band": 0.05}
    found = scopf.solve(problem(net, inverters, **given), options=TIGHT)
    assert found.status == "optimal"
    table = found.inverters
    assert table["mu_imax_per_pu"].max() > 1
    for name, prices in (
        ("imax", table["mu_imax_per_pu"]), ("rating", table["mu_s_per_mvah"] * 100),
    ):  # fmt: skip
        for place in range(2):
            costs = []
            for sign in (1, -1):
                changed = getattr(inverters, name).copy()
                changed[place] *= 1 + sign * 1e-4
                costs.append(cost(net, inverters.replace(**{name: changed}), **given))
            slope = (costs[1] - costs[0]) / (2e-4 * getattr(inverters, name)[place])
            assert prices[place] == pytest.approx(slope, rel=2e-3, abs=0.02)


def test_prices_are_missing_without_a_solution(case39, secure):
    failed = scopf.solve(problem(case39, secure.inverter_data), max_iter=1)
    assert failed.inverters["mu_imax_per_pu"].isna().all()


# -- diagnosis -----------------------------------------------


def test_a_limit_that_conflicts_is_named(case39):
    """Inverter 32 has to give 500 MW, at half of the 797.5 MVA that it is rated for."""
    pmin = np.where(case39.gen.bus == 32, 5.0, case39.gen.pmin)
    net = case39.replace(gen={"pmin": pmin})
    inverters = at_generators(net, rating_factor=1.1, imax={32: 0.5})
    text = str(scopf.solve(scopf.build(net, inverters, criterion="none")).diagnosis)
    assert "Pmin of gen 3 at bus 32 against current limit of inverter 32" in text
    needed = float(text.partition("imax of inverter 32 >= ")[2].split()[0])
    solved = [
        scopf.solve(
            scopf.build(net, inverters.replace(imax=imax * inverters.imax / 0.5), criterion="none")
        ).solved
        for imax in (0.99 * needed, 1.01 * needed)
    ]
    assert solved == [False, True]


def test_an_outage_that_a_limit_excludes_says_so(case39):
    inverters = at_generators(case39, mq=0.1, rating_factor=1.1, imax=0.9)
    found = scopf.solve(problem(case39, inverters))
    (lost,) = found.unsurvived
    assert lost.state == "branch 1"
    assert lost.reason.startswith("current limit of inverter 39 would have to be >= 0.9")


# -- screening -----------------------------------------------


def screened(made, dispatch, name):
    """What screening says of an outage at a dispatch that was made without the limit."""
    found = {one.state: one for one in screen(made, dispatch, 1)}
    return found[name]


def test_screening_finds_currents_beyond_their_limits(case39):
    inverters = at_generators(case39, mq=0.1, rating_factor=1.1)
    plain = scopf.solve(problem(case39, inverters))
    made = problem(case39, inverters.replace(imax=0.95), emergency=2.0)
    now = currents(plain.state("branch 6").inverters)
    beyond = now - 0.95 * inverters.rating
    one = screened(made, plain, "branch 6")
    assert one.violation == pytest.approx(beyond.max(), abs=1e-6)
    assert one.reason.startswith(f"current limit of inverter {inverters.bus[beyond.argmax()]} by")


def test_screening_finds_circles(case39):
    inverters = at_generators(case39, mq=0.1, rating_factor=1.1)
    plain = scopf.solve(problem(case39, inverters))
    made = problem(case39, inverters, emergency=2.0, capability=True)
    table = plain.state("branch 6").inverters
    beyond = np.hypot(table["p_mw"], table["q_mvar"]).to_numpy() / 100 - inverters.rating
    assert beyond.max() > 1e-3
    one = screened(made, plain, "branch 6")
    assert one.violation == pytest.approx(beyond.max(), abs=1e-6)
    assert one.reason.startswith("capability circle of inverter")


def test_screening_finds_curves(case39):
    """Q of unit 2 at bus 31 is bounded by a line below what it has after the outage."""
    inverters = at_generators(case39, mq=0.1)
    plain = scopf.solve(problem(case39, inverters))
    after = plain.state("branch 6").gens.iloc[1]
    p, q = after["p_mw"] / 100, after["q_mvar"] / 100
    zero, one = np.zeros(10), np.arange(10) == 1
    curve = {"pc1": zero, "pc2": one * 7.0, "qc1max": one * (q - 0.05 + 0.1 * p)}
    curve |= {"qc2max": one * (q - 0.05 + 0.1 * p - 0.7), "qc1min": -9 * one, "qc2min": -9 * one}
    net = case39.replace(gen=curve)
    made = problem(net, inverters, emergency=2.0)
    one = screened(made, plain, "branch 6")
    assert one.reason.startswith("reactive power at bus 31")
    assert one.violation == pytest.approx(0.05, abs=1e-6)


def test_screening_and_all_states_at_once_agree(case39):
    inverters = at_generators(case39, mq=0.1, rating_factor=1.1, imax=0.95)
    few = [1, 2, 4, 6, 9, 13, 15, 23]  # more than are in the model from the beginning
    made = problem(case39, inverters, few, emergency=1.6)
    assert made.states == ()
    found = scopf.solve(made)
    assert 0 < len(found.problem.states) < len(few)
    assert found.screening["reason"].str.startswith("current limit of inverter").any()
    everything = problem(case39, inverters, few, emergency=1.6)
    everything.include(everything.scenario.outages)
    assert found.cost == pytest.approx(scopf.solve(everything).cost, rel=1e-6)


# -- files -----------------------------------------------


def test_a_stored_solution_has_its_limits(net, tmp_path):
    inverters = at_generators(net, rating_mva=150.0, imax={2: 0.8})
    found = scopf.solve(scopf.build(net, inverters, criterion="none"))
    found.save(tmp_path / "solution.json")
    again = scopf.load_solution(tmp_path / "solution.json")
    pd.testing.assert_frame_equal(again.inverters, found.inverters, rtol=1e-9)


def test_a_summary_has_currents_where_there_is_a_limit(net):
    inverters = at_generators(net, rating_mva=150.0, imax={2: 0.8})
    assert "mu_imax" in str(scopf.solve(scopf.build(net, inverters)))
    assert "mu_imax" not in str(scopf.solve(scopf.build(net)))
