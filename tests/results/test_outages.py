"""Results of outages: every one has a row and tables, those that do not bind a power flow's."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

import scopf
from scopf.network import labels
from scopf.results import export
from tests.model.test_content import dcline

TIGHT = {"tol": 1e-10}
TABLES = ("buses", "gens", "branches", "inverters")
PRICES = ("lmp_p_per_mwh", "lmp_q_per_mvarh", "nssp_per_pu", "dcost_dmq", "mu_vm_min_per_pu",
          "mu_vm_max_per_pu", "mu_s_from_per_mvah", "mu_s_to_per_mvah")  # fmt: skip
UNDETERMINED = ("neighbor",)  # where two have the same voltage
EASY = [13, 12, 10, 15, 30, 16, 17]  # branches of case39 that few limits of others meet


def case39(lossless=True):
    net = scopf.load_case("case39")
    return net.lossless() if lossless else net


def with_several_units():
    """The unit at bus 33 in two halves, and one without an inverter at bus 37."""
    net = case39().scaled(load=0.8)
    gen = net.gen
    row = int(np.flatnonzero(gen.bus == 33)[0])
    rows = np.append(np.arange(len(gen)), row)
    columns = {one.name: getattr(gen, one.name)[rows] for one in dataclasses.fields(gen)}
    gen = dataclasses.replace(gen, **columns)
    half = {name: getattr(gen, name).copy() for name in ("pmin", "pmax", "qmin", "qmax")}
    for column in half.values():
        column[[row, -1]] /= 2
    ids = gen.id.copy()
    ids[-1] = 99
    return net.replace(gen=gen.replace(id=ids, **half))


def with_dcline():
    net = scopf.load_case("case39").scaled(load=0.8)
    return dataclasses.replace(net, dcline=dcline(30, 36, pf=np.array([0.1])))


def problem(net, outages, mq=0.2, criterion="voltage-difference", buses=None, **keywords):
    inverters = scopf.Inverters.at_generators(net, mq=mq, buses=buses)
    keywords = {"emergency": 1.2, "eta_q": 0.1} | keywords  # Q that costs nothing is not unique
    return scopf.build(net, inverters, criterion=criterion, outages=outages, **keywords)


KINDS = {
    "paper": (case39, EASY, {}),
    "losses": (lambda: case39(False), EASY, {"mq": 0.15}),
    "weighted": (case39, EASY, {"criterion": "weighted", "mq": 0.05}),
    "C1": (case39, EASY, {"criterion": "C1", "mq": 0.05}),
    "none": (case39, EASY, {"criterion": "none"}),
    "strength": (
        lambda: case39(False), EASY, {"mq": 0.1, "alpha": 1.1, "load_scale": 0.9, "margin": 0.001},
    ),
    "currents": (case39, EASY, {"mq": 0.1, "limit": "current"}),
    "lost units": (
        case39, [*EASY[1:], "gen 4", "gen 8"],
        {"mq": 0.1, "load_scale": 0.8, "frequency_band": 0.05},
    ),
    "several units": (
        with_several_units, [*EASY[:4], "gen 99", "gen 3"], {"mq": 0.1, "frequency_band": 0.05},
    ),
    "not all": (
        lambda: case39().scaled(load=0.8), [*EASY[:4], "gen 4", 30],
        {"mq": 0.1, "frequency_band": 0.05, "buses": [30, 31, 32, 33, 34, 35, 36, 38]},
    ),
    "a DC line": (with_dcline, [*EASY[:4], "gen 4", 30], {"mq": 0.1, "frequency_band": 0.05}),
    "island": (
        lambda: scopf.load_case("case118"), [6, 10, 11, 14, 15, 184],
        {"mq": 0.02, "load_scale": 0.9, "frequency_band": 0.05},
    ),
}  # fmt: skip


def solve(kind):
    make, outages, keywords = KINDS[kind]
    return scopf.solve(problem(make(), outages, **keywords), options=TIGHT)


@pytest.fixture(scope="module", params=KINDS)
def asked(request):
    """The network, keywords, and the solution."""
    make, _, keywords = KINDS[request.param]
    found = solve(request.param)
    assert found.status == "optimal", found.message
    return make(), keywords, found


@pytest.fixture(scope="module")
def paper():
    return solve("paper")


# -- states outside the model -----------------------------------------------


def test_a_screened_state_is_what_it_would_be_in_the_model(asked):
    net, keywords, found = asked
    secure = found.outages.state[found.outages.status == "secure"].tolist()
    assert secure
    for name in dict.fromkeys((secure[0], secure[-1])):
        inside = found.scenario.outages
        wanted = [one for one in inside if one.name in (name, *found.states)]
        outages = [tuple(f"{k} {n}" for k, n in parts(one)) for one in wanted]
        whole = problem(net, outages, **keywords)
        whole.include(whole.scenario.outages)
        other = scopf.solve(whole, options=TIGHT)
        assert name in other.states
        assert other.cost == pytest.approx(found.cost, rel=1e-8)
        here, there = found.state(name), other.state(name)
        np.testing.assert_allclose(here.frequency, there.frequency, atol=1e-6)
        for table in TABLES:
            ours, theirs = getattr(here, table), getattr(there, table)
            if keywords.get("criterion") == "weighted" and table == "inverters":
                ours, theirs = ours.drop(columns="margin"), theirs.drop(columns="margin")
            assert_near(ours, theirs, 1e-4)


def parts(outage):
    return [("branch", k) for k in outage.branches] + [("gen", k) for k in outage.gens]


def assert_near(one, other, tolerance):
    assert list(one.columns) == list(other.columns)
    for name in one.columns:
        if name in PRICES:
            assert (one[name] == 0).all()
        if name in (*PRICES, *UNDETERMINED):
            continue
        if name == "device":
            assert one[name].tolist() == other[name].tolist()
            continue
        ours, theirs = (frame[name].to_numpy(dtype=np.float64) for frame in (one, other))
        scale = max(1.0, np.nanmax(np.abs(theirs), initial=0.0))
        np.testing.assert_allclose(ours, theirs, atol=tolerance * scale, err_msg=name)


def test_a_state_in_the_model_is_that_of_the_power_flow(asked):
    """The same state, as screening would have it: exact where the point is the same."""
    _, _, found = asked
    for name in found.states[1:]:
        outside = dataclasses.replace(found, after=None)
        here, there = found.state(name), outside.state(name)
        np.testing.assert_allclose(here.frequency, there.frequency, atol=1e-8)
        for table in TABLES:
            ours, theirs = getattr(here, table), getattr(there, table)
            for column in ours.columns:
                if column in (*PRICES, *UNDETERMINED, "binding"):
                    continue
                if column == "margin" and found.problem.criterion.name == "weighted":
                    continue  # here by the weights of the model, there by the best ones
                if column == "q_mvar" and table == "gens":
                    continue  # units of one inverter: only their sum is determined
                if column == "device":
                    assert ours[column].tolist() == theirs[column].tolist()
                    continue
                np.testing.assert_allclose(
                    ours[column].to_numpy(dtype=np.float64, na_value=-1),
                    theirs[column].to_numpy(dtype=np.float64, na_value=-1),
                    rtol=1e-6, atol=1e-6, err_msg=f"{name}: {table}.{column}",
                )  # fmt: skip


def test_powers_balance_after_an_outage(asked):
    """Loads, flows and output of every bus, from the tables alone."""
    net, _, found = asked
    if len(net.dcline) or net.bus.bs.any() or net.bus.gs.any():
        pytest.skip("shunts and DC lines are in none of these tables")
    name = found.outages.state[found.outages.status == "secure"].iloc[0]
    state = found.state(name)
    buses = state.buses.set_index("bus")
    left = pd.DataFrame({"p": -buses.p_load_mw, "q": -buses.q_load_mvar})
    gens = state.gens.groupby("bus")[["p_mw", "q_mvar"]].sum()
    left.loc[gens.index, ["p", "q"]] += gens.to_numpy()
    for end, letter in (("from_bus", "f"), ("to_bus", "t")):
        flows = state.branches.groupby(end)[[f"p{letter}_mw", f"q{letter}_mvar"]].sum()
        left.loc[flows.index, ["p", "q"]] -= flows.to_numpy()
    np.testing.assert_allclose(left, 0, atol=1e-5)


# -- the table -----------------------------------------------


def test_there_is_a_row_for_every_outage_in_the_order_asked(asked):
    _, _, found = asked
    assert found.outages.state.tolist() == [one.name for one in found.scenario.outages]
    came = found.outages.set_index("state").status
    assert set(came[came == "in the dispatch"].index) == set(found.states[1:])
    assert set(came[came == "no dispatch survives"].index) == {x.state for x in found.unsurvived}
    assert found.outages.price_per_h.isna().all()


def test_rows_are_the_extremes_of_the_tables(asked):
    _, _, found = asked
    for row in found.outages.to_dict("records"):
        if row["status"] == "no dispatch survives":
            assert np.isnan(row["margin"])
            assert row["branch"] is pd.NA
            continue
        state = found.state(row["state"])
        loading, margin = state.branches.loading_percent, state.inverters.margin.dropna()
        assert row["loading_percent"] == pytest.approx(loading.max(), abs=1e-6, nan_ok=True)
        if loading.notna().any():
            most = state.branches.set_index("branch").loading_percent[row["branch"]]
            assert most == pytest.approx(loading.max(), abs=1e-6)
        if len(margin):
            assert row["margin"] == pytest.approx(margin.min(), abs=1e-8)
            least = state.inverters.set_index("bus").margin[row["inverter"]]
            assert least == pytest.approx(margin.min(), abs=1e-8)
        w = state.frequency
        assert row["frequency_pu"] == pytest.approx(w[np.argmax(np.abs(w))], abs=1e-9)
        assert row["nssp_per_pu"] == pytest.approx(state.inverters.nssp_per_pu.sum())
        served = state.buses.bus
        base = found.problem.base.scaled(load=found.scenario.load_scale)
        lost = base.bus.pd[~np.isin(base.bus.id, served)].sum() * 100
        assert row["unserved_mw"] == pytest.approx(lost)


def test_an_outage_that_none_survives_is_said(paper):
    net = case39()
    found = scopf.solve(problem(net, [*EASY, 3]))
    row = found.outages.set_index("state").loc["branch 3"]
    assert row.status == "no dispatch survives"
    assert "Qmax of gen" in row.reason
    assert row.islands == 1
    with pytest.raises(scopf.ScopfError, match=r"no dispatch survives branch 3: .*Qmax"):
        found.state("branch 3")


def test_unknown_names(paper):
    with pytest.raises(scopf.ScopfError, match=r"no state 'brnch 13'; did you mean 'branch 13'\?"):
        paper.state("brnch 13")
    with pytest.raises(scopf.ScopfError, match="no state '6'; there are intact, branch 13"):
        paper.state("6")


def test_a_solve_that_failed_has_rows_and_no_states_outside(paper):
    found = scopf.solve(problem(case39(), EASY, load_scale=3.0))
    assert not found.solved
    assert set(found.outages.status) == {"not screened"}
    with pytest.raises(scopf.ScopfError, match="no operating point to lose branch 13 from"):
        found.state("branch 13")
    assert found.state("intact").inverters.nssp_per_pu.isna().all()


def test_prices_of_outages_have_a_place(paper, tmp_path):
    priced = dataclasses.replace(paper, outage_prices={"branch 13": 12.5})
    assert priced.outages.set_index("state").price_per_h["branch 13"] == 12.5
    assert priced.outages.price_per_h.notna().sum() == 1
    priced.save(tmp_path / "s.json")
    assert scopf.load_solution(tmp_path / "s.json").outage_prices == {"branch 13": 12.5}


# -- the intact network, and sums -----------------------------------------------


def test_the_intact_state_has_the_columns_of_others(asked):
    _, _, found = asked
    intact = found.state("intact")
    name = found.outages.state[found.outages.status != "no dispatch survives"].iloc[0]
    other = found.state(name)
    for table in TABLES:
        ours, theirs = getattr(intact, table), getattr(other, table)
        assert set(ours.columns) >= set(theirs.columns) - {"island"}
    assert intact.name == "intact"
    assert (intact.frequency == 0).all()
    assert intact.buses.vm.tolist() == found.buses.vm.tolist()


def test_prices_of_all_states_add_up(asked):
    _, _, found = asked
    nssp, lmp = found.nssp_by_state, found.lmp_by_state
    assert list(nssp.columns) == ["state", "bus", "nssp_per_pu", "margin"]
    assert list(lmp.columns) == ["state", "bus", "lmp_p_per_mwh", "lmp_q_per_mvarh"]
    assert tuple(nssp.state.unique()) == tuple(lmp.state.unique()) == found.states
    total = nssp.groupby("bus").nssp_per_pu.sum()
    whole = found.inverters.set_index("bus").nssp_per_pu
    np.testing.assert_allclose(total[whole.index], whole, rtol=1e-9, atol=1e-9)
    for column in ("lmp_p_per_mwh", "lmp_q_per_mvarh"):
        total, whole = lmp.groupby("bus")[column].sum(), found.buses.set_index("bus")[column]
        np.testing.assert_allclose(total[whole.index], whole, rtol=1e-9, atol=1e-9)
    for name in found.states:
        state, part = found.state(name), nssp[nssp.state == name]
        assert state.inverters.bus.tolist() == part.bus.tolist()
        np.testing.assert_array_equal(state.inverters.nssp_per_pu, part.nssp_per_pu)
        np.testing.assert_array_equal(state.inverters.margin, part.margin)
        part = lmp[lmp.state == name]
        np.testing.assert_allclose(state.buses.lmp_p_per_mwh, part.lmp_p_per_mwh, rtol=1e-12)


# -- text and files -----------------------------------------------


def test_the_summary_says_what_came_of_outages():
    net = case39()
    found = scopf.solve(problem(net, [*EASY, 31, 3]))
    text = str(found).splitlines()
    (at,) = [k for k, line in enumerate(text) if line.startswith("9 outages: ")]
    came = found.outages.status.value_counts()
    assert (
        text[at] == f"9 outages: {came['in the dispatch']} in the dispatch, {came['secure']} secure"
    )
    assert text[at + 1] == "  no dispatch survives branch 3 at 2-3 (1)"
    table, lines = found.outages, labels.branches(net)
    row = table.loc[table.margin.idxmin()]
    assert f"at inverter {row.inverter} after {row.state} at " in text[at + 2]
    row = table.loc[table.loading_percent.idxmax()]
    out = f"{row.state} at {lines[int(row.state.removeprefix('branch '))]}"
    assert text[at + 3] == (
        f"  highest loading {row.loading_percent:.1f} % of {lines[row.branch]} after {out}"
    )
    assert max(map(len, text[at : at + 4])) <= 80
    assert any(
        line.startswith("Stability rows bind at inverter 32 after branch 16") for line in text
    )
    assert "sums over the intact network" in str(found)
    assert "9 outages" in found._repr_html_()


def test_a_summary_without_outages_says_nothing_of_them():
    assert "outage" not in str(scopf.solve(scopf.build(case39(), mq=0.2)))


def again(found, folder):
    found.save(folder / "solution.json")
    return scopf.load_solution(folder / "solution.json")


def test_all_is_there_again_after_saving(asked, tmp_path):
    _, _, found = asked
    loaded = again(found, tmp_path)
    assert loaded.states == found.states
    assert loaded.unsurvived == found.unsurvived
    assert loaded.problem.scenario.outages == found.scenario.outages
    assert loaded.problem.scenario.bands == found.scenario.bands
    pd.testing.assert_frame_equal(loaded.screening, found.screening)
    for name, table in found.tables.items():
        pd.testing.assert_frame_equal(loaded.tables[name], table, rtol=1e-9, atol=1e-9)
    came = found.outages[found.outages.status != "no dispatch survives"].groupby("status").state
    for name in {*came.first(), *came.last()}:
        for table in TABLES:
            ours, theirs = getattr(found.state(name), table), getattr(loaded.state(name), table)
            pd.testing.assert_frame_equal(ours, theirs, rtol=1e-9, atol=1e-9)
    assert str(loaded).split("secure")[0] == str(found).split("secure")[0]


def test_outages_with_limits_of_their_own_are_saved(tmp_path):
    table = pd.DataFrame(
        {
            "name": ["corridor", None, None],
            "out": ["12 + 13", "10", "gen 8"],
            "emergency": [1.5, None, None],
            "voltage_band": [None, 0.08, None],
            "frequency_band": [None, None, 0.06],
        }
    )
    net = case39().scaled(load=0.85)
    keywords = {"voltage_band": 0.04, "frequency_band": 0.02, "on_infeasible": "stop"}
    found = scopf.solve(problem(net, table, 0.1, **keywords))
    assert found.status == "optimal"
    loaded = again(found, tmp_path)
    assert loaded.problem.scenario == found.scenario
    assert loaded.states == ("intact", "corridor", "branch 10", "gen 8")
    assert loaded.cost == pytest.approx(found.cost, rel=1e-12)


def test_unknown_states_in_a_file_are_refused(paper, tmp_path):
    path = tmp_path / "solution.json"
    paper.save(path)
    values = json.loads(path.read_text())
    values["outages"]["states"] = ["branch 7"]
    path.write_text(json.dumps(values))
    with pytest.raises(scopf.ScopfError, match="branch 7"):
        scopf.load_solution(path)


def test_json_has_outages_and_prices_by_state(paper):
    values = json.loads(export.as_json(paper, {}))
    assert values["states"] == list(paper.states)
    assert [row["state"] for row in values["outages"]] == paper.outages.state.tolist()
    assert values["outages"][0]["price_per_h"] is None
    rows = pd.DataFrame(values["nssp_by_state"])
    np.testing.assert_allclose(rows.nssp_per_pu, paper.nssp_by_state.nssp_per_pu)
    assert "lmp_by_state" not in values
    assert "outages" not in json.loads(export.as_json(scopf.solve(scopf.build(case39())), {}))


def test_files_have_all_tables(paper, tmp_path):
    export.write(paper, tmp_path, {})
    table = pd.read_parquet(tmp_path / "lmp_by_state.parquet")
    pd.testing.assert_frame_equal(table, paper.lmp_by_state)
    assert pd.read_csv(tmp_path / "outages.csv").status.tolist() == paper.outages.status.tolist()
