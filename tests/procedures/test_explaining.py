"""What stability rows and outages cost: numbers of problems that are built without them."""

import dataclasses
import logging
import math

import numpy as np
import pandas as pd
import pytest

import scopf
from scopf.errors import listing
from scopf.procedures import explaining
from scopf.results.requirements import BOTH, OUTAGES, STABILITY

ASKED = [6, 12, 13]


def built(outages=None, criterion="voltage-difference", mq=0.2, **keywords):
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=mq, rating_factor=1.1)
    if outages:
        keywords = {"outages": outages, "emergency": 1.2} | keywords
    return scopf.build(net, inverters, criterion=criterion, **keywords)


def cost(*args, **keywords):
    """Of a problem that is built and solved by itself."""
    found = scopf.solve(built(*args, **keywords))
    assert found.solved
    return found.cost


def without(found):
    """Costs without each requirement, by name."""
    parts = [*found.explained.whole, *found.explained.single]
    return {one.name: one.cost_without for one in parts}


@pytest.fixture(scope="module")
def one():
    return scopf.solve(built([6]), explain=True)


@pytest.fixture(scope="module")
def three():
    return scopf.solve(built(ASKED), explain=True)


# -- numbers -----------------------------------------------


def test_numbers_of_one_outage(one):
    assert one.cost == pytest.approx(43373.74, abs=0.005)
    found = without(one)
    assert found[STABILITY] == pytest.approx(41803.82, abs=0.005)
    assert found[OUTAGES] == pytest.approx(41276.15, abs=0.005)
    assert found[BOTH] == pytest.approx(41263.94, abs=0.005)
    assert found["branch 6"] == found[OUTAGES]  # the same problem, solved once


def test_numbers_of_three_outages(three):
    assert three.cost == pytest.approx(43809.65, abs=0.005)
    assert without(three)[STABILITY] == pytest.approx(42196.37, abs=0.005)


def test_each_number_is_that_of_a_problem_built_without(three):
    found = without(three)
    assert found[STABILITY] == pytest.approx(cost(ASKED, "none"), rel=1e-6)
    assert found[OUTAGES] == pytest.approx(cost(), rel=1e-6)
    assert found[BOTH] == pytest.approx(cost(criterion="none"), rel=1e-6)
    prices = three.outages.set_index("state").price_per_h
    assert prices.index.tolist() == [f"branch {k}" for k in ASKED]
    for k in ASKED:
        others = cost([other for other in ASKED if other != k])
        assert prices[f"branch {k}"] == pytest.approx(three.cost - others, abs=1e-6 * three.cost)


def test_an_outage_that_does_not_bind_costs_nothing(three):
    prices = three.outage_prices
    assert prices["branch 13"] == 0.0
    assert {one.name for one in three.explained.single} == {"branch 6", "branch 12"}
    assert explaining.binding(three.after) == ["branch 6", "branch 12"]


def test_prices_and_costs_add_up(three):
    found = three.explained
    assert found.cost == three.cost
    for part in (*found.whole, *found.single):
        assert found.price(part) + part.cost_without == pytest.approx(three.cost, rel=1e-12)
    for part in found.single:
        assert three.outage_prices[part.name] == found.price(part)
        assert 0 < found.price(part) < found.price(found.whole[1])  # less than all outages
    both, apart = found.price(found.whole[2]), [found.price(part) for part in found.whole[:2]]
    assert max(apart) <= both
    assert [one.name for one in found.ranked] == ["branch 6", "branch 12"]


def test_the_solution_is_that_of_a_solve_without(three):
    plain = scopf.solve(built(ASKED))
    assert plain.explained is None
    assert math.isnan(plain.outages.price_per_h.iloc[0])
    assert (three.cost, three.status) == (plain.cost, plain.status)
    for name in ("buses", "gens", "inverters"):
        pd.testing.assert_frame_equal(getattr(three, name), getattr(plain, name))
    assert three.problem.states == plain.problem.states
    again = scopf.solve(three.problem, start=three)
    assert again.attempt == "warm"


def test_without_outages_there_are_stability_rows_only():
    found = scopf.solve(built(mq=0.25), explain=True)
    assert list(without(found)) == [STABILITY]
    assert without(found)[STABILITY] == pytest.approx(cost(criterion="none"), rel=1e-6)
    assert found.outage_prices == {}


def test_without_a_criterion_there_are_outages_only():
    found = scopf.solve(built([3, 6], "none"), explain=True)
    assert next(iter(without(found))) == OUTAGES
    assert STABILITY not in without(found)
    assert without(found)[OUTAGES] == pytest.approx(cost(criterion="none"), rel=1e-6)


def test_with_neither_there_is_nothing_to_solve(monkeypatch):
    monkeypatch.setattr(explaining.Problem, "include", None)
    found = scopf.solve(built(criterion="none"), explain=True)
    assert found.explained.whole == found.explained.single == ()
    assert "there are no stability rows and no outages" in str(found)


def test_outages_that_join_by_screening():
    asked = [13, 12, 10, 15, 30, 16, 17, 6]
    found = scopf.solve(built(asked, load_scale=0.97), explain=True)
    came = found.outages.set_index("state")
    assert set(came.status) == {"in the dispatch", "secure"}
    assert (came.price_per_h[came.status == "secure"] == 0).all()
    for name, price in found.outage_prices.items():
        others = [k for k in asked if f"branch {k}" != name]
        expected = found.cost - cost(others, load_scale=0.97)
        assert price == pytest.approx(expected, abs=1e-6 * found.cost)
    whole = without(found)
    assert whole[STABILITY] == pytest.approx(cost(asked, "none", load_scale=0.97), rel=1e-6)


def test_outages_that_no_dispatch_survives_have_no_price():
    found = scopf.solve(built([6, 31, 3]), explain=True)
    lost = [one.state for one in found.unsurvived]
    assert lost
    kept = [k for k in (6, 31, 3) if f"branch {k}" not in lost]
    prices = found.outage_prices
    assert all(math.isnan(prices[name]) for name in lost)
    assert found.outages.set_index("state").price_per_h[lost].isna().all()
    assert without(found)[STABILITY] == pytest.approx(cost(kept, "none"), rel=1e-6)
    for k in kept:
        others = [other for other in kept if other != k]
        expected = found.cost - cost(others)
        assert prices[f"branch {k}"] == pytest.approx(expected, abs=1e-6 * found.cost)


FORMS = {
    "numbers": {"eta_q": 0.1, "load_scale": 0.95, "margin": 0.002, "alpha": 1.05},
    "penalty": {"on_infeasible": "penalty", "outages": [6, 3]},
    "soft": {"soft": {"stability": 2e4, "voltages": 1e4}},
    "shedding": {"voll": 5e3, "load_scale": 1.02},
    "capability": {"capability": True, "limit": "current"},
    "co-design": {"mq_bounds": (0.1, 0.2)},
    "droops": {"mq": {bus: 0.2 + (bus - 32) / 500 for bus in range(30, 40)}},
}


@pytest.mark.parametrize("name", FORMS)
def test_all_else_stays_as_it_is(name):
    keywords = {"outages": [6, 12]} | FORMS[name]
    outages = keywords.pop("outages")
    kept = {key: x for key, x in keywords.items() if key not in ("on_infeasible", "margin")}
    found = scopf.solve(built(outages, **keywords), explain=True)
    parts = without(found)
    free = kept | {key: x for key, x in keywords.items() if key == "on_infeasible"}
    assert parts[STABILITY] == pytest.approx(cost(outages, "none", **free), rel=1e-6)
    with_margin = {key: x for key, x in keywords.items() if key != "on_infeasible"}
    assert parts[OUTAGES] == pytest.approx(cost(**with_margin), rel=1e-6)
    assert parts[BOTH] == pytest.approx(cost(criterion="none", **kept), rel=1e-6)


def test_numbers_that_were_updated_count():
    problem = built([6, 12], mq=0.1, eta_q=0.0).update(mq=0.2, eta_q=0.1, load_scale=0.98)
    found = scopf.solve(problem, explain=True)
    numbers = {"mq": 0.2, "eta_q": 0.1, "load_scale": 0.98}
    assert without(found)[OUTAGES] == pytest.approx(cost(**numbers), rel=1e-6)
    expected = cost([6, 12], "none", **numbers)
    assert without(found)[STABILITY] == pytest.approx(expected, rel=1e-6)


def test_a_certified_result_is_explained_with_its_droop_margin():
    net = scopf.load_case("case118")
    given = net, scopf.Inverters.at_generators(net, mq=1.4)
    outages = {"outages": [3], "emergency": 2.0}
    problem = scopf.build(*given, criterion="weighted", droop_margin=0.0, **outages)
    found = scopf.solve(problem, certify=True, explain=True)
    margin = found.scenario.droop_margin
    assert margin > 0
    assert problem.scenario.droop_margin == 0
    assert found.explained.cost == found.cost == found.checks[-1].cost
    alone = scopf.build(*given, criterion="weighted", droop_margin=margin)
    assert without(found)[OUTAGES] == pytest.approx(scopf.solve(alone).cost, rel=1e-6)
    free = scopf.build(*given, criterion="none", **outages)
    assert without(found)[STABILITY] == pytest.approx(scopf.solve(free).cost, rel=1e-6)


def test_the_cheaper_of_two_local_optima_counts():
    """From the dispatch the solver finds 130452.70, from the start point 129661.31."""
    net = scopf.load_case("case118")
    given = net, scopf.Inverters.at_generators(net, mq=1.4)
    outages = {"outages": [10], "emergency": 2.0}
    found = scopf.solve(scopf.build(*given, criterion="weighted", **outages), explain=True)
    parts = without(found)
    assert parts[BOTH] <= parts[STABILITY] + 1e-3
    assert parts[STABILITY] < 129700


# -- what goes wrong -----------------------------------------------


def stopped(monkeypatch, name, end):
    """Let the solve without a requirement end in another way."""
    solve = explaining._Explaining._without

    def instead(self, what, *args, **keywords):
        if what != name:
            return solve(self, what, *args, **keywords)
        usual, self._solve = self._solve, lambda *_: end(self._solution)
        try:
            return solve(self, what, *args, **keywords)
        finally:
            self._solve = usual

    monkeypatch.setattr(explaining._Explaining, "_without", instead)


def unsolved(solution, status="iteration limit"):
    status = explaining.Status(status)
    return dataclasses.replace(solution, status=status, message="no luck", cost=math.nan)


def test_what_is_not_solved_says_so(monkeypatch):
    stopped(monkeypatch, STABILITY, unsolved)
    found = scopf.solve(built([6]), explain=True)
    assert [str(one.status) for one in found.explained.whole] == [
        "iteration limit", "optimal", "optimal",
    ]  # fmt: skip
    assert found.explained.whole[0].message == "no luck"
    assert "  stability rows       not solved  (iteration limit without them)" in str(found)
    assert math.isnan(found.explained.table.price_per_h.iloc[0])
    assert found.explained.as_dict()["requirements"][0]["price_per_h"] is None


def test_an_outage_without_a_number_has_no_price(monkeypatch):
    stopped(monkeypatch, "branch 6", unsolved)
    found = scopf.solve(built(ASKED), explain=True)
    assert math.isnan(found.outage_prices["branch 6"])
    assert [one.name for one in found.explained.ranked] == ["branch 12", "branch 6"]
    assert "  branch 6 at 3-4 (1)   not solved  (iteration limit without it)" in str(found)


@pytest.mark.parametrize("inside", [True, False])
def test_interrupted_the_result_comes_without(monkeypatch, caplog, inside):
    def end(solution):
        if inside:  # the solver saw the signal
            return unsolved(solution, "interrupted")
        raise KeyboardInterrupt

    stopped(monkeypatch, BOTH, end)
    with caplog.at_level(logging.WARNING, "scopf"):
        found = scopf.solve(built([6]), explain=True)
    assert found.solved
    assert found.explained is None
    assert found.outage_prices == {}
    assert "case39: interrupted, what it costs is not known" in caplog.text


def test_a_real_signal_in_a_later_solve():
    costs = []

    def progress(iteration, value, violation):
        costs.append((iteration, value))
        if sum(k == 0 for k, _ in costs) == 3:  # the second problem without something
            raise KeyboardInterrupt

    found = scopf.solve(built([6]), explain=True, progress=progress)
    assert found.solved
    assert found.explained is None
    assert found.cost == pytest.approx(43373.74, abs=0.005)


def test_a_solve_that_failed_is_not_explained():
    found = scopf.solve(built([6], load_scale=3.0), explain=True)
    assert not found.solved
    assert found.explained is None


def test_a_model_that_was_asked_for_is_refused_before_the_solve(monkeypatch):
    problem = built([6])
    assert problem.model is not None
    monkeypatch.setattr("scopf.procedures.solver.Attempts", None)
    with pytest.raises(scopf.ScopfError, match="what was done to its Pyomo model would not be in"):
        scopf.solve(problem, explain=True)


def test_explain_is_true_or_false():
    with pytest.raises(scopf.ScopfError, match="explain is True or False, got 'yes'"):
        scopf.solve(built(), explain="yes")


# -- starts -----------------------------------------------


def test_solves_without_something_start_from_the_dispatch(caplog):
    with caplog.at_level(logging.INFO, "scopf"):
        scopf.solve(built(ASKED), explain=True)
    text = [one.getMessage() for one in caplog.records]
    first = next(k for k, line in enumerate(text) if line.startswith("reduced: "))
    after = text[first + 1 :]
    assert sum(line.startswith("warm: ") for line in after) == 5, listing(after, most=50)
    assert not any("no warm start" in line for line in after)


def test_a_lifted_form_is_explained_as_well():
    found = scopf.solve(built([6]), explain=True, form="lifted")
    assert without(found)[STABILITY] == pytest.approx(41803.82, abs=0.005)


def test_binding_states_have_multipliers(three):
    after = three.after
    size = np.abs(after.balance).max(axis=0)
    for k, name in enumerate(after.settled.names):
        here = size[after.settled.stack.bus_part == k].max()
        assert (here > 1.0) == (name != "branch 13")
        assert (here < 1e-3) == (name == "branch 13")
    unknown = dataclasses.replace(after, balance=np.full_like(after.balance, np.nan))
    assert explaining.binding(unknown) == list(after.settled.names)
