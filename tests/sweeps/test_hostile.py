"""Run folders made to do harm give one sentence, or a right result, and take little memory.

The journal is a program of sorts, and tables say themselves how large they are.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import struct

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import scopf
from scopf.sweeps import database, iterates, values
from scopf.sweeps.store import JOURNAL
from tests.sweeps.sweep_data import equal

AXES = {"mq": [0.05, 0.06, 0.065, 0.07], "chain": 4}
TABLES = ("scenarios", "inverters", "pairs", "buses")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a finished sweep."""
    folder = tmp_path_factory.mktemp("made") / "run"
    scopf.sweep("case9", **AXES, out=folder)
    return folder


@pytest.fixture
def out(made, tmp_path):
    """A copy of it to be spoilt."""
    return shutil.copytree(made, tmp_path / "run")


def execute(out, *statements):
    """Change a journal as a stranger would."""
    with contextlib.closing(sqlite3.connect(out / JOURNAL)) as base, base:
        for statement in statements:
            base.execute(*([statement] if isinstance(statement, str) else statement))


def change(out, **keys):
    """Change a manifest."""
    path = out / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))


def adopt(out, name, table, **keywords):
    """Put a table in place of one of a run, and its digest into the manifest."""
    path = out / f"{name}.parquet"
    parquet.write_table(table, path, **keywords)
    run = json.loads((out / "manifest.json").read_text())["run"]
    run["sha256"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    change(out, run=run)


def unfinished(out):
    """Half a sweep, which goes on from the journal."""
    change(out, status="interrupted")
    execute(
        out, "DELETE FROM scenarios WHERE scenario > 1", "DELETE FROM tables WHERE scenario > 1"
    )


def refused(out, said):
    """Both who reads the folder and who goes on with it are told what is wrong."""
    for path in out.glob("*.parquet"):
        path.unlink()
    with pytest.raises(scopf.ScopfError, match=said):
        _ = scopf.load_sweep(out).scenarios
    with pytest.raises(scopf.ScopfError, match=said):
        scopf.sweep(out=out, resume=True)


# -- the journal as a program -----------------------------------------------

FOREVER = "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n) SELECT k FROM n"
SCHEMAS = {
    "trigger": ["""CREATE TRIGGER t AFTER INSERT ON scenarios BEGIN UPDATE scenarios
        SET row = replace(row, '"cost": 5', '"cost": 95') WHERE scenario = new.scenario; END"""],
    "view": ["ALTER TABLE scenarios RENAME TO others",
             f"CREATE VIEW scenarios AS SELECT k scenario, '' inputs, '' row FROM ({FOREVER})"],
    "one table more": ["CREATE TABLE more (k INTEGER)"],
    "index of an expression": ["CREATE INDEX i ON scenarios (abs(scenario))"],
    "generated column": ["ALTER TABLE chains ADD COLUMN g AS (hex(zeroblob(1000000)))"],
    "default": ["ALTER TABLE chains ADD COLUMN g DEFAULT (random())"],
    "check": ["ALTER TABLE chains ADD COLUMN g CHECK (g > 0)"],
    "other table": ["DROP TABLE chains", "CREATE TABLE chains (chain TEXT, iterate BLOB)"],
    "no table": ["DROP TABLE chains"],
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_journal_of_another_schema_is_not_read(out, name):
    unfinished(out)
    execute(out, *SCHEMAS[name])
    refused(out, f"{JOURNAL} is damaged: its tables are not those that scopf makes")


def test_a_name_of_a_table_that_is_no_text_is_said(out):
    for table in TABLES:
        (out / f"{table}.parquet").unlink()
    with contextlib.closing(sqlite3.connect(out / JOURNAL)) as base:
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = (out / JOURNAL).read_bytes()
    (out / JOURNAL).write_bytes(content.replace(b"tablescenarios", b"tablesc\xf3narios"))
    refused(out, f"{JOURNAL} is damaged")


@pytest.mark.parametrize("pragma", ["user_version", "application_id"])
def test_a_journal_of_another_format_is_not_read(out, pragma):
    execute(out, f"PRAGMA {pragma} = 1")
    refused(out, "was not written by this version of scopf, which reads format 2")


def test_switches_of_sqlite_are_set(out, monkeypatch):
    """The schema guards; the switches come on top where Python has them (from 3.12 on)."""
    monkeypatch.setattr(sqlite3, "SQLITE_DBCONFIG_DEFENSIVE", 1010, raising=False)
    monkeypatch.setattr(sqlite3, "SQLITE_DBCONFIG_ENABLE_TRIGGER", 1003, raising=False)
    monkeypatch.setattr(sqlite3, "SQLITE_DBCONFIG_ENABLE_VIEW", 1015, raising=False)
    said = {}

    class Connection(sqlite3.Connection):
        def setconfig(self, name, on):
            said[name] = on

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, factory=Connection, **k))
    base = database.Database(out / "new", "CREATE TABLE t (k)", application=1, version=1)
    assert said == {1010: True, 1003: False, 1015: False}
    for pragma, value in {"trusted_schema": 0, "cell_size_check": 1}.items():
        assert base._base.execute(f"PRAGMA {pragma}").fetchone() == (value,)
    base.close()


def test_a_query_that_does_not_end_is_stopped(out, monkeypatch):
    monkeypatch.setattr(database, "_EVERY", 10)
    monkeypatch.setattr(database.Database, "_size", lambda self: 0)
    base = database.Database(out / "new", "CREATE TABLE t (k)", application=1, version=1)
    base.create()
    with pytest.raises(scopf.ScopfError, match="reading it would take too long for its size"):
        list(base.select(f"SELECT k FROM ({FOREVER}) WHERE k < 0", most=1))
    with pytest.raises(scopf.ScopfError, match="more rows than the sweep"):
        list(base.select(FOREVER, most=10))
    with pytest.raises(scopf.ScopfError, match="larger than the file"):
        list(base.select("SELECT 'text'", most=10))
    base.close()


def hot_journal(path, names):
    """A rollback journal that lets SQLite remove the file of a name once it is played back."""
    size = os.stat(path).st_size // 4096
    head = bytes.fromhex("d9d505f920a163d7") + struct.pack(">IIIII", 0, 1, size, 512, 4096)
    name = os.fsencode(names)
    end = struct.pack(">I", 2**30 // 4096 + 1) + name + struct.pack(">II", len(name), sum(name))
    journal = path.with_name(f"{path.name}-journal")
    journal.write_bytes(head.ljust(512, b"\0") + end + bytes.fromhex("d9d505f920a163d7"))


def test_a_rollback_journal_removes_no_file_elsewhere(out, tmp_path):
    execute(out, "PRAGMA journal_mode = DELETE")
    for precious in (tmp_path / "bait", tmp_path / "precious"):
        precious.write_text("as it was")
        hot_journal(out / JOURNAL, precious)
        if precious.name == "bait":  # SQLite by itself removes it; 3.40 does, 3.53 no more
            execute(out, "SELECT * FROM about")
            assert not precious.exists() or sqlite3.sqlite_version_info >= (3, 41)
    refused(out, "results.sqlite-journal names a file elsewhere")
    assert precious.read_text() == "as it was"


# -- values in the journal -----------------------------------------------

DEEP = "[" * 60_000
ROW = {"status": "optimal", "solved": True, "message": "", "seconds": 0.1}
ROWS = {
    "deep": (DEEP, "lists in lists|damaged: scenario 0"),  # Python 3.14 reads on to the end
    "deep inside": ('{"status": ' + DEEP, "lists in lists|damaged: scenario 0"),
    "long": ('"' + "x" * 10**6 + '"', "a few lines of text"),
    "million digits": ('{"cost": ' + "9" * 100_000 + "}", "damaged: scenario 0"),
    "thousand digits": (json.dumps({**ROW, "cost": 10**1000}), "a value of cost that is none"),
    "whole number": (json.dumps({**ROW, "binding": 2**63}), "a value of binding that is none"),
    "bytes": (b"\xff\xfe", "a few lines of text"),
    "nothing": (None, "a few lines of text"),
    "number": (3.5, "has no status"),
    "list": (json.dumps({**ROW, "cost": [1]}), "a value of cost that is none"),
    "dict": (json.dumps({**ROW, "message": {"a": 1}}), "a value of message that is none"),
    "text": (json.dumps({**ROW, "cost": "1"}), "a value of cost that is none"),
    "flag": (json.dumps({**ROW, "iterations": True}), "a value of iterations that is none"),
    "status": (json.dumps({**ROW, "status": "<b>"}), "an unknown status"),
    "no status": (json.dumps({**ROW, "status": None}), "has no status"),
    "solved": (json.dumps({**ROW, "solved": False}), "optimal and, it says, not solved"),
    "unsolved": (json.dumps({**ROW, "status": "stalled"}), "stalled and, it says, solved"),
    "name": (json.dumps({**ROW, "more": 1}), "an unknown name 'more'"),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_row_that_can_be_none_is_said(out, name):
    text, said = ROWS[name]
    execute(out, ("UPDATE scenarios SET row = ?", (text,)))
    refused(out, said)


@pytest.mark.parametrize("number", [-1, 4, 2**62])
def test_a_scenario_beyond_the_plan_is_said(out, number):
    execute(out, f"UPDATE scenarios SET scenario = {number} WHERE scenario = 3")
    refused(out, f"it has a scenario {number} of 4")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM tables WHERE scenario = 2 AND name = 'pairs'", "pairs does not go with"),
        ("UPDATE tables SET scenario = 7 WHERE scenario = 2", "inverters does not go with"),
        ("INSERT INTO tables SELECT name, 9, schema, batch FROM tables LIMIT 1", "more rows than"),
        ("UPDATE tables SET batch = 'text'", "no bytes where a table"),
        ("UPDATE tables SET batch = NULL", "no bytes where a table"),
        ("UPDATE tables SET batch = x'ff'", "damaged"),
        ("UPDATE tables SET schema = 3", "damaged"),
        ("UPDATE schemas SET schema = x''", "damaged"),
        ("UPDATE schemas SET schema = 7", "no bytes where a table"),
        ("UPDATE about SET value = '1'", "does not say of which sweep"),
        ("UPDATE about SET value = NULL", "does not say of which sweep"),
        ("DELETE FROM about", "does not say of which sweep"),
        (("UPDATE about SET value = ?", (DEEP,)), "does not say of which sweep"),
    ],
)
def test_values_that_cannot_be_are_said(out, statement, said):
    execute(out, "INSERT INTO chains VALUES (0, NULL)", statement)
    refused(out, said)


def test_text_that_is_no_text_is_said(out):
    execute(out, "UPDATE scenarios SET row = CAST(x'fffe' AS TEXT)")
    refused(out, "cannot be read: Could not decode")


# -- iterates -----------------------------------------------


def iterate(data, out):
    """Half a sweep whose chain goes on from this iterate."""
    unfinished(out)
    execute(out, ("INSERT INTO chains VALUES (0, ?)", (data,)))
    change(out, status="interrupted")


def zipped(size):
    """A .npz of few bytes and `size` of them unpacked."""
    import io

    file = io.BytesIO()
    np.savez_compressed(file, x=np.zeros(size // 8))
    return file.getvalue()


def head(**changed):
    found = {"signature": "s", "lift": False, "cold": 3, "sizes": [1, 0, 0, 0], **changed}
    return json.dumps(found).encode() + b"\n"


ITERATES = {
    "zip": zipped(2**20), "text": "text", "number": 7, "empty": b"", "junk": b"junk",
    "no end": head()[:-1],
    "long head": b"[" * 10**6, "sizes": head(sizes=[10**15, 0, 0, 0]) + bytes(8),
    "negative": head(sizes=[2, -1, 0, 0]) + bytes(8), "few": head(sizes=[1]) + bytes(8),
    "types": head(cold="3") + bytes(8), "infinite": head() + struct.pack("<d", np.inf),
    "list": b"[1]\n", "flags": head(sizes=[True, 0, 0, 0]) + bytes(8),
}  # fmt: skip


@pytest.mark.parametrize("name", ITERATES)
def test_an_iterate_that_is_none_is_said(out, name):
    iterate(ITERATES[name], out)
    with pytest.raises(scopf.ScopfError, match="damaged: chain 0: "):
        scopf.sweep(out=out, resume=True)


def test_an_iterate_of_another_length_is_not_started_from(out, made):
    solution = scopf.solve(scopf.load_sweep(made).problem(0)).iterate
    there = iterates.unpacked(iterates.packed(solution))
    data = iterates.packed(type(there)(**{**vars(there), "x": there.x[:-1]}))
    iterate(data, out)
    runs = scopf.sweep(out=out, resume=True)
    assert (runs.scenarios["status"] == "optimal").all()
    expected = scopf.load_sweep(made).scenarios["cost"].to_numpy()
    assert runs.scenarios["cost"].to_numpy() == pytest.approx(expected, rel=1e-7)


def peak():
    return pa.default_memory_pool().max_memory()


# -- Parquet -----------------------------------------------


def large(made, name, count):
    """A table of a run, its first row repeated."""
    return parquet.read_table(made / f"{name}.parquet").take(pa.array(np.zeros(count, int)))


def test_a_table_of_many_rows_in_few_bytes_is_not_read(out, made):
    (out / JOURNAL).unlink()
    adopt(out, "inverters", large(made, "inverters", 4_000_000))
    assert (out / "inverters.parquet").stat().st_size < 2**20
    before = peak()
    with pytest.raises(scopf.ScopfError, match="4000000 rows would take too much memory"):
        _ = scopf.load_sweep(out).inverters
    assert peak() - before < 2**20


def test_a_text_that_is_repeated_is_not_spelled_out(out, made):
    (out / JOURNAL).unlink()
    table = large(made, "inverters", 3_000)
    place = table.schema.get_field_index("gens")
    texts = pa.DictionaryArray.from_arrays(np.zeros(3_000, np.int32), ["x" * 100_000])
    adopt(out, "inverters", table.set_column(place, "gens", texts.cast(pa.string()).slice(0)))
    before = peak()
    with pytest.raises(scopf.ScopfError, match="texts of gens would take too much memory"):
        _ = scopf.load_sweep(out).inverters
    assert peak() - before < 2**28


@pytest.mark.parametrize("compression", ["gzip", "zstd", "brotli"])
def test_a_table_that_is_packed_tighter_is_not_unpacked(out, made, compression):
    (out / JOURNAL).unlink()
    adopt(out, "buses", parquet.read_table(made / "buses.parquet"), compression=compression)
    with pytest.raises(scopf.ScopfError, match="not stored as scopf stores them"):
        _ = scopf.load_sweep(out).buses


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("spoil", ["lists", "no columns", "other types", "numbers", "none"])
def test_a_table_that_is_none_of_the_run_is_said(out, name, spoil):
    (out / JOURNAL).unlink()
    table = parquet.read_table(out / f"{name}.parquet")
    spoilt = {
        "lists": table.append_column("x", pa.array([[1]] * len(table))),
        "no columns": table.select(["scenario"]),
        "other types": table.set_column(2, table.schema.names[2], pa.array(["x"] * len(table))),
        "numbers": table.set_column(0, "scenario", pa.array(np.arange(len(table)) - 1)),
        "none": table.drop_columns(["scenario"]),
    }[spoil]
    if spoil == "other types" and name in ("scenarios", "inverters"):
        spoilt = table.set_column(0, "scenario", pa.array(["x"] * len(table)))
    adopt(out, name, spoilt)
    with pytest.raises(scopf.ScopfError, match=r"cannot be read: .*(column|scenarios)"):
        getattr(scopf.load_sweep(out), name)


def test_one_table_that_is_lost_takes_all_from_the_journal(out):
    """What the journal says of scenario 0 does not fit the tables that are still there."""
    row = """replace(replace(row, '"solved": true', '"solved": false'), '"optimal"', '"error"')"""
    row = f"UPDATE scenarios SET row = {row} WHERE scenario = 0"
    execute(out, row, "DELETE FROM tables WHERE scenario = 0")
    (out / "scenarios.parquet").unlink()
    found = scopf.load_sweep(out)
    solved = found.scenarios.index[found.scenarios["solved"]]
    assert 0 not in solved
    assert set(found.inverters["scenario"]) == set(solved)


def test_metadata_of_pandas_in_a_table_say_nothing(out, made):
    table = parquet.read_table(out / "buses.parquet")
    about = {"index_columns": ["bus"], "columns": [{"name": "vm", "field_name": "vm",
             "pandas_type": "x", "numpy_type": "category", "metadata": None}],
             "column_indexes": [], "pandas_version": "0"}  # fmt: skip
    adopt(out, "buses", table.replace_schema_metadata({"pandas": json.dumps(about)}))
    equal(scopf.load_sweep(out), scopf.load_sweep(made))


# -- the manifest -----------------------------------------------


def test_a_manifest_of_lists_in_lists_is_said(out):
    (out / "manifest.json").write_text(DEEP)
    with pytest.raises(scopf.ScopfError, match=r"manifest.json cannot be read"):
        scopf.load_sweep(out)


@pytest.mark.parametrize(
    "axis",
    [
        {"columns": ["mq"], "rows": [[[1]]]}, {"columns": ["mq"], "rows": [["x"]]},
        {"columns": ["mq"], "rows": [[True]]}, {"columns": ["mq"], "rows": [[float("inf")]]},
        {"columns": ["mq"], "rows": [[10**400]]},
        {"columns": ["mq"], "rows": []}, {"columns": [], "rows": [[]]},
        {"columns": ["mq"], "rows": [[0.1, 0.2]]}, {"columns": ["evil"], "rows": [[1]]},
        {"columns": [["mq"]], "rows": [[1]]}, {"columns": ["outage"], "rows": [[2**70]]},
        {"columns": ["mq", "mq"], "rows": [[1, 2]]}, {"columns": "mq", "rows": "xx"}, 7,
    ],
)  # fmt: skip
def test_an_axis_that_is_none_is_said(out, axis):
    spec = json.loads((out / "manifest.json").read_text())["spec"]
    change(out, spec={**spec, "axes": [axis]})
    refused(out, "manifest.json is damaged: its spec: ")


def test_no_more_scenarios_than_a_sweep_has_are_made_of_a_manifest(out):
    spec = json.loads((out / "manifest.json").read_text())["spec"]
    names = ("mq", "eta_q", "alpha", "margin")
    axes = [{"columns": [name], "rows": [[0.1]] * 1000} for name in names]
    change(out, spec={**spec, "axes": axes}, scenarios=10**12)
    refused(out, f"more than {values.MOST:,} scenarios")


def test_no_more_values_of_scenarios_than_memory_holds_are_made_of_a_manifest(out):
    """A series of many columns, once for each value of another axis."""
    spec = json.loads((out / "manifest.json").read_text())["spec"]
    columns = [f"load_scale_{k}" for k in range(1000)]
    axes = [{"columns": columns, "rows": [[1.0] * 1000] * 100},
            {"columns": ["mq"], "rows": [[0.1]] * 1000}]  # fmt: skip
    change(out, spec={**spec, "axes": axes}, scenarios=10**5)
    refused(out, "its scenarios have too many values")


def test_a_manifest_of_another_number_of_scenarios_is_said(out):
    change(out, scenarios=5)
    refused(out, "it says 5 scenarios, its spec has 4")


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("network", {"buses": [1.5], "branches": [], "inverters": []}),
        ("network", {"buses": [1], "branches": [3], "inverters": []}),
        ("network", {"buses": [1], "branches": [{"from_bus": "x", "to_bus": 1}], "inverters": []}),
        ("network", {"buses": [2**70], "branches": [], "inverters": []}),
        (
            "network",
            {"buses": [1], "branches": [{"id": [1], "from_bus": 1, "to_bus": 1}], "inverters": []},
        ),
        ("counts", {"optimal": "many"}),
        ("runs", [{"seconds": "long"}]),
        ("runs", [3]),
        ("run", {"id": 3, "sha256": {}}),
        ("run", {"id": "x", "sha256": {"a": 1}}),
        ("case", {"name": "case9", "source": 3, "hash": "x"}),
    ],
)
def test_what_readers_rely_on_in_a_manifest_is_checked(out, key, bad):
    change(out, **{key: bad})
    refused(out, f"damaged: see {key}")


def test_a_report_escapes_what_a_journal_says(out, tmp_path):
    from scopf.pages.page import write

    evil = "<script>alert(1)</script>"
    row = {"status": "stalled", "solved": False, "message": evil, "seconds": 0.1}
    execute(
        out,
        ("UPDATE scenarios SET row = ? WHERE scenario = 3", (json.dumps(row),)),
        "DELETE FROM tables WHERE scenario = 3",
    )
    (out / "scenarios.parquet").unlink()
    for name in TABLES[1:]:
        (out / f"{name}.parquet").unlink()
    runs = scopf.load_sweep(out)
    assert runs.scenarios["message"][3] == evil
    assert evil not in write(runs, tmp_path / "report.html").read_text()


# -- other names of files -----------------------------------------------


@pytest.mark.parametrize("name", ["lock", "log.txt", JOURNAL, f"{JOURNAL}-wal"])
def test_a_file_with_another_name_elsewhere_is_left_alone(tmp_path, name):
    precious, folder = tmp_path / "precious", tmp_path / "out"
    precious.write_text("as it was")
    folder.mkdir()
    os.link(precious, folder / name)
    with pytest.raises(scopf.ScopfError, match="has another name elsewhere"):
        scopf.sweep("case9", mq=0.1, out=folder, resume=True)
    assert precious.read_text() == "as it was"


def test_a_copy_of_hard_links_can_be_read(out, made):
    """As backups make them; nothing is written."""
    for name in (JOURNAL, "manifest.json"):
        os.link(out / name, out.parent / name)
    (out / "pairs.parquet").unlink()
    equal(scopf.load_sweep(out), scopf.load_sweep(made))


@pytest.mark.parametrize("case", ["/dev/zero", "http://127.0.0.1:9/case.m", "PIPE"])
def test_the_case_of_a_run_folder_is_a_regular_file(out, case, tmp_path):
    if case == "PIPE":
        case = str(tmp_path / "pipe.m")
        os.mkfifo(case)
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["spec"]["settings"]["case"] = case
    change(out, spec=manifest["spec"])
    with pytest.raises(scopf.ScopfError, match=r"device or a pipe|is a URL"):
        scopf.load_sweep(out).problem(0)
    manifest["spec"]["settings"] |= {"case": "case9", "inverters": case}
    change(out, spec=manifest["spec"])
    with pytest.raises(scopf.ScopfError, match=r"device or a pipe|is a URL"):
        scopf.load_sweep(out).problem(0)
