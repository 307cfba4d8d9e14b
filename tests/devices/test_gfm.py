"""Inverters: where their parameters come from and how parallel units act as one."""

import numpy as np
import pandas as pd
import pytest

import scopf

DEFAULTS = {"mq": 0.05, "beta_q": 1.0, "mp": 0.05, "beta_p": 1.0, "tau_p": 0.1, "tau_q": 0.1}


@pytest.fixture
def net():
    """The 9-bus system (base 100 MVA): generators 1, 2, 3 at buses 1, 2, 3 of 100 MVA each."""
    return scopf.load_case("case9")


@pytest.fixture
def parallel(net):
    """The same with generators 1 and 3 both at bus 1, of 100 and 50 MVA; none at bus 3."""
    return net.replace(gen={"bus": [1, 2, 1], "mbase": [100, 100, 50]})


at_generators = scopf.Inverters.at_generators


def faults_of(net, **keywords):
    with pytest.raises(scopf.CaseError) as caught:
        at_generators(net, **keywords)
    return [str(fault) for fault in caught.value.faults]


# -- sources ---------------------------------------------------


def test_every_generator_bus_has_an_inverter_with_the_defaults(net):
    inverters = at_generators(net)
    assert inverters.bus.tolist() == [1, 2, 3]
    assert inverters.gens == ((1,), (2,), (3,))
    for name, value in DEFAULTS.items():
        assert getattr(inverters, name) == pytest.approx([value] * 3), name
    assert inverters.rating == pytest.approx([1, 1, 1])


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_number_holds_for_every_inverter(net, name):
    inverters = at_generators(net, **{name: 0.3})
    for other, value in DEFAULTS.items():
        expected = 0.3 if other == name else value
        assert getattr(inverters, other) == pytest.approx([expected] * 3), other


@pytest.mark.parametrize("kind", [dict, pd.Series])
def test_a_mapping_holds_for_its_buses(net, kind):
    assert at_generators(net, mq=kind({2: 0.2, 3: 0.3})).mq == pytest.approx([0.05, 0.2, 0.3])


@pytest.mark.parametrize("key", ["bus", "gen"])
def test_a_table_overrides_the_keywords_and_blank_cells_leave_them(net, key, tmp_path):
    path = tmp_path / "inverters.csv"
    path.write_text(f"# droops\n{key}, mq, tau_q\n3, 0.3,\n1, , 0.5\n")
    for table in (path, str(path), pd.read_csv(path, comment="#", skipinitialspace=True)):
        inverters = at_generators(net, table=table, mq=0.2, tau_q={3: 0.7})
        assert inverters.mq == pytest.approx([0.2, 0.2, 0.3])
        assert inverters.tau_q == pytest.approx([0.5, 0.1, 0.7])


def test_a_table_overrides_a_keyword_given_for_the_same_bus(net):
    for key in ("bus", "gen"):
        table = pd.DataFrame({key: [2], "mq": [0.3]})
        assert at_generators(net, table=table, mq={2: 0.9}).mq[1] == pytest.approx(0.3)


@pytest.mark.parametrize("key", ["bus", "gen"])
def test_inverter_0_in_a_table_is_a_machine_and_no_inverter(net, key):
    table = pd.DataFrame({key: [2, 3], "inverter": [0, 1], "mq": [0.9, 0.3]})
    inverters = at_generators(net, table=table)
    assert inverters.bus.tolist() == [1, 3]
    assert inverters.mq == pytest.approx([0.05, 0.3])


def test_buses_select_the_inverters_and_a_table_can_add_to_them(net):
    assert at_generators(net, buses=[3, 1]).bus.tolist() == [1, 3]
    assert len(at_generators(net, buses=[])) == 0
    table = pd.DataFrame({"bus": [2], "inverter": [1]})
    assert at_generators(net, buses=[1], table=table).bus.tolist() == [1, 2]


def test_generators_out_of_service_are_left_out(net):
    off = net.replace(gen={"in_service": [True, False, True]})
    assert at_generators(off).gens == ((1,), (3,))
    assert faults_of(off, mq={2: 0.1}) == [
        "mq (bus 2): there is no generator in service at this bus"
    ]
    (said,) = faults_of(off, table=pd.DataFrame({"gen": [2], "mq": [0.1]}))
    assert said == "gen row 1 (gen 2): there is no generator of this number in service"


# -- parallel units --------------------------------------------


def test_stiffnesses_of_parallel_units_add_up(parallel):
    inverters = at_generators(parallel, mq=0.2, mp=0.4)
    assert inverters.bus.tolist() == [1, 2]
    assert inverters.gens == ((1, 3), (2,))
    assert inverters.mq == pytest.approx([0.1, 0.2])
    assert inverters.mp == pytest.approx([0.2, 0.4])
    assert inverters.beta_q == pytest.approx([1, 1])
    assert inverters.rating == pytest.approx([1.5, 1])


def test_stiffnesses_of_unlike_parallel_units_add_up(parallel):
    table = pd.DataFrame({"gen": [1, 3], "mq": [0.2, 0.1], "beta_q": [0.5, 3.0]})
    inverters = at_generators(parallel, table=table)
    assert 1 / inverters.k[0] == pytest.approx(1 / (0.2 * 0.5) + 1 / (0.1 * 3.0))
    assert 1 / inverters.mq[0] == pytest.approx(1 / 0.2 + 1 / 0.1)
    assert inverters.k == pytest.approx(inverters.mq * inverters.beta_q)


def test_the_filter_of_parallel_units_lies_between_theirs(parallel):
    table = pd.DataFrame({"gen": [1, 3], "tau_q": [0.1, 0.4], "mq": [0.1, 0.2]})
    assert at_generators(parallel, table=table).tau_q[0] == pytest.approx((0.1 * 2 + 0.4) / 3)
    same = pd.DataFrame({"gen": [1, 3], "mq": [0.1, 0.2]})
    assert at_generators(parallel, table=same, tau_q=0.3).tau_q[0] == pytest.approx(0.3)


@pytest.mark.parametrize("name", [*DEFAULTS, "rating_mva"])
def test_a_value_by_bus_is_that_of_the_whole_inverter(parallel, name):
    attribute, unit = ("rating", 100) if name == "rating_mva" else (name, 1)
    for keywords in ({name: {1: 0.7}}, {"table": pd.DataFrame({"bus": [1], name: [0.7]})}):
        inverters = at_generators(parallel, **keywords)
        assert getattr(inverters, attribute)[0] * unit == pytest.approx(0.7)
        assert len(inverters) == 2


def test_a_machine_beside_an_inverter_takes_no_part_in_it(parallel):
    table = pd.DataFrame({"gen": [3], "inverter": [0]})
    inverters = at_generators(parallel, table=table, mq=0.2)
    assert inverters.gens == ((1,), (2,))
    assert inverters.mq == pytest.approx([0.2, 0.2])
    assert inverters.rating[0] == pytest.approx(1)


# -- ratings ---------------------------------------------------


def test_droops_on_the_rating_become_droops_on_the_system_base(net):
    net = net.replace(gen={"mbase": [100, 50, 400]})
    own = at_generators(net, mq=0.2, mp=0.1, beta_q=2, droop_base="rating")
    assert own.mq == pytest.approx([0.2, 0.4, 0.05])
    assert own.mp == pytest.approx([0.1, 0.2, 0.025])
    assert own.beta_q == pytest.approx([2, 2, 2])
    by_bus = at_generators(net, mq={2: 0.2}, droop_base="rating", rating_mva=200)
    assert by_bus.mq == pytest.approx([0.025, 0.1, 0.025])
    assert by_bus.rating == pytest.approx([2, 2, 2])


def test_units_of_equal_droop_on_their_ratings_share_as_one_of_the_sum_of_ratings(parallel):
    one = at_generators(parallel, mq=0.2, droop_base="rating")
    whole = at_generators(parallel, mq={1: 0.2, 2: 0.2}, droop_base="rating")
    assert one.mq == pytest.approx([0.2 * 100 / 150, 0.2])
    assert whole.mq == pytest.approx(one.mq)


def test_a_rating_given_for_the_bus_is_the_base_of_its_droop(parallel):
    inverters = at_generators(parallel, mq=0.2, rating_mva={1: 300}, droop_base="rating")
    assert inverters.rating[0] == pytest.approx(3)
    assert inverters.mq[0] == pytest.approx(0.2 / 3)


def test_an_unknown_droop_base_is_refused(net):
    with pytest.raises(scopf.ScopfError, match="droop_base"):
        at_generators(net, droop_base="own")


# -- faults ----------------------------------------------------


def test_all_faults_of_a_table_come_in_one_error(net, tmp_path):
    path = tmp_path / "inverters.csv"
    path.write_text("bus,mq,slope\n1,0.1,1\n77,0.1,1\n4,0.1,1\n2,much,1\n1,0.2,1\n,0.3,1\n")
    with pytest.raises(scopf.CaseError) as caught:
        at_generators(net, table=path, mq={88: 1.0})
    assert caught.value.source == str(path)
    found = {(fault.table, fault.row) for fault in caught.value.faults}
    assert found == {
        ("mq", None), ("", None), ("bus", 2), ("bus", 3), ("mq", 4), ("bus", 5), ("bus", 6)
    }  # fmt: skip
    text = str(caught.value)
    for said in ("slope", "bus 77", "bus 88", "no generator in service", "`much`", "occurs twice"):
        assert said in text


@pytest.mark.parametrize("value", [0, -0.1, np.inf])
def test_a_value_that_is_not_positive_is_refused_wherever_it_comes_from(net, value):
    for keywords in (
        {"table": pd.DataFrame({"bus": [2], "mq": [value]})},
        {"table": pd.DataFrame({"gen": [2], "mq": [value]})},
        {"mq": {2: value}},
        {"mq": value},
    ):
        with pytest.raises(scopf.ScopfError, match=r"mq"):
            at_generators(net, **keywords)


def test_every_value_out_of_range_is_named_by_its_bus(net):
    said = faults_of(net, table=pd.DataFrame({"bus": [1, 3], "mq": [-1, 1], "tau_p": [1, 0]}))
    assert len(said) == 2
    assert any("mq" in text and "bus 1" in text for text in said)
    assert any("tau_p" in text and "bus 3" in text for text in said)


@pytest.mark.parametrize("columns", [{"mq": [0.1]}, {"bus": [1], "gen": [1], "mq": [0.1]}])
def test_a_table_needs_one_key_column(net, columns):
    assert faults_of(net, table=pd.DataFrame(columns)) == [
        "needs one key column, either `bus` or `gen`"
    ]


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"mq": {77: 0.1}}, r"mq \(bus 77\): unknown bus"),
        ({"buses": [1, 4]}, r"buses \(bus 4\): there is no generator"),
        ({"buses": [1], "mq": {2: 0.1}}, r"mq \(bus 2\): has a value but is not among"),
        ({"buses": [1.5]}, "bus numbers"),
        ({"mq": {"x": 1}}, "bus"),
        ({"mq": "wide"}, "mq must be a finite number"),
        ({"table": "nowhere.csv"}, "no such file"),
    ],
)
def test_bad_arguments_are_refused(net, keywords, said):
    with pytest.raises(scopf.ScopfError, match=said):
        at_generators(net, **keywords)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n\xff\xfe", b'bus,mq\n"1,2\n'])
def test_a_file_that_is_no_table_is_refused(net, content, tmp_path):
    path = tmp_path / "inverters.csv"
    path.write_bytes(content)
    with pytest.raises(scopf.CaseError):
        at_generators(net, table=path)


def test_inverters_are_checked_and_frozen_however_they_are_made(net):
    inverters = at_generators(net)
    assert inverters.replace(mq=0.2).mq.tolist() == [0.2] * 3
    with pytest.raises(scopf.CaseError, match=r"mq \(bus 2\): must be a positive number"):
        inverters.replace(mq=[0.1, -1, 0.1])
    with pytest.raises(scopf.CaseError, match="2 values for 3 inverters"):
        inverters.replace(mq=[0.1, 0.1])
    with pytest.raises(ValueError, match="read-only"):
        inverters.mq[0] = 1


def test_the_table_of_inverters_names_units_and_droops(parallel):
    frame = at_generators(parallel, mq=0.2).frame()
    assert frame["bus"].tolist() == [1, 2]
    assert frame["gens"].tolist() == ["1+3", "2"]
    assert frame["mq"].tolist() == pytest.approx([0.1, 0.2])


def test_a_rating_by_bus_is_the_base_of_the_droop_there():
    net = scopf.load_case("case9")
    by_bus = scopf.Inverters.at_generators(net, droop_base="rating", mq=0.05, rating_mva={1: 500.0})
    assert by_bus.mq == pytest.approx([0.01, 0.05, 0.05])
    assert by_bus.rating == pytest.approx([5, 1, 1])


def test_a_table_row_by_generator_overrides_a_keyword_by_bus():
    net = scopf.load_case("case9")
    table = pd.DataFrame({"gen": [1], "mq": [0.3]})
    inverters = scopf.Inverters.at_generators(net, mq={1: 0.1, 2: 0.2}, table=table)
    assert inverters.mq == pytest.approx([0.3, 0.2, 0.05])


def test_a_value_for_a_bus_that_is_left_out_is_a_fault():
    with pytest.raises(scopf.CaseError, match="bus 3"):
        scopf.Inverters.at_generators(scopf.load_case("case9"), buses=[1, 2], mq={3: 0.2})


def test_replaced_columns_are_checked():
    inverters = scopf.Inverters.at_generators(scopf.load_case("case9"))
    assert inverters.replace(mq=0.3).mq == pytest.approx([0.3] * 3)
    with pytest.raises(scopf.CaseError, match="2 values for 3 inverters"):
        inverters.replace(mq=[0.1, 0.2])
    with pytest.raises(scopf.CaseError, match=r"bus 2.*positive"):
        inverters.replace(mq=[0.1, -0.2, 0.3])


def test_rows_wider_than_the_header_are_refused_and_an_empty_last_cell_is_not(net, tmp_path):
    path = tmp_path / "inverters.csv"
    path.write_text("gen,mq\n3,1,5\n1,0.2,\n")
    with pytest.raises(scopf.CaseError, match=r"table row 1: has 3 cells.*decimal comma") as caught:
        at_generators(net, table=path)
    assert len(caught.value.faults) == 1


def test_values_of_a_table_out_of_range_are_named_by_row_with_the_other_faults(net):
    table = pd.DataFrame({"bus": [1, 2, 77], "mq": [-1, 0.1, 0.1], "inverter": [1, 0.5, 1]})
    with pytest.raises(scopf.CaseError) as caught:
        at_generators(net, table=table)
    assert [fault.row for fault in caught.value.faults] == [1, 2, 3]
