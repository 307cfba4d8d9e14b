"""The Pyomo model: what the user adds to it, and what it says by itself."""

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scopf
from scopf.model import flows

pytestmark = pytest.mark.core


@pytest.fixture
def problem():
    net = scopf.load_case("case39").lossless()
    return scopf.build(net, scopf.Inverters.at_generators(net, mq=0.2))


def test_the_model_is_an_ordinary_pyomo_model(problem):
    m = problem.model
    assert isinstance(m, pyo.ConcreteModel)
    families = {c.name for c in m.component_objects((pyo.Var, pyo.Constraint, pyo.Objective))}
    assert families == {
        "bus_vm", "bus_va", "gen_pg", "gen_qg", "total_cost", "bus_balance_p", "bus_balance_q",
        "branch_limit_from", "branch_limit_to", "branch_angle", "inverter_stability",
    }  # fmt: skip
    assert set(m.bus) == set(problem.net.bus.id)
    assert m.bus_va[31].fixed


def test_values_are_written_back(problem):
    solution = scopf.solve(problem)
    m = problem.model
    assert pyo.value(m.total_cost) == pytest.approx(solution.cost, rel=1e-12)
    assert [v.value for v in m.bus_vm.values()] == pytest.approx(solution.buses["vm"].tolist())
    worst = max(abs(pyo.value(row.body) - pyo.value(row.upper)) for row in m.bus_balance_q.values())
    assert worst < 1e-6


def test_own_variable_constraint_and_objective_term_are_honoured(problem):
    free = scopf.solve(problem)
    m = problem.model
    m.spread = pyo.Var(within=pyo.NonNegativeReals)
    m.above = pyo.Constraint(m.gen, rule=lambda m, g: m.gen_pg[g] <= 5.5 + m.spread)
    m.total_cost.expr = m.total_cost.expr + 300 * m.spread**2
    bound = scopf.solve(problem)
    assert bound.status == "optimal"
    assert pyo.value(m.spread) > 0.1
    assert bound.gens["p_mw"].max() <= 550 + 100 * pyo.value(m.spread) + 1e-4
    own = 300 * pyo.value(m.spread) ** 2
    assert bound.cost == pytest.approx(bound.gens["cost_per_h"].sum() + own, rel=1e-9)
    assert bound.cost > free.cost + 1


def test_own_block_range_and_nonlinear_rows_are_honoured(problem):
    m = problem.model
    m.mine = pyo.Block()
    m.mine.corridor = pyo.Constraint(
        expr=(-1.0, m.branch_p_from[1] * pyo.exp(m.bus_vm[1] - 1), -0.9)
    )
    m.mine.more = pyo.ConstraintList()
    m.mine.more.add(pyo.sqrt(m.bus_vm[30]) * m.bus_vm[38] == 1.06)
    before = scopf.solve(problem)
    assert before.status == "optimal"
    corridor = pyo.value(m.mine.corridor.body)
    assert -1 - 1e-6 <= corridor <= -0.9 + 1e-6
    vm = before.buses.set_index("bus")["vm"]
    assert np.sqrt(vm[30]) * vm[38] == pytest.approx(1.06, abs=1e-7)


def test_changed_bounds_fixed_variables_and_deactivated_rows_are_honoured(problem):
    m = problem.model
    free = scopf.solve(problem)
    m.inverter_stability.deactivate()
    assert scopf.solve(problem).cost == pytest.approx(41263.94, abs=5e-3)
    assert scopf.solve(problem).inverters["nssp_per_pu"].max() == 0
    m.inverter_stability.activate()
    m.bus_vm[39].setub(1.0)
    m.gen_pg[1].fix(5.0)
    solution = scopf.solve(problem)
    assert solution.buses.set_index("bus")["vm"][39] <= 1 + 1e-8
    assert solution.gens.set_index("gen")["p_mw"][1] == 500
    assert solution.cost > free.cost


def test_rows_that_are_not_active_are_not_reported_as_binding(problem):
    m = problem.model
    m.inverter_stability[32, 30].deactivate()
    some = scopf.solve(problem)
    assert len(some.pairs) == 89
    assert (32, 30) not in set(zip(some.pairs["bus"], some.pairs["neighbor"], strict=True))
    m.inverter_stability.deactivate()
    none = scopf.solve(problem)
    assert none.pairs.empty
    assert "no active stability row" in str(none)


def test_rows_that_are_deleted_are_gone(problem):
    m = problem.model
    del m.inverter_stability[32, 30]
    del m.branch_limit_from[1]
    assert len(scopf.solve(problem).pairs) == 89
    for family in ("branch_limit_from", "branch_angle", "inverter_stability"):
        m.del_component(family)
    bare = scopf.solve(problem)
    assert bare.cost == pytest.approx(41263.94, abs=5e-3)
    assert (bare.branches["mu_s_from_per_mvah"] == 0).all()


def test_tables_show_the_model_s_own_flows_and_costs(problem):
    m = problem.model
    m.branch_p_from[1].set_value(0.5 * m.branch_p_from[1].expr)
    m.gen_cost_p[1].set_value(m.gen_cost_p[1].expr + 5000)
    solution = scopf.solve(problem)
    assert solution.branches["pf_mw"][0] == pytest.approx(100 * pyo.value(m.branch_p_from[1]))
    assert solution.gens["cost_per_h"].sum() == pytest.approx(solution.cost, rel=1e-9)


def test_parameters_of_the_model_can_be_changed(problem):
    for i in problem.model.inverter:
        problem.model.inverter_gamma_offset[i] = 1.0
    assert scopf.solve(problem).cost == pytest.approx(41263.94, abs=5e-3)
    problem.model.bus_pd[4] = pyo.value(problem.model.bus_pd[4]) + 1.0
    more = scopf.solve(problem)
    assert more.cost > 41263.94 + 1000
    assert more.buses.set_index("bus")["p_load_mw"][4] == pytest.approx(600)


def test_maximisation_reports_the_user_s_objective(problem):
    m = problem.model
    m.total_cost.deactivate()
    m.welfare = pyo.Objective(expr=1e5 - m.total_cost.expr, sense=pyo.maximize)
    assert scopf.solve(problem).cost == pytest.approx(1e5 - 41276.15, abs=0.01)


def test_a_solution_is_a_snapshot(problem):
    first = scopf.solve(problem)
    vm = first.point.vm.copy()
    problem.model.inverter_gamma_offset[32] = 1.0
    scopf.solve(problem)
    assert first.buses["vm"].to_numpy() == pytest.approx(vm)
    assert first.inverters.set_index("bus")["limit_pu"][32] == pytest.approx(0.0867773, abs=1e-6)


def test_start_from_the_model_s_values_converges_to_the_same_point(problem):
    cold = scopf.solve(problem)
    again = scopf.solve(problem, start="model")
    assert again.cost == pytest.approx(cold.cost, rel=1e-8)


@settings(max_examples=50, deadline=None)
@given(
    r=st.floats(0, 0.2), x=st.floats(0.01, 0.5), b=st.floats(0, 1), tap=st.floats(0.8, 1.2),
    shift=st.floats(-0.5, 0.5), vf=st.floats(0.8, 1.2), vt=st.floats(0.8, 1.2),
    angle=st.floats(-1, 1),
)  # fmt: skip
def test_flow_equations_are_the_complex_two_port(r, x, b, tap, shift, vf, vt, angle):
    net = scopf.load_case("two_bus_p")
    net = net.replace(branch={"r": [r], "x": [x], "b": [b], "tap": [tap], "shift": [shift]})
    y = {name: values[0] for name, values in vars(net.admittances).items()}
    w = vf * vt * np.exp(-1j * angle)
    pf = flows.p_from(y["gff"], y["gft"], y["bft"], w.real, w.imag, vf**2)
    qf = flows.q_from(y["bff"], y["gft"], y["bft"], w.real, w.imag, vf**2)
    pt = flows.p_to(y["gtt"], y["gtf"], y["btf"], w.real, w.imag, vt**2)
    qt = flows.q_to(y["btt"], y["gtf"], y["btf"], w.real, w.imag, vt**2)
    v_from, v_to = vf, vt * np.exp(1j * angle)
    inner = v_from / (tap * np.exp(1j * shift))  # behind the ideal transformer
    i_series = (inner - v_to) / (r + 1j * x)
    s_from = inner * np.conj(i_series + 0.5j * b * inner)
    s_to = v_to * np.conj(-i_series + 0.5j * b * v_to)
    assert [pf, qf, pt, qt] == pytest.approx(
        [s_from.real, s_from.imag, s_to.real, s_to.imag], rel=1e-9, abs=1e-9
    )


def test_reactive_costs_from_eta_from_d_and_from_the_case():
    net = scopf.load_case("case39").lossless()
    c = net.gen.cost_p[:, 2] / net.base_mva**2
    by_eta = scopf.solve(scopf.build(net, eta_q=0.5))
    by_d = scopf.solve(scopf.build(net, d=dict(zip(net.gen.id.tolist(), 0.5 * c, strict=True))))
    assert by_eta.cost == pytest.approx(by_d.cost, rel=1e-9)
    case_q = scopf.load_case("case9Q")
    plain = case_q.replace(gen={"cost_q": np.zeros_like(case_q.gen.cost_q)})
    d = dict(zip([1, 2, 3], [0.2, 0.05, 0.3], strict=True))
    assert scopf.solve(scopf.build(case_q)).cost == pytest.approx(
        scopf.solve(scopf.build(plain, d=d)).cost, rel=1e-9
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"eta_q": -1}, "eta_q"),
        ({"eta_q": 1, "d": 2}, "not both"),
        ({"d": {77: 1.0}}, "77"),
        ({"criterion": "voltage-diference"}, "did you mean voltage-difference"),
        ({"alpha": 0}, "positive"),
        ({"alpha": "strong"}, "alpha"),
        ({"eta_q": float("inf")}, "finite"),
        (
            {"criterion": None},
            "voltage-difference, C0, C1, C2, lossy, lossy-every-mp, weighted, none",
        ),
        ({"inverters": 0.2}, "at_generators"),
    ],
)
def test_bad_arguments_of_build_are_refused(arguments, said):
    with pytest.raises(scopf.ScopfError, match=said):
        scopf.build(scopf.load_case("case9"), **arguments)


def test_eta_q_without_effect_is_said(caplog):
    scopf.build(scopf.load_case("pglib_opf_case5_pjm"), eta_q=0.1)
    assert "eta_q has no effect" in caplog.text


def test_tables_show_the_solution_when_our_own_expressions_were_changed(problem):
    m = problem.model
    m.gen_cost_p[1].set_value(m.gen_cost_p[1].expr + 5000)
    m.bus_pd[4] = pyo.value(m.bus_pd[4]) + 1.0
    solution = scopf.solve(problem)
    assert solution.buses["vm"].tolist() == [v.value for v in m.bus_vm.values()]
    assert solution.buses["vm"].max() > 1.01
    served = solution.gens["p_mw"].sum()
    assert solution.buses["p_load_mw"].sum() == pytest.approx(served, abs=1e-3)
    load = 100 * sum(pyo.value(p) for p in m.bus_pd.values())
    assert solution.buses["p_load_mw"].sum() == pytest.approx(load)
