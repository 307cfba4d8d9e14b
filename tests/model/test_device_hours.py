"""Machines over several hours, and beside droops that are variables."""

import pandas as pd
import pytest

import scopf

TIGHT = {"tol": 1e-10}
ODD = [31, 33, 35, 37, 39]


@pytest.fixture(scope="module")
def net():
    return scopf.load_case("case39").lossless()


@pytest.fixture(scope="module")
def machines():
    table = scopf.devices_table("case39")
    return table[table["bus"].isin(ODD)]


def test_hours_without_coupling_are_hours_by_themselves(net, machines):
    """Rows of machines bind in some of them, and have the prices of that hour alone."""
    given = {"criterion": "weighted", "devices": machines, "mq": 0.14}
    loads = [0.9, 1.03]
    day = scopf.solve(scopf.build(net, hours=loads, **given), options=TIGHT)
    assert day.claim == "stable"
    for name, load in zip(day.states, loads, strict=True):
        alone = scopf.solve(scopf.build(net.scaled(load=load), **given), options=TIGHT)
        hour = day.state(name)
        columns = ["bus", "margin", "nssp_per_pu", "dcost_dmq"]
        of = [one.inverters[columns] for one in (hour, alone)]
        pd.testing.assert_frame_equal(*of, rtol=1e-4, atol=1e-5)
        pd.testing.assert_frame_equal(hour.devices, alone.devices, rtol=1e-4, atol=1e-5)
    assert alone.inverters["nssp_per_pu"].sum() > 100
    assert day.verify_states().stable
    with pytest.raises(scopf.ScopfError, match=r"sol\.state\('1'\)\.devices"):
        _ = day.devices


def test_droops_are_found_at_which_stiffness_is_worth_its_cost(net, machines):
    """At an optimum inside the bounds d(cost)/d m_q = stiffness_cost / m_q^2."""
    given = {"criterion": "weighted", "devices": machines}
    bounds = {"mq_bounds": (0.05, 0.5), "stiffness_cost": 2.0}
    found = scopf.solve(scopf.build(net, **given, **bounds), options=TIGHT)
    droops = found.inverters.set_index("bus")["mq"]
    assert ((droops > 0.051) & (droops < 0.499)).all()
    fixed = scopf.solve(scopf.build(net, mq=droops.to_dict(), **given), options=TIGHT)
    slope = fixed.inverters.set_index("bus")["dcost_dmq"]
    assert slope.to_numpy() == pytest.approx((2.0 / droops**2).to_numpy(), rel=1e-3)
