"""The two ways to write the voltage-difference rows: pair by pair, and with maxima of groups."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest

import scopf
from scopf.engine.nlp import NLP
from scopf.stability.criteria.voltage_difference import VoltageDifference
from tests.grids import meshed

FORMS = ("pairs", "maximum")
TOP = "inverter_group_vm"


def problem(net, rows, mq=0.05, buses=None, **keywords):
    inverters = scopf.Inverters.at_generators(net, mq=mq, buses=buses)
    return scopf.build(net, inverters, criterion=VoltageDifference(rows), **keywords)


def network(case, lossless=True, **tables):
    net = scopf.load_case(case)
    return (net.lossless() if lossless else net).replace(**tables)


# Inverters 1 to 5. Load bus 11 joins 1, 2 and 3; 12 joins 2, 3 and 4 (so that 2 and 3 share two
# groups); a branch alone joins 4 and 5, and another one 1 and 2, which share a group as well.
OVERLAPPING = meshed(
    [(1, 11), (2, 11), (3, 11), (2, 12), (3, 12), (4, 12), (4, 5), (1, 2)],
    [1, 2, 3, 4, 5],
    {11: (0.8, 0.7), 12: (1.0, 0.2), 5: (0.5, 0.9), 1: (0.1, 0.0)},
)

NETWORKS = {
    "one group": (network("case14"), {"mq": 0.3, "eta_q": 0.1}),
    "two groups of one": (network("case30"), {"mq": 0.3, "eta_q": 0.1}),
    "groups that repeat a pair": (network("case57"), {"mq": 0.3, "eta_q": 0.1}),
    "lossy": (network("case57", lossless=False), {"mq": 0.3, "eta_q": 0.1}),
    "many": (network("case118"), {"mq": 0.2, "eta_q": 0.1}),
    "branches and a group": (network("pglib_opf_case5_pjm", False), {"mq": 0.2}),
    "branches alone": (network("pglib_opf_case3_lmbd"), {"mq": 3.0, "d": 0.01}),
    "some inverters": (network("case39"), {"mq": 0.25, "buses": [30, 32, 35, 39], "eta_q": 0.1}),
    "some inverters, lossy": (
        network("case118", lossless=False), {"mq": 0.6, "buses": [12, 25, 26, 49, 59, 80, 89, 100]},
    ),
    "overlapping groups": (OVERLAPPING, {"mq": 1.5}),
    "a margin": (OVERLAPPING, {"mq": 0.8, "margin": 0.012}),
    "a margin on 39 buses": (network("case39"), {"mq": 0.2, "margin": 0.005, "eta_q": 0.1}),
}  # fmt: skip


def solved(name, rows):
    net, keywords = NETWORKS[name]
    made = problem(net, rows, **keywords)
    return made, scopf.solve(made, options={"tol": 1e-9})


# -- the same answer -----------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_both_forms_have_the_same_optimum_and_prices(name):
    (made, pairs), (other, maximum) = (solved(name, rows) for rows in FORMS)
    assert pairs.status == maximum.status == "optimal"
    assert TOP in other.formulation
    assert TOP not in made.formulation
    # The solver's 1e-8 of slack in every row has its price, and a maximum goes through two rows.
    assert maximum.cost == pytest.approx(pairs.cost, rel=2e-6)
    ours, theirs = maximum.inverters, pairs.inverters
    nssp = theirs["nssp_per_pu"].to_numpy()
    assert nssp.max() > 1e-2, "a row should bind"
    scale = nssp.max()
    assert ours["nssp_per_pu"].to_numpy() == pytest.approx(nssp, rel=2e-3, abs=1e-4 * scale)
    assert ours["limit_pu"].to_numpy() == pytest.approx(theirs["limit_pu"].to_numpy(), nan_ok=True)
    if ours["vm"].to_numpy() == pytest.approx(theirs["vm"].to_numpy(), abs=1e-6):
        margin = theirs["margin"].to_numpy()
        assert ours["margin"].to_numpy() == pytest.approx(margin, abs=2e-6, nan_ok=True)
    for solution in (pairs, maximum):
        check_tables(solution)
    rows, columns = pairs.pairs, ["bus", "neighbor"]
    assert maximum.pairs[columns].equals(rows[columns])
    assert maximum.pairs["limit_pu"].to_numpy() == pytest.approx(rows["limit_pu"].to_numpy())


def check_tables(solution):
    """What the tables say follows from the voltages, the limits and who sees whom."""
    table, pairs = solution.inverters.set_index("bus"), solution.pairs
    graph, keep = solution.problem.net.graph(), set(table.index)
    expected = set()
    for i in keep:
        rest = graph.subgraph((set(graph) - keep) | {i})
        touched = {b for a in nx.node_connected_component(rest, i) for b in graph[a]}
        expected |= {(i, j) for j in touched & keep if j != i}
    assert set(zip(pairs["bus"], pairs["neighbor"], strict=True)) == expected
    assert len(pairs) == len(expected)
    value = table.loc[pairs["neighbor"], "vm"].to_numpy() - table.loc[pairs["bus"], "vm"].to_numpy()
    assert pairs["value_pu"].to_numpy() == pytest.approx(value, abs=1e-12)
    limit = table.loc[pairs["bus"], "limit_pu"].to_numpy()
    assert pairs["limit_pu"].to_numpy() == pytest.approx(limit, rel=1e-12)
    assert pairs["margin"].to_numpy() == pytest.approx(limit - value, abs=1e-12)
    required = solution.scenario.margin
    assert pairs["margin"].min() >= required - 1e-6
    assert pairs["binding"].to_numpy().tolist() == (limit - value <= required + 1e-6).tolist()
    own = pairs.groupby("bus")
    assert table.loc[list(own.groups), "margin"].to_numpy() == pytest.approx(
        own["margin"].min().to_numpy()
    )
    total, scale = own["price_per_pu"].sum(), max(1.0, table["nssp_per_pu"].max())
    assert total.to_numpy() == pytest.approx(
        table.loc[total.index, "nssp_per_pu"].to_numpy(), rel=1e-5, abs=1e-5 * scale
    )
    assert (pairs["price_per_pu"] >= 0).all()
    assert pairs["price_per_pu"][~pairs["binding"]].max() < 1e-3 * scale
    for bus, group in own:
        nearest = group.loc[group["margin"].idxmin()]
        across = group.set_index("neighbor").loc[int(table.loc[bus, "neighbor"]), "margin"]
        assert across == pytest.approx(nearest["margin"], abs=1e-12)


PUBLISHED = {  # m_q: (J - J0 in $/h, NSSP of inverter 32 in $/h per p.u. voltage)
    0.186: (0.030, 167), 0.188: (0.428, 639), 0.19: (1.281, 1120), 0.20: (12.21, 3917),
    0.21: (35.26, 7349), 0.22: (69.70, 11096), 0.25: (231.5, 24046),
}  # fmt: skip


@pytest.mark.parametrize("rows", FORMS)
@pytest.mark.parametrize("mq", PUBLISHED)
def test_the_39_bus_prices_of_the_paper(mq, rows):
    made = problem(network("case39"), rows, mq=mq)
    solution = scopf.solve(made)
    increase, price = PUBLISHED[mq]
    assert solution.cost - 41263.94 == pytest.approx(increase, rel=2e-3, abs=6e-3)
    nssp = solution.inverters.set_index("bus")["nssp_per_pu"]
    assert nssp[32] == pytest.approx(price, rel=2e-3, abs=0.6)
    assert nssp.drop(32).max() < 1e-2
    dear = solution.pairs[solution.pairs["price_per_pu"] > 1e-3 * price]
    assert set(dear["bus"]) == {32}
    assert set(dear["neighbor"]) <= {30, 36, 37, 38}
    binding = solution.inverters.set_index("bus")["binding"]
    assert binding[binding].index.tolist() == [32]


def test_unique_pair_prices_are_the_same_in_both_forms():
    """One neighbour binds against one inverter at a time here, so that no price can be moved."""
    (_, pairs), (_, maximum) = (solved("overlapping groups", rows) for rows in FORMS)
    price = pairs.pairs["price_per_pu"].to_numpy()
    assert (price > 1e-3).sum() >= 1
    per_inverter = pairs.pairs[price > 1e-3].groupby("bus").size()
    assert per_inverter.max() == 1
    ours = maximum.pairs["price_per_pu"].to_numpy()
    assert ours == pytest.approx(price, rel=1e-3, abs=1e-4 * price.max())


# -- structure -----------------------------------------------


def test_the_number_of_pairs_decides_unless_it_is_said():
    few, many = network("case39"), network("case118")
    for net, rows, written in (
        (few, None, "pairs"), (many, None, "maximum"), (many, "pairs", "pairs"),
        (few, "maximum", "maximum"),
    ):  # fmt: skip
        formulation = problem(net, rows).formulation
        assert (TOP in formulation) == (written == "maximum")
        assert len(formulation["inverter_stability"]) == {
            (39, "pairs"): 90, (39, "maximum"): 10, (118, "maximum"): 88, (118, "pairs"): 314,
        }[len(net.bus), written]  # fmt: skip


def test_a_maximum_has_a_row_for_each_inverter_and_group():
    formulation = problem(OVERLAPPING, "maximum").formulation
    members = [(1, 0), (2, 0), (3, 0), (2, 1), (3, 1), (4, 1)]
    assert formulation["inverter_stability"].index.keys == members
    assert formulation["inverter_stability_direct"].index.keys == [(4, 5), (5, 4)]
    assert len(formulation["inverter_group_vm"]) == 2
    pairs = problem(OVERLAPPING, "pairs").formulation["inverter_stability"].index.keys
    near = [(1, 2), (1, 3), (2, 3), (2, 4), (3, 4), (4, 5)]
    assert sorted(pairs) == sorted(near + [(j, i) for i, j in near])


def test_group_variables_start_no_lower_than_any_voltage():
    made = problem(OVERLAPPING, "maximum")
    nlp = NLP(made.formulation)
    assert (nlp.start[nlp.columns(TOP)] >= 1.0).all()
    rows = nlp.row_numbers("inverter_stability")
    assert (nlp.constraints(nlp.start)[rows] >= nlp.g_lower[rows]).all()


@pytest.mark.parametrize("rows", ["pair", "both", 1, ""])
def test_another_way_of_rows_is_refused(rows):
    with pytest.raises(scopf.ScopfError, match="pairs"):
        VoltageDifference(rows)


# -- rows that are not active -----------------------------------------------


def test_a_deactivated_pair_is_as_if_it_were_not_there():
    made = problem(OVERLAPPING, "pairs", mq=1.5)
    full = scopf.solve(made)
    dearest = full.pairs.loc[full.pairs["price_per_pu"].idxmax()]
    i, j = int(dearest["bus"]), int(dearest["neighbor"])
    made.model.inverter_stability[i, j].deactivate()
    less = scopf.solve(made)
    assert less.cost < full.cost - 1e-6
    assert (i, j) not in set(zip(less.pairs["bus"], less.pairs["neighbor"], strict=True))
    assert len(less.pairs) == len(full.pairs) - 1
    neighbor = less.inverters.set_index("bus").loc[i, "neighbor"]
    assert pd.isna(neighbor) or neighbor != j


# Left out: memberships (inverter, group) and direct pairs; and the pairs that this takes away.
LEFT_OUT = {
    "a member of two groups": ([(2, 0)], [], [(1, 2), (2, 1)]),  # 2 and 3 share the other group
    "a member of one group": ([(4, 1)], [], [(2, 4), (4, 2), (3, 4), (4, 3)]),
    "one way": ([], [(4, 5)], [(4, 5)]),
    "an inverter": ([], [(4, 5), (5, 4)], [(4, 5), (5, 4)]),
    "a whole group": ([(1, 0), (2, 0), (3, 0)], [], [(1, 2), (2, 1), (1, 3), (3, 1)]),
    "all but one of a group": ([(2, 1), (3, 1)], [], [(2, 4), (4, 2), (3, 4), (4, 3)]),
}


def leaving_out(name, rows, delete=False):
    memberships, direct, pairs = LEFT_OUT[name]
    made = problem(OVERLAPPING, rows, mq=1.5)
    m = made.model
    gone = [(m.inverter_stability, key) for key in (pairs if rows == "pairs" else memberships)]
    if rows == "maximum":
        gone += [(m.inverter_stability_direct, key) for key in direct]
    for family, key in gone:
        if delete:
            del family[key]
        else:
            family[key].deactivate()
    return scopf.solve(made, options={"tol": 1e-9})


@pytest.mark.parametrize("name", LEFT_OUT)
def test_rows_left_out_of_either_form_leave_the_same(name):
    pairs, maximum = (leaving_out(name, rows) for rows in FORMS)
    assert pairs.status == maximum.status == "optimal"
    assert maximum.cost == pytest.approx(pairs.cost, rel=1e-7)
    seen = set(zip(pairs.pairs["bus"], pairs.pairs["neighbor"], strict=True))
    assert len(seen) == 12 - len(LEFT_OUT[name][2])
    assert not seen & set(LEFT_OUT[name][2])
    columns = ["bus", "neighbor"]
    assert maximum.pairs[columns].equals(pairs.pairs[columns])
    for column in ("margin", "nssp_per_pu", "limit_pu"):
        ours, theirs = maximum.inverters[column].to_numpy(), pairs.inverters[column].to_numpy()
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-4, nan_ok=True), column
    ours, theirs = maximum.inverters["neighbor"], pairs.inverters["neighbor"]
    assert ours.isna().equals(theirs.isna())
    for rows in FORMS:
        deleted = leaving_out(name, rows, delete=True)
        assert deleted.cost == pytest.approx(pairs.cost, rel=1e-7)
        assert deleted.pairs[columns].equals(pairs.pairs[columns])


@pytest.mark.parametrize("rows", FORMS)
def test_an_inverter_without_an_active_row_has_no_margin(rows):
    table = leaving_out("an inverter", rows).inverters.set_index("bus")
    assert np.isnan(table.loc[5, ["limit_pu", "margin"]].astype(float)).all()
    assert table["neighbor"].isna().tolist() == [False, False, False, False, True]
    assert table.loc[5, "nssp_per_pu"] == 0
    assert not table.loc[5, "binding"]


@pytest.mark.parametrize("rows", FORMS)
def test_without_any_row_nothing_is_left_of_the_criterion(rows):
    made = problem(OVERLAPPING, rows, mq=1.5)
    plain = scopf.solve(scopf.build(OVERLAPPING, criterion="none"))
    for name in ("inverter_stability", "inverter_stability_direct"):
        if name in made.formulation:
            made.model.component(name).deactivate()
    solution = scopf.solve(made)
    assert solution.cost == pytest.approx(plain.cost, rel=1e-8)
    assert solution.pairs.empty
    assert solution.inverters["margin"].isna().all()
    assert (solution.inverters["nssp_per_pu"] == 0).all()


# -- prices -----------------------------------------------


@pytest.mark.parametrize("rows", FORMS)
@pytest.mark.parametrize("name", ["overlapping groups", "a margin", "groups that repeat a pair"])
def test_nssp_is_the_slope_of_the_cost_over_gamma(name, rows):
    made, solution = solved(name, rows)
    nssp = solution.inverters.set_index("bus")["nssp_per_pu"]
    for bus in nssp.nlargest(2).index:
        costs = []
        for step in (1e-5, -1e-5):
            made.model.inverter_gamma_offset[bus] = step
            costs.append(scopf.solve(made, options={"tol": 1e-11}).cost)
        made.model.inverter_gamma_offset[bus] = 0.0
        slope = (costs[1] - costs[0]) / 2e-5
        assert slope == pytest.approx(nssp[bus], rel=5e-3, abs=1e-3 * nssp.max()), bus


def test_a_failed_solve_has_rows_and_no_prices():
    for rows in FORMS:
        made = problem(OVERLAPPING, rows, mq=1.5)
        solution = scopf.solve(made, max_iter=2)
        assert not solution.solved
        assert len(solution.pairs) == 12
        assert solution.pairs["price_per_pu"].isna().all()
        assert solution.inverters["nssp_per_pu"].isna().all()
        assert not solution.pairs["binding"].any()
