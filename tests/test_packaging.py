"""What a shell offers on Tab, and what stays unloaded until it is used."""

import itertools
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scopf.cli.main import app

EXTRAS = ("cyipopt", "dask", "pandapower", "plot", "report", "test")
ROOT = Path(__file__).parents[1]
TOP = {
    ".ci", ".gitignore", "CHANGELOG.md", "CITATION.cff", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md",
    "LICENSE", "Makefile", "README.md", "SECURITY.md", "benchmarks", "bootstrap.py", "cases",
    "docs", "environment.yml", "notebooks", "pyproject.toml", "scopf", "tests",
}  # fmt: skip
HEAVY = ("casadi", "cyipopt", "matplotlib", "networkx", "numpy", "pandas", "pyomo", "scipy")


def pressed(line):
    """The environment in which bash asks what to offer at the end of `line`."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - (line[-1] != " "))}
    return words | {"_SCOPF_COMPLETE": "complete_bash"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("scopf so", ["solve"]),
        ("scopf solve case3", ["case30", "case30Q", "case39", "case300"]),
        ("scopf verify two", ["two_bus_p", "two_bus_q"]),
        ("scopf sweep fig1", ["fig10"]),
        ("scopf solve case39 --criterion w", ["weighted"]),
        ("scopf gap --criterion C", ["C0", "C1", "C2"]),
        ("scopf solve case39 --start f", ["flat"]),
        ("scopf solve ./ca", []),
    ],
)
def test_completion(line, words):
    found = CliRunner().invoke(app, env=pressed(line), prog_name="scopf")
    assert found.exit_code == 0
    assert found.stdout.split() == words


def test_completion_is_that_of_the_command():
    command, environment = [sys.executable, "-m", "scopf"], os.environ | pressed("scopf sweep fig1")
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["fig10"]


@pytest.mark.parametrize("code", ["import scopf", "import scopf.cli"])
def test_nothing_heavy_is_imported(code):
    loaded = f"{code}; import sys; print(*[m for m in {HEAVY} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_the_module_is_the_command():
    run = subprocess.run(
        [sys.executable, "-m", "scopf", "--help"], capture_output=True, text=True, check=True
    )
    assert run.stdout.split()[:2] == ["Usage:", "scopf"]


def test_the_conda_environment_has_what_pip_installs():
    root = Path(__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lists = [project["dependencies"], *(extras[name] for name in EXTRAS)]
    wanted = {re.match(r"[\w-]+", one)[0]: one for one in itertools.chain(*lists)}
    lines = (root / "environment.yml").read_text(encoding="utf-8").splitlines()
    matches = [re.fullmatch(r" +- ([\w-]+?)(?:-base)?(?: (\S+))?", line) for line in lines]
    listed = {match[1]: match[2] or "" for match in matches if match}
    del wanted["scopf"]  # with its own extras, all of them listed above
    for name, line in wanted.items():
        lower = re.search(r">=([\d.]+)", line)[1]
        assert f">={lower}" in listed.get(name, ""), line


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="a source archive has no list of files")
def test_no_output_of_a_command_is_kept_at_the_top():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    assert {name.partition("/")[0] for name in listed.stdout.split("\n") if name} == TOP
