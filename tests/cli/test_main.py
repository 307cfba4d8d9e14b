"""The command line: what it prints, what it writes, and how it ends."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

import scopf
from scopf.cases import bundled
from scopf.cli.main import app

pytestmark = pytest.mark.core

README = "solve case39 --lossless --mq 0.2 --eta-q 0.1"
TABLES = {"buses", "branches", "gens", "inverters", "pairs"}


def run(arguments, *more):
    words = [*arguments.split(), *map(str, more)]
    return CliRunner().invoke(app, words, env={"COLUMNS": "1000", "NO_COLOR": "1"})


def refused(arguments, *more):
    """What is said about bad input, on the error stream and without a traceback."""
    result = run(arguments, *more)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.stderr
    return result.stderr


def reference():
    net = scopf.load_case("case39").lossless()
    return scopf.solve(scopf.build(net, scopf.Inverters.at_generators(net, mq=0.2), eta_q=0.1))


def test_the_command_of_the_readme_prints_cost_status_prices_and_binding_pairs():
    result = run(README)
    assert result.exit_code == 0, result.output
    expected = reference()
    lines = [line.split() for line in result.stdout.splitlines()]
    assert f"cost {expected.cost:.4f} per hour" in result.stdout
    assert "optimal: " in result.stdout
    ranked = [line for line in lines if len(line) == 10 and line[0].isdigit() and line[1].isdigit()]
    assert len(ranked) == 10
    assert [line[0] for line in ranked if float(line[8]) > 0] == ["32"]
    nssp = expected.inverters.set_index("bus").loc[32, "nssp_per_pu"]
    assert float(ranked[0][8]) == pytest.approx(nssp, abs=0.01)
    binding = expected.pairs[expected.pairs["binding"]]
    start = lines.index(["inverter", "neighbour", "limit", "price"])
    printed = {(int(line[0]), int(line[1])) for line in lines[start + 1 :]}
    assert printed == set(zip(binding["bus"], binding["neighbor"], strict=True))
    assert f"Binding pairs ({len(binding)})" in result.stdout


def test_a_plain_optimal_power_flow_has_no_prices_of_stability():
    result = run("solve case9 --criterion none")
    assert result.exit_code == 0
    assert "criterion none" in result.stdout
    assert "NSSP" not in result.stdout


def test_out_writes_tables_that_agree_and_carry_the_user_s_bus_numbers(tmp_path):
    folder = tmp_path / "new" / "results"
    result = run(README, "--out", folder)
    assert result.exit_code == 0, result.output
    assert {path.name for path in folder.iterdir()} == {
        "summary.json", *(f"{name}.{kind}" for name in TABLES for kind in ("csv", "parquet"))
    }  # fmt: skip
    expected = reference()
    for name in TABLES:
        text, binary = (
            pd.read_csv(folder / f"{name}.csv", dtype={"gens": str}),
            pd.read_parquet(folder / f"{name}.parquet"),
        )
        pd.testing.assert_frame_equal(text, binary, check_dtype=False)
        assert list(binary.columns) == list(expected.tables[name].columns)
        assert len(binary) == len(expected.tables[name])
    inverters = pd.read_csv(folder / "inverters.csv")
    assert set(inverters["bus"]) == set(range(30, 40))
    branches = pd.read_parquet(folder / "branches.parquet")
    assert branches["branch"].tolist() == list(range(1, 47))
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["status"] == "optimal"
    assert summary["cost"] == pytest.approx(expected.cost)
    assert summary["settings"]["eta_q"] == 0.1
    assert f"written to {folder}" in result.stdout
    assert run(README, "--out", folder).exit_code == 0  # a folder that is there is written into


def no_constant(name):
    raise AssertionError(f"{name} is not JSON")


@pytest.mark.parametrize("more", ["", "--criterion none", "--max-iter 2", "--load-scale 9"])
def test_json_is_one_object_without_nan(more):
    result = run(f"solve case9 --json {more}")
    found = json.loads(result.stdout, parse_constant=no_constant)
    assert found["solved"] == (result.exit_code == 0)
    assert (found["cost"] is None) == (result.exit_code == 1)
    assert found["case"] == "case9"
    assert set(found) >= TABLES | {"status", "message", "settings", "iterations"}
    assert [row["bus"] for row in found["buses"]] == list(range(1, 10))


@pytest.mark.parametrize(
    ("arguments", "status"),
    [("solve case9 --load-scale 9", "infeasible"), ("solve case9 --max-iter 2", "iteration limit")],
)
def test_exit_code_1_says_why_there_is_no_solution(arguments, status):
    result = run(arguments)
    assert result.exit_code == 1
    assert status in result.stdout
    assert "no cost and no prices" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("solve case_39", "did you mean case39"),
        ("solve nowhere.m", "neither a file nor a bundled case"),
        ("solve case9 --criterion voltage", "voltage-difference"),
        ("solve case9 --option tol", "NAME=VALUE"),
        ("solve case9 --option no_such_option=1", "no_such_option"),
        ("solve case9 --eta-q 1 --d 2", "not both"),
        ("solve case9 --eta-q -1", "eta_q"),
        ("solve case9 --mq 0", "mq"),
        ("solve case9 --mq nan", "mq"),
        ("solve case9 --alpha 0", "alpha|susceptance"),
        ("solve case9 --load-scale inf", "load"),
        ("solve case9 --droop-base own", "droop_base"),
        ("solve case9 --droop 5", "--droop 5: .* 5 is 500 %; write 5% or 0.05"),
        ("sweep case9 --droop 2%,1 --out o", "--droop 1: .* 1 is 100 %; write 1% or 0.01"),
        ("solve case9 --droop much%", "such as 5% or 0.05, got 'much%'"),
        ("solve case9 --droop 5%5", "such as 5% or 0.05, got '5%5'"),
        ("solve case9 --droop 5% --mq 0.1", "either mq or droop_percent"),
        ("solve case9 --droop 5%", "give the ratings: .*--rating-factor 1.1"),
        ("solve case9 --time-limit -1", "time"),
        ("solve case9 --max-iter -1", "max-iter"),
        ("solve case9 --mq much", "--mq"),
        ("solve case9 --no-such-flag", "no-such-flag"),
        ("solve", "(?i)missing argument"),
        ("solv case9", "solv"),
    ],
)
def test_exit_code_2_says_what_is_wrong_with_the_input(arguments, said):
    assert re.search(said, refused(arguments))


def test_droops_in_per_cent_are_the_same_in_every_form():
    command = "solve case9 --rating-factor 1.1 --json --droop"
    one, other = (json.loads(run(command, text).stdout) for text in ("7%", "0.07"))
    assert [row["droop_percent"] for row in one["inverters"]] == pytest.approx([7, 7, 7])
    assert [row["mq"] for row in one["inverters"]] == [row["mq"] for row in other["inverters"]]


def test_a_folder_for_results_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "taken").write_text("")
    assert "cannot write results" in refused("solve case9 --out", tmp_path / "taken")


def test_a_malformed_case_is_refused_with_every_fault(tmp_path):
    path = tmp_path / "bad.m"
    path.write_text("mpc.version = '2';\nmpc.baseMVA = -1;\nmpc.bus = [1 3 0];\nclear x;\n")
    said = refused("solve", path)
    for part in (str(path), "mpc.baseMVA", "`clear x;`", "mpc.gen: is missing", "3 columns"):
        assert part in said


def test_a_table_of_inverters_is_read_and_overrides_the_flags(tmp_path):
    path = tmp_path / "inverters.csv"
    path.write_text("bus,mq,inverter\n31,,0\n32,0.21,\n")
    result = run("solve case39 --lossless --mq 0.2 --json --inverters", path)
    assert result.exit_code == 0, result.output
    rows = {row["bus"]: row["mq"] for row in json.loads(result.stdout)["inverters"]}
    assert sorted(rows) == [30, *range(32, 40)]
    assert rows[32] == pytest.approx(0.21)
    assert rows[33] == pytest.approx(0.2)


def test_a_malformed_table_of_inverters_is_refused_with_every_fault(tmp_path):
    path = tmp_path / "inverters.csv"
    path.write_text("bus,mq,slope\n99,0.1,1\n32,-1,1\n33,much,1\n")
    said = refused("solve case39 --inverters", path)
    for part in (str(path), "slope", "bus 99", "much"):
        assert part in said
    assert "no such file" in refused("solve case39 --inverters", tmp_path / "none.csv")


def test_options_reach_ipopt_and_the_other_flags_the_model():
    limited = run("solve case9 --option max_iter=1 --option tol=1e-6")
    assert limited.exit_code == 1
    assert "iteration limit" in limited.stdout
    found = json.loads(
        run("solve case9 --d 0.1 --alpha 1.1 --beta-q 2 --mp 0.2 --load-scale 1.2 --json").stdout
    )
    net = scopf.load_case("case9").scaled(load=1.2)
    inverters = scopf.Inverters.at_generators(net, beta_q=2, mp=0.2)
    expected = scopf.solve(scopf.build(net, inverters, d=0.1, alpha=1.1))
    assert found["cost"] == pytest.approx(expected.cost, rel=1e-9)
    limits = [row["limit_pu"] for row in found["inverters"]]
    assert limits == pytest.approx(expected.inverters["limit_pu"].tolist())


def test_a_refused_option_names_the_flag_that_says_why():
    said = refused("solve case9 --option linear_solver=nosuch --option tol=1e-7")
    assert "linear_solver" in said
    said = refused("solve case9 --option linear_solver=ma57")
    assert "(--verbose shows why)" in said
    assert "=True" not in said


def test_a_keyword_is_the_flag_of_its_name_on_the_command_line(tmp_path):
    run("sweep case9 --mq 0.1 --out", tmp_path)
    said = refused("sweep case9 --mq 0.1 --out", tmp_path)
    assert "resume it (--resume)" in said


def test_unsupported_content_is_refused_or_ignored_as_wished(tmp_path):
    case = bundled.entries()["case9"].path.read_text(encoding="utf-8")
    path = tmp_path / "linked.m"
    path.write_text(case + "mpc.reserves = [1 2 3];\n")
    assert "mpc.reserves" in refused("solve", path)
    result = run("solve --ignore-unsupported", path)
    assert result.exit_code == 0, result.output


def test_cases_lists_every_bundled_case_study_and_table_of_devices():
    result = run("cases")
    assert result.exit_code == 0
    cases, studies, tables = (part.splitlines() for part in result.stdout.split("\n\n"))
    listed = {line.split()[0]: line.split()[1:4] for line in cases[1:]}
    assert list(listed) == bundled.names()
    assert listed["case300"] == ["300", "69", "411"]
    listed = {line.split()[0]: line.split(maxsplit=3)[1:] for line in studies[2:]}
    assert list(listed) == list(bundled.studies())
    assert listed["fig8"] == ["case39", "51", "Prices over grid strength, by reactive cost"]
    assert [line.split()[0] for line in tables[1:]] == list(bundled.device_tables())


def test_cases_as_json_say_the_same():
    found = json.loads(run("cases --json").stdout)
    assert [one["name"] for one in found["cases"]] == bundled.names()
    assert [one["name"] for one in found["studies"]] == list(bundled.studies())
    assert all(one["title"] and one["case"] in bundled.names() for one in found["studies"])
    (table,) = found["devices"]
    assert (table["name"], table["rows"]) == ("case39_machines", 10)


def test_help_says_something_about_every_option():
    result = run("solve --help")
    assert result.exit_code == 0
    command = typer.main.get_command(app).commands["solve"]
    for parameter in command.params:
        if parameter.name != "case":
            (option,) = [name for name in parameter.opts if name.startswith("--")]
            assert re.search(rf"^\s*(-\w, )?{option}\b.*\s{{2,}}\w", result.stdout, re.M), option
    assert "Exit code" in result.stdout


def test_version_is_the_package_s():
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout == f"scopf {scopf.__version__}\n"


def test_the_module_runs_as_a_program_from_anywhere(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "scopf", "solve", "case9"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "optimal" in result.stdout
    assert result.stderr == ""


def test_the_readme_shows_the_command_of_the_demo():
    """That it prints what README says is tested with the other commands on pages."""
    root = Path(__file__).parents[2]
    recipe = re.search(r"^demo:.*\n\t\.venv/bin/(scopf .*)$", (root / "Makefile").read_text(), re.M)
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert f"`make demo` ends with what this prints:\n\n    $ {recipe[1]}\n" in readme


@pytest.mark.parametrize("suffix", [".m", ".json", ".raw"])
def test_the_network_at_the_solution_is_saved(tmp_path, suffix):
    path = tmp_path / f"grid{suffix}"
    result = run("solve case9 --criterion none --load-scale 0.9 --save", path)
    assert result.exit_code == 0
    assert f"written to {path}" in result.stdout
    net = scopf.load_case(path)
    sol = scopf.solve(scopf.build(scopf.load_case("case9"), criterion="none", load_scale=0.9))
    assert net.gen.vg == pytest.approx(sol.point.vm[sol.net.gen_at], rel=1e-9)
    assert net.bus.pd == pytest.approx(0.9 * scopf.load_case("case9").bus.pd)


def test_without_a_solution_nothing_is_saved(tmp_path):
    result = run("solve case9 --no-diagnosis --load-scale 9 --save", tmp_path / "grid.m")
    assert result.exit_code == 1
    assert "there is no solution to write to" in result.stdout
    assert not list(tmp_path.iterdir())


def test_a_suffix_that_is_none_is_refused_before_the_solve(tmp_path):
    assert "one of .m, .json, .raw" in refused("solve case9 --save", tmp_path / "grid.xls")
    assert "one of 33, 35" in refused("convert case9 --revision 30", tmp_path / "grid.raw")
    assert "of .raw files" in refused("convert case9 --revision 33", tmp_path / "grid.m")


@pytest.mark.parametrize("revision", ["33", "35"])
def test_convert_writes_raw_files_with_costs(tmp_path, revision):
    path = tmp_path / "grid.raw"
    assert run("convert case30 --revision", revision, path).exit_code == 0
    assert path.read_text().splitlines()[0].split(",")[2].strip() == revision
    there, net = scopf.load_case(path), scopf.load_case("case30")
    assert there.gen.cost_p == pytest.approx(net.gen.cost_p)


def test_the_result_is_shown_even_if_the_format_cannot_hold_the_network(tmp_path):
    net = scopf.load_case("case9")
    case = tmp_path / "grid.json"
    scopf.save_case(net.replace(bus={"pd_current": 0.1 * net.bus.pd}), case)
    result = run("solve", case, "--criterion", "none", "--save", tmp_path / "grid.m")
    assert result.exit_code == 2
    assert "optimal" in result.stdout
    assert "a constant-current P load has no place" in result.stderr


def test_json_stays_one_object_beside_a_saved_network(tmp_path):
    result = run("solve case9 --json --save", tmp_path / "grid.m")
    assert json.loads(result.stdout)["solved"]
    assert "written to" in result.stderr


# -- what requirements cost -----------------------------------------------

EXPLAIN = "solve case39 --lossless --mq 0.2 --outages 6,12,13 --emergency 1.2 --explain"


def test_explain_says_what_stability_and_outages_cost():
    result = run(EXPLAIN)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    at = lines.index("What it costs, per hour (of 43809.65)")
    assert lines[at + 1] == "  stability rows        1613.28  (42196.37 without them)"
    assert lines[at + 2] == "  outages               2533.50  (41276.15 without them)"
    assert lines[at + 3] == "  both                  2545.71  (41263.94 without either)"
    assert lines[at + 4] == "Price of each outage that binds (2), the saving without it"
    assert lines[at + 5].split() == ["branch", "6", "at", "3-4", "(1)", "1549.02"]
    assert max(map(len, lines[at : at + 7])) <= 80
    assert "What it costs" not in run(EXPLAIN.removesuffix(" --explain")).stdout


def test_explain_as_json_and_in_a_folder(tmp_path):
    result = run(EXPLAIN, "--json", "--out", tmp_path / "out")
    found = json.loads(result.stdout)
    names = [row["requirement"] for row in found["explained"]["requirements"]]
    assert names == ["stability rows", "outages", "both"]
    assert found["settings"]["explain"] is True
    prices = {row["state"]: row["price_per_h"] for row in found["outages"]}
    assert prices["branch 13"] == 0
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["explained"] == found["explained"]
    table = pd.read_csv(tmp_path / "out/outages.csv").set_index("state")
    assert table.price_per_h.to_dict() == pytest.approx(prices)


HOURS = "hour,load_scale\nnight,0.7\nnoon,0.9\nevening,1.0\n"
WITH_HOURS = "case39 --lossless --mq 0.2 --eta-q 0.1 --hours hours.csv"


@pytest.fixture
def hours(tmp_path, monkeypatch):
    """A folder with tables of hours, storage and ramps."""
    (tmp_path / "hours.csv").write_text(HOURS)
    (tmp_path / "storage.csv").write_text("bus,p_mw,e_mwh,mq\n16,100,300,0.1\n")
    (tmp_path / "ramps.csv").write_text("gen,ramp_mw_per_h\n1,60\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_hours_storage_and_ramps_are_files(hours):
    coupled = "--storage storage.csv --ramps ramps.csv"
    done = run(f"solve {WITH_HOURS} {coupled} --out out")
    assert done.exit_code == 0, done.output
    net = scopf.load_case("case39").lossless()
    inverters = scopf.Inverters.at_generators(net, mq=0.2)
    given = {name: f"{name}.csv" for name in ("hours", "storage", "ramps")}
    expected = scopf.solve(scopf.build(net, inverters, eta_q=0.1, **given))
    assert f"cost {expected.cost:.4f} over 3 h" in done.stdout
    names = {path.stem for path in (hours / "out").glob("*.csv")}
    assert names == TABLES | {"hours", "storage", "storage_by_hour", "ramps", "ramps_by_hour"}
    table = pd.read_csv("out/buses.csv")
    assert len(table) == 3 * 39
    assert table.bus.max() == 39
    settings = json.loads(Path("out/summary.json").read_text())["settings"]
    assert [settings[name] for name in given] == list(given.values())
    found = json.loads(run(f"solve {WITH_HOURS} {coupled} --json").stdout)
    assert found["cost"] == pytest.approx(expected.cost, rel=1e-7)
    assert [row["state"] for row in found["hours"]] == ["night", "noon", "evening"]
    assert found["settings"]["ramps"] == "ramps.csv"
    assert "storage_by_hour" in found


def test_ramps_are_a_number_as_well(hours):
    found = json.loads(run(f"solve {WITH_HOURS} --ramps 130.5 --json").stdout)
    assert {row["ramp_mw_per_h"] for row in found["ramps"]} == {130.5}
    assert len(found["ramps"]) == 10


def test_verify_checks_every_hour(hours):
    done = run(f"verify {WITH_HOURS} --storage storage.csv")
    assert done.exit_code == 0, done.output
    assert "stable in all 3 states" in done.stdout
    found = json.loads(run(f"verify {WITH_HOURS} --json").stdout)
    assert found["stable"] is True
    assert [row["state"] for row in found["verified"]["states"]] == ["night", "noon", "evening"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (f"solve {WITH_HOURS} --save net.m", "--save writes the network at one operating point"),
        (f"verify {WITH_HOURS} --critical", "--critical is of one operating point"),
        ("solve case39 --storage storage.csv", "give `hours` too"),
        (f"solve {WITH_HOURS} --outages 6", "outages and hours in one dispatch"),
        (f"solve {WITH_HOURS} --ramps absent.csv", "absent.csv: 1 fault"),
        ("solve case39 --hours absent.csv", "absent.csv: 1 fault"),
        (f"solve {WITH_HOURS} --mq-min 0.1 --mq-max 0.2", "co-design (mq_bounds)"),
    ],
)  # fmt: skip
def test_what_hours_do_not_go_with_is_said_before_the_solve(hours, arguments, text, monkeypatch):
    def never(*_, **__):
        raise AssertionError("it was solved")

    monkeypatch.setattr("scopf.cli.solving._solution", never)
    assert text in refused(arguments)


# -- devices -----------------------------------------------

MACHINES = "bus,device,xd,xq,xd1,h,td0\n31,one-axis,0.295,0.282,0.07,30,6.6\n"


def test_devices_are_a_file_or_a_bundled_table(tmp_path):
    path = tmp_path / "machines.csv"
    path.write_text(MACHINES + "30,gfm,,,,,\n")
    case = "solve case39 --lossless --mq 0.15 --criterion weighted --json --devices"
    result = run(case, path)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert 31 not in {row["bus"] for row in found["inverters"]}
    assert len(found["inverters"]) == 9
    assert found["settings"]["devices"] == str(path)
    net = scopf.load_case("case39").lossless()
    alike = scopf.build(net, criterion="weighted", mq=0.15, devices=path)
    assert found["cost"] == pytest.approx(scopf.solve(alike).cost, rel=1e-9)
    text = refused("solve case39 --lossless --devices", "case39_machines")
    assert "there is no inverter to constrain" in text


def test_inverters_have_numbers_in_one_table(tmp_path):
    (tmp_path / "inverters.csv").write_text("bus,mq\n30,0.2\n")
    (tmp_path / "machines.csv").write_text("bus,device,mq\n31,gfl,\n30,gfm,0.1\n")
    flags = "--devices", tmp_path / "machines.csv", "--inverters", tmp_path / "inverters.csv"
    text = refused("solve case39 --lossless --criterion weighted", *flags)
    assert "give numbers of inverters in their own table or in that of devices" in text
    text = refused("solve case39 --devices", tmp_path / "none.csv")
    assert "cannot be read" in text
