"""Files: what is read of them, and how they are written."""

import os
import signal
import threading
from pathlib import Path

import pytest

import scopf
from scopf import files

RAW = Path(__file__).parent / "data" / "seven_buses_33.raw"
URL = "http://127.0.0.1:9/table.csv"


@pytest.fixture(autouse=True)
def in_time(monkeypatch, tmp_path):
    """What waits for a pipe fails; relative names are in a folder of the test."""
    monkeypatch.chdir(tmp_path)
    if hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread():

        def late(*_):
            raise AssertionError("waits for ever")

        before = signal.signal(signal.SIGALRM, late)
        signal.alarm(60)
        yield
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    else:
        yield


def pipe(name):
    os.mkfifo(name)
    return name


def huge(name):
    """A file of a terabyte that takes no room."""
    with open(name, "wb") as file:
        try:
            file.truncate(2**40)
        except OSError:
            pytest.skip("this file system has no such large files")
    return name


def device(_name):
    return "/dev/zero"


def url(_name):
    return URL


def link(name):
    os.symlink("/dev/zero", name)
    return name


SAID = {
    pipe: "device or a pipe", device: "device or a pipe", link: "device or a pipe",
    url: "is a URL, and nothing is fetched", huge: "larger than (256|16) MiB",
}  # fmt: skip


@pytest.fixture
def no_network(monkeypatch):
    """Whoever wants to connect fails."""

    def connect(*_):
        raise AssertionError("connects")

    monkeypatch.setattr("socket.socket.connect", connect)
    monkeypatch.setattr("socket.getaddrinfo", connect)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("thing", SAID)
@pytest.mark.parametrize("key", ["load_series", "scenarios", "inverters", "case"])
def test_a_spec_names_regular_files_alone(thing, key, tmp_path):
    (tmp_path / "of a stranger").mkdir()
    spec = tmp_path / "of a stranger" / "study.toml"
    suffix = ".m" if key == "case" else ".csv"
    named = thing(str(tmp_path / "of a stranger" / f"named{suffix}"))
    for name in {named, os.path.basename(named) if thing is not url else named}:
        if thing is device and not name.startswith("/"):
            continue
        rest = "" if key == "case" else 'case = "case9"\n'
        spec.write_text(f'{rest}{key} = "{name}"\n')
        with pytest.raises(scopf.ScopfError, match=SAID[thing]):
            scopf.sweep(spec, mq=0.1)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("thing", SAID)
@pytest.mark.parametrize("suffix", ["m", "raw", "json"])
def test_a_case_is_a_regular_file(thing, suffix):
    with pytest.raises(scopf.CaseError, match=SAID[thing]):
        scopf.load_case(thing(f"grid.{suffix}"))


@pytest.mark.parametrize("thing", [pipe, huge, link])
def test_costs_beside_a_case_are_a_regular_file(thing, tmp_path):
    case = tmp_path / "grid.raw"
    case.write_bytes(RAW.read_bytes())
    thing("grid.costs.csv")
    with pytest.raises(scopf.CaseError, match=SAID[thing]):
        scopf.load_case(case)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("thing", [pipe, huge, link, url])
def test_a_spec_is_a_regular_file(thing):
    name = URL.replace("table.csv", "study.toml") if thing is url else thing("study.toml")
    with pytest.raises(scopf.CaseError, match=SAID[thing]):
        scopf.sweep(name)


@pytest.mark.parametrize("thing", [pipe, huge, link])
@pytest.mark.parametrize("name", ["manifest.json", "scenarios.parquet"])
def test_what_is_read_of_a_run_folder_is_a_regular_file(thing, name, tmp_path):
    scopf.sweep("case9", mq=0.05, out="run")
    (tmp_path / "run" / "results.sqlite").unlink()
    (tmp_path / "run" / name).unlink()
    thing(str(tmp_path / "run" / name))
    with pytest.raises(scopf.ScopfError, match=f"{SAID[thing]}|cannot be read"):
        _ = scopf.load_sweep("run").scenarios


@pytest.mark.parametrize("name", ["lock", "log.txt", "results.sqlite", "results.sqlite-wal"])
def test_pipes_in_a_run_folder_are_refused(name, tmp_path):
    (tmp_path / "run").mkdir()
    os.mkfifo(tmp_path / "run" / name)
    with pytest.raises(scopf.ScopfError, match="is not a regular file"):
        scopf.sweep("case9", mq=0.1, out="run", resume=True)


def test_text_is_read_as_python_reads_it(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n\xe9")
    assert files.text(path, errors="replace") == path.read_text("utf-8-sig", "replace")
    assert files.read(path, 11) == path.read_bytes()
    with pytest.raises(OSError, match="larger than"):
        files.read(path, 10)


@pytest.mark.parametrize("mark", [b"\xef", b"\xef\xbb"])
def test_half_a_byte_order_mark_is_no_text(tmp_path, mark):
    path = tmp_path / "a"
    path.write_bytes(mark)
    with pytest.raises(UnicodeDecodeError):
        files.text(path)
    path.write_bytes(b"\xef\xbb\xbf")
    assert files.text(path) == ""


def test_a_file_that_says_it_is_empty_is_read_up_to_the_limit():
    if not os.path.exists("/proc/self/status"):
        pytest.skip("needs /proc")
    assert files.read("/proc/self/status")
    with pytest.raises(OSError, match="larger than"):
        files.read("/proc/self/status", 10)
