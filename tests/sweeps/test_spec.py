"""The spec of a sweep: a TOML file, keyword arguments and flags that say the same."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.cli.sweep import values
from scopf.sweeps import stored_spec
from scopf.sweeps.columns import COLUMNS
from scopf.sweeps.spec import check
from scopf.sweeps.toml_lines import DEEPEST, Lines, depth

pytestmark = pytest.mark.core

TOML = """\
title = "A study"
case = "case9"
lossless = true
eta_q = [0, 0.1]            # a list
margin = 0.001              # the same for all
mq.all = { linspace = [0.02, 0.04, 3] }
mq.3 = 0.05

[options]
tol = 1e-9
"""


def run(arguments, *more):
    words = [*arguments.split(), *map(str, more)]
    return CliRunner().invoke(app, words, env={"COLUMNS": "1000", "NO_COLOR": "1"})


def refused(arguments, *more):
    result = run(arguments, *more)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_file_keywords_and_flags_say_the_same(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(TOML)
    from_file = scopf.sweep(path, out=tmp_path / "file")
    keywords = scopf.sweep(
        "case9", lossless=True, eta_q=(0, 0.1), margin=0.001, mq=np.linspace(0.02, 0.04, 3),
        mq_3=0.05, options={"tol": 1e-9}, out=tmp_path / "keywords",
    )  # fmt: skip
    flags = "sweep case9 --lossless --eta-q 0,0.1 --margin 0.001 --mq 0.02:0.04:3 --axis mq_3=0.05"
    result = run(f"{flags} --option tol=1e-9 --out", tmp_path / "flags")
    assert result.exit_code == 0, result.output
    assert re.search(r"case9: 6 scenarios in [\d.]+ s: 6 optimal", result.stdout)
    from_flags = scopf.load_sweep(tmp_path / "flags")
    tables = [runs.scenarios for runs in (from_file, keywords, from_flags)]
    order = sorted(tables[0].columns)
    axes = ["eta_q", "margin", "mq", "mq_3", "lossless"]
    for table in tables[1:]:
        assert sorted(table.columns) == order
        left, right = (t.sort_values(axes).reset_index(drop=True) for t in (tables[0], table))
        assert left[axes].equals(right[axes])
        np.testing.assert_allclose(left["cost"], right["cost"], rtol=1e-7)
    assert from_file.manifest["title"] == "A study"


def test_flags_override_a_file(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(TOML)
    result = run("sweep", path, "--eta-q", "0.3", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert set(scopf.load_sweep(tmp_path / "out").scenarios["eta_q"]) == {0.3}


def test_a_spec_is_the_same_after_a_trip_through_json():
    spec = check({"eta_q": {"geomspace": [0.1, 10, 3]}, "outage": [3], "lossless": True}, "test")
    again = stored_spec.read(json.loads(json.dumps(spec.as_dict())))
    assert again == spec
    assert again.hash == spec.hash
    assert spec.axes[0].rows == ((0.1,), (1.0,), (10.0,))
    assert spec.axes[1].rows == ((None,), (3,))
    assert check({"eta_q": [0.1, 1, 10], "outage": [3], "lossless": True}, "test").hash == spec.hash


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ([{"columns": ["mq"], "rows": [[0.1, 0.2]]}], "mq has rows of another length"),
        ([{"columns": ["mq"], "rows": [[[]]]}], "mq has a value that is none"),
        ([{"columns": ["mq"], "rows": [["nan"]]}], "mq has a value that is none"),
        ([{"columns": ["mq"], "rows": []}], "mq has rows of another length"),
        ([{"columns": ["outage"], "rows": [[1.5]]}], "outage has a value that is none"),
        ([{"columns": ["step"], "rows": [[{}]]}], "step has a value that is none"),
        ([{"columns": ["criterion"], "rows": [[[]]]}], "criterion has a value that is none"),
        ([{"columns": [], "rows": [[]]}], "unknown name"),
        ([{"columns": [1], "rows": [[1]]}], "unknown name"),
        ([{"columns": ["__class__"], "rows": [[1]]}], "unknown name"),
        ([{"columns": ["mq"], "rows": [[0.1]]}] * 2, "there twice"),
        ([{"columns": [f"mq_{k}"], "rows": [[0.1]] * 40} for k in range(4)], "more than 1,000,000"),
        ([{"columns": ["mq"]}], "rows"),
        ([1], "subscriptable"),
        (1, "iterable"),
    ],
    ids=range(15),
)
def test_a_spec_of_a_manifest_that_is_none_is_refused(axes, words):
    with pytest.raises((LookupError, TypeError, ValueError), match=words):
        stored_spec.read({"settings": {"case": "case9"}, "axes": axes})


def test_a_spec_of_a_manifest_may_name_a_criterion_that_is_not_registered_now():
    axes = [{"columns": ["step", "criterion"], "rows": [[1, "of another session"], [2, None]]}]
    assert stored_spec.read({"settings": {}, "axes": axes}).as_dict()["axes"] == axes


FAULTY = """\
case = "case9"
lossless = 1
etaq = [0, 1]
workers = 2

mq.all = {linspace = [0.1, 0.2]}
mq.3 = [0.1, -0.2]
mq.three = 0.3
load_scale = "high"
criterion = "C3"
d = []

[[scenarios]]
alpha = 1.0

[[scenarios]]
alpha = "x"
gamma = 2
"""
SAID = (
    r"lossless (line 2): should be a valid boolean, got 1",
    r"etaq (line 3): is no setting and no axis of a sweep; did you mean eta_q?",
    r"workers (line 4): is no setting",
    r"mq.all (line 6): linspace takes [first, last, number of points], got [0.1, 0.2]",
    r"mq.3 (line 7): should be greater than 0, got -0.2",
    r'mq.three (line 8): "three" is neither a bus number nor "all"',
    r"load_scale (line 9): should be a valid number, got 'high'",
    r"criterion (line 10): unknown criterion 'C3' (known: voltage-difference",
    r"d (line 11): is an empty list",
    r"scenarios.1.alpha (line 17): should be a valid number, got 'x'",
    r"scenarios.1.gamma (line 18): is nothing that scenarios have",
)


def test_every_fault_of_a_file_is_said_with_its_key_and_line(tmp_path):
    path = tmp_path / "faulty.toml"
    path.write_text(FAULTY)
    said = refused("sweep", path, "--out", tmp_path / "out")
    assert f"{path}: {len(SAID)} faults" in said
    lines = [line.strip() for line in said.splitlines()[1:]]
    for line, expected in zip(lines, SAID, strict=True):
        assert line.startswith(expected)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("case = 'case9'\nmq = [0.1\neta_q = 1\n", "is not TOML: .*line 3"),
        ("case = 'case9'\nmq = 1\nmq = 2\n", "is not TOML: .*line 3"),
        ("case = 'case9'\neta_q = 1\nd = 2\n", r"d \(line 3\): give either eta_q or d"),
        ("case = 'case9'\neta_q = 1\nd_2 = 2\n", r"d_2 \(line 3\): give either eta_q or d"),
        ("case = 'case9'\neta_q = 1\n[d]\n2 = 2\n", r"d.2 \(line 4\): give either eta_q or d"),
        ("mq = 0.1\n", "which case"),
        ("case = 'case_9'\n", "did you mean case9"),
        (
            "case = 'case9'\ncombine = 'zip'\nmq = [1, 2]\neta_q = [1, 2, 3]\n",
            r"mq \(line 3\): has 2 values where others have 3",
        ),
        ("case = 'case9'\nmq_4 = 0.1\n", r"mq_4 \(line 2\): there is no inverter at bus 4"),
        ("case = 'case9'\nload_scale_44 = 0.1\n", r"load_scale_44 \(line 2\): there is no bus 44"),
        ("case = 'case9'\noutage = [3, 44]\n", r"outage \(line 2\): there is no branch 44"),
        ("case = 'case9'\nscenarios = 'none.csv'\n", r"scenarios \(line 2\): .* cannot be read"),
        ("case = 'case9'\nload_series = 'loads.csv'\n", r"load_series \(line 2\): .*bus5"),
        ("case = 'case9'\nload_series = 'steps.csv'\n", "column `step` has to number"),
        ("case = 'case9'\ninverters = 'none.csv'\n", "no such file"),
        ("case = 'case9'\noptions = 3\n", r"options \(line 2\): should be a valid dictionary"),
        ("case = 'case9'\nscenarios = []\n", r"scenarios \(line 2\): has no scenarios"),
    ],
)  # fmt: skip
def test_a_fault_is_a_sentence(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.toml").write_text(text)
    (tmp_path / "loads.csv").write_text("all,bus5\n1,1\n")
    (tmp_path / "steps.csv").write_text("step,all\n0:00,1\n")
    assert re.search(said, refused("sweep study.toml --out out"))


@pytest.mark.parametrize("step", [True, 1.0, 2**63])
def test_a_step_is_a_whole_number_that_a_manifest_holds(step):
    loads = pd.DataFrame({"step": [0, step], "all": [1.0, 1.1]}, dtype=object)
    with pytest.raises(scopf.ScopfError, match="column `step` has to number"):
        check({"load_series": loads}, "test")


def test_lines_of_keys():
    text = '[a.b]\n"c d" = 1\n[[e]]\nf = 1\n[[e]]\nf.g = 2\n'
    lines = Lines(text)
    assert lines.of(("a", "b", "c d")) == 2
    assert lines.of(("e", 0, "f", 3)) == 4
    assert lines.of(("e", 1, "f", "g")) == 6
    assert lines.of(("e", 1, "h")) == 5
    assert lines.of(("z",)) is None


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('a.b . \'c.d\' . "e\\".f" = 1', 4),
        ("[[a.b.c]]\nd = 1.5e3", 3),
        ("x = {a.b.c.d = 1}", 4),
        ("x = 'a.b.c.d' # a.b.c.d\ny = \"a.b.c.d\"", 1),
        ('x = """a.b.c\n"a.b.c" \\""" a.b.c""""" # \ny.z = 1', 2),
        ("x = '''a.b.c\n'a.b.c' \\''''' \ny.z = 1", 2),
        ("x = [1.5, 2.5, 3.5]\ny = 07:32:00.999", 2),
        ("a.\nb.\nc.\nd = 1", 1),
        ('a = """never closed\nb.c.d = 1', 1),
        ("a = 'never closed\nb.c.d = 1", 1),
        ("", 0),
    ],
)
def test_depth_of_dotted_keys(text, parts):
    assert depth(text) == parts


@pytest.mark.parametrize(
    "text", ["mq = {}", "max_iter = {}", "mq = [1, {}]", "options = {{a = {}}}"]
)
def test_a_number_of_more_than_64_bits_is_refused(tmp_path, text):
    path = tmp_path / "spec.toml"
    path.write_text("case = 'case9'\n" + text.format("0x" + "f" * 6000))
    with pytest.raises(scopf.CaseError, match="is not TOML: a whole number has more than 64 bits"):
        scopf.sweep(path)


def test_a_bus_number_of_a_load_series_has_18_digits_at_most(tmp_path):
    path = tmp_path / "spec.toml"
    (tmp_path / "loads.csv").write_text("9" * 5000 + "\n1\n")
    path.write_text("case = 'case9'\nload_series = 'loads.csv'\n")
    with pytest.raises(scopf.CaseError, match="neither `all`, nor `step`, nor a bus number"):
        scopf.sweep(path)


def test_a_key_too_deep_is_refused(tmp_path):
    path = tmp_path / "spec.toml"
    path.write_text("a" + ".a" * DEEPEST + " = 1")
    with pytest.raises(scopf.CaseError, match="dotted key of more than 50 parts"):
        scopf.sweep(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:2:21", {"linspace": [0, 2, 21]}), ("0.1", [0.1]), ("1,2", [1, 2]), ("all", "all"),
        ("C0,C1", ["C0", "C1"]), ("true,false", [True, False]), ("1e-3", [1e-3]),
    ],
)  # fmt: skip
def test_values_on_the_command_line(text, expected):
    assert values(text) == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("sweep case9 --mq 0.1", "--out is missing"),
        ("sweep case9 --mq x --out o", "mq: should be a valid number"),
        ("sweep case9 --axis mq3=1 --out o", "--axis takes NAME=VALUES"),
        ("sweep --mq 1 --out o", "the study is missing: a case"),
        ("sweep --resume --out o", "no sweep in o"),
        ("sweep case9 --workers 0 --out o", "--workers"),
        ("sweep case9 --workers 2 --dask tcp://localhost:1 --out o", "one of workers"),
        ("sweep case9 --option tol --out o", "NAME=VALUE"),
        ("sweep none.toml --out o", "none.toml.*cannot be read"),
    ],
)
def test_the_command_says_what_is_wrong(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert re.search(said, refused(arguments), re.S)


def test_every_number_has_a_flag_and_help():
    text = run("sweep --help").stdout
    for name in COLUMNS:
        flag = "droop" if name == "droop_percent" else name.replace("_", "-")
        assert re.search(rf"^\s*--{flag}\b.*  +\w", text, re.M), name


def test_exit_code_1_when_nothing_is_solved(tmp_path):
    result = run("sweep case9 --load-scale 9 --max-iter 3 --out", tmp_path / "out")
    assert result.exit_code == 1
    assert "iteration limit" in result.stdout


def test_a_table_of_scenarios_may_be_a_file(tmp_path):
    (tmp_path / "rows.csv").write_text("mq,outage,criterion\n0.03,,none\n0.04,2,\n")
    (tmp_path / "study.toml").write_text('case = "case9"\nscenarios = "rows.csv"\n')
    result = run("sweep", tmp_path / "study.toml", "--csv", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    table = scopf.load_sweep(tmp_path / "out").scenarios
    assert table["outage"].tolist() == [pd.NA, 2]
    assert table["criterion"].tolist() == ["none", None]
    assert (tmp_path / "out" / "scenarios.csv").exists()


def test_a_table_of_inverters_goes_with_the_case(tmp_path):
    (tmp_path / "inverters.csv").write_text("bus,mq,inverter\n1,,0\n2,0.021,\n")
    runs = scopf.sweep("case9", inverters=tmp_path / "inverters.csv", mq=[0.03, 0.04])
    second = runs.inverters[runs.inverters["scenario"] == 1].set_index("bus")
    assert second["mq"].to_dict() == pytest.approx({2: 0.04, 3: 0.04})  # an axis is of all units
    base = scopf.sweep("case9", inverters=tmp_path / "inverters.csv", eta_q=0.1).inverters
    assert base.set_index("bus")["mq"].to_dict() == pytest.approx({2: 0.021, 3: 0.05})


def test_tables_that_end_their_rows_with_a_comma_solve_and_sweep(tmp_path):
    (tmp_path / "inverters.csv").write_text("bus,mq\n1,0.15,\n3,0.2,\n")
    (tmp_path / "rows.csv").write_text("eta_q,outage\n0.1,2,\n0.2,,\n")
    (tmp_path / "loads.csv").write_text("step,all\n3,1,\n4,.9,\n")
    inverters = scopf.Inverters.at_generators(
        scopf.load_case("case9"), table=tmp_path / "inverters.csv"
    )
    runs = scopf.sweep(
        "case9", inverters=tmp_path / "inverters.csv", scenarios=tmp_path / "rows.csv",
        load_series=tmp_path / "loads.csv", criterion="none",
    )  # fmt: skip
    assert runs.scenarios["eta_q"].tolist() == [0.1, 0.1, 0.2, 0.2]
    assert runs.scenarios["step"].tolist() == [3, 4, 3, 4]
    assert runs.scenarios["load_scale"].tolist() == [1, 0.9, 1, 0.9]
    assert runs.scenarios["outage"].tolist() == [2, 2, pd.NA, pd.NA]
    droops = runs.inverters.query("scenario == 0").set_index("bus")["mq"].to_dict()
    assert droops == dict(zip(inverters.bus.tolist(), inverters.mq.tolist(), strict=True))


@pytest.mark.parametrize("key", ["scenarios", "load_series"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("eta_q\n1,2\n", "table.csv row 1: has 2 cells where the header has 1"),
        ("mq,all,mq\n1,1,1\n", "column mq occurs twice"),
        ("", "is not a CSV table: it is empty"),
        ('mq\n"1\n', "is not a CSV table"),
    ],
)
def test_a_table_of_a_sweep_that_is_malformed_is_refused(tmp_path, key, text, said):
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(scopf.CaseError) as caught:
        scopf.sweep("case9", **{key: tmp_path / "table.csv"})
    (fault,) = caught.value.faults
    assert fault.table == key
    assert said in fault.text


def test_scenarios_of_more_values_than_memory_holds_are_refused():
    series = pd.DataFrame(np.ones((100, 1000)), columns=[str(k) for k in range(1000)])
    with pytest.raises(scopf.ScopfError, match="too many values in all: split the sweep"):
        check({"load_series": series, "mq": [0.1 + k / 1e6 for k in range(1000)]}, "test")
    assert len(check({"load_series": series, "mq": [0.1, 0.2]}, "test").axes) == 2
