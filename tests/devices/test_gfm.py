"""Inverters: where their parameters come from and how parallel units act as one."""

import pickle

import numpy as np
import pandas as pd
import pytest

import scopf

pytestmark = pytest.mark.core

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


def test_a_value_in_a_table_may_be_refused_with_its_unit(net):
    assert faults_of(net, table=pd.DataFrame({"bus": [2], "rating_mva": [-5]})) == [
        "rating_mva row 1 (bus 2): must be a positive number, got -5 MVA"
    ]


@pytest.mark.parametrize("text", ["gen,mq\n3,0.3,\n1,0.2,\n", "GEN,mq\n,\n3,.3\n1,2e-1\n,\n"])
def test_a_file_and_a_frame_give_the_same_inverters(net, text, tmp_path):
    path = tmp_path / "inverters.csv"
    path.write_text(text)
    frame = pd.DataFrame({"gen": [3, 1], "mq": [0.3, 0.2]})
    assert at_generators(net, table=path).mq.tolist() == at_generators(net, table=frame).mq.tolist()


# -- units -----------------------------------------------------

NUMBERS = (*DEFAULTS, "rating")
TABLE = {"gen": [1, 3], "mq": [0.1, 0.3], "beta_q": [0.5, 2], "mp": [0.2, 0.7], "tau_q": [0.1, 0.4]}


def assert_units_are_the_inverters(inverters):
    """The parallel connection of the units, stated here again, has the inverters' numbers."""
    units = inverters.units
    for i, gens in enumerate(inverters.gens):
        of = units.inverter == i
        assert tuple(units.gen[of].tolist()) == gens
        for q in "qp":
            names = (f"m{q}", f"beta_{q}", f"tau_{q}")
            m, beta, tau = (getattr(units, name)[of] for name in names)
            whole_m, whole_beta, whole_tau = (getattr(inverters, name)[i] for name in names)
            stiffness = 1 / (m * beta)
            assert (1 / m).sum() * whole_m == pytest.approx(1, rel=1e-12)
            assert stiffness.sum() * whole_m * whole_beta == pytest.approx(1, rel=1e-12)
            mean = (tau * stiffness).sum() / stiffness.sum()
            assert mean == pytest.approx(whole_tau, rel=1e-12)
        assert units.rating[of].sum() == pytest.approx(inverters.rating[i], rel=1e-12)
    for name in NUMBERS:
        assert not getattr(units, name).flags.writeable


def shares(inverters, name):
    """Each unit's number over that of its inverter."""
    return getattr(inverters.units, name) / getattr(inverters, name)[inverters.units.inverter]


def test_each_unit_keeps_what_was_given_for_it(parallel):
    units = at_generators(parallel, table=pd.DataFrame(TABLE), beta_p=2).units
    assert units.gen.tolist() == [1, 3, 2]
    assert units.inverter.tolist() == [0, 0, 1]
    assert units.mq.tolist() == [0.1, 0.3, 0.05]
    assert units.beta_q.tolist() == [0.5, 2, 1]
    assert units.mp.tolist() == [0.2, 0.7, 0.05]
    assert units.beta_p.tolist() == [2, 2, 2]
    assert units.tau_q.tolist() == [0.1, 0.4, 0.1]
    assert units.rating.tolist() == [1, 0.5, 1]


@pytest.mark.parametrize("base", ["system", "rating"])
@pytest.mark.parametrize("keywords", [{}, {"mq": {1: 0.7}}, {"rating_mva": {1: 300}, "mp": {2: 2}},
                                      {"tau_q": {1: 0.9}, "beta_q": {1: 3}, "tau_p": 0.3},
                                      {"rating_factor": 1.1}])  # fmt: skip
def test_units_make_up_their_inverter(parallel, keywords, base):
    table = pd.DataFrame(TABLE)
    if isinstance(keywords.get("mq"), dict):
        table = table.drop(columns="mq")
    if "beta_q" in keywords:
        table = table.drop(columns=["beta_q", "tau_q"])
    inverters = at_generators(parallel, table=table, droop_base=base, **keywords)
    assert_units_are_the_inverters(inverters)
    by_bus = {"bus": [1], "mq": [0.4], "beta_p": [0.5], "tau_p": [0.3], "rating_mva": [70]}
    whole = at_generators(parallel, table=pd.DataFrame(by_bus), droop_base=base, mp=0.3)
    assert_units_are_the_inverters(whole)
    assert whole.units.rating.tolist() == pytest.approx([0.7 * 2 / 3, 0.7 / 3, 1])


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_changes_is_shared_out_as_the_one_before(parallel, name):
    before = at_generators(parallel, table=pd.DataFrame(TABLE))
    after = before.replace(**{name: [0.123, 7.0]})
    assert_units_are_the_inverters(after)
    for other in NUMBERS:
        assert shares(after, other) == pytest.approx(shares(before, other), rel=1e-12), other
    assert_units_are_the_inverters(after.replace(**{name: 1e-3}).replace(mq=4, beta_q=0.2))


def test_units_survive_a_pickle_to_the_last_bit(parallel):
    before = at_generators(parallel, table=pd.DataFrame(TABLE)).replace(mq=[0.3, 0.4])
    after = pickle.loads(pickle.dumps(before))
    assert_units_are_the_inverters(after)
    assert not after.mq.flags.writeable
    for name in NUMBERS:
        assert getattr(after.units, name).tolist() == getattr(before.units, name).tolist()


def test_units_are_alike_where_nothing_is_known_of_them(parallel):
    inverters = at_generators(parallel, table=pd.DataFrame(TABLE), tau_p=0.3)
    alike = scopf.Inverters(**inverters.columns)
    assert_units_are_the_inverters(alike)
    assert alike.units.mq[:2].tolist() == pytest.approx([2 * inverters.mq[0]] * 2)
    assert alike.units.rating[:2].tolist() == pytest.approx([0.75] * 2)
    other = inverters.replace(gens=((1,), (2, 3)))
    assert other.units.inverter.tolist() == [0, 1, 1]
    assert_units_are_the_inverters(other)


def test_units_of_many_inverters_make_them_up():
    net = scopf.load_case("case118")
    rng = np.random.default_rng(5)
    n = len(net.gen)
    net = net.replace(gen={"bus": rng.choice(net.gen.bus[:20], n), "mbase": rng.uniform(9, 300, n)})
    table = {name: 10.0 ** rng.uniform(-2, 1, n) for name in DEFAULTS}
    inverters = at_generators(net, table=pd.DataFrame({"gen": net.gen.id, **table}))
    assert max(map(len, inverters.gens)) > 3
    assert_units_are_the_inverters(inverters)
    assert_units_are_the_inverters(inverters.replace(mq=10 ** rng.uniform(-3, 1, len(inverters))))


def test_no_inverter_has_no_unit(net):
    assert len(at_generators(net, buses=[]).units) == 0


def test_the_units_of_a_problem_follow_its_droop(parallel):
    problem = scopf.build(parallel, at_generators(parallel, table=pd.DataFrame(TABLE)))
    for mq in (0.3, {1: 0.01}):
        assert_units_are_the_inverters(problem.update(mq=mq).inverters)


@pytest.mark.parametrize(
    ("mq", "said"),
    [
        (0, "mq must be positive, got 0"),
        ([0.1, 0.2, 0.3], "mq must be a finite number"),
        ({1: "a"}, "mq of bus 1 must be a finite number"),
        ({4: 0.1}, "there is no inverter at bus 4"),
    ],
)
def test_other_droops_are_checked(net, mq, said):
    inverters = scopf.Inverters.at_generators(net)
    with pytest.raises(scopf.ScopfError, match=said):
        inverters.with_droops(mq)


def test_other_droops_come_in_a_series_and_on_ratings(net):
    inverters = scopf.Inverters.at_generators(net, rating_mva=200.0)
    bus = int(inverters.bus[0])
    given = inverters.with_droops(pd.Series({bus: 0.2}), "rating")
    assert given.mq[0] == pytest.approx(0.2 * net.base_mva / 200.0)
    assert given.mq[1:].tolist() == inverters.mq[1:].tolist()
    every = inverters.with_droops(0.2, "rating")
    assert every.mq == pytest.approx(np.full(len(every), 0.2 * net.base_mva / 200.0))
