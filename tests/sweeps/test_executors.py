"""Sweeps on executors of others: threads and processes."""

import concurrent.futures
import multiprocessing
import os
import signal

import pytest

import scopf
from tests.sweeps.sweep_data import equal

pytestmark = pytest.mark.core

AXES = {"eta_q": [0.0, 0.1], "mq": {"linspace": [0.02, 0.06, 12]}, "chain": 4}


@pytest.fixture(scope="module")
def whole():
    return scopf.sweep("case9", **AXES)


def test_any_executor_will_do(whole):
    context = multiprocessing.get_context("spawn")
    for executor in (
        concurrent.futures.ThreadPoolExecutor(2),
        concurrent.futures.ProcessPoolExecutor(1, mp_context=context),
    ):
        with executor:
            runs = scopf.sweep("case9", **AXES, executor=executor)
        equal(runs, whole)
        assert type(executor).__name__ in runs.manifest["runs"][0]["where"]


def test_an_executor_that_breaks_leaves_a_sweep_to_resume(tmp_path, whole, forkserver):
    folder = tmp_path / "out"
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=forkserver) as executor:
        pid = executor.submit(os.getpid).result()
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(scopf.ScopfError, match=r"executor is broken.*resume"):
            scopf.sweep("case9", **AXES, executor=executor, out=folder)
    equal(scopf.sweep("case9", **AXES, out=folder, resume=True), whole)


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        (
            {"workers": 2, "executor": concurrent.futures.ThreadPoolExecutor(1)},
            "give one of workers, executor and dask",
        ),
        ({"workers": 0}, "workers must be a whole number of processes, got 0"),
        ({"workers": 1.5}, "workers must be a whole number of processes, got 1.5"),
        ({"resume": True}, "resume needs out"),
    ],
)
def test_contradictions_are_refused(keywords, said):
    with pytest.raises(scopf.ScopfError, match=said):
        scopf.sweep("case9", mq=0.1, **keywords)
