"""Droops in per cent of the rating, and ratings that are none."""

import json
import logging

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.devices import ratings

at_generators = scopf.Inverters.at_generators


@pytest.fixture
def net():
    """The 9-bus system (base 100 MVA): generators 1, 2, 3 with ratings of 200, 300 and 250 MVA."""
    return scopf.load_case("case9").replace(gen={"mbase": [200.0, 300.0, 250.0]})


@pytest.fixture
def parallel(net):
    """The same with generators 1 and 3 both at bus 1."""
    return net.replace(gen={"bus": [1, 2, 1]})


@pytest.fixture
def nominal():
    """The 9-bus system as it is: mBase is 100 MVA on every unit, Pmax 250, 300 and 270 MW."""
    return scopf.load_case("case9")


@pytest.fixture
def said(caplog, monkeypatch):
    """Warnings; each is logged once in a process."""
    monkeypatch.setattr(ratings, "_warned", set())
    caplog.set_level(logging.WARNING)
    return caplog


def test_per_cent_of_the_rating_are_m_q_on_the_system_base_and_back(net):
    inverters = at_generators(net, droop_percent=5)
    assert inverters.mq == pytest.approx([0.05 / 2, 0.05 / 3, 0.05 / 2.5], rel=1e-12)
    assert inverters.droop_percent == pytest.approx([5, 5, 5], rel=1e-12)
    same = at_generators(net, mq=0.05, droop_base="rating")
    assert inverters.mq == pytest.approx(same.mq, rel=1e-12)
    by_bus = at_generators(net, mq=0.1, table=pd.DataFrame({"bus": [2], "droop_percent": [6.0]}))
    assert by_bus.mq == pytest.approx([0.1, 0.02, 0.1], rel=1e-12)


def test_it_is_the_drop_of_voltage_at_rated_reactive_power(net):
    """V - V0 = m_q beta_q (Q0 - Q) of the droop equation, with Q - Q0 as large as the rating."""
    inverters = at_generators(net, droop_percent=4, beta_q={1: 2.0, 2: 0.5})
    assert inverters.mq * inverters.beta_q * inverters.rating == pytest.approx([0.04] * 3)
    changed = at_generators(net, beta_q=3, mq=0.7).with_droops(droop_percent=4)
    assert changed.mq * 3 * changed.rating == pytest.approx([0.04] * 3)


def test_units_in_parallel_have_the_same_per_cent_together(parallel):
    """Two units of 5 % are an inverter of 5 % of both ratings: stiffnesses add up as ratings."""
    for inverters in (
        at_generators(parallel, droop_percent=5),
        at_generators(parallel, droop_percent={1: 5, 2: 5}),
        at_generators(parallel, mq=0.3).with_droops(droop_percent=5),
        at_generators(parallel, mq=0.3).with_droops(droop_percent={1: 5, 2: 5}),
        at_generators(parallel, droop_percent=5, beta_q={1: 4.0}),
    ):
        assert inverters.rating == pytest.approx([4.5, 3.0])
        assert inverters.droop_percent == pytest.approx([5, 5], rel=1e-12)
    table = pd.DataFrame({"gen": [1, 3], "droop_percent": [5.0, 10.0]})
    mixed = at_generators(parallel, mq=0.1, table=table)
    own = mixed.units.mq[mixed.units.inverter == 0]
    assert own == pytest.approx([0.05 / 2, 0.1 / 2.5])
    assert 1 / mixed.mq[0] == pytest.approx((1 / own).sum())
    assert mixed.mq[1] == pytest.approx(0.1)


def test_what_is_given_last_holds(parallel):
    table = pd.DataFrame({"gen": [1, 2], "mq": [0.2, 0.3]})
    inverters = at_generators(parallel, droop_percent=5, table=table)
    assert inverters.units.mq == pytest.approx([0.2, 0.05 / 2.5, 0.3])
    whole = at_generators(
        parallel, droop_percent={1: 5}, table=pd.DataFrame({"bus": [1], "mq": [1]})
    )
    assert whole.mq == pytest.approx([1.0, 0.05])
    back = at_generators(
        parallel, mq={1: 1.0}, table=pd.DataFrame({"gen": [1, 3], "droop_percent": 5})
    )
    assert back.droop_percent[0] == pytest.approx(5)


def test_two_numbers_for_one_droop_are_refused(net):
    problem = scopf.build(net, criterion="none")
    for give in (
        lambda: at_generators(net, mq=0.1, droop_percent=5),
        lambda: at_generators(net).with_droops(0.1, droop_percent=5),
        lambda: scopf.build(net, mq=0.1, droop_percent=5),
        lambda: problem.update(mq={1: 0.1}, droop_percent=5),
    ):
        with pytest.raises(scopf.ScopfError, match="give either mq or droop_percent"):
            give()
    table = pd.DataFrame({"gen": [1, 2], "mq": [0.1, 0.1], "droop_percent": [np.nan, 5.0]})
    with pytest.raises(scopf.CaseError, match=r"\(gen 2\): give either mq or droop_percent"):
        at_generators(net, table=table)
    with pytest.raises(scopf.ScopfError, match="droop_percent must be positive, got -5"):
        at_generators(net, droop_percent=-5)
    with pytest.raises(scopf.ScopfError, match="droop_percent: there is no inverter at bus 9"):
        at_generators(net).with_droops(droop_percent={9: 5})


def test_build_and_update_take_it_and_results_have_it(net):
    problem = scopf.build(net.lossless(), droop_percent=5)
    assert problem.inverters.mq == pytest.approx([0.025, 0.05 / 3, 0.02])
    problem.update(droop_percent={2: 10})
    assert problem.inverters.droop_percent == pytest.approx([5, 10, 5])
    solution = scopf.solve(problem)
    assert solution.inverters["droop_percent"].tolist() == pytest.approx([5, 10, 5])
    assert "Droops are 5 to 10 % of the ratings." in str(solution)
    designed = scopf.solve(scopf.build(net, mq_bounds=(0.01, 0.02), stiffness_cost=1.0)).inverters
    expected = 100 * designed["mq"] * designed["rating_mva"] / 100
    assert designed["droop_percent"].tolist() == pytest.approx(expected.tolist())


def test_tables_of_devices_have_it_on_their_ratings(net):
    table = {
        "gen": [1, 2],
        "device": ["gfm", "gfl"],
        "s_mva": [500, 300],
        "droop_percent": [5, np.nan],
    }
    given = scopf.build(net, devices=pd.DataFrame(table), criterion="none").inverters
    assert given.mq[0] == pytest.approx(0.01)
    own = net.replace(dynamics=pd.DataFrame(table))
    assert scopf.build(own, criterion="none").inverters.mq == pytest.approx([0.01])
    assert at_generators(own, droop_percent=10).mq == pytest.approx([0.02])  # of s_mva
    found = at_generators(own, droop_base="rating", rating_factor=1.1)
    assert found.rating == pytest.approx([5.0])  # s_mva, over the base of 100 MVA
    assert found.droop_percent == pytest.approx([5.0])


@pytest.mark.parametrize("base", ["system", "rating"])
def test_tables_of_the_network_without_ratings_have_it_on_those_of_the_inverters(
    net, nominal, base
):
    table = pd.DataFrame({"gen": [1, 2], "device": ["gfm"] * 2, "droop_percent": [5, 8]})
    own = net.replace(dynamics=table)
    for how in ({}, {"rating_factor": 1.1}, {"rating_mva": {1: 700}}):
        found = at_generators(own, droop_base=base, **how)
        assert found.droop_percent == pytest.approx([5, 8])
    assert at_generators(own, mq=0.3).mq == pytest.approx([0.3, 0.3])
    with pytest.raises(scopf.ScopfError, match="means nothing"):
        at_generators(nominal.replace(dynamics=table), droop_base=base)


# -- ratings that are none ---------------------------------------------------


def test_a_nominal_mbase_below_pmax_is_refused(nominal):
    text = (
        r"mBase is 100 MVA on every unit and Pmax is (300 MW of generator 2|250 MW of generator 1);"
    )
    for give in (
        lambda: at_generators(nominal, droop_percent=5),
        lambda: at_generators(nominal, table=pd.DataFrame({"bus": [1], "droop_percent": [5]})),
        lambda: scopf.build(nominal, droop_percent=5),
        lambda: scopf.sweep(nominal, droop_percent=[2, 5]),
    ):
        with pytest.raises(scopf.ScopfError, match=f"{text} give the ratings: rating_factor=1.1"):
            give()


def test_ratings_that_are_given_are_taken(nominal, said):
    factor = at_generators(nominal, droop_percent=5, rating_factor=1.1)
    assert factor.mq == pytest.approx(0.05 / (1.1 * nominal.gen.pmax))
    at_generators(nominal, droop_percent=5, rating_mva=300)
    table = pd.DataFrame({"gen": [1, 2], "rating_mva": [275, 330], "droop_percent": [5, 5]})
    assert at_generators(nominal, table=table).droop_percent[:2] == pytest.approx([5, 5])
    runs = scopf.sweep(nominal, rating_factor=1.1, droop_percent=[2, 5], criterion="none")
    assert runs.scenarios["solved"].all()
    assert not said.records


def test_a_rating_that_is_nominal_is_warned_of_once_and_no_per_cent_are_of_it(nominal, said):
    for _ in range(2):
        at_generators(nominal, mq=0.05, droop_base="rating")
    assert [one.message for one in said.records] == [
        "case9: mBase is 100 MVA on every unit, a nominal number and no rating, but droops or "
        "limits are per unit of it; give the ratings: rating_factor=1.1 (--rating-factor 1.1) "
        "makes them 1.1 times each Pmax, rating_mva gives them in MVA"
    ]
    solution = scopf.solve(scopf.build(nominal))
    assert solution.inverters["droop_percent"].isna().all()
    assert "of the ratings" not in str(solution)


@pytest.mark.parametrize("use", ["capability", "imax", "price", "update", "sweep", "case30"])
def test_a_limit_on_a_nominal_rating_is_warned_of(nominal, said, use):
    if use == "capability":
        scopf.build(nominal, capability=True)
    elif use == "imax":
        at_generators(nominal, imax=1.2)
    elif use == "price":
        scopf.build(nominal, opportunity_price=1.0)
    elif use == "update":
        scopf.build(nominal).update(droop_percent=5)
    elif use == "sweep":
        scopf.sweep(scopf.build(nominal, criterion="none"), droop_percent=[5, 6])
    else:  # where no Pmax says that it cannot be
        at_generators(scopf.load_case("case30"), droop_percent=5)
    assert "nominal" in said.text


def test_one_mbase_may_be_the_rating_of_all(said):
    net = scopf.load_case("case9").replace(gen={"pmax": [0.9, 0.8, 0.6]})
    assert at_generators(net, droop_percent=5).mq == pytest.approx([0.05] * 3)
    assert not said.records


def test_mbase_below_pmax_of_some_is_warned_of(net, said):
    at_generators(net, droop_percent=5)
    assert "mBase of generator 1, 3 is below Pmax and no rating" in said.text


def test_commands_take_one_rating_for_all_units():
    flags = ["--droop", "5%", "--rating-mva", "300", "--json"]
    solved = CliRunner().invoke(app, ["solve", "case9", "--criterion", "none", *flags])
    for one in json.loads(solved.stdout)["inverters"]:
        assert one["droop_percent"] == pytest.approx(5)
        assert one["rating_mva"] == pytest.approx(300)
        assert one["mq"] == pytest.approx(0.05 * 100 / 300)
