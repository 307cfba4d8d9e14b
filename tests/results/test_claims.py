"""A claim of stability rests on the point and the network as they are."""

import dataclasses

import numpy as np
import pyomo.environ as pyo
import pytest

import scopf
from scopf.stability import registry
from tests.small_networks import network

PROVEN = tuple(
    name
    for name in registry.names()
    if registry.get(name).claim is not None and name != "lossy-every-mp"  # as lossy without losses
)


def built(criterion, mq, net=None, **numbers):
    net = scopf.load_case("case39").lossless() if net is None else net
    return scopf.build(
        net, scopf.Inverters.at_generators(net, mq=mq), criterion=criterion, **numbers
    )


def holds(solution):
    """The claim, which the dynamics never contradict."""
    assert solution.solved
    if solution.claim is not None:
        assert solution.verify().stable
    assert (solution.claim is None) == ("is proven for this network" not in str(solution))
    return solution.claim is not None


def test_a_grid_strength_set_by_hand_moves_the_limits_or_costs_the_claim():
    problem = built("weighted", 0.6)
    problem.model.alpha.set_value(1.3)
    assert holds(scopf.solve(problem))


@pytest.mark.parametrize("name", ["C0", "C1", "C2"])
def test_a_load_set_by_hand_at_a_bus_without_an_inverter_costs_the_claim(name):
    net = network(3, [(1, 3, 0, 0.2), (2, 3, 0, 0.2)], [1, 2], loads={1: 0.3, 2: 0.2})
    problem = built(name, 0.2, net)  # bus 3 has nothing
    assert holds(scopf.solve(problem))
    problem.model.bus_qd[3].set_value(0.1)
    solution = scopf.solve(problem)
    assert not holds(solution)
    assert "loads at 1 bus without an inverter" in str(solution)


def test_a_constant_current_load_set_by_hand_counts():
    net = scopf.load_case("case39").lossless()
    current = np.where(net.bus.id == 4, 1e-9, 0.0)
    problem = built("weighted", 0.3, net.replace(bus={"qd_current": current}))
    problem.model.bus_qd_current[4].set_value(-1.0)
    solution = scopf.solve(problem)
    assert not holds(solution)
    assert "constant-current loads" in str(solution)


def test_rows_that_were_hollowed_out_prove_nothing():
    problem = built("weighted", 0.6)
    for line in problem.model.stability_line_start.values():
        line.set_value(0)
    solution = scopf.solve(problem)
    assert not solution.verify().stable
    assert not holds(solution)


@pytest.mark.parametrize("name", PROVEN)
def test_a_slack_below_zero_proves_nothing(name):
    """Bounds that the solver relaxes: the status is acceptable or worse, and there is no claim."""
    problem = built(name, 0.3, eta_q=0.1)
    solution = scopf.solve(problem, options={"bound_relax_factor": 1e-4, "tol": 1e-9})
    if solution.solved:
        vm, va = solution.point.vm, solution.point.va
        view = solution.setting.view(problem.criterion.network)
        k = np.full(len(view.buses), np.inf)
        k[view.inverters] = problem.inverters.k
        slack = problem.criterion.slack(view.grid, k, vm[view.buses], va[view.buses])
        assert holds(solution) == (slack.min() > 0)


def test_margins_do_not_count_in_a_claim():
    """It is about the droops as they are, with whatever margins the rows were made."""
    solution = scopf.solve(built("weighted", 0.3, eta_q=0.1))
    for margins in ({"droop_margin": 0.2}, {"margin": 0.01}, {"droop_margin": -0.5}):
        setting = dataclasses.replace(solution.setting, **margins)
        assert dataclasses.replace(solution, setting=setting).claim == "stable"


@pytest.mark.parametrize("bus", [4, 30, 38])
def test_a_device_in_a_balance_costs_the_claim(bus):
    """At a load bus, at an inverter and at a generator."""
    problem = built("weighted", 0.2)
    m = problem.model
    row = m.bus_balance_q[bus]
    row.set_value(row.body + 0.3 * m.bus_vm[bus] ** 2 == row.upper)
    solution = scopf.solve(problem)
    assert solution.solved
    assert solution.claim is None
    assert f"bus_balance_q was rewritten or switched off at bus {bus}" in str(solution)
    assert f"power is missing at bus {bus}" in str(solution)


def test_extra_constraints_leave_the_claim():
    problem = built("weighted", 0.2)
    m = problem.model
    m.reserve = pyo.Constraint(expr=sum(m.gen_pg.values()) >= 10)
    assert holds(scopf.solve(problem))


# -- what is set by hand reaches the limits -----------------------------------------------


def by_hand(criterion="voltage-difference", **numbers):
    return built(criterion, 0.2, eta_q=0.1, **numbers)


@pytest.mark.parametrize("criterion", ["voltage-difference", "C1", "weighted"])
def test_what_is_set_by_hand_is_as_good_as_an_update(criterion, caplog):
    one, other = by_hand(criterion), by_hand(criterion)
    one.model.alpha.set_value(0.9)
    for i in one.model.inverter:
        one.model.inverter_stiffness[i].set_value(1 / 0.19)
    for key, factor in (("bus_pd", 0.95), ("bus_qd", 0.95)):
        for load in getattr(one.model, key).values():
            load.set_value(load.value * factor)
    first = scopf.solve(one)
    text = "case39: set by hand on the Pyomo model: bus_pd, bus_qd, alpha, inverter_stiffness"
    assert text in caplog.text
    second = scopf.solve(other.update(alpha=0.9, mq=0.19, load_scale=0.95))
    assert first.cost == pytest.approx(second.cost, rel=1e-8)
    for column in ("limit_pu", "nssp_per_pu", "mq"):
        values = second.inverters[column].to_numpy()
        assert first.inverters[column].to_numpy() == pytest.approx(values, rel=1e-5, abs=1e-3)


def test_a_param_set_by_hand_wins_until_an_update_writes_it():
    problem = by_hand()
    before = scopf.solve(problem).cost
    problem.model.alpha.set_value(0.9)
    weaker = scopf.solve(problem).cost
    problem.update(load_scale=0.95)  # alpha stays as it was set
    expected = scopf.solve(by_hand(alpha=0.9, load_scale=0.95)).cost
    assert scopf.solve(problem).cost == pytest.approx(expected, rel=1e-8)
    problem.update(load_scale=1.0, alpha=1.0)
    assert scopf.solve(problem).cost == pytest.approx(before, rel=1e-8)
    problem.model.alpha.set_value(0.9)
    assert scopf.solve(problem).cost == pytest.approx(weaker, rel=1e-8)
    problem.model.alpha.set_value(1.0)  # by hand to what it was
    assert scopf.solve(problem).cost == pytest.approx(before, rel=1e-8)


def test_limits_set_by_hand_stay():
    problem = by_hand()
    problem.model.inverter_gamma_unit[32].set_value(0.01)
    problem.model.alpha.set_value(0.9)
    inverters = scopf.solve(problem).inverters.set_index("bus")
    assert inverters.loc[32, "limit_pu"] == pytest.approx(0.01 / 0.2)
    expected = scopf.solve(by_hand(alpha=0.9)).inverters.set_index("bus")
    assert inverters.loc[31, "limit_pu"] == pytest.approx(expected.loc[31, "limit_pu"])


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_stiffness_that_no_droop_has_leaves_no_claim_and_no_verdict(value):
    net = scopf.load_case("case9").lossless()
    problem = built("weighted", 0.1, net)
    problem.model.inverter_stiffness[2].set_value(value)
    solution = scopf.solve(problem)
    assert solution.claim is None
    assert "the stiffness at bus 2 is none that a droop has" in str(solution)
    assert solution.verify().stable is None


def test_a_flow_that_was_rewritten_costs_the_claim():
    problem = built("weighted", 0.2)
    flow = problem.model.branch_q_from[3]
    flow.set_value(flow.expr + 1e-9 * problem.model.bus_vm[2])
    solution = scopf.solve(problem)
    assert solution.claim is None
    assert "branch_q_from was rewritten" in str(solution)


def test_a_load_set_by_hand_is_reduced_once(monkeypatch):
    """Every look at the model finds the same numbers: the network is not reduced again."""
    problem = by_hand("C1")
    problem.model.bus_pd[4].set_value(4.0)
    first = scopf.solve(problem)
    monkeypatch.setattr(type(problem), "_adopted", None)
    assert scopf.solve(problem).cost == pytest.approx(first.cost, rel=1e-9)
    assert problem.present is first.setting
