"""Marginal prices of load against finite differences of problems that are built again.

A load is on the right of its bus's balance, and a shunt of the reduced network, on which the limits
of a criterion depend: the price is the sum of what both cost.
"""

import logging

import numpy as np
import pytest

import scopf
from scopf.engine.functions import cos
from scopf.results.prices import TRACE
from scopf.stability.criteria.voltage_difference import VoltageDifference

STEP = 1e-4  # per unit
EXACT = {"tol": 1e-10}
COLUMNS = {"pd": ("lmp_p", "per_mwh"), "qd": ("lmp_q", "per_mvarh")}
INVERTER, LOADED = 32, 7


class Own(scopf.Criterion):
    """A criterion of one method, not linear in the susceptance."""

    name = "own"

    def term(self, b, v_i, v_j, angle):
        return b * (v_j / cos(angle) - v_i) + 0.002 * b * b * v_j


class Heavier(Own):
    """With a contribution of the bus itself."""

    name = "heavier"

    def own(self, b, v):
        return -0.01 * b * v


def plain():
    return scopf.load_case("case39").lossless()


def lossy():
    return plain().replace(branch={"r": 0.5 * scopf.load_case("case39").branch.r})


def shifted():
    """Phase shifters between buses without an inverter: Y_red is not symmetric."""
    net = plain()
    shift = np.zeros(len(net.branch))
    shift[[5, 11, 16]] = 0.1, -0.08, 0.05
    return net.replace(branch={"shift": shift})


def with_current():
    """Half of the load at buses 7 and 8 is of constant current, a load at an inverter too."""
    net = plain()
    at = net.bus_positions([7, 8])
    pd, qd = net.bus.pd.copy(), net.bus.qd.copy()
    pd_current, qd_current = np.zeros((2, len(net.bus)))
    pd_current[at], qd_current[at] = pd[at] / 2, qd[at] / 2
    pd[at] /= 2
    qd[at] /= 2
    inverter = net.bus_positions([INVERTER])
    pd[inverter], qd[inverter] = 0.5, 0.2
    return net.replace(bus={"pd": pd, "qd": qd, "pd_current": pd_current, "qd_current": qd_current})


NETS = {
    "plain": plain,
    "lossy": lossy,
    "shifted": shifted,
    "with-current": with_current,
}
CRITERIA = {
    "voltage-difference": ("voltage-difference", 0.24),
    "maxima": (VoltageDifference("maximum"), 0.24),
    "C0": ("C0", 0.5),
    "C1": ("C1", 0.5),
    "C2": ("C2", 0.5),
    "own": (Own(), 0.3),
    "heavier": (Heavier(), 0.3),
    "weighted": ("weighted", 0.36),
}
NUMBERS = {
    "alpha": {"alpha": 0.97},
    "scaled": {"load_scale": {7: 1.02, 32: 0.9}, "droop_margin": 0.03, "margin": 1e-3},
    "codesign": {"mq_bounds": (0.02, 0.4), "stiffness_cost": 3.0},
}


def solved(net, name, **numbers):
    criterion, mq = CRITERIA[name]
    inverters = scopf.Inverters.at_generators(net, mq=mq)
    problem = scopf.build(net, inverters, criterion=criterion, **{"eta_q": 0.1, **numbers})
    solution = scopf.solve(problem, options=EXACT)
    assert solution.status == "optimal"
    return solution


def moved(net, column, bus, step):
    values = getattr(net.bus, column).copy()
    values[net.bus_positions([bus])] += step
    return net.replace(bus={column: values})


def prices(solution, column, bus):
    """Price, part of the balance and part of the limits of a load, per MWh or MVArh."""
    (name, unit), row = COLUMNS[column], solution.buses.set_index("bus").loc[bus]
    parts = (row[f"{name}_{unit}"], row[f"{name}_balance_{unit}"], row[f"{name}_limits_{unit}"])
    assert parts[0] == pytest.approx(parts[1] + parts[2], rel=1e-12)
    return parts


def is_the_slope(net, name, **numbers):
    """Compare prices at an inverter and at a load; returns the largest part of the limits."""
    solution, largest = solved(net, name, **numbers), 0.0
    for bus in (INVERTER, LOADED):
        factor = numbers.get("load_scale", {}).get(bus, 1.0)  # it scales the step too
        for column in COLUMNS:
            ahead, behind = (
                solved(moved(net, column, bus, h / factor), name, **numbers).cost
                for h in (STEP, -STEP)
            )
            slope = (ahead - behind) / (2 * STEP * net.base_mva)
            total, _, limits = prices(solution, column, bus)
            assert total == pytest.approx(slope, rel=1e-5, abs=1e-4)
            largest = max(largest, abs(limits))
    return largest


def test_a_load_at_an_inverter_costs_its_limit_too():
    """10.59 with the limits held, 11.02 in truth."""
    total, balance, limits = prices(solved(plain(), "voltage-difference"), "qd", INVERTER)
    assert total == pytest.approx(11.0202, abs=1e-3)
    assert balance == pytest.approx(10.5921, abs=1e-3)
    assert limits == pytest.approx(0.4281, abs=1e-3)


# Every criterion in the network whose reduction is the least regular, and every network with one
# criterion of rows by pair, with one of one's own, and with one on the full network.
FEW = ("voltage-difference", "own", "weighted")
WHERE = [(name, "shifted") for name in CRITERIA]
WHERE += [(name, where) for where in NETS for name in FEW if where != "shifted"]


@pytest.mark.parametrize(("name", "where"), WHERE)
def test_prices_of_load_are_slopes_of_problems_built_again(name, where):
    largest = is_the_slope(NETS[where](), name)
    assert (largest > 0.02) == (name != "weighted")


SCALED = [(name, "scaled") for name in CRITERIA]
SCALED += [(name, numbers) for numbers in NUMBERS for name in FEW if numbers != "scaled"]


@pytest.mark.parametrize(("name", "numbers"), SCALED)
def test_whatever_the_numbers_of_the_problem(name, numbers):
    is_the_slope(plain(), name, **NUMBERS[numbers])


def test_a_criterion_on_the_full_network_and_none_have_no_part_of_limits():
    net = plain()
    for solution in (solved(net, "weighted"), scopf.solve(scopf.build(net, criterion="none"))):
        columns = solution.buses.filter(like="_limits_")
        assert columns.shape == (39, 2)
        assert not columns.to_numpy().any()


def test_rows_of_ones_own_that_do_not_tell_have_no_price_of_load():
    class Silent(VoltageDifference):
        def parameters(self, setting):
            return super().parameters(setting)

        def read(self, *args):
            found = super().read(*args)
            return type(found)(**{**vars(found), "load_prices": None})

    net = plain()
    buses = scopf.solve(scopf.build(net, criterion=Silent())).buses
    assert buses["lmp_p_per_mwh"].isna().all()
    assert buses["lmp_p_limits_per_mwh"].isna().all()
    assert buses["lmp_p_balance_per_mwh"].notna().all()


def test_the_parts_are_those_of_the_solve_after_later_changes():
    problem = scopf.build(plain(), scopf.Inverters.at_generators(plain(), mq=0.24), eta_q=0.1)
    expected = scopf.solve(problem).buses
    for change in ({"load_scale": 0.9}, {"mq": 0.3, "alpha": 1.1}):
        solution = scopf.solve(problem)
        problem.update(**change)
        scopf.solve(problem)
        np.testing.assert_allclose(solution.buses, expected, rtol=1e-6, atol=1e-6)
        problem.update(load_scale=1.0, mq=0.24, alpha=1.0)


@pytest.mark.parametrize("name", ["voltage-difference", "C1"])
def test_loads_set_by_hand_have_the_prices_of_the_network_with_them(name):
    net, column = plain(), "lmp_q_per_mvarh"
    criterion, mq = CRITERIA[name]
    inverters = scopf.Inverters.at_generators(net, mq=mq)
    problem = scopf.build(net, inverters, criterion=criterion, eta_q=0.1)
    problem.model.bus_qd[LOADED] = problem.model.bus_qd[LOADED].value + 0.3
    by_hand = scopf.solve(problem, options=EXACT).buses
    again = solved(moved(net, "qd", LOADED, 0.3), name).buses
    np.testing.assert_allclose(by_hand[column], again[column], rtol=1e-6)


def test_a_limit_set_by_hand_follows_no_load(caplog):
    net = plain()
    inverters = scopf.Inverters.at_generators(net, mq=0.24)
    problem = scopf.build(net, inverters, eta_q=0.1)
    with caplog.at_level(logging.ERROR):
        m = problem.model
        m.inverter_gamma_unit[INVERTER] = 1.01 * m.inverter_gamma_unit[INVERTER].value
        found = scopf.solve(problem, options=EXACT)
        priced = found.inverters.set_index("bus")["nssp_per_pu"] > TRACE
        assert priced.index[priced].tolist() == [INVERTER]
        assert prices(found, "qd", INVERTER)[2] == 0
