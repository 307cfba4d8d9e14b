"""Sweeps on a Dask cluster of real processes, of which some are killed or stopped."""

import signal
import time
import unittest.mock

import pytest

import scopf
from scopf.sweeps import driver, pool
from tests.sweeps import clusters
from tests.sweeps.interference import LONG, After, press
from tests.sweeps.sweep_data import equal

AXES = {"eta_q": [0.0, 0.1], "mq": {"linspace": [0.02, 0.06, 20]}, "chain": 5}


@pytest.fixture(scope="module")
def whole():
    return scopf.sweep("case9", **AXES)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Address and process of a scheduler, and three workers: the first one is for killing."""
    pytest.importorskip("distributed")
    with clusters.dask(tmp_path_factory.mktemp("dask"), 3) as found:
        yield found


def test_a_dask_cluster_gives_the_same(cluster, whole, tmp_path):
    address, _, (first, *_) = cluster
    runs = scopf.sweep("case9", **AXES, dask=address, out=tmp_path / "out")
    equal(runs, whole)
    assert address in runs.manifest["runs"][0]["where"]
    first.kill()  # what it was doing goes to others
    equal(scopf.sweep("case9", **AXES, dask=address), whole)


def test_a_stopped_dask_worker_then_a_stopped_scheduler_then_ctrl_c(
    tmp_path, cluster, whole, monkeypatch
):
    monkeypatch.setattr(driver, "_AWAY", 0.0)  # small stretches
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    address, scheduler, (_, *workers) = cluster
    After(one, lambda: workers[0].send_signal(signal.SIGSTOP))
    runs = scopf.sweep("case9", **AXES, dask=address, stall_timeout=3, out=one)
    equal(runs, whole)
    assert "goes to another worker" in (one / "log.txt").read_text()

    After(two, lambda: scheduler.send_signal(signal.SIGSTOP))
    with pytest.raises(scopf.ScopfError, match=r"has not answered for 2 s; .*resume goes on"):
        scopf.sweep("case9", **AXES, dask=address, stall_timeout=2, out=two)
    scheduler.send_signal(signal.SIGCONT)

    def freeze():
        for process in (scheduler, workers[1]):
            process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        press()

    stopped = After(three, freeze)
    with pytest.raises(KeyboardInterrupt, match="of 40 scenarios are finished"):
        scopf.sweep("case9", **AXES, dask=address, out=three)
    assert time.monotonic() - stopped.when < LONG
    equal(scopf.sweep("case9", **AXES, out=two, resume=True), whole)


def test_where_no_dask_worker_is_left_the_sweep_ends():
    client = unittest.mock.Mock()
    executor = pool.Dask(client)
    executor.close()
    assert "another worker" in executor.give_up({"tcp://one"}, 1)
    with pytest.raises(scopf.ScopfError, match="no heartbeat of any worker of the Dask scheduler"):
        executor.give_up({"tcp://one", "tcp://two"}, 0)


def test_nobody_at_the_address_is_said(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(pool, "_ANSWER", 1)
    with pytest.raises(scopf.ScopfError, match="no Dask scheduler answers at tcp://127"):
        scopf.sweep("case9", mq=0.1, dask="tcp://127.0.0.1:1")
