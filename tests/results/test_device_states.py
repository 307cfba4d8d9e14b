"""The table of devices, and where their rows appear: accounts, JSON, text."""

import json

import numpy as np
import pandas as pd
import pytest

import scopf
from scopf.results import claims, export
from scopf.stability import device_rows

ODD = [31, 33, 35, 37, 39]


@pytest.fixture(scope="module")
def net():
    return scopf.load_case("case39").lossless()


@pytest.fixture(scope="module")
def table():
    whole = scopf.devices_table("case39")
    return whole[whole["bus"].isin(ODD)]


@pytest.fixture(scope="module")
def found(net, table):
    follower = pd.DataFrame({"bus": [36], "device": ["gfl"], "kv": [5.0], "tv": [0.05]})
    return scopf.solve(scopf.build(net, mq=0.2, criterion="weighted",
                                   devices=pd.concat([table, follower])))  # fmt: skip


def _reactive(e, x, xq, p, v, guess):
    """Q of a machine behind the voltage e and the reactances x, xq that delivers p; and its angle.

    From the two axes, by Newton's method on the angle: nothing of the package.
    """
    angle = guess
    for _ in range(50):
        power = e * v * np.sin(angle) / x + v**2 * np.sin(2 * angle) / 2 * (1 / xq - 1 / x)
        by = e * v * np.cos(angle) / x + v**2 * np.cos(2 * angle) * (1 / xq - 1 / x)
        angle -= (power - p) / by
    q = e * v * np.cos(angle) / x - v**2 * (np.cos(angle) ** 2 / x + np.sin(angle) ** 2 / xq)
    return q, angle, by


def test_a_row_is_the_machine_by_its_two_axes(found, table):
    for _, row in found.devices[found.devices["device"] == "one-axis"].iterrows():
        own = table[table["bus"] == row["bus"]].iloc[0]
        p, q, v = row["p_mw"] / 100, row["q_mvar"] / 100, row["vm"]
        start = np.radians(row["angle_deg"])
        again, angle, k = _reactive(row["field_pu"], own["xd"], own["xq"], p, v, start)
        assert again == pytest.approx(q, abs=1e-9)
        assert np.degrees(angle) == pytest.approx(row["angle_deg"], abs=1e-7)
        assert k == pytest.approx(row["k_pu"], rel=1e-8)
        # the flux of the same equilibrium: x'd behind the same angle
        flux = (p - v**2 * np.sin(2 * angle) / 2 * (1 / own["xq"] - 1 / own["xd1"])) / (
            v * np.sin(angle) / own["xd1"]
        )
        for e, x, name in (
            (row["field_pu"], own["xd"], "slope_pu"),
            (flux, own["xd1"], "transient_slope_pu"),
        ):
            near = [_reactive(e, x, own["xq"], p, v + h, angle)[0] for h in (-1e-5, 1e-5)]
            assert row[name] == pytest.approx(-(near[1] - near[0]) / 2e-5, rel=1e-6)


def test_a_follower_has_the_slope_of_its_support(found):
    row = found.devices.set_index("bus").loc[36]
    assert (row["slope_pu"], row["transient_slope_pu"]) == (5.0, 0.0)
    assert row[["angle_deg", "field_pu", "k_pu", "mu_k_per_pu"]].isna().all()


def test_no_devices_no_rows(net):
    plain = scopf.solve(scopf.build(net, mq=0.2, criterion="none"))
    assert plain.devices.empty
    assert list(plain.devices)[:3] == ["gen", "bus", "device"]
    assert "devices" not in plain.tables


def test_a_failed_solve_has_no_prices(net, table):
    failed = scopf.solve(scopf.build(net, mq=0.6, criterion="weighted", devices=table))
    assert not failed.solved
    assert failed.devices["mu_k_per_pu"].isna().all()


# -- accounts -----------------------------------------------


def test_accounts_close_and_name_load_angles(net, table, monkeypatch):
    """Rows of load angles depend on voltages: they are stability rows, not further ones."""
    costs = {}
    for least in (6.29, 6.3, 6.31):  # instead of all but zero, so that one binds
        monkeypatch.setattr(device_rows, "ANGLE", least)
        held = scopf.solve(scopf.build(net, mq=0.2, criterion="weighted", devices=table))
        costs[least] = held.cost
        if least == 6.3:
            found = held
    at = found.devices.set_index("gen").loc[8]
    assert at["k_pu"] == pytest.approx(6.3, abs=1e-6)
    assert at["mu_k_per_pu"] == pytest.approx((costs[6.31] - costs[6.29]) / 0.02, rel=0.02)
    closed = found.settlement
    assert closed.residual == pytest.approx(0, abs=1e-4)
    assert "further rows" not in closed.accounts["name"].tolist()
    rows = closed.surplus[closed.surplus["kind"] == "stability rows"].set_index("element")
    assert abs(rows["amount_per_h"]["machine of gen 8"]) > 1
    accounts = closed.accounts.groupby("kind")["amount_per_h"].sum()
    left = accounts["payment"] - accounts["revenue"] - accounts["surplus"]
    assert left == pytest.approx(0, abs=1e-4)


# -- files and text -----------------------------------------------


def test_json_has_the_devices(found):
    read = json.loads(export.as_json(found, {}))
    assert [row["gen"] for row in read["devices"]] == found.devices["gen"].tolist()
    assert read["devices"][-1]["angle_deg"] is None
    assert {row["slopes"] for row in read["pairs"]} == {"steady", "transient"}
    assert read["unmet_assumptions"] == list(found.unmet)


def test_a_machine_beyond_its_load_angle(net, table):
    """It absorbs more than V^2/x_q, so that K is below zero: no slope, and no claim."""
    at = int(np.flatnonzero(net.gen.bus == 37)[0])
    qmax, qmin = net.gen.qmax.copy(), net.gen.qmin.copy()
    qmax[at], qmin[at] = -0.5, -1.0
    absorbing = net.replace(gen={"qmax": qmax, "qmin": qmin})
    weak = table.copy()
    weak.loc[weak["bus"] == 37, ["xd", "xq", "xd1"]] *= 10
    plain = scopf.solve(scopf.build(absorbing, mq=0.05, criterion="none", devices=weak))
    beyond = plain.devices[plain.devices["k_pu"] <= 0]
    assert beyond["bus"].tolist() == [37]
    assert (beyond["slope_pu"] == -np.inf).all()
    rows = {row["gen"]: row for row in json.loads(export.as_json(plain, {}))["devices"]}
    assert rows[8]["slope_pu"] is None
    assert plain.verify().stable is False
    problem = scopf.build(absorbing, mq=0.05, criterion="weighted", devices=weak)
    point = plain.point
    unmet = claims.unmet(problem.criterion, plain.setting, plain.energized,
                         (point.vm, point.va), (point.pg, point.qg))  # fmt: skip
    assert unmet == ("the rows do not hold at bus 37 (slack -inf)",)
    held = scopf.solve(problem)
    assert not held.solved or (held.devices["k_pu"][:5] > 0).all()


def test_text_of_machines_alone(net):
    every = scopf.devices_table("case39")
    alone = scopf.solve(scopf.build(net, criterion="weighted", devices=every, load_scale=0.6))
    assert alone.claim == "stable"
    assert "There is no inverter, so there is no NSSP" in str(alone)
    assert alone.pairs["bus"].tolist() == net.bus.id.tolist()
