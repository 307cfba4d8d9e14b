"""The published numbers of Wang and Geng, arXiv 2604.17603 (2026)."""

import numpy as np
import pytest

import scopf
from scopf.network.kron import Reduction

pytestmark = pytest.mark.core

FREE = 1e-2  # droop so small that the other inverter's row is far away


def two_bus(case, limit):
    """The paper's two-bus system with the row V2 - V1 <= limit."""
    net = scopf.load_case(case)
    b_11 = Reduction(net, np.arange(2)).susceptance[0, 0]
    mq = {1: 1 / (2 * b_11 * limit), 2: FREE}
    return scopf.build(net, scopf.Inverters.at_generators(net, mq=mq))


TABLE_I = {
    0.005: -0.02950, 0.010: -0.02935, 0.015: -0.02921,
    0.020: -0.02907, 0.025: -0.02892, 0.030: -0.02878,
}  # fmt: skip


@pytest.mark.parametrize("limit", TABLE_I)
def test_table_1_optimum_is_a_flat_face_and_its_price_is_zero(limit):
    free = scopf.solve(two_bus("two_bus_p", limit))
    assert free.cost == pytest.approx(0.7456, abs=5e-5)
    assert free.inverters["nssp_per_pu"].max() < 1e-6
    assert free.point.vm[1] <= 1 + limit

    problem = two_bus("two_bus_p", limit)
    problem.model.bus_vm[2].fix(1 + limit)  # the point of the face that the paper prints
    at_row = scopf.solve(problem)
    assert at_row.cost == pytest.approx(free.cost, rel=1e-7)
    assert at_row.point.va[1] == pytest.approx(TABLE_I[limit], abs=5e-6)


@pytest.mark.parametrize(
    ("limit", "cost", "angle", "voltage", "price"),
    [
        (0.040, 1.4009, -0.0951, 1.0400, 8.0485),
        (0.042, 1.3878, -0.0959, 1.0420, 5.0699),
        (0.500, 1.3792, -0.0973, 1.0454, 0.0),
    ],
)
def test_table_2_reactive_cost_makes_the_price_positive(limit, cost, angle, voltage, price):
    solution = scopf.solve(two_bus("two_bus_q", limit))
    assert solution.status == "optimal"
    assert solution.cost == pytest.approx(cost, abs=5e-5)
    assert solution.point.va[1] == pytest.approx(angle, abs=5e-5)
    assert solution.point.vm[1] == pytest.approx(voltage, abs=5e-5)
    assert solution.inverters["nssp_per_pu"][0] == pytest.approx(price, abs=5e-4)


def test_two_bus_price_is_the_closed_form():
    """price = 2B [d1 Q1 V1 sec th - d2 Q2 (2 V2 - V1 sec th)] where only the row binds."""
    solution = scopf.solve(two_bus("two_bus_q", 0.04))
    b, (v1, v2) = 8.0, solution.point.vm
    sec = 1 / np.cos(solution.point.va[1])
    q1, q2 = solution.point.qg - solution.point.loads["qd"]
    loads = solution.point.loads["qd"]
    price = 2 * b * (8 * (q1 + loads[0]) * v1 * sec - 3 * (q2 + loads[1]) * (2 * v2 - v1 * sec))
    assert solution.inverters["nssp_per_pu"][0] == pytest.approx(price, rel=1e-5)


def test_two_bus_nominal_loads_of_the_paper():
    net = scopf.load_case("two_bus_q")
    net = net.replace(bus={"pd": [0.15, 0.95], "qd": [0.45, 0.05]})
    b_11 = Reduction(net, np.arange(2)).susceptance[0, 0]
    inverters = scopf.Inverters.at_generators(net, mq={1: 1 / (2 * b_11 * 0.04), 2: FREE})
    solution = scopf.solve(scopf.build(net, inverters))
    assert solution.cost == pytest.approx(1.1199, abs=5e-5)
    assert solution.inverters["nssp_per_pu"][0] == pytest.approx(0.489, abs=5e-4)


# -- IEEE 39-bus -----------------------------------------------

J0 = 41263.94


def case39(mq=0.2, *, alpha=1.0, eta_q=0.0, criterion="voltage-difference"):
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=mq)
    return scopf.solve(scopf.build(net, inverters, eta_q=eta_q, criterion=criterion, alpha=alpha))


def test_39_bus_without_stability_rows():
    assert case39(criterion="none").cost == pytest.approx(J0, abs=5e-3)


@pytest.mark.parametrize(
    ("mq", "increase", "price"),
    [
        (0.186, 0.030, 167),
        (0.188, 0.428, 639),
        (0.19, 1.281, 1120),
        (0.20, 12.21, 3917),
        (0.21, 35.26, 7349),
        (0.22, 69.70, 11096),
        (0.25, 231.5, 24046),
    ],
)
def test_39_bus_cost_and_price_over_droop(mq, increase, price):
    solution = case39(mq)
    assert solution.status == "optimal"
    assert len(solution.pairs) == 90
    digits = 10.0 ** -len(str(increase).partition(".")[2])
    assert solution.cost - J0 == pytest.approx(increase, abs=digits)  # J0 has two digits itself
    inverters = solution.inverters.set_index("bus")
    assert inverters.loc[32, "nssp_per_pu"] == pytest.approx(price, rel=1e-3, abs=0.5)
    assert inverters.drop(index=32)["nssp_per_pu"].max() < 0.01


def test_39_bus_only_inverter_32_is_priced_through_four_pairs():
    pairs = case39(0.2).pairs
    binding = pairs[pairs["binding"]]
    assert set(zip(binding["bus"], binding["neighbor"], strict=True)) == {
        (32, 30),
        (32, 36),
        (32, 37),
        (32, 38),
    }
    assert (binding["price_per_pu"] > 1).all()
    assert pairs[~pairs["binding"]]["price_per_pu"].max() < 0.01


def test_39_bus_price_is_zero_below_the_critical_droop():
    below = case39(0.185)
    assert below.cost == pytest.approx(J0, abs=5e-3)
    assert below.inverters["nssp_per_pu"].max() < 0.1  # 167 at .186
    assert not below.pairs["binding"].any()


@pytest.mark.parametrize(
    ("eta_q", "critical"),
    [(0.0, 0.1854), (0.1, 0.1928), (0.5, 0.2127), (1.0, 0.2292), (2.0, 0.2531)],
)
def test_39_bus_critical_droop_rises_with_reactive_cost(eta_q, critical):
    below, above = (case39(critical + step, eta_q=eta_q) for step in (-2e-4, 2e-4))
    assert not below.pairs["binding"].any()
    assert set(above.pairs[above.pairs["binding"]]["bus"]) == {32}


@pytest.mark.parametrize(
    ("alpha", "price"), [(0.9, 18828), (0.95, 12745), (1.0, 3917), (1.05, 0), (1.3, 0)]
)
def test_39_bus_price_falls_with_grid_strength(alpha, price):
    found = case39(0.2, alpha=alpha).inverters.set_index("bus").loc[32, "nssp_per_pu"]
    assert found == pytest.approx(price, rel=1e-3, abs=0.5)


@pytest.mark.parametrize("eta_q", [0.1, 0.5])
def test_39_bus_price_over_grid_strength_is_u_shaped_with_reactive_cost(eta_q):
    weak, middle, strong = (
        case39(0.2, alpha=alpha, eta_q=eta_q).inverters["nssp_per_pu"].sum()
        for alpha in (0.9, 1.1, 1.3)
    )
    assert middle < 1 < min(weak, strong)


def test_39_bus_is_infeasible_for_a_large_droop_and_then_has_no_prices():
    assert case39(0.485).solved
    failed = case39(0.49)
    assert failed.status == "infeasible"
    assert not failed.solved
    assert np.isnan(failed.cost)
    for table in failed.tables.values():
        prices = table.filter(regex=r"^(mu_|lmp_|nssp_|price_per)")
        assert prices.isna().all(axis=None)
