"""Sweeps lose nothing: kills of the driver and of workers, full disks, and how they are resumed."""

import contextlib
import errno
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

import scopf
from scopf.cli.main import app
from scopf.sweeps import driver, pool, store, worker
from scopf.sweeps import manifest as manifests
from tests.sweeps.interference import finished
from tests.sweeps.sweep_data import equal

AXES = {"eta_q": [0.0, 0.05, 0.1, 0.2], "mq": {"linspace": [0.02, 0.06, 12]}, "chain": 8}
COMMAND = [sys.executable, "-m", "scopf", "sweep"]
ARGUMENTS = "case9 --eta-q 0,0.05,0.1,0.2 --mq 0.02:0.06:12 --chain 8 --no-progress"


@pytest.fixture(scope="module")
def whole():
    """The results of the sweep when nobody interferes."""
    return scopf.sweep("case9", **AXES)


def test_a_driver_killed_at_random_moments_loses_nothing(tmp_path, whole, monkeypatch):
    monkeypatch.setattr(driver, "_HERE", 0.0)  # a transaction for every scenario
    rng = random.Random(11)
    kills, partial, folder = 0, 0, tmp_path / "0"
    while kills < 20:
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                scopf.sweep("case9", **AXES, out=folder, resume=True)
            os._exit(0)
        time.sleep(rng.uniform(0.0, 0.25))
        os.kill(child, signal.SIGKILL)
        _, how = os.waitpid(child, 0)
        kills += os.WIFSIGNALED(how)
        before = finished(folder)
        partial += 0 < before < 48
        if not os.WIFSIGNALED(how):
            equal(scopf.load_sweep(folder), whole)
            folder = tmp_path / str(kills)
    assert partial >= 3
    equal(scopf.sweep("case9", **AXES, out=folder, resume=True), whole)
    equal(scopf.load_sweep(folder), whole)


def children_of(process):
    """Processes started by another one."""
    return [
        int(child)
        for task in Path(f"/proc/{process}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_workers_end_with_a_driver_that_is_killed(tmp_path, whole):
    folder = tmp_path / "out"
    command = [*COMMAND, *ARGUMENTS.split(), "--workers", "2", "--out", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while finished(folder) == 0:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    workers = children_of(process.pid)
    assert len(workers) >= 2
    process.kill()
    process.communicate()
    for _ in range(500):
        if not any(Path(f"/proc/{pid}").exists() for pid in workers):
            break
        time.sleep(0.01)
    else:
        pytest.fail("workers live on")
    kept = finished(folder)
    found = scopf.load_sweep(folder)
    assert (found.scenarios["status"] != "not run").sum() == kept
    resumed = CliRunner().invoke(app, ["sweep", "--resume", "--no-progress", "--out", str(folder)])
    assert resumed.exit_code == 0, resumed.stderr
    assert resumed.stderr == ""
    equal(scopf.load_sweep(folder), whole)


@pytest.fixture
def small_stretches(monkeypatch):
    """Work that is handed out one scenario at a time."""
    monkeypatch.setattr(driver, "_AWAY", 0.0)


class Killer(threading.Thread):
    """Kills a worker whenever a few scenarios more are finished."""

    def __init__(self, folder, every, most):
        super().__init__(daemon=True)
        self.folder, self.every, self.most = folder, every, most
        self.kills, self.over = 0, False

    def run(self):
        rng = random.Random(5)
        last = 0
        while not self.over and self.kills < self.most:
            time.sleep(0.002)
            now = finished(self.folder)
            if now < last + self.every:
                continue
            time.sleep(rng.uniform(0, 0.02))
            workers = [child.pid for child in multiprocessing.active_children()]
            if workers:
                os.kill(rng.choice(workers), signal.SIGKILL)
                self.kills, last = self.kills + 1, now


@pytest.mark.usefixtures("quick_pools", "small_stretches")
def test_killed_workers_cost_nothing_but_time(tmp_path, monkeypatch):
    axes = {**AXES, "mq": {"linspace": [0.02, 0.06, 60]}}
    expected = scopf.sweep("case9", **axes)
    killer = Killer(tmp_path / "out", every=3, most=20)
    pools = []
    processes = pool.processes

    def counted(workers):
        executor = processes(workers)
        pools.append(executor)
        return executor

    monkeypatch.setattr(pool, "processes", counted)
    killer.start()
    runs = scopf.sweep("case9", **axes, workers=2, out=tmp_path / "out")
    killer.over = True
    assert killer.kills == 20
    assert len(pools) > 10  # two kills may hit one pool
    equal(runs, expected)
    assert "a worker has died" in (tmp_path / "out" / "log.txt").read_text()


@pytest.mark.usefixtures("quick_pools", "small_stretches")
def test_a_scenario_that_ends_its_worker_is_given_up_on(tmp_path, monkeypatch):
    table = [{"mq": 0.03 + 0.001 * k} for k in range(12)]
    monkeypatch.setattr(driver, "work", deadly)
    runs = scopf.sweep("case9", scenarios=table, workers=2, out=tmp_path / "out", chain=6)
    statuses = runs.scenarios["status"].tolist()
    assert statuses == ["optimal"] * 7 + ["crashed"] + ["optimal"] * 4
    assert "3 attempts" in runs.scenarios["message"][7]
    assert runs.manifest["counts"] == {"optimal": 11, "crashed": 1}


def deadly(task):
    """Work, in which one scenario ends the process."""
    for scenario, _ in task.rows[:1]:
        if scenario == 7:
            os._exit(3)
    if any(scenario == 7 for scenario, _ in task.rows):
        task = type(task)(**{**vars(task), "rows": task.rows[:1]})
    return worker.work(task)


# -- refusals -----------------------------------------------


def in_a_process(context, function, *args):
    """Exit code of a function in a process of its own; a fork of this one could inherit locks."""
    process = context.Process(target=function, args=args)
    process.start()
    process.join(60)
    process.kill()
    return process.exitcode


@pytest.fixture(scope="module")
def begun(tmp_path_factory, forkserver):
    """The folder of a sweep whose process ended after a part of it."""
    folder = tmp_path_factory.mktemp("begun") / "out"
    assert in_a_process(forkserver, half, folder) == 0
    assert 0 < finished(folder) < 48
    return folder


@pytest.fixture
def started(begun, tmp_path):
    """A copy of it to go on with."""
    return shutil.copytree(begun, tmp_path / "out")


def half(folder):
    """End after the first transaction of a sweep."""
    add = store.Store.add

    def once(self, *args, **keywords):
        add(self, *args, **keywords)
        os._exit(0)

    store.Store.add = once
    scopf.sweep("case9", **AXES, out=folder)
    os._exit(1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"eta_q": [0.0, 0.3]}, "eta_q changed"),
        ({"mq": 0.1}, "mq changed"),
        ({"alpha": 1.1}, "resumed: alpha changed"),
        ({"max_iter": 7}, "max_iter changed"),
        ({"rating_factor": 2.0}, "rating_factor, the case, its inverters or devices changed"),
    ],
)
def test_another_study_is_not_resumed(started, change, said):
    with pytest.raises(scopf.ScopfError, match=said):
        scopf.sweep("case9", **{**AXES, **change}, out=started, resume=True)


def test_another_case_is_not_resumed(started, whole):
    net = scopf.load_case("case9")
    other = net.replace(bus={"pd": net.bus.pd * 1.0001})
    with pytest.raises(scopf.ScopfError, match="the case, its inverters or devices changed"):
        scopf.sweep(other, **AXES, out=started, resume=True)
    equal(scopf.sweep(net, **AXES, out=started, resume=True), whole)


def test_two_drivers_do_not_share_a_folder(started):
    _, study = manifests.fingerprint(started, manifests.read(started))
    with (
        store.Store(started, study),
        pytest.raises(scopf.ScopfError, match="another process is at work"),
    ):
        scopf.sweep("case9", **AXES, out=started, resume=True)


def test_a_full_disk_is_said_and_what_was_finished_is_safe(tmp_path, whole, forkserver):
    folder = tmp_path / "out"
    assert in_a_process(forkserver, on_a_small_disk, folder) == 0
    assert 0 < finished(folder) < 48
    equal(scopf.sweep("case9", **AXES, out=folder, resume=True), whole)


def on_a_small_disk(folder):
    """Exit with 0 if the sweep says what is full, and what to do."""
    driver._HERE = 0.0
    resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, 120_000))
    try:
        scopf.sweep("case9", **AXES, out=folder)
    except scopf.ScopfError as error:
        text = str(error)
        os._exit(0 if "results.sqlite" in text and "disk" in text and "resume" in text else 2)
    os._exit(1)


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(scopf.ScopfError, match="cannot write to"):
        scopf.sweep("case9", mq=0.1, out=tmp_path / "file" / "out")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    plain = Path.open

    def refused(self, mode="r", *args, **keywords):
        if set(mode) & set("wx") and locked in self.parents:
            raise PermissionError(errno.EACCES, "Permission denied")
        return plain(self, mode, *args, **keywords)

    monkeypatch.setattr(Path, "open", refused)  # root may write everywhere
    with pytest.raises(scopf.ScopfError, match=r"cannot write to .*locked: Permission denied"):
        scopf.sweep("case9", mq=0.1, out=locked)


# -- Ctrl-C -----------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path, workers):
    """SIGTERM ends a sweep as well: see the tests of the command line's signals."""
    folder = tmp_path / "the out folder"
    flags = ARGUMENTS.replace("0.06:12", "0.06:600").split()
    command = [*COMMAND, *flags, "--workers", str(workers), "--out", str(folder)]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    while finished(folder) == 0:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does
    out, said = process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGINT, said
    assert out == ""
    more = " --workers 2" if workers == 2 else ""
    assert f"`scopf sweep --resume --out '{folder}'{more}`" in said
    assert "Traceback" not in said
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "interrupted"
    assert sum(manifest["counts"].values()) == finished(folder) > 0
    assert f"{finished(folder)} of 2400 scenarios are finished and kept in {folder}" in said
    assert "interrupted" in (folder / "log.txt").read_text()
