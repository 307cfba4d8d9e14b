"""The folder of results: whole files of one run, and nothing outside touched."""

import hashlib
import json
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest

import scopf
from scopf import files
from scopf.results import export

pytestmark = pytest.mark.core

NAMES = ("buses.csv", "buses.parquet", "pairs.csv", "summary.json")


@pytest.fixture(scope="module")
def solution():
    return scopf.solve(scopf.build(scopf.load_case("case9")))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def digests(folder):
    """Those of the tables in a folder, as they are."""
    return {
        name: hashlib.sha256(content).hexdigest()
        for name, content in contents(folder).items()
        if name != "summary.json"
    }


def run_of(folder):
    return json.loads((folder / "summary.json").read_text())["run"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("there", [True, False])
def test_links_in_the_folder_are_replaced_and_not_followed(tmp_path, solution, name, there):
    precious, folder = tmp_path / "precious", tmp_path / "out"
    folder.mkdir()
    if there:
        precious.write_text("as it was")
    (folder / name).symlink_to(precious)
    export.write(solution, folder, {})
    assert precious.exists() == there
    assert not there or precious.read_text() == "as it was"
    assert not (folder / name).is_symlink()
    assert len(list(folder.iterdir())) == 11


@pytest.mark.parametrize("name", NAMES)
def test_a_pipe_or_a_folder_of_that_name_is_a_sentence(tmp_path, solution, name):
    for make in (os.mkfifo, os.mkdir):
        folder = tmp_path / make.__name__
        folder.mkdir()
        make(folder / name)
        with pytest.raises(scopf.ScopfError, match=f"cannot write results.*{name}"):
            export.write(solution, folder, {})
        assert os.listdir(folder) == [name]


def test_the_summary_says_which_tables_are_its_own(tmp_path, solution):
    export.write(solution, tmp_path, {})
    first = run_of(tmp_path)
    assert first["sha256"] == digests(tmp_path)
    export.write(solution, tmp_path, {})
    assert run_of(tmp_path)["id"] != first["id"]


def test_the_summary_is_put_in_place_last(tmp_path, solution, monkeypatch):
    """A kill between two renames: what belongs together can be told."""
    export.write(solution, tmp_path, {})
    other = scopf.solve(solution.problem.update(load_scale=0.9))
    before, replace, count = digests(tmp_path), os.replace, [0]

    def killed(*names):
        count[0] += 1
        if count[0] == 4:
            raise KeyboardInterrupt
        replace(*names)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        export.write(other, tmp_path, {})
    mixed, said = digests(tmp_path), run_of(tmp_path)["sha256"]
    assert said == before
    assert sum(mixed[name] != said[name] for name in said) == 3
    assert not list(tmp_path.glob(".scopf-*"))


def test_a_reader_sees_whole_files_only(tmp_path, solution):
    export.write(solution, tmp_path, {})
    ended, bad, reads = threading.Event(), [], [0]

    def look():
        while not ended.is_set():
            for name in ("buses.csv", "pairs.csv"):
                reads[0] += 1
                text = (tmp_path / name).read_text()
                if not text.endswith("\n") or text not in whole:
                    bad.append(text)

    whole = {(tmp_path / name).read_text() for name in ("buses.csv", "pairs.csv")}
    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(15):
        export.write(solution, tmp_path, {})
    ended.set()
    reader.join()
    assert reads[0] > 100
    assert not bad


FULL = """
import resource, sys
from pathlib import Path
import scopf
from scopf.results import export
solution = scopf.solve(scopf.build(scopf.load_case("case9"), load_scale=0.9))
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
for folder, size in zip(sys.argv[1::2], sys.argv[2::2]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), most))
    try:
        export.write(solution, Path(folder), {})
    except scopf.ScopfError as error:
        print(error, flush=True)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs limits of file sizes")
def test_on_a_full_disk_old_files_stay_whole(tmp_path, solution):
    before, words = {}, []
    for size in (0, 500, 6000):
        folder = tmp_path / f"size-{size}"
        export.write(solution, folder, {})
        before[folder] = contents(folder)
        words += [str(folder), str(size)]
    command = [sys.executable, "-c", FULL, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == len(before), done.stderr
    for line, folder in zip(lines, before, strict=True):
        assert f"cannot write results to {folder}" in line
        assert contents(folder) == before[folder]


def test_what_a_kill_left_is_removed_after_a_while(tmp_path):
    old, young = (tmp_path / f".scopf-{digit * 16}-buses.csv" for digit in "01")
    other = tmp_path / ".scopf-notes"
    for path in (old, young, other):
        path.write_text("half")
    for path in (old, other):
        os.utime(path, (0, 0))
    files.replace(tmp_path / "x", lambda part: part.write_text("whole"))
    assert set(os.listdir(tmp_path)) == {"x", young.name, other.name}


def test_a_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "x"
    path.write_text("old")
    path.chmod(0o600)
    files.replace(path, lambda part: part.write_text("new"))
    assert path.stat().st_mode & 0o777 == 0o600


def test_conversion_follows_a_link_that_was_typed(tmp_path):
    net = scopf.load_case("case9")
    for suffix in ("m", "json"):
        target = tmp_path / "elsewhere" / f"real.{suffix}"
        target.parent.mkdir(exist_ok=True)
        (tmp_path / f"link.{suffix}").symlink_to(target)
        scopf.save_case(net, tmp_path / f"link.{suffix}")
        assert (tmp_path / f"link.{suffix}").is_symlink()
        assert scopf.load_case(target).bus.id.tolist() == net.bus.id.tolist()
        with pytest.raises(scopf.ScopfError, match="cannot write"):
            scopf.save_case(net, tmp_path / "no such folder" / f"x.{suffix}")


def test_a_picture_follows_no_link(tmp_path):
    from scopf import plots
    from scopf.studies.gap import gap

    precious = tmp_path / "precious"
    precious.write_text("as it was")
    (tmp_path / "gap.png").symlink_to(precious)
    found = gap("voltage-difference", b=(2.0,), mq=(1.0, 5.0), vm=[0.95, 1.05], angle=[-0.5, 0.4])
    plots.gap(found, tmp_path / "gap.png")
    plots.gap(found, tmp_path / "other")  # a name without a suffix gets one
    assert precious.read_text() == "as it was"
    assert (tmp_path / "gap.png").read_bytes()[:4] == (tmp_path / "other.png").read_bytes()[:4]
    assert pd.DataFrame(found.table).shape[0] > 0


def test_tables_of_studies_belong_together(tmp_path):
    from scopf.cli.studies import _write

    (tmp_path / "precious").write_text("as it was")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.csv").symlink_to(tmp_path / "precious")
    frame = pd.DataFrame({"x": [1, 2]})
    assert _write(tmp_path / "out", "a", {"a": frame, "b": frame}).startswith("5 files written")
    assert (tmp_path / "precious").read_text() == "as it was"
    said = json.loads(Path(tmp_path / "out" / "a.json").read_text())["run"]["sha256"]
    assert said == {k: v for k, v in digests(tmp_path / "out").items() if k != "a.json"}
