"""How solves end."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyomo.environ as pyo
import pytest

import scopf

pytestmark = pytest.mark.core


def problem(case="case39", **keywords):
    return scopf.build(scopf.load_case(case), **keywords)


def test_iteration_limit_and_time_limit_are_named_and_leave_no_prices():
    for limit, status in (
        ({"max_iter": 3}, "iteration limit"),
        ({"time_limit": 1e-6}, "time limit"),
    ):
        solution = scopf.solve(problem(), **limit)
        assert solution.status == status
        assert not solution.solved
        assert np.isnan(solution.cost)
        assert solution.buses["lmp_p_per_mwh"].isna().all()
        assert solution.buses["vm"].notna().all()


def test_infeasible_problem_is_called_infeasible():
    short = scopf.load_case("case9").scaled(load=5)
    assert scopf.solve(scopf.build(short)).status == "infeasible"


def test_evaluation_error_names_the_row():
    bad = problem()
    bad.model.hole = pyo.Constraint(expr=pyo.log(bad.model.bus_vm[1] - 3) <= 1)
    solution = scopf.solve(bad)
    assert solution.status == "evaluation error"
    assert "hole" in solution.message


def test_status_is_a_typed_value_and_reads_as_text():
    solution = scopf.solve(problem("case9"))
    assert solution.status is scopf.Status.OPTIMAL
    assert f"{solution.status}" == "optimal"
    assert "optimal" in str(solution)


def test_progress_is_called_in_every_iteration():
    seen = []
    solution = scopf.solve(problem("case9"), progress=lambda *state: seen.append(state))
    assert [state[0] for state in seen] == list(range(solution.iterations + 1))
    assert seen[-1][1] == pytest.approx(solution.cost, rel=1e-6)


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"options": {"no_such_option": 1}}, "no_such_option"),
        ({"options": {"tol": "small"}}, "tol"),
        ({"start": "warm"}, "warm"),
    ],
)
def test_bad_arguments_of_solve_are_refused(keywords, said):
    with pytest.raises(scopf.ScopfError, match=said):
        scopf.solve(problem("case9"), **keywords)


def test_crossed_bounds_are_named():
    crossed = problem("case9")
    crossed.model.bus_vm[5].setlb(1.2)
    with pytest.raises(scopf.ScopfError, match=r"bus_vm\[5\]"):
        scopf.solve(crossed)


def test_solves_are_repeatable():
    again = problem("case118")
    first, second = scopf.solve(again), scopf.solve(again)
    assert first.iterations == second.iterations
    assert first.cost == second.cost


def test_units_out_of_service_and_several_units_on_a_bus():
    """Splitting a generator in two halves leaves the optimum alone, and makes one inverter."""
    net = scopf.load_case("case9")
    gen = net.gen
    double = {
        name: np.concatenate([getattr(gen, name), getattr(gen, name)[:1]]) for name in vars(gen)
    }
    for name in ("pmin", "pmax", "qmin", "qmax"):
        double[name][[0, -1]] /= 2
    double["id"][-1] = 4
    for row in (0, -1):
        double["cost_p"][row] *= [0.5, 1, 2]
    halves = net.replace(gen=type(gen)(**double))
    one, two = scopf.solve(scopf.build(net)), scopf.solve(scopf.build(halves))
    assert two.cost == pytest.approx(one.cost, rel=1e-7)
    table = two.inverters.set_index("bus")
    assert table.loc[1, ["gens", "units"]].tolist() == ["1+4", 2]
    assert table.loc[1, "mq"] == pytest.approx(0.025)
    assert table.loc[1, "p_mw"] == pytest.approx(one.gens["p_mw"][0], abs=1e-2)


def test_solutions_and_problems_can_be_pickled_and_copied():
    net = scopf.load_case("case9")
    problem = scopf.build(net, scopf.Inverters.at_generators(net, mq=0.3), eta_q=0.2)
    solution = scopf.solve(problem.update(load_scale=0.9))
    again = pickle.loads(pickle.dumps(solution))
    assert again.cost == solution.cost
    assert again.pairs.equals(solution.pairs)
    assert str(again) == str(solution)
    assert scopf.solve(again.problem).cost == pytest.approx(solution.cost, rel=1e-9)
    warm = scopf.solve(problem, start=again)
    assert warm.attempt == "warm"
    assert warm.cost == pytest.approx(solution.cost, rel=1e-9)
    assert scopf.solve(copy.deepcopy(problem)).cost == pytest.approx(solution.cost, rel=1e-9)


def test_a_copied_problem_says_that_the_model_is_not_copied(caplog):
    problem = scopf.build(scopf.load_case("case9"), criterion="none")
    problem.model.bus_vm[5].setub(1.0)
    copy.copy(problem)
    assert "the copy is as it was built" in caplog.text


def test_what_is_no_problem_start_or_limit_is_refused_with_a_sentence():
    made = scopf.build(scopf.load_case("case9"), criterion="none")
    for keywords, text in (
        ({"start": "powerflow"}, "did you mean power-flow"),
        ({"start": np.ones(3)}, "start must be one of"),
        ({"form": "lift"}, "form must be one of"),
        ({"max_iter": 2.5}, "whole number"),
        ({"max_iter": True}, "max_iter must be a"),
        ({"time_limit": "5"}, "time_limit must be a"),
        ({"options": "tol"}, "options are a mapping"),
    ):
        with pytest.raises(scopf.ScopfError, match=text):
            scopf.solve(made, **keywords)
    with pytest.raises(scopf.ScopfError, match=r"that scopf\.build made \(not its model\)"):
        scopf.solve(made.model)
    assert scopf.solve(made, options={"max_iter": 3}).status == "iteration limit"


def test_bounds_that_are_no_numbers_are_refused_by_name():
    made = scopf.build(scopf.load_case("case9"), criterion="none")
    m = made.model
    m.q = pyo.Param(initialize=5.0, mutable=True, within=pyo.Any)
    m.cap = pyo.Constraint(expr=m.gen_pg[1] <= m.q)
    assert scopf.solve(made).solved
    m.q = float("nan")
    with pytest.raises(scopf.ScopfError, match="a bound is not a number: cap"):
        scopf.solve(made)


def test_parameters_that_lose_their_value_are_named():
    made = scopf.build(scopf.load_case("case9"), criterion="none")
    m = made.model
    m.q = pyo.Param(initialize=2.0, mutable=True, within=pyo.Any)
    m.cap = pyo.Constraint(expr=m.gen_pg[1] / m.q <= 5)
    assert scopf.solve(made).solved
    m.q = 0.0
    with pytest.raises(scopf.ScopfError, match="q has no value that can be used"):
        scopf.solve(made)


def test_rows_with_another_expression_have_no_price(caplog):
    made = scopf.build(scopf.load_case("case30"), criterion="none")
    m = made.model
    plain = scopf.solve(made).buses.set_index("bus")["lmp_p_per_mwh"]
    row = m.bus_balance_p[8]
    row.set_value(-row.body == -m.bus_pd[8])
    changed = scopf.solve(made).buses.set_index("bus")["lmp_p_per_mwh"]
    assert np.isnan(changed[8])
    assert changed.drop(8).to_numpy() == pytest.approx(plain.drop(8).to_numpy(), rel=1e-5)
    assert "bus_balance_p: 1 rows were given another expression" in caplog.text


def test_a_deleted_named_expression_is_blank_in_the_tables():
    made = scopf.build(scopf.load_case("case9"), criterion="none")
    m = made.model
    m.del_component(m.total_cost)
    m.del_component(m.gen_cost_p)
    m.own = pyo.Objective(expr=sum(m.gen_pg[g] ** 2 for g in m.gen))
    solution = scopf.solve(made)
    assert solution.solved
    assert solution.gens["cost_per_h"].isna().all()


@pytest.mark.parametrize("options", [{1: 2}, {None: 1}, {("tol",): 1e-6}])
def test_names_of_options_are_texts(options):
    problem = scopf.build(scopf.load_case("case9"), criterion="none")
    with pytest.raises(scopf.ScopfError, match="the name of an option of Ipopt is a text, got"):
        scopf.solve(problem, options=options)


def test_threads_take_turns_at_a_problem():
    net = scopf.load_case("case39").lossless()
    problem = scopf.build(net, scopf.Inverters.at_generators(net, mq=0.2), eta_q=0.1)
    expected = {eta_q: scopf.solve(problem.update(eta_q=eta_q)).cost for eta_q in (0.1, 0.2)}

    def work(k):
        with problem.lock:  # for an update and the solve that belongs to it
            eta_q = (0.1, 0.2)[k % 2]
            one = scopf.solve(problem.update(eta_q=eta_q)).cost
        return abs(one - expected[eta_q]), scopf.solve(problem).solved

    with ThreadPoolExecutor(8) as pool:
        for error, solved in pool.map(work, range(32)):
            assert error < 1e-6 * expected[0.1]
            assert solved
