"""`Solution.simulate`: what it starts from, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

import scopf


@pytest.fixture(scope="module")
def sol():
    net = scopf.load_case("case9")
    return scopf.solve(scopf.build(net, mq=0.05, criterion="none", load_scale=0.8))


def refused(sol, **how):
    with pytest.raises(scopf.ScopfError) as error:
        sol.simulate(**how)
    return str(error.value)


def test_a_solution_from_a_file_does_the_same(sol, tmp_path):
    sol.save(tmp_path / "solution.json")
    again = scopf.load_solution(tmp_path / "solution.json")
    how = {"outage": "branch 5", "load_step": {5: (10, 5)}, "until": 2.0}
    assert np.array_equal(again.simulate(**how).vm, sol.simulate(**how).vm)


def test_everything_that_events_have_wrong_is_said_at_once(sol):
    text = refused(
        sol, outage="branch 99 + gen 77", load_step={999: (1, 1), 5: 3, "x": (1, 1)},
        set_point={1: {"p": 3}, "gen 55": {"vm": 1}, 2: {"vm": -1}, 3: {"vm": "a"}},
        events=[scopf.Event(2.0, reclose="branch 88", set_point=[1])],
    )  # fmt: skip
    for part in (
        "branch 99", "gen 77", "bus 999", "of bus 5 is a pair", "bus x", "of bus 1 is a mapping",
        "of gen 55", "of bus 2 has a voltage", "of bus 3 has a value", "branch 88",
        "set_point is a mapping by bus",
    ):  # fmt: skip
        assert part in text
    assert text.count("event at 1 s") == 9
    assert text.count("event at 2 s") == 2


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"events": scopf.Event(1.0)}, "events is a list of scopf.Event"),
        ({"events": ["branch 5"]}, "events is a list of scopf.Event"),
        ({"outage": 5, "at": 10.0}, "not between 0 and the end"),
        ({"outage": 5, "reclose_at": 0.5}, "later than the outage"),
        ({"outage": "gen 2", "reclose_at": 2.0}, "only branches reclose"),
        ({"events": [scopf.Event(1.0, outage=5)], "outage": 5}, "already out of service"),
        ({"until": "10"}, "until must be a finite number"),
        ({"time_limit": -1}, "time_limit"),
        ({"devices": pd.DataFrame()}, "a table goes to build(devices=...)"),
        ({"load": {999: "impedance"}}, "999"),
        ({"state": "branch 5"}, "there is no state"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(sol, how, text):
    assert text in refused(sol, **how)


def test_an_event_at_the_beginning_has_a_before(sol):
    run = sol.simulate(outage="branch 5", at=0.0, until=1.0)
    assert run.times[:2].tolist() == [0.0, 0.0]
    assert np.allclose(run.vm[0], sol.point.vm)
    assert abs(run.vm[1] - run.vm[0]).max() > 1e-3


def test_without_a_source_the_network_is_dead(sol):
    run = sol.simulate(outage=["gen 1", "gen 2", "gen 3"], until=2.0)
    assert run.status == "collapsed"
    assert "no inverter and no machine is left" in run.message
    assert run.times[-1] == 1.0


def test_a_model_that_was_rewritten_is_refused():
    net = scopf.load_case("case9")
    problem = scopf.build(net, mq=0.05, criterion="none")
    row = problem.model.bus_balance_q[5]
    row.set_value(row.body - 0.1 * problem.model.bus_vm[5] ** 2 == row.upper)
    assert "has been rewritten" in refused(scopf.solve(problem))


def test_hours_and_states_after_outages_are_points_to_start_from():
    net = scopf.load_case("case9")
    hours = pd.DataFrame({"hour": ["night", "noon"], "load_scale": [0.6, 0.8]})
    day = scopf.solve(scopf.build(net, mq=0.05, criterion="none", hours=hours))
    assert "give one as state=" in refused(day)
    run = day.simulate(state="noon", until=0.5)
    assert run.facts["moves_pu"] < 1e-6
    assert np.allclose(run.vm[-1], day.state("noon").buses["vm"])

    given = {"outages": ["branch 5"], "load_scale": 0.5}
    secure = scopf.solve(scopf.build(net, mq=0.05, criterion="none", **given))
    start = secure.state("branch 5").net.bus.vm
    there = secure.simulate(outage="branch 5").vm[-1]
    assert np.allclose(secure.simulate(state="branch 5", until=0.5).vm[-1], start, atol=1e-7)
    assert np.allclose(there, start, atol=1e-6)
