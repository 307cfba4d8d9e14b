"""`scopf simulate`: what it prints and writes, and how it ends."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app


def run(*words):
    terminal = {"COLUMNS": "1000", "NO_COLOR": "1"}
    return CliRunner().invoke(app, ["simulate", *map(str, words)], env=terminal)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A solution, and the file of it."""
    net = scopf.load_case("case39").lossless()
    sol = scopf.solve(scopf.build(net, scopf.Inverters.at_generators(net, mq=0.1)))
    sol.save(path := tmp_path_factory.mktemp("stored") / "solution.json")
    return sol, path


def test_it_prints_what_the_result_says(stored, tmp_path):
    sol, path = stored
    picture = tmp_path / "response.png"
    result = run(path, "--outage", "branch 6", "--reclose-at", 2, "--until", 3, "--plot", picture)
    assert result.exit_code == 0, result.output
    expected = sol.simulate(outage="branch 6", reclose_at=2.0, until=3.0)
    assert f"\n{str(expected).strip()}\n" in result.stdout
    assert result.stdout.endswith(f"the picture was written to {picture}\n")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert f"cost {sol.cost:.4f}" in result.stdout


def test_a_case_is_solved_with_the_flags_of_solve():
    words = "--mq 0.1 --criterion none --load-scale 0.9 --load-step 5:10:5 --load-step 7:-3:0"
    steps = ["--set-point", "gen 2:p_mw=120,vm=1.0", "--at", 0.2, "--until", 1, "--load", "0,2"]
    result = run("case9", *words.split(), *steps, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    net = scopf.load_case("case9")
    sol = scopf.solve(scopf.build(net, mq=0.1, criterion="none", load_scale=0.9))
    expected = sol.simulate(
        load_step={5: (10, 5), 7: (-3, 0)}, set_point={"gen 2": {"p_mw": 120, "vm": 1.0}},
        at=0.2, until=1.0, load=(0.0, 2.0),
    )  # fmt: skip
    assert found["cost"] == pytest.approx(sol.cost)
    assert found["settings"]["load_scale"] == 0.9
    assert found["simulation"]["events"] == [list(one) for one in expected.happened]
    for key in ("vm_min_pu", "frequency_min_hz", "frequency_max_hz", "moves_hz"):
        assert found["simulation"][key] == pytest.approx(expected.facts[key], rel=1e-6)


def test_tables_are_written_whatever_the_end(stored, tmp_path):
    sol, path = stored
    words = ["--outage", 1, "--impedance-below", 0, "--json", "--out", tmp_path / "response"]
    result = run(path, *words)
    assert result.exit_code == 1
    assert "7 files written" in result.stderr
    found = json.loads(result.stdout)["simulation"]
    assert found["status"] == "collapsed"
    assert "voltage collapse" in found["message"]
    assert found["events"] == [[1.0, "branch 1 is lost"]]
    expected = sol.simulate(outage=1, impedance_below=0)
    for name in ("buses", "devices", "events"):
        table = pd.read_parquet(tmp_path / "response" / f"{name}.parquet")
        pd.testing.assert_frame_equal(table, getattr(expected, name))
        assert (tmp_path / "response" / f"{name}.csv").exists()
    summary = json.loads((tmp_path / "response" / "summary.json").read_text())
    assert summary["simulation"] == found
    assert np.isclose(found["end"], expected.times[-1])


def test_all_malformed_flags_are_named():
    steps = ["--load-step", "8:100", "--load-step", "x:1:2", "--load-step", "3:1:nan"]
    points = ["--set-point", "31:pp=3", "--set-point", "gen:vm=1", "--set-point", "31"]
    result = run("case39", *steps, *points)
    assert result.exit_code == 2
    for text in ("'8:100'", "'x:1:2'", "'31:pp=3'", "'gen:vm=1'", "'31'"):
        assert text in result.stderr
    twice = run("case39", "--load-step", "8:1:1", "--load-step", "8:2:1", "--reclose-at", 2)
    assert twice.exit_code == 2
    assert "--load-step names 8 twice" in twice.stderr
    assert "--plot writes .png, .svg, .pdf" in run("case39", "--plot", "x.bmp").stderr


def test_what_the_case_does_not_have_is_said_before_the_solve(monkeypatch):
    def never(*_, **__):
        raise AssertionError("it was solved")

    monkeypatch.setattr("scopf.cli.solving._solution", never)
    words = [
        "--outage",
        "branch 99 + gen 77",
        "--load-step",
        "888:1:2",
        "--set-point",
        "gen 44:vm=1",
    ]
    result = run("case39", *words)
    assert result.exit_code == 2
    for text in ("branch 99", "gen 77", "888", "gen 44"):
        assert text in result.stderr
    assert "give an outage as well" in run("case39", "--reclose-at", 3).stderr


def test_a_stored_solution_is_not_solved_with_other_flags(stored):
    result = run(stored[1], "--mq", 0.2, "--lossless", "--time-limit", 9)
    assert result.exit_code == 2
    assert "--lossless, --mq cannot change it" in result.stderr


def test_without_a_dispatch_there_is_nothing_to_simulate():
    result = run("case9", "--load-scale", 9, "--no-diagnosis", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["simulation"] is None
    result = run("case9", "--load-scale", 9, "--no-diagnosis")
    assert result.exit_code == 1
    assert "there is nothing to simulate" in result.stdout
