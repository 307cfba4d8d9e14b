"""Sources of packages that are not installed, and what needs none of them."""

import sys

import numpy as np
import pytest

import scopf
from scopf.cases.approximations import Approximations
from scopf.cases.powsybl import curves, recognition
from scopf.cases.twoports import OPEN, TwoPorts, joined

pytestmark = pytest.mark.core


def ports(**columns):
    one = {
        "from_bus": [1], "to_bus": [2], "in_service": [True], "z": [0.01 + 0.1j],
        "y_from": [0.002 + 0.03j], "y_to": [0.001 + 0.05j],
        "ratio": [0.98 * np.exp(0.1j)], "rate": [150.0], "name": ["line"],
    } | columns  # fmt: skip
    return TwoPorts(**{key: np.array(value) for key, value in one.items()})


def admittances(port):
    """Two-port admittances of the branch as it was given."""
    y, a = 1 / port.z[0], port.ratio[0]
    return np.array(
        [
            [(y + port.y_from[0]) / abs(a) ** 2, -y / np.conj(a)],
            [-y / a, y + port.y_to[0]],
        ]
    )


def test_a_branch_and_its_shunts_are_the_two_port():
    port = ports()
    branch, (bus, shunt) = port.branches(100.0), port.shunts()
    y, a = 1 / (branch.r[0] + 1j * branch.x[0]), branch.tap[0] * np.exp(1j * branch.shift[0])
    half = 0.5j * branch.b[0]
    found = np.array([[(y + half) / abs(a) ** 2, -y / np.conj(a)], [-y / a, y + half]])
    found[bus - 1, bus - 1] += shunt
    assert found == pytest.approx(admittances(port), rel=1e-12)
    assert branch.rate == pytest.approx([1.5])


@pytest.mark.parametrize(("end", "kept"), [("from_bus", 1), ("to_bus", 0)])
def test_a_branch_with_an_open_end_is_the_reduced_two_port(end, kept):
    port = ports(**{end: [OPEN]})
    (bus,), (shunt,) = port.shunts()
    assert bus == kept + 1
    assert not len(port.branches(100.0))
    y, other = admittances(port), 1 - kept
    expected = y[kept, kept] - y[kept, other] * y[other, kept] / y[other, other]
    assert shunt == pytest.approx(expected, rel=1e-12)


def test_a_branch_from_a_bus_to_itself_is_a_shunt():
    port = ports(to_bus=[1])
    bus, shunt = port.shunts()
    assert not len(port.branches(100.0))
    assert (bus == 1).all()
    assert shunt.sum() == pytest.approx(admittances(port).sum(), rel=1e-12)


def test_branches_out_of_service_have_no_shunts():
    port = joined([ports(in_service=[False]), ports(name=["other"])])
    assert len(port.shunts()[0]) == 2


def test_a_branch_without_impedance_is_named():
    notes = Approximations("case")
    assert ports(z=[0j]).with_impedance(notes).z == pytest.approx([1e-4j])
    assert ports().with_impedance(notes).z == pytest.approx([0.01 + 0.1j])


P = np.array([0.0, 50.0, 100.0])


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ([-30.0, -30.0, -10.0], [40.0, 40.0, 20.0]),  # constant, then falling
        ([-30.0, -20.0, -10.0], [40.0, 30.0, 20.0]),  # straight
        ([-10.0, -30.0, -30.0], [20.0, 40.0, 40.0]),  # rising, then constant
        ([-5.0, -5.0, -5.0], [5.0, 5.0, 5.0]),
    ],
)
def test_curves_that_are_a_line_and_a_constant_are_exact(low, high):
    curve = curves.fitted(P, np.array(low), np.array(high))
    upper = np.minimum(np.interp(P, curve.p, curve.high), curve.qmax)
    lower = np.maximum(np.interp(P, curve.p, curve.low), curve.qmin)
    assert upper == pytest.approx(high)
    assert lower == pytest.approx(low)


@pytest.mark.parametrize("high", [[30.0, 40.0, 10.0], [40.0, 10.0, 30.0]])
def test_other_curves_are_none_of_ours(high):
    assert curves.fitted(P, -np.array([1.0, 1.0, 1.0]), np.array(high)) is None


@pytest.mark.parametrize("suffix", recognition.SUFFIXES)
def test_without_pypowsybl_the_extra_is_named(tmp_path, monkeypatch, suffix):
    monkeypatch.setitem(sys.modules, "pypowsybl", None)
    path = tmp_path / f"grid{suffix}"
    path.write_text("head\nBUS DATA FOLLOWS\nCIM iidm\n")
    with pytest.raises(scopf.CaseError, match=r"pip install 'scopf\[powsybl\]'"):
        scopf.load_case(path)


@pytest.mark.parametrize("suffix", [".txt", ".xml"])
def test_other_text_of_such_a_suffix_is_none(tmp_path, suffix):
    path = tmp_path / f"grid{suffix}"
    path.write_text("nothing of the kind\n")
    with pytest.raises(scopf.CaseError, match="its format is not known"):
        scopf.load_case(path)


@pytest.mark.parametrize("keyword", ["costs", "dispatch_dc", "snapshot"])
def test_what_a_source_does_not_take_is_refused(keyword):
    with pytest.raises(scopf.ScopfError, match=f"{keyword} go(es)? with"):
        scopf.load_case("case9", **{keyword: True})


def test_other_objects_are_refused_with_what_is_taken():
    class Network:
        pass

    with pytest.raises(scopf.ScopfError, match="pandapower, pypowsybl or PyPSA, not Network"):
        scopf.load_case(Network())
