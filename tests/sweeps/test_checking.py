"""Exact checks of every scenario: `verify` and `certify` in sweeps, against `Solution.verify`."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.sweeps.analysis import curves
from scopf.sweeps.analysis.analysis import analyse
from scopf.sweeps.checking import COLUMNS

MQ = [0.1, 0.2, 3.0]
HOW = {"load": [0, 0.2], "frequency": 50.0, "min_damping": 0.0615}


@pytest.fixture(scope="module")
def net():
    return scopf.load_case("case39")


def single(net, mq, **keywords):
    return scopf.solve(scopf.build(net, scopf.Inverters.at_generators(net, mq=mq), **keywords))


@pytest.fixture(scope="module")
def runs(net, tmp_path_factory):
    out = tmp_path_factory.mktemp("checked") / "runs"
    return scopf.sweep(net, mq=MQ, criterion=["none", "C2"], verify=HOW, out=out, csv=True)


def test_each_row_is_what_verify_says(net, runs):
    """C2 with m_q 3 has no solution: there is nothing to check."""
    for row in runs.scenarios.itertuples():
        solution = single(net, row.mq, criterion=row.criterion)
        if not solution.solved:
            assert not row.solved
            assert np.isnan(row.damping)
            continue
        found = solution.verify(**HOW)
        assert (row.stable, row.damped) == (found.stable, found.damped)
        assert row.damping == pytest.approx(found.damping, rel=1e-5)
        assert row.least_damped_hz == pytest.approx(found.least_damped_hz, rel=1e-5)
        assert row.verdict.split(":")[0] == found.verdict.split(":")[0]
    verdicts = runs.scenarios.loc[runs.scenarios["solved"], ["stable", "damped"]]
    every = {*map(tuple, verdicts.to_numpy().tolist())}
    assert every == {(True, True), (True, False), (False, False)}


def test_true_false_and_missing_are_three_things(runs):
    stable = runs.scenarios["stable"]
    assert str(stable.dtype) == "boolean"
    assert stable.isna().equals(~runs.scenarios["solved"])
    assert "certified" not in runs.scenarios


def test_they_are_read_again_and_belong_to_the_study(net, runs):
    again = scopf.load_sweep(runs.folder).scenarios
    for name in ("stable", "damped", "damping", "verdict"):
        assert again[name].equals(runs.scenarios[name])
    given = {"mq": MQ, "criterion": ["none", "C2"], "out": runs.folder, "resume": True}
    for other in ({}, {"verify": True}, {"verify": {**HOW, "load": "power"}}):
        with pytest.raises(scopf.ScopfError, match="verify changed since it was started"):
            scopf.sweep(net, **given, **other)
    resumed = scopf.sweep(net, **given, verify=HOW)
    assert resumed.manifest["runs"][-1]["scenarios"] == 0
    (runs.folder / "scenarios.parquet").unlink()  # made again from the journal
    assert scopf.load_sweep(runs.folder).scenarios["stable"].equals(runs.scenarios["stable"])


def test_a_run_folder_of_an_older_version_is_resumed(tmp_path):
    """Its manifest knows nothing of plain, verify and certify, nor does its fingerprint."""
    out = tmp_path / "runs"
    first = scopf.sweep("case9", mq=[0.1, 0.2], out=out)
    manifest = json.loads((out / "manifest.json").read_text())
    for name in ("plain", "verify", "certify"):
        del manifest["spec"]["settings"][name]
    (out / "manifest.json").write_text(json.dumps(manifest))
    assert not set(COLUMNS) & set(scopf.load_sweep(out).scenarios)
    again = scopf.sweep("case9", mq=[0.1, 0.2], out=out, resume=True)
    assert again.manifest["runs"][-1]["scenarios"] == 0
    assert again.manifest["spec_hash"] == first.manifest["spec_hash"]


def test_certify_is_that_of_solve():
    net = scopf.load_case("case118")
    given = {"criterion": "weighted", "droop_margin": 0.0}
    table = scopf.sweep(net, mq=[0.3, 1.4], **given, certify=True).scenarios
    solution = single(net, 1.4, **given)
    found = scopf.solve(solution.problem, certify=True)
    assert not solution.verify().stable
    assert found.certified
    row = table.iloc[1]
    assert row["certified"]
    assert row["stable"]
    assert row["cost"] == pytest.approx(found.cost, rel=1e-4)
    assert row["droop_margin_used"] == pytest.approx(found.checks[-1].droop_margin, rel=1e-2)
    assert table["droop_margin_used"][0] == 0.0


def test_outages_and_hours_are_checked_in_every_state():
    """The least damped oscillation is one after the outage of branch 6."""
    net = scopf.load_case("case39").lossless()
    given = {"outages": [5, 6], "emergency": 2.0, "criterion": "none"}
    given |= {"voltage_band": 0.2, "frequency_band": 0.05}
    row = scopf.sweep(net, mq=0.1, **given, verify=True).scenarios.iloc[0]
    states = single(net, 0.1, **given).verify_states()
    assert row["damping"] == pytest.approx(states.damping, rel=1e-4)
    assert row["damping"] < 0.999 * states.checks["intact"].damping
    assert row["verdict"] == states.verdict
    net = scopf.load_case("case9").lossless()
    row = scopf.sweep(net, mq=0.1, hours=[0.5, 1.0], verify=True).scenarios.iloc[0]
    states = single(net, 0.1, hours=[0.5, 1.0]).verify_states()
    assert row["damping"] == pytest.approx(states.damping, rel=1e-4)
    assert row["stable"]


@pytest.mark.parametrize("asked", [{"verify": True}, {"certify": True}])
@pytest.mark.parametrize("error", [scopf.ScopfError("too hard"), ZeroDivisionError("too hard")])
def test_a_check_that_breaks_is_a_row_with_a_verdict(monkeypatch, error, asked):
    from scopf.results.solution import Solution

    def breaks(*_, **__):
        raise error

    monkeypatch.setattr(Solution, "verify", breaks)
    row = scopf.sweep("case9", mq=0.1, **asked).scenarios.iloc[0]
    assert row["solved"]
    assert row["cost"] == pytest.approx(5296.6862, abs=1e-3)
    assert not row.get("certified")
    assert row["stable"] is not True
    assert row["stable"] is not False
    assert row["verdict"].startswith("not checked: ")
    assert row["verdict"].endswith("too hard")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"verify": 3}, "is true or a table of load, frequency, min_damping"),
        ({"verify": {"laod": 1}}, "did you mean load"),
        ({"verify": {"load": "x"}}, "power, current, impedance or an exponent, got 'x'"),
        ({"verify": {"load": [1]}}, "has two numbers"),
        ({"verify": {"load": {99: 1}}}, "has no bus 99"),
        ({"certify": {"min_damping": 5}}, "should be less than 1, got 5"),
        ({"verify": {"load": 1}, "certify": {"load": 2}}, "differs from that of verify"),
    ],
)
def test_what_is_no_check_is_refused(given, said):
    with pytest.raises(scopf.ScopfError, match=said):
        scopf.sweep("case9", **given)


def test_a_spec_has_tables_of_them(tmp_path):
    spec = tmp_path / "study.toml"
    spec.write_text('case = "case9"\nmq = 0.1\nplain = true\n[verify]\nload = {5 = "impedance"}\n')
    table = scopf.sweep(spec).scenarios
    net = scopf.load_case("case9")
    found = single(net, 0.1).verify(load={5: "impedance"})
    assert table["damping"][0] == pytest.approx(found.damping, rel=1e-6)
    assert "plain_cost" in table


def run(text):
    found = CliRunner().invoke(app, text.split())
    return found.exit_code, found.output


def test_the_command_says_how_many_are_stable(tmp_path):
    out = tmp_path / "runs"
    text = f"sweep case39 --mq 0.1,0.2 --verify --min-damping 0.0564 --out {out} --no-progress"
    code, said = run(text)
    assert code == 0
    assert "1 of 2 solved scenarios is stable, 0 with a damping ratio of 0.0564 or more" in said
    table = scopf.load_sweep(out).scenarios
    worst = int(table["damping"].argmin())
    assert f"(row {worst}: mq {table['mq'][worst]})" in said
    assert f"the least damping ratio is {table['damping'].min():.3g} at" in said
    code, said = run(f"sweep case39 --mq 0.1 --load impedance --out {tmp_path / 'other'}")
    assert code == 2
    assert "--load: only exact checks use this" in said


def test_the_page_draws_the_damping():
    runs = scopf.sweep("case9", mq=[0.05, 0.2], verify=True)
    picture = curves.all_of(analyse(runs))["damping"]
    (line,) = picture.slices[()]
    assert line.values == pytest.approx(runs.scenarios["damping"])
    assert "damping" not in curves.all_of(analyse(scopf.sweep("case9", mq=[0.05, 0.2])))
