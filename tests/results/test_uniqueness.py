"""Prices where the optimal cost has a kink, and where it has none."""

import numpy as np
import pyomo.environ as pyo
import pytest
from scipy.linalg import null_space

import scopf
from scopf.results import uniqueness
from scopf.stability.criteria.voltage_difference import VoltageDifference

EXACT = {"tol": 1e-10}
STEP = 1e-5
BUS = 31


def raised():
    """Inverter 31 would go below .98 p.u., which is its lower limit here."""
    net = scopf.load_case("case39").lossless()
    vmin = net.bus.vmin.copy()
    vmin[net.bus_positions([BUS])] = 0.98
    return net.replace(bus={"vmin": vmin})


def designed(largest=0.4, criterion="voltage-difference"):
    bounds = dict.fromkeys(range(30, 40), (0.02, 0.4))
    bounds[BUS] = 0.02, largest
    return scopf.build(raised(), criterion=criterion, mq_bounds=bounds, stiffness_cost=3.0)


def softest():
    """Droop of the inverter, when its row joins two voltages at their bounds."""
    table = scopf.solve(designed(), options=EXACT).inverters.set_index("bus")
    assert table.loc[BUS, "vm"] == pytest.approx(0.98, abs=1e-6)
    assert 0.02 < table.loc[BUS, "mq"] < 0.39
    return table.loc[BUS, "mq"]


def one_sided_savings(problem, bus):
    """What a little more, and a little less, of the limit saves and costs, per unit."""
    cost = scopf.solve(problem, options=EXACT).cost
    slopes = []
    for step in (STEP, -STEP):
        problem.model.inverter_gamma_offset[bus] = step
        slopes.append((cost - scopf.solve(problem, options=EXACT).cost) / step)
    problem.model.inverter_gamma_offset[bus] = 0.0
    return slopes


@pytest.mark.parametrize("criterion", ["voltage-difference", VoltageDifference("maximum")])
@pytest.mark.parametrize("options", [EXACT, {}], ids=["exact", "default"])
def test_a_price_at_a_kink_of_codesign_is_one_of_many(options, criterion):
    problem = designed(softest(), criterion)
    solution = scopf.solve(problem, options=options)
    table = solution.inverters.set_index("bus")
    assert table.index[~table["price_unique"]].tolist() == [BUS]
    more, less = one_sided_savings(problem, BUS)
    assert more < 1  # no softer droop is allowed, and no lower voltage
    assert less == pytest.approx(162.6, abs=0.1)  # a stiffer inverter costs that much
    assert more + 1 < table.loc[BUS, "nssp_per_pu"] < less - 1
    assert f"The price of bus {BUS} is one of many" in str(solution)
    for bus in (32, 33, 34, 39):
        price = table.loc[bus, "nssp_per_pu"]
        assert one_sided_savings(problem, bus) == pytest.approx([price, price], rel=0.01)


@pytest.mark.parametrize("form", ["reduced", "lifted"])
def test_without_the_coincidence_it_is_the_only_one(form):
    """Several neighbours at one voltage leave their pairs' prices open, but not their sum."""
    solution = scopf.solve(designed(), form=form)
    assert (solution.inverters["nssp_per_pu"] > 1).sum() == 5
    assert solution.inverters["price_unique"].all()
    assert "kink" not in str(solution)


@pytest.mark.parametrize(
    ("criterion", "mq"),
    [("voltage-difference", 0.24), ("weighted", 0.4), ("C0", 0.5), ("C1", 0.5), ("C2", 0.5)],
)
@pytest.mark.parametrize("eta_q", [0.0, 0.1])
@pytest.mark.parametrize("form", ["reduced", "lifted"])
def test_ordinary_prices_are_the_only_ones(criterion, mq, eta_q, form):
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=mq)
    problem = scopf.build(net, inverters, criterion=criterion, eta_q=eta_q)
    solution = scopf.solve(problem, form=form)
    table = solution.inverters
    assert table["nssp_per_pu"].max() > 1
    assert table["price_unique"].dtype == bool
    assert table["price_unique"].all()


def test_a_row_that_is_there_twice_has_many_prices():
    net = scopf.load_case("case39").lossless()
    problem = scopf.build(net, scopf.Inverters.at_generators(net, mq=0.24), eta_q=0.1)
    pairs = scopf.solve(problem).pairs
    dear = pairs.loc[pairs["price_per_pu"].idxmax()]
    i, j = int(dear["bus"]), int(dear["neighbor"])
    m = problem.model
    m.twice = pyo.Constraint(expr=3 * (m.bus_vm[j] - m.bus_vm[i]) <= 3 * dear["limit_pu"])
    table = scopf.solve(problem).inverters.set_index("bus")
    assert table.index[~table["price_unique"]].tolist() == [i]


def test_without_a_solution_none_is():
    net = scopf.load_case("case39").lossless()
    failed = scopf.solve(scopf.build(net, scopf.Inverters.at_generators(net, mq=0.6)))
    assert not failed.solved
    assert not failed.inverters["price_unique"].any()


def test_the_answer_is_that_of_the_null_space():
    """Random rows, some of them combinations of others, lengths over two decades."""
    rng = np.random.default_rng(7)
    seen = set()
    for _ in range(200):
        m, n, dependent = rng.integers(2, 9), rng.integers(2, 9), rng.integers(0, 3)
        rows = rng.normal(size=(m, n))
        for _ in range(dependent):
            part = rng.normal(size=(1, len(rows))) * (rng.random(len(rows)) < 0.4)
            mixed = part @ rows
            rows = np.vstack([rows, mixed])
        rows *= 10.0 ** rng.integers(-1, 2, size=(len(rows), 1))
        length = np.linalg.norm(rows, axis=1)
        length[length == 0] = 1.0
        owner = np.sort(rng.integers(0, 3, size=min(len(rows), 4)))
        places = rng.permutation(len(rows))[: len(owner)]
        at, to = rows.nonzero()
        a = uniqueness.Gradients(at, to, rows[at, to] / length[at], length, n)
        found = uniqueness._determined(a, owner, places, 3)
        c = np.zeros((3, len(rows)))
        c[owner, places] = 1.0 / length[places]
        left = np.abs(c @ null_space((rows / length[:, None]).T, rcond=1e-9)).max(axis=1, initial=0)
        expected = left < 1e-6 * np.maximum(np.linalg.norm(c, axis=1), 1e-300)
        expected |= ~c.any(axis=1)
        assert found.tolist() == expected.tolist()
        seen.update(expected.tolist())
    assert seen == {True, False}
