"""When a way of solving is given up, and what is tried instead."""

import dataclasses
import logging

import numpy as np
import pyomo.environ as pyo
import pytest

import scopf
from scopf.optimizer import ipopt, strategy
from scopf.optimizer.strategy import LADDER, Patience, Rung, Watch, rungs
from scopf.procedures import solver

SLOW = tuple(rung for rung in LADDER if not rung.lost)  # what is tried after slow ends
(CURVATURE,) = (rung for rung in LADDER if rung.resume)
(LOST,) = (rung for rung in LADDER if rung.lost)


def problem(case="case9", **keywords):
    return scopf.build(scopf.load_case(case), **keywords)


# -- the watch -----------------------------------------------


def follow(patience, *steps):
    """How many of these (restoring, step) pairs a watch goes along with, and what it says."""
    watch = Watch(patience)
    for iteration, (restoring, step) in enumerate(steps):
        if not watch.goes_on(iteration, restoring, step):
            return iteration, watch.stalled
    return len(steps), watch.stalled


GOOD, TINY, LOST_STEP = (False, 1.0), (False, 1e-4), (True, 1.0)


def test_a_watch_without_patience_to_lose_goes_on():
    assert follow(None, *[LOST_STEP] * 500) == (500, "")
    watch = Watch(None)
    watch.goes_on(17, False, 1.0)
    assert watch.iterations == 17


def test_iterations_in_all():
    patience = Patience(iterations=10)
    assert follow(patience, *[GOOD] * 10) == (10, "")
    assert follow(patience, *[GOOD] * 20) == (10, "no solution after 10 iterations")


def test_iterations_in_search_of_a_feasible_point_add_up():
    patience = Patience(restoration=3)
    assert follow(patience, *[LOST_STEP, GOOD] * 3, *[GOOD] * 50) == (56, "")
    count, said = follow(patience, *[GOOD, LOST_STEP] * 10)
    assert (count, said) == (7, "4 iterations in search of a feasible point")


def test_tiny_steps_count_only_in_a_row():
    patience = Patience(tiny=3, step=1e-3)
    assert follow(patience, *[GOOD, TINY, TINY, TINY] * 10) == (40, "")
    assert follow(patience, GOOD, *[TINY] * 10) == (4, "4 tiny steps in a row")
    assert follow(patience, *[(False, 1e-3)] * 40) == (40, "")
    assert follow(patience, *[(False, 0.0)] * 4)[0] == 4  # iteration 0 has no step


def test_regularised_steps_count_only_in_a_row_and_not_in_restoration():
    def regularised(*flags):
        watch = Watch(Patience(regularized=3))
        for k, (restoring, flag) in enumerate(flags):
            if not watch.goes_on(k, restoring, 1.0, flag):
                return k, watch.stalled
        return len(flags), watch.stalled

    good, bad, lost = (False, False), (False, True), (True, True)
    assert regularised(*[bad, bad, bad, good] * 10) == (40, "")
    assert regularised(good, *[bad] * 9) == (4, "4 steps in a row with a regularised Hessian")
    assert regularised(*[bad, bad, bad, lost] * 3) == (12, "")


def test_the_solver_tells_the_watch_of_regularised_steps(monkeypatch):
    """Voltages driven away from 1 p.u.: a concave objective has an indefinite Hessian."""
    seen = []
    goes_on = Watch.goes_on

    def recorded(self, iteration, restoring, step, regularized, error):
        seen.append(regularized)
        return goes_on(self, iteration, restoring, step, regularized, error)

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


def test_nothing_is_given_up_in_sight_of_its_end(impatient):
    """Ipopt asks whether to go on before it looks whether it has arrived."""
    whole = scopf.solve(problem(), form="reduced")
    impatient(whole.iterations)
    found = scopf.solve(problem())
    assert [attempt.rung for attempt in found.attempts] == ["reduced"]
    assert found.iterations == whole.iterations
    watch = Watch(Patience(iterations=10))
    near = [watch.goes_on(k, False, 1.0, error=1e-9) for k in range(10, 50)]
    assert 0 < sum(near) < 10, "not for ever"


def test_a_watch_counts_while_it_watches():
    watch = Watch(Patience(iterations=5))
    assert [watch.goes_on(k, False, 1.0) for k in range(6)] == [True] * 5 + [False]
    assert watch.iterations == 5


# -- rungs -----------------------------------------------


def test_the_ladder_begins_reduced_and_ends_without_a_watch():
    assert rungs("auto") == LADDER
    assert [rung.lift for rung in LADDER] == [False] * 4 + [True] * 3
    assert [rung.patience is None for rung in LADDER] == [False] * 6 + [True]
    assert len({rung.name for rung in LADDER}) == len(LADDER)


@pytest.mark.parametrize(("form", "lift"), [("reduced", False), ("lifted", True)])
def test_a_form_that_is_asked_for_is_the_only_rung(form, lift):
    assert rungs(form) == (Rung(form, lift=lift),)
    solution = scopf.solve(problem(), form=form)
    assert [a.rung for a in solution.attempts] == [solution.rung] == [form]
    assert solution.iterate.lift == lift


@pytest.fixture
def impatient(monkeypatch):
    """A ladder whose first rungs are given up after some iterations."""

    def give(*iterations):
        low = tuple(
            dataclasses.replace(rung, patience=Patience(iterations=count))
            for rung, count in zip(SLOW, iterations, strict=False)
        )
        monkeypatch.setattr(strategy, "LADDER", (*low[:1], LOST, *low[1:], *SLOW[len(low) :]))
        return [rung.name for rung in SLOW]

    return give


@pytest.mark.parametrize("given_up", [0, 1, 2, 3])
def test_a_rung_that_stalls_is_followed_by_the_next(given_up, impatient, caplog):
    names = impatient(*[2, 3, 4][:given_up])
    expected = scopf.solve(problem(), form="reduced")
    caplog.set_level(logging.INFO, logger="scopf")
    solution = scopf.solve(problem())
    assert solution.status == "optimal"
    assert solution.cost == pytest.approx(expected.cost, rel=1e-7)
    assert solution.rung == names[given_up]
    assert [attempt.rung for attempt in solution.attempts] == names[: given_up + 1]
    *early, last = solution.attempts
    assert [attempt.status for attempt in early] == ["stalled"] * given_up
    assert [attempt.iterations for attempt in early] == [2, 3, 4][:given_up]
    assert all(f"{a.iterations} iterations" in a.message for a in early)
    assert last.status == "optimal"
    assert solution.message == last.message
    assert solution.iterations == sum(attempt.iterations for attempt in solution.attempts)
    assert solution.iterate.lift == (given_up > 2)
    lines = [r.getMessage() for r in caplog.records if r.name == "scopf.procedures.solver"]
    for name in names[: given_up + 1]:
        assert sum(line.startswith(f"{name}: ") for line in lines) == 1
    assert sum("given up" in line for line in lines) == given_up
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
    first = dataclasses.replace(LADDER[0], options={"max_iter": 1})
    monkeypatch.setattr(strategy, "LADDER", (first, *LADDER[1:]))
    solution = scopf.solve(problem())
    assert [a.status for a in solution.attempts] == ["iteration limit", "optimal"]


def test_the_last_rung_s_failure_is_the_result():
    short = scopf.build(scopf.load_case("case9").scaled(load=5))
    solution = scopf.solve(short)
    names = [rung.name for rung in LADDER]
    places = [names.index(attempt.rung) for attempt in solution.attempts]
    assert places == sorted(set(places))
    assert not any(attempt.status.solved for attempt in solution.attempts)
    assert solution.status == solution.attempts[-1].status == "infeasible"
    assert not solution.solved


def test_a_form_that_was_asked_for_is_not_given_up(impatient):
    impatient(1, 1, 1)
    for form in ("reduced", "lifted"):
        assert [a.status for a in scopf.solve(problem(), form=form).attempts] == ["optimal"]


def test_a_rung_has_its_own_start_and_options(monkeypatch):
    seen = []
    run = ipopt.run

    def recorded(nlp, start, options, *rest):
        seen.append((start.copy(), options))
        return run(nlp, start, options, *rest)

    monkeypatch.setattr(ipopt, "run", recorded)
    short = Patience(iterations=1)
    monkeypatch.setattr(
        strategy, "LADDER", tuple(dataclasses.replace(rung, patience=short) for rung in LADDER)
    )
    made = problem("case39")
    scopf.solve(made, start="dc", options={"tol": 1e-7})
    for (start, options), rung in zip(seen, SLOW, strict=True):
        expected = solver.start_point(made, made.compiled[rung.lift], rung.start or "dc")
        assert np.array_equal(start, expected) != rung.resume, rung.name
        assert rung.options.items() <= options.items(), rung.name
        assert options["tol"] == 1e-7
        nlp = made.compiled[rung.lift]
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
    assert (solution.status, solution.rung) == ("optimal", form)
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
    assert solver.Start is strategy.Start


def test_the_curvature_rung_goes_on_where_the_first_one_stalled(monkeypatch):
    short = (dataclasses.replace(LADDER[0], patience=Patience(iterations=8)), *LADDER[1:])
    monkeypatch.setattr(strategy, "LADDER", short)
    expected = scopf.solve(problem(), form="reduced")
    solution = scopf.solve(problem())
    assert solution.rung == CURVATURE.name
    assert "may be a saddle" in solution.message
    assert solution.cost == pytest.approx(expected.cost, rel=1e-7)
    assert solution.attempts[1].iterations < expected.iterations  # it did not begin again


@pytest.fixture
def lost(monkeypatch):
    """A ladder whose first rung is given up at its third iteration, as if it had got lost."""
    hasty = dataclasses.replace(LADDER[0], patience=Patience(tiny=1, step=2.0))
    monkeypatch.setattr(strategy, "LADDER", (hasty, *LADDER[1:]))


def test_an_attempt_that_got_lost_is_followed_by_another_start(lost, monkeypatch):
    seen = []
    run = ipopt.run

    def recorded(nlp, start, *rest):
        seen.append(start.copy())
        return run(nlp, start, *rest)

    monkeypatch.setattr(ipopt, "run", recorded)
    made = problem("case39", criterion="none")
    solution = scopf.solve(made)
    assert [a.rung for a in solution.attempts] == [LADDER[0].name, LOST.name]
    assert solution.attempts[0].message == "given up: 2 tiny steps in a row"
    assert (solution.status, solution.iterate.lift) == ("optimal", False)
    assert "saddle" not in solution.message
    power_flow = solver.start_point(made, made.compiled[False], "power-flow")
    assert np.array_equal(seen[1], power_flow)
    assert not np.array_equal(seen[0], power_flow)


def test_the_same_start_is_not_tried_again(lost, caplog):
    caplog.set_level(logging.INFO, logger="scopf")
    solution = scopf.solve(problem("case39", criterion="none"), start="power-flow")
    assert [a.rung for a in solution.attempts] == [LADDER[0].name, CURVATURE.name]
    assert solution.status == "optimal"
    assert sum(r.getMessage().startswith(f"{LOST.name}: left out") for r in caplog.records) == 1


def test_a_start_that_attempts_got_lost_from_is_not_tried_with_the_curvature_test(
    lost, monkeypatch
):
    brief = dataclasses.replace(CURVATURE, patience=Patience(iterations=1))
    rest = [brief if rung is CURVATURE else rung for rung in strategy.LADDER]
    monkeypatch.setattr(strategy, "LADDER", tuple(rest))
    solution = scopf.solve(problem("case39", criterion="none"), start="power-flow")
    assert [a.rung for a in solution.attempts] == [LADDER[0].name, CURVATURE.name, "lifted"]


def test_a_watch_says_whether_it_got_lost():
    def ended(patience, *steps):
        watch = Watch(patience)
        any(not watch.goes_on(k, *step) for k, step in enumerate(steps))
        return bool(watch.stalled), watch.lost

    assert ended(Patience(tiny=3), GOOD, *[TINY] * 9) == (True, True)
    assert ended(Patience(restoration=3), GOOD, *[LOST_STEP] * 9) == (True, True)
    assert ended(Patience(iterations=3), *[GOOD] * 9) == (True, False)
    assert ended(Patience(regularized=3), *[(False, 1.0, True)] * 9) == (True, False)
    assert ended(Patience(), *[GOOD] * 9) == (False, False)


def test_the_curvature_rung_is_left_out_after_a_verdict(monkeypatch):
    """From where one attempt found a problem infeasible, another one's verdict is no second."""
    steady = (dataclasses.replace(LADDER[0], patience=None), *LADDER[1:])
    monkeypatch.setattr(strategy, "LADDER", steady)
    solution = scopf.solve(scopf.build(scopf.load_case("case9").scaled(load=5)))
    assert solution.attempts[0].status == "infeasible"
    assert CURVATURE.name not in [attempt.rung for attempt in solution.attempts]
    assert solution.status == "infeasible"
