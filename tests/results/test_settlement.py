"""Who pays and who earns: two buses by hand, and what must hold for any solved problem."""

import pickle

import numpy as np
import pandas as pd
import pyomo.environ as pyo
import pytest
from scipy.optimize import brentq

import scopf
import scopf.results.settlement
from scopf.network.tables import DcLines
from scopf.results.slopes import Slopes
from scopf.stability.criteria.voltage_difference import VoltageDifference
from tests.small_networks import network

EXACT = {"tol": 1e-10}


def solved(net, inverters=None, *, form="auto", **given):
    found = scopf.solve(scopf.build(net, inverters, **given), options=EXACT, form=form)
    assert found.solved, found.message
    return found


def amount(settlement, kind, name=None):
    """Sum of accounts of one kind."""
    table = settlement.accounts
    taken = (table["kind"] == kind) & ((table["name"] == name) | (name is None))
    return table.loc[taken, "amount_per_h"].sum()


def collected(settlement, kind, element=None):
    table = settlement.surplus
    taken = (table["kind"] == kind) & ((table["element"] == element) | (element is None))
    return table.loc[taken, "amount_per_h"].sum()


# -- by hand ----------------------------------------------------------


def test_a_thermal_limit_between_two_prices():
    """Cheap power at bus 1, load at bus 2, a lossless line with |S| <= r, V <= 1.1 at both.

    Reactive power is free, so that both voltages are at their maximum V, and with s = r / (2 b V^2)
    = sin(delta/2) the line carries P = r sqrt(1 - s^2). The cost is c_2 D - (c_2 - c_1) P, so the
    surplus is (c_2 - c_1) P, of which the line gets r dP/dr and the voltages 1/2 dP/d(log V).
    """
    low, high, rate, demand, most = 10.0, 30.0, 0.8, 1.5, 1.1
    b = 1 / 0.4
    net = network(2, [(1, 2, 0.0, 0.4)], [1, 2], loads={2: demand + 0.2j})
    net = net.replace(
        bus={"vmax": np.full(2, most)},
        branch={"rate": np.full(1, rate)},
        gen={"cost_p": np.array([[0.0, low * 100, 0], [0.0, high * 100, 0]])},
    )
    found = solved(net, criterion="none")
    s = rate / (2 * b * most**2)
    flow, root = rate * np.sqrt(1 - s**2), np.sqrt(1 - s**2)
    per_pu = (high - low) * 100
    assert found.point.pg[0] == pytest.approx(flow, rel=1e-6)

    table = found.settlement
    assert amount(table, "payment") == pytest.approx(high * 100 * demand, rel=1e-6)
    assert amount(table, "revenue") == pytest.approx(
        low * 100 * flow + high * 100 * (demand - flow), rel=1e-6
    )
    assert amount(table, "surplus") == pytest.approx(per_pu * flow, rel=1e-6)
    thermal, voltage = (
        amount(table, "surplus", name) for name in ("thermal limits", "voltage limits")
    )
    assert thermal == pytest.approx(per_pu * rate * (1 - 2 * s**2) / root, rel=1e-6)
    assert voltage == pytest.approx(per_pu * rate * s**2 / root, rel=1e-6)
    assert thermal + voltage == pytest.approx(per_pu * flow, rel=1e-6)
    assert abs(table.residual) < 1e-5
    # linear costs: nobody makes a profit
    np.testing.assert_allclose(table.gens["profit_per_h"], 0.0, atol=1e-2)


def test_a_stability_row_on_two_buses():
    """V_1 at its maximum, V_2 = V_1 + Gamma_1: the KKT conditions leave one unknown, the angle.

    With P_1 = D_1 + b V_1 V_2 sin t, Q_1 = E_1 + b V_1^2 - b V_1 V_2 cos t and those of bus 2,
    lambda_i = 2 c P_i + a and kappa_i = 2 d_i Q_i:

        lambda_1 dP_1/dt + lambda_2 dP_2/dt + kappa_1 dQ_1/dt + kappa_2 dQ_2/dt = 0      (t)
        sum over both of lambda dP/dV_2 + kappa dQ/dV_2 = - nu                           (V_2)
        sum over both of lambda dP/dV_1 + kappa dQ/dV_1 = nu - z                         (V_1)
    """
    b, v_1, demand, reactive = 8.0, 1.0, np.array([0.45, 0.7]), np.array([0.45, 0.2])
    c, a, d = np.array([12.0, 16.0]), np.array([20.0, 80.0]), np.array([30.0, 2.0])
    loads = {k + 1: complex(demand[k], reactive[k]) for k in (0, 1)}
    net = network(2, [(1, 2, 0.0, 1 / b)], [1, 2], loads=loads)
    net = net.replace(
        bus={"vmax": np.array([v_1, 1.5])},
        gen={
            "cost_p": np.column_stack([np.zeros(2), a, c]),
            "cost_q": np.column_stack([np.zeros((2, 2)), d]),
        },
    )
    inverters = scopf.Inverters.at_generators(net, mq={1: 2.5, 2: 0.02})
    found = solved(net, inverters)
    own = b + reactive[0]  # of the reduced network, which has the load as a shunt
    gamma = 1 / (2 * 2.5 * own)

    def at(t, v=(v_1, v_1 + gamma)):
        """P, Q and their derivatives by t, V_1 and V_2, rows of buses."""
        x, y = v
        cross, back = b * x * y * np.sin(t), b * x * y * np.cos(t)
        p = demand + np.array([cross, -cross])
        q = reactive + np.array([b * x**2 - back, b * y**2 - back])
        dp = np.array([[back, cross / x, cross / y], [-back, -cross / x, -cross / y]])
        dq = np.array(
            [[cross, 2 * b * x - back / x, -back / y], [cross, -back / x, 2 * b * y - back / y]]
        )
        return p, q, dp, dq

    def slopes(t):
        p, q, dp, dq = at(t)
        return (2 * c * p + a) @ dp + (2 * d * q) @ dq

    t = brentq(lambda angle: slopes(angle)[0], -0.5, 0.5, xtol=1e-14)
    p, q, _, _ = at(t)
    _, by_1, by_2 = slopes(t)
    nu = -by_2
    z = nu - by_1
    assert nu > 1  # else the test is about nothing
    assert z > 1
    assert found.inverters["nssp_per_pu"][0] == pytest.approx(nu, rel=1e-5)

    table = found.settlement
    active, priced = 2 * c * p + a, 2 * d * q
    np.testing.assert_allclose(table.gens["energy_per_h"], active * p, rtol=1e-5)
    np.testing.assert_allclose(table.gens["reactive_per_h"], priced * q, rtol=1e-5)
    np.testing.assert_allclose(table.loads["energy_per_h"], active * demand, rtol=1e-5)
    np.testing.assert_allclose(table.loads["reactive_per_h"], priced * reactive, rtol=1e-5)
    np.testing.assert_allclose(table.gens["profit_per_h"], c * p**2 + d * q**2, rtol=1e-5)
    merchandising = active @ (demand - p) + priced @ (reactive - q)
    assert amount(table, "surplus") == pytest.approx(merchandising, rel=1e-5)
    assert collected(table, "stability rows", "inverter 1") == pytest.approx(
        nu * gamma / 2, rel=1e-5
    )
    assert collected(table, "voltage limits", "bus 1") == pytest.approx(z * v_1 / 2, rel=1e-5)
    assert nu * gamma / 2 + z * v_1 / 2 == pytest.approx(merchandising, rel=1e-5)
    assert table.inverters["stability_per_h"][0] == pytest.approx(nu * gamma / 2, rel=1e-5)
    # a larger load lowers Gamma, which is inverse to `own`
    apart = nu * gamma / own * reactive[0]
    np.testing.assert_allclose(table.loads["limits_per_h"], [apart, 0.0], rtol=1e-5, atol=1e-6)
    assert amount(table, "apart") == pytest.approx(apart, rel=1e-5)


def test_a_constant_current_load_pays_half_into_the_surplus():
    """One generator, loads I V at both buses: all of the surplus, but for the voltage limits."""
    net = network(2, [(1, 2, 0.01, 0.1)], [1], loads={2: 0.2 + 0.1j})
    bus = {"vmax": np.full(2, 1.05), "pd_current": np.array([0.1, 0.4])}
    bus["qd_current"] = np.array([0.0, 0.3])
    found = solved(net.replace(bus=bus), criterion="none")
    buses, table = found.buses, found.settlement
    current = np.array([0.1, 0.4]) * buses["vm"], np.array([0.0, 0.3]) * buses["vm"]
    expected = 50 * (
        buses["lmp_p_balance_per_mwh"] @ current[0] + buses["lmp_q_balance_per_mvarh"] @ current[1]
    )
    assert expected > 0
    assert amount(table, "surplus", "constant-current loads") == pytest.approx(expected, rel=1e-7)
    limits = (buses["mu_vm_max_per_pu"] - buses["mu_vm_min_per_pu"]) @ buses["vm"] / 2
    assert amount(table, "surplus", "voltage limits") == pytest.approx(limits, rel=1e-6)
    assert abs(table.residual) < 1e-6 * amount(table, "payment")


# -- for any solved problem ----------------------------------------------------------


def case9(**branch):
    net = scopf.load_case("case9")
    return net.replace(branch=branch) if branch else net


def case39(mq=0.2, *, lossy=False, gens=None):
    net = scopf.load_case("case39")
    net = net if lossy else net.lossless()
    return net, scopf.Inverters.at_generators(net, mq=mq)


def with_current(net):
    bus = net.bus
    return net.replace(
        bus={
            "pd": 0.5 * bus.pd, "pd_current": 0.5 * bus.pd,
            "qd": 0.5 * bus.qd, "qd_current": 0.5 * bus.qd,
        }
    )  # fmt: skip


def with_dcline(net):
    one = np.ones(1)
    line = DcLines(
        id=np.array([1]), from_bus=np.array([4]), to_bus=np.array([16]), in_service=one,
        pf=one, qf=0 * one, qt=0 * one, vf=one, vt=one, pmin=0 * one, pmax=2 * one,
        qminf=-one, qmaxf=one, qmint=-one, qmaxt=one, loss0=0.01 * one, loss1=0.02 * one,
        cost=np.array([[0.0, 20.0, 0.0]]),
    )  # fmt: skip
    return net.replace(dcline=line)


PROBLEMS = {
    "thermal limits": lambda **f: solved(case9(rate=np.full(9, 1.1)), criterion="none", **f),
    "currents": lambda **f: solved(
        case9(rate=np.full(9, 1.1)), criterion="none", limit="current", **f
    ),
    "losses": lambda **f: solved(*case39(lossy=True), **f),
    "pairs": lambda **f: solved(*case39(), **f),
    "maxima": lambda **f: solved(*case39(), criterion=VoltageDifference(rows="maximum"), **f),
    "C1": lambda **f: solved(*case39(0.4), criterion="C1", eta_q=0.1, **f),
    "C2": lambda **f: solved(*case39(0.5), criterion="C2", eta_q=0.1, **f),
    "weighted": lambda **f: solved(*case39(0.4), criterion="weighted", eta_q=0.1, **f),
    "angle limits": lambda **f: solved(
        scopf.load_case("case39").replace(
            branch={"angmax": np.full(46, np.deg2rad(4.0)), "rate": np.full(46, np.inf)}
        ),
        criterion="none", **f,
    ),
    "reactive costs": lambda **f: solved(*case39(), eta_q=0.1, q_price=2.0, **f),
    "co-design": lambda **f: solved(*case39(), mq_bounds=(0.2, 0.4), eta_q=0.1, **f),
    "capability": lambda **f: solved(
        case39()[0],
        scopf.Inverters.at_generators(case39()[0], mq=0.2, rating_factor=1.0, imax=0.99),
        opportunity_price=5.0, **f,
    ),
    "constant currents": lambda **f: solved(
        with_current(case39()[0]), case39()[1], **f
    ),
    "DC line": lambda **f: solved(with_dcline(case39()[0]), case39()[1], **f),
    "soft limits": lambda **f: solved(
        case9(rate=np.full(9, 0.5)), criterion="none", soft={"ratings": 20, "voltages": 1000}, **f
    ),
    "lost load": lambda **f: solved(
        with_current(case9(rate=np.full(9, 0.4))), criterion="none", voll=400.0, **f
    ),
    "outages": lambda **f: solved(*case39(), outages=[6, 13], emergency=1.2, **f),
    "outages, maxima": lambda **f: solved(
        *case39(), outages=[6], emergency=1.2, criterion=VoltageDifference(rows="maximum"), **f
    ),
    "outage of a unit": lambda **f: solved(
        *case39(), outages=["gen 8", "branch 6"], emergency=1.2, voll=800.0, load_scale=0.95, **f
    ),
    "soft after outages": lambda **f: solved(
        *case39(0.3), outages=[6], emergency=1.0, soft={"stability": 10000, "voltages": 50000}, **f
    ),
    "no inverter everywhere": lambda **f: solved(
        case39()[0],
        scopf.Inverters.at_generators(case39()[0], buses=[30, 32, 35], mq=0.1),
        outages=[13], emergency=1.4, **f,
    ),
    "outages with a DC line": lambda **f: solved(
        with_dcline(with_current(case39()[0])), case39()[1], outages=[6], emergency=1.3, **f
    ),
}  # fmt: skip


@pytest.fixture(params=PROBLEMS, scope="module")
def any_solution(request):
    return PROBLEMS[request.param]()


def independent_payment(solution):
    """What loads pay, from the tables of the states alone."""
    total = 0.0
    for name in solution.states:
        if name == "intact":
            table, net = solution.buses, solution.net
            p, q = table["lmp_p_balance_per_mwh"], table["lmp_q_balance_per_mvarh"]
        else:
            table, net = solution.state(name).buses, solution.state(name).net
            k = solution.after.settled.names.index(name)
            here = solution.after.settled.stack.bus_part == k
            p, q = solution.after.balance[:, here] / net.base_mva
        total += (p * table["p_load_mw"]).sum() + (q * table["q_load_mvar"]).sum()
    return total


def test_what_is_paid_is_earned_or_collected(any_solution):
    settlement = any_solution.settlement
    payment, revenue = amount(settlement, "payment"), amount(settlement, "revenue")
    assert payment == pytest.approx(independent_payment(any_solution), rel=1e-9)
    assert settlement.loads["payment_per_h"].sum() == pytest.approx(payment, rel=1e-9)
    assert amount(settlement, "surplus") == pytest.approx(payment - revenue, abs=1e-6 * payment)
    assert amount(settlement, "surplus", "not closed") == settlement.residual
    assert abs(settlement.residual) < 1e-7 * payment


def test_the_accounts_of_elements_add_up(any_solution):
    settlement = any_solution.settlement
    states = settlement.states
    open_in_states = states["surplus_per_h"] - states["limits_per_h"] - states["carried_per_h"]
    assert np.abs(open_in_states).max() < 1e-6 * amount(settlement, "payment")
    assert abs(states["carried_per_h"].sum()) < 1e-9 * amount(settlement, "payment")
    by_state = settlement.surplus.groupby("state")["amount_per_h"].sum()
    for name, limits in zip(states["state"], states["limits_per_h"], strict=True):
        assert by_state.get(name, 0.0) == pytest.approx(limits, abs=1e-3)
    assert "further rows" not in set(settlement.surplus["kind"])
    gens, inverters = settlement.gens, settlement.inverters
    own = gens["inverter"].notna()
    assert inverters["revenue_per_h"].sum() == pytest.approx(
        gens.loc[own, "revenue_per_h"].sum(), rel=1e-9
    )


def test_the_costs_add_up_to_the_cost(any_solution):
    assert amount(any_solution.settlement, "cost") == pytest.approx(any_solution.cost, rel=1e-7)


def test_limits_collect_what_their_prices_say(any_solution):
    """mu_S times the rating, half of mu_I times it, half of NSSP times value, half of mu_V times V.

    The prices are those of other tables, of the intact network.
    """
    solution = any_solution
    intact = solution.settlement.surplus.query("state == 'intact'")
    by_kind = intact.groupby("kind")["amount_per_h"].sum()
    limited = np.isfinite(solution.problem.base.branch.rate)
    branches = solution.branches[limited]
    rating = solution.problem.base.branch.rate[limited] * solution.problem.base.base_mva
    loaded = np.maximum(rating, rating * branches["loading_percent"] / 100)  # soft ones
    price = branches["mu_s_from_per_mvah"] + branches["mu_s_to_per_mvah"]
    if not solution.scenario.soft:
        part = 0.5 if solution.scenario.limit == "current" else 1.0
        expected = part * (price * loaded).sum()
        assert by_kind.get("thermal limits", 0.0) == pytest.approx(expected, rel=1e-4, abs=1e-2)
    buses = solution.buses
    expected = (buses["mu_vm_max_per_pu"] - buses["mu_vm_min_per_pu"]) @ buses["vm"] / 2
    assert by_kind.get("voltage limits", 0.0) == pytest.approx(expected, rel=1e-6, abs=1e-3)
    pairs = solution.pairs
    expected = (pairs["price_per_pu"] * pairs["value_pu"]).sum() / 2
    assert by_kind.get("stability rows", 0.0) == pytest.approx(expected, rel=1e-4, abs=1e-2)


@pytest.mark.parametrize(
    "name", ["losses", "currents", "maxima", "C1", "reactive costs", "outages"]
)
def test_lifted_flows_change_nothing(name):
    reduced, lifted = PROBLEMS[name](form="reduced"), PROBLEMS[name](form="lifted")
    assert len(lifted.slopes.lifted[0])
    key = ["kind", "element", "state"]
    one, other = (s.settlement.surplus.set_index(key)["amount_per_h"] for s in (reduced, lifted))
    for where in one.index.union(other.index):
        assert one.get(where, 0.0) == pytest.approx(other.get(where, 0.0), rel=1e-3, abs=0.02)
    assert abs(lifted.settlement.residual) < 1e-7 * amount(lifted.settlement, "payment")


def test_scaling_of_lifted_variables_is_their_derivative():
    solution = PROBLEMS["thermal limits"](form="lifted")
    slopes = solution.slopes
    nlp, step = solution.problem.compiled[True], 1e-6
    columns, _ = slopes.columns
    ends = []
    for sign in (1, -1):
        x = slopes.x.copy()
        x[columns] *= 1 + sign * step
        ends.append(nlp.consistent(x))
    found = slopes.scaling.toarray()[:, 0]
    np.testing.assert_allclose(found, (ends[0] - ends[1]) / (2 * step), atol=1e-7)


@pytest.mark.parametrize(
    "name", ["pairs", "maxima", "C1", "C2", "weighted", "co-design", "outages"]
)
def test_stability_rows_are_not_idle_in_these_tests(name):
    assert collected(PROBLEMS[name]().settlement, "stability rows") > 1


def test_the_singularity_test_collects_as_a_whole():
    found = scopf.solve_centralised(*case39(0.4)).solution.settlement
    assert collected(found, "stability rows", "") > 100
    assert abs(found.residual) < 1e-7 * amount(found, "payment")


def test_both_forms_of_the_voltage_difference_collect_the_same():
    pairs, maxima = PROBLEMS["pairs"](), PROBLEMS["maxima"]()
    for kind in ("stability rows", "voltage limits"):
        expected = collected(pairs.settlement, kind)
        assert collected(maxima.settlement, kind) == pytest.approx(expected, rel=1e-4)
    assert collected(pairs.settlement, "stability rows", "inverter 32") > 100


def test_profits_are_rents_of_limits_and_of_the_cost_curve():
    """Stationarity in P and Q, with the prices of other tables."""
    net = scopf.load_case("case9")
    most = np.array([0.9, 1.2, 0.8])
    net = net.replace(gen={"pmax": most, "qmax": np.full(3, 0.05), "pmin": np.full(3, 0.5)})
    found = solved(net, criterion="none", load_scale=0.9)
    gens, base = found.gens, net.base_mva
    curve = net.gen.cost_p[:, 2] * (gens["p_mw"] / base) ** 2 - net.gen.cost_p[:, 0]
    rents = (gens["mu_p_max_per_mwh"] - gens["mu_p_min_per_mwh"]) * gens["p_mw"]
    rents += (gens["mu_q_max_per_mvarh"] - gens["mu_q_min_per_mvarh"]) * gens["q_mvar"]
    assert rents.abs().max() > 1
    np.testing.assert_allclose(found.settlement.gens["profit_per_h"], curve + rents, rtol=1e-6)


def test_an_angle_limit_collects_through_the_voltages():
    settlement = PROBLEMS["angle limits"]().settlement
    kinds = settlement.surplus.query("abs(amount_per_h) > 0.1")["kind"]
    assert set(kinds) == {"voltage limits"}


def test_the_account_apart_is_what_the_full_price_would_add():
    net, inverters = case39()
    found = solved(net, inverters, outages=[6], emergency=1.2)
    full = 0.0
    buses = found.buses
    full += buses["lmp_p_limits_per_mwh"] @ buses["p_load_mw"]
    full += buses["lmp_q_limits_per_mvarh"] @ buses["q_load_mvar"]
    after = found.after
    through = after.lmp - after.balance
    full += (through * np.array(after.demand)).sum()
    assert abs(full) > 1
    assert amount(found.settlement, "apart") == pytest.approx(full, rel=1e-9)
    assert found.settlement.loads["limits_per_h"].sum() == pytest.approx(full, rel=1e-9)


def test_an_outage_has_an_account_of_its_own():
    settlement = PROBLEMS["outages"]().settlement
    names = settlement.accounts.query("kind == 'surplus'")["name"].tolist()
    assert names[-3:] == ["after branch 6", "after branch 13", "not closed"]
    assert collected(settlement, "stability rows", "inverter 32") > 1000
    assert (settlement.gens["outages_per_h"] != 0).all()
    droop = settlement.surplus.query("kind == 'droop response'")
    assert set(droop["state"]) == {"branch 6", "branch 13"}
    assert set(droop["element"]) <= {f"inverter {bus}" for bus in range(30, 40)}


def test_lost_load_is_a_cost_and_no_payment():
    found = PROBLEMS["lost load"]()
    shed = found.buses["p_shed_mw"].sum()
    assert shed > 1
    settlement = found.settlement
    assert amount(settlement, "cost", "lost load") == pytest.approx(400 * shed, rel=1e-9)
    assert settlement.loads["lost_load_per_h"].sum() == pytest.approx(400 * shed, rel=1e-9)
    # the load that is shed is of constant current in part, and its cost follows the voltage
    assert amount(settlement, "surplus", "costs that follow voltages") > 1


def test_violated_limits_are_a_cost():
    found = PROBLEMS["soft limits"]()
    assert len(found.violations)
    expected = found.violations["cost_per_h"].sum()
    assert amount(found.settlement, "cost", "violated limits") == pytest.approx(expected, abs=1e-2)


# -- changes by hand ----------------------------------------------------------


def test_rows_of_ones_own_have_an_account():
    net, inverters = case39()
    problem = scopf.build(net, inverters)
    m = problem.model
    m.ceiling = pyo.Constraint(expr=m.bus_vm[36] + m.bus_vm[30] <= 2.04)
    found = scopf.solve(problem, options=EXACT)
    price = -found.constraints["dcost_dlimit"][0]
    assert price > 1
    assert collected(found.settlement, "further rows", "ceiling") == pytest.approx(
        price * 2.04 / 2, rel=1e-5
    )
    assert abs(found.settlement.residual) < 1e-7 * amount(found.settlement, "payment")


def test_a_rewritten_balance_has_an_account():
    net, inverters = case39()
    problem = scopf.build(net, inverters, criterion="none")
    m = problem.model
    row = m.bus_balance_p[5]  # a bus without load
    row.set_value(row.body - 0.1 * m.bus_vm[5] ** 3 == row.upper)
    found = scopf.solve(problem, options=EXACT)
    settlement = found.settlement
    assert collected(settlement, "further rows", "bus 5") > 1
    assert abs(settlement.residual) < 1e-7 * amount(settlement, "payment")


def test_a_voltage_held_fixed_and_a_cost_of_ones_own():
    net, inverters = case39()
    problem = scopf.build(net, inverters, criterion="none", eta_q=0.1)
    m = problem.model
    m.bus_vm[39].fix(0.98)
    m.total_cost.expr = m.total_cost.expr + 1000 * (m.bus_vm[20] - 1.0) ** 2
    found = scopf.solve(problem, options=EXACT)
    settlement = found.settlement
    vm = found.buses.set_index("bus")["vm"][20]
    assert collected(settlement, "costs that follow voltages") == pytest.approx(
        1000 * (vm - 1.0) * vm, rel=1e-4
    )
    assert abs(settlement.residual) < 1e-7 * amount(settlement, "payment")
    assert amount(settlement, "cost", "further costs") == pytest.approx(
        1000 * (vm - 1.0) ** 2, rel=1e-2
    )
    held = collected(settlement, "voltages held fixed")

    def cost(value):
        m.bus_vm[39].fix(value)
        return scopf.solve(problem, options=EXACT).cost

    slope = (cost(0.9801) - cost(0.9799)) / 2e-4
    assert held == pytest.approx(-0.5 * slope * 0.98, rel=1e-3)


def test_a_later_update_does_not_change_it():
    net, inverters = case39()
    problem = scopf.build(net, inverters, voll=1000.0)
    first, again = scopf.solve(problem), scopf.solve(problem)
    expected = first.settlement.accounts
    problem.update(load_scale=0.9, mq=0.1, voll=2000.0)
    scopf.solve(problem)
    assert again.settlement.accounts["amount_per_h"].tolist() == pytest.approx(
        expected["amount_per_h"].tolist(), abs=1e-3
    )


def test_a_stored_solution_has_the_same(tmp_path):
    found = PROBLEMS["outages"]()
    found.save(tmp_path / "solution.json")
    again = scopf.load_solution(tmp_path / "solution.json")
    assert str(again.settlement) == str(found.settlement)


def test_a_pickled_solution_has_the_same():
    found = PROBLEMS["outages"]()
    unread = pickle.loads(pickle.dumps(found))
    assert str(unread.settlement) == str(found.settlement)
    assert str(pickle.loads(pickle.dumps(found)).settlement) == str(found.settlement)


def test_nothing_is_computed_in_a_solve(monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(Slopes, "scaling", property(refuse))
    monkeypatch.setattr(Slopes, "jacobian", property(refuse))
    assert scopf.solve(scopf.build(*case39())).solved


def test_after_a_solve_that_failed_nobody_pays():
    net, inverters = case39()
    found = scopf.solve(scopf.build(net, inverters, load_scale=3.0, outages=[6], voll=None))
    assert not found.solved
    settlement = found.settlement
    assert settlement.accounts["amount_per_h"].isna().all()
    assert settlement.loads["payment_per_h"].isna().all()
    assert settlement.states["surplus_per_h"].isna().all()
    assert settlement.inverters["stability_per_h"].isna().all()
    assert settlement.surplus.empty
    assert np.isnan(settlement.residual)
    assert "the solve failed" in str(settlement)


def test_the_text_adds_up_small_outages(monkeypatch):
    monkeypatch.setattr(scopf.results.settlement, "_OUTAGES", 2)
    net, inverters = case39(0.1)
    found = solved(net, inverters, outages=[1, 6, 13, 10, 18], emergency=1.4, voll=2000.0)
    assert len(found.states) == 6
    settlement = found.settlement
    lines = [line for line in str(settlement).splitlines() if "after" in line]
    accounts = settlement.accounts
    after = accounts[accounts["name"].str.startswith("after")]["amount_per_h"]
    rest = after.drop(after.abs().nlargest(2).index)
    assert "after 3 further outages" in lines[2]
    assert float(lines[2].split()[-1]) == pytest.approx(rest.sum(), abs=0.01)
    assert "not closed" in str(settlement)


def test_the_text_has_every_account():
    settlement = PROBLEMS["pairs"]().settlement
    text = str(settlement)
    for name in settlement.accounts["name"]:
        assert name in text
    assert max(map(len, text.splitlines())) <= 80
    assert "<table>" in settlement._repr_html_()
    assert "inverter 32" in settlement._repr_html_()


# -- hours ----------------------------------------------------------

STORAGE = pd.DataFrame(
    {"bus": [16], "p_mw": [50], "e_mwh": [100], "eta_c": [0.95], "eta_d": [0.95], "s_mva": [60]}
)


def a_day(**more):
    net = scopf.load_case("case39").lossless()
    hours = pd.DataFrame({"duration_h": [2, 1, 0.5], "load_scale": [0.9, 1, 1.05]})
    given = {"hours": hours, "storage": STORAGE, "ramps": 120} | more
    return solved(net, scopf.Inverters.at_generators(net, mq=0.2), **given)


@pytest.mark.parametrize(
    "more",
    [
        {"storage": STORAGE.assign(mq=0.05)},
        {"storage": STORAGE.assign(r=0.05, p_loss_mw=1), "voll": 40, "soft": {"ratings": 50}},
        {"storage": None, "ramps": None, "criterion": "C1", "capability": False},
    ],
)
def test_hours_close_and_add_up(more):
    sol = a_day(**more)
    found, hours = sol.settlement, np.array([2, 1, 0.5])
    paid = found.accounts.groupby("kind")["amount"].sum()
    assert abs(found.residual) < 1e-6 * paid["payment"]
    assert paid["payment"] == pytest.approx(paid["revenue"] + paid["surplus"], abs=1e-3)
    assert paid["cost"] == pytest.approx(sol.cost, rel=1e-7)
    assert (found.states["payments_per_h"] * hours).sum() == pytest.approx(paid["payment"])
    buses = sol.table("buses")
    by_bus = (
        buses["p_load_mw"] * buses["lmp_p_balance_per_mwh"]
        + buses["q_load_mvar"] * buses["lmp_q_balance_per_mvarh"]
    ).to_numpy().reshape(3, -1) * hours[:, None]
    assert by_bus.sum() == pytest.approx(found.loads["payment"].sum(), rel=1e-9)
    if more["storage"] is None:
        assert not len(found.storage)
    else:
        earned = found.storage["revenue"].tolist()
        assert earned == pytest.approx(sol.storage["earned"].tolist(), rel=1e-9)
        assert found.gens["gen"].tolist() == list(range(1, 11))


def test_lost_opportunity_is_a_cost_of_inverters_beside_storage_too():
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=0.2)
    inverters = inverters.replace(rating=np.full(len(inverters), 20.0))
    given = {"hours": [0.9, 1.0], "storage": STORAGE.assign(mq=0.05), "opportunity_price": 2.0}
    sol = solved(net, inverters, **given)
    paid = sol.settlement.accounts.groupby("kind")["amount"].sum()
    assert sol.cost > sol.table("gens")["cost_per_h"].sum() + 1.0
    assert paid["cost"] == pytest.approx(sol.cost, rel=1e-7)


def test_a_pickled_day_has_the_same():
    sol = a_day()
    before = str(sol.settlement)  # which is read by now
    assert str(pickle.loads(pickle.dumps(sol)).settlement) == before


def test_storage_earns_the_rents_of_its_limits():
    """By stationarity in p_c, p_d, e and Q: the end is that of the beginning, so it cancels."""
    sol = a_day(storage=STORAGE.assign(e_mwh=60.0, e0_mwh=30.0))
    table = sol.table("storage")
    rents = (
        60.0 * table["mu_e_per_mwh"].sum()
        + (table["mu_p_per_mw"] * table[["p_charge_mw", "p_discharge_mw"]].max(axis=1)).sum()
        + (60.0 * table["mu_s_per_mva"]).sum()
    )
    first, last = table["value_per_mwh"].iloc[[0, -1]]
    tied = 30.0 * (last - first)  # of the energy at the end, and at the beginning
    assert sol.settlement.storage["revenue"].sum() == pytest.approx(rents + tied, rel=1e-5)


def test_hours_alike_have_the_settlement_of_one():
    net = scopf.load_case("case39").lossless()
    inv = scopf.Inverters.at_generators(net, mq=0.2)
    one = solved(net, inv).settlement
    two = solved(net, inv, hours=[1.0, 1.0]).settlement
    for name in ("loads", "gens", "inverters"):
        single = getattr(one, name).rename(columns=lambda column: column.removesuffix("_per_h"))
        double = getattr(two, name)
        assert list(double) == list(single)
        money = [c for c in single if c not in ("bus", "gen", "inverter")]
        assert np.allclose(double[money], 2 * single[money], rtol=1e-5, atol=0.05)
