"""Every family of prices against finite differences of the optimal cost."""

import numpy as np
import pytest

import scopf

pytestmark = pytest.mark.core

STEP = 1e-4  # per unit


def optimal_cost(net, inverters=None, criterion="none", **costs):
    solution = scopf.solve(scopf.build(net, inverters, criterion=criterion, **costs))
    assert solution.status == "optimal"
    return solution.cost


def slope(cost_at, step=STEP):
    """Central difference of the optimal cost."""
    return (cost_at(step) - cost_at(-step)) / (2 * step)


def moved(net, table, column, row, step):
    values = np.array(getattr(getattr(net, table), column))
    values[row] += step
    return net.replace(**{table: {column: values}})


def solved(case, **tables):
    net = scopf.load_case(case).replace(**tables)
    return net, scopf.solve(scopf.build(net, criterion="none"))


@pytest.mark.parametrize("case", ["case9Q", "pglib_opf_case5_pjm", "pglib_opf_case30_ieee"])
@pytest.mark.parametrize(("price", "column"), [("lmp_p_per_mwh", "pd"), ("lmp_q_per_mvarh", "qd")])
def test_locational_marginal_prices(case, price, column):
    net, solution = solved(case)
    for row in (0, len(net.bus) // 2, len(net.bus) - 1):
        expected = slope(lambda h, row=row: optimal_cost(moved(net, "bus", column, row, h)))
        found = solution.buses[price][row] * net.base_mva
        assert found == pytest.approx(expected, rel=2e-3, abs=0.05)


# Case, table and column of the price, table and column of the limit, which way is more room.
LIMITS = {
    "vm_max": ("pglib_opf_case14_ieee", "buses", "mu_vm_max_per_pu", "bus", "vmax", +1),
    "vm_min": ("pglib_opf_case3_lmbd", "buses", "mu_vm_min_per_pu", "bus", "vmin", -1),
    "p_max": ("pglib_opf_case5_pjm", "gens", "mu_p_max_per_mwh", "gen", "pmax", +1),
    "p_min": ("case118", "gens", "mu_p_min_per_mwh", "gen", "pmin", -1),
    "q_max": ("case118", "gens", "mu_q_max_per_mvarh", "gen", "qmax", +1),
    "q_min": ("pglib_opf_case39_epri", "gens", "mu_q_min_per_mvarh", "gen", "qmin", -1),
    "s_from": ("pglib_opf_case30_ieee", "branches", "mu_s_from_per_mvah", "branch", "rate", +1),
    "s_to": ("pglib_opf_case5_pjm", "branches", "mu_s_to_per_mvah", "branch", "rate", +1),
}


@pytest.mark.parametrize("family", LIMITS)
def test_price_of_a_limit_is_what_more_room_saves(family):
    case, table, price, where, column, relax = LIMITS[family]
    net, solution = solved(case)
    prices = solution.tables[table][price].to_numpy()
    row = int(np.argmax(prices))
    assert prices[row] > 1e-3, "nothing binds in this case: the test would be empty"
    unit = 1.0 if price.endswith("_per_pu") else net.base_mva
    saving = -slope(lambda h: optimal_cost(moved(net, where, column, row, relax * h)))
    other = 0.0
    if column == "rate":  # one rate limits both ends
        both = solution.branches[["mu_s_from_per_mvah", "mu_s_to_per_mvah"]].to_numpy()
        other = both[row].sum() - prices[row]
    assert (prices[row] + other) * unit == pytest.approx(saving, rel=5e-3)
    assert (prices >= 0).all()


@pytest.mark.parametrize(("column", "relax"), [("angmin", -1), ("angmax", +1)])
def test_price_of_an_angle_limit(column, relax):
    net = scopf.load_case("case9")
    free = scopf.solve(scopf.build(net, criterion="none"))
    spread = free.point.va[net.branch_from] - free.point.va[net.branch_to]
    row = int(np.argmax(spread * relax))
    limits = np.array(getattr(net.branch, column))
    limits[row] = 0.7 * spread[row]
    tight = net.replace(branch={column: limits})
    prices = scopf.solve(scopf.build(tight, criterion="none")).branches
    price = prices[f"mu_angle_{column[3:]}_per_degree"]
    saving = -slope(lambda h: optimal_cost(moved(tight, "branch", column, row, relax * h)))
    assert price[row] * 180 / np.pi == pytest.approx(saving, rel=5e-3)
    assert price[row] > 0.01
    assert price.drop(row).max() < 1e-3


@pytest.mark.parametrize(("lossless", "droop"), [(True, 0.21), (False, 0.35)])
@pytest.mark.parametrize("eta_q", [0.0, 0.1])
def test_nssp_is_the_slope_of_the_cost_over_the_limit(lossless, droop, eta_q):
    """NSSP_i = -dJ*/dGamma_i, hence dJ*/dm_q,i = NSSP_i Gamma_i / m_q,i."""
    net = scopf.load_case("case39")
    net = net.lossless() if lossless else net
    mq = dict.fromkeys(range(30, 40), droop)

    def cost(bus, step):
        inverters = scopf.Inverters.at_generators(net, mq={**mq, bus: mq[bus] + step})
        return optimal_cost(net, inverters, "voltage-difference", eta_q=eta_q)

    problem = scopf.build(net, scopf.Inverters.at_generators(net, mq=mq), eta_q=eta_q)
    solution = scopf.solve(problem)
    table = solution.inverters.set_index("bus")
    bus = int(table["nssp_per_pu"].idxmax())
    expected = slope(lambda h: cost(bus, h), step=2e-4)
    found = table.loc[bus, "nssp_per_pu"] * table.loc[bus, "limit_pu"] / mq[bus]
    assert found > 1
    assert found == pytest.approx(expected, rel=2e-3)

    problem.model.inverter_gamma_offset[bus] = 1e-5
    ahead = scopf.solve(problem).cost
    problem.model.inverter_gamma_offset[bus] = -1e-5
    behind = scopf.solve(problem).cost
    assert table.loc[bus, "nssp_per_pu"] == pytest.approx((behind - ahead) / 2e-5, rel=2e-3)


def test_pair_prices_add_up_to_the_nssp():
    net = scopf.load_case("case39").lossless()
    solution = scopf.solve(scopf.build(net, scopf.Inverters.at_generators(net, mq=0.22)))
    total = solution.pairs.groupby("bus")["price_per_pu"].sum()
    assert solution.inverters.set_index("bus")["nssp_per_pu"].to_numpy() == pytest.approx(
        total.to_numpy()
    )


def test_costs_of_generators_add_up_to_the_objective():
    for case in ("case9Q", "case118", "pglib_opf_case5_pjm"):
        net = scopf.load_case(case)
        solution = scopf.solve(scopf.build(net, criterion="none", eta_q=0.3))
        assert solution.gens["cost_per_h"].sum() == pytest.approx(solution.cost, rel=1e-9)
