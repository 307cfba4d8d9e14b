"""Sweeps: what they solve, in which order, and what their tables say."""

import json
import logging

import numpy as np
import pandas as pd
import pytest

import scopf
from scopf.sweeps.iterates import packed, unpacked
from scopf.sweeps.plan import Plan
from scopf.sweeps.rows import about_islands
from scopf.sweeps.spec import check

pytestmark = pytest.mark.core

ALL = dict.fromkeys(range(30, 40), 0.195)


def case39(**keywords):
    net = scopf.load_case("case39").lossless()
    return scopf.build(net, scopf.Inverters.at_generators(net, mq=0.2), **keywords)


def same(one, other):
    """Tables of two sweeps agree to the solver's accuracy.

    Costs are flat where only active power costs something, so voltages may differ there; costs and
    prices may not. Where voltage limits bind at several neighbours of an inverter, they and the
    inverter's rows can share a price in more than one way: their sum, the NSSP, is what is unique.
    """
    a, b = one.scenarios, other.scenarios
    assert a["status"].tolist() == b["status"].tolist()
    np.testing.assert_allclose(a["cost"], b["cost"], rtol=1e-7)
    np.testing.assert_allclose(a["nssp_max"], b["nssp_max"], rtol=1e-3, atol=0.1)
    left, right = one.inverters, other.inverters
    assert left[["scenario", "bus"]].equals(right[["scenario", "bus"]])
    np.testing.assert_allclose(left["nssp_per_pu"], right["nssp_per_pu"], rtol=1e-3, atol=0.1)
    for runs in (one, other):
        shares = runs.pairs.groupby(["scenario", "bus"])["price_per_pu"].sum()
        np.testing.assert_allclose(shares, runs.inverters["nssp_per_pu"], rtol=1e-6, atol=1e-6)


def test_the_sweep_of_the_design_gives_what_single_solves_give():
    prob = case39()
    runs = scopf.sweep(prob, eta_q=np.linspace(0, 1, 3), mq=[0.18, 0.2, 0.22])
    table = runs.scenarios
    assert list(table.columns[:3]) == ["scenario", "eta_q", "mq"]
    assert table["scenario"].tolist() == list(range(9))
    assert table["mq"].tolist() == [0.18, 0.2, 0.22] * 3
    assert table["solved"].all()
    for row in table.itertuples():
        cold = scopf.solve(case39().update(eta_q=row.eta_q, mq=row.mq))
        assert row.cost == pytest.approx(cold.cost, rel=1e-7)
        nssp = runs.inverters[runs.inverters["scenario"] == row.scenario]["nssp_per_pu"].to_numpy()
        expected = cold.inverters["nssp_per_pu"].to_numpy()
        assert nssp == pytest.approx(expected, rel=1e-3, abs=0.1)
        assert row.nssp_max == pytest.approx(expected.max(), rel=1e-3, abs=0.1)
    assert set(table["start"]) == {"cold", "warm"}
    assert prob.scenario.eta_q == 0  # the problem is as it was
    assert runs.manifest["counts"] == {"optimal": 9}


def test_tables_are_those_of_the_solution_with_the_scenario_in_front():
    runs = scopf.sweep(case39(), mq=[0.2, 0.22])
    solution = scopf.solve(case39())
    for name in ("inverters", "pairs", "buses"):
        table, expected = getattr(runs, name), solution.tables[name]
        expected = expected.drop(columns="scr", errors="ignore")  # which a sweep does not compute
        assert list(table.columns) == ["scenario", *expected.columns]
        first = table[table["scenario"] == 0].drop(columns="scenario")
        assert len(table) == 2 * len(first)
        exact = [c for c in expected if expected[c].dtype != "float64" and c != "neighbor"]
        for column in exact:
            assert first[column].tolist() == expected[column].tolist(), column
        assert first["bus"].dtype == expected["bus"].dtype
    assert runs.pairs["neighbor"].dtype == "Int64"
    row = runs.scenarios.iloc[0]
    assert (row["nssp_max_bus"], row["binding"], row["start"]) == (32, 4, "cold")
    assert row["vm_max"] == pytest.approx(runs.buses[runs.buses["scenario"] == 0]["vm"].max())


@pytest.mark.usefixtures("quick_pools")
def test_results_depend_neither_on_workers_nor_on_order():
    axes = {"eta_q": [0.0, 0.1, 0.5], "mq": np.linspace(0.17, 0.23, 7)}
    one = scopf.sweep(case39(), **axes)
    two = scopf.sweep(case39(), **axes, workers=2)
    same(one, two)
    timeless = [c for c in one.scenarios if c != "seconds"]
    pd.testing.assert_frame_equal(one.scenarios[timeless], two.scenarios[timeless])  # to the bit
    for name in ("inverters", "pairs", "buses"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name))
    for chain in (1, 21):
        same(one, scopf.sweep(case39(), **axes, chain=chain))
    rng = np.random.default_rng(3)
    shuffled = [int(k) for k in rng.permutation(21)]
    rows = [{"eta_q": e, "mq": m} for e in axes["eta_q"] for m in axes["mq"]]
    other = scopf.sweep(case39(), scenarios=[rows[k] for k in shuffled], chain=5)
    np.testing.assert_allclose(
        other.scenarios["cost"], one.scenarios["cost"].to_numpy()[shuffled], rtol=1e-7
    )


def test_neighbours_follow_each_other():
    plan = Plan(check({"eta_q": [0, 1, 2], "mq": [0.1, 0.2, 0.3, 0.4], "chain": 12}, "test"))
    (chain,) = plan.chains
    steps = [plan.rows[k] for k in chain.scenarios]
    ranks = np.array([[[0, 1, 2].index(e), [0.1, 0.2, 0.3, 0.4].index(m)] for e, m in steps])
    assert (np.abs(np.diff(ranks, axis=0)).sum(axis=1) == 1).all()
    assert sorted(chain.scenarios) == list(range(12))


def test_chains_hold_one_topology_each_and_every_scenario_once():
    given = {"lossless": [True, False], "criterion": ["none", "C1"], "mq": [0.1] * 50}
    plan = Plan(check(given, "test"))
    assert sorted(k for chain in plan.chains for k in chain.scenarios) == list(range(200))
    for chain in plan.chains:
        topologies = {plan.rows[k][:2] for k in chain.scenarios}
        assert topologies == {(chain.topology.lossless, chain.topology.criterion)}


def test_warm_starts_save_iterations():
    axes = {"eta_q": 0.1, "mq": np.linspace(0.2, 0.22, 12)}
    warm, cold = (scopf.sweep(case39(), **axes, chain=chain) for chain in (12, 1))
    assert warm.scenarios["start"].tolist() == ["cold"] + ["warm"] * 11
    assert (cold.scenarios["start"] == "cold").all()
    assert warm.scenarios["iterations"][1:].sum() < 0.5 * cold.scenarios["iterations"][1:].sum()


def test_a_chain_goes_on_after_a_scenario_that_fails():
    runs = scopf.sweep(case39(), mq=[0.45, 0.48, 0.49, 0.5], chain=4)
    table = runs.scenarios
    assert table["status"].tolist() == ["optimal", "optimal", "infeasible", "infeasible"]
    assert table["solved"].tolist() == [True, True, False, False]
    assert np.isnan(table["cost"][2])
    assert "conflict" in table["message"][2]
    assert set(runs.inverters["scenario"]) == set(runs.buses["scenario"]) == {0, 1}


# -- axes -----------------------------------------------


@pytest.mark.parametrize(
    ("axes", "update"),
    [
        ({"mq_32": [0.21, 0.19]}, {"mq": {32: 0.21}}),
        ({"mq": {32: [0.21, 0.19], "all": 0.195}}, {"mq": {**ALL, 32: 0.21}}),
        ({"load_scale": [0.97, 1]}, {"load_scale": 0.97}),
        ({"load_scale": 0.98, "load_scale_4": [0.5, 1]}, {"load_scale": None}),
        ({"alpha": [0.95, 1]}, {"alpha": 0.95}),
        ({"margin": [0.002, 0]}, {"margin": 0.002}),
        ({"droop_margin": [0.05, 0]}, {"droop_margin": 0.05}),
        ({"d": [0.01, 0]}, {"d": 0.01}),
        ({"q_price": [0.5, 0]}, None),
    ],
)  # fmt: skip
def test_every_numeric_axis_is_an_update(axes, update):
    runs = scopf.sweep(case39(eta_q=0.1) if "d" not in axes else case39(), **axes)
    assert runs.scenarios["solved"].all()
    problem = case39(eta_q=0.1) if "d" not in axes else case39()
    if update is None:
        problem = case39(eta_q=0.1, q_price=0.5)
    else:
        if update == {"load_scale": None}:
            update = {"load_scale": dict.fromkeys(problem.base.bus.id.tolist(), 0.98) | {4: 0.5}}
        problem.update(**update)
    assert runs.scenarios["cost"][0] == pytest.approx(scopf.solve(problem).cost, rel=1e-7)


def test_a_droop_of_units_of_different_gains_is_an_update():
    """The gain of the whole inverter follows, and does not depend on the scenario before."""
    net = scopf.load_case("case5_pjm")
    table = pd.DataFrame({"gen": [1, 2], "beta_q": [1.0, 4.0], "mq": [0.1, 0.3]})
    problem = scopf.build(net, scopf.Inverters.at_generators(net, table=table))
    gain = problem.inverters.beta_q[0]
    rows = [{"mq": 0.2}, {"mq_1": 0.08}, {"mq": 0.3}, {"margin": 0.001}]
    runs = scopf.sweep(problem, scenarios=rows, chain=4)
    found = runs.inverters.query("bus == 1")[["mq", "beta_q"]].to_numpy()
    assert gain == pytest.approx(16 / 13)
    expected = [[0.1, 1.6], [0.08, gain], [0.15, 1.6], [0.075, gain]]
    assert found.tolist() == pytest.approx(np.array(expected))


def test_droops_of_an_axis_are_on_the_base_of_droops():
    own = {"mq": [0.2], "droop_base": "rating", "rating_mva": 200.0}
    for axes in (own, {**own, "mq_1": [0.4]}):
        runs = scopf.sweep("case5_pjm", **axes, d=0.1)
        found = runs.inverters.set_index("bus")["mq"].to_dict()
        assert found == pytest.approx({1: 0.1 if "mq_1" in axes else 0.05, 3: 0.1, 4: 0.1, 5: 0.1})


def test_a_blank_is_what_the_base_case_has():
    rows = [{"mq": 0.21}, {"eta_q": 0.5}, {"d": 0.01}, {"mq_32": 0.19, "outage": 10}]
    runs = scopf.sweep(case39(eta_q=0.1), scenarios=rows)
    table = runs.scenarios
    problem = case39(eta_q=0.1)
    expected = [
        scopf.solve(problem.update(mq=0.21)).cost,
        scopf.solve(problem.update(mq=0.2, eta_q=0.5)).cost,
        scopf.solve(problem.update(d=0.01)).cost,
    ]
    assert table["cost"][:3].tolist() == pytest.approx(expected, rel=1e-7)
    assert table["solved"].all()
    assert table["outage"].tolist() == [pd.NA, pd.NA, pd.NA, 10]
    assert table["mq"].isna().tolist() == [False, True, True, True]


def test_axes_may_go_together():
    runs = scopf.sweep(case39(), eta_q=[0, 1], mq=[0.19, 0.2], alpha=1.05, combine="zip")
    found = runs.scenarios[["eta_q", "mq", "alpha"]].to_numpy().tolist()
    assert found == [[0, 0.19, 1.05], [1, 0.2, 1.05]]


def test_a_droop_is_that_of_every_unit_however_it_is_given():
    net = scopf.load_case("case5_pjm")
    runs = scopf.sweep("case5_pjm", mq=[0.04, 0.08])
    units = scopf.Inverters.at_generators(net, mq=0.08)
    second = runs.inverters[runs.inverters["scenario"] == 1]
    assert second["mq"].tolist() == pytest.approx(units.mq.tolist())
    assert second["units"].max() == 2
    before = scopf.Inverters.at_generators(net, mq=0.3)
    problem = scopf.build(net, before)
    for given in (scopf.sweep(net, inverters=before, mq=0.08), scopf.sweep(problem, mq=0.08)):
        assert given.inverters["mq"].tolist() == second["mq"].tolist()
    problem.update(mq=0.08)
    for inverters in (problem.inverters, scopf.build(net, before, mq=0.08).inverters):
        assert inverters.mq.tolist() == units.mq.tolist()
        assert inverters.units.mq.tolist() == [0.08] * 5
    at_bus = problem.update(mq={1: 0.08}).inverters  # the whole inverter, of two units
    assert at_bus.mq[0] == 0.08
    assert at_bus.units.mq[:2].tolist() == pytest.approx([0.16, 0.16])
    assert at_bus.mq[1:].tolist() == units.mq[1:].tolist()


def test_outages_come_with_the_base_case_and_may_cut_off_units():
    runs = scopf.sweep("case9", outage="all", criterion="none")
    table = runs.scenarios
    assert table["outage"].tolist() == [pd.NA, *range(1, 10)]
    cut = table[table["message"].str.contains("not energized")]
    assert cut["outage"].tolist() == [1, 4, 7]
    assert "not energized: 1 bus (1) with 1 unit" in cut["message"].iloc[0]
    assert not table["unserved_mw"].any()
    assert table["solved"].all()
    net = scopf.load_case("case9")
    for row, buses in ((1, 8), (5, 9)):
        without = net.replace(branch={"in_service": net.branch.id != row})
        expected = scopf.solve(scopf.build(without, criterion="none")).cost
        assert table["cost"][row] == pytest.approx(expected, rel=1e-8)
        assert (runs.buses["scenario"] == row).sum() == buses


def test_an_outage_may_split_the_network():
    """Branch 27 of case39 joins two live parts, branch 184 of case118 is the way to a load."""
    axes = {"outage": [None, 27], "mq": [0.05, 0.2], "criterion": "weighted"}
    runs = scopf.sweep("case39", load_scale=0.97, lossless=True, **axes)
    table = runs.scenarios
    assert table["solved"].all()
    assert table["islands"].tolist() == [1, 2, 1, 2]
    assert runs.buses.columns[:3].tolist() == ["scenario", "bus", "island"]
    assert set(runs.inverters[runs.inverters["scenario"] == 0]["island"]) == {1}
    net = scopf.load_case("case39").lossless()
    without = net.replace(branch={"in_service": net.branch.id != 27})
    expected = scopf.build(without, mq=0.2, criterion="weighted", load_scale=0.97)
    assert table["cost"][3] == pytest.approx(scopf.solve(expected).cost, rel=1e-7)
    of_split = runs.buses[runs.buses["scenario"] == 3]
    assert of_split.groupby("island").size().tolist() == [35, 4]
    served = scopf.sweep("case118", outage=[184], load_scale=[0.9], criterion="none").scenarios
    assert served["unserved_mw"].tolist() == pytest.approx([0.0, 18.0])
    said = "Load that is not energized: 18.0 MW at most, in 1 of 2 scenarios."
    assert about_islands(served) == [said]
    assert about_islands(table) == ["Scenarios with several AC islands: 2 of 4."]


def test_numbers_of_what_an_outage_cuts_off_have_no_effect():
    runs = scopf.sweep(
        "case39", outage=[20], criterion="C1", load_scale=0.85, mq_32=[0.1, 0.2], load_scale_32=0.9
    )
    cut = runs.scenarios[runs.scenarios["outage"] == 20]
    assert cut["solved"].all()
    assert len(cut) == 2
    assert np.ptp(cut["cost"]) < 1e-6 * cut["cost"].mean()


def test_criteria_and_losses_are_axes_and_an_unfit_scenario_is_a_row():
    runs = scopf.sweep("case9", criterion=["voltage-difference", "none"], lossless=[True, False])
    assert runs.scenarios["solved"].all()
    net = scopf.load_case("case9")
    expected = [
        scopf.solve(scopf.build(one, criterion=criterion)).cost
        for criterion in ("voltage-difference", "none")
        for one in (net.lossless(), net)
    ]
    assert runs.scenarios["cost"].tolist() == pytest.approx(expected, rel=1e-7)
    mixed = scopf.sweep("case9", scenarios=[{"eta_q": 1, "d": 2}, {"eta_q": 1}]).scenarios
    assert mixed["status"].tolist() == ["invalid", "optimal"]
    assert "not both" in mixed["message"][0]


def test_a_time_series_scales_loads_by_bus(tmp_path):
    (tmp_path / "loads.csv").write_text("step,all,5\n10,1,1.1\n11,.9,1.2\n")
    runs = scopf.sweep("case9", load_series=tmp_path / "loads.csv", criterion="none")
    table = runs.scenarios
    assert list(table.columns[1:5]) == ["criterion", "step", "load_scale", "load_scale_5"]
    assert table["step"].tolist() == [10, 11]
    problem = scopf.build(scopf.load_case("case9"), criterion="none")
    net = problem.base
    loads = dict.fromkeys(net.bus.id.tolist(), 0.9) | {5: 1.2}
    cost = scopf.solve(problem.update(load_scale=loads)).cost
    assert table["cost"][1] == pytest.approx(cost, rel=1e-8)
    second = runs.buses[runs.buses["scenario"] == 1].set_index("bus")["p_load_mw"]
    assert second[5] == pytest.approx(1.2 * 90)
    assert second[7] == pytest.approx(0.9 * 100)


def test_co_design_is_swept_over_the_cost_of_stiffness():
    net = scopf.load_case("case39").lossless()
    prob = scopf.build(net, mq_bounds=(0.05, 0.3), stiffness_cost=1.0)
    runs = scopf.sweep(prob, stiffness_cost=[1.0, 50.0])
    assert runs.scenarios["solved"].all()
    assert runs.scenarios["cost"][1] > runs.scenarios["cost"][0]
    first = runs.inverters[runs.inverters["scenario"] == 0]["mq"].to_numpy()
    second = runs.inverters[runs.inverters["scenario"] == 1]["mq"].to_numpy()
    assert (second >= first - 1e-6).all()
    with pytest.raises(scopf.ScopfError, match="mq: droops are variables here"):
        scopf.sweep(prob, mq=[0.1, 0.2])


def test_opportunity_price_is_an_axis_too():
    runs = scopf.sweep("case9", opportunity_price=[0, 5], rating_factor=1.2, mq=0.05)
    assert runs.scenarios["solved"].all()
    assert runs.scenarios["cost"][1] > runs.scenarios["cost"][0] + 1e-3


# -- problems of the user's own -----------------------------------------------


def test_a_problem_with_additions_is_swept_as_it_is():
    prob = case39(eta_q=0.1)
    prob.model.bus_vm[39].setub(1.0)
    runs = scopf.sweep(prob, mq=[0.19, 0.21])
    assert (runs.buses[runs.buses["bus"] == 39]["vm"] <= 1.0 + 1e-8).all()
    assert prob.inverters.mq.tolist() == [0.2] * 10
    with pytest.raises(scopf.ScopfError, match="workers=1"):
        scopf.sweep(prob, mq=[0.19, 0.21], workers=2)
    with pytest.raises(scopf.ScopfError, match="rebuilt for other outage"):
        scopf.sweep(prob, outage="all")


def test_an_iterate_survives_the_journal():
    solution = scopf.solve(case39())
    there = unpacked(packed(solution.iterate))
    assert there.signature == solution.iterate.signature
    assert (there.lift, there.cold) == (solution.iterate.lift, solution.iterate.cold)
    for name in ("x", "rows", "lower", "upper"):
        assert np.array_equal(getattr(there, name), getattr(solution.iterate, name))
    again = scopf.solve(case39(), start=there)
    assert again.attempt == "warm"


def test_what_workers_say_is_said_once(caplog):
    caplog.set_level(logging.WARNING, logger="scopf")
    scopf.sweep("case9", criterion="none", margin=[0.1, 0.2, 0.3])
    assert len([r for r in caplog.records if "could leave a margin" in r.getMessage()]) == 1


# -- the run folder -----------------------------------------------


def test_the_run_folder_has_a_manifest_and_loads_again(tmp_path):
    out = tmp_path / "runs" / "one"
    runs = scopf.sweep("case9", eta_q=[0, 0.1], mq={"linspace": [0.02, 0.05, 4]}, out=out, csv=True)
    names = {path.name for path in out.iterdir()}
    tables = {"scenarios", "inverters", "pairs", "buses"}
    files = {f"{name}.{kind}" for name in tables for kind in ("csv", "parquet")}
    assert names == files | {"manifest.json", "results.sqlite", "log.txt", "lock"}
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["status"] == "finished"
    assert manifest["case"]["name"] == "case9"
    assert manifest["counts"] == {"optimal": 8}
    assert manifest["network"]["buses"] == list(range(1, 10))
    assert manifest["network"]["branches"][0] == {
        "id": 1, "from_bus": 1, "to_bus": 4, "circuit": "1",
    }  # fmt: skip
    assert manifest["network"]["inverters"] == [1, 2, 3]
    assert manifest["network"]["kinds"] == {"constant power": [1, 2, 3]}
    assert manifest["versions"]["scopf"] == scopf.__version__
    assert {"host", "cpus"} <= set(manifest["machine"])
    assert manifest["seconds"] > 0
    assert "8 scenarios of case9" in (out / "log.txt").read_text()
    loaded = scopf.load_sweep(out)
    assert loaded.manifest == runs.manifest == manifest
    for name in sorted(tables):
        pd.testing.assert_frame_equal(getattr(loaded, name), getattr(runs, name))
        text = pd.read_csv(out / f"{name}.csv", dtype={"gens": str})
        pd.testing.assert_frame_equal(text, getattr(runs, name), check_dtype=False)
    with pytest.raises(scopf.ScopfError, match="already"):
        scopf.sweep("case9", eta_q=[0, 0.1], out=out)
    with pytest.raises(scopf.ScopfError, match="no sweep in"):
        scopf.load_sweep(tmp_path)


def test_large_problems_keep_the_pairs_that_matter():
    net = scopf.load_case("case118").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=0.3)
    runs = scopf.sweep(net, inverters=inverters, eta_q=[0.1, 0.2])
    solution = scopf.solve(scopf.build(net, inverters, eta_q=0.1))
    assert len(solution.pairs) > 200
    kept = runs.pairs[runs.pairs["scenario"] == 0]
    assert kept["binding"].sum() == runs.scenarios["binding"][0]
    assert len(kept) < len(solution.pairs)
    assert (kept["binding"] | (kept["price_per_pu"] > 1e-3)).all()
    assert "200" in runs.manifest["pairs"]


def test_a_sweep_in_which_nothing_is_solved_has_tables(tmp_path):
    runs = scopf.sweep("case9", load_scale=[9, 10], max_iter=3, out=tmp_path / "out", csv=True)
    assert not runs.scenarios["solved"].any()
    assert len(runs.inverters) == len(runs.buses) == len(runs.pairs) == 0


def test_numbers_of_what_is_not_energized_have_no_effect_in_any_scenario():
    net = scopf.load_case("case9")
    net = net.replace(bus={"type": np.where(net.bus.id == 1, 4, net.bus.type)})
    faults = "load_scale_1: has no effect: bus 1 of case9.*q_price_1: has no effect: generator 1 of"
    with pytest.raises(scopf.CaseError, match=f"(?s){faults}"):
        scopf.sweep(scopf.build(net), load_scale_1=[1.0], q_price_1=[1.0])
