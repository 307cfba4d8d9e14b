"""`scopf power-flow`: what it prints and writes, and how it ends."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app

pytestmark = pytest.mark.core


def run(arguments, *more):
    words = ["power-flow", *arguments.split(), *map(str, more)]
    return CliRunner().invoke(app, words, env={"COLUMNS": "1000", "NO_COLOR": "1"})


def test_it_prints_what_the_result_says():
    result = run("case9 --load-scale 1.1 --mq 0.1 --mp 0.02")
    net = scopf.load_case("case9").scaled(load=1.1)
    inv = scopf.Inverters.at_generators(net, mq=0.1, mp=0.02)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(scopf.power_flow(net, inv)).strip()
    assert "frequency -0.00" in result.stdout


def test_a_table_of_inverters_says_who_has_one(tmp_path):
    table = tmp_path / "inverters.csv"
    table.write_text("bus,mq,inverter\n1,0.1,\n2,,0\n")
    result = run("case9 --json --inverters", table)
    found = json.loads(result.stdout)
    assert found["gens"][1]["p_mw"] == pytest.approx(163.0)
    assert found["buses"][1]["vm"] == pytest.approx(1.025)


def test_json_has_the_summary_and_all_tables():
    result = run("case39 --slack reference --start flat --json")
    found = json.loads(result.stdout)
    expected = scopf.power_flow(scopf.load_case("case39"), slack="reference", start="flat")
    assert found["converged"] is True
    assert found["start"] == "flat"
    assert set(found) >= set(expected.tables)
    assert [row["vm"] for row in found["buses"]] == pytest.approx(expected.vm.tolist())
    assert len(found["violations"]) == len(expected.violations)


def test_tables_and_the_network_are_written(tmp_path):
    folder, case = tmp_path / "tables", tmp_path / "solved.m"
    result = run("case9 --slack distributed --out", folder, "--save", case)
    assert result.exit_code == 0, result.output
    expected = scopf.power_flow(scopf.load_case("case9"), slack="distributed")
    for name, table in expected.tables.items():
        found = pd.read_parquet(folder / f"{name}.parquet")
        assert list(found.columns) == list(table.columns)
        assert (folder / f"{name}.csv").exists()
    assert json.loads((folder / "summary.json").read_text())["slack"] == "distributed"
    back = scopf.load_case(case)
    assert back.bus.vm == pytest.approx(expected.vm)
    assert scopf.power_flow(back, slack="reference").iterations <= 1


def test_no_convergence_is_exit_code_1_and_bad_input_2(tmp_path):
    result = run("case9 --load-scale 9 --save", tmp_path / "x.m")
    assert result.exit_code == 1
    assert "no convergence" in result.stdout
    assert not (tmp_path / "x.m").exists()
    result = run("case9 --load-scale 9 --json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["converged"] is False
    assert found["buses"][0]["vm"] is None
    result = run("case9 --mq 0.1 --slack reference")
    assert result.exit_code == 2
    assert 'inverters go with slack="droop"' in result.stderr
    result = run("case39 --devices case39_machines --slack reference")
    assert result.exit_code == 2
    assert 'devices go with slack="droop"' in result.stderr
    assert run("case9 --slack nobody").exit_code == 2
