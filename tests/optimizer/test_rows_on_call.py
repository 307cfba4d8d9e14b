"""Runs that leave limits of branches out until they are violated, against runs with all rows."""

import signal

import numpy as np
import pytest

import scopf
from scopf.optimizer import rows_on_call
from scopf.optimizer.compiled import compiled, inequalities_on_call
from scopf.optimizer.status import Status


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Leave rows out of small problems too."""
    monkeypatch.setattr(rows_on_call, "FEWEST", 1)


@pytest.fixture
def none_at_first(monkeypatch):
    """Begin without any limit, so that runs stop."""
    monkeypatch.setattr(rows_on_call, "_AT_FIRST", np.inf)


def congested(case="case39", share=0.8, **further):
    net = scopf.load_case(case)
    net = net.replace(branch=net.branch.replace(rate=share * net.branch.rate))
    return scopf.build(net, scopf.Inverters.at_generators(net, mq=0.1), **further)


def sizes(caplog):
    """Rows that were in, and iterations so far, of each run."""
    pairs = [one.args for one in caplog.records if one.name == rows_on_call.__name__]
    return [(rows, iterations) for rows, _, iterations in pairs]


def assert_same(one, other):
    assert one.status is other.status is Status.OPTIMAL
    assert one.cost == pytest.approx(other.cost, rel=1e-8)
    for name in ("buses", "inverters", "branches"):
        ours, theirs = getattr(one, name), getattr(other, name)
        for column in ours.select_dtypes(float):
            np.testing.assert_allclose(ours[column], theirs[column], rtol=1e-4, atol=1e-3)


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
