"""Hours: what a table changes in the network, every fault of it, and the table again."""

import contextlib
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scopf
from scopf.network.hours import Hours


@pytest.fixture(scope="module")
def case9():
    """Loads at 5, 7 and 9; generators 1 to 3 with quadratic costs."""
    return scopf.load_case("case9")


def faults(table, net):
    with pytest.raises(scopf.CaseError) as caught:
        Hours.read(table, net)
    return str(caught.value)


# -- what a table changes -----------------------------------------------


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series])
def test_load_factors_are_hours_of_one_hour_each(case9, kind):
    hours = Hours.read(kind([0.9, 1, 1.05]), case9)
    assert hours.names == ("1", "2", "3")
    assert hours.duration.tolist() == [1, 1, 1]
    assert [round(net.bus.pd.sum(), 12) for net in hours.nets] == [2.835, 3.15, 3.3075]
    assert hours.nets[1] == case9
    assert len(hours) == 3


def test_a_column_of_a_bus_replaces_the_factor_for_all(case9):
    table = pd.DataFrame({"load_scale": [0.5, 2], "load_scale_5": [1, 3], "7": [0, 1]})
    first, second = Hours.read(table, case9).nets
    at = case9.bus_positions([5, 7, 9])
    assert (first.bus.pd[at] * 100).tolist() == [90, 0, 62.5]
    assert (second.bus.qd[at] * 100).tolist() == pytest.approx([90, 35, 100], rel=1e-14)


def test_loads_in_mw_leave_the_other_power_as_it_is(case9):
    table = pd.DataFrame({"load_scale": [0.5], "p_mw_5": [-20], "p_mw_4": [7], "q_mvar_7": [1]})
    (net,) = Hours.read(table, case9).nets
    at = case9.bus_positions([4, 5, 7])
    assert (net.bus.pd[at] * 100).tolist() == pytest.approx([7, -20, 50], rel=1e-14)
    assert (net.bus.qd[at] * 100).tolist() == pytest.approx([0, 15, 1], rel=1e-14)


def test_a_load_of_constant_current_in_part_stays_one(case9):
    current = np.where(case9.bus.id == 5, 0.3, 0.0)
    net = case9.replace(bus={"pd_current": current})
    (hour,) = Hours.read(pd.DataFrame({"p_mw_5": [60.0]}), net).nets
    at = case9.bus_positions([5])
    assert hour.bus.pd[at] == pytest.approx(0.45)  # 0.9 of 1.2
    assert hour.bus.pd_current[at] == pytest.approx(0.15)


def test_availability_and_limits(case9):
    table = pd.DataFrame({"availability_1": [0.5, 1], "pmin_mw_2": [0, 20], "pmax_mw_2": [50, 20]})
    first, second = Hours.read(table, case9).nets
    assert first.gen.pmax.tolist() == [1.25, 0.5, 2.7]
    assert first.gen.pmin.tolist() == [0.1, 0, 0.1]
    assert second.gen.pmax.tolist() == [2.5, 0.2, 2.7]
    assert second.gen.pmin.tolist() == [0.1, 0.2, 0.1]


def test_a_dispatchable_load_keeps_its_power_factor(case9):
    """Q is (Qmin / Pmin) P, so that another Pmin alone would be another power factor."""
    flags = [True, False, False]
    limits = {"pmin": -0.3, "pmax": 0.0, "qmin": -0.1, "qmax": 0.0}
    load = {key: np.where(flags, one, getattr(case9.gen, key)) for key, one in limits.items()}
    net = case9.replace(gen={**load, "constant_pf": np.array(flags)})
    first, second = Hours.read(pd.DataFrame({"pmin_mw_1": [-30, -15]}), net).nets
    assert first.gen == net.gen
    assert second.gen.qmin[:2].tolist() == [pytest.approx(-0.05), net.gen.qmin[1]]
    assert second.gen.pf_ratio.tolist() == pytest.approx(net.gen.pf_ratio.tolist())


def test_costs_by_hour(case9):
    table = pd.DataFrame({"cost_factor": [2], "cost_factor_2": [0], "price_3": [-5]})
    (net,) = Hours.read(table, case9).nets
    assert net.gen.cost_p[0].tolist() == (2 * case9.gen.cost_p[0]).tolist()
    assert not net.gen.cost_p[1].any()
    assert net.gen.cost_p[2].tolist() == [0, -500, 0]  # 5 per MWh of a power on 100 MVA


def test_costs_through_points(case9):
    points = np.full((3, 3, 2), np.nan)
    points[0], points[2] = [[0, 0], [1, 100], [2, 300]], [[0, 5], [1, 6], [2, 9]]
    polynomial = case9.gen.cost_p * np.array([[0], [1], [0]])
    net = case9.replace(gen={"cost_p_points": points, "cost_p": polynomial})
    table = pd.DataFrame({"cost_factor": [3, 1], "price_3": [1, 2]})
    first, second = Hours.read(table, net).nets
    assert first.gen.cost_p_points[0].tolist() == [[0, 0], [1, 300], [2, 900]]
    assert np.isnan(first.gen.cost_p_points[2]).all()
    assert first.gen.cost_p[2].tolist() == [0, 100, 0]
    assert second.gen.cost_p_points[0].tolist() == points[0].tolist()


def test_loads_that_are_not_served_follow(case9):
    kind = np.where(case9.bus.id == 5, 4, case9.bus.type)
    ends = np.isin([case9.branch.from_bus, case9.branch.to_bus], 5).any(axis=0)
    on = case9.branch.in_service & ~ends
    net = case9.replace(bus={"type": kind}, branch={"in_service": on}).energized()
    assert net.unserved.bus.tolist() == [5]
    table = pd.DataFrame({"load_scale": [2, 2, 2], "load_scale_5": [1, 3, 0.5]})
    left = [one.unserved.pd[0] for one in Hours.read(table, net).nets]
    assert left == pytest.approx([0.9, 2.7, 0.45], rel=1e-14)
    (one,) = Hours.read(pd.DataFrame({"p_mw_5": [12.5]}), net).nets
    assert one.unserved.pd[0] == 0.125
    assert one.unserved.qd[0] == 0.3


# -- names of hours -----------------------------------------------


def test_hours_may_be_named_by_a_column_or_by_the_index(case9, tmp_path):
    times = pd.date_range("2026-01-01 22:00", periods=2, freq="h", name="snapshot")
    table = pd.DataFrame({"load_scale": [1, 2], "duration_h": [0.25, 3]}, index=times)
    hours = Hours.read(table, case9)
    assert hours.names == ("2026-01-01 22:00:00", "2026-01-01 23:00:00")
    assert hours.duration.tolist() == [0.25, 3]
    assert Hours.read(table.rename_axis(None), case9).names == hours.names
    (tmp_path / "hours.csv").write_text("hour,all\n01,1\nnight,0.5\n")
    assert Hours.read(tmp_path / "hours.csv", case9).names == ("01", "night")


def test_load_factors_of_a_series_are_hours(case9):
    times = pd.date_range("2026-01-01", periods=2, freq="h")
    series = {"time": np.repeat(times, 2), "bus": [5, 7] * 2, "p_mw": [90, 100, 45, 110]}
    hours = Hours.read(scopf.load_factors(pd.DataFrame(series), case9), case9)
    assert hours.names == ("2026-01-01 00:00:00", "2026-01-01 01:00:00")
    at = case9.bus_positions([5, 7])
    loads = np.array([net.bus.pd[at] * 100 for net in hours.nets])
    assert loads == pytest.approx(np.array([[90, 100], [45, 110]]), rel=1e-14)


# -- faults -----------------------------------------------


def test_all_faults_are_said_at_once(case9):
    table = pd.DataFrame(
        {
            "hour": ["a", "a", None],
            "duration_h": [1, 0, -1],
            "load_scale": [1, "x", None],
            "p_mw_77": 1.0,
            "availability_1": [0.5, 2, 0],
            "availability_9": 1.0,
            "cost_factor_3": 1.0,
            "price_3": 2.0,
            "lod_scale": 1.0,
            "p_mw": 3.0,
        }
    )
    text = faults(table, case9)
    for part in (
        "hour row 2: hour a occurs twice",
        "hour row 3: the hour has no name",
        "duration_h row 2 (hour a): must be a positive number, got 0",
        "duration_h row 3: must be a positive number, got -1",
        "load_scale row 2 (hour a): `x` is not a number",
        "load_scale row 3: is missing",
        "p_mw_77: there is no bus 77 in case9",
        "availability_1 row 2 (hour a): must be a number from 0 to 1, got 2",
        "availability_9: there is no generator 9 in case9",
        "price_3: there is cost_factor_3 as well; give one of both",
        "unknown column lod_scale, p_mw; did you mean load_scale, p_mw_<bus>? known are hour,",
    ):
        assert part in text
    assert "hours: 11 faults" in text


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ([], "has no hours"),
        ([1, -1], "load_scale row 2 (hour 2): must be a number, not negative, got -1"),
        ([1, None], "load_scale row 2 (hour 2): is missing"),
        ([True], "`True` is not a number"),
        (pd.DataFrame({"load_scale": []}), "has no hours"),
        (pd.DataFrame({"all": [1], "load_scale": [1]}), "all and load_scale say the same"),
        (pd.DataFrame({"5": [1], "load_scale_05": [1]}), "5 and load_scale_05 say the same"),
        (pd.DataFrame([[1, 1]], columns=["all", "all"]), "column all occurs twice"),
        (pd.DataFrame({"hour": [1], "step": [1]}), "has 2 columns of times: step, hour"),
        (pd.DataFrame({"5": [1], "p_mw_5": [1]}), "there is load_scale_5 as well"),
        (
            pd.DataFrame({"availability_1": [0.01, 1, 0.02]}),
            "availability_1 row 3 (hour 3): 0.02 leaves 5 MW of gen 1 at bus 1, less than its Pmin "
            "of 10 MW; give pmin_mw_1 as well",
        ),
        (pd.DataFrame({"pmax_mw_1": [5.0]}), "hours row 1 (hour 1, gen 1 at bus 1): Pmin 10"),
        (pd.DataFrame({"cost_factor": [1e308]}), "cost is not a finite number"),
    ],
)
def test_what_is_no_table_of_hours_is_said(case9, table, said):
    assert said in faults(table, case9)


def test_a_load_has_no_availability(case9):
    gen = {"pmin": [-1, 0.1, 0.1], "pmax": [0, 3, np.inf]}
    net = case9.replace(gen={key: np.array(value) for key, value in gen.items()})
    text = faults(pd.DataFrame({"availability_1": [1, 1], "availability_3": [1, 1]}), net)
    assert "hours: 2 faults" in text
    assert "Pmax of gen 1 at bus 1 is 0 MW; an availability needs a positive one" in text
    assert "Pmax of gen 3 at bus 3 is inf MW" in text


@pytest.mark.parametrize("given", [3, None, {"load_scale": [1]}, [[1, 2]], [{"load_scale": 1}]])
def test_what_is_no_table_at_all(case9, given):
    with pytest.raises(scopf.ScopfError, match="hours must be a CSV file"):
        Hours.read(given, case9)


def test_a_file_is_named_in_its_faults(case9, tmp_path):
    path = tmp_path / "day.csv"
    path.write_text("hour,load_scale\n1,0,9\n2,1\n")
    text = faults(path, case9)
    assert "day.csv: 1 fault" in text
    assert "decimal comma" in text


# -- again -----------------------------------------------


def test_hours_that_fit_stay_what_they_are_and_others_are_read_again(case9):
    hours = Hours.read([1, 2], case9)
    assert Hours.read(hours, case9) is hours
    again = Hours.read(hours, case9.scaled(load=3))
    assert again.nets[1] == case9.scaled(load=6)
    assert Hours.read(hours, scopf.load_case("case14")).nets[0] == scopf.load_case("case14")
    with pytest.raises(scopf.CaseError, match="no bus 14"):
        Hours.read(Hours.read(pd.DataFrame({"p_mw_14": [1.0]}), scopf.load_case("case14")), case9)


def test_hours_without_a_table_are_of_their_network(case9):
    hours = Hours(("1",), [1.0], (case9,))
    assert Hours.read(hours, case9.scaled(load=3)) is hours
    with pytest.raises(scopf.ScopfError, match="of another network, which has another branch"):
        Hours.read(hours, case9.scaled(susceptance=2))


def test_hours_without_a_table(case9):
    hours = Hours(("1",), [1.0], (case9,))
    assert Hours.read(hours, case9) is hours
    with pytest.raises(scopf.ScopfError, match="without a table"):
        hours.frame()


_VALUES = st.floats(0, 1e6, allow_subnormal=False)
_COLUMNS = st.sampled_from(
    ["duration_h", "load_scale", "load_scale_5", "p_mw_7", "q_mvar_7", "p_mw_4", "availability_2",
     "pmax_mw_3", "cost_factor", "cost_factor_1", "price_3"]
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.data(), st.integers(1, 4), st.sets(_COLUMNS))
def test_the_table_makes_the_same_hours_through_json(case9, data, count, columns):
    few = st.lists(_VALUES, min_size=count, max_size=count)
    table = {name: np.array(data.draw(few)) for name in sorted(columns)} or {"all": np.ones(count)}
    for name, least, most in (
        ("duration_h", 1e-3, 24), ("availability_2", 0.1, 1), ("pmax_mw_3", 10, 1e6),
    ):  # fmt: skip
        if name in table:
            table[name] = np.clip(table[name], least, most)
    hours = Hours.read(pd.DataFrame(table), case9)
    text = json.dumps(hours.frame().to_dict("list"))
    again = Hours.read(pd.DataFrame(json.loads(text)), case9)
    assert again.names == hours.names
    assert np.array_equal(again.duration, hours.duration)
    assert again.nets == hours.nets


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.text(max_size=12), st.lists(st.text(max_size=4), min_size=2, max_size=2)))
def test_any_table_is_read_or_refused_in_a_sentence(case9, table):
    with contextlib.suppress(scopf.ScopfError):
        assert len(Hours.read(pd.DataFrame(table), case9)) == 2
