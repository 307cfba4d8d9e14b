"""Kinds of MATPOWER files that other tools read: each small file is the same four buses."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import scopf
from scopf.cases import marithmetic, mcosts
from scopf.cases.approximations import Approximations
from tests.cases.test_matpower import CASE, case_text, edited, with_row

KINDS = Path(__file__).resolve().parents[1] / "data" / "m_kinds"
COST = 2204.8545
PLAIN = ("expr_cell", "gen_name_columns", "other_struct", "utf16", "v1")


@pytest.fixture
def read(tmp_path):
    def read(text, name="small.m", **keywords):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return scopf.load_case(path, **keywords)

    return read


def optimum(net):
    return scopf.solve(scopf.build(net, criterion="none")).cost


def refused(read, text, **keywords):
    with pytest.raises(scopf.CaseError) as caught:
        read(text, **keywords)
    return caught.value.faults


# -- small files ---------------------------------------------------


@pytest.mark.parametrize("name", PLAIN)
def test_files_of_every_kind_are_the_same_case(name, caplog):
    net = scopf.load_case(KINDS / f"{name}.m")
    same = scopf.load_case(KINDS / "other_struct.m")
    kilovolts = {"base_kv": same.bus.base_kv if name == "expr_cell" else net.bus.base_kv}
    assert net.replace(gen={"name": same.gen.name}, bus=kilovolts) == same
    assert not net.approximations
    assert not caplog.text


def test_their_optimum():
    assert optimum(scopf.load_case(KINDS / "v1.m")) == pytest.approx(COST, abs=1e-4)


def test_the_first_column_of_names_is_the_name():
    net = scopf.load_case(KINDS / "gen_name_columns.m")
    assert net.gen.name.tolist() == ["101_CT_1", "101_CT_2"]


def test_arithmetic_in_a_cell():
    net = scopf.load_case(KINDS / "expr_cell.m")
    assert net.bus.base_kv.tolist() == [400 / 3**0.5, 400 / 3**0.5, 115, 115]


def test_a_case_without_costs_is_free_and_takes_a_table(caplog):
    net = scopf.load_case(KINDS / "no_gencost.m")
    (text,) = net.approximations
    assert text.startswith("2 of 2 machines in service have no costs and count as free")
    assert text in caplog.text
    assert not net.gen.cost_p.any()
    priced = scopf.load_case(KINDS / "no_gencost.m", costs=KINDS / "costs.csv")
    assert not priced.approximations
    assert priced == scopf.load_case(KINDS / "v1.m")


def test_points_within_their_rounding_are_made_convex(caplog):
    net = scopf.load_case(KINDS / "pwl_rounded.m")
    (text,) = net.approximations
    assert "the largest change is 0.004 MW" in text
    assert text in caplog.text
    x, y = net.gen.cost_p_points[0].T
    assert (100 * x).tolist() == pytest.approx([13.03, 21.82, 30.62, 39.41, 48.21, 57.0])
    assert y[[0, 2, 4, 5]].tolist() == [1011.96, 1452.67, 1893.56, 2114.08]
    assert (np.diff(np.diff(y) / np.diff(x)) > -1e-7).all()
    assert optimum(net) == pytest.approx(3196.67, rel=4e-4)  # of a straight line


def test_negative_losses_are_an_approximation():
    net = scopf.load_case(KINDS / "negative_loss.m")
    assert any("they count as zero" in text for text in net.approximations)
    assert optimum(net) == pytest.approx(2202.0349, abs=1e-4)


def test_a_comma_at_the_end_of_rows_of_inverters():
    table = KINDS / "inverters_trailing_comma.csv"
    net = scopf.load_case("case39")
    inverters = scopf.Inverters.at_generators(net, table=table)
    assert [inverters.mq[inverters.bus.tolist().index(bus)] for bus in (30, 39)] == [0.15, 0.2]
    found = scopf.sweep("case39", lossless=True, inverters=str(table), criterion="none")
    assert found.scenarios["status"].tolist() == ["optimal"]


# -- arithmetic ---------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("50/3", 50 / 3),
        ("sqrt(3)", 3**0.5),
        ("400/sqrt(3)", 400 / 3**0.5),
        ("-2^2", -4),
        ("2^-2", 0.25),
        ("2*-3", -6),
        ("1-2-3", -4),
        ("12/2*3", 18),
        ("(1+2)*3", 9),
        ("2*pi", 2 * np.pi),
        ("-Inf", -np.inf),
        ("5280/5280", 1),
        ("1e3/8", 125),
        ("+.5", 0.5),
    ],
)
def test_arithmetic_is_matlabs(text, value):
    assert marithmetic.number(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    "text",
    [
        "", "1_00", "1,5", "5 7", "2**3", "2//3", "2^3^4", "1..2", "1.2.3", "1e", "1e3e4", "0x10",
        "1/0", "0/0", "Inf-Inf", "(-8)^(1/3)", "9^999", "sqrt(-1)", "sqrt", "sqrt 3", "sqrt()",
        "nothing", "1+", "*2", "(1", "1)", "__import__('os')", "eval(1)", "1if 1else 2", "True",
        "1'", "[1]", "\u0661", "1j", "+" * 301 + "1", "(" * 21 + "1" + ")" * 21,
    ],
)  # fmt: skip
def test_everything_else_is_no_number(text):
    with pytest.raises(marithmetic.NotArithmeticError):
        marithmetic.number(text)


@pytest.mark.parametrize("cell", ["1_00", "1,5", "5 7", "9O", "9 0", "1e- 2", "1/0", "9-", "- 9"])
def test_a_cell_with_a_typo_stays_refused(read, cell):
    assert refused(read, case_text(**edited("bus", 2, 2, cell.replace(" ", "\t"))))


@pytest.mark.parametrize("cell", ["180 / 2", "180/ 2", "60 + 30", "( 80 + 10 )", "sqrt( 8100 )"])
def test_blanks_around_operators_are_no_ends_of_cells(read, cell):
    rows = with_row("bus", 2, f"20 1 {cell} 30 2 19 1 1 0 345 1 1.1 0.9")
    assert read(case_text(**rows)) == read(case_text())


@pytest.mark.parametrize("ends", [", ", " , ", ",\t"])
def test_a_sign_after_a_comma_is_that_of_a_cell(read, ends):
    """In MATLAB `[1, - 2]` is two cells; every row has one, so that no row is short."""
    gens = [ends.join(row.split()).replace("-", "- ") for row in CASE["gen"]]
    assert read(case_text(gen=gens)) == read(case_text())


@pytest.mark.parametrize("cell", ["100 - sqrt(100)", "pi - pi + 90", "90 + sin( 0 )"])
def test_functions_and_names_are_terms_too(read, cell):
    rows = with_row("bus", 2, f"20 1 {cell} 30 2 19 1 1 0 345 1 1.1 0.9")
    assert read(case_text(**rows)) == read(case_text())


def test_the_base_may_be_arithmetic(read):
    assert read(case_text(baseMVA="300/3")) == read(case_text())


# -- layouts ---------------------------------------------------


def version_1(outputs, *, results=False):
    """The three-bus case in version 1."""
    gen = [" ".join(row.split()[:10]) + " 9 9 9 9" * results for row in CASE["gen"]]
    branch = [" ".join(row.split()[:11]) + " 7 7 7 7" * results for row in CASE["branch"]]
    parts = dict(zip(outputs, ["100", CASE["bus"], gen, branch, [], CASE["gencost"]], strict=True))
    lines = [f"function [{', '.join(outputs)}] = small"]
    for name, rows in parts.items():
        body = rows if isinstance(rows, str) else "[\n" + ";\n".join(rows) + "\n]"
        lines.append(f"{name} = {body};")
    return "\n".join(lines)


@pytest.mark.parametrize("results", [False, True])
@pytest.mark.parametrize(
    "outputs",
    [
        ["baseMVA", "bus", "gen", "branch", "areas", "gencost"],
        ["base", "busdata", "gendata", "lines", "a", "costs"],
    ],
)
def test_version_1_with_any_names_and_results(read, outputs, results):
    assert read(version_1(outputs, results=results)) == read(
        case_text(branch=[" ".join(row.split()[:11]) for row in CASE["branch"]])
    )


def test_a_struct_without_version_is_matpowers_version_1(read):
    """Columns 11 to 14 of a narrow generator table are multipliers, not a capability curve."""
    gen = [" ".join([*row.split()[:10], "1", "2", "3", "4"]) for row in CASE["gen"]]
    net = read(case_text(version=None, gen=gen))
    assert not net.gen.pc1.any()
    assert not net.gen.qc1max.any()
    assert net == read(case_text(gen=[" ".join(row.split()[:10]) for row in CASE["gen"]]))
    wide = [" ".join([*row.split()[:10], *["0"] * 10, ".5"]) for row in CASE["gen"]]
    assert (read(case_text(version=None, gen=wide)).gen.apf == 0.5).all()


def test_angle_limits_in_version_1_are_kept_and_named(read):
    net = read(case_text(version="'1'"))
    assert net == read(case_text())
    assert any("angle limits" in text for text in net.approximations)


def test_computations_on_variables_of_version_1_are_refused(read):
    text = version_1(["baseMVA", "bus", "gen", "branch", "areas", "gencost"])
    faults = refused(read, text + "\nbus(:, 3) = 2 * bus(:, 3);", ignore_unsupported=True)
    assert "bus(:, 3)" in str(faults[0])


def test_names_in_a_row_a_column_or_turned(read):
    for body in ("{'a', 'b'}", "{'a'; 'b'}", "{'a' 'x'; 'b' 'y'}", "{'a'; 'b'}'"):
        assert read(case_text(gen_name=body)).gen.name.tolist() == ["a", "b"]


def test_a_wrong_number_of_names_is_left_out(read, caplog):
    net = read(case_text(bus_name="{'a'; 'b'}"))
    assert net == read(case_text())
    assert "mpc.bus_name has 2 names for 3 buses and is left out" in net.approximations
    assert "and is left out" in caplog.text


@pytest.mark.parametrize(
    "more",
    [
        "mpc.storage = [1 2 3];",
        "mpc.branch_currents = [1; 2];",
        "mpc.note = struct('a', {{1, 2}});",
        "mpc.x(:) = 1:9;",
        "mpc.bus_name = cellfun(@(x) ['a' x], {'b'});",
        "mpc.x = zeros(2, 2); mpc.x(:) = mpc.bus(1:2, 1:2);",
        "mpc.deep = {{1 2}, {[3 4] 5}};",
        "mpc.deep = [mpc.bus(:, [1 2]); 3];",
    ],
)
def test_tables_without_effect_are_named_and_stop_nothing(read, more):
    net = read(case_text(end=more))
    assert net == read(case_text())
    assert re.search(r"left out.*" + re.match(r"mpc\.\w+", more)[0], net.approximations[0])


def test_areas_and_fuels_are_no_warning(read, caplog):
    caplog.set_level("INFO", logger="scopf")
    net = read(case_text(areas="[1 10]", genfuel="{'a'; 'b'}"))
    assert "mpc.areas (1 row), mpc.genfuel (2 rows)" in net.approximations[0]
    assert {record.levelname for record in caplog.records} == {"INFO"}


@pytest.mark.parametrize("table", ["A", "reserves.zones", "if.map", "busdc", "switch", "bus3p"])
def test_tables_that_change_the_problem_are_refused_or_ignored(read, table):
    text = case_text(**{table: "[1 2 3]"})
    (fault,) = refused(read, text)
    assert fault.table == f"mpc.{table}"
    assert "ignored" in read(text, ignore_unsupported=True).approximations[0]


@pytest.mark.parametrize("table", ["gencosts", "Branch", "dclines"])
def test_a_misspelt_table_is_refused(read, table):
    (fault,) = refused(read, case_text(**{table: "[1 2 3]"}))
    assert "is it mpc." in str(fault)


@pytest.mark.parametrize(
    "statement",
    [
        "mpc.bus(:, 3) = 2 * mpc.bus(:, 3);",
        "mpc.x = size(y); mpc.bus(:, 3) = 2;",
        "mpc.x = 1:3; mpc.bus(mpc.bus(:, 1) == 10, 3) = 2;",
        "mpc.x = mpc; mpc = scale_load(2, mpc);",
        "mpc.(name) = 3;",
        "10 20 0.01 0.1 0.2 250 0 0 0 0 1 -360 360;",
        "x = size(mpc.bus, 1);",
        "for k = 1:3",
        "mpc.x =",
        "mpc.gen_name =",
    ],
)
def test_statements_are_refused_whatever_is_ignored(read, statement):
    for ignore in (False, True):
        faults = refused(read, case_text(end=statement), ignore_unsupported=ignore)
        assert "savecase" in str(faults[0])


def test_a_block_that_a_zero_turns_off_is_skipped(read):
    block = "{} = 0;\nif fixed\n    for k = 1:3\n        x;\n    end\n    mpc.gen(1, 9) = 3;\nend\n"
    assert read(case_text(end=block.format("fixed"))) == read(case_text())
    assert refused(read, case_text(end=block.format("other")))
    assert refused(read, case_text(end=block.format("fixed").replace("= 0", "= 1")))
    assert refused(read, case_text(end=block.format("fixed").replace("    mpc", "else\n    mpc")))


def test_letters_of_other_encodings_are_kept(read):
    text = case_text(bus_name="{'MALM\u00d6'; 'b'; 'c'}")
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "latin-1"):
        net = read(text.encode(encoding))
        assert net.bus.name[0] == "MALM\u00d6"
        assert bool(net.approximations) == (encoding == "latin-1")


# -- costs ---------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        "1 0 0 3 0 0 1 3 2 4",
        "1 0 0 3 0.1 1 0.2 3 0.3 4",  # one decimal
    ],
)
def test_points_beyond_their_rounding_are_refused(read, row):
    (fault,) = refused(read, case_text(gencost=[row, "2 0 0 1 0 0 0 0 0 0"]))
    assert "not convex" in str(fault)


def test_the_tolerance_is_the_unit_of_the_points():
    for height, moved in ((100.12, True), (100.13, False)):  # .01 + .01 * 10.01 above 100.01
        row = np.array([[1, 0, 0, 3, 0.01, 0.01, 10.01, height, 20.01, 200.01]])
        notes = Approximations("x")
        points = mcosts.arrays("gencost", row, 1.0, [], notes)[1][0]
        assert points[1, 1] == pytest.approx(100.01 if moved else height)
        assert bool(notes._found) is moved


def test_costs_by_generator_or_bus_replace_those_of_the_case(read, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("gen,c1,pmax,points\n2,7,90,\n")
    net, plain = read(case_text(), costs=table), read(case_text())
    assert net.gen.cost_p[1].tolist() == [0, 700, 0]
    assert net.gen.pmax.tolist() == [plain.gen.pmax[0], 0.9]
    assert net.gen.cost_p[0].tolist() == plain.gen.cost_p[0].tolist()
    table.write_text("bus,points\n5,0:0 50:100 100:300\n")
    net = read(case_text(), costs=table)
    assert net.gen.cost_p_points[1].tolist() == [[0, 0], [0.5, 100], [1, 300]]
    assert not net.gen.cost_p[1].any()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gen,c1\n3,1\n", "there is no generator 3, the case has 2"),
        ("bus,c1\n20,1\n", "there is no machine at bus 20"),
        ("bus,c1\n10,1\n10,2\n", "has costs in row 1 already"),
        ("gen,bus,c1\n1,10,2\n", "needs one key column"),
    ],
)
def test_rows_that_match_no_generator_are_faults(read, tmp_path, text, words):
    (tmp_path / "t.csv").write_text(text)
    assert words in str(refused(read, case_text(), costs=tmp_path / "t.csv")[0])


def test_a_bus_of_several_generators_needs_their_numbers(read, tmp_path):
    (tmp_path / "t.csv").write_text("bus,id,c1\n10,1,1\n")
    text = case_text(gen=[CASE["gen"][0]] * 2)
    (fault,) = refused(read, text, costs=tmp_path / "t.csv")
    assert "bus 10 has the generators 1, 2: give `gen`" in str(fault)


def test_a_table_beside_a_case_without_costs_is_taken(read, tmp_path):
    (tmp_path / "small.costs.csv").write_text("gen,c1\n1,5\n")
    net = read(case_text(gencost=None))
    assert net.gen.cost_p[:, 1].tolist() == [500, 0]
    assert "1 of 2 machines in service" in net.approximations[0]
    assert read(case_text()).gen.cost_p[0, 1] == 500  # as in the case: the table is not read
    assert not read(case_text()).approximations


# -- recognition ---------------------------------------------------


def test_a_file_of_another_suffix_is_known_by_its_first_line(read, tmp_path):
    plain = read(case_text())
    assert read(f"% a comment\n\n{case_text()}", name="case.txt") == plain
    scopf.save_case(plain, tmp_path / "x.json")
    assert read((tmp_path / "x.json").read_bytes(), name="x.net") == plain


@pytest.mark.parametrize("head", ["0, 100.0, 33, 0", "0 100. 33 0", "0,1.0E+02,33", "0 100/RAW 33"])
def test_a_psse_file_is_known_by_its_free_format(read, head):
    raw = (KINDS.parent / "seven_buses_33.raw").read_text().partition("\n")[2]
    assert read(f"{head}\n{raw}", name="x.txt") == read(f"{head}\n{raw}", name="x.raw")


def test_numbers_alone_are_no_psse_file(read):
    for head in ("0 1 2 3", "1 100", "0.5 1.5 3.5", "1,2"):
        (fault,) = refused(read, f"{head}\n{head}\n", name="x.txt")
        assert "its format is not known" in str(fault)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.rawx", '{"network": {}}', "this is a RAWX file, which is not read; export"),
        ("x.txt", '{"network": {"caseid": {}}}', "this is a RAWX file"),
        ("x.mat", "MATLAB 5.0 MAT-file", "this is a MATLAB data file"),
        ("x.xml", "<?xml version='1.0'?>", "its format is not known"),
        ("x.txt", "", "the file is empty"),
        ("x.txt", "root:x:0:0:root:/root:/bin/sh", "its format is not known"),
    ],
)
def test_a_file_of_no_known_format_is_refused_in_one_sentence(read, name, content, words):
    with pytest.raises(scopf.CaseError) as caught:
        read(content, name=name)
    (fault,) = caught.value.faults
    assert words in str(fault)


def test_what_was_left_out_survives_json(read, tmp_path):
    net = read(case_text(storage="[1 2 3]"))
    scopf.save_case(net, tmp_path / "x.json")
    assert json.loads((tmp_path / "x.json").read_text())["approximations"] == list(
        net.approximations
    )


@pytest.mark.parametrize("quote", ['"', "'", "''"])
def test_a_quote_among_numbers_is_no_blank_row(read, quote):
    text = case_text()
    at = text.index("];", text.index("mpc.gen ="))
    assert any(
        "is not a number" in fault.text
        for fault in refused(read, text[:at] + quote + "\n" + text[at:])
    )
