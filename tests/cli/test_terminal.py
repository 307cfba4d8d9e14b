"""Lines of the command line: as wide as the terminal, and nothing of C libraries among them."""

import json
import os
import pty
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from scopf.cli import terminal
from scopf.cli.main import app

pytestmark = pytest.mark.core


def at(columns, arguments):
    return CliRunner().invoke(app, arguments.split(), env={"COLUMNS": str(columns)})


def words(text):
    return sorted(text.split())


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize(
    "arguments",
    ["solve case9 --mq 0.2", "solve case9 --load-scale 9", "verify case9 --mq 0.2", "info case39",
     "power-flow case9", "cases", "solve case99", "solve case9 --eta-q 1 --d 2",
     "solve case39 --lossless --criterion voltage-difference --mq 0.2 --capability",
     "simulate case9 --mq 0.1 --outage 4 --until 1.2"],
)  # fmt: skip
def test_no_line_is_wider_than_the_terminal(arguments, width):
    result = at(width, arguments)
    for line in result.output.splitlines():
        assert len(line) <= width or len(line.split()) == 1, line


def test_what_is_wrapped_has_the_same_words():
    narrow, wide = at(40, "solve case9 --load-scale 9"), at(1000, "solve case9 --load-scale 9")
    seconds = re.compile(r"[\d.]+ s,?")
    assert words(seconds.sub("", narrow.stdout)) == words(seconds.sub("", wide.stdout))


def test_commands_and_paths_are_not_broken():
    path = "/a/folder/with-a-name/that/is-longer/than-a-line"
    text = f"it is kept in {path}: `scopf sweep --resume --out runs/q` goes on"
    assert terminal.fitted(text, 24).split("\n") == [
        "it is kept in", f"{path}:", "`scopf sweep --resume --out runs/q`", "goes on"
    ]  # fmt: skip


def test_a_wide_table_is_folded_beside_its_first_column():
    text = "bus  vm [p.u.]  P [MW]\n 30     1.0000     1.5\n131     0.9700    20.0"
    assert terminal.fitted(text, 22) == text
    assert terminal.fitted(text, 20).split("\n") == [
        "bus  vm [p.u.]", " 30     1.0000", "131     0.9700", "",
        "bus  P [MW]", " 30     1.5", "131    20.0",
    ]  # fmt: skip


def test_words_in_the_last_column_are_wrapped_there():
    text = "  load     6254.2 MW in all, and more\n  ratings  missing on 0"
    assert terminal.fitted(text, 32).split("\n") == [
        "  load     6254.2 MW in all, and", "           more", "  ratings  missing on 0"
    ]  # fmt: skip


def test_json_and_pipes_are_not_wrapped():
    assert json.loads(at(40, "info case9 --json").stdout)
    run = [sys.executable, "-m", "scopf", "solve", "case99"]
    assert "case9?" in subprocess.run(run, capture_output=True, text=True, check=False).stderr
    assert terminal.fitted("word " * 99, None) == "word " * 99


def test_a_terminal_says_how_wide_it_is():
    ours, theirs = pty.openpty()
    try:
        import termios

        termios.tcsetwinsize(theirs, (24, 47))
        with os.fdopen(theirs, "w", closefd=False) as stream:
            assert terminal.width(stream) == 47
    finally:
        os.close(ours)
        os.close(theirs)


# -- lines of Ipopt ---------------------------------------------


def process(*arguments):
    command = [sys.executable, "-m", "scopf", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "given",
    ["no_such=1", "tol=abc", "linear_solver=nonsense", "mu_strategy=foo", "print_level=20",
     "linear_solver=ma57"],
)  # fmt: skip
def test_a_refused_option_is_one_sentence(given, capfd):
    result = at(1000, f"solve case9 --json --interface library --option {given}")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert (result.stdout, *capfd.readouterr()) == ("", "", "")


@pytest.mark.parametrize("more", ["", "--load-scale 9", "--max-iter 2", "--interface library"])
def test_a_solve_says_nothing_beside_python(more, capfd):
    assert json.loads(at(1000, f"solve case9 --json {more}").stdout)["case"] == "case9"
    assert tuple(capfd.readouterr()) == ("", "")


def test_iterations_go_to_stderr():
    found = process("solve", "case9", "--json", "--verbose", "--interface", "library")
    assert json.loads(found.stdout)["solved"]
    assert "This is Ipopt" in found.stderr or "inf_pr" in found.stderr


def test_workers_leave_stdout_alone(tmp_path):
    out = str(tmp_path / "run")
    given = ["--mq", "0.2,0.3", "--load-scale", "1,9", "--option", "print_level=3"]
    found = process("sweep", "case9", *given, "--workers", "2", "--out", out)
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[0].startswith("case9: 4 scenarios in")
    assert "Ipopt" not in found.stdout
