"""Runs that leave limits of branches out until they are violated, against runs with all rows."""

import signal

import numpy as np
import pyomo.environ as pyo
import pytest

import scopf
from scopf.optimizer import rows_on_call
from scopf.optimizer.compiled import (
    compiled,
    inequalities_on_call,
    satisfiable,
    start_point,
)
from scopf.optimizer.status import Status
from scopf.stability.criteria.weighted import Weighted


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Leave rows out of small problems too."""
    monkeypatch.setattr(rows_on_call, "FEWEST", 1)


@pytest.fixture
def none_at_first(monkeypatch):
    """Begin without any limit, so that runs stop."""
    monkeypatch.setattr(rows_on_call, "_AT_FIRST", np.inf)


def congested(case="case39", share=0.8, mq=0.1, **further):
    net = scopf.load_case(case)
    net = net.replace(branch=net.branch.replace(rate=share * net.branch.rate))
    return scopf.build(net, scopf.Inverters.at_generators(net, mq=mq), **further)


def sizes(caplog):
    """Rows that were in, and iterations so far, of each run."""
    pairs = [one.args for one in caplog.records if one.name == rows_on_call.__name__]
    return [(rows, iterations) for rows, _, iterations in pairs]


def assert_same(one, other):
    assert one.status is other.status is Status.OPTIMAL
    assert one.cost == pytest.approx(other.cost, rel=1e-8)
    weighted = one.problem.criterion.name == "weighted"  # margins depend on weights, of many
    for name in ("buses", "inverters", "branches"):
        ours, theirs = getattr(one, name), getattr(other, name)
        for column in ours.select_dtypes(float).columns:
            if weighted and column == "margin":
                continue
            near = 5e-3 + 1e-4 * theirs[column].abs().max()
            np.testing.assert_allclose(ours[column], theirs[column], rtol=0, atol=near)


@pytest.mark.parametrize(
    ("case", "share"), [("case39", 0.8), ("case30", 1.0), ("pglib_opf_case300_ieee", 1.0)]
)
def test_the_optimum_and_its_prices_are_those_of_all_rows(caplog, case, share):
    caplog.set_level("INFO", "scopf")
    problem = congested(case, share)
    found = scopf.solve(problem)
    assert [attempt.name for attempt in found.attempts] == ["reduced"]
    assert sizes(caplog)[-1][0] < compiled(problem, False).m
    assert_same(found, scopf.solve(problem, form="reduced"))


@pytest.mark.usefixtures("none_at_first")
@pytest.mark.parametrize("criterion", ["none", "voltage-difference", "weighted"])
def test_rows_that_are_violated_come_in(caplog, criterion):
    caplog.set_level("INFO", "scopf")
    problem = congested(criterion=criterion)
    found = scopf.solve(problem)
    rows = [count for count, _ in sizes(caplog)]
    assert len(rows) > 1
    assert rows == sorted(rows)
    assert rows[-1] < compiled(problem, False).m
    assert_same(found, scopf.solve(problem, form="reduced"))
    nlp = compiled(problem, False)
    values = nlp.constraints(found.iterate.x)
    assert (values <= nlp.g_upper + 1e-8).all()
    assert (values >= nlp.g_lower - 1e-8).all()
    assert (found.branches["loading_percent"] <= 100.0001).all()


@pytest.mark.usefixtures("none_at_first")
def test_all_rows_come_in_after_the_last_stop(caplog, monkeypatch):
    caplog.set_level("INFO", "scopf")
    monkeypatch.setattr(rows_on_call, "_STOPS", 1)
    problem = congested()
    found = scopf.solve(problem)
    assert sizes(caplog)[-1][0] == compiled(problem, False).m
    assert_same(found, scopf.solve(problem, form="reduced"))


@pytest.mark.usefixtures("none_at_first")
def test_a_row_that_is_violated_at_the_end_only(caplog, monkeypatch):
    caplog.set_level("INFO", "scopf")
    monkeypatch.setattr(rows_on_call, "_NEARLY", 0.0)  # no run is stopped on its way
    problem = congested()
    found = scopf.solve(problem)
    assert len(sizes(caplog)) > 1
    assert_same(found, scopf.solve(problem, form="reduced"))


def test_few_rows_are_not_left_out(caplog, monkeypatch):
    caplog.set_level("INFO", "scopf")
    problem = congested()
    count = len(inequalities_on_call(problem, compiled(problem, False)))
    for fewest, runs in ((count, 1), (count + 1, 0)):
        monkeypatch.setattr(rows_on_call, "FEWEST", fewest)
        caplog.clear()
        assert scopf.solve(problem).status is Status.OPTIMAL
        assert len(sizes(caplog)) == runs


def test_what_may_be_left_out():
    problem = congested("case39", outages=["branch 3"])
    nlp = compiled(problem, False)
    found = inequalities_on_call(problem, nlp)
    names = {nlp.row_names[k].partition("[")[0] for k in found}
    assert {"branch_limit_from", "branch_limit_to", "state_branch_limit_from"} <= names
    assert all("branch" in name for name in names)
    assert (nlp.g_lower[found] < nlp.g_upper[found]).all()


@pytest.mark.usefixtures("none_at_first")
def test_iterations_are_counted_through_all_runs(caplog):
    caplog.set_level("INFO", "scopf")
    seen = []
    found = scopf.solve(congested(), progress=lambda iteration, *_: seen.append(iteration))
    assert len(sizes(caplog)) > 1
    assert found.iterations == sizes(caplog)[-1][1]
    assert found.trace["iteration"].tolist() == list(range(found.iterations + 1))
    assert sorted(set(seen)) == list(range(found.iterations + 1))
    short = scopf.solve(congested(), max_iter=found.iterations - 1)
    assert short.status is Status.ITERATION_LIMIT
    assert short.iterations == found.iterations - 1


@pytest.mark.usefixtures("none_at_first")
def test_ctrl_c_in_a_later_run(caplog):
    caplog.set_level("INFO", "scopf")

    def press(iteration, *_):
        if len(sizes(caplog)) == 1 and iteration > sizes(caplog)[0][1] + 1:
            signal.raise_signal(signal.SIGINT)

    found = scopf.solve(congested(), progress=press)
    assert found.status is Status.INTERRUPTED
    assert len(sizes(caplog)) == 2


@pytest.mark.parametrize(
    ("case", "share", "mq", "binds"),
    [
        ("case39", 1.0, 0.1, False),
        ("case39", 1.0, 0.2, True),
        ("pglib_opf_case118_ieee", 1.0, 0.1, False),
    ],
)
def test_stability_rows_wait_for_weights_that_fulfil_them(caplog, case, share, mq, binds):
    caplog.set_level("INFO", "scopf")
    problem = congested(case, share, mq=mq, criterion="weighted")
    found = scopf.solve(problem)
    rows = [count for count, _ in sizes(caplog)]
    nlp = compiled(problem, False)
    assert rows[0] < nlp.m - len(inequalities_on_call(problem, nlp))
    assert len(rows) == (2 if binds else 1)
    expected = scopf.solve(problem, form="reduced")
    assert_same(found, expected)
    assert (found.inverters["nssp_per_pu"].max() > 1.0) == binds
    assert (found.inverters["margin"] >= -1e-8).all()


def test_a_pyomo_model_keeps_its_stability_rows(caplog):
    caplog.set_level("INFO", "scopf")
    problem = congested(mq=0.05, criterion="weighted")
    assert satisfiable(problem, compiled(problem, False), {}) is not None
    problem.model.bus_log_weight[5].setub(0.1)
    assert satisfiable(problem, compiled(problem, False), {}) is None
    assert_same(scopf.solve(problem), scopf.solve(problem, form="reduced"))


@pytest.mark.parametrize("lossless", [True, False])
def test_weights_are_found_where_they_exist_and_only_there(lossless):
    net = scopf.load_case("case39")
    net = net.lossless() if lossless else net
    found = []
    for mq in (0.02, 0.1, 0.3, 0.5, 0.9):
        problem = scopf.build(net, scopf.Inverters.at_generators(net, mq=mq), criterion="weighted")
        nlp = compiled(problem, False)
        fitted = satisfiable(problem, nlp, {})
        x = start_point(problem, nlp, "power-flow")
        point = fitted.fit(x)
        nlp.load_point(x)
        setting, voltages = problem.present, problem.opf.voltages
        view = setting.full
        at = [one.value[view.buses] for one in (voltages.vm, voltages.va)]
        slack = Weighted().slack(view.grid, view.k * (1 + Weighted().droop_margin(net)), *at)
        assert (point is not None) == (slack.min() > Weighted.strict)
        found.append(point is not None)
    assert found[0]
    assert not found[-1]


def test_a_row_of_the_user_in_place_of_a_limit_does_not_wait():
    problem = congested("pglib_opf_case39_epri", 1.0, criterion="none")
    model = problem.model
    model.z = pyo.Var(initialize=1.0, bounds=(-5.0, 5.0))
    model.branch_limit_from[1].set_value(pyo.log(model.z) >= -1.0)
    model.generation_cost_of_z = pyo.Expression(expr=1000.0 * model.z)
    (objective,) = model.component_data_objects(pyo.Objective)
    objective.set_value(objective.expr + model.generation_cost_of_z)
    found = scopf.solve(problem)
    assert found.status is Status.OPTIMAL
    assert pyo.value(model.z) == pytest.approx(np.exp(-1.0), abs=1e-6)


@pytest.mark.usefixtures("none_at_first")
def test_options_of_the_user_hold_after_a_stop(monkeypatch):
    given = []
    run = rows_on_call.ipopt.run

    def recorded(nlp, start, options, *further, **keywords):
        given.append(dict(options))
        return run(nlp, start, options, *further, **keywords)

    monkeypatch.setattr(rows_on_call.ipopt, "run", recorded)
    scopf.solve(congested(), options={"mu_init": 0.05, "max_cpu_time": 100.0})
    assert len(given) > 1
    assert {one["mu_init"] for one in given} == {0.05}
    assert given[-1]["max_cpu_time"] < given[0]["max_cpu_time"] <= 100.0


@pytest.mark.parametrize("way", ["auto", "relax_bounds"])
def test_weights_wait_only_where_they_can_be_fixed(way):
    problem = congested("case39", 1.0, criterion="weighted")
    options = {} if way == "auto" else {"fixed_variable_treatment": way}
    waits = satisfiable(problem, compiled(problem, False), options) is not None
    assert waits == (way == "auto")
    found = scopf.solve(problem, options=options)
    assert [one.name for one in found.attempts] == ["reduced"]


def test_ctrl_c_between_two_runs_ends_with_the_last_iterate(monkeypatch):
    def fitted(*_):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Weighted, "fitted", fitted)
    found = scopf.solve(congested("case39", 1.0, criterion="weighted"))
    assert found.status is Status.INTERRUPTED
    assert found.buses["vm"].notna().all()


@pytest.mark.parametrize(("case", "mq"), [("case39", 0.35), ("pglib_opf_case39_epri", 0.5)])
def test_a_conflict_of_stability_rows_is_found_soon(case, mq):
    found = scopf.solve(congested(case, 1.0, mq=mq, criterion="weighted"))
    assert found.status is Status.INFEASIBLE
    assert "least violation" in [one.name for one in found.attempts]
    assert found.iterations < 350


def test_weights_that_do_not_fulfil_the_rows_are_none(caplog, monkeypatch):
    caplog.set_level("INFO", "scopf")
    problem = congested("case39", 1.0, mq=0.2, criterion="weighted")
    even = {"bus_log_weight": np.zeros(len(problem.net.bus))}
    monkeypatch.setattr(Weighted, "fitted", lambda *_: even)
    found = scopf.solve(problem)
    assert len(sizes(caplog)) == 2
    assert_same(found, scopf.solve(problem, form="reduced"))
