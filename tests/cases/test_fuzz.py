"""Spoilt input: a valid result or one ScopfError. `python -m benchmarks.fuzz` tries more of it."""

import argparse
import dataclasses
import logging

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import scopf
from benchmarks import fuzz
from benchmarks.accounts import uncommented
from benchmarks.fuzz_targets import READERS, outcome, reader_of
from scopf.cases import bundled

SEED = 7
INPUTS = {
    "case": 600, "raw": 350, "network": 480, "inverters": 400, "costs": 200, "spec": 450,
    "dynamics": 120, "options": 370, "net": 70, "run": 80,
}  # fmt: skip
TEXTS = {"case": "case.m", "raw": "case.raw", "network": "case.json", "inverters": "table.csv"}
TEXTS |= {
    "costs": "costs.csv",
    "spec": "study.toml",
    "options": "ipopt.opt",
    "dynamics": "case.dyr",
}


@pytest.fixture(scope="module", params=READERS)
def reader(request):
    return request.param, reader_of(request.param)


@pytest.fixture
def quiet():
    """Without the warnings of content that is ignored, thousands of them."""
    log = logging.getLogger("scopf")
    before = log.level
    log.setLevel(logging.CRITICAL)
    yield
    log.setLevel(before)


@pytest.mark.usefixtures("quiet")
def test_spoilt_input_is_read_or_refused(reader):
    name, its = reader
    found = {number: fuzz.tried(its, SEED, number)[0] for number in range(INPUTS[name])}
    bad = {number: what for number, what in found.items() if what not in fuzz.GOOD}
    assert not bad, f"python -m benchmarks.fuzz --readers {name} --seed {SEED} --only ..."
    assert set(found.values()) == set(fuzz.GOOD)


def test_what_is_not_spoilt_is_accepted(reader):
    for seed in reader[1].seeds:
        assert outcome(reader[1], seed, False)[0] == "accepted"


@pytest.mark.usefixtures("quiet")
def test_what_broke_a_reader_before_is_read_or_refused(reader):
    its = reader[1]
    for what, spoilt in its.corpus.items():
        assert outcome(its, spoilt, True)[0] in fuzz.GOOD, what


def test_an_input_can_be_made_again(reader):
    name, its = reader
    if name != "net":  # objects, which do not compare
        assert fuzz.made(its, SEED, 5) == fuzz.made(its, SEED, 5)
        made = [fuzz.made(its, seed, number) for seed in (1, 2) for number in range(9)]
        assert sum(a == b for a in made for b in made) < 2 * len(made)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda: 1 / 0, "raised ZeroDivisionError"),
        (lambda: np.log(np.array(-1.0)), "raised RuntimeWarning"),
        (lambda: bytearray(2**40), "raised MemoryError"),
        (lambda: [None for _ in iter(int, 1)], "longer than 0.1 s"),
        (lambda: (_ for _ in ()).throw(AssertionError("lost")), "wrong: lost"),
        (lambda: (_ for _ in ()).throw(scopf.CaseError("x", [])), "refused without a reason"),
    ],
    ids=range(6),
)
def test_a_fault_is_noticed(fault, words, monkeypatch):
    monkeypatch.setattr("benchmarks.fuzz_targets.LATE", 0.1)
    its = dataclasses.replace(reader_of("options"), read=lambda *_: fault())
    assert outcome(its, its.seeds[0], False)[0].startswith(words)


def test_a_process_that_ends_is_a_fault():
    given = argparse.Namespace(first=0, inputs=1, seed=1, workers=1, data=())
    assert [*fuzz.results(given, "of nothing")] == [(0, "the process ended, 1", 0.0)]


@settings(max_examples=100, deadline=None)
@given(text=st.binary(max_size=300))
@example(b"")
@example(b"\x00")
@example(b"\xef\xbb\xbf")
def test_any_bytes_are_read_or_refused(text):
    for name, file in TEXTS.items():
        assert read(name, text) in fuzz.GOOD, file


def read(name, text, ignore=True):
    """What becomes of a text."""
    return outcome(reader_of(name), {TEXTS[name]: text}, ignore)[0]


CELL = st.one_of(
    st.floats(width=64).map(repr),
    st.integers().map(str),
    st.sampled_from(["Inf", "-Inf", "NaN", "", "x", "1_0", "'a'", "1 2", "-", "1e999"]),
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_cell_of_a_case_may_be_anything(data):
    text = bundled.entries()["case9"].path.read_text(encoding="utf-8")
    lines = text.split("\n")
    rows = [k for k, line in enumerate(lines) if line.startswith("\t")]
    for _ in range(data.draw(st.integers(1, 3))):
        k = data.draw(st.sampled_from(rows))
        cells = lines[k].strip("\t;").split("\t")
        cells[data.draw(st.integers(0, len(cells) - 1))] = data.draw(CELL)
        lines[k] = "\t" + "\t".join(cells) + ";"
    assert read("case", "\n".join(lines).encode(), False) in fuzz.GOOD


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_field_of_a_raw_file_may_be_anything(data):
    seed = data.draw(st.sampled_from(reader_of("raw").seeds))
    lines = seed["case.raw"].decode("latin-1").split("\n")
    for _ in range(data.draw(st.integers(1, 3))):
        k = data.draw(st.integers(0, len(lines) - 1))
        cells = lines[k].split(",")
        cells[data.draw(st.integers(0, len(cells) - 1))] = data.draw(CELL)
        lines[k] = ",".join(cells)
    assert read("raw", "\n".join(lines).encode(), False) in fuzz.GOOD


@settings(max_examples=150, deadline=None)
@given(
    header=st.lists(st.sampled_from(["bus", "gen", "mq", "rating_mva", "inverter", "x", ""])),
    rows=st.lists(st.lists(st.one_of(CELL, st.sampled_from(["30", "32", "1", "0"])), max_size=4)),
)
def test_any_table_of_inverters_may_be_anything(header, rows):
    text = "\n".join(",".join(row) for row in [header, *rows])
    assert read("inverters", text.encode(), False) in fuzz.GOOD


def test_the_account_knows_comments_quotes_and_continuations():
    text = "a % b\n%{\nc\n%{\nd\n%}\ne\n%}\nf '%' g ... h\ni \"% j\n"
    assert uncommented(text).split() == ["a", "f", "'_'", "g", "i", '"']


# -- what was found -----------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("eta_q = [0, 1]\n", "which case?"),
        ("case = 'case9'\nmq = {}\n", "mq.*empty table"),
        ("case = 'case9'\nmq = 0.1\r", "is not TOML"),
        ("case = 'case9'\nmq = " + "[" * 5000, "is not TOML"),
        ("case = 'case9'\nmq = " + "9" * 5000, "is not TOML"),
        ("case = 'case9'\nmq_" + "9" * 5000 + " = 0.1", "mq_999"),
        ("case = '" + "case9" * 900 + "'\n", "neither a file nor"),
        ("case = 'case9'\neta_q = { linspace = [0, 1, 1e12] }\n", "more than 1,000,000 points"),
        ("case = 'case9'\neta_q = { geomspace = [0.1, inf, 3] }\n", "eta_q"),
        (
            "case = 'case9'\neta_q = { linspace = [0, 1, 2000] }\n"
            "alpha = { linspace = [1, 2, 3000] }\n",
            r"2,000 \(eta_q\) x 3,000 \(alpha\) = 6,000,000 scenarios",
        ),
    ],
    ids=range(10),
)
def test_a_spec_is_refused_with_a_sentence(tmp_path, text, words):
    path = tmp_path / "spec.toml"
    path.write_bytes(text.encode())
    with pytest.raises(scopf.CaseError, match=words):
        scopf.sweep(path)


def spoilt(tmp_path, old, new, **keywords):
    text = bundled.entries()["case9"].path.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "case.m"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return scopf.load_case(path, **keywords)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("mpc.baseMVA = 100", "mpc.baseMVA = 1_00", "baseMVA.*`1_00`"),
        ("0.0576", "5_7", "`5_7` in BR_X is not a number"),
        ("0.0576", "\u0661\u0662", "in BR_X is not a number"),
        ("0.0576", "Infinity", "`Infinity` in BR_X is not a number"),
        ("mpc.gen = [", "mpc.gen = [ {\n", "gen row 1: has 1 columns"),
        ("mpc.gen = [", "%{\nmpc.gen = [", "a block comment, %{, is not closed"),
        ("mpc.gen = [", "%{\n%{\n%}\nmpc.gen = [", "a block comment, %{, is not closed"),
    ],
)
def test_what_only_looks_like_matlab_is_refused(tmp_path, old, new, said):
    with pytest.raises(scopf.CaseError, match=said):
        spoilt(tmp_path, old, new)


def test_block_comments_may_hold_others(tmp_path):
    block = "%{\nmpc.bus = 1;\n %{\nnothing\n%} \nmpc.gen = 2;\n%}\nmpc.gen = ["
    assert spoilt(tmp_path, "mpc.gen = [", block) == scopf.load_case("case9")


def test_many_open_comments_take_no_time(tmp_path):
    path = tmp_path / "case.m"
    path.write_text("%{\n" * 200_000)
    with pytest.raises(scopf.CaseError, match="not closed"):
        scopf.load_case(path)


def test_many_faults_take_no_time(tmp_path):
    text = bundled.entries()["case9"].path.read_text(encoding="utf-8")
    path = tmp_path / "case.m"
    path.write_text(text.replace("mpc.bus = [", "mpc.bus = [" + "\nx 1 0 0 0 0 1 1" * 30_000))
    with pytest.raises(scopf.CaseError) as caught:
        scopf.load_case(path)
    assert len(caught.value.faults) > 30_000


def test_what_follows_the_function_in_its_line_is_not_dropped(tmp_path):
    head = "function mpc = case9"
    with pytest.raises(scopf.CaseError, match=r"mpc.baseMVA: is assigned twice"):
        spoilt(tmp_path, head, f"{head}; mpc.baseMVA = 50;")
    with pytest.raises(scopf.CaseError, match=r"`function mpc = case9.gen = \[\];` is not a data"):
        spoilt(tmp_path, head, f"{head}.gen = [];")
    for other in (
        "function [mpc, x] = other(x),",
        "function mpc = a-b.c d",
        "function",
        f"{head};",
    ):
        assert spoilt(tmp_path, head, other) == scopf.load_case("case9")


def test_a_table_with_nul_characters_is_refused(tmp_path):
    path = tmp_path / "inverters.csv"
    path.write_bytes(b"bus,mq\n32,0.1\x00\n")
    with pytest.raises(scopf.CaseError, match="NUL"):
        scopf.Inverters.at_generators(scopf.load_case("case39"), table=path)


def test_a_quoted_cell_of_two_lines_is_no_number(tmp_path):
    path = tmp_path / "inverters.csv"
    path.write_text('bus,mq\n"3\n2",0.1\n')
    with pytest.raises(scopf.CaseError, match="is not a number"):
        scopf.Inverters.at_generators(scopf.load_case("case39"), table=path)


def test_coefficients_beyond_their_number_are_not_dropped_silently(tmp_path, caplog):
    row = "2\t0\t0\t3\t0.11\t5\t150"
    assert row in bundled.entries()["case9"].path.read_text(encoding="utf-8")
    new = row.replace("\t3\t", "\t2\t", 1)
    with pytest.raises(scopf.CaseError, match=r"gencost row 1: has coefficients .* beyond the 2"):
        spoilt(tmp_path, row, new)
    net = spoilt(tmp_path, row, new, ignore_unsupported=True)
    assert "beyond the 2" in caplog.text
    assert net.gen.cost_p[0].tolist() == [5.0, 11.0, 0.0]


def test_an_area_that_is_no_number_does_no_harm(tmp_path):
    row = "\t1\t3\t0\t0\t0\t0\t1\t"
    assert spoilt(tmp_path, row, row[:-2] + "1e300\t").bus.area[0] == 0


def test_a_column_that_occurs_twice_is_a_fault(tmp_path):
    path = tmp_path / "inverters.csv"
    path.write_text("bus,mq,mq,bus\n32,0.1,0.2,33\n")
    with pytest.raises(scopf.CaseError, match="column mq, bus occurs twice"):
        scopf.Inverters.at_generators(scopf.load_case("case39"), table=path)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "", "."])
def test_a_name_that_no_file_can_have_is_refused(name):
    with pytest.raises(scopf.CaseError):
        scopf.load_case(name)
    with pytest.raises(scopf.CaseError):
        scopf.Inverters.at_generators(scopf.load_case("case9"), table=name)
