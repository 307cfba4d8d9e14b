"""A result belongs to what was asked: no row, journal or table of another study is taken for it."""

import contextlib
import json
import shutil
import sqlite3
from hashlib import sha256

import pytest

import scopf
from scopf.sweeps.store import JOURNAL
from tests.sweeps.sweep_data import equal

FIRST = {"mq": [0.05, 0.06], "eta_q": 0.1}
SECOND = {"mq": [0.05, 0.06], "eta_q": 0.1, "load_scale": 0.9}
TABLES = ("scenarios", "inverters", "pairs", "buses")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Run folders of two studies, and of the first one a second time."""
    folder = tmp_path_factory.mktemp("runs")
    for name, axes in {"first": FIRST, "second": SECOND, "again": FIRST}.items():
        scopf.sweep("case9", **axes, out=folder / name, csv=True)
    return folder


@pytest.fixture
def runs(made, tmp_path):
    """Copies of them, to be spoilt."""
    return shutil.copytree(made, tmp_path / "runs")


def without_journal(folder):
    for path in folder.glob(f"{JOURNAL}*"):
        path.unlink()
    return folder


def test_a_lost_journal_does_not_let_another_study_in(tmp_path):
    """As a third study then had the rows of the second: 5296.69 for 4552.42."""
    out = tmp_path / "out"
    scopf.sweep("case9", mq=[0.1, 0.11, 0.12, 0.13], out=out)
    without_journal(out)
    with pytest.raises(scopf.ScopfError, match=r"mq changed .*restore that, or start again"):
        scopf.sweep("case9", mq=[0.1, 0.11], out=out, resume=True)
    light = {"mq": [0.1, 0.11, 0.12, 0.13], "load_scale": 0.9}
    with pytest.raises(scopf.ScopfError, match="load_scale changed"):
        scopf.sweep("case9", **light, out=out, resume=True)
    assert scopf.load_sweep(out).scenarios["cost"].max() == pytest.approx(5296.6862, abs=1e-3)


def test_a_lost_journal_is_made_again_with_a_warning(runs, made, caplog):
    out = without_journal(runs / "first")
    again = scopf.sweep("case9", **FIRST, out=out, resume=True)
    assert "was missing or empty; all scenarios are solved again" in caplog.text
    assert "was missing" in (out / "log.txt").read_text()
    assert again.manifest["runs"][-1]["scenarios"] == 2
    equal(again, scopf.load_sweep(made / "first"))
    with pytest.raises(scopf.ScopfError, match="load_scale"):
        scopf.sweep("case9", **SECOND, out=out, resume=True)


def test_a_journal_without_its_log_is_one_that_is_lost(runs, caplog):
    """A copy of the main file only, of a sweep under way, may hold nothing."""
    out = without_journal(runs / "first")
    (out / JOURNAL).touch()
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps({**manifest, "status": "running"}))
    with pytest.raises(scopf.ScopfError, match="is empty: resume the sweep"):
        scopf.load_sweep(out)
    assert scopf.sweep(out=out, resume=True).scenarios["solved"].all()
    assert "was missing or empty" in caplog.text


def test_a_journal_without_manifest_goes_on_with_its_own_study_alone(runs, made):
    out = runs / "first"
    (out / "manifest.json").unlink()
    with pytest.raises(scopf.ScopfError, match=r"load_scale .*changed since it was started"):
        scopf.sweep("case9", **SECOND, out=out, resume=True)
    again = scopf.sweep("case9", **FIRST, out=out, resume=True)
    assert again.manifest["runs"][-1]["scenarios"] == 0
    equal(again, scopf.load_sweep(made / "first"))


@pytest.mark.parametrize(("other", "said"), [("second", "load_scale"), ("again", "of another run")])
def test_an_exchanged_journal_is_refused(runs, other, said):
    out = runs / "first"
    shutil.copy(runs / other / JOURNAL, out / JOURNAL)
    with pytest.raises(scopf.ScopfError, match=said):
        scopf.sweep("case9", **FIRST, out=out, resume=True)
    (out / "scenarios.parquet").unlink()
    with pytest.raises(scopf.ScopfError, match=r"is of another sweep than manifest.json beside it"):
        _ = scopf.load_sweep(out).scenarios


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("other", ["second", "again"])
def test_tables_of_another_run_are_not_shown(runs, made, name, other):
    """The journal has what belongs there; without it they are refused."""
    out = runs / "first"
    shutil.copy(runs / other / f"{name}.parquet", out / f"{name}.parquet")
    equal(scopf.load_sweep(out), scopf.load_sweep(made / "first"))
    without_journal(out)
    if (out / f"{name}.parquet").read_bytes() != (made / "first" / f"{name}.parquet").read_bytes():
        with pytest.raises(scopf.ScopfError, match=f"{name}.parquet .*of another run"):
            getattr(scopf.load_sweep(out), name)


def test_an_exchanged_manifest_is_refused(runs):
    out = runs / "first"
    shutil.copy(runs / "second" / "manifest.json", out / "manifest.json")
    with pytest.raises(scopf.ScopfError, match="load_scale"):
        scopf.sweep("case9", **FIRST, out=out, resume=True)
    with pytest.raises(scopf.ScopfError, match="cannot be resumed"):
        scopf.sweep(out=out, resume=True)
    with pytest.raises(scopf.ScopfError, match="is of another sweep"):
        _ = scopf.load_sweep(out).scenarios


def test_rows_of_other_inputs_are_refused(runs):
    """Rows that were taken out of another journal."""
    out, other = runs / "first", runs / "second"
    with contextlib.closing(sqlite3.connect(other / JOURNAL)) as base:
        query = "SELECT scenario, inputs, row FROM scenarios"
        rows = base.execute(query).fetchall()
    with contextlib.closing(sqlite3.connect(out / JOURNAL)) as base, base:
        base.executemany("REPLACE INTO scenarios VALUES (?, ?, ?)", rows)
    (out / "scenarios.parquet").unlink()
    said = "scenario 0 was solved with other inputs than those of this sweep; put back"
    with pytest.raises(scopf.ScopfError, match=said):
        _ = scopf.load_sweep(out).scenarios
    with pytest.raises(scopf.ScopfError, match=said):
        scopf.sweep("case9", **FIRST, out=out, resume=True)


def test_manifest_and_files_belong_together(runs):
    """By an id, and the digest of every table."""
    out = runs / "first"
    manifest = json.loads((out / "manifest.json").read_text())
    digests = manifest["run"]["sha256"]
    assert set(digests) == {f"{name}.{kind}" for name in TABLES for kind in ("csv", "parquet")}
    for name, digest in digests.items():
        assert sha256((out / name).read_bytes()).hexdigest() == digest
    with contextlib.closing(sqlite3.connect(out / JOURNAL)) as base:
        about = dict(base.execute("SELECT key, value FROM about"))
    assert json.loads(about["run"]) == manifest["run"]["id"]
    other = json.loads((runs / "again" / "manifest.json").read_text())
    assert other["run"]["id"] != manifest["run"]["id"]
