"""What broke a reader before, or hurt: files that ask for time, memory, or something from outside.

Each reader of `benchmarks.fuzz_targets` has its own, by name; `tests/cases/test_fuzz.py` and
`benchmarks.fuzz` read them all.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from benchmarks import run_folders
from benchmarks.mutations import Files
from benchmarks.seeds import RICH, networks

HEAD = b"function mpc = c\nmpc.version = '2';\nmpc.baseMVA = 100;\n"
RAW = b"0, 100.0, 33, 0, 1, 60.0 / x\n\n\n"
MILLION = b"x" * 1_000_000


def of(reader: str) -> dict[str, Files]:
    """Inputs of a reader by name."""
    return _OF[reader]() if reader in _OF else {}


def _cases() -> dict[str, Files]:
    points = b" ".join(b"%d %d" % (k, k) for k in range(60_000))
    texts = {
        "nothing": b"",
        "NUL": b"\0",
        "a byte order mark": b"\xef\xbb\xbf",
        "blanks before brackets": HEAD + b"mpc.x =" + b" " * 2_000 + b"[[\n",
        "blanks after a function": b"function a" + b" " * 20_000 + b"(\n",
        "blanks around an equals sign": b"function a" + b" " * 9_000 + b"=" + b" " * 9_000 + b"(\n",
        "dots": b"." * 100_000,
        "open comments": b"%{\n" * 200_000,
        "a long name": RICH.replace(b"{'a';", b"{'" + MILLION + b"';"),
        "cost points": RICH.replace(b"\t1\t10\t5\t3\t", b"\t1\t10\t5\t60000\t" + points + b"\t"),
        "a number that only Python reads": RICH.replace(b"0.01\t0.1", b"1_0\t0.1"),
        "digits of another script": RICH.replace(b"0.01\t0.1", b"\xd9\xa1\t0.1"),
        "a huge whole number": RICH.replace(b"\t5\t2\t10", b"\t" + b"9" * 5_000 + b"\t2\t10"),
        "a power of powers": RICH + b"pf = 9^9^9;\n",
        "computations": HEAD + b"".join(b"x%d = 1;\n" % k for k in range(4_000)),
        "rows of all lengths": HEAD + b"mpc.bus = ["
        + b"".join(b"1 " * k + b";" for k in range(400)) + b"];",
        "a call": RICH + b"system('touch run');\n",
    }  # fmt: skip
    return {name: {"case.m": text} for name, text in texts.items()}


def _raws() -> dict[str, Files]:
    buses = b"".join(b"%d,'%d',1.0,1\n" % (k, k) for k in range(1, 2_000))
    texts = {
        "nothing": b"",
        "blank lines": b"\n" * 100_000 + RAW,
        "digits and a letter": RAW + b"1" * 20_000 + b"x\n0 /\n",
        "many faults": RAW + b"1,'1',x\n" * 3_000,
        "a long identifier": RAW + buses + b"0 /\n0 /\n0 /\n1,'" + MILLION + b"',0\n0 /\nQ\n",
        "an open quote": RAW + b"1,'" + b"\n" * 20_000,
        "commas": RAW + b"," * 200_000,
        "a revision of many digits": b"0, 100.0, " + b"9" * 5_000 + b"\n\n\nQ\n",
    }
    return {name: {"case.raw": text} for name, text in texts.items()}


def _networks() -> dict[str, Files]:
    head = b'{"format": "scopf-network", "version": 1, '
    texts = {
        "deep lists": b"[" * 200_000,
        "deep objects": b'{"a":' * 200_000,
        "deep inside": head + b'"bus": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        "a huge whole number": head + b'"base_mva": ' + b"9" * 4_000 + b"}",
        "more digits than Python takes": head + b'"base_mva": ' + b"9" * 5_000 + b"}",
        "a key twice": b"{" + b"".join(b'"k%d": 1,' % k for k in range(20_000)) + b'"k1": 1}',
        "a long name": head + b'"name": "' + MILLION + b'"}',
        "half a letter": head + b'"name": "\\ud800"}',
        "rows without coefficients": _without_coefficients(),
        "many unknown keys": head + b",".join(b'"k%d": 1' % k for k in range(20_000)) + b"}",
        "a pandapower net": b'{"_module": "pandapower.auxiliary", "_class": "pandapowerNet",'
        b' "_object": {"bus": {"_module": "os", "_class": "system", "_object": "touch run"}}}',
    }
    return {name: {"case.json": text} for name, text in texts.items()}


def _without_coefficients() -> bytes:
    """A network whose reactive costs have no coefficients, and bounds near the largest number."""
    content = json.loads(networks()[1]["case.json"])
    content["gen"] |= {"cost_q": [[], [], []], "qmax": [1e308] * 3}
    return json.dumps(content).encode()


def _inverters() -> dict[str, Files]:
    texts = {
        "nothing": b"",
        "NUL": b"bus,mq\n32,0.1\0\n",
        "two lines in a cell": b'bus,mq\n"3\n2",0.1\n',
        "digits and a letter": b"bus,mq\n1," + b"1" * 20_000 + b"x\n",
        "a long cell": b"bus,mq\n" + MILLION + b",1\n",
        "many columns": b"".join(b"c%d," % k for k in range(20_000)) + b"\n1\n",
        "a wide header": b"c," * 2_000 + b"\n" + b"1\n" * 2_000,
        "many rows": b"bus,mq\n" + b"32,0.1\n" * 5_000,
        "an open quote": b'bus,mq\n"32,0.1\n' + b"\n" * 50_000,
    }
    return {name: {"table.csv": text} for name, text in texts.items()}


def _costs() -> dict[str, Files]:
    points = b" ".join(b"%d:%d" % (k, k) for k in range(60_000))
    texts = {
        "cost points": b"bus,points\n101," + points + b"\n",
        "colons": b"bus,points\n101," + b":" * 100_000 + b"\n",
        "infinite points": b"bus,id,points\n101,1,0:0 inf:1\n",
        "many rows": b"bus,id,c1\n" + b"101,1,2\n" * 5_000,
    }
    return {name: {"costs.csv": text} for name, text in texts.items()}


def _specs() -> dict[str, Files]:
    head = b"case = 'case9'\n"
    many = b"".join(b"[[scenarios]]\nmq_%d = 1.0\n" % k for k in range(4_000))
    axes = b"".join(b"mq_%d = { linspace = [0.1, 1, 1000] }\n" % k for k in range(1_000))
    texts = {
        "no case": b"eta_q = [0, 1]\n",
        "deep lists": head + b"mq = " + b"[" * 5_000,
        "a huge whole number": head + b"mq = " + b"9" * 5_000,
        "a long bus number": head + b"mq_" + b"9" * 5_000 + b" = 0.1",
        "a long case": b"case = '" + b"case9" * 900 + b"'\n",
        "many points": head + b"eta_q = { linspace = [0, 1, 1e12] }\n",
        "infinite points": head + b"eta_q = { geomspace = [0.1, inf, 3] }\n",
        "many scenarios": head + axes,
        "a column for each scenario": head + many,
        "a dotted key": head + b"a" + b".a" * 50_000 + b" = 1",
        "a dotted header": head + b"[a" + b".a" * 50_000 + b"]\nb = 1",
        "a quoted dotted key": head + b'"a" . ' * 20_000 + b"'b' = 1",
        "unknown keys": head + b"".join(b"zz%d = 1\n" % k for k in range(1_000)),
        "a device as case": b"case = '/dev/zero'\n",
        "a URL as case": b"case = 'http://127.0.0.1:9/case.m'\n",
        "a library": head + b"[options]\nhsllib = 'x.so'\n",
    }
    found: dict[str, Files] = {name: {"study.toml": text} for name, text in texts.items()}
    for key in ("load_series", "scenarios", "inverters"):
        for what, name in (
            ("a device", "/dev/zero"), ("a URL", "http://127.0.0.1:9/x.csv"),
            ("a pipe", "x.fifo"), ("a folder", "."), ("nothing", "x.csv"),
        ):  # fmt: skip
            spec: Files = {"study.toml": head + f"{key} = '{name}'\n".encode()}
            pipe: Files = {"x.fifo": b""} if name == "x.fifo" else {}
            found[f"{what} as {key}"] = {**spec, **pipe}
    series = head + b"load_series = 'load_series.csv'\n"
    for what, table in {
        "many columns": b",".join(b"%d" % k for k in range(20_000)) + b"\n",
        "bus numbers of another script": b"step,\xd9\xa1\n1,1.0\n",
        "many steps": b"step,all\n" + b"1,1.0\n" * 15_000,
        "a load that is no number": b"all\n" + b"1" * 20_000 + b"x\n",
    }.items():
        found[f"{what} in load_series"] = {"study.toml": series, "load_series.csv": table}
    return found


def _options() -> dict[str, Files]:
    texts = {
        "nothing": b"",
        "a library": b"hsllib x.so\n",
        "a file": b"output_file x\n",
        "a library in capitals": b"HSLLIB x.so\n",
        "a prefix": b"resto.pardisolib x\n",
        "digits and a letter": b"mu_init " + b"1" * 20_000 + b"x\n",
        "open quotes": b'"' * 100_000,
        "one quote in each line": b'max_iter "\n' * 20_000,
        "blanks": b"max_iter" + b" " * 100_000 + b"\n",
        "a huge whole number": b"max_iter " + b"9" * 5_000,
        "a long name": MILLION + b" 1\n",
        "NUL": b"max_iter\0 3\n",
        "the same many times": b"max_iter 3\n" * 10_000,
    }
    return {name: {"ipopt.opt": text} for name, text in texts.items()}


# -- run folders -----------------------------------------------


def _runs() -> dict[str, Files]:
    first, second, unfinished = run_folders.seeds()
    found: dict[str, Files] = {"an empty folder": {}}

    def journal(name: str, statements: str, *values: Any, of: Files = unfinished) -> None:
        """A journal that is edited."""

        def edit(base: Any) -> None:
            if values:
                base.execute(statements, values)
            else:
                base.executescript(statements)

        content = run_folders.journal(of[run_folders.JOURNAL], edit)
        assert content != of[run_folders.JOURNAL], name
        found[name] = {**of, run_folders.JOURNAL: content}

    def manifest(name: str, change: Callable[[dict[str, Any]], object]) -> None:
        content = json.loads(unfinished[run_folders.MANIFEST])
        change(content)
        found[name] = {**unfinished, run_folders.MANIFEST: json.dumps(content).encode()}

    endless = "WITH RECURSIVE c(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM c) SELECT"
    for name, columns in {
        "scenarios": "x AS scenario, '' AS inputs, '{}' AS row",
        "chains": "x AS chain, x'' AS iterate",
        "about": "x AS key, '1' AS value", "schemas": "x AS key, x'' AS schema",
    }.items():  # fmt: skip
        view = f"DROP TABLE {name}; CREATE VIEW {name} AS {endless} {columns} FROM c;"
        journal(f"an endless view for {name}", view)
    journal(
        "a trigger without end",
        "CREATE TRIGGER t AFTER INSERT ON scenarios BEGIN INSERT INTO about "
        f"SELECT * FROM ({endless} x, x FROM c); END;",
    )
    journal(
        "a trigger that drops what comes",
        "CREATE TRIGGER t BEFORE INSERT ON scenarios BEGIN SELECT RAISE(IGNORE); END;",
    )
    journal(
        "a view of a table",
        "ALTER TABLE scenarios RENAME TO x; CREATE VIEW scenarios AS SELECT * FROM x;",
    )
    journal("deep JSON in a row", "UPDATE scenarios SET row = ?", "[" * 200_000)
    row = '{"status": "optimal", "solved": true, "message": "", "seconds": 9}'
    huge = row.replace("9", "9" * 4_000)
    journal("a huge whole number in a row", "UPDATE scenarios SET row = ?", huge)
    journal("a row of a number", "UPDATE scenarios SET row = 1;")
    bombs = {"unpacks to 256 MB": _bomb(2**25, whole=True)}
    bombs["claims a terabyte"] = _bomb(2**37, whole=False)
    for name, bomb in bombs.items():
        journal(f"an iterate that {name}", "UPDATE chains SET iterate = ?", bomb)
    head = {"signature": "x", "lift": False, "cold": 0, "sizes": [10**12, 0, 0, 0]}
    long = json.dumps(head).encode() + b"\n"
    journal("an iterate of a terabyte", "UPDATE chains SET iterate = ?", long)
    journal("an iterate that is none", "UPDATE chains SET iterate = ?", b"PK")
    journal("a schema that is cut", "UPDATE schemas SET schema = substr(schema, 1, 100);")
    journal("a batch that is cut", "UPDATE tables SET batch = substr(batch, 1, 100);")
    journal("an empty batch", "UPDATE tables SET batch = x'';")
    journal("a column more", "ALTER TABLE about ADD x;")
    unsolved = json.dumps({"status": "failed", "solved": False, "message": "", "seconds": 1})
    journal("a row without its solution", "UPDATE scenarios SET row = ?", unsolved)
    wide = unsolved.replace("1", str(10**30)).replace("seconds", "iterations")
    journal(
        "a whole number of 100 bits", "UPDATE scenarios SET row = ?", wide[:-1] + ', "seconds": 1}'
    )
    journal("a scenario far away", "UPDATE scenarios SET scenario = 1000000 WHERE scenario = 1;")
    found["a folder with another's journal"] = {**first, "results.sqlite": second["results.sqlite"]}
    found["a folder with another's table"] = {
        **first, "scenarios.parquet": second["scenarios.parquet"],
    }  # fmt: skip
    for name, table in {"five million rows": _parquet(), "other types": _retyped(first)}.items():
        found[f"a table of {name}"] = {**first, "scenarios.parquet": table}
        found[f"a signed table of {name}"] = run_folders.signed(found[f"a table of {name}"])
    deep = b'{"format": 2, "x": ' + b"[" * 200_000
    found["a manifest of deep lists"] = {**unfinished, "manifest.json": deep}
    manifest("a huge whole number in a manifest", lambda m: m.update(scenarios=10**400))
    manifest("a time that is none", lambda m: m["runs"][0].update(seconds={}))
    manifest("a manifest of a device", lambda m: m["spec"]["settings"].update(case="/dev/zero"))
    manifest("a manifest of a library",
             lambda m: m["spec"]["settings"].update(options={"hsllib": "x.so"}))  # fmt: skip
    manifest("a manifest of very many scenarios", lambda m: m["spec"].update(
        axes=[{"columns": [f"mq_{k}"], "rows": [[0.1 + j] for j in range(40)]} for k in range(9)]
    ))  # fmt: skip
    return found


def _bomb(count: int, *, whole: bool) -> bytes:
    """A file of arrays as `packed` makes it, with so many zeros in one of them, or without them."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as parts:
        for name in ("signature", "lift", "cold", "rows", "lower", "upper", "x"):
            shape = f"({count},)" if name == "x" else "()"
            text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
            text = text.ljust(117) + "\n"
            with parts.open(f"{name}.npy", "w") as part:
                part.write(b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode())
                for _ in range(count // 2**20 if whole and name == "x" else 1):
                    part.write(b"\0" * (8 * 2**20 if name == "x" else 8))
    return file.getvalue()


def _retyped(run: Files) -> bytes:
    """A table whose types, as pandas keeps them, are left out."""
    from pyarrow import parquet

    table = parquet.read_table(io.BytesIO(run["scenarios.parquet"]))
    text = table.schema.metadata[b"pandas"].replace(b"numpy_type", b"x")
    file = io.BytesIO()
    parquet.write_table(table.replace_schema_metadata({b"pandas": text}), file)
    return file.getvalue()


def _parquet() -> bytes:
    """A table of five million rows in a small file."""
    import pyarrow as pa
    from pyarrow import parquet

    file, column = io.BytesIO(), pa.array([0], pa.int64()).take(pa.array([0] * 1_000_000))
    table = pa.table({"scenario": column})
    with parquet.ParquetWriter(file, table.schema) as writer:
        for _ in range(5):
            writer.write_table(table)
    return file.getvalue()


_OF: dict[str, Callable[[], dict[str, Files]]] = {
    "case": _cases, "raw": _raws, "network": _networks, "inverters": _inverters, "costs": _costs,
    "spec": _specs, "options": _options, "run": _runs,
}  # fmt: skip
