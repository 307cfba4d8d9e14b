"""SIGINT and SIGTERM at any moment of a command: one true sentence, and 130 or 143."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# Signals are sent from inside, so that they come at the moment that is meant: when a module is
# imported, or before or after a function of a module is called for the first time.
CHILD = """
import importlib, os, signal, sys, time

place, when, number, times, pause = {values!r}

def press():
    for _ in range(times):
        os.kill(os.getpid(), number)
        time.sleep(pause)

class Hook:
    def find_spec(self, name, *_):
        if name == place:
            sys.meta_path.remove(self)
            press()

def patch():
    module, _, path = place.partition(":")
    *path, last = path.split(".")
    home = importlib.import_module(module)
    for part in path:
        home = getattr(home, part)
    function = getattr(home, last)

    def pressed(*args, **keywords):
        setattr(home, last, function)
        if when == "before":
            press()
        found = function(*args, **keywords)
        if when == "after":
            press()
        return found

    setattr(home, last, pressed)

if __name__ == "__main__":
    sys.meta_path.insert(0, Hook())
    if when != "import":
        patch()
    from scopf.__main__ import main
    main()
"""


def run(folder, place, when, command, number=signal.SIGINT, times=1, pause=0.01):
    """The process of a command that sends itself signals, when it has ended."""
    path = folder / "child.py"
    path.write_text(CHILD.format(values=(place, when, int(number), times, pause)))
    return subprocess.run(
        [sys.executable, str(path), *command.split()],
        capture_output=True, text=True, cwd=folder, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip


def said(result, number=signal.SIGINT):
    """The one sentence of an interrupted command."""
    assert result.returncode == 128 + number, result.stderr
    (line,) = result.stderr.splitlines()
    word = "interrupted" if number == signal.SIGINT else "ended by SIGTERM"
    assert line.startswith(f"scopf: {word}; "), line
    return line.partition("; ")[2]


@pytest.mark.parametrize(
    ("place", "command", "number", "times"),
    [
        ("scopf.cli.main", "cases", signal.SIGINT, 1),
        ("typer", "solve case9", signal.SIGTERM, 5),
        ("numpy", "solve case9 --out out", signal.SIGINT, 5),
        ("casadi", "sweep case9 --mq 0.1,0.2 --out out", signal.SIGINT, 5),
        ("pandas", "gap --out out", signal.SIGINT, 5),
    ],
)
def test_while_modules_are_imported(tmp_path, place, command, number, times):
    result = run(tmp_path, place, "import", command, number, times)
    assert said(result, number) == "nothing was written"
    assert not (tmp_path / "out").exists()


def test_while_files_are_written_they_are_finished_and_named(tmp_path):
    command = "solve case9 --out out"
    result = run(tmp_path, "scopf.files:Batch.put", "before", command, times=5)
    files = list((tmp_path / "out").iterdir())
    assert said(result) == f"{len(files)} files written to out"
    assert "summary.json" in {file.name for file in files}


def test_inside_a_solve_the_last_iterate_is_shown_and_written(tmp_path):
    place = "scopf.optimizer.ipopt:_Callbacks.intermediate"
    result = run(tmp_path, place, "before", "solve case39 --out out", signal.SIGTERM, times=5)
    count = len(list((tmp_path / "out").iterdir()))
    assert said(result, signal.SIGTERM) == f"{count} files written to out"
    assert "interrupted" in result.stdout


@pytest.mark.parametrize(
    "place",
    ["scopf.procedures.explaining:Problem", "scopf.procedures.explaining:_Explaining._prices"],
)
def test_while_it_is_explained_the_result_is_shown_and_written(tmp_path, place):
    command = (
        "solve case9 --mq 0.05 --outages 2 --emergency 3 --frequency-band 1 --explain --out out"
    )
    result = run(tmp_path, place, "before", command, times=5)
    files = list((tmp_path / "out").iterdir())
    warning, line = result.stderr.splitlines()
    assert warning == "WARNING: case9: interrupted, what it costs is not known"
    assert line == f"scopf: interrupted; {len(files)} files written to out"
    assert result.returncode == 130
    assert "cost " in result.stdout
    assert "What it costs" not in result.stdout


def test_a_later_signal_ends_at_once_and_says_so(tmp_path):
    place = "scopf.files:Batch.put"
    result = run(tmp_path, place, "before", "convert case9 new.m", times=2, pause=1.2)
    assert said(result) == "new.m was being written to: each file there is whole, old or new"
    assert not (tmp_path / "new.m").exists()


@pytest.mark.parametrize(
    ("place", "count"), [("scopf.sweeps.store:Store.add", 1), ("scopf.sweeps.results:write", 2)]
)
def test_in_a_sweep_what_is_finished_is_counted(tmp_path, place, count):
    command = "sweep case9 --mq 0.1,0.2 --chain 1 --out out"
    result = run(tmp_path, place, "after", command, signal.SIGTERM, times=5)
    text = said(result, signal.SIGTERM)
    assert text.startswith(f"{count} of 2 scenarios are finished and kept in out: `scopf sweep ")
    assert text.endswith("` goes on where it stopped")
