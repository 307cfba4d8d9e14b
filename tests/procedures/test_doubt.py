"""Whether limits conflict, asked while attempts fail."""

import dataclasses

import numpy as np
import pytest

import scopf
from scopf.diagnosis import violation
from scopf.diagnosis.budget import Budget
from scopf.diagnosis.violation import Verdict
from scopf.optimizer import strategy
from scopf.optimizer.strategy import FROM_FEASIBLE, STRATEGY, IterationBudget
from scopf.procedures import doubt


def problem(case="case9", load=1.0, **keywords):
    return scopf.build(scopf.load_case(case).scaled(load=load), criterion="none", **keywords)


@pytest.fixture
def failing(monkeypatch):
    """A strategy whose first attempts all end after a few iterations, and a doubt at once."""
    short = tuple(
        dataclasses.replace(one, budget=IterationBudget(iterations=3)) for one in STRATEGY
    )
    monkeypatch.setattr(strategy, "STRATEGY", short)
    monkeypatch.setattr(doubt, "_ITERATIONS", 1)


@pytest.mark.parametrize(("case", "load"), [("case30", 1.3), ("case39", 1.15), ("case57", 1.4)])
def test_a_conflict_is_said_after_two_attempts(case, load):
    made = problem(case, load)
    solution = scopf.solve(made)
    assert solution.status == solution.attempts[-1].status == "infeasible"
    assert solution.attempt == doubt.NAME
    assert len(solution.attempts) == 3
    assert solution.iterations == sum(attempt.iterations for attempt in solution.attempts) < 130
    assert "would have to be" in solution.message
    assert scopf.diagnose(made, max_solves=1).feasible is False
    assert np.isnan(solution.cost)


def test_droops_above_the_limit_of_weighted():
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=0.8)
    solution = scopf.solve(scopf.build(net, inverters, criterion="weighted"))
    assert (solution.status, solution.attempt) == ("infeasible", doubt.NAME)
    assert "stability rows of inverter 39" in solution.message
    assert solution.iterations < 150


def test_load_above_capacity_needs_no_search():
    solution = scopf.solve(problem(load=5))
    assert (solution.status, len(solution.attempts)) == ("infeasible", 2)
    assert "no point is feasible: load above capacity" in solution.message


def test_the_next_attempt_starts_from_a_point_that_meets_all_limits(failing):
    expected = scopf.solve(problem("case39"), form="reduced")
    solution = scopf.solve(problem("case39"))
    names = [attempt.name for attempt in solution.attempts]
    assert names[2:] == [doubt.NAME, FROM_FEASIBLE.name]
    assert "meets all limits" in solution.attempts[2].message
    assert solution.cost == pytest.approx(expected.cost, rel=1e-7)


def test_it_is_asked_once_and_not_of_a_form_that_was_chosen(failing, monkeypatch):
    asked = []

    def unknown(*_):
        asked.append(1)
        return Verdict(None, "not known", np.zeros(0), 5)

    monkeypatch.setattr(doubt, "least_violation", unknown)
    assert scopf.solve(problem("case30", 1.3)).attempts[2].name == doubt.NAME
    assert len(asked) == 1
    for form in ("reduced", "lifted"):
        scopf.solve(problem("case30", 1.3), form=form)
    assert len(asked) == 1


def test_an_attempt_that_met_all_limits_leaves_no_doubt(monkeypatch):
    low = dataclasses.replace(STRATEGY[0], budget=IterationBudget(iterations=9))
    monkeypatch.setattr(strategy, "STRATEGY", (low, dataclasses.replace(low, name="again")))
    monkeypatch.setattr(doubt, "_ITERATIONS", 1)
    monkeypatch.setattr(doubt, "_FEASIBLE", 1e3)
    solution = scopf.solve(problem("case39"))
    assert [attempt.name for attempt in solution.attempts] == ["reduced", "again"]


def test_an_interruption_ends_the_solve(failing, monkeypatch):
    said = Verdict(None, "interrupted", np.zeros(0), interrupted=True)

    def interrupted(made, *_):
        return dataclasses.replace(said, x=made.compiled[False].start)

    monkeypatch.setattr(doubt, "least_violation", interrupted)
    assert scopf.solve(problem("case39")).status == "interrupted"


def test_limits_on_iterations_and_time_hold():
    for most in (20, 30, 45):
        solution = scopf.solve(problem("case30", 1.3), max_iter=most)
        assert solution.iterations <= most
        assert not solution.solved
    solution = scopf.solve(problem("case30", 1.3), time_limit=0.05)
    assert solution.status in ("time limit", "infeasible")


def test_a_slight_violation_is_no_verdict(monkeypatch):
    monkeypatch.setattr(violation, "CLEAR", 1e9)
    found = violation.least_violation(problem("case30", 1.3), 10.0, 100)
    assert found.conflict is None
    assert found.text == "if limits conflict, then by less than a solver's tolerance"


def test_loads_give_way_where_other_limits_are_not_enough(monkeypatch):
    seen = []
    solve = violation.ElasticSolver.solve

    def not_enough_at_first(self, *given, **keywords):
        seen.append(len(self.limits))
        return dataclasses.replace(solve(self, *given, **keywords), ok=len(seen) > 1)

    monkeypatch.setattr(violation.ElasticSolver, "solve", not_enough_at_first)
    found = violation.least_violation(problem("case30", 1.3), 10.0, 100)
    assert seen[1] > seen[0] == seen[2]
    assert found.conflict


def test_a_conflict_from_one_start_is_none_if_there_is_none_from_another():
    """From the DC start, 0.25 % of a droop are missing; from flat voltages nothing is."""
    net = scopf.load_case("case118")
    inverters = scopf.Inverters.at_generators(net, mq=1.4)
    made = scopf.build(net, inverters, criterion="weighted", outages=[10], emergency=2.0)
    made.include(made.outages)
    ends = [violation._from(start, made, Budget(20.0), 100) for start in ("dc", "flat")]
    assert [end.conflict for end in ends] == [True, False]
    found = violation.least_violation(made, 20.0, 100)
    assert found.conflict is False
    assert found.iterations == sum(end.iterations for end in ends)


def test_no_answer_within_the_iterations():
    found = violation.least_violation(problem("case30", 1.3), 10.0, 5)
    assert (found.conflict, found.iterations) == (None, 5)
    assert found.text == "whether limits conflict is not known"


@pytest.mark.parametrize("limit", [40, 60, 90])
def test_a_limit_on_iterations_counts_the_least_violation(limit):
    made = problem("case30", 1.3)
    assert scopf.solve(made, max_iter=limit).iterations <= limit


def test_no_proof_by_capacity_where_a_pyomo_model_may_supply_power():
    made = problem("case30", 3.0)
    assert violation.proven(made) is not None
    assert made.model is not None
    assert violation.proven(made) is None
