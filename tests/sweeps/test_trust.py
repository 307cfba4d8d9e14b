"""Run folders and specs of others: what they may not do, and what is said when they are damaged."""

import contextlib
import json
import sqlite3

import pandas as pd
import pytest

import scopf

OUTSIDE = {"hsllib": "/evil.so", "HSLLIB": "evil.so", "resto.pardisolib": "x", "spral_lib": "x"}
OUTSIDE |= {"output_file": "precious", "option_file_name": "precious"}


def run_folder(path, **keywords):
    scopf.sweep("case9", eta_q=[0.0, 0.1], max_iter=20, out=path, **keywords)
    return path


@pytest.mark.parametrize("name", OUTSIDE)
def test_options_of_a_run_folder_load_no_library_and_write_no_file(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "precious").write_text("as it was")
    out = run_folder(tmp_path / "out")
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["spec"]["settings"]["options"] = {"linear_solver": "ma57", name: OUTSIDE[name]}
    (out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(scopf.ScopfError, match=f"options.{name}.*names a file or a library"):
        scopf.sweep(out=out, resume=True)
    assert (tmp_path / "precious").read_text() == "as it was"


def test_options_of_a_spec_load_no_library_unless_the_command_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = tmp_path / "study.toml"
    spec.write_text('case = "case9"\n[options]\noutput_file = "precious"\n')
    (tmp_path / "precious").write_text("as it was")
    with pytest.raises(scopf.ScopfError, match=r"line 3.*names a file or a library"):
        scopf.sweep(spec)
    assert (tmp_path / "precious").read_text() == "as it was"
    scopf.sweep(spec, options={"output_file": "log of Ipopt"})
    assert (tmp_path / "log of Ipopt").exists()


@pytest.mark.parametrize("name", ["lock", "log.txt", "results.sqlite", "results.sqlite-wal"])
def test_a_file_that_is_a_link_is_refused_and_its_target_left_alone(tmp_path, name):
    (tmp_path / "precious").write_text("as it was")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / name).symlink_to(tmp_path / "precious")
    with pytest.raises(scopf.ScopfError, match="is a link"):
        scopf.sweep("case9", mq=0.1, out=folder, resume=True)
    assert (tmp_path / "precious").read_text() == "as it was"


@pytest.mark.parametrize("name", ["scenarios.parquet", "pairs.parquet", "buses.csv"])
def test_tables_follow_no_links(tmp_path, name):
    (tmp_path / "precious").write_text("as it was")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / name).symlink_to(tmp_path / "precious")
    scopf.sweep("case9", mq=0.05, out=folder, csv=True)
    assert (tmp_path / "precious").read_text() == "as it was"
    assert (folder / name).is_file()
    assert not (folder / name).is_symlink()
    assert not list(folder.glob(".scopf-*"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "is of format None"),
        ("[1]", "is no JSON object"),
        ("{", "cannot be read"),
        ('{"format": 3}', "damaged: see status, case"),
        ('{"format": 2}', "is of format 2; this version of scopf reads 3"),
    ],
)
def test_a_damaged_manifest_is_said(tmp_path, text, said):
    out = run_folder(tmp_path / "out")
    (out / "manifest.json").write_text(text)
    with pytest.raises(scopf.ScopfError, match=said):
        scopf.load_sweep(out)
    with pytest.raises(scopf.ScopfError, match=said):
        scopf.sweep(out=out, resume=True)


@pytest.mark.parametrize(
    "bad", [3, {}, {"generators": "many"}, {"generators": 1, "share_of_dispatch": ["<b>", 1]}]
)
def test_a_damaged_share_of_constant_power_is_said(tmp_path, bad):
    out = run_folder(tmp_path / "out")
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps({**manifest, "constant_power": bad}))
    with pytest.raises(scopf.ScopfError, match="damaged: see constant_power"):
        scopf.load_sweep(out)


def test_a_damaged_spec_in_a_manifest_is_said(tmp_path):
    out = run_folder(tmp_path / "out")
    manifest = json.loads((out / "manifest.json").read_text())
    for bad in ({}, {"settings": 1, "axes": []}, {"settings": {"x": 1}, "axes": []}):
        (out / "manifest.json").write_text(json.dumps({**manifest, "spec": bad}))
        with pytest.raises(scopf.ScopfError, match="damaged: its spec"):
            scopf.sweep(out=out, resume=True)


@pytest.mark.parametrize("text", [None, b"", b"junk", b"PAR1junkPAR1"])
def test_tables_that_are_lost_come_from_the_journal(tmp_path, text):
    out = run_folder(tmp_path / "out")
    whole = scopf.load_sweep(out)
    for name in ("scenarios", "pairs"):
        expected = getattr(whole, name)
        path = out / f"{name}.parquet"
        path.unlink()
        if text is not None:
            path.write_bytes(text)
        pd.testing.assert_frame_equal(getattr(scopf.load_sweep(out), name), expected)
    (out / "results.sqlite").unlink()
    with pytest.raises(scopf.ScopfError, match=r"scenarios.parquet cannot be read"):
        _ = scopf.load_sweep(out).scenarios


def test_a_damaged_journal_is_said(tmp_path):
    out = run_folder(tmp_path / "out")
    (out / "scenarios.parquet").unlink()
    for row in ("junk", "[]", "{}"):
        with contextlib.closing(sqlite3.connect(out / "results.sqlite")) as base, base:
            base.execute("UPDATE scenarios SET row = ?", (row,))
        with pytest.raises(scopf.ScopfError, match="damaged"):
            _ = scopf.load_sweep(out).scenarios
    (out / "results.sqlite").write_text("junk" * 1000)
    with pytest.raises(scopf.ScopfError, match="not a database"):
        _ = scopf.load_sweep(out).scenarios
