"""The check of the original problem after a solve, and what a result may be called."""

import dataclasses
import logging

import numpy as np
import pyomo.environ as pyo
import pytest

import scopf
from scopf.optimizer import ipopt
from scopf.results import violations
from scopf.results.accuracy import ACCEPTABLE, OPTIMAL


def problem(case="case9", **keywords):
    net = scopf.load_case(case)
    inverters = scopf.Inverters.at_generators(net, mq=0.2, rating_factor=1.3)
    return scopf.build(net, inverters, **keywords)


@pytest.fixture
def tamper(monkeypatch):
    """Solves whose result is changed behind the back of everything else."""

    def tampered(made, change, **keywords):
        run = ipopt.run

        def lying(nlp, *arguments):
            found = run(nlp, *arguments)
            parts = {key: getattr(found, key).copy() for key in ("x", "rows", "lower", "upper")}
            change(nlp, parts)
            return dataclasses.replace(found, **parts)

        monkeypatch.setattr(ipopt, "run", lying)
        return scopf.solve(made, form="reduced", **keywords)

    return tampered


def checks(solution):
    return solution.accuracy.table.set_index("check")["error"]


# -- good results -----------------------------------------------


@pytest.mark.parametrize(
    ("case", "keywords"),
    [
        ("case9", {}),
        ("case39", {"criterion": "weighted", "eta_q": 0.1}),
        ("case39", {"criterion": "C1", "form": "lifted"}),
        ("case5_pjm", {"criterion": "none"}),
        ("case30", {"criterion": "none", "q_price": 1.0, "capability": True}),
        ("case39", {"opportunity_price": 5.0, "d": 0.01, "alpha": 1.1}),
        ("case39", {"mq_bounds": (0.05, 0.5), "stiffness_cost": 1.0}),
    ],
)
def test_an_optimum_is_one_in_the_original_problem(case, keywords):
    form = keywords.pop("form", "auto")
    solution = scopf.solve(problem(case, **keywords), form=form)
    found = solution.accuracy
    assert solution.status == found.status == "optimal"
    assert found.complaint == ""
    assert found.violation < 1e-7
    assert max(found.dual, found.gap, found.cost_error) < 1e-7
    assert found.cost == pytest.approx(solution.cost, rel=1e-8)
    assert {"bus_balance_p", "bus_vm", "gen_qg", "dual residual", "cost"} <= set(
        checks(solution).index
    )
    rows = found.table.set_index("check")["rows"]
    assert rows["bus_balance_q"] == len(solution.buses)


def test_the_check_stands_in_the_verbose_log(caplog):
    caplog.set_level(logging.INFO, logger="scopf")
    solution = scopf.solve(problem())
    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("check of")]
    assert lines == [f"check of the original problem: {solution.accuracy}"]


def test_short_lines_do_not_spoil_the_balances():
    # bounds relaxed by Ipopt's default, and results moved back, misplaced them by 1e-6 and more
    solution = scopf.solve(problem("case300", criterion="none"))
    assert solution.accuracy.violation < 1e-8


# -- bad results -----------------------------------------------


@pytest.mark.parametrize(
    ("name", "row", "step", "status", "said"),
    [
        ("bus_vm", 4, 1e-3, "failed", "bus_balance_q"),
        ("bus_va", 4, 1e-6, "acceptable", "bus_balance_p"),
        ("gen_pg", 0, 0.1, "failed", "bus_balance_p"),
        ("gen_qg", 1, -9.0, "failed", r"gen_qg\[2\]|bus_balance_q\[2\]"),
        ("gen_qg", 1, np.nan, "failed", "nan"),
    ],
)
def test_a_point_that_is_off_is_named_and_not_called_optimal(tamper, name, row, step, status, said):
    def change(nlp, parts):
        parts["x"][nlp.columns(name)[row]] += step

    solution = tamper(problem(), change)
    assert solution.status == solution.accuracy.status == status
    assert solution.attempts[-1].status == status
    if status == "failed":
        assert "no solution of the original problem" in solution.message
        assert np.isnan(solution.cost)
        assert solution.buses["lmp_p_per_mwh"].isna().all()
        assert solution.inverters["nssp_per_pu"].isna().all()
    else:
        assert "lower accuracy" in solution.message
        assert np.isfinite(solution.cost)
        assert OPTIMAL < solution.accuracy.violation <= ACCEPTABLE
    assert solution.accuracy.complaint in solution.message
    text = f"{solution.message} {solution.accuracy.worst.where}"
    assert any(part in text for part in said.replace("\\", "").split("|"))


def test_multipliers_that_are_off_are_no_optimum(tamper):
    def change(nlp, parts):
        parts["rows"][nlp.row_numbers("bus_balance_p")[3]] *= 1.1

    solution = tamper(problem(), change)
    assert solution.status == "failed"
    assert "the cost could fall along bus_va" in solution.message
    assert checks(solution)["bus_balance_p"] < 1e-8


def test_a_price_where_nothing_binds_is_no_optimum(tamper):
    def change(nlp, parts):
        column = nlp.columns("bus_vm")[4]
        for side in ("lower", "upper"):  # cancel in the gradient
            parts[side][column] += 1e4

    solution = tamper(problem(), change)
    assert solution.status == "failed"
    assert "bus_vm[5] at its " in solution.message
    assert "priced without binding" in solution.message


def test_after_a_failed_check_the_next_attempt_is_made(monkeypatch):
    run, seen = ipopt.run, []

    def first_lies(nlp, *arguments):
        found = run(nlp, *arguments)
        seen.append(nlp.lift)
        return dataclasses.replace(found, x=found.x + 0.01) if len(seen) == 1 else found

    monkeypatch.setattr(ipopt, "run", first_lies)
    solution = scopf.solve(problem())
    assert [attempt.status for attempt in solution.attempts] == ["failed", "optimal"]
    assert solution.accuracy.status == "optimal"


@pytest.mark.parametrize(
    ("table", "column", "factor", "check"),
    [
        ("bus", "gs", None, "bus_balance_p"),
        ("branch", "x", 1.01, "bus_balance_p"),
        ("branch", "rate", 0.3, "branch_limit_from"),
        ("bus", "vmax", 0.99, "bus_vm"),
        ("gen", "pmax", 0.3, "gen_pg"),
        ("gen", "cost_p", 1.01, "cost"),
    ],
)
def test_limits_are_those_of_the_tables_and_not_of_the_compiled_problem(
    table, column, factor, check
):
    made = problem(criterion="none")
    values = getattr(getattr(made.base, table), column)
    new = values + 0.1 if factor is None else values * factor
    net = made.base.replace(**{table: {column: new}})
    for part in made.opf.parts:  # after the rows were declared
        if hasattr(part, "net"):
            object.__setattr__(part, "net", net)
    made.reduction.net = net
    given = net.gen.cost_p, net.gen.cost_p_points
    object.__setattr__(made.opf.generation_cost.active, "given", given)
    solution = scopf.solve(made, form="reduced")
    assert checks(solution)[check] > ACCEPTABLE
    assert solution.status == "failed"


def test_a_result_at_a_loose_tolerance_is_not_called_optimal():
    solution = scopf.solve(problem("case39"), form="reduced", options={"tol": 1e-2})
    assert solution.status in ("acceptable", "failed")
    assert solution.accuracy.complaint != ""


# -- a user's own rows -----------------------------------------------


def test_rows_and_bounds_of_users_are_checked_as_compiled(tamper):
    made = problem(criterion="none")
    m = made.model
    m.extra = pyo.Var(bounds=(0, 2), initialize=1)
    m.link = pyo.Constraint(expr=m.extra == m.gen_pg[1])
    m.sold = pyo.Constraint(expr=m.gen_pg[1] ** 2 <= 100)
    solution = scopf.solve(made)
    assert solution.status == "optimal"
    rows = solution.accuracy.table.set_index("check")["rows"]
    assert rows[violations.OTHER] == 2
    assert rows[violations.BOUNDS] == 1

    def change(nlp, parts):
        parts["x"][nlp.columns([m.extra])[0]] = 3.0

    bad = tamper(made, change)
    found = checks(bad)
    where = bad.accuracy.table.set_index("check")["where"]
    assert bad.status == "failed"
    assert (where[violations.OTHER], where[violations.BOUNDS]) == ("link", "extra")
    assert found[violations.OTHER] > 0.5
    assert found[violations.BOUNDS] == pytest.approx(0.5)  # of a bound of 2


def test_what_a_user_took_away_or_rewrote_is_not_held_against_the_result():
    made = problem(criterion="none")
    m = made.model
    m.shed = pyo.Var(bounds=(0, 0.1), initialize=0)
    balance = m.bus_balance_p[5]
    balance.set_value(balance.body + m.shed == m.bus_pd[5])
    m.branch_limit_from[1].deactivate()
    m.bus_vm[3].setub(1.02)
    m.total_cost.set_value(m.total_cost.expr + 100 * m.shed)
    solution = scopf.solve(made)
    assert solution.status == "optimal"
    assert np.isnan(solution.accuracy.cost)
    rows = solution.accuracy.table.set_index("check")["rows"]
    assert rows["bus_balance_p"] == 8
    assert rows["branch_limit_from"] == 8
    assert solution.buses["vm"][2] <= 1.02


def test_a_rewritten_flow_is_part_of_the_rows_it_stands_in():
    made = problem(criterion="none")
    flow = made.model.branch_p_to[1]
    flow.set_value(flow.expr + 0.01)
    assert scopf.solve(made).status == "optimal"


# -- no numbers -----------------------------------------------


def nothing(m):
    m.nothing = pyo.Param(initialize=0.0, mutable=True)
    return m.nothing


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (lambda m: pyo.log(m.gen_pg[1] - 50) <= 1, "odd"),
        (lambda m: pyo.exp(1e4 * m.bus_vm[1]) <= 1, "odd"),
        (lambda m: pyo.sqrt(nothing(m) * m.gen_pg[1]) <= 1, "the derivative of odd"),
    ],
)
def test_an_expression_without_a_number_stops_the_solve_and_is_named(body, said):
    made = problem()
    made.model.odd = pyo.Constraint(expr=body(made.model))
    solution = scopf.solve(made)
    assert solution.status == "evaluation error"
    assert len(solution.attempts) == 1
    assert solution.message == f"a function or derivative is not a finite number: {said}"
    assert solution.accuracy.status == "failed"


def test_an_objective_without_a_number_is_named():
    made = problem()
    objective = made.model.total_cost
    objective.set_value(objective.expr + pyo.log(made.model.gen_pg[1] - 50))
    assert scopf.solve(made).message.endswith("finite number: the objective")


def test_a_row_that_divides_by_a_fixed_zero_is_refused():
    made = problem()
    m = made.model
    m.odd = pyo.Constraint(expr=1 / (m.bus_va[1] - 1.0 * m.bus_va[1]) <= 3)
    with pytest.raises(scopf.ScopfError, match="odd"):
        scopf.solve(made)
