"""Rows that a user adds to the Pyomo model: their table, and their price against differences."""

import numpy as np
import pyomo.environ as pyo
import pytest

import scopf


def problem(case="case9"):
    return scopf.build(scopf.load_case(case), criterion="none")


def first_two(m):
    return m.gen_pg[1] + m.gen_pg[2]


ROWS = {
    "upper": (lambda body, limit: body <= limit, 2.0, -1),
    "lower": (lambda body, limit: body >= limit, 2.5, 1),
    "equation": (lambda body, limit: body == limit, 2.0, 0),
    "range": (lambda body, limit: pyo.inequality(-5, body, limit), 2.0, -1),
}


def solved(row, limit, form="auto", sense=1):
    found = problem()
    m = found.model
    m.own = pyo.Constraint(expr=row(first_two(m), limit))
    if sense < 0:
        (cost,) = m.component_objects(pyo.Objective, active=True)
        cost.deactivate()
        m.gain = pyo.Objective(expr=-cost.expr, sense=pyo.maximize)
    return scopf.solve(found, form=form)


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("form", ["reduced", "lifted"])
def test_price_is_the_slope_of_the_optimal_cost(kind, form):
    row, limit, sign = ROWS[kind]
    table = solved(row, limit, form).constraints
    assert table["constraint"].tolist() == ["own"]
    assert abs(table["value"][0] - limit) < 1e-6
    h = 1e-4
    slope = (solved(row, limit + h).cost - solved(row, limit - h).cost) / (2 * h)
    assert abs(slope) > 1
    assert sign * slope >= 0
    assert np.isclose(table["dcost_dlimit"][0], slope, rtol=1e-4)


def test_price_has_the_sign_of_an_objective_that_is_maximised():
    row, limit, _ = ROWS["upper"]
    least, most = (solved(row, limit, sense=sense) for sense in (1, -1))
    assert np.isclose(most.cost, -least.cost)
    prices = [found.constraints["dcost_dlimit"][0] for found in (least, most)]
    assert np.isclose(prices[1], -prices[0], rtol=1e-5)


def test_only_what_was_added_or_rewritten_is_there():
    found = problem("case14")
    assert scopf.solve(found).constraints.empty
    m = found.model
    assert scopf.solve(found).constraints.empty
    m.spread = pyo.Constraint([2, 3], rule=lambda m, bus: m.bus_vm[1] - m.bus_vm[bus] <= 0.3)
    m.idle = pyo.Constraint(expr=m.gen_pg[1] <= 100)
    m.idle.deactivate()
    table = scopf.solve(found).constraints
    assert table["constraint"].tolist() == ["spread[2]", "spread[3]"]
    vm = scopf.solve(found).buses.set_index("bus")["vm"]
    assert np.allclose(table["value"], vm[1] - vm[[2, 3]], atol=1e-6)
    assert np.allclose(table["dcost_dlimit"], 0, atol=1e-2)
    balance = m.bus_balance_p[14]
    balance.set_value(balance.body == 0.1)  # .1 p.u. that go nowhere
    table = scopf.solve(found).constraints
    assert "bus_balance_p[14]" in table["constraint"].tolist()
    assert len(table) == 3


def test_without_a_solution_there_is_no_price():
    found = problem()
    found.model.own = pyo.Constraint(expr=first_two(found.model) >= 100)
    failed = scopf.solve(found)
    assert not failed.solved
    assert failed.constraints["dcost_dlimit"].isna().all()


# -- the cost itself maximised -----------------------------------------------


def most_expensive(pd=0.0, limit=None):
    """The dearest dispatch of case9, with more load at bus 5 and a limit on an output."""
    net = scopf.load_case("case9")
    load = net.bus.pd.copy()
    load[4] += pd
    made = scopf.build(net.replace(bus={"pd": load}), criterion="none")
    if limit is not None:
        made.model.own = pyo.Constraint(expr=made.model.gen_pg[2] <= limit)
    made.model.total_cost.sense = pyo.maximize
    return made


def test_the_cost_maximised_is_checked_with_its_own_sign():
    seen = []
    solution = scopf.solve(most_expensive(), progress=lambda *one: seen.append(one))
    assert solution.status == solution.accuracy.status == "optimal"
    assert len(solution.attempts) == 1
    assert solution.accuracy.cost == pytest.approx(solution.cost, rel=1e-9)
    assert solution.cost > 1.2 * scopf.solve(problem()).cost
    assert seen[-1][1] == pytest.approx(solution.cost, rel=1e-6)
    assert solution.trace["cost"].iloc[-1] == pytest.approx(solution.cost, rel=1e-6)


def test_signs_of_prices_where_the_cost_is_maximised():
    h, solution = 1e-4, scopf.solve(most_expensive(limit=2.0))
    costs = [scopf.solve(most_expensive(limit=2.0 + step)).cost for step in (h, -h)]
    slope = (costs[0] - costs[1]) / (2 * h)
    assert slope > 1  # a larger upper limit: more of what is maximised
    assert solution.constraints["dcost_dlimit"][0] == pytest.approx(slope, rel=1e-4)
    costs = [scopf.solve(most_expensive(step, limit=2.0)).cost for step in (h, -h)]
    slope = (costs[0] - costs[1]) / (2 * h) / 100
    # an LMP is by how much the objective gets worse
    assert solution.buses["lmp_p_per_mwh"][4] == pytest.approx(-slope, rel=1e-3)
    priced = solution.gens.filter(like="mu_")
    assert (priced >= 0).all(axis=None)
