"""Ramp limits: a number, a mapping or a table, and every fault of it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scopf
from scopf.network import ramps


@pytest.fixture(scope="module")
def case9():
    return scopf.load_case("case9")


INF = np.inf


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        (60, [0.6, 0.6, 0.6]),
        (0, [0, 0, 0]),
        (np.float64(5), [0.05, 0.05, 0.05]),
        ({2: 60, 3: 0}, [INF, 0.6, 0]),
        ({}, [INF, INF, INF]),
        ({1: INF, 2: np.float32(0.5)}, [INF, 0.005, INF]),
        (pd.Series({1: 60.0, 3: np.nan}), [0.6, INF, INF]),
        (pd.DataFrame({"gen": [3, 1], "ramp_mw_per_h": [30, None]}), [INF, INF, 0.3]),
        (pd.DataFrame({"gen": [], "ramp_mw_per_h": []}), [INF, INF, INF]),
    ],
)
def test_limits_are_per_unit_and_infinite_where_none_is_given(case9, given, limits):
    assert ramps.read(given, case9).tolist() == limits


def test_a_file(case9, tmp_path):
    path = tmp_path / "ramps.csv"
    path.write_text("Gen,ramp_mw_per_h # MW/h\n1,60\n2,inf\n,\n3,\n")
    assert ramps.read(path, case9).tolist() == [0.6, INF, INF]


def test_all_faults_are_said_at_once(case9):
    table = pd.DataFrame({"gen": [1, 1, 8, 2.5, None, 3], "ramp_mw_per_h": [1, 2, 3, 4, 5, -6]})
    with pytest.raises(scopf.CaseError) as caught:
        ramps.read(table, case9)
    text = str(caught.value)
    for part in (
        "ramps: 5 faults",
        "gen row 2 (gen 1): occurs twice",
        "gen row 3 (gen 8): there is no such generator in case9",
        "row 4 (gen 2.5): `2.5` is not a whole number",
        "row 5: the gen is missing",
        "row 6 (gen 3): must be a number, not negative, got -6 MW/h",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (-1, "ramps must be zero or positive"),
        (np.nan, "ramps must be a finite number"),
        (True, "ramps must be a finite number"),
        (None, "ramps must be a finite number"),
        ([1, 2, 3], "ramps must be a number, a mapping by generator, a DataFrame or a CSV file"),
        ({1: "x"}, "`x` is not a number"),
        ({"g1": 3}, "`g1` is not a number"),
        ({7: 3}, "gen 7.: there is no such generator"),
        (pd.DataFrame({"gen": [1], "ramp_mw": [2]}), "did you mean ramp_mw_per_h"),
        (pd.DataFrame({"gen": [1]}), "has no column ramp_mw_per_h"),
        ("nowhere.csv", "nowhere.csv: 1 fault\n  cannot be read"),
    ],
)
def test_what_are_no_ramps_is_said(case9, given, said):
    with pytest.raises(scopf.ScopfError, match=said):
        ramps.read(given, case9)


def test_a_generator_that_is_not_energized_may_be_named(case9):
    off = case9.replace(gen={"in_service": np.array([True, False, True])})
    assert ramps.read({2: 5}, off).tolist() == [INF, 0.05, INF]


@given(st.lists(st.floats(0, 1e9) | st.just(INF), min_size=3, max_size=3))
def test_the_table_makes_the_same_limits(case9, values):
    limits = ramps.read(dict(zip((1, 2, 3), values, strict=True)), case9)
    assert ramps.read(ramps.frame(limits, case9), case9).tolist() == limits.tolist()
