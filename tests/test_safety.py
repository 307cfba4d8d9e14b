"""Files are data: nothing in them is run, and nothing is written but where it was asked for."""

import ast
import contextlib
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

import scopf
from scopf.cases import bundled, mwriter
from scopf.cli import main
from scopf.cli.filenames import file_name

PACKAGE = Path(scopf.__file__).parent
CASE = bundled.entries()["case9"].path


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


# What a sweep's driver hands to its own workers, in memory; no file goes that way.
BETWEEN_PROCESSES = {
    "sweeps/driver.py": {"pickle"},
    "sweeps/pool.py": {"pickle", "pickle.loads"},
    "sweeps/worker.py": {"pickle", "pickle.loads"},
}


def test_nothing_in_the_package_runs_or_unpickles_data():
    forbidden = {"eval", "exec", "compile", "pickle", "marshal", "shelve", "joblib", "dill"}
    forbidden |= {"cloudpickle", "subprocess", "os.system", "os.popen", "yaml", "yaml.load"}
    forbidden |= {"pd.read_pickle", "pickle.load", "pickle.loads", "code"}
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        allowed = BETWEEN_PROCESSES.get(path.relative_to(PACKAGE).as_posix(), set())
        assert not set(calls(tree)) & forbidden - allowed, path
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.load", "numpy.load"):
                assert "allow_pickle=False" in ast.unparse(node), path


EVIL = [
    "system('touch run');", "!touch run", "eval('system(''touch run'')');", "delete('case9.m');",
    "mpc.x = fopen('run', 'w');", "mpc.bus_name = {system('touch run')};",
    "mpc.gentype = __import__('os').system('touch run');", "mpc.f = @() system('touch run');",
]  # fmt: skip


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("ignore", [False, True])
def test_statements_of_a_case_are_not_run(evil, ignore, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("evil.m").write_text(CASE.read_text(encoding="utf-8") + evil + "\n")
    with contextlib.suppress(scopf.CaseError):
        scopf.load_case("evil", ignore_unsupported=ignore)
    assert os.listdir() == ["evil.m"]


def test_cells_of_a_table_are_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("inverters.csv").write_text("bus,mq\n32,=system('touch run')\n")
    with pytest.raises(scopf.CaseError, match="is not a number"):
        scopf.Inverters.at_generators(scopf.load_case("case39"), table="inverters.csv")
    assert os.listdir() == ["inverters.csv"]


@pytest.mark.parametrize("name", ["rule.py", "rule", "rule:CRITERIA", "./rule.py"])
def test_a_spec_and_a_run_folder_bring_no_criterion(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("rule.py").write_text("open('run', 'w')\nCRITERIA = []\n")
    Path("study.toml").write_text(f"case = 'case9'\ncriterion = '{name}'\n")
    with pytest.raises(scopf.ScopfError, match="criterion"):
        scopf.sweep("study.toml")
    scopf.sweep("case9", criterion=["none"], out="out", max_iter=1)
    manifest = Path("out", "manifest.json")
    manifest.write_text(manifest.read_text().replace('"none"', f'"{name}"'))
    with pytest.raises(scopf.ScopfError):
        scopf.sweep(out="out", resume=True)
    assert not Path("run").exists()


@pytest.mark.parametrize("name", ["..", "a b", "-rf", "$(touch run)", "\u202egrid", "a\nb"])
def test_a_case_of_any_name_writes_into_the_folder_for_results_alone(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "cases"
    folder.mkdir()
    path = folder / f"{name}.m"
    path.write_bytes(CASE.read_bytes())
    result = CliRunner().invoke(main.app, ["solve", str(path), "--out", "results"])
    assert result.exit_code == 0, result.output
    assert sorted(os.listdir()) == ["cases", "results"]
    assert os.listdir("cases") == [path.name]
    kinds = [name.partition(".")[2] for name in os.listdir("results")]
    assert sorted(set(kinds)) == ["csv", "json", "parquet"]


@pytest.mark.parametrize("name", ["a/b", "../x", "a b-c", "2bus", ""])
def test_a_network_of_any_name_is_written_as_one_that_reads_back(name, tmp_path):
    net = scopf.load_case("case9").replace(name=name)
    path = tmp_path / "a b-c.m"
    mwriter.write(net, path, notes=["of a\nmpc.baseMVA = 50;"])
    assert scopf.load_case(path) == net
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("case39", "case39"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("/abs", "_abs"),
        ("..", "_"),
        ("a\\b:c", "a_b_c"),
        ("", "_"),
        ("-rf *", "rf_"),
        ("x" * 999, "x" * 100),
        ("caf\u00e9\0", "caf_"),
    ],
)
def test_a_file_name_is_one_plain_file(name, plain, tmp_path):
    assert file_name(name) == plain
    assert (tmp_path / file_name(name)).resolve().parent == tmp_path.resolve()
