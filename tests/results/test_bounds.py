"""Prices of bounds: nearly equal ones, and those that have no column in another table."""

import numpy as np
import pyomo.environ as pyo
import pytest

import scopf
from scopf.network.tables import DcLines

NEAR = (1e-12, 1e-10, 1e-8, 1e-6)  # p.u. between two bounds


def case9(**gen):
    return scopf.load_case("case9").replace(gen=gen) if gen else scopf.load_case("case9")


def solved(problem):
    solution = scopf.solve(problem)
    assert solution.status == "optimal", solution.message
    return solution


def slope(cost_at, step=1e-4):
    return (cost_at(step) - cost_at(-step)) / (2 * step)


# -- nearly equal bounds -----------------------------------------------


@pytest.mark.parametrize("distance", [0.0, *NEAR])
@pytest.mark.parametrize("p", [1.0, 1.6])
def test_of_two_bounds_on_p_that_are_nearly_equal_one_has_the_price(distance, p):
    def at(step, distance=distance):
        net = case9()
        low, high = net.gen.pmin.copy(), net.gen.pmax.copy()
        high[1] = p + step
        low[1] = high[1] - distance
        net = net.replace(gen={"pmin": low, "pmax": high})
        return solved(scopf.build(net, criterion="none"))

    gen = at(0.0).gens.loc[1]
    expected = slope(lambda h: at(h, 0.0).cost) / 100  # per MWh, of moving both
    assert gen["mu_p_min_per_mwh"] == pytest.approx(max(expected, 0.0), rel=1e-3, abs=1e-6)
    assert gen["mu_p_max_per_mwh"] == pytest.approx(max(-expected, 0.0), rel=1e-3, abs=1e-6)
    assert abs(expected) > 1


@pytest.mark.parametrize(
    ("table", "low", "high", "row", "at", "prices"),
    [
        ("gen", "qmin", "qmax", 1, 0.4, ("mu_q_min_per_mvarh", "mu_q_max_per_mvarh")),
        ("bus", "vmin", "vmax", 4, 0.98, ("mu_vm_min_per_pu", "mu_vm_max_per_pu")),
    ],
)
def test_of_q_and_v_as_well(table, low, high, row, at, prices):
    def solution(value, distance):
        net = case9()
        ends = {name: np.array(getattr(getattr(net, table), name)) for name in (low, high)}
        ends[high][row], ends[low][row] = value, value - distance
        return solved(scopf.build(net.replace(**{table: ends}), criterion="none"))

    unit = 100 if table == "gen" else 1
    expected = slope(lambda h: solution(at + h, 0.0).cost) / unit
    for distance in NEAR:
        found = solution(at, distance)
        columns = {"gen": found.gens, "bus": found.buses}[table]
        least, most = (columns[name] for name in prices)
        assert min(least[row], most[row]) == 0
        assert least[row] - most[row] == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_of_dc_lines_as_well():
    def solution(value, distance):
        columns = {
            "id": 1, "from_bus": 5, "to_bus": 9, "in_service": True, "pf": 0.0, "qf": 0.0,
            "qt": 0.0, "vf": 1.0, "vt": 1.0, "pmin": value - distance, "pmax": value,
            "qminf": -0.1, "qmaxf": 0.1, "qmint": -0.1, "qmaxt": 0.1, "loss0": 0.0, "loss1": 0.0,
        }  # fmt: skip
        line = DcLines(**{name: np.array([one]) for name, one in columns.items()})
        return solved(scopf.build(case9().replace(dcline=line), criterion="none"))

    expected = slope(lambda h: solution(0.1 + h, 0.0).cost) / 100
    found = solution(0.1, 1e-10).dclines.loc[0]
    assert min(found["mu_pf_min_per_mwh"], found["mu_pf_max_per_mwh"]) == 0
    difference = found["mu_pf_min_per_mwh"] - found["mu_pf_max_per_mwh"]
    assert difference == pytest.approx(expected, rel=1e-3)


def test_of_two_parallel_lines_of_a_pq_curve_as_well():
    def solution(q, distance):
        net = case9()
        columns = {name: np.zeros(3) for name in ("pc1", "pc2")}
        columns |= {f"qc{k}{end}": np.zeros(3) for k in (1, 2) for end in ("min", "max")}
        columns["pc2"][1] = 3.0
        for k, at in ((1, q), (2, q + 0.3)):
            columns[f"qc{k}max"][1], columns[f"qc{k}min"][1] = at, at - distance
        return solved(scopf.build(net.replace(gen=columns), criterion="none"))

    expected = slope(lambda h: solution(0.4 + h, 1e-7).cost) / 100
    for distance in (1e-10, 1e-8):
        gen = solution(0.4, distance).gens.loc[1]
        least, most = gen["mu_curve_min_per_mvarh"], gen["mu_curve_max_per_mvarh"]
        assert min(least, most) == 0
        assert least - most == pytest.approx(expected, rel=1e-2, abs=1e-3)


# -- bounds without a column -----------------------------------------------


SIGNS = pytest.mark.parametrize("sense", [pyo.minimize, pyo.maximize])


def directed(m, sense):
    """Let the cost be minimised, or its negative be maximised, which is the same dispatch."""
    if sense == pyo.maximize:
        m.total_cost.deactivate()
        m.gain = pyo.Objective(expr=-m.total_cost.expr, sense=pyo.maximize)


def with_own(sense, low=-0.1, high=0.3):
    """A user's own variable, power bought at bus 5 at a price, in bounds that bind above."""
    problem = scopf.build(case9(), criterion="none")
    m = problem.model
    m.bought = pyo.Var(bounds=(low, high), initialize=0.0)
    m.price = pyo.Param(initialize=500.0, mutable=True)
    balance = m.bus_balance_p[5]
    balance.set_value(balance.body + m.bought == balance.upper)
    m.total_cost.expr = m.total_cost.expr + m.price * m.bought
    directed(m, sense)
    return problem


@SIGNS
def test_bounds_of_a_users_variable_have_the_slopes_of_the_objective(sense):
    problem = with_own(sense)
    for price, side in ((500.0, "upper"), (5000.0, "lower")):
        problem.model.price.value = price
        found = solved(problem).bounds
        assert found.columns.tolist() == [
            *("variable", "lower", "value", "upper", "dcost_dlower", "dcost_dupper")
        ]
        row = found.set_index("variable").loc["bought"]
        assert (row["lower"], row["upper"]) == (-0.1, 0.3)
        assert row["value"] == pytest.approx(row[side], abs=1e-6)
        bounds = {"lower": -0.1, "upper": 0.3}

        def at(h, side=side, bounds=bounds):
            moved = {**bounds, side: bounds[side] + h}
            problem.model.bought.setlb(moved["lower"])
            problem.model.bought.setub(moved["upper"])
            return solved(problem).cost

        expected = slope(at)
        problem.model.bought.setlb(-0.1)
        problem.model.bought.setub(0.3)
        assert abs(expected) > 100
        assert row[f"dcost_d{side}"] == pytest.approx(expected, rel=1e-3)
        other = {"upper": "lower", "lower": "upper"}[side]
        assert row[f"dcost_d{other}"] == pytest.approx(0.0, abs=1e-3)


@SIGNS
def test_bounds_on_angles_have_the_slopes_of_the_objective(sense):
    problem = scopf.build(case9(), criterion="none")
    m = problem.model
    directed(m, sense)
    free = float(np.radians(solved(problem).buses["va_deg"][1]))
    assert solved(problem).bounds.empty

    def at(bound):
        m.bus_va[2].setub(bound)
        return solved(problem)

    found = at(free - 0.02).bounds
    assert found["variable"].tolist() == ["bus_va[2]"]
    expected = slope(lambda h: at(free - 0.02 + h).cost)
    assert found["lower"][0] == -np.inf
    assert (expected < 0) == (sense == pyo.minimize)
    assert found["dcost_dupper"][0] == pytest.approx(expected, rel=1e-3)
    assert found["dcost_dlower"][0] == 0


def test_bounds_with_a_column_elsewhere_fixed_and_unbounded_variables_are_left_out():
    problem = with_own(pyo.minimize)
    m = problem.model
    m.gen_pg[1].setub(1.1)
    m.free = pyo.Var(initialize=0.0)
    m.held = pyo.Var(bounds=(0, 1), initialize=0.5)
    m.held.fix()
    m.link = pyo.Constraint(expr=m.free == m.bought + m.held)
    for form in ("reduced", "lifted"):
        found = scopf.solve(problem, form=form).bounds
        assert found["variable"].tolist() == ["bought"]


def test_bounds_of_designed_droops_and_of_parts_of_q_are_there():
    net = scopf.load_case("case39").lossless()
    problem = scopf.build(net, mq=0.3, mq_bounds=(0.05, 0.5), eta_q=0.1, stiffness_cost=0.5)
    solution = solved(problem)
    assert problem.formulation.rendering is None  # asking for prices makes no Pyomo model
    found = solution.bounds
    assert found["variable"].str.startswith("inverter_stiffness").all()
    assert len(found) == 10

    def at(h):
        bounds = {bus: (0.05, 1 / (2.0 + h) if bus == 30 else 0.5) for bus in range(30, 40)}
        return solved(
            scopf.build(net, mq=0.3, mq_bounds=bounds, eta_q=0.1, stiffness_cost=0.5)
        ).cost

    row = found.set_index("variable").loc["inverter_stiffness[30]"]
    assert row["dcost_dlower"] == pytest.approx(slope(at, 1e-3), rel=1e-2, abs=1e-3)
    split = solved(scopf.build(case9(), criterion="none", q_price=1.0)).bounds
    assert split["variable"].str.startswith(("gen_qg_supplied", "gen_qg_absorbed")).all()


def test_nearly_equal_bounds_of_a_users_variable():
    right = solved(with_own(pyo.minimize, 0.3, 0.3 + 1e-5)).bounds.loc[0]
    for distance in NEAR:
        row = solved(with_own(pyo.minimize, 0.3 - distance, 0.3)).bounds.loc[0]
        assert row["dcost_dlower"] == 0
        assert row["dcost_dupper"] == pytest.approx(right["dcost_dupper"], rel=1e-3)


def test_without_a_solution_bounds_have_no_price():
    problem = with_own(pyo.minimize)
    problem.model.never = pyo.Constraint(expr=problem.model.bought >= 1)
    solution = scopf.solve(problem)
    assert not solution.solved
    assert solution.bounds[["dcost_dlower", "dcost_dupper"]].isna().all(axis=None)


@pytest.mark.parametrize("sense", [pyo.minimize, pyo.maximize])
def test_a_slope_of_zero_has_no_sign(sense):
    problem = scopf.build(case9(), criterion="none")
    m = problem.model
    m.extra = pyo.Var(bounds=(0, 1))
    m.total_cost.expr = (m.total_cost.expr - 2 * m.extra) * sense
    m.total_cost.sense = sense
    slopes = solved(problem).bounds[["dcost_dlower", "dcost_dupper"]].to_numpy()
    assert slopes[0] == pytest.approx([0, -2 * sense], abs=1e-6)
    assert not np.signbit(slopes[slopes == 0]).any()
