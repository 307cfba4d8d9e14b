"""Machines and grid-following inverters after outages: what they settle at, and prices."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import scopf
from scopf.devices.gfl import Followers
from scopf.devices.mixed import Devices
from scopf.network.tables import positions
from scopf.stability.device_rows import ANGLE
from tests.grids import meshed

TIGHT = {"tol": 1e-10}


@pytest.fixture(scope="module")
def net():
    return scopf.load_case("case39").lossless().scaled(load=0.98)


def mixed():
    """Machines with and without regulator and governor, and a support with a lag."""
    table = scopf.devices_table("case39").set_index("bus")
    machines = pd.concat(
        [
            table.loc[[31, 33]].assign(r=0.005, tg=0.5),
            table.loc[[35]].assign(device="avr", ka=1.0, ta=0.05),
            table.loc[[39]].assign(device="classical"),
        ]
    ).reset_index()
    support = pd.DataFrame({"bus": [34], "device": "gfl", "kv": 3.0, "tv": 0.05})
    return pd.concat([machines, support])


def governed(buses):
    table = scopf.devices_table("case39")
    return table[table["bus"].isin(buses)].assign(r=0.005, tg=0.5)


def build(net, devices, outages, **keywords):
    keywords = {"criterion": "weighted", "emergency": 1.2, "frequency_band": 0.02} | keywords
    return scopf.build(net, devices=devices, outages=outages, **keywords)


@pytest.fixture(scope="module")
def secure(net):
    problem = build(net, mixed(), [6, "gen 8"], mq=0.1)
    return problem, scopf.solve(problem, options=TIGHT)


# -- where the grid settles -----------------------------------------------


def test_states_are_where_the_equations_of_motion_rest(secure):
    """The rates of every device are zero, but for angles, which turn with the frequency."""
    _, found = secure
    moved = 0.0
    for name in found.states:
        state = found.state(name)
        before, after = found.buses.set_index("bus"), state.buses.set_index("bus")
        gens, first = state.gens.set_index("gen"), found.gens.set_index("gen")
        (w,), speed = state.frequency, 2 * np.pi * 60.0
        moved = max(moved, abs(w))
        devices = found.setting.devices
        left = devices.take(np.isin(devices.gens, gens.index))
        for of in (left.machines, left.followers):
            p, q, p_0, q_0 = (
                table.loc[of.gen, key].to_numpy() / 100.0
                for table in (gens, first)
                for key in ("p_mw", "q_mvar")
            )
            v, v_0 = (table.loc[of.bus, "vm"].to_numpy() for table in (after, before))
            theta = np.radians(after.loc[of.bus, "va_deg"].to_numpy())
            x, at_first = (
                of.equilibrium(*point) for point in ((p, q, v, theta), (p_0, q_0, v_0, theta))
            )
            if isinstance(of, Followers):
                x[1], third = speed * w, q_0
                x[4] = of.kv * (v_0 - v)
            else:
                x[1], third = w, at_first[4]
                x[3] = -w / of.r
                x[4] = third + of.ka * (v_0 - v)
            rates, *power = of.rates(x, v, theta, w, (p_0, v_0, third), speed)
            assert np.abs(rates[of.active]).max() < 1e-7
            assert np.allclose(power, (p, q), atol=1e-9)
    assert moved > 1e-4


def test_the_power_flow_finds_the_states(secure, net):
    """By the set points of the dispatch alone, with units of a bus and DC lines as they are."""
    _, found = secure
    flows = scopf.power_flow(found, outages=[6, "gen 8"])
    for flow in flows:
        state = found.state(flow.outage)
        assert flow.converged
        assert np.allclose(flow.vm, state.buses["vm"], atol=1e-8)
        assert np.allclose(flow.frequency, state.frequency, atol=1e-9)
        both = flow.gens[["p_mw", "q_mvar"]], state.gens[["p_mw", "q_mvar"]]
        assert np.allclose(*both, atol=1e-5)


def test_screening_finds_what_the_dispatch_with_all_states_has(net):
    """Outages without a state in the model violate nothing, and are as the power flow has them."""
    asked = [1, 2, 4, 6, 8, 13, "gen 8"]
    found = scopf.solve(build(net, mixed(), asked, mq=0.1))
    assert found.solved
    problem = build(net, mixed(), asked, mq=0.1)
    problem.include(problem.outages)
    whole = scopf.solve(problem)
    assert found.cost == pytest.approx(whole.cost, rel=1e-6)
    screened = found.outages.set_index("state")
    assert (screened["status"] == "secure").any()
    for name in screened.index[screened["status"] == "secure"]:
        idle, state = found.state(name).devices, whole.state(name).devices
        assert idle["gen"].tolist() == state["gen"].tolist()
        assert np.allclose(idle["slope_pu"], state["slope_pu"], rtol=1e-3)


def test_machines_hold_an_island_that_has_no_inverter(net):
    """A branch outage of a grid of machines alone: fields and governors are all that settles it."""
    table = scopf.devices_table("case39").assign(r=0.005, tg=0.5)
    found = scopf.solve(build(net, table, [6], criterion="none"), options=TIGHT)
    assert found.solved
    (flow,) = scopf.power_flow(found, outages=[6])
    state = found.state("branch 6")
    assert np.allclose(flow.vm, state.buses["vm"], atol=1e-8)
    fields = found.devices["field_pu"]
    assert np.allclose(state.devices["field_pu"], fields, atol=1e-7)
    assert not np.allclose(state.devices["q_mvar"], found.devices["q_mvar"], atol=1.0)


def test_the_power_flow_goes_on_where_a_step_is_too_long_for_a_field():
    """The first step asks of the machine at bus 4 more than its field can hold."""
    edges, costs = [(1, 2), (2, 3), (3, 1), (3, 4), (4, 1)], [[0, 2, 1.1], [0, 1, 1], [0, 3, 1.2]]
    net = meshed(edges, [1, 2, 4], {3: (2.2, 0.3)})
    net = dataclasses.replace(net, gen=net.gen.replace(cost_p=np.array(costs)))
    table = pd.DataFrame({"bus": [2, 4], "device": ["classical", "avr"], "xd1": 0.3, "xq": 1.7,
                          "xd": 1.8, "h": 4.0, "d": 1.0, "r": 0.05, "ka": [None, 5]})  # fmt: skip
    given = {"criterion": "none", "mq": 0.1, "frequency_band": 0.1}
    problem = build(net, table, ["gen 2"], **given)
    found = scopf.solve(problem, options=TIGHT)
    (flow,) = scopf.power_flow(found, outages=["gen 2"])
    assert flow.converged
    assert np.allclose(flow.vm, found.state("gen 2").buses["vm"], atol=1e-7)


def test_states_are_verified_with_the_devices_that_are_given(secure):
    """Without any, the generators that were devices are constant power in every state."""
    _, found = secure
    with_them, without = (
        found.verify_states(["branch 6"], devices=one).checks["branch 6"].modes
        for one in (None, Devices.none())
    )
    assert "one-axis" in set(with_them["device"])
    assert set(without["device"]) == {"inverter"}


def test_limits_of_load_angles_after_an_outage_are_named(net):
    problem = build(net, governed([31, 33, 35]), [6, "gen 8"], mq=0.1)
    labels = [
        label
        for one in problem.opf.states.relaxations()
        if one.name == "load angle"
        for label in one.labels
    ]
    assert "machine of gen 2 after branch 6" in labels
    assert len(labels) == 6
    assert ANGLE > 0


# -- prices -----------------------------------------------


@pytest.fixture(scope="module")
def binding():
    """Rows bind after the loss of the unit at 37, in the intact network none does."""
    net = scopf.load_case("case39").lossless()
    problem = build(net, governed([31, 33, 35, 39]), ["gen 8"], mq=0.18)
    found = scopf.solve(problem, options=TIGHT)
    assert found.state("gen 8").inverters["binding"].any()
    return problem, found


def test_the_price_of_a_droop_is_the_slope_of_the_cost(binding):
    problem, found = binding
    costs = []
    try:
        for step in (-1e-4, 1e-4):
            problem.update(mq={34: 0.18 + step})
            costs.append(scopf.solve(problem, options=TIGHT).cost)
    finally:
        problem.update(mq=0.18)
    slope = (costs[1] - costs[0]) / 2e-4
    at = found.inverters.set_index("bus")
    assert at.loc[34, "dcost_dmq"] == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize(("bus", "column"), [(15, "pd"), (20, "qd"), (31, "qd")])
def test_prices_of_load_are_slopes_of_the_cost(binding, bus, column):
    problem, found = binding
    costs = []
    for step in (-1e-4, 1e-4):
        net = problem.given
        loads = getattr(net.bus, column).copy()
        loads[positions(net.bus.id, np.array([bus]))] += step
        moved = dataclasses.replace(net, bus=net.bus.replace(**{column: loads}))
        again = build(moved, governed([31, 33, 35, 39]), ["gen 8"], mq=0.18)
        costs.append(scopf.solve(again, options=TIGHT).cost)
    price = "lmp_p_per_mwh" if column == "pd" else "lmp_q_per_mvarh"
    slope = (costs[1] - costs[0]) / 2e-4 / 100.0
    assert found.buses.set_index("bus").loc[bus, price] == pytest.approx(slope, rel=1e-4, abs=1e-4)


def test_where_no_search_tells_which_outage_is_too_much_the_last_to_join_is_left_out():
    """Each of these two is survived alone; the elastic problem of both has no point."""
    net = scopf.load_case("case39").lossless().scaled(load=0.95)
    given = net, governed([31, 33, 35, 37])
    found = scopf.solve(build(*given, ["gen 7", "gen 8"], mq=0.12))
    assert found.solved
    (lost,) = found.unsurvived
    assert lost.state == "gen 8"
    assert not lost.alone
    assert "joined last" in lost.reason
    alone = scopf.solve(build(*given, ["gen 7"], mq=0.12))
    assert found.cost == pytest.approx(alone.cost, rel=1e-6)
