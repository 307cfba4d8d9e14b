"""Sweeps in which every dispatch has several hours, with storage and ramps."""

import json
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import scopf
from scopf import plots
from scopf.cli.main import app
from scopf.pages import page
from scopf.sweeps.analysis import facts
from scopf.sweeps.analysis.analysis import analyse
from scopf.sweeps.hour_settings import Coupled

HOURS = "hour,duration_h,load_scale\nnight,2,0.7\nnoon,1,0.9\nevening,1,1.0\n"
STORAGE = "bus,p_mw,e_mwh,eta_c,eta_d,mq\n16,100,300,0.95,0.95,0.1\n20,50,100,0.9,0.9,\n"
MQ = [0.2, 0.4]


@pytest.fixture(scope="module")
def case39():
    return scopf.load_case("case39").lossless()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hours")
    (folder / "hours.csv").write_text(HOURS)
    (folder / "storage.csv").write_text(STORAGE)
    (folder / "ramps.csv").write_text("gen,ramp_mw_per_h\n1,60\n2,80\n")
    return folder


@pytest.fixture(scope="module")
def keywords(files):
    return {"hours": files / "hours.csv", "storage": files / "storage.csv", "ramps": 400}


@pytest.fixture(scope="module")
def runs(case39, keywords):
    return scopf.sweep(case39, eta_q=0.1, mq=MQ, **keywords)


@pytest.fixture(scope="module")
def alone(case39, keywords):
    inverters = scopf.Inverters.at_generators(case39, mq=0.4)
    return scopf.solve(scopf.build(case39, inverters, eta_q=0.1, **keywords))


def test_a_scenario_is_the_dispatch_of_its_hours(runs, alone):
    table = runs.scenarios
    assert table.cost[1] == pytest.approx(alone.cost, rel=1e-8)
    highest = alone.table("inverters").nlargest(1, "nssp_per_pu").iloc[0]
    assert table.nssp_max[1] == pytest.approx(highest.nssp_per_pu, rel=1e-4)
    assert (table.nssp_max_bus[1], table.nssp_max_state[1]) == (highest.bus, highest.state)
    assert table.nssp_max_state[1] == "evening"
    assert table.vm_min[1] == pytest.approx(alone.table("buses").vm.min(), abs=1e-6)
    assert table.islands.tolist() == [1, 1]


def test_tables_have_the_numbers_of_the_case_and_the_hour(runs, alone, case39):
    for name in ("inverters", "buses"):
        swept = getattr(runs, name)
        mine = swept[swept.scenario == 1].drop(columns=["scenario", "island"])
        expected = alone.table(name).drop(columns="scr", errors="ignore")  # not in a sweep
        assert mine.columns.tolist() == expected.columns.tolist()
        for column in ("state", "bus", *(["gens", "neighbor"] if name == "inverters" else [])):
            assert mine[column].astype(str).tolist() == expected[column].astype(str).tolist()
        assert mine.vm.to_numpy() == pytest.approx(expected.vm.to_numpy(), abs=1e-5)
    assert "storage 1" in runs.inverters.gens.tolist()
    known = set(case39.bus.id.tolist())
    assert {*runs.pairs.bus} | {*runs.pairs.neighbor.dropna()} <= known
    assert set(runs.pairs.state) <= {"night", "noon", "evening"}


def test_a_series_has_a_row_for_each_scenario_and_hour(runs):
    wide = runs.series("vm")
    assert wide.index.names[-1] == "state"
    assert wide.index.get_level_values("state").tolist() == ["night", "noon", "evening"] * 2
    row = runs.buses.query("scenario == 1 and state == 'noon' and bus == 7").vm.item()
    assert wide.xs((0.4, "noon"), level=("mq", "state"))[7].item() == row


@pytest.mark.usefixtures("quick_pools")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_problem_with_hours_is_swept_with_them(case39, keywords, runs, workers):
    inverters = scopf.Inverters.at_generators(case39, mq=0.3)
    problem = scopf.build(case39, inverters, eta_q=0.1, **keywords)
    swept = scopf.sweep(problem, mq=MQ, workers=workers)
    assert swept.scenarios.cost.tolist() == pytest.approx(runs.scenarios.cost.tolist(), rel=1e-7)
    assert swept.manifest["hours"]["names"] == ["night", "noon", "evening"]
    frame = pd.DataFrame({"load_scale": [1.0]})
    for given in ([1.0], frame):
        with pytest.raises(scopf.ScopfError, match="hours: has no effect with a Problem"):
            scopf.sweep(problem, mq=MQ, hours=given)


def test_what_workers_get_is_small(keywords):
    """Tables, not a network for each hour."""
    net = scopf.load_case("case118")
    hours = scopf.build(net, hours=[0.8 + 0.01 * k for k in range(24)]).scenario.hours
    coupled = Coupled.of(net, hours, None, None)
    assert len(pickle.dumps(coupled)) < 5000 < len(pickle.dumps(hours))


def test_a_problem_whose_model_is_in_use(case39, keywords, runs):
    inverters = scopf.Inverters.at_generators(case39, mq=0.3)
    problem = scopf.build(case39, inverters, eta_q=0.1, **keywords)
    assert len(problem.model.bus_vm)
    swept = scopf.sweep(problem, mq=MQ)
    assert swept.scenarios.cost.tolist() == pytest.approx(runs.scenarios.cost.tolist(), rel=1e-7)
    assert swept.inverters.bus.max() == 39


def test_tables_in_memory_and_numbers(case39, files, runs, keywords):
    frames = {name: pd.read_csv(files / f"{name}.csv") for name in ("hours", "storage")}
    swept = scopf.sweep(case39, eta_q=0.1, mq=0.4, **frames, ramps=dict.fromkeys(range(1, 11), 400))
    assert swept.scenarios.cost[0] == pytest.approx(runs.scenarios.cost[1], rel=1e-7)
    factors = scopf.sweep(case39, mq=0.2, hours=np.array([0.7, 0.8])).scenarios.cost[0]
    each = scopf.sweep(case39, mq=0.2, load_scale=[0.7, 0.8]).scenarios.cost
    assert factors == pytest.approx(each.sum(), rel=1e-7)


def test_hours_with_other_loads_lines_and_prices(case39, keywords):
    """Each axis is what build makes of it: hours are read again for another network."""
    swept = scopf.sweep(
        case39, eta_q=0.1, mq=0.2, outage=[3], load_scale=[0.95, 1.0], q_price_3=[0.0, 1.0],
        load_scale_16=0.8, **keywords,
    )  # fmt: skip
    row = swept.scenarios.query("outage == 3 and load_scale == 0.95 and q_price_3 == 1")
    out = case39.replace(branch={"in_service": case39.branch.id != 3})
    loads = dict.fromkeys(case39.bus.id.tolist(), 0.95) | {16: 0.8}
    inverters = scopf.Inverters.at_generators(out, mq=0.2)
    built = scopf.build(out, inverters, eta_q=0.1, load_scale=loads, q_price={3: 1.0}, **keywords)
    assert row.cost.item() == pytest.approx(scopf.solve(built).cost, rel=1e-7)


def test_storage_at_a_bus_that_an_outage_cuts_off_is_out(case39):
    """Branch 20-34 leads to bus 34 alone, which has no load."""
    dead = next(
        int(k)
        for k, f, t in zip(
            case39.branch.id, case39.branch.from_bus, case39.branch.to_bus, strict=True
        )
        if {int(f), int(t)} == {20, 34}
    )
    storage = pd.DataFrame({"bus": [34, 16], "p_mw": [50, 50], "e_mwh": [100, 100]})
    swept = scopf.sweep(
        case39, outage=[dead], mq=0.05, load_scale=0.8, hours=[0.8, 1.0], storage=storage
    )
    assert swept.scenarios.status.tolist() == ["optimal", "optimal"]
    out = case39.replace(branch={"in_service": case39.branch.id != dead})
    inverters = scopf.Inverters.at_generators(out, mq=0.05)
    built = scopf.build(
        out, inverters, load_scale=0.8, hours=[0.8, 1.0], storage=storage[storage.bus == 16]
    )
    assert swept.scenarios.cost[1] == pytest.approx(scopf.solve(built).cost, rel=1e-7)


def test_pairs_of_which_none_is_kept(case39, tmp_path):
    """A table without rows is one with the same columns."""
    hours = [0.5, 0.55, 0.6]
    folder = tmp_path / "run"
    scopf.sweep(case39, mq=0.02, hours=hours, out=folder)
    (folder / "pairs.parquet").unlink()
    again = scopf.load_sweep(folder)
    assert again.pairs.empty
    assert again.scenarios.nssp_max_state.isna().all()
    assert "nssp_max_state" not in scopf.sweep(case39, mq=0.05).scenarios
    assert "state" in again.pairs
    assert again.inverters.state.tolist()[:1] == ["1"]


def test_spec_command_and_resume(files, tmp_path, monkeypatch):
    spec = files / "study.toml"
    spec.write_text(
        'case = "case39"\nlossless = true\neta_q = 0.1\nmq = [0.2, 0.4]\nhours = "hours.csv"\n'
        'storage = "storage.csv"\n[ramps]\n1 = 60\n2 = 80\n'
    )
    of_file = scopf.sweep(spec)
    monkeypatch.chdir(files)
    flags = "case39 --lossless --eta-q 0.1 --mq 0.2,0.4 --hours hours.csv --storage storage.csv"
    out = str(tmp_path / "run")
    command = ["sweep", *flags.split(), "--ramps", "ramps.csv", "--no-progress", "--out", out]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    of_flags = scopf.load_sweep(out)
    costs = of_file.scenarios.cost.tolist()
    assert of_flags.scenarios.cost.tolist() == pytest.approx(costs, rel=1e-7)
    monkeypatch.chdir(tmp_path)
    again = CliRunner().invoke(app, ["sweep", "--resume", "--no-progress", "--out", out])
    assert again.exit_code == 0, again.output
    assert of_flags.problem(1).horizon.ramps[:3].tolist() == [0.6, 0.8, np.inf]
    (files / "ramps.csv").write_text("gen,ramp_mw_per_h\n1,60\n2,81\n")
    again = CliRunner().invoke(app, ["sweep", "--resume", "--no-progress", "--out", out])
    assert again.exit_code == 2
    assert "hours, storage or ramps changed since it was started" in again.stderr
    with pytest.raises(scopf.ScopfError, match="their tables have changed since"):
        scopf.load_sweep(out).problem(1)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"storage": pd.DataFrame({"bus": [16], "p_mw": [1], "e_mwh": [1]})}, "give `hours` too"),
        ({"hours": [0.9, 1.0], "outages": [3]}, "outages and hours in one dispatch"),
        ({"hours": [0.9, -1.0]}, "greater than or equal to 0"),
        ({"hours": "absent.csv"}, "there is no such file"),
        ({"hours": [1.0], "ramps": {77: 3.0}}, "there is no such generator"),
        ({"hours": pd.DataFrame({"load": [1]})}, "unknown column load"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_before_a_sweep(case39, given, text):
    with pytest.raises(scopf.ScopfError, match=re.escape(text)):
        scopf.sweep(case39, mq=0.2, **given)


def test_figures_show_the_dearest_hour_and_costs_of_all(runs, alone):
    analysis = analyse(runs)
    every = runs.inverters[runs.inverters.scenario == 1]
    dearest = every.groupby("bus").nssp_per_pu.max()
    assert analysis.inverters.tolist() == dearest.index.tolist()
    assert analysis.nssp[1] == pytest.approx(dearest.to_numpy())
    assert np.nanmin(analysis.vm[1]) == every.vm.min()
    text = " ".join(facts.headline(analysis, runs.manifest))
    assert "Each scenario is a dispatch of 3 hours" in text
    assert "at inverter 32 in hour evening" in text
    assert "currency (" in text
    tiles = dict(facts.tiles(analysis, runs.manifest))
    assert tiles["lowest to highest cost"].endswith(" currency")
    ax = plots.costs(runs, x="mq")
    assert ax.get_ylabel() == "cost increase (currency)"
    plots.prices(runs, x="mq")
    plots.margins(runs, x="mq")
    html = page.html(runs)
    data = json.loads(re.search(r'id="data">(.*?)</script>', html, re.S)[1])
    assert data["network"]["inverters"]["text"] == [str(bus) for bus in dearest.index]


def test_a_manifest_with_bad_hours_is_damaged(case39, tmp_path):
    folder = tmp_path / "run"
    scopf.sweep(case39, mq=0.05, hours=[0.5], out=folder)
    path = folder / "manifest.json"
    whole = json.loads(path.read_text())
    for bad in ({"names": ["1"]}, [1], {**whole["hours"], "duration_h": ["a"]}):
        path.write_text(json.dumps({**whole, "hours": bad}))
        with pytest.raises(scopf.ScopfError, match="damaged: see hours"):
            scopf.load_sweep(folder)
