"""MATPOWER files: what is read, what is written back, and what is said about a bad file."""

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scopf
from scopf.cases import bundled, mwriter

pytestmark = pytest.mark.core

CASE = {
    "version": "'2'",
    "baseMVA": "100",
    "bus": [
        "10 3  0  0 0  0 1 1 0 345 1 1.1 0.9",
        "20 1 90 30 2 19 1 1 0 345 1 1.1 0.9",
        " 5 2 10  5 0  0 1 1 0 345 1 1.1 0.9",
    ],
    "gen": [
        "10 50 0 300 -300 1 100 1 250 10",
        " 5 40 0 200 -200 1  80 1 120  0",
    ],
    "branch": [
        "10 20 0.01 0.1 0.2 250 0 0 0    0  1 -360 360",
        "20  5 0.02 0.2 0     0 0 0 0.95 30 1  -30  45",
        " 5 10 0.03 0.3 0.1 100 0 0 0    0  1    0   0",
    ],
    "gencost": [
        "2 0 0 3 0.11 5 150",
        "2 0 0 3 0.2  4 100",
    ],
}


BRANCH = "mpc.branch = [" + "; ".join(CASE["branch"]) + "];"


def case_text(*, end="", **changes):
    """The three-bus case with other tables: rows, raw text, or None to leave one out."""
    lines = ["function mpc = small"]
    for key, body in {**CASE, **changes}.items():
        if isinstance(body, list):
            body = "[\n" + "".join(f"{row};\n" for row in body) + "]"
        if body is not None:
            lines.append(f"mpc.{key} = {body};")
    return "\n".join([*lines, end])


def with_row(table, row, new):
    """Rows of a table of the case with one replaced; row counts from 1, one beyond adds."""
    rows = CASE[table].copy()
    rows[row - 1 : row] = [new]
    return {table: rows}


def edited(table, row, column, cell):
    cells = CASE[table][row - 1].split()
    cells[column] = cell
    return with_row(table, row, " ".join(cells))


@pytest.fixture
def read(tmp_path):
    def read(text, **keywords):
        path = tmp_path / "small.m"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return scopf.load_case(path, **keywords)

    return read


@pytest.fixture
def faults(read):
    def faults(text):
        with pytest.raises(scopf.CaseError) as caught:
            read(text)
        for fault in caught.value.faults[: scopf.CaseError.shown]:
            assert str(fault) in str(caught.value)
        return caught.value.faults

    return faults


# -- reading ---------------------------------------------------


def test_numbers_become_per_unit_and_radians(read):
    net = read(case_text())
    assert net.name == "small"
    assert net.base_mva == 100
    assert net.bus.id.tolist() == [10, 20, 5]
    assert net.bus.pd == pytest.approx([0, 0.9, 0.1])
    assert net.bus.qd == pytest.approx([0, 0.3, 0.05])
    assert net.bus.gs + 1j * net.bus.bs == pytest.approx([0, 0.02 + 0.19j, 0])
    assert net.gen.bus.tolist() == [10, 5]
    assert net.gen.pmax == pytest.approx([2.5, 1.2])
    assert net.gen.qmin == pytest.approx([-3, -2])
    assert net.gen.mbase.tolist() == [100, 80]
    assert net.branch.b.tolist() == [0.2, 0, 0.1]
    assert net.branch.rate.tolist() == [2.5, np.inf, 1]
    assert net.branch.tap.tolist() == [1, 0.95, 1]
    assert np.degrees(net.branch.shift) == pytest.approx([0, 30, 0])
    assert np.degrees(net.branch.angmin) == pytest.approx([-np.inf, -30, -np.inf])
    assert np.degrees(net.branch.angmax) == pytest.approx([np.inf, 45, np.inf])
    assert net.gen.cost_p == pytest.approx(np.array([[150, 500, 1100], [100, 400, 2000]]))
    assert not net.gen.cost_q.any()


def test_a_branch_table_without_angle_limits_has_none(read):
    net = read(case_text(branch=[" ".join(row.split()[:11]) for row in CASE["branch"]]))
    assert np.isinf(net.branch.angmin).all()
    assert np.isinf(net.branch.angmax).all()


def test_an_angle_limit_of_zero_is_none_only_when_both_are_zero(read):
    """MATPOWER's makeAang: a zero beside a limit is a limit; beyond 360 degrees there is none."""
    rows = [row.split() for row in CASE["branch"]]
    for row, limits in zip(rows, (["0", "30"], ["-400", "0"], ["0", "0"]), strict=True):
        row[11:] = limits
    branch = read(case_text(branch=[" ".join(row) for row in rows])).branch
    assert np.degrees(branch.angmin) == pytest.approx([0, -np.inf, -np.inf])
    assert np.degrees(branch.angmax) == pytest.approx([30, 0, np.inf])


def test_bus_numbers_may_be_anything_in_any_order(tmp_path):
    net = scopf.load_case("case14")
    number = dict(zip(net.bus.id.tolist(), [7 * (14 - k) ** 5 + 3 for k in range(14)], strict=True))

    def renumbered(ids):
        return [number[i] for i in ids.tolist()]

    other = net.replace(
        bus={"id": renumbered(net.bus.id)},
        gen={"bus": renumbered(net.gen.bus)},
        branch={k: renumbered(getattr(net.branch, k)) for k in ("from_bus", "to_bus")},
    )
    mwriter.write(other, tmp_path / "other.m")
    again = scopf.load_case(tmp_path / "other.m")
    assert again.bus.id.tolist() == list(number.values())
    assert again.gen_at.tolist() == net.gen_at.tolist()
    assert abs(again.ybus() - net.ybus()).max() == 0


def test_several_generators_may_sit_on_one_bus(read):
    gens, costs = [*CASE["gen"], CASE["gen"][0]], [*CASE["gencost"], "2 0 0 3 0.3 6 0"]
    net = read(case_text(gen=gens, gencost=costs))
    assert net.gen.id.tolist() == [1, 2, 3]
    assert net.gen.bus.tolist() == [10, 5, 10]
    assert net.gen.cost_p[2] == pytest.approx([0, 600, 3000])


def test_what_is_out_of_service_is_kept_and_then_dropped_by_energized(read):
    net = read(
        case_text(
            bus=[*CASE["bus"], "30 4 7 1 0 0 1 1 0 345 1 1.1 0.9"],
            gen=[*CASE["gen"], "20 1 0 9 -9 1 100 0 9 0", "30 1 0 9 -9 1 100 1 9 0"],
            gencost=CASE["gencost"] * 2,
            branch=[
                "20 30 0 0.1 0 0 0 0 0 0 1 0 0",  # in service, but at the isolated bus
                *CASE["branch"],
                "10 20 0 0 0 0 0 0 0 0 0 0 0",  # r = x = 0 does no harm out of service
            ],
        )
    )
    assert net.bus.id.tolist() == [10, 20, 5, 30]
    assert net.gen.in_service.tolist() == [True, True, False, True]
    assert net.branch.in_service.tolist() == [True] * 4 + [False]
    live = net.energized()
    assert live.bus.id.tolist() == [10, 20, 5]
    assert live.gen.id.tolist() == [1, 2]
    assert live.branch.id.tolist() == [2, 3, 4]
    assert live.energized() is live
    assert np.isfinite(net.ybus().toarray()).all()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("2 0 0 1 150 0 0", [150]),
        ("2 0 0 2 5 150 0", [150, 5]),
        ("2 0 0 3 0.11 5 150", [150, 5, 0.11]),
        ("2 1500 20 4 0.001 0.11 5 150", [150, 5, 0.11, 0.001]),
    ],
)
def test_polynomial_costs_of_any_order_are_read_highest_power_first(read, row, expected):
    width = len(row.split())
    other = "2 0 0 1 7 " + "0 " * (width - 5)
    cost = read(case_text(gencost=[row, other])).gen.cost_p
    expected = np.pad(np.array(expected, float), (0, cost.shape[1] - len(expected)))
    assert cost[0] / 100.0 ** np.arange(cost.shape[1]) == pytest.approx(expected)
    assert cost[1].tolist() == [7, *[0] * (cost.shape[1] - 1)]


def test_reactive_costs_are_the_second_half_of_the_cost_rows(read):
    reactive = ["2 0 0 3 8 0 0", "2 0 0 2 3 1 0"]
    net = read(case_text(gencost=CASE["gencost"] + reactive))
    assert net.gen.cost_p[:, 2] == pytest.approx([1100, 2000])
    assert net.gen.cost_q == pytest.approx(np.array([[0, 0, 80000], [1, 300, 0]]))


@pytest.mark.parametrize("case", ["case9Q", "case30Q"])
def test_bundled_cases_with_reactive_costs_have_them(case):
    net, plain = scopf.load_case(case), scopf.load_case(case.removesuffix("Q"))
    assert (net.gen.cost_q[:, 2] > 0).all()
    assert not plain.gen.cost_q.any()


def one_line(text):
    return text.replace(";\n", "; ").replace("[\n", "[").replace("; ]", "]")


LAYOUTS = {
    "rows on one line": one_line,
    "rows ended by line breaks only": lambda text: text.replace(";\n", "\n"),
    "commas": lambda text: text.replace(" 345 ", ", 345,").replace("2 0 0 3", "2,0,0,3"),
    "continuation": lambda text: text.replace(" 345 ", " ... base kV follows\n\t345 "),
    "line comments": lambda text: text.replace(";\n", "; % [ a = 'b' {\n"),
    "block comments": lambda text: text.replace("mpc.gen =", "%{\nmpc.gen = [9 9\n%}\nmpc.gen ="),
    "block comment at the top": lambda text: "%{\nmpc.bus = [1 2\n%}\n" + text,
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "missing semicolons": lambda text: text.replace("];", "]").replace("100;", "100"),
    "missing last semicolon": lambda text: text.rstrip().removesuffix(";"),
    "no function line": lambda text: text.partition("\n")[2],
    "byte order mark": lambda text: "\ufeff" + text,
    "tabs": lambda text: text.replace(" ", "\t"),
    "brackets apart": lambda text: text.replace("= [\n", "=   [   % columns\n\n"),
    "kinds of numbers": lambda text: text.replace(" 345 ", " +3.45E2 ").replace("0.9;", ".9;"),
    "end": lambda text: text + "\nreturn;\nend\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_of_the_text_does_not_matter(read, layout):
    text = case_text()
    changed = LAYOUTS[layout](text)
    assert changed != text
    assert read(changed) == read(text)


def test_names_of_buses_may_hold_any_character(read):
    names = ["Bus 1 100%; [HV]", "a = {b}, c", "O''Brien"]
    body = "{\n" + "".join(f"\t'{name}';\n" for name in names) + "}"
    net = read(case_text(bus_name=body))
    assert net.bus.name.tolist() == [*names[:2], "O'Brien"]
    assert net.bus.id.tolist() == [10, 20, 5]


def test_an_ellipsis_in_a_quoted_name_is_not_a_continuation(read):
    net = read(case_text(bus_name="{\n'one ...';\n'two';\n'three';\n}"))
    assert net.bus.name.tolist() == ["one ...", "two", "three"]


# -- round trip ------------------------------------------------


@pytest.mark.parametrize("name", bundled.names())
def test_a_bundled_case_written_and_read_again_is_the_same(name, tmp_path):
    net = scopf.load_case(name)
    path = tmp_path / f"{name}.m"
    mwriter.write(net, path, notes=["title % of [ it", "it's the source"])
    again = scopf.load_case(path)
    assert again == net
    assert again.name == net.name


def odd(low, high):
    return st.floats(low, high, allow_subnormal=False)


letters = st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp", "Cs"))
names = st.text(letters, max_size=8).map(str.strip)


@st.composite
def texts(draw):
    """A random case file of two to four buses in a line, its numbers with all their digits."""
    ids = draw(st.lists(st.integers(1, 10**9), min_size=2, max_size=4, unique=True))
    few = odd(-1e4, 1e4)

    def cells(*columns):
        return " ".join(repr(draw(c) if isinstance(c, st.SearchStrategy) else c) for c in columns)

    bus = [
        cells(i, 3 if k == 0 else 1, few, few, few, few, 1, odd(0.5, 2), odd(-200, 200),
              odd(0, 800), 2, odd(1, 2), odd(0, 1))
        for k, i in enumerate(ids)
    ]  # fmt: skip
    gen = [
        cells(i, few, few, odd(0, 1e4), odd(-1e4, 0), odd(0.5, 2), odd(1e-3, 1e4),
              draw(st.sampled_from([0, 1])) if k else 1, odd(0, 1e4), odd(-1e4, 0))
        for k, i in enumerate(ids)
    ]  # fmt: skip
    branch = [
        cells(f, t, odd(0, 1), odd(1e-4, 1), odd(-1, 1), odd(1e-3, 1e4), 0, 0,
              odd(0.5, 1.5), odd(-180, 180), 1, odd(-370, -1e-3), odd(1e-3, 370))
        for f, t in pairwise(ids)
    ]  # fmt: skip
    halves = draw(st.sampled_from([1, 2]))
    width = draw(st.integers(1, 4))
    costs = [cells(2, 0, 0, width, *[odd(-1e3, 1e3)] * width) for _ in ids * halves]
    quoted = ["'" + draw(names).replace("'", "''") + "'" for _ in ids]
    body = "{\n" + ";\n".join(quoted) + "}"
    base = repr(draw(st.one_of(st.just(100.0), odd(1e-2, 1e4))))
    return case_text(baseMVA=base, bus=bus, gen=gen, branch=branch, gencost=costs, bus_name=body)


@settings(max_examples=60, deadline=None)
@given(text=texts())
def test_a_random_case_written_and_read_again_is_the_same(text, tmp_path_factory):
    folder = tmp_path_factory.mktemp("round")
    (folder / "case.m").write_text(text, encoding="utf-8")
    net = scopf.load_case(folder / "case.m")
    mwriter.write(net, folder / "again.m")
    assert scopf.load_case(folder / "again.m") == net


# -- faults ----------------------------------------------------

FAULTS = {
    "unknown bus in a branch": (edited("branch", 2, 1, "77"), "branch", 2, "77"),
    "unknown bus in a gen": (edited("gen", 2, 0, "99"), "gen", 2, "99"),
    "NaN": (edited("bus", 2, 2, "NaN"), "bus", 2, "bus 20.*Pd"),
    "negative base": ({"baseMVA": "-100"}, "mpc.baseMVA", None, "positive.*-100"),
    "base that is no number": ({"baseMVA": "1e"}, "mpc.baseMVA", None, "1e"),
    "missing bus table": ({"bus": None}, "mpc.bus", None, "missing"),
    "bad number": (edited("branch", 3, 3, "0.3x"), "branch", 3, "5-10.*0.3x.*BR_X"),
    "expression of names": (edited("bus", 2, 2, "1e3/x"), "bus", 2, "bus 20.*1e3/x"),
    "Vmin > Vmax": (edited("bus", 3, 12, "1.2"), "bus", 3, "bus 5.*Vmin 1.2 > Vmax 1.1"),
    "Pmin > Pmax": (edited("gen", 1, 9, "251"), "gen", 1, "gen 1 at bus 10.*251.*250"),
    "bus number that is not whole": (edited("bus", 2, 1, "1.5"), "bus", 2, "whole"),
    "no generator in service": (
        {"gen": [" ".join([*r.split()[:7], "0", *r.split()[8:]]) for r in CASE["gen"]]},
        "gen", None, "no generator is in service",
    ),
    "zero impedance": (
        with_row("branch", 2, "20 5 0 0 0 0 0 0 0 0 1 0 0"), "branch", 2, "20-5.*zero impedance",
    ),
    "self loop": (
        with_row("branch", 4, "20 20 0 1 0 0 0 0 0 0 1 0 0"), "branch", 4, "20-20.*both ends",
    ),
    "a single point": (with_row("gencost", 2, "1 0 0 1 0 0 0"), "gencost", 2, "points must be 2"),
    "too few points": (with_row("gencost", 2, "1 0 0 2 0 0 0"), "gencost", 2, "has 1 points"),
    "another cost model": (with_row("gencost", 2, "3 0 0 1 0 0 0"), "gencost", 2, "model 3"),
    "falling slopes": (
        {"gencost": ["1 0 0 3 0 0 1 3 2 4", "2 0 0 1 0 0 0 0 0 0"]}, "gen", 1, "not convex",
    ),
    "powers in no order": (
        {"gencost": ["1 0 0 3 0 0 2 3 1 4", "2 0 0 1 0 0 0 0 0 0"]}, "gen", 1, "do not increase",
    ),
    "too few cost coefficients": (edited("gencost", 2, 3, "4"), "gencost", 2, "NCOST"),
    "wrong number of cost rows": (
        {"gencost": CASE["gencost"] + CASE["gencost"][:1]}, "gencost", None, "3 rows for 2",
    ),
    "dcline to nowhere": (
        {"dcline": ["10 6 1 0 0 0 0 1 1 0 10 0 0 0 0 0 0"]}, "dcline", 1, "unknown bus 6",
    ),
    "dcline of crossed limits": (
        {"dcline": ["10 5 1 0 0 0 0 1 1 20 10 0 0 0 0 0 0"]}, "dcline", 1, "Pmin 20 MW > Pmax 10",
    ),
    "costs of other dclines": (
        {"dcline": ["10 5 1 0 0 0 0 1 1 0 10 0 0 0 0 0 0"], "dclinecost": ["2 0 0 1 0"] * 2},
        "dclinecost", None, "2 rows for 1 DC",
    ),
    "user constraints": ({"A": "[1 0 0]"}, "mpc.A", None, "not represent"),
    "capability curve": (
        {"gen": [f"{CASE['gen'][0]} 250 0 -300 300 -100 100", CASE["gen"][1] + " 0" * 6]},
        "gen", 1, "gen 1 at bus 10.*Pc1 < Pc2",
    ),
    "MATLAB code": ({"end": "mpc.bus(:, 3) = 2 * mpc.bus(:, 3);"}, "", None, "not a data statem"),
    "a table after what computes": (
        {"branch": None, "end": f"mpc.bus(:, PD) = mpc.bus(:, PD) / 2;\n{BRANCH}"}, "mpc.branch",
        None, "stands after statements that compute",
    ),
    "format version 3": ({"version": "'3'"}, "mpc.version", None, "version 3"),
}  # fmt: skip


# Faults that entail others.
ROOTS = {
    "missing gen table": ({"gen": None}, "mpc.gen", None, "missing"),
    "missing branch table": ({"branch": None}, "mpc.branch", None, "missing"),
    "duplicate bus number": (with_row("bus", 4, CASE["bus"][1]), "bus", 4, "20.*twice"),
    "no generator": ({"gen": "[]", "gencost": "[]"}, "gen", None, "no rows"),
    "short row": (with_row("bus", 2, "20 1 90 30 2"), "bus", 2, "5 columns.*13"),
    "short row of two": (with_row("gen", 2, "5 40 0 200 -200 1 80 1"), "gen", 2, "8 columns.*10"),
    "unclosed bracket": (
        {"gen": "[\n" + ";\n".join(CASE["gen"])}, "mpc.gen", None, "bracket is not closed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_is_named_with_table_row_and_numbers_and_nothing_else_is(faults, what):
    changes, table, row, said = FAULTS[what]
    (fault,) = faults(case_text(**changes))
    assert (fault.table, fault.row) == (table, row)
    assert re.search(said, str(fault)), str(fault)


@pytest.mark.parametrize("what", ROOTS)
def test_a_fault_that_entails_others_is_named_first(faults, what):
    changes, table, row, said = ROOTS[what]
    fault = faults(case_text(**changes))[0]
    assert (fault.table, fault.row) == (table, row)
    assert re.search(said, str(fault)), str(fault)


def test_all_faults_of_a_file_come_in_one_error(faults):
    text = case_text(
        bus=[
            CASE["bus"][0],
            "20 1 NaN 30 2 19 1 1 0 345 1 1.1 0.9",
            " 5 2 10 5 0 0 1 1 0 345 1 0.9 1.1",
            CASE["bus"][0],
            "40 1 1O 0 0 0 1 1 0 345 1 1.1 0.9",
        ],
        gen=["99 50 0 300 -300 1 100 1 250 10", "5 40 0 200 -200 1 80 1 120 130"],
        branch=[
            "10 77 0.01 0.1 0.2 250 0 0 0 0 1 -360 360",
            "20 5 0 0 0 0 0 0 0 0 1 0 0",
            "5 5 0.03 0.3 0.1 100 0 0 0 0 1 0 0",
        ],
        gencost=["2 0 0 3 0.11 5 150", "1 0 0 1 0 0 0"],
        baseMVA="-100",
        dcline=["10 55 1 0 0 0 0 1 1 0 10 0 0 0 0 0 0"],
        end="mpc.gen(1, 9) = 3;",
    )
    found = {(fault.table, fault.row) for fault in faults(text)}
    assert found >= {
        ("bus", 2), ("bus", 3), ("bus", 4), ("bus", 5), ("gen", 1), ("gen", 2), ("branch", 1),
        ("branch", 2), ("branch", 3), ("gencost", 2), ("mpc.baseMVA", None), ("dcline", 1),
        ("", None),
    }  # fmt: skip


def test_an_unsupported_table_may_be_ignored_with_a_warning(read, caplog):
    text = case_text(reserves="[1 2 3]")
    assert read(text, ignore_unsupported=True) == read(case_text())
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "mpc.reserves" in record.getMessage()


def test_names_of_kinds_do_no_harm(read):
    assert read(case_text(gentype="{'ST'; 'GT'}", genfuel="{'a'; 'b'}")) == read(case_text())


def test_a_dcline_out_of_service_is_kept_and_left_out(read):
    net = read(case_text(dcline=["10 5 0 0 0 0 0 1 1 0 10 0 0 0 0 0 0"]))
    assert (len(net.dcline), len(net.energized().dcline)) == (1, 0)
    assert net.replace(dcline=net.dcline.take([False])) == read(case_text())


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "the file is empty"), (b"\n\n", "the file is empty"),
     (bytes(range(256)) * 8, "this is a binary file (it has NUL characters), not a"),
     (b"\x7fELF\x00\x01", "this is a program, not a"), (b"\x89PNG\r\n", "a picture (PNG), not a"),
     (b"\x1f\x8b\x08", "an archive (gzip) that has to be unpacked first, not a"),
     (b"root:x:0:0:root:/root:/bin/sh\n" * 40, "nothing is assigned to bus, gen or branch"),
     (b"import os\nprint(os.name)\n", "nothing is assigned to bus, gen or branch")],
)  # fmt: skip
def test_a_file_that_is_no_case_is_refused_in_one_sentence(faults, content, said):
    (fault,) = faults(content)
    assert said in fault.text


@pytest.mark.parametrize("suffix", ["", ".raw", ".json", ".gz"])
@pytest.mark.parametrize(
    "content", [b"", b"root:x:0:0:root:/root:/bin/sh\n" * 40, b"\x89PNG\r\n\0"]
)
def test_so_is_one_of_another_name(tmp_path, suffix, content):
    path = tmp_path / f"grid{suffix}"
    path.write_bytes(content)
    with pytest.raises(scopf.CaseError) as error:
        scopf.load_case(str(path))
    assert len(error.value.faults) == 1


def test_a_path_that_is_no_file_is_refused(tmp_path):
    (tmp_path / "folder.m").mkdir()
    for path in (tmp_path / "none.m", ""):
        with pytest.raises(scopf.CaseError, match="neither a file nor a bundled case"):
            scopf.load_case(path)
    for path in (tmp_path, tmp_path / "folder.m"):
        with pytest.raises(scopf.CaseError, match="this is a folder; name the file in it"):
            scopf.load_case(path)


def test_a_misspelt_bundled_name_gives_a_hint():
    with pytest.raises(scopf.CaseError, match="did you mean case118"):
        scopf.load_case("case_118")
    with pytest.raises(scopf.CaseError, match="scopf cases"):
        scopf.load_case("nothing like it")


def test_the_prefix_of_pglib_may_be_left_out_and_a_path_may_lack_its_suffix(tmp_path):
    assert scopf.load_case("case5_pjm") == scopf.load_case("pglib_opf_case5_pjm")
    (tmp_path / "own.m").write_text(case_text())
    assert len(scopf.load_case(tmp_path / "own").bus) == 3


@pytest.mark.parametrize("source", [None, 39, ["case9"]])
def test_something_that_is_no_name_is_refused(source):
    with pytest.raises(scopf.ScopfError, match="name of a bundled case"):
        scopf.load_case(source)
