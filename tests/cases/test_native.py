"""scopf's own JSON, and `scopf convert`."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import scopf
from benchmarks import seeds
from scopf.cases import native
from scopf.cases.approximations import Approximations
from scopf.cli.main import app

pytestmark = pytest.mark.core

RICH = seeds.RICH


@pytest.fixture
def rich(tmp_path):
    path = tmp_path / "rich.m"
    path.write_bytes(RICH)
    return scopf.load_case(path)


def bits(net):
    return {
        (key, name): repr(column.tolist()) if column.dtype == object else column.tobytes()
        for key, table in net.tables.items()
        for name, column in vars(table).items()
    }


@pytest.mark.parametrize("name", ["case9", "case300", "pglib_opf_case118_ieee", "two_bus_q"])
def test_a_case_comes_back_to_the_bit(tmp_path, name):
    net = scopf.load_case(name)
    scopf.save_case(net, tmp_path / "x.json")
    again = scopf.load_case(tmp_path / "x.json")
    assert again == net
    assert again.name == name
    assert bits(again) == bits(net)


def test_all_content_comes_back_to_the_bit(tmp_path, rich):
    odd = {
        "pd_current": [0.1, -0.0, 1 / 3],
        "name": ["a\nb", "'\u20ac\"", " c "],
        "base_kv": [np.nan] * 3,
    }
    net = rich.replace(bus=odd, gen={"id": [7, 3, 12], "qmax": [np.inf, 1e-320, 0.0]})
    assert net.gen.cost_p_points.shape == (3, 3, 2)
    assert len(net.dcline) == 2
    scopf.save_case(net, tmp_path / "x.json")
    again = scopf.load_case(tmp_path / "x.json")
    assert bits(again) == bits(net)
    assert scopf.load_case(tmp_path / "x.json").energized() == net.energized()


def test_a_case_file_comes_back_from_json_and_a_case_file(tmp_path, rich):
    scopf.save_case(rich, tmp_path / "a.json")
    scopf.save_case(scopf.load_case(tmp_path / "a.json"), tmp_path / "b.m")
    assert scopf.load_case(tmp_path / "b.m") == rich


def spoilt(tmp_path, change):
    scopf.save_case(scopf.load_case("case9"), tmp_path / "x.json")
    content = json.loads((tmp_path / "x.json").read_text())
    change(content)
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(scopf.CaseError) as caught:
        scopf.load_case(tmp_path / "x.json")
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(version=2), "is of version 2"),
        (lambda c: c.update(version=True), "is of version true"),
        (lambda c: c.update(format="else"), "is no network"),
        (lambda c: c.update(area={}), "there is no area"),
        (lambda c: c.update(name=3), "the name must be a text"),
        (lambda c: c.update(base_mva="100"), "base_mva must be a number"),
        (lambda c: c.pop("gen"), "gen: is missing"),
        (lambda c: c["bus"].pop("pd"), "bus: the column pd is missing"),
        (lambda c: c["bus"].update(colour=[1]), "bus: has no column colour"),
        (lambda c: c["bus"]["pd"].pop(), "bus: columns differ in length"),
        (lambda c: c["bus"]["pd"].__setitem__(2, "x"), 'bus row 3: pd must be a number, got "x"'),
        (lambda c: c["bus"]["pd"].__setitem__(2, True), "bus row 3: pd must be a number, got true"),
        (lambda c: c["bus"]["pd"].__setitem__(2, None), "bus row 3 (bus 3): Pd is not a finite"),
        (lambda c: c["bus"]["id"].__setitem__(2, 2.0), "bus row 3: id must be a whole number"),
        (lambda c: c["gen"]["in_service"].__setitem__(0, 1), "in_service must be true or false"),
        (lambda c: c["gen"]["cost_p"].__setitem__(0, 1), "gen row 1: cost_p must be a list"),
        (lambda c: c["gen"]["cost_p"][0].pop(), "gen: the rows of cost_p differ in length"),
        (lambda c: c["gen"]["cost_p_points"][0].append([1]), "must be pairs of power and cost"),
    ],
)
def test_a_fault_is_named_with_table_row_and_column(tmp_path, change, said):
    (fault,) = spoilt(tmp_path, change)
    assert said in fault


def test_all_faults_come_at_once(tmp_path):
    def change(content):
        content["bus"]["pd"][0] = "x"
        content["gen"].pop("pg")
        content["branch"]["more"] = []

    assert len(spoilt(tmp_path, change)) == 3


@pytest.mark.parametrize(
    "text", ["", "[", "[]", "NaN", '{"a": 1, "a": 2}', "[" * 100_000, "\ud800", "9" * 5000]
)
def test_what_is_no_network_is_refused(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(scopf.CaseError, match=r"is no|is empty"):
        scopf.load_case(path)


def test_columns_that_may_be_left_out_may_be_left_out(tmp_path):
    net = scopf.load_case("case9")
    native.write(net, tmp_path / "x.json")
    content = json.loads((tmp_path / "x.json").read_text())
    del content["dcline"], content["bus"]["pd_current"], content["gen"]["cost_q_points"]
    assert native.parse(content, "x") == net


# -- the command -----------------------------------------------


def run(*words):
    return CliRunner().invoke(app, ["convert", *map(str, words)])


def test_convert_writes_what_the_suffix_says(tmp_path):
    assert run("case14", tmp_path / "a.json").exit_code == 0
    assert run(tmp_path / "a.json", tmp_path / "b.m").exit_code == 0
    assert scopf.load_case(tmp_path / "b.m") == scopf.load_case("case14")


def test_convert_says_what_a_format_cannot_hold_and_writes_nothing(tmp_path, rich):
    net = rich.replace(bus={"pd_current": [0, 0.1, 0]}, gen={"constant_pf": [False] * 3})
    scopf.save_case(net, tmp_path / "a.json")
    result = run(tmp_path / "a.json", tmp_path / "b.m")
    assert result.exit_code == 2
    assert "bus row 2 (bus 2): a constant-current P load" in result.output
    assert "gen row 3 (gen 3 at bus 5): its limits make it a load" in result.output
    assert not (tmp_path / "b.m").exists()


def test_a_file_with_a_name_of_pglib_keeps_dispatchable_loads(tmp_path, rich):
    none = rich.replace(gen={"constant_pf": [False] * 3})
    assert rich.gen.constant_pf.any()
    for net in (rich, none):
        scopf.save_case(net, tmp_path / "pglib_opf_rich.m")
        assert scopf.load_case(tmp_path / "pglib_opf_rich.m") == net


def test_what_is_no_number_is_written_as_that(tmp_path, rich):
    net = rich.replace(bus={"base_kv": [np.nan, 12.0, np.nan]})
    scopf.save_case(net, tmp_path / "a.m")
    assert scopf.load_case(tmp_path / "a.m") == net


def test_convert_refuses_unknown_formats_its_own_source_and_no_folder(tmp_path):
    for target, said in (("x.xyz", ".json"), ("none/x.json", "cannot write")):
        result = run("case9", tmp_path / target)
        assert result.exit_code == 2
        assert said in result.output
    run("case9", tmp_path / "a.json")
    assert "file to read" in run(tmp_path / "a.json", tmp_path / "a.json").output


def test_numbers_and_names_that_change_are_said(tmp_path, rich, caplog):
    net = rich.replace(gen={"id": [4, 2, 1]}, bus={"name": ["a\nb", "", ""]})
    scopf.save_case(net, tmp_path / "a.m")
    assert "numbers gen rows from 1" in caplog.text
    assert "names of one line" in caplog.text


def test_what_a_reader_changed_comes_back_with_the_network(tmp_path, rich):
    notes = Approximations("rich")
    notes.add("a tap was rounded")
    notes.add("a name was cut")
    scopf.save_case(notes.of(rich), tmp_path / "x.json")
    again = scopf.load_case(tmp_path / "x.json")
    assert again.approximations == ("a tap was rounded", "a name was cut")
    assert again.energized().lossless().approximations == again.approximations
    spoilt = json.loads((tmp_path / "x.json").read_text()) | {"approximations": [1]}
    (tmp_path / "x.json").write_text(json.dumps(spoilt))
    with pytest.raises(scopf.CaseError, match="approximations must be a list of texts"):
        scopf.load_case(tmp_path / "x.json")


@pytest.mark.parametrize("name", ["cost_p", "cost_q"])
def test_rows_of_costs_without_coefficients_are_refused(tmp_path, name):
    scopf.save_case(scopf.load_case("case9"), tmp_path / "x.json")
    content = json.loads((tmp_path / "x.json").read_text())
    content["gen"][name] = [[], [], []]
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(scopf.CaseError, match=f"the rows of {name} have no coefficients"):
        scopf.load_case(tmp_path / "x.json")


def test_bounds_near_the_largest_number_are_checked_without_a_warning():
    net = scopf.load_case("case9")
    large = net.replace(gen={"qmax": [1e308] * 3}, branch={"angmax": [1e308] * 9})
    with np.errstate(all="raise"):
        assert not large.validate()
