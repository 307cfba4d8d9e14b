"""When an attempt counts as stalled, and which attempt follows it."""

import dataclasses
import logging

import numpy as np
import pyomo.environ as pyo
import pytest

import scopf
from scopf.optimizer import ipopt, strategy
from scopf.optimizer.compiled import start_point
from scopf.optimizer.strategy import STRATEGY, AttemptSettings, IterationBudget, Watch, planned

FAR = tuple(one for one in STRATEGY if not one.after)  # after a stall far from a solution
(CURVATURE,) = (one for one in STRATEGY if one.after == "slow convergence")
(AFTER_EARLY,) = (one for one in STRATEGY if one.after == "early stall")
HIGH, CONTINUED = FAR[1:3]


def problem(case="case9", **keywords):
    return scopf.build(scopf.load_case(case), **keywords)


# -- the watch -----------------------------------------------


def follow(budget, *steps):
    """Number of these (restoring, step) pairs until a watch stops the attempt, and its reason."""
    watch = Watch(budget)
    for iteration, (restoring, step) in enumerate(steps):
        if not watch.goes_on(iteration, restoring, step):
            return iteration, watch.stalled
    return len(steps), watch.stalled


GOOD, TINY, RESTORING = (False, 1.0), (False, 1e-4), (True, 1.0)


def test_a_watch_without_a_budget_goes_on():
    assert follow(None, *[RESTORING] * 500) == (500, "")
    watch = Watch(None)
    watch.goes_on(17, False, 1.0)
    assert watch.iterations == 17


def test_iterations_in_all():
    budget = IterationBudget(iterations=10)
    assert follow(budget, *[GOOD] * 10) == (10, "")
    assert follow(budget, *[GOOD] * 20) == (10, "no solution after 10 iterations")


def test_iterations_in_search_of_a_feasible_point_add_up():
    budget = IterationBudget(restoration=3)
    assert follow(budget, *[RESTORING, GOOD] * 3, *[GOOD] * 50) == (56, "")
    count, said = follow(budget, *[GOOD, RESTORING] * 10)
    assert (count, said) == (7, "4 iterations in search of a feasible point")


def test_tiny_steps_count_only_in_a_row():
    budget = IterationBudget(tiny=3, step=1e-3)
    assert follow(budget, *[GOOD, TINY, TINY, TINY] * 10) == (40, "")
    assert follow(budget, GOOD, *[TINY] * 10) == (4, "4 tiny steps in a row")
    assert follow(budget, *[(False, 1e-3)] * 40) == (40, "")
    assert follow(budget, *[(False, 0.0)] * 4)[0] == 4  # iteration 0 has no step


def test_regularised_steps_count_only_in_a_row_and_not_in_restoration():
    def regularised(*flags):
        watch = Watch(IterationBudget(regularized=3))
        for k, (restoring, flag) in enumerate(flags):
            if not watch.goes_on(k, restoring, 1.0, flag):
                return k, watch.stalled
        return len(flags), watch.stalled

    good, bad, restoring = (False, False), (False, True), (True, True)
    assert regularised(*[bad, bad, bad, good] * 10) == (40, "")
    assert regularised(good, *[bad] * 9) == (4, "4 steps in a row with a regularised Hessian")
    assert regularised(*[bad, bad, bad, restoring] * 3) == (12, "")


def test_the_watch_is_given_regularised_steps(monkeypatch):
    """Voltages driven away from 1 p.u.: a concave objective has an indefinite Hessian."""
    seen = []
    goes_on = Watch.goes_on

    def recorded(self, iteration, restoring, step, regularized, error, *rest):
        seen.append(regularized)
        return goes_on(self, iteration, restoring, step, regularized, error, *rest)

    monkeypatch.setattr(Watch, "goes_on", recorded)
    made = problem("case9", criterion="none")
    scopf.solve(made)
    assert not any(seen)
    seen.clear()
    model = made.model
    model.total_cost.deactivate()
    model.away = pyo.Objective(expr=-sum((model.bus_vm[i] - 1.0) ** 2 for i in model.bus))
    scopf.solve(made)
    assert any(seen)


def test_no_attempt_is_stopped_close_to_its_solution(small_budgets):
    """Ipopt asks whether to go on before it looks whether it has arrived."""
    whole = scopf.solve(problem(), form="reduced")
    small_budgets(whole.iterations)
    found = scopf.solve(problem())
    assert [attempt.name for attempt in found.attempts] == ["reduced"]
    assert found.iterations == whole.iterations
    watch = Watch(IterationBudget(iterations=10))
    near = [watch.goes_on(k, False, 1.0, error=1e-9) for k in range(10, 50)]
    assert 0 < sum(near) < 10, "not for ever"


def test_multipliers_that_grow_without_bound_are_a_stall():
    watch = Watch(IterationBudget(error=1e6))
    assert [watch.goes_on(k, False, 1.0, error=10.0 ** (4 + k)) for k in range(4)] == [
        True, True, True, False,
    ]  # fmt: skip
    assert watch.stalled_early
    assert "multipliers grow" in watch.stalled


def test_a_watch_counts_while_it_watches():
    watch = Watch(IterationBudget(iterations=5))
    assert [watch.goes_on(k, False, 1.0) for k in range(6)] == [True] * 5 + [False]
    assert watch.iterations == 5


# -- the order of attempts -----------------------------------------------


def test_the_strategy_begins_reduced_and_ends_without_a_budget():
    assert planned("auto") == STRATEGY
    assert [one.lift for one in STRATEGY] == [False] * 6 + [True] * 3
    assert [one.budget is None for one in STRATEGY] == [False] * 8 + [True]
    assert len({one.name for one in STRATEGY}) == len(STRATEGY)


@pytest.mark.parametrize(("form", "lift"), [("reduced", False), ("lifted", True)])
def test_a_form_that_is_asked_for_is_the_only_attempt(form, lift):
    assert planned(form) == (AttemptSettings(form, lift=lift),)
    solution = scopf.solve(problem(), form=form)
    assert [a.name for a in solution.attempts] == [solution.attempt] == [form]
    assert solution.iterate.lift == lift


@pytest.fixture
def small_budgets(monkeypatch):
    """A strategy whose first attempts stall after some iterations."""

    def give(*iterations):
        low = tuple(
            dataclasses.replace(one, budget=IterationBudget(iterations=count))
            for one, count in zip(FAR, iterations, strict=False)
        )
        monkeypatch.setattr(
            strategy, "STRATEGY", (*low[:1], AFTER_EARLY, *low[1:], *FAR[len(low) :])
        )
        return [one.name for one in FAR]

    return give


@pytest.mark.parametrize("stalled", [0, 1, 2, 3])
def test_an_attempt_that_stalls_is_followed_by_the_next(stalled, small_budgets, caplog):
    names = small_budgets(*[2, 3, 4][:stalled])
    expected = scopf.solve(problem(), form="reduced")
    caplog.set_level(logging.INFO, logger="scopf")
    solution = scopf.solve(problem())
    assert solution.status == "optimal"
    assert solution.cost == pytest.approx(expected.cost, rel=1e-7)
    assert solution.attempt == names[stalled]
    assert [attempt.name for attempt in solution.attempts] == names[: stalled + 1]
    *early, last = solution.attempts
    assert [attempt.status for attempt in early] == ["stalled"] * stalled
    assert [attempt.iterations for attempt in early] == [2, 3, 4][:stalled]
    assert all(f"{a.iterations} iterations" in a.message for a in early)
    assert last.status == "optimal"
    assert solution.message == last.message
    assert solution.iterations == sum(attempt.iterations for attempt in solution.attempts)
    assert not solution.iterate.lift
    lines = [r.getMessage() for r in caplog.records if r.name == "scopf.procedures.attempts"]
    for name in names[: stalled + 1]:
        assert sum(line.startswith(f"{name}: ") for line in lines) == 1
    assert sum("budget is used up" in line for line in lines) == stalled
    nssp = solution.inverters["nssp_per_pu"].to_numpy()
    assert nssp == pytest.approx(expected.inverters["nssp_per_pu"].to_numpy(), abs=1e-3)


@pytest.mark.parametrize("mq", [0.015, 0.02])
def test_rows_that_hardly_bind_on_300_buses(mq):
    """Attempts from the DC start end slowly here, and the curvature test from there as well."""
    net = scopf.load_case("case300")
    solution = scopf.solve(
        scopf.build(net, scopf.Inverters.at_generators(net, mq=mq), criterion="weighted"),
        max_iter=450,
    )
    assert solution.status == "optimal"


def test_an_end_that_is_no_solution_is_followed_by_the_next(monkeypatch):
    first = dataclasses.replace(STRATEGY[0], options={"max_iter": 1})
    monkeypatch.setattr(strategy, "STRATEGY", (first, *STRATEGY[1:]))
    solution = scopf.solve(problem())
    assert [a.status for a in solution.attempts] == ["iteration limit", "optimal"]


def test_the_last_attempt_s_failure_is_the_result(monkeypatch):
    short = tuple(
        dataclasses.replace(one, budget=IterationBudget(iterations=1)) for one in STRATEGY
    )
    monkeypatch.setattr(strategy, "STRATEGY", short)
    solution = scopf.solve(problem())
    names = [one.name for one in STRATEGY]
    places = [names.index(attempt.name) for attempt in solution.attempts]
    assert places == sorted(set(places))
    assert solution.status == solution.attempts[-1].status == "stalled"
    assert not solution.solved


def test_a_form_that_was_asked_for_has_no_budget(small_budgets):
    small_budgets(1, 1, 1)
    for form in ("reduced", "lifted"):
        assert [a.status for a in scopf.solve(problem(), form=form).attempts] == ["optimal"]


def test_an_attempt_has_its_own_start_and_options(monkeypatch):
    seen = []
    run = ipopt.run

    def recorded(nlp, start, options, *rest):
        seen.append((start.copy(), options))
        return run(nlp, start, options, *rest)

    monkeypatch.setattr(ipopt, "run", recorded)
    short = IterationBudget(iterations=1)
    monkeypatch.setattr(
        strategy, "STRATEGY", tuple(dataclasses.replace(one, budget=short) for one in STRATEGY)
    )
    made = problem("case39")
    scopf.solve(made, start="dc", options={"tol": 1e-7})
    for (start, options), one in zip(seen, FAR, strict=True):
        expected = start_point(made, made.compiled[one.lift], one.start or "dc")
        assert np.array_equal(start, expected) != one.resume, one.name
        assert one.options.items() <= options.items(), one.name
        assert options["tol"] == 1e-7
        nlp = made.compiled[one.lift]
        lifted = nlp.n - len(nlp.variables)
        if lifted:  # they begin where their definitions hold
            assert np.abs(nlp.constraints(start)[-lifted:]).max() < 1e-12


# -- arguments -----------------------------------------------


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"form": "raised"}, "auto, reduced, lifted.*'raised'"),
        ({"form": None}, "form"),
        ({"start": "cold"}, r"flat, middle, dc, power-flow, model \(or a Solution.*'cold'"),
        ({"start": None}, "start"),
        ({"max_iter": -1}, "max_iter"),
        ({"max_iter": "few"}, "max_iter"),
        ({"time_limit": 0}, "time_limit"),
        ({"time_limit": float("nan")}, "time_limit"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(keywords, said):
    with pytest.raises(scopf.ScopfError, match=said):
        scopf.solve(problem(), **keywords)


@pytest.mark.parametrize("start", ["flat", "middle", "dc", "power-flow", "model"])
@pytest.mark.parametrize("form", ["reduced", "lifted"])
def test_every_start_in_either_form(start, form):
    made = problem("case14", eta_q=0.1)
    solution = scopf.solve(made, start=start, form=form)
    assert (solution.status, solution.attempt) == ("optimal", form)
    assert solution.cost == pytest.approx(scopf.solve(made).cost, rel=1e-7)


# -- no half solutions -----------------------------------------------


def test_an_acceptable_level_is_not_an_outcome():
    """A tolerance out of reach ends in no solution, not in one of lower accuracy."""
    assert ipopt.OPTIONS["acceptable_tol"] <= ipopt.OPTIONS["tol"]
    hopeless = {"tol": 1e-20, "acceptable_tol": 1e-20, "max_iter": 60}
    mine = scopf.solve(problem(), form="reduced", options=hopeless)
    assert mine.status != "acceptable"
    assert not mine.solved
    asked = scopf.solve(
        problem(),
        form="reduced",
        options={**hopeless, "acceptable_tol": 1e-3, "acceptable_iter": 3},
    )
    assert asked.status == "acceptable"
    assert ipopt.OPTIONS["acceptable_iter"] == 0


def test_solver_s_statuses_are_typed():
    assert {status for status, _ in ipopt._STATUS.values()} <= set(scopf.Status)


def test_the_curvature_test_continues_where_the_first_attempt_stalled(monkeypatch):
    short = (dataclasses.replace(STRATEGY[0], budget=IterationBudget(iterations=8)), *STRATEGY[1:])
    monkeypatch.setattr(strategy, "STRATEGY", short)
    expected = scopf.solve(problem(), form="reduced")
    solution = scopf.solve(problem())
    assert solution.attempt == CURVATURE.name
    assert "may be a saddle" in solution.message
    assert solution.cost == pytest.approx(expected.cost, rel=1e-7)
    assert solution.attempts[1].iterations < expected.iterations  # it did not begin again


@pytest.fixture
def early_stall(monkeypatch):
    """A strategy whose first attempt stalls early, as if its multipliers grew without bound."""
    hasty = dataclasses.replace(STRATEGY[0], budget=IterationBudget(error=1e-2))
    monkeypatch.setattr(strategy, "STRATEGY", (hasty, *STRATEGY[1:]))


def test_an_early_stall_is_followed_by_another_start(early_stall, monkeypatch):
    seen = []
    run = ipopt.run

    def recorded(nlp, start, *rest):
        seen.append(start.copy())
        return run(nlp, start, *rest)

    monkeypatch.setattr(ipopt, "run", recorded)
    made = problem("case39", criterion="none")
    solution = scopf.solve(made)
    assert [a.name for a in solution.attempts] == [STRATEGY[0].name, AFTER_EARLY.name]
    assert "multipliers grow without bound" in solution.attempts[0].message
    assert (solution.status, solution.iterate.lift) == ("optimal", False)
    assert "saddle" not in solution.message
    power_flow = start_point(made, made.compiled[False], "power-flow")
    assert np.array_equal(seen[1], power_flow)
    assert not np.array_equal(seen[0], power_flow)


def test_the_same_start_is_not_tried_again(early_stall, caplog):
    caplog.set_level(logging.INFO, logger="scopf")
    solution = scopf.solve(problem("case39", criterion="none"), start="power-flow")
    assert [a.name for a in solution.attempts] == [STRATEGY[0].name, HIGH.name]
    assert solution.status == "optimal"
    assert (
        sum(r.getMessage().startswith(f"{AFTER_EARLY.name}: skipped") for r in caplog.records) == 1
    )


def test_the_curvature_test_skips_a_start_from_which_an_attempt_stalled_early(
    early_stall, monkeypatch
):
    short = IterationBudget(iterations=1)
    rest = [
        dataclasses.replace(one, budget=short) if one in (HIGH, CONTINUED) else one
        for one in strategy.STRATEGY
    ]
    monkeypatch.setattr(strategy, "STRATEGY", tuple(rest))
    solution = scopf.solve(problem("case39", criterion="none"), start="power-flow")
    assert [a.name for a in solution.attempts] == [
        *(one.name for one in (STRATEGY[0], HIGH, CONTINUED)), "lifted"
    ]  # fmt: skip


def test_a_watch_tells_whether_a_solution_is_near():
    """30 000 buses, small angles: the barrier parameter is still high after many iterations."""
    budget = IterationBudget(iterations=30, astray=20)
    for mus, count, said in (
        ([1e-1] * 40, 20, "far from a solution"),
        ([1e-1] * 15 + [1.8e-6] * 40, 30, "no solution"),
    ):
        watch = Watch(budget)
        ends = (k for k, mu in enumerate(mus) if not watch.goes_on(k, False, 1.0, mu=mu))
        assert next(ends) == count
        assert said in watch.stalled
        assert watch.late == (count == 30)


def test_tiny_steps_that_bring_limits_closer_do_not_count():
    """Very short lines: Ipopt's own search for a feasible point makes leaps between tiny steps."""
    budget = IterationBudget(tiny=3, step=1e-2)

    def last(violations):
        watch = Watch(budget)
        for k, violation in enumerate(violations):
            if not watch.goes_on(k, False, 1e-4, violation=violation):
                break
        return k

    assert last([4.0] * 20) == 4
    assert last([4.0, 4.0, 4.0, 0.8, 0.8, 0.8, 0.5, 0.03, 0.03]) == 8
    assert last([0.95**k for k in range(20)]) == 4


# -- arrival -----------------------------------------------

# Primal and dual infeasibility, barrier parameter and largest entry of the step at the last
# iterations of PGLib's 3012wp_k__api, whose gradient is never more exact than 1e-8.
ROUNDED = (
    (4.4e-7, 2.1e-7, 2.5e-9, 5.3e-3),
    (1.7e-9, 1.2e-8, 2.5e-9, 7.4e-4),
    (1.6e-10, 8.7e-8, 9.1e-10, 1.4e-4),
    (3.8e-13, 1.0e-7, 9.1e-10, 3.1e-5),
    (2.1e-13, 7.1e-8, 9.1e-10, 5.8e-8),
    (2.2e-13, 1.0e-7, 9.1e-10, 1.7e-11),
    (1.6e-13, 8.8e-8, 9.1e-10, 1.3e-11),
    (1.9e-13, 1.1e-7, 9.1e-10, 1.2e-11),
)


def arrival(rows, *, may_settle=True):
    """Number of the row at which a watch ends the attempt, and whether it has settled."""
    watch = Watch(None)
    watch.may_settle = may_settle
    for k, (primal, dual, mu, length) in enumerate(rows):
        error = max(primal, dual)
        if not watch.goes_on(k, False, 1.0, error=error, violation=primal, mu=mu, length=length):
            return k, watch.settled
    return len(rows), watch.settled


def test_an_attempt_that_stays_at_its_solution_has_settled():
    assert arrival(ROUNDED) == (6, True)
    assert arrival(ROUNDED, may_settle=False) == (8, False)
    for bad in ((1e-5, 1e-7, 9e-10, 1e-11), (1e-13, 1e-7, 1.8e-6, 1e-11), (1e-13, 1e-7, 9e-10, 1)):
        assert arrival([bad] * 9) == (9, False)


def with_short_lines(case):
    """The case with every ninth branch a hundred-thousandth as long."""
    net = scopf.load_case(case)
    factor = np.where(np.arange(len(net.branch)) % 9, 1.0, 1e-5)
    return net.replace(branch={"x": net.branch.x * factor, "r": net.branch.r * factor})


def test_a_settled_attempt_is_checked_like_any_other(monkeypatch):
    """Here nothing moves in the third iteration already, as far as the watch is told."""
    monkeypatch.setattr(strategy, "_NEAR", 1e9)
    monkeypatch.setattr(strategy, "_STILL", 1e9)
    solution = scopf.solve(problem())
    assert not any(attempt.status.solved for attempt in solution.attempts)
    assert "no solution of the original problem" in solution.attempts[0].message


def test_lines_that_are_very_short():
    solution = scopf.solve(scopf.build(with_short_lines("case118"), criterion="none"))
    assert [attempt.status for attempt in solution.attempts] == ["optimal"]


def test_a_tighter_tolerance_is_not_cut_short(monkeypatch):
    seen = []
    monkeypatch.setattr(Watch, "goes_on", lambda self, *_: seen.append(self.may_settle) or True)
    scopf.solve(problem(), options={"tol": 1e-10})
    assert not any(seen)
    seen.clear()
    scopf.solve(problem())
    assert all(seen)


def test_a_watch_tells_an_early_stall_from_slow_convergence():
    def ended(budget, *steps):
        watch = Watch(budget)
        any(not watch.goes_on(k, *step) for k, step in enumerate(steps))
        return bool(watch.stalled), watch.stalled_early

    assert ended(IterationBudget(tiny=3), GOOD, *[TINY] * 9) == (True, True)
    assert ended(IterationBudget(restoration=3), GOOD, *[RESTORING] * 9) == (True, True)
    assert ended(IterationBudget(iterations=3), *[GOOD] * 9) == (True, False)
    assert ended(IterationBudget(regularized=3), *[(False, 1.0, True)] * 9) == (True, False)
    assert ended(IterationBudget(), *[GOOD] * 9) == (False, False)


def test_the_curvature_test_is_skipped_after_a_verdict(monkeypatch):
    """From where one attempt found a problem infeasible, another one's verdict is no second."""
    steady = (dataclasses.replace(STRATEGY[0], budget=None), *STRATEGY[1:])
    monkeypatch.setattr(strategy, "STRATEGY", steady)
    solution = scopf.solve(scopf.build(scopf.load_case("case9").scaled(load=5)))
    assert solution.attempts[0].status == "infeasible"
    assert CURVATURE.name not in [attempt.name for attempt in solution.attempts]
    assert solution.status == "infeasible"
