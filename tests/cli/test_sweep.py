"""The command `scopf sweep`, and files that it reads."""

import re
import shlex
import signal

import pytest
from typer.testing import CliRunner

import scopf
from scopf.cases import bundled
from scopf.cli.main import app
from scopf.cli.sweep import values
from scopf.optimizer.signals import stoppable, terminable
from scopf.stability import registry
from scopf.sweeps import progress
from scopf.sweeps.spec import check, overridden

pytestmark = pytest.mark.core


def run(*words):
    command = ["sweep", *map(str, words), "--no-progress"]
    return CliRunner().invoke(app, command, env={"COLUMNS": "1000", "NO_COLOR": "1"})


def test_the_same_column_twice_in_a_file_is_a_fault(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text('case = "case9"\nmq_3 = 0.3\nmq.3 = 0.1\n')
    with pytest.raises(scopf.CaseError, match=r"line 3.*mq_3 is given twice"):
        scopf.sweep(path)


def test_flags_override_a_bus_of_a_file_however_it_is_written():
    for content in ({"mq": {"3": 0.1, "all": 0.2}}, {"mq_3": 0.1, "mq": 0.2}):
        for given in ({"mq_3": 0.3}, {"mq": {3: 0.3, "all": 0.2}}):
            spec = check(overridden(content, given), "test")
            assert {a.columns[0]: a.rows[0][0] for a in spec.axes} == {"mq": 0.2, "mq_3": 0.3}


def test_every_criterion_is_an_axis_on_the_command_line(tmp_path):
    names = ",".join(registry.names())
    result = run("case9", "--lossless", "--criterion", names, "--max-iter", 1, "--out", tmp_path)
    assert result.exit_code == 1, result.output  # nothing is solved in one iteration
    found = scopf.load_sweep(tmp_path).scenarios
    assert found["criterion"].tolist() == registry.names()
    assert not set(found["status"]) & {"invalid", "error"}


def test_none_is_no_outage_and_a_value_of_options(tmp_path):
    words = ("--axis", "outage=none,2", "--criterion", "none", "--option")
    result = run("case9", *words, "nlp_scaling_method=none", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    runs = scopf.load_sweep(tmp_path)
    assert runs.scenarios["outage"].fillna(0).tolist() == [0, 2]
    assert runs.manifest["options"]["options"] == {"nlp_scaling_method": "none"}


def test_a_switch_is_an_axis_too(tmp_path):
    words = ("--axis", "lossless=true,false", "--criterion", "none", "--max-iter", 1)
    run("case9", *words, "--out", tmp_path)
    assert scopf.load_sweep(tmp_path).scenarios["lossless"].tolist() == [True, False]


@pytest.mark.parametrize(
    "words", [("--mq", 0.3, "--axis", "mq=0.2"), ("--lossless", "--axis", "lossless=false")]
)
def test_an_axis_is_given_once(tmp_path, words):
    result = run("case9", *words, "--out", tmp_path)
    assert result.exit_code == 2
    assert "is given twice" in result.output


@pytest.mark.parametrize("as_spec", [False, True])
def test_a_sweep_is_resumed_from_another_folder(tmp_path, monkeypatch, as_spec):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.chdir(here)
    (here / "own.m").write_text(bundled.entries()["case9"].path.read_text())
    (here / "units.csv").write_text("bus,mq\n1,0.05\n2,0.05\n3,0.05\n")
    (here / "study.toml").write_text('case = "own.m"\ninverters = "units.csv"\n')
    words = ("study.toml",) if as_spec else ("own", "--inverters", "units.csv")
    result = run(*words, "--eta-q", "0,0.1", "--out", "out")
    assert result.exit_code == 0, result.output
    monkeypatch.chdir(there)
    result = run("--resume", "--out", here / "out")
    assert result.exit_code == 0, result.output
    settings = scopf.load_sweep(here / "out").manifest["spec"]["settings"]
    assert settings["case"] == str(here / "own.m")
    assert settings["inverters"] == str(here / "units.csv")


def test_the_log_has_counts_now_and_then_and_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "_EVERY", 0.0)
    scopf.sweep("case9", eta_q=[0, 0.1], chain=1, out=tmp_path)
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert [line.partition("INFO ")[2] for line in lines[1:3]] == [
        "1 of 2: 1 optimal",
        "2 of 2: 2 optimal",
    ]
    assert re.search(r"INFO finished in [\d.]+ s: 2 optimal$", lines[-1])


def test_how_to_go_on_is_a_command_that_can_be_pasted(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt(*said)

    said = ["3 of 9 scenarios are finished and kept in it"]
    monkeypatch.setattr(scopf, "sweep", interrupted)
    monkeypatch.chdir(tmp_path)
    words = ["--workers", "2", "--stall-timeout", "5", "--csv"]
    result = run("case9", *words, "--out", "my runs/it's")
    assert (result.exit_code, result.stderr) == (130, "scopf: interrupted; nothing was written\n")
    out = tmp_path / "my runs" / "it's"
    out.mkdir(parents=True)
    (out / "results.sqlite").touch()
    result = run("case9", *words, "--out", "my runs/it's")
    assert f"{said[0]}: the same command with --resume goes on" in result.stderr
    (out / "manifest.json").touch()
    result = run("case9", *words, "--out", "my runs/it's")
    again = re.search(r"`(.*)`", result.stderr)[1]
    words = ["--workers", "2", "--stall-timeout", "5", "--csv"]
    assert shlex.split(again) == ["scopf", "sweep", "--resume", "--out", "my runs/it's", *words]
    said.clear()
    result = run("case9", "--option", "hsllib=own.so", "--out", "my runs/it's")
    assert "what was finished is kept in my runs/it's: the same command with" in result.stderr


def test_sigterm_is_ctrl_c_and_only_while_a_sweep_runs():
    before = signal.getsignal(signal.SIGTERM)
    with terminable():
        with stoppable() as stop:
            signal.raise_signal(signal.SIGTERM)
            assert stop.wanted
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_unknown_numbers_are_faults_with_file_key_and_line(tmp_path):
    path = tmp_path / "study.toml"
    text = 'case = "case9"\nmq.77 = 0.1\nload_scale_88 = 1\n[[scenarios]]\nalpha = 1\n'
    path.write_text(f"{text}[[scenarios]]\noutage = 99\n")
    with pytest.raises(scopf.CaseError) as caught:
        scopf.sweep(path)
    said = str(caught.value)
    assert str(path) in said
    assert "mq.77 (line 2): there is no inverter at bus 77 in case9" in said
    assert "load_scale_88 (line 3): there is no bus 88 in case9" in said
    assert "scenarios.1.outage (line 7): there is no branch 99 in service" in said


def test_options_that_ipopt_does_not_have_are_said_before_anything_is_solved(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text('case = "case9"\n[options]\ntol = 1e-8\ntoll = 1e-8\nmu_strategy = "x"\n')
    with pytest.raises(scopf.CaseError) as caught:
        scopf.sweep(path, out=tmp_path / "out")
    assert [fault.label for fault in caught.value.faults] == ["line 4", "line 5"]
    assert "Ipopt has no option 'toll'" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_misspelt_study_is_named(tmp_path):
    result = run("fig99", "--out", tmp_path)
    assert result.exit_code == 2
    assert "did you mean fig9? (bundled studies: fig3, fig4" in result.stderr


def test_every_fault_of_a_load_series_is_said_at_once(tmp_path):
    path = tmp_path / "loads.csv"
    path.write_text("all,5,x,05\n1,inf,1,1\n-0.1,1,1,1\n1,,1,1\n")
    with pytest.raises(scopf.CaseError) as caught:
        scopf.sweep("case9", load_series=path)
    said = [fault.text for fault in caught.value.faults]
    text = "is no load factor: a finite number, not negative"
    assert said == [
        f"column all, row 2: -0.1 {text}",
        f"column 5, row 1: inf {text}",
        f"column 5, row 3: None {text}",
        "column 'x' is neither `all`, nor `step`, nor a bus number",
        "column '05' is there twice",
    ]


def test_a_refused_option_names_a_flag_that_there_is(tmp_path):
    result = run(
        "case9", "--mq", "0.1", "--option", "linear_solver=ma57", "--out", tmp_path / "out"
    )
    assert "(scopf solve --verbose shows why)" in result.output


def test_a_missing_study_is_a_sentence(tmp_path):
    result = CliRunner().invoke(app, ["sweep", "--mq", "0.1", "--out", str(tmp_path / "runs")])
    assert result.exit_code == 2
    assert "the study is missing" in result.stderr


def test_one_scenario_is_one(tmp_path):
    result = CliRunner().invoke(app, ["sweep", "case9", "--out", str(tmp_path / "runs")])
    assert "case9: 1 scenario in" in result.output


def test_per_cent_may_carry_its_sign_on_any_axis():
    assert values("2%:10%:3", "droop_percent_32") == {"linspace": [2, 10, 3]}
    assert values("2,5%", "droop_percent") == [2, 5]
    assert values("0.05,5%", "droop_percent", of_flag=True) == [5, 5]


def test_flags_change_single_settings_of_the_checks_of_a_spec():
    content = {"case": "case9", "mq": 0.1, "verify": {"load": "impedance", "min_damping": 0.05}}
    for given, load in (({"load": "current"}, "current"), (True, "impedance")):
        settings = check(overridden(content, {"verify": given}), "test").settings
        assert settings.verify.keywords == {"load": load, "min_damping": 0.05}
    assert content["verify"]["load"] == "impedance"
    assert overridden({**content, "verify": True}, {"verify": {"load": "current"}})["verify"] == {
        "load": "current"
    }
