"""Solves that start from a solution."""

import dataclasses
import logging

import numpy as np
import pyomo.environ as pyo
import pytest

import scopf
from scopf.optimizer import ipopt, strategy
from scopf.optimizer.strategy import STRATEGY, IterationBudget
from scopf.procedures import attempts
from scopf.stability.criteria.voltage_difference import VoltageDifference


def problem(case="case39", mq=0.22, rows=None, **keywords):
    net = scopf.load_case(case).lossless()
    inverters = scopf.Inverters.at_generators(net, mq=mq)
    return scopf.build(net, inverters, criterion=VoltageDifference(rows), **keywords)


def names(solution):
    return [attempt.name for attempt in solution.attempts]


@pytest.fixture
def runs(monkeypatch):
    """Options and multipliers that every run of the solver is given."""
    seen = []
    run = ipopt.run

    def recorded(nlp, start, options, watch, progress=None, multipliers=None, *further):
        seen.append((dict(options), multipliers))
        return run(nlp, start, options, watch, progress, multipliers, *further)

    monkeypatch.setattr(ipopt, "run", recorded)
    return seen


def quick_cold(solution):
    """The same solution, told that a cold start took a single iteration."""
    return dataclasses.replace(solution, iterate=dataclasses.replace(solution.iterate, cold=1))


SMALL = [
    {"load_scale": 1.001}, {"mq": 0.221}, {"margin": 1e-4}, {"eta_q": 0.101}, {"alpha": 1.0005},
]  # fmt: skip


@pytest.mark.parametrize("update", SMALL)
@pytest.mark.parametrize("rows", ["pairs", "maximum"])
def test_a_small_step_takes_fewer_iterations_to_the_same_optimum(update, rows):
    made = problem(eta_q=0.1, rows=rows)
    last = scopf.solve(made)
    made.update(**update)
    warm = scopf.solve(made, start=last)
    cold = scopf.solve(made)
    assert names(warm) == ["warm"]
    assert (warm.status, cold.status) == ("optimal", "optimal")
    assert warm.iterations < cold.iterations
    assert warm.cost == pytest.approx(cold.cost, rel=1e-7)
    nssp = cold.inverters["nssp_per_pu"].to_numpy()
    assert nssp.max() > 100
    assert warm.inverters["nssp_per_pu"].to_numpy() == pytest.approx(nssp, rel=1e-3, abs=0.1)


def test_no_step_at_all_takes_next_to_no_iterations():
    made = problem(eta_q=0.1)
    last = scopf.solve(made)
    warm = scopf.solve(made, start=last)
    assert warm.iterations <= 0.5 * last.iterations
    assert warm.cost == pytest.approx(last.cost, rel=1e-8)


@pytest.mark.parametrize("form", ["reduced", "lifted"])
def test_a_chain_of_warm_starts_remembers_what_a_cold_one_took(form, runs):
    made = problem(eta_q=0.1)
    solution = first = scopf.solve(made, form=form)
    for step in range(1, 4):
        solution = scopf.solve(made.update(load_scale=1 - 0.002 * step), start=solution)
        assert names(solution) == ["warm"]
        assert solution.iterate.cold == first.iterations
        assert solution.iterate.lift == (form == "lifted")
        options, multipliers = runs[-1]
        assert options["warm_start_init_point"] == "yes"
        assert set(multipliers) == {"lagrange", "zl", "zu"}
    assert solution.cost == pytest.approx(scopf.solve(made).cost, rel=1e-7)


def test_a_step_too_large_is_solved_cold(monkeypatch, caplog):
    monkeypatch.setattr(attempts, "_LEAST_WARM", 2)
    caplog.set_level(logging.INFO, logger="scopf")
    made = problem(eta_q=0.1)
    last = quick_cold(scopf.solve(made))
    made.update(load_scale=0.7, mq=0.15)
    solution = scopf.solve(made, start=last)
    assert names(solution) == ["warm", "reduced"]
    assert [a.status for a in solution.attempts] == ["stalled", "optimal"]
    assert solution.attempt == "reduced"
    assert solution.attempts[0].iterations == 2
    assert solution.iterations == sum(a.iterations for a in solution.attempts)
    assert solution.iterate.cold == solution.attempts[1].iterations
    cold = scopf.solve(made)
    assert solution.cost == cold.cost
    assert np.array_equal(solution.point.vm, cold.point.vm)
    assert any(
        r.getMessage().startswith("warm: the iteration budget is used up") for r in caplog.records
    )


def test_any_step_ends_at_the_optimum():
    rng = np.random.default_rng(5)
    made = problem("case14", mq=0.3)
    solution = scopf.solve(made)
    firsts = set()
    for _ in range(12):
        made.update(
            load_scale=float(rng.uniform(0.3, 1.5)), mq=float(rng.uniform(0.05, 0.5)),
            eta_q=float(rng.choice([0, 0.3])), alpha=float(rng.uniform(0.7, 1.4)),
        )  # fmt: skip
        solution = scopf.solve(made, start=solution)
        cold = scopf.solve(made)
        assert solution.status == cold.status == "optimal"
        assert solution.cost == pytest.approx(cold.cost, rel=1e-6)
        firsts.add(solution.attempts[0].name)
    assert firsts == {"warm"}


# -- predictor-corrector steps -----------------------------------------------


def test_steps_are_those_of_mehrotra_and_resumed_attempts_have_others(runs, monkeypatch):
    made = problem(eta_q=0.1)
    last = scopf.solve(made)
    scopf.solve(made.update(mq=0.221), start=last)
    assert runs[-1][0]["mehrotra_algorithm"] == "yes"
    first = dataclasses.replace(STRATEGY[0], budget=IterationBudget(iterations=4))
    again = dataclasses.replace(next(one for one in STRATEGY if one.resume), after="")
    monkeypatch.setattr(strategy, "STRATEGY", (first, again))
    assert names(scopf.solve(made)) == ["reduced", again.name]
    assert runs[-1][0]["warm_start_init_point"] == "yes"
    assert "mehrotra_algorithm" not in runs[-1][0]


@pytest.mark.parametrize(
    "own", [{"mu_strategy": "monotone"}, {"accept_every_trial_step": "no"}, {"mu_oracle": "loqo"}]
)
def test_whoever_chooses_another_rule_for_the_barrier_gets_it(own, runs):
    made = problem(eta_q=0.1)
    last = scopf.solve(made)
    warm = scopf.solve(made.update(mq=0.221), start=last, options=own)
    assert names(warm) == ["warm"]
    assert warm.status == "optimal"
    assert "mehrotra_algorithm" not in runs[-1][0]
    assert own.items() <= runs[-1][0].items()


def test_a_search_for_a_feasible_point_is_survived():
    """With the predictor-corrector steps of its own, Ipopt 3.14 ends the process there."""
    made = problem(eta_q=0.1)
    last = scopf.solve(made)
    warm = scopf.solve(made.update(mq=0.23), start=last, options={"start_with_resto": "yes"})
    assert names(warm)[0] == "warm"
    assert warm.status == "optimal"
    assert warm.cost == pytest.approx(scopf.solve(made).cost, rel=1e-7)


def test_prices_that_do_not_bind_are_nearer_to_zero_than_after_a_cold_start():
    made = problem(eta_q=0.0, mq=0.15)
    cold = scopf.solve(made)
    warm = scopf.solve(made.update(mq=0.16), start=cold)
    assert names(warm) == ["warm"]
    idle = cold.inverters["margin"].to_numpy() > 1e-3
    assert idle.any()
    price = [one.inverters["nssp_per_pu"].to_numpy()[idle].max() for one in (cold, warm)]
    assert price[1] <= price[0]


# -- whose solution -----------------------------------------------


def test_the_solution_of_another_problem_of_the_same_structure_works():
    one, other = problem(eta_q=0.1), problem(eta_q=0.1, mq=0.221)
    solution = scopf.solve(other, start=scopf.solve(one))
    assert names(solution) == ["warm"]
    assert solution.cost == pytest.approx(scopf.solve(other).cost, rel=1e-7)
    other.model  # noqa: B018
    assert names(scopf.solve(other, start=scopf.solve(one))) == ["warm"]
    assert names(scopf.solve(other, start=scopf.solve(one).iterate)) == ["warm"]


@pytest.mark.parametrize(
    "stranger",
    [
        lambda made: scopf.solve(problem("case14", mq=0.05)),
        lambda made: scopf.solve(problem(rows="maximum")),
        lambda made: scopf.solve(made, max_iter=3),
        lambda made: _other_structure(made),
        lambda made: _other_rows_as_many(made),
    ],
)
def test_what_is_no_start_is_ignored_and_said(stranger, caplog):
    made = problem(rows="pairs")
    start = stranger(made)
    caplog.set_level(logging.INFO, logger="scopf")
    solution = scopf.solve(made, start=start)
    assert names(solution) == ["reduced"]
    assert solution.status == "optimal"
    assert "no warm start" in caplog.text
    assert solution.iterate.cold == solution.iterations


def _other_structure(made):
    solution = scopf.solve(made)
    made.model.inverter_stability[32, 30].deactivate()
    return solution


def _other_rows_as_many(made):
    solution = _other_structure(made)
    m = made.model
    m.own = pyo.Constraint(expr=m.gen_pg[1] + m.gen_pg[2] <= 50)
    return solution


def test_a_stale_solution_of_a_model_that_has_changed_back_works():
    made = problem()
    last = scopf.solve(made)
    made.model.bus_vm[39].fix(1.0)
    assert names(scopf.solve(made, start=last)) == ["reduced"]
    made.model.bus_vm[39].unfix()
    assert names(scopf.solve(made, start=last)) == ["warm"]


# -- limits -----------------------------------------------


def test_max_iter_is_a_total_over_attempts(monkeypatch, runs):
    cold = tuple(one for one in STRATEGY if not one.resume and not one.after)
    low = tuple(dataclasses.replace(one, budget=IterationBudget(iterations=4)) for one in cold[:2])
    monkeypatch.setattr(strategy, "STRATEGY", low + cold[2:])
    made = problem("case9", mq=0.05)
    solution = scopf.solve(made, max_iter=10)
    assert [a.iterations for a in solution.attempts] == [4, 4, 2]
    assert [a.status for a in solution.attempts] == ["stalled", "stalled", "iteration limit"]
    assert [options["max_iter"] for options, _ in runs] == [10, 6, 2]
    assert solution.status == "iteration limit"
    assert solution.iterations == 10
    enough = scopf.solve(made, max_iter=100)
    assert enough.status == "optimal"
    assert enough.iterations == 8 + enough.attempts[2].iterations


@pytest.mark.parametrize("limit", [0, 1, 4])
def test_max_iter_counts_a_warm_attempt(limit, monkeypatch, runs):
    monkeypatch.setattr(attempts, "_LEAST_WARM", 2)
    made = problem(eta_q=0.1)
    last = quick_cold(scopf.solve(made))
    made.update(load_scale=0.7, mq=0.15)
    solution = scopf.solve(made, start=last, max_iter=limit)
    assert solution.status == "iteration limit"
    assert solution.iterations == limit
    assert [o["max_iter"] for o, _ in runs[1:]] == ([limit] if limit < 2 else [limit, limit - 2])


def test_time_limit_is_a_total_over_attempts(monkeypatch, runs):
    slow = tuple(one for one in STRATEGY if not one.after)
    low = tuple(dataclasses.replace(one, budget=IterationBudget(iterations=2)) for one in slow[:2])
    monkeypatch.setattr(strategy, "STRATEGY", low + slow[2:])
    solution = scopf.solve(problem("case9", mq=0.05), time_limit=1000)
    assert len(solution.attempts) == 3
    left = [options["max_wall_time"] for options, _ in runs]
    spent = np.cumsum([0.0] + [a.seconds for a in solution.attempts])
    assert left == pytest.approx((1000 - spent[:3]).tolist(), abs=1e-9)
    assert solution.seconds >= spent[-1]


def test_without_limits_no_attempt_has_one(runs):
    scopf.solve(problem("case9", mq=0.05))
    assert not {"max_iter", "max_wall_time"} & set(runs[0][0])


def test_time_that_is_used_up_ends_the_attempts():
    made = problem(eta_q=0.1)
    last = scopf.solve(made)
    solution = scopf.solve(made.update(load_scale=0.8), start=last, time_limit=1e-6)
    assert names(solution) == ["warm"]
    assert solution.status == "time limit"
    assert not solution.solved


def test_a_warm_start_has_the_form_that_was_asked_for():
    made = scopf.build(scopf.load_case("case9"), criterion="none")
    solution = scopf.solve(made, start=scopf.solve(made), form="lifted")
    assert solution.iterate.lift
