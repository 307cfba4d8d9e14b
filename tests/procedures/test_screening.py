"""Outages that join or are left out: starts of new states, searches, and how many join at once."""

import dataclasses

import numpy as np
import pytest

import scopf
from scopf.diagnosis.outages import unsurvived
from scopf.optimizer.compiled import compiled, start_point
from scopf.optimizer.status import Status
from scopf.procedures import screening
from scopf.procedures.limits import Clock
from scopf.results.screening import Screened


@pytest.fixture(scope="module")
def unsettled():
    """case39 with outages of which the power flow after branch 12 does not converge."""
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=0.2)
    asked = [13, 12, 10, 15, 30, 16, 17]
    problem = scopf.build(net, inverters, outages=asked, emergency=1.2, eta_q=0.1)
    plain = scopf.solve(scopf.build(net, inverters, eta_q=0.1))
    return problem, plain, screening.flow_after(problem, plain)


def test_starts_are_finite_where_the_power_flow_does_not_converge(unsettled):
    problem, plain, flow = unsettled
    names = np.array(problem.candidates.names)
    assert names[~flow.settled].tolist() == ["branch 12"]
    for family, values in screening.starts(problem, plain, flow).items():
        assert np.isfinite(list(values.values())).all(), family


def test_an_outage_that_starts_from_there_is_not_left_out(unsettled):
    problem, _, _ = unsettled
    found = scopf.solve(problem)
    assert found.solved
    assert "branch 12" in found.states
    assert not found.unsurvived


def conflict(near=None, outages=(25,)):
    """A search in case39, where no dispatch survives branch 25."""
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=0.1)
    problem = scopf.build(net, inverters, outages=list(outages), emergency=1.2)
    if near is not None:
        nlp = compiled(problem, False)
        near = near(start_point(problem, nlp, "dc"))
    return unsurvived(problem, near=near)


def test_a_search_that_fails_from_a_start_is_made_again_from_another():
    """The same verdict from a point at which nothing can be evaluated."""
    cold, failed = conflict(), conflict(near=lambda x: np.full_like(x, np.nan))
    assert cold.outage.alone
    assert not cold.others
    assert cold.outage.reason.startswith("Vmin of bus 15")
    assert failed.outage == cold.outage


def test_a_search_says_whether_others_conflict_as_well():
    """Neither branch 25 nor branch 37 is survived alone; branch 6 is."""
    both, one = conflict(outages=(25, 37)), conflict(outages=(25, 6))
    assert both.others
    assert not both.outage.alone
    assert one.outage.state == "branch 25"
    assert not one.others


@pytest.mark.parametrize("status", [Status.INTERRUPTED, Status.ITERATION_LIMIT])
def test_a_solve_that_is_stopped_leaves_nothing_out(monkeypatch, status):
    """Without a verdict of any search the next solve decides, unless it is stopped on request."""
    net = scopf.load_case("case39").lossless()
    problem = scopf.build(net, outages=[6, 13], mq=0.1, emergency=1.2, criterion="none")
    problem.include(problem.outages)
    solved = scopf.solve(problem)
    monkeypatch.setattr(screening, "_lost", lambda *_: [])
    ends = iter([Status.ITERATION_LIMIT, status, Status.OPTIMAL])

    def once(**_):
        return dataclasses.replace(solved, status=next(ends))

    found = screening._rounds(problem, once, Clock(None))
    stopped = status is Status.INTERRUPTED
    assert found.status is (status if stopped else Status.OPTIMAL)
    assert [one.state for one in found.unsurvived] == ([] if stopped else ["branch 13"])


def violations(*sizes):
    return [Screened(f"branch {k}", 1, size, "") for k, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "states", "expected"),
    [
        ((0.3, 1.0, 0.6), 0, [1, 2]),
        ((1.0,) * 9, 30, [0, 1, 2, 3, 4, 5]),
        ((0.04, 0.01, 0.03), 3, [0, 2]),
        ((0.04, 0.01, 0.03, 0.003), 30, [0, 2, 1]),  # more where a solve takes long
    ],
)
def test_the_worst_join_at_once(sizes, states, expected):
    worst = screening._worst(violations(*sizes), states)
    assert [one.state for one in worst] == [f"branch {k}" for k in expected]
