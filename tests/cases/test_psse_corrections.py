"""Impedance correction tables: factors at taps and angles, by hand."""

import numpy as np
import pytest

from scopf.cases.psse import corrections
from tests.cases import raw_files
from tests.cases.test_psse import read, refused, small

REAL = ["1,0.9,1.06,1.0,1.0,1.1,0.95", "2,-30,1.1,0,1.0,30,1.2", "3,.9,1.3,1.0,1.0,1.1,0.7"]
COMPLEX = [
    "1,0.9,1.06,0.02,1.0,1.0,0.0",
    " 1.1,0.95,-0.01,0,0,0",  # goes on, to 0, 0, 0
    "3,.9,1.3,0.0,1.0,1.0,0,1.1,0.7,0.0,0.0",  # as some programs end it
    "2,-30,1.1,0.0,0,1.0,0.0,30,1.2,0.0",  # the next one begins
    "4,.9,1.3,0.0,1.0,1.0,0,1.1,0.7,0.0",
]


def winding(revision, windv, angle=0.0, table=0, cod=0):
    """The third to fifth line of a transformer."""
    rates = [0] * (3 if revision < 34 else 12)
    node = [0] if revision >= 35 else []
    return raw_files.row(
        windv, 0.0, angle, *rates, cod, 0, *node, 1.1, 0.9, 1.1, 0.9, 33, table, 0, 0, 0.0
    )


def two(revision, windv, **keywords):
    return ["2,3,0,'1',1,1,1,0,0,2,'T',1", "0.01,0.1,100", winding(revision, windv, **keywords)]


def z(tmp_path, revision, rows, tables):
    text = small(revision, transformer=rows, impedance_correction=tables)
    branch = read(tmp_path, text).branch
    return (branch.r + 1j * branch.x)[1:]


@pytest.mark.parametrize(
    ("windv", "keywords", "factor"),
    [
        (1.0, {"table": 1}, 1.0),
        (1.03, {"table": 1}, 0.985),  # 1 - .05 * .03 / .1
        (0.92, {"table": 1}, 1.048),
        (1.4, {"table": 1}, 0.95),  # held beyond the ends
        (0.5, {"table": 1}, 1.06),
        (1.03, {"table": 2, "angle": 10.0}, 1 + 0.2 / 3),
        (1.03, {"table": 2, "angle": -45.0}, 1.1),
        (1.03, {"table": 0}, 1.0),
    ],
)
def test_a_factor_is_that_at_the_present_tap_or_angle(tmp_path, windv, keywords, factor):
    (found,) = z(tmp_path, 33, [*two(33, windv, **keywords), "0.98,0"], REAL)
    # pypowsybl 1.16 has .01 + .1j ohms per ohm here, times .98^2, without the factor
    assert found == pytest.approx((0.01 + 0.1j) * factor * 0.98**2, rel=1e-13)


@pytest.mark.parametrize(("windv", "factor"), [(1.03, 0.985 - 0.003j), (0.95, 1.03 + 0.01j)])
def test_factors_are_complex_from_34_on(tmp_path, windv, factor):
    (found,) = z(tmp_path, 35, [*two(35, windv, table=1), "1.0,0"], COMPLEX)
    assert found == pytest.approx((0.01 + 0.1j) * factor, rel=1e-13)
    for table, angle, expected in ((2, 15.0, 1.1), (3, 0.0, 1.0)):
        rows = [*two(35, 1.0, table=table, angle=angle), "1.0,0"]
        (found,) = z(tmp_path, 35, rows, COMPLEX)
        assert found == pytest.approx((0.01 + 0.1j) * expected, rel=1e-13)


def test_windings_of_three_have_factors_of_their_own(tmp_path):
    rows = [
        "1,2,3,'1',1,1,1,0,0,2,'T',1",
        "0.01,0.1,100,0.01,0.12,100,0.01,0.15,100",
        winding(33, 1.03, table=1),
        winding(33, 0.97, table=3),
        winding(33, 1.0),
    ]
    found = z(tmp_path, 33, rows, REAL)
    legs = np.array([0.005 + 0.065j, 0.005 + 0.035j, 0.005 + 0.085j])
    np.testing.assert_allclose(found, legs * [0.985, 1.09, 1.0], rtol=1e-13)


def test_factors_between_pairs_of_buses_are_not_represented(tmp_path):
    rows = [
        "1,2,3,'1',1,1,1,0,0,2,'T',1,1,1,0,1,0,1,0,1,'',1",
        "0.01,0.1,100,0.01,0.12,100,0.01,0.15,100",
        winding(35, 1.03, table=1),
        winding(35, 1.0),
        winding(35, 1.0),
    ]
    (said,) = refused(tmp_path, small(35, transformer=rows, impedance_correction=COMPLEX))
    assert "impedance correction tables between pairs of buses (ZCOD)" in said


def test_a_table_that_is_not_there_is_named(tmp_path, caplog):
    (found,) = z(tmp_path, 33, [*two(33, 1.0, table=7), "1.0,0"], REAL)
    assert found == 0.01 + 0.1j
    assert "these impedance correction tables are not in the file" in caplog.text
    assert "7 of 2-3 '1'" in caplog.text


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("1,0.9,1.0", "fewer than two points"),
        ("1,0.9,1.0,0.8,1.0", "do not ascend"),
        ("1,0.9,1.0,1.1,-1.0", "not positive"),
        ("1,0.9,1.0,1.1", "a value without a factor"),
        ("1,0.9,x,1.1,1.0", "`x` is not a number"),
    ],
)
def test_a_table_that_is_wrong_refuses_those_that_use_it(tmp_path, table, fault):
    text = small(33, transformer=[*two(33, 1.0, table=1), "1.0,0"], impedance_correction=[table])
    assert any(fault in said for said in refused(tmp_path, text))
    if "x" not in table:
        read(tmp_path, small(33, impedance_correction=[table]))


def test_pairs_are_known_in_later_revisions_too():
    pairs = [0.9, 1.02, 0.95, 1.01, 1.0, 1.0]
    assert corrections.width(34, pairs) == corrections.REAL
    assert corrections.width(34, [0.9, 1.02, 0.0, 1.0, 1.0, 0.0]) == corrections.COMPLEX
    assert corrections.width(33, [0.9, 1.02, 0.0, 1.0, 1.0, 0.0]) == corrections.REAL
