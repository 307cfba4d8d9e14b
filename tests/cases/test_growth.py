"""Hostile files take what their size asks for: four times the text, about four times of everything.

Each entry is a file that once took time or memory out of all proportion. Time is the CPU's, memory
the peak of tracemalloc, and only the ratio of two sizes is asserted.
"""

import contextlib
import json
import time
import tracemalloc

import numpy as np
import pytest

import scopf
from scopf.cases import bundled, native
from scopf.optimizer import option_file

TIMES = 8  # four times the size may take this much
CASE9 = bundled.entries()["case9"].path.read_text(encoding="utf-8")
HEAD = "function mpc = c\nmpc.version = '2';\nmpc.baseMVA = 100;\n"
RAW = "0, 100.0, 33, 0, 1, 60.0 / x\n\n\n"
NINE = scopf.load_case("case9")


def m(text):
    return "case.m", text


def spec(text, more=""):
    return "spec.toml", f"case = 'case9'\n{text}\n{more}"


def many(n, line):
    return "".join(line.format(k) for k in range(1, n + 1))


def table(n, head, row):
    """A .m file whose matrix `head` has n rows."""
    return m(f"{HEAD}mpc.{head} = [\n{many(n, row + chr(10))}];\n")


def buses(n, name=""):
    """A .m file of n buses in a ring, the last with a name of its own."""
    rows = many(n, "{0} 1 0 0 0 0 1 1 0 1 1 1.1 0.9\n").replace("1 1 0", "1 3 0", 1)
    lines = "".join(f"{k + 1} {(k + 1) % n + 1} 0 1 0 0 0 0 0 0 1 0 0\n" for k in range(n))
    names = "'';" * (n - 1) + f"'{name}'"
    return m(
        f"{HEAD}mpc.bus = [{rows}];\nmpc.gen = [1 0 0 1 -1 1 100 1 9 0];\nmpc.branch = [{lines}];\n"
        f"mpc.gencost = [2 0 0 1 0];\nmpc.bus_name = {{{names}}};\n"
    )


def islands(n):
    return buses(n)[1].replace("mpc.branch = [", "mpc.branch = [];\nmpc.areas = [")


def uneven(n):
    """Rows of all lengths, of about n cells together."""
    return "".join("1 " * k + ";" for k in range(int((2 * n) ** 0.5)))


def repeated_gens(n, points):
    """A network of n generators, one with so many cost points."""
    net = scopf.load_case("case9")
    columns = {name: np.resize(c, (n, *c.shape[1:])) for name, c in vars(net.gen).items()}
    content = {
        "format": native.FORMAT, "version": native.VERSION, "name": "x", "base_mva": 100.0,
        **{
            key: {name: native._nested(column) for name, column in vars(value).items()}
            for key, value in net.tables.items()
        },
    }  # fmt: skip
    content["gen"] = {name: native._nested(column) for name, column in columns.items()}
    content["gen"]["id"] = list(range(1, n + 1))
    content["gen"]["cost_p"] = [[0.0, 0.0, 0.0]] * n
    content["gen"]["cost_p_points"] = [[]] * (n - 1) + [[[k, k * k] for k in range(points)]]
    return "net.json", json.dumps(content)


def corrected(tables, transformers=1):
    """A .raw file of revision 34 with impedance correction tables and as many transformers."""
    each = f"1,2,0,'{{0}}',1\n0,0.1,100\n1.0{',' * 23}{{0}}\n1.0\n"
    return (
        "0, 100.0, 34 /\n\n\n0 /\n1,'a',1.0,3\n2,'b',1.0,1\n0 /\n0 /\n0 /\n1,'1'\n0 /\n0 /\n0 /\n"
        + "".join(each.replace("{0}", str(k + 1)) for k in range(transformers))
        + f"0 /\n0 /\n0 /\n0 /\n{tables}0 /\nQ\n"
    )


TIME = {
    "blanks before brackets": (200, lambda n: m(f"{HEAD}mpc.x ={' ' * n}[[\n")),
    "blanks after a function": (2_000, lambda n: m(f"function a{' ' * n}(\n")),
    "equals and blanks after a function": (1_000, lambda n: m(f"function a{' ' * n}={' ' * n}(\n")),
    "dots": (5_000, lambda n: m("." * n)),
    "computations, then tables": (
        1_000, lambda n: m(many(n, "x{0} = 1;\n") + "mpc.bus = 1;\n" * n),
    ),
    "blocks that a zero turns off": (500, lambda n: m("x = 0;\n" + "if x\n" * n)),
    "blocks with alternatives": (
        500, lambda n: m("x = 0;\n" + "if x\n" * n + "else\nend\n" * n),
    ),
    "brackets that are not closed": (500, lambda n: m("mpc.x = [(\n" * n)),
    "nested brackets of other tables": (500, lambda n: m(f"mpc.x = {'{' * n}1{'}' * n};\n")),
    "fields of another struct": (500, lambda n: m(many(n, "ppc.bus{0} = [1];\n") + "ppc.bus =")),
    "arithmetic in cells": (500, lambda n: table(n, "bus", "{0}/3 1 sqrt( 4 ) + 1")),
    "brackets in a cell": (500, lambda n: table(9, "bus", "(" * n + "1" + ")" * n)),
    "blanks in a row": (500, lambda n: table(9, "bus", "1 /" + " " * n + "2")),
    "words of version 1": (
        500, lambda n: m(f"function [baseMVA, bus, gen, branch] = f\n{'bus ' * n}\n" * 2),
    ),
    "numbers that a file names": (4_000, lambda n: m(many(n, "x{0} = 1;\n"))),
    "islands": (10_000, lambda n: m(islands(n))),
    "blank lines before a .raw file": (10_000, lambda n: ("case.raw", "\n" * n + RAW)),
    "a number of a .raw file that is none": (
        1_000, lambda n: ("case.raw", f"{RAW}{'1' * n}x\n0 /\n"),
    ),
    "quotes in a name of a .raw file": (
        3_000, lambda n: ("case.raw", RAW + "1,'" + "'a" * n + "' a" * n + "\n0 /\n"),
    ),
    "a .raw file without a revision": (
        500, lambda n: ("case.raw", "0, 100.0 /\n\n\n" + many(n, "{0},'a',1.0,1\n0 /\n")),
    ),
    "a long impedance correction table": (
        500, lambda n: ("case.raw", corrected("1\n" + many(n, "{0}.5,1.0,0.0\n"))),
    ),
    "many impedance correction tables": (
        100, lambda n: ("case.raw", corrected(many(n, "{0},0.9,1.0,0.0,1.1,1.0,0.0\n"), n)),
    ),
    "a number of a table that is none": (1_000, lambda n: ("t.csv", f"bus,mq\n1,{'1' * n}x\n")),
    "a number of an option that is none": (
        2_000, lambda n: ("ipopt.opt", f"mu_init {'1' * n}x\n"),
    ),
    "columns of a table": (3_000, lambda n: ("t.csv", f"{many(n, 'c{0},')}\n1\n")),
    "a key twice in JSON": (
        500, lambda n: ("net.json", "{" + many(n, '"k{0}": 1,') + f'"k{n}": 1' + "}"),
    ),
    "unknown keys of a spec": (100, lambda n: spec(many(n, "zz{0} = 1\n"))),
    "unknown columns of scenarios": (
        100, lambda n: spec(many(n, "[[scenarios]]\nzz{0} = 1\n")),
    ),
    "a blank line of an array in a spec": (
        100, lambda n: spec(f"x = [\n[{' ' * n}\n1]]"),
    ),
    "columns of a spec": (500, lambda n: spec("combine = 'zip'\n" + many(n, "mq_{0} = 1.0\n"))),
    "dotted key": (1_000, lambda n: spec("a" + ".a" * n + " = 1")),
    "dotted header": (2_000, lambda n: spec("[a" + ".a" * n + "]\nb = 1")),
    "quoted dotted key": (1_000, lambda n: spec('"a" . ' * n + "'b' = 1")),
}  # fmt: skip

MEMORY = {
    "one long name": (200, lambda n: buses(n, "x" * (50 * n))),
    "one long identifier": (
        100,
        lambda n: (
            "case.raw",
            RAW + many(n, "{0},'{0}',1.0,1\n") + "0 /\n0 /\n0 /\n"
            + many(n, "{0},'1',0\n") + f"1,'{'x' * (50 * n)}',0\n0 /\n0 /\n0 /\nQ\n",
        ),
    ),
    "points of one generator": (300, lambda n: repeated_gens(n, 27 * n)),
    "a wide header": (1_500, lambda n: ("t.csv", f"{'c,' * n}\n" + "1\n" * n)),
    "rows of all lengths": (
        40_000,
        lambda n: m(
            f"{HEAD}mpc.bus = [{uneven(n)}{('1 ' * n + ';') * 2}];"
        ),
    ),
    "a column of its own for each scenario": (
        1_000, lambda n: spec(many(n, "[[scenarios]]\nmq_{0} = 1.0\n")),
    ),
    "columns zipped with a long one": (
        100,
        lambda n: spec(
            f"combine = 'zip'\neta_q = {{ linspace = [0, 1, {n * 200}] }}\n"
            + many(n, "mq_{0} = 1.0\n")
        ),
    ),
    "axes of many points": (
        1,
        lambda n: spec(
            "".join(f"mq_{k} = {{ linspace = [0.1, 1, {2000 * n}] }}\n" for k in range(10 * n))
        ),
    ),
    "dotted key": (1_000, lambda n: spec("a" + ".a" * n + " = 1")),
}  # fmt: skip


def reader(path):
    if path.suffix == ".toml":
        return lambda: scopf.sweep(path)
    if path.suffix == ".opt":
        return lambda: option_file.read(path)
    if path.suffix == ".csv":
        return lambda: scopf.Inverters.at_generators(NINE, table=path)
    return lambda: scopf.load_case(path)


def made(folder, number, make):
    folder = folder / str(number)
    folder.mkdir()
    name, text = make(number)
    (folder / name).write_text(text, encoding="utf-8")
    return reader(folder / name)


def seconds(read):
    """CPU time of one reading."""
    began = time.process_time()
    with contextlib.suppress(scopf.CaseError):
        read()
    return time.process_time() - began


def peak(read):
    """Bytes that one reading takes at most."""
    tracemalloc.start()
    try:
        with contextlib.suppress(scopf.CaseError):
            read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", TIME)
def test_time_grows_as_the_file_does(name, tmp_path):
    size, make = TIME[name]
    small, large = (made(tmp_path, n, make) for n in (size, 4 * size))
    seconds(small)
    times = [(seconds(small), seconds(large)) for _ in range(3)]
    assert min(b for _, b in times) < TIMES * min(a for a, _ in times)


@pytest.mark.parametrize("name", MEMORY)
def test_memory_grows_as_the_file_does(name, tmp_path):
    size, make = MEMORY[name]
    small, large = (made(tmp_path, n, make) for n in (size, 4 * size))
    seconds(small)
    assert peak(large) < TIMES * peak(small)


# -- what is bounded says so -----------------------------------------------


def refused(folder, name, text):
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(scopf.CaseError) as caught:
        reader(folder / name)()
    return str(caught.value)


def test_a_cost_of_very_many_points_is_refused_unless_all_have_many(tmp_path):
    said = refused(tmp_path, *repeated_gens(300, 8_000))
    assert "8,000 points are too many for one cost in a table of 300 rows" in said
    name, text = repeated_gens(3, 8_000)
    (tmp_path / name).write_text(text)
    assert scopf.load_case(tmp_path / name).gen.cost_p_points.shape == (3, 8_000, 2)


def test_points_of_costs_beside_a_raw_file(tmp_path):
    rows = "".join(f"{k},'{k}',1.0,3\n" for k in range(1, 501))
    gens = "".join(f"{k},'1',0\n" for k in range(1, 501))
    branches = "".join(f"{k},{k + 1},'1',0,1\n" for k in range(1, 500))
    raw = f"{RAW}{rows}0 /\n0 /\n0 /\n{gens}0 /\n{branches}0 /\nQ\n"
    points = " ".join(f"{k}:{k}" for k in range(9_999))
    (tmp_path / "case.costs.csv").write_text(f"bus,points\n1,{points}\n")
    said = refused(tmp_path, "case.raw", raw)
    assert "case.costs.csv: 9,999 points are too many for one cost in a table of 500 rows" in said


def test_tables_far_larger_than_what_is_written_are_refused(tmp_path):
    said = refused(tmp_path, "t.csv", f"{'c,' * 2000}\n" + "1\n" * 2000)
    assert "the header has 2,001 columns, and 2,000 rows have hardly any of them" in said
    said = refused(tmp_path, *m(f"{HEAD}mpc.bus = [{uneven(100_000)}{('1 ' * 9000 + ';') * 2}];"))
    assert "bus: has 448 rows of 1 to 9000 columns; they must have the same number" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            many(4_000, "[[scenarios]]\nmq_{0} = 1.0\n"),
            "4,000 scenarios with values in 4,000 columns are too many",
        ),
        (
            "combine = 'zip'\neta_q = { linspace = [0, 1, 900000] }\n" + many(20, "mq_{0} = 1\n"),
            "900,000 scenarios with values in 21 columns are too many",
        ),
        (
            "".join(f"mq_{k} = {{ linspace = [0.1, 1, 1000] }}\n" for k in range(2000)),
            "more than 1,000,000,000,000,000 scenarios, and a sweep has 1,000,000 at most",
        ),
    ],
    ids=["table", "zip", "grid"],
)
def test_specs_of_far_more_than_is_written_are_refused(tmp_path, text, words):
    assert words in refused(tmp_path, *spec(text))


def test_a_file_computes_a_thousand_statements_at_most(tmp_path):
    lines = "mpc.bus(:, PD) = mpc.bus(:, PD) * 1;\n"
    (tmp_path / "case9.m").write_text(CASE9 + lines * 1000)
    assert scopf.load_case(tmp_path / "case9.m") == NINE
    assert "is not a data statement" in refused(tmp_path, *m(CASE9 + lines * 1001))


def test_names_of_any_length_come_back(tmp_path):
    long = "x" * 100_000
    net = NINE.replace(bus={"name": [long, "\u00e9", *[""] * 7]})
    for name in ("net.json", "net.m"):
        scopf.save_case(net, tmp_path / name)
        assert scopf.load_case(tmp_path / name) == net
    assert net.bus.name[0] == long
    assert isinstance(net.bus.name[1], str)
