"""What the machine lacks, memory or a package, is said in a sentence with a way out."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import scopf
from scopf import errors
from scopf.cli import main
from scopf.optimizer import libipopt
from scopf.sweeps import checking, worker

ROOT = Path(__file__).parents[2]


def python(*words, folder=ROOT, limit=None):
    """A process of Python that finds packages in a folder first."""

    def limited():
        if limit:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False,
        preexec_fn=limited, env={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"},
    )  # fmt: skip


def one_line(result):
    assert result.returncode == 2, result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("scopf: ")
    return line


# -- packages -----------------------------------------------


@pytest.mark.parametrize(
    ("package", "code", "command", "said"),
    [
        (
            "casadi",
            "raise ImportError('libgfortran.so.5: cannot open shared object file')",
            "solve case9",
            "casadi is installed, but cannot be loaded (libgfortran.so.5: cannot open shared "
            "object file); install it again: `pip install --force-reinstall casadi`",
        ),
        (
            "pyarrow",
            "raise ModuleNotFoundError('No module named nosuch', name='nosuch')",
            "solve case9 --out out",
            "the package nosuch is not installed; `pip install nosuch`",
        ),
        ("typer", "import nosuch.part", "cases", "the package nosuch is not installed"),
    ],
)
def test_a_command_names_the_package_and_how_to_install_it(tmp_path, package, code, command, said):
    (tmp_path / f"{package}.py").write_text(code)
    result = python("-m", "scopf", *command.split(), folder=tmp_path)
    assert said in one_line(result)


def test_the_api_raises_a_scopf_error(tmp_path):
    (tmp_path / "casadi.py").write_text("from . import _casadi")
    code = (
        "import scopf\ntry:\n    scopf.solve\nexcept scopf.ScopfError as error:\n    print(error)"
    )
    result = python("-c", code, folder=tmp_path)
    assert result.stdout.startswith("the package casadi is installed, but cannot be loaded")
    assert result.stderr == ""


def test_tables_that_cannot_be_written_are_refused_before_the_work(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for action in (
        lambda: scopf.sweep("case9", mq=0.1, out=tmp_path),
        lambda: scopf.sweep("case9", mq=0.1),
    ):
        with pytest.raises(scopf.ScopfError, match="the package pyarrow is not installed"):
            action()
    assert not list(tmp_path.iterdir())


def test_a_worker_without_a_package_says_which(monkeypatch):
    def lacking(*_, **__):
        raise ModuleNotFoundError("No module named 'nosuch'", name="nosuch")

    monkeypatch.setattr(worker, "_tables", lacking)
    row = scopf.sweep("case9", mq=0.1).scenarios.iloc[0]
    assert row["status"] == "error"
    assert row["message"].startswith("the package nosuch is not installed; `pip install nosuch`")


def test_a_broken_pandapower_is_not_called_missing(tmp_path):
    (tmp_path / "pandapower.py").write_text("import numba_of_another_time")
    code = """
from scopf.cases.pandapower import impedances
import scopf
try:
    impedances.imported()
except scopf.ScopfError as error:
    print(error)
"""
    result = python("-c", code, folder=tmp_path)
    assert result.stdout.startswith("the package numba_of_another_time is not installed")


# -- Ipopt -----------------------------------------------


@pytest.fixture
def other_library(monkeypatch):
    """A function that has a file of ours loaded as Ipopt."""
    monkeypatch.setitem(sys.modules, "cyipopt", None)
    libipopt.load.cache_clear()

    def use(path):
        monkeypatch.setattr(libipopt, "_files", lambda: [Path(path)])

    yield use
    libipopt.load.cache_clear()


def solve():
    return scopf.solve(scopf.build(scopf.load_case("case9")))


def test_a_library_that_is_none_or_not_ipopt(other_library, tmp_path):
    text = tmp_path / "libipopt.so.3"
    text.write_text("not a library")
    other_library(text)
    with pytest.raises(scopf.ScopfError, match=r"there is no Ipopt.*libipopt.so.3.*pip install"):
        solve()
    libc = next(
        Path(line.split()[-1])
        for line in Path("/proc/self/maps").read_text().splitlines()
        if "libc.so" in line or "libc-" in line
    )
    other_library(libc)
    with pytest.raises(scopf.ScopfError, match=r"is not Ipopt: it has no function CreateIpopt"):
        solve()


def test_a_library_that_cannot_make_a_problem(monkeypatch):
    monkeypatch.setitem(sys.modules, "cyipopt", None)
    monkeypatch.setattr(libipopt.load(), "CreateIpoptProblem", lambda *_: None)
    with pytest.raises(scopf.ScopfError, match="Ipopt cannot make a problem"):
        solve()


def test_a_cyipopt_that_fails_in_any_way_is_left_aside(monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "cyipopt", raising=False)
    (tmp_path / "cyipopt.py").write_text("raise ValueError('numpy.dtype size changed')")
    monkeypatch.syspath_prepend(tmp_path)
    assert solve().solved


def test_a_linear_solver_that_is_not_there_says_which_library_it_needs():
    problem = scopf.build(scopf.load_case("case9"))
    with pytest.raises(scopf.ScopfError, match=r"ma57 is in a library.*the option hsllib"):
        scopf.solve(problem, options={"linear_solver": "ma57"})


# -- memory -----------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are kept by Linux")
def test_memory_that_is_used_up():
    result = python("-m", "scopf", "solve", "case300", limit=300 * 2**20)
    line = one_line(result)
    assert line.startswith("scopf: out of memory")
    assert line.endswith("; nothing was written")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 3 GiB for an array"),
        MemoryError(),
        RuntimeError("std::bad_alloc"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_any_command_says_that_memory_is_used_up(monkeypatch, error):
    def build(*_, **__):
        raise error

    monkeypatch.setattr(scopf, "build", build)
    result = CliRunner().invoke(main.app, ["solve", "case9"])
    assert result.exit_code == 2
    assert result.stderr.startswith("scopf: out of memory")
    assert errors.out_of_memory(RuntimeError("another")) == ""


def test_in_a_sweep_it_is_the_status_of_a_scenario(monkeypatch):
    solved, calls = checking.solve, []

    def solve(*args, **keywords):
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError("Unable to allocate 3 GiB for an array")
        return solved(*args, **keywords)

    monkeypatch.setattr(checking, "solve", solve)
    table = scopf.sweep("case9", mq=[0.1, 0.11, 0.12]).scenarios
    assert table["status"].tolist() == ["optimal", "error", "optimal"]
    assert table["message"][1].startswith("out of memory (Unable to allocate 3 GiB for an array): ")
