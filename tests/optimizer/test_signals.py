"""Ctrl-C, limits and threads: what long runs need."""

import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli import main
from scopf.optimizer import strategy
from scopf.optimizer.signals import stoppable


def problem(**keywords):
    return scopf.build(scopf.load_case("case39"), **keywords)


def press_at(iteration, times=1):
    def progress(k, cost, violation):
        if k == iteration:
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)

    return progress


# -- Ctrl-C -----------------------------------------------


@pytest.mark.parametrize("form", ["auto", "reduced", "lifted"])
def test_ctrl_c_ends_a_solve_at_the_last_iterate(form):
    made = problem()
    solution = scopf.solve(made, form=form, progress=press_at(5))
    assert solution.status == "interrupted"
    assert not solution.solved
    assert solution.iterations == 5
    assert len(solution.attempts) == 1
    assert np.isnan(solution.cost)
    assert solution.buses["lmp_p_per_mwh"].isna().all()
    assert np.isfinite(solution.buses["vm"]).all()
    assert solution.accuracy.violation > 0
    assert "interrupted" in str(solution)
    five = scopf.solve(made, form=form, max_iter=5)
    assert solution.buses["vm"].tolist() == five.buses["vm"].tolist()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert scopf.solve(made, form=form).status == "optimal"  # nothing is left over


def test_a_progress_function_may_stop_a_solve_in_the_same_way():
    def stop(k, cost, violation):
        if k == 3:
            raise KeyboardInterrupt

    solution = scopf.solve(problem(), progress=stop)
    assert (solution.status, solution.iterations) == ("interrupted", 3)


def test_a_second_ctrl_c_is_as_rough_as_ever():
    with pytest.raises(KeyboardInterrupt):
        scopf.solve(problem(), progress=press_at(4, times=2))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_error_of_a_progress_function_is_raised():
    def fail(k, cost, violation):
        raise RuntimeError("of the user")

    with pytest.raises(RuntimeError, match="of the user"):
        scopf.solve(problem(), progress=fail)


def test_handlers_of_others_are_left_alone():
    def theirs(number, frame):
        raise TimeoutError

    before = signal.signal(signal.SIGINT, theirs)
    try:
        with stoppable(), pytest.raises(TimeoutError):
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is theirs
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_solves_as_well():
    found = []
    thread = threading.Thread(target=lambda: found.append(scopf.solve(problem())))
    thread.start()
    thread.join()
    assert found[0].status == "optimal"


def test_a_search_by_many_solves_ends_with_the_one_that_was_interrupted(monkeypatch):
    goes_on = strategy.Watch.goes_on

    def pressed(self, iteration, *arguments):
        if iteration == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return goes_on(self, iteration, *arguments)

    monkeypatch.setattr(strategy.Watch, "goes_on", pressed)
    net = scopf.load_case("case39").lossless()
    with pytest.raises(KeyboardInterrupt):
        scopf.solve_centralised(net)
    certified = scopf.solve(scopf.build(net), certify=True)
    assert certified.status == certified.checks[-1].status == "interrupted"
    assert len(certified.checks) == 1


@pytest.mark.parametrize("command", ["solve", "verify"])
def test_the_command_shows_what_there_is_and_exits_with_130(command, monkeypatch, tmp_path):
    goes_on = strategy.Watch.goes_on

    def pressed(self, iteration, *arguments):
        if iteration == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return goes_on(self, iteration, *arguments)

    monkeypatch.setattr(strategy.Watch, "goes_on", pressed)
    out = ["--out", str(tmp_path / "out")] if command == "solve" else []
    result = CliRunner().invoke(main.app, [command, "case39", *out])
    assert result.exit_code == 130
    assert "interrupted" in result.output
    if out:
        assert "4 iterations" in result.output
        summary = json.loads((tmp_path / "out" / "summary.json").read_text())
        assert (summary["status"], summary["cost"]) == ("interrupted", None)


# -- limits -----------------------------------------------


@pytest.mark.parametrize("limit", [0, 1, 7])
def test_an_iteration_limit_is_kept(limit):
    solution = scopf.solve(problem(), max_iter=limit)
    assert (solution.status, solution.iterations) == ("iteration limit", limit)


def test_a_time_limit_ends_all_attempts():
    solution = scopf.solve(problem(), time_limit=1e-6)
    assert solution.status == "time limit"
    assert len(solution.attempts) == 1


# -- threads -----------------------------------------------

COUNT = """
import ctypes, scopf
scopf.solve(scopf.build(scopf.load_case("case39")))
with open("/proc/self/maps") as maps:
    loaded = {line.split()[-1] for line in maps if "casadi" in line and "openblas" in line}
for path in loaded:  # by this path, or a copy of the library would be loaded
    print(ctypes.CDLL(path).openblas_get_num_threads())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(("given", "expected"), [(None, "1"), ("2", "2")])
def test_the_solver_s_linear_algebra_has_one_thread_unless_told_otherwise(given, expected):
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    if given is not None:
        environment["OPENBLAS_NUM_THREADS"] = given
    result = subprocess.run(
        [sys.executable, "-c", COUNT], capture_output=True, text=True, env=environment, check=True
    )
    if not result.stdout.strip():
        pytest.skip("the solver has another BLAS here")
    assert result.stdout.strip() == expected
