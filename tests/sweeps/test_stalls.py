"""Workers and schedulers that are stopped without ending, and Ctrl-C whatever they do."""

import concurrent.futures
import multiprocessing
import os
import signal
import threading
import time
import unittest.mock

import pytest

import scopf
from scopf.sweeps import driver, heartbeat, pool, worker
from tests.sweeps import clusters
from tests.sweeps.interference import LONG, After, press
from tests.sweeps.sweep_data import equal

AXES = {"eta_q": [0.0, 0.1], "mq": {"linspace": [0.02, 0.06, 20]}, "chain": 5}


@pytest.fixture(scope="module")
def whole():
    return scopf.sweep("case9", **AXES)


# -- the measure of silence -----------------------------------------------


class Fake(concurrent.futures.Executor, heartbeat.Watched):
    """An executor whose heartbeats a test writes."""

    center = "the fake"

    def __init__(self, **beats):
        self.now, self.beating, self.given_up = dict(beats), set(beats), []

    def beats(self):
        if self.now is not None:
            self.now = {
                name: value if value is None else value + (name in self.beating)
                for name, value in self.now.items()
            }
        return self.now

    def give_up(self, stalled, others):
        self.given_up.append((stalled, others))
        return "given up"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def watched(executor, timeout=60.0):
    """A watch, and a function that lets so many seconds pass and gives what was said."""
    clock = Clock()
    watch = heartbeat.Watch(executor, timeout, clock)

    def passing(seconds, step=1.0):
        said = []
        for _ in range(round(seconds / step)):
            clock.now += step
            said.append(watch.look())
        return [text for text in said if text]

    return watch, passing


def test_a_silent_worker_is_noticed_once_and_after_the_timeout():
    fake = Fake(a=1, b=1)
    _, passing = watched(fake)
    assert passing(100) == []
    fake.beating.remove("a")
    assert passing(59) == []
    assert passing(100) == ["no heartbeat of a for 60 s: given up"]
    assert fake.given_up == [(["a"], 1)]


def test_a_driver_that_was_suspended_blames_nobody():
    fake = Fake(a=1)
    _, passing = watched(fake)
    passing(5)
    fake.beating.clear()
    assert passing(36_000, step=36_000) == []  # Ctrl-Z, or a laptop that slept
    fake.beating.add("a")
    assert passing(100) == []


def test_a_worker_that_starts_has_longer():
    fake = Fake(a=None, b=1)
    _, passing = watched(fake)
    assert passing(299) == []
    assert passing(5) == ["no heartbeat of a for 60 s: given up"]


def test_silence_of_the_scheduler_is_not_that_of_its_workers():
    fake = Fake(a=1)
    _, passing = watched(fake)
    passing(5)
    before, fake.now = fake.now, None
    assert passing(50) == []
    fake.now = before
    assert passing(5) == []
    fake.now = None
    with pytest.raises(scopf.ScopfError, match="the fake has not answered for 60 s"):
        passing(61)
    assert fake.given_up == []


def test_without_heartbeats_or_workers_it_is_said_that_nothing_comes_back():
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        watch, passing = watched(executor)
        (text,) = passing(100)
        assert text.startswith("nothing has come back for 60 s, and its workers have no heartbeat")
        watch.result()
        assert passing(59) == []
    _, passing = watched(Fake())
    assert "the fake has no workers" in passing(61)[0]


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "soon", None, float("nan"), True])
def test_a_timeout_is_checked(wrong):
    with pytest.raises(scopf.ScopfError, match="stall_timeout must be"):
        scopf.sweep("case9", mq=0.1, stall_timeout=wrong)
    assert heartbeat.checked(float("inf")) == float("inf")


# -- processes that are stopped -----------------------------------------------


@pytest.fixture
def small_stretches(monkeypatch):
    monkeypatch.setattr(driver, "_AWAY", 0.0)


def slow(task):
    """Work that leaves time to interfere."""
    time.sleep(0.05)
    return worker.work(task)


def test_a_stopped_process_is_replaced(tmp_path, whole, monkeypatch, quick_pools, small_stretches):
    monkeypatch.setattr(driver, "work", slow)

    def freeze():
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGSTOP)

    After(tmp_path, freeze)
    runs = scopf.sweep("case9", **AXES, workers=2, stall_timeout=2, out=tmp_path)
    equal(runs, whole)
    assert "no heartbeat of worker process" in (tmp_path / "log.txt").read_text()


def test_a_slow_solve_is_no_stall(tmp_path, monkeypatch, quick_pools):
    monkeypatch.setattr(driver, "work", very_slow)
    runs = scopf.sweep("case9", mq=0.1, workers=2, stall_timeout=2, out=tmp_path)
    assert runs.scenarios["solved"].all()
    assert "heartbeat" not in (tmp_path / "log.txt").read_text()


def very_slow(task):
    """Work that lasts longer than the timeout."""
    time.sleep(2.2)
    return worker.work(task)


# -- a Dask cluster of real processes -----------------------------------------------


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
    tmp_path, cluster, whole, small_stretches
):
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


# -- Ctrl-C -----------------------------------------------


class Stuck(concurrent.futures.Executor):
    """Somebody's executor, which brings nothing back, and does not let go either."""

    class _Future(concurrent.futures.Future):
        def cancel(self):
            time.sleep(60)

    def __init__(self):
        self.submitted = threading.Event()

    def submit(self, fn, /, *args, **keywords):
        self.submitted.set()
        return self._Future()


def press_after(event):
    event.wait()
    time.sleep(0.3)
    press()


def test_ctrl_c_ends_a_sweep_on_an_executor_that_is_stuck(tmp_path):
    stuck = Stuck()
    threading.Thread(target=press_after, args=(stuck.submitted,), daemon=True).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt, match="0 of 40 scenarios are finished and kept in"):
        scopf.sweep("case9", **AXES, executor=stuck, out=tmp_path)
    assert time.monotonic() - began < LONG


# -- results that come twice -----------------------------------------------


class Echo(concurrent.futures.Executor):
    """Brings the results of the task before back again, with other numbers."""

    def __init__(self):
        self.before = []

    def submit(self, fn, task, /):
        future = concurrent.futures.Future()
        done = fn(task)
        late, self.before = self.before, done.results[:1]
        wrong = [worker.Result(one.scenario, {**one.row, "cost": 0.0}, {}) for one in late]
        done.results = [*done.results, *wrong]
        future.set_result(done)
        return future


def test_a_late_result_neither_counts_twice_nor_overwrites(tmp_path, whole, small_stretches):
    runs = scopf.sweep("case9", **AXES, executor=Echo(), out=tmp_path)
    equal(runs, whole)
    assert runs.manifest["counts"] == {"optimal": 40}
