"""Rows of grids with machines and grid-following inverters: prices, updates, soft limits."""

import numpy as np
import pandas as pd
import pyomo.environ as pyo
import pytest

import scopf
from tests.grids import dc_line, side_by_side

ODD, EVEN = [31, 33, 35, 37, 39], [30, 32, 34, 36, 38]
HELD = [30, 37, 39]  # inverters beside the devices of `both`


@pytest.fixture(scope="module")
def net():
    return scopf.load_case("case39").lossless()


def machines(buses, **columns):
    table = scopf.devices_table("case39")
    return table[table["bus"].isin(buses)].assign(**columns)


def both():
    """Slow regulators and lagging support, so that rows of the steady and the transient bind."""
    support = pd.DataFrame({"bus": [33, 34, 35, 36], "device": "gfl", "kv": 9.0, "tv": 0.05})
    return pd.concat([machines([31, 32, 38], device="avr", ka=0.5, ta=0.05), support])


@pytest.fixture(scope="module")
def of_both(net):
    problem = scopf.build(net, mq=0.5, criterion="weighted", devices=both())
    return problem, scopf.solve(problem)


# -- two sets of rows -----------------------------------------------


def test_rows_of_two_sets_can_be_told_apart(of_both, net):
    _, found = of_both
    assert found.pairs["slopes"].value_counts().to_dict() == {"steady": 39, "transient": 39}
    priced = found.pairs.groupby("slopes")["price_per_pu"].sum()
    assert (priced > 1e4).all()
    assert found.pairs["binding"].all()
    one = scopf.solve(scopf.build(net, mq=0.2, criterion="weighted", devices=machines(ODD)))
    assert "slopes" not in one.pairs


def test_prices_are_the_sum_of_both_sets(of_both):
    """Central differences of re-solved costs."""
    problem, found = of_both
    at = found.inverters.set_index("bus")
    assert at.index.tolist() == HELD
    try:
        for bus in HELD:
            costs = [
                scopf.solve(problem.update(mq={**dict.fromkeys(HELD, 0.5), bus: 0.5 + step})).cost
                for step in (-1e-4, 1e-4)
            ]
            slope = (costs[1] - costs[0]) / 2e-4
            assert at.loc[bus, "dcost_dmq"] == pytest.approx(slope, rel=1e-5)
            assert at.loc[bus, "nssp_per_pu"] == pytest.approx(slope * 0.5**2, rel=1e-5)
    finally:
        problem.update(mq=0.5)


def test_a_margin_is_left_by_both_sets(of_both):
    problem, _ = of_both
    try:
        found = scopf.solve(problem.update(margin=1e-4))
        costs = [scopf.solve(problem.update(margin=1e-4 + x)).cost for x in (-1e-5, 1e-5)]
    finally:
        problem.update(margin=0)
    rows = found.pairs[found.pairs["bus"].isin(HELD)]
    assert (rows["margin"] >= 1e-4 - 1e-8).all()
    assert found.inverters["margin"].min() == pytest.approx(1e-4, rel=0.02)
    slope = (costs[1] - costs[0]) / 2e-5
    assert rows["price_per_pu"].sum() == pytest.approx(slope, rel=1e-5)


def test_soft_rows_of_two_sets_have_names_of_their_own(net):
    problem = scopf.build(net, mq=1.0, criterion="weighted", devices=both(),
                          soft={"stability": 50.0})  # fmt: skip
    found = scopf.solve(problem)
    assert found.status == "optimal"
    assert found.violations["element"].tolist() == [
        "bus 6 (without an inverter)",
        "bus 6 (without an inverter, transient slopes)",
        "bus 16 (without an inverter, transient slopes)",
    ]
    paid = found.violations["violation"] @ found.violations["price_per_unit"]
    assert paid == pytest.approx(found.violations["cost_per_h"].sum())
    assert found.settlement.residual == pytest.approx(0, abs=1e-4)
    assert found.claim is None
    # a row that leaves no more than its violation
    rows = found.pairs.set_index(["slopes", "bus"])["margin"]
    for kind, bus, k in (("steady", 6, 0), ("transient", 6, 1), ("transient", 16, 2)):
        size = found.violations["violation"][k]
        assert rows[kind, bus] == pytest.approx(1e-6 - size, abs=1e-7)


# -- the same problem in other ways -----------------------------------------------


@pytest.mark.parametrize("devices", [machines(ODD), both()], ids=["machines", "both"])
def test_an_update_is_a_new_build(net, devices):
    given = {"criterion": "weighted", "devices": devices}
    numbers = {"mq": 0.17, "load_scale": 0.97, "alpha": 1.05, "margin": 1e-3}
    problem = scopf.build(net, mq=0.2, **given)
    updated = scopf.solve(problem.update(**numbers))
    built = scopf.solve(scopf.build(net, **numbers, **given))
    assert updated.solved
    assert updated.cost == pytest.approx(built.cost, rel=1e-10)
    for name in ("margin", "nssp_per_pu", "limit_pu"):
        assert np.allclose(updated.inverters[name], built.inverters[name], rtol=1e-6, atol=1e-9)


def test_lifted_is_the_same(of_both):
    problem, found = of_both
    lifted = scopf.solve(problem, form="lifted")
    assert lifted.cost == pytest.approx(found.cost, rel=1e-9)
    assert np.allclose(lifted.inverters["nssp_per_pu"], found.inverters["nssp_per_pu"], rtol=1e-5)
    assert lifted.settlement.residual == pytest.approx(0, abs=1e-4)


def test_halves_of_a_machine_at_one_bus_are_the_machine(net):
    """Twice the reactances and half the inertia, side by side."""
    split = _with_halves(net, 33)
    table = _by_gen(split, machines(ODD))
    halves = table["bus"] == 33
    table.loc[halves, ["xd", "xq", "xd1"]] *= 2
    table.loc[halves, "h"] /= 2
    whole = scopf.solve(scopf.build(net, mq=0.2, criterion="weighted", devices=machines(ODD)))
    found = scopf.solve(scopf.build(split, mq=0.2, criterion="weighted",
                                    devices=table.drop(columns="bus")))  # fmt: skip
    assert found.inverters["bus"].tolist() == EVEN
    assert found.cost == pytest.approx(whole.cost, rel=1e-7)
    at = found.devices.groupby("bus")["slope_pu"].sum()
    assert np.allclose(at, whole.devices.set_index("bus")["slope_pu"], rtol=1e-4)


def test_a_machine_beside_an_inverter_at_its_bus(net):
    split = _with_halves(net, 33)
    table = _by_gen(split, machines(ODD)).drop_duplicates("bus")
    found = scopf.solve(scopf.build(split, mq=0.2, criterion="weighted",
                                    devices=table.drop(columns="bus")))  # fmt: skip
    assert sorted(found.inverters["bus"]) == sorted([*EVEN, 33])
    assert found.claim == "stable"
    assert found.verify().stable
    with pytest.raises(scopf.CaseError, match="generators 4, 5 are at this bus: use the column"):
        scopf.build(split, mq=0.2, criterion="weighted", devices=machines(ODD))


def _with_halves(net, bus):
    """The network with two generators of half the size in place of the one at a bus."""
    gen, at = net.gen, int(np.flatnonzero(net.gen.bus == bus)[0])
    order = np.sort(np.append(np.arange(len(gen)), at))
    columns = {name: getattr(gen, name)[order] for name in vars(gen)}
    two = np.flatnonzero(gen.bus[order] == bus)
    columns["id"] = np.arange(1, len(order) + 1)
    for name in ("pg", "qg", "pmin", "pmax", "qmin", "qmax", "mbase"):
        columns[name][two] /= 2
    columns["cost_p"][two] = gen.cost_p[at] * 0.5 ** (1 - np.arange(gen.cost_p.shape[1]))
    return scopf.Network(net.name, net.base_mva, net.bus, type(gen)(**columns), net.branch)


def _by_gen(net, table):
    """A row for each generator of its buses, with the column `gen`."""
    gens = pd.DataFrame({"gen": net.gen.id, "bus": net.gen.bus})
    return gens.merge(table, on="bus")


# -- load angles -----------------------------------------------


def test_load_angles_on_the_pyomo_model(net):
    problem = scopf.build(net, mq=0.2, criterion="weighted", devices=machines(ODD))
    free = scopf.solve(problem)
    m = problem.model
    at = free.devices.set_index("gen").loc[2]
    assert pyo.value(m.machine_slope[2]) == pytest.approx(at["slope_pu"] / 2)
    assert pyo.value(m.machine_load_angle[2].body) == pytest.approx(at["k_pu"])
    assert at["k_pu"] < 6.5
    m.wider = pyo.Constraint(expr=m.machine_load_angle[2].body >= 6.55)
    costs = {}
    for least in (6.54, 6.55, 6.56):
        m.wider.set_value((least, m.machine_load_angle[2].body, None))
        held = scopf.solve(problem)
        costs[least] = held.cost
        assert held.devices["k_pu"][0] == pytest.approx(least, abs=1e-6)
        price = held.constraints["dcost_dlimit"][0]
        if least == 6.55:
            middle = price
    assert middle == pytest.approx((costs[6.56] - costs[6.54]) / 0.02, rel=1e-2)
    assert held.settlement.residual == pytest.approx(0, abs=1e-4)


def test_rows_of_machines_without_inverters_name_their_conflict(net):
    problem = scopf.build(net, criterion="weighted", devices=scopf.devices_table("case39"))
    found = scopf.solve(problem)
    assert found.status == "infeasible"
    text = str(found.diagnosis)
    assert "stability row of bus 6 (without an inverter)" in text
    assert "without any one of these groups: voltage limits, stability rows" in text


# -- islands and DC lines -----------------------------------------------


@pytest.fixture(scope="module")
def two():
    nine = scopf.load_case("case9").lossless()
    return nine, side_by_side(nine, nine, dcline=dc_line(5, 1005, loss0=0))


def test_islands_beside_each_other(two):
    """One of inverters, one of machines, and power that a DC line moves between them."""
    nine, net = two
    table = pd.DataFrame({"gen": [4, 5, 6], "device": "one-axis", "s_mva": 400.0, "d": 2.0})
    problem = scopf.build(net, mq=0.1, criterion="weighted", devices=table)
    found = scopf.solve(problem)
    assert found.status == "optimal"
    assert found.claim == "stable"
    assert found.verify().stable
    assert found.inverters["bus"].tolist() == [1, 2, 3]
    assert len(found.pairs) == len(net.bus)
    assert found.settlement.residual == pytest.approx(0, abs=1e-4)
    alone = table.assign(gen=[1, 2, 3])
    apart = [
        scopf.solve(scopf.build(nine, criterion="weighted", devices=alone)).cost,
        scopf.solve(scopf.build(nine, mq=0.1, criterion="weighted")).cost,
    ]
    assert found.cost <= sum(apart) + 1e-4


def test_an_island_of_grid_following_inverters_has_nothing_that_holds_it(two):
    """It is said beside a mode of the other island that neither grows nor decays."""
    _, net = two
    table = pd.DataFrame({"gen": range(1, 7), "device": ["one-axis"] * 3 + ["gfl"] * 3,
                          "s_mva": 400.0})  # fmt: skip
    found = scopf.solve(scopf.build(net, criterion="weighted", devices=table))
    assert found.claim is None
    assert found.unmet[0] == "island 2 has neither an inverter nor a machine"
    assert len(found.pairs) == len(net.bus) / 2
    exact = found.verify()
    assert exact.stable is None
    assert exact.verdict.startswith("undecided: island 2 (bus ")
    assert "; elsewhere no growing mode: 1 mode within" in exact.verdict
