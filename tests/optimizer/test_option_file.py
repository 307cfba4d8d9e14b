"""Files of Ipopt's options: read if they are named, by us, and not where they happen to lie."""

import sys

import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.optimizer import interfaces, libipopt, option_file

INTERFACES = ["cyipopt", "libipopt"]


@pytest.fixture(params=INTERFACES)
def interface(request, monkeypatch):
    """Each interface in turn, in a place of its own."""
    if request.param == "cyipopt":
        pytest.importorskip("cyipopt")
    else:
        monkeypatch.setitem(sys.modules, "cyipopt", None)
        assert interfaces.bound().problem is libipopt.Problem


def solved():
    return scopf.solve(scopf.build(scopf.load_case("case9")))


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "1000"})


@pytest.mark.usefixtures("interface")
@pytest.mark.parametrize(
    "line",
    ["max_iter 1", "obj_scaling_factor -1", "linear_solver ma27\nhsllib ./evil.so", "nonsense 1",
     "output_file precious\nfile_print_level 5"],
)  # fmt: skip
def test_an_option_file_that_lies_around_is_not_read(tmp_path, monkeypatch, line):
    expected = solved().cost
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ipopt.opt").write_text(line + "\n")
    (tmp_path / "precious").write_text("as it was")
    assert solved().cost == expected
    assert (tmp_path / "precious").read_text() == "as it was"


@pytest.mark.usefixtures("interface")
def test_a_folder_of_that_name_does_no_harm(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ipopt.opt").mkdir()
    assert solved().solved


def test_the_library_alone_does_not_read_it_either(tmp_path, monkeypatch):
    class Square:
        def objective(self, x):
            return float(x[0] ** 2)

        def gradient(self, x):
            return 2 * x

    monkeypatch.chdir(tmp_path)
    (tmp_path / "ipopt.opt").write_text("max_iter 0\n")
    problem = libipopt.Problem(1, 0, Square(), [-1.0], [2.0])
    problem.add_option("hessian_approximation", "limited-memory")
    assert problem.solve([1.0])[1]["status"] == 0


def test_whoever_types_the_name_of_a_file_to_ipopt_means_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.opt").write_text("max_iter 1\n")
    found = scopf.solve(
        scopf.build(scopf.load_case("case9")), options={"option_file_name": "own.opt"}
    )
    assert found.iterations == 1 or not found.solved


def test_a_file_is_read_as_ipopt_writes_it(tmp_path):
    path = tmp_path / "own.opt"
    path.write_text('# of mine\n\nmax_iter 7 # few\n  tol\t1e-6\nmu_strategy "adaptive"\n')
    assert option_file.read(path) == {"max_iter": 7, "tol": 1e-6, "mu_strategy": "adaptive"}
    path.write_text("")
    assert option_file.read(path) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tol 1e-6\nhsllib ./evil.so\n", r"hsllib \(line 2\): names a file or a library"),
        ("output_file precious\n", r"output_file \(line 1\): names a file"),
        ("nonsense 1\n", r"nonsense \(line 1\): Ipopt has no option 'nonsense'"),
        ("max_iter -3\n", r"max_iter \(line 1\): Ipopt has no option 'max_iter' that takes -3"),
        ("max_iter 3\nmax_iter 4\n", r"max_iter \(line 2\): is given twice"),
        ("max_iter\n", r"line 1: should be a name and a value"),
        ("max_iter 1 2\n", r"line 1: should be a name and a value"),
        ("\0\n", r"line 1"),
        ("tol nan\n", "tol"),
        (b"\xff\xfa", "is no text in UTF-8"),
    ],
)  # fmt: skip
def test_what_a_file_may_not_say(tmp_path, text, said):
    path = tmp_path / "own.opt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(scopf.CaseError, match=said):
        option_file.read(path)


def test_no_file_and_a_folder_are_said(tmp_path):
    for path in (tmp_path / "none.opt", tmp_path):
        with pytest.raises(scopf.CaseError, match="cannot be read"):
            option_file.read(path)


@pytest.mark.parametrize("command", ["solve", "verify", "sweep"])
def test_the_commands_take_a_file(tmp_path, command):
    path = tmp_path / "own.opt"
    path.write_text("max_iter 1\n")
    out = ["--out", tmp_path / "out", "--no-progress"] if command == "sweep" else ["--no-diagnosis"]
    result = run(command, "case9", "--ipopt-options", path, *out)
    assert result.exit_code == 1, result.output
    assert "iteration limit" in result.output
    result = run(
        *(command, "case9", "--ipopt-options", path, "--option", "max_iter=200"),
        *(out if command != "sweep" else ["--out", tmp_path / "again", "--no-progress"]),
    )
    assert "iteration limit" not in result.output  # what is typed in the command holds
    path.write_text("hsllib evil.so\n")
    result = run(command, "case9", "--ipopt-options", path, *out)
    assert result.exit_code == 2
    assert "names a file or a library" in result.stderr
