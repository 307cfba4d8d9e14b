"""Where the 39-bus system with losses comes to rest after outages, against the power flow there."""

import numpy as np
import pandas as pd
import pytest

import scopf

OUTAGES = (
    "branch 3", "branch 6", "branch 12", "branch 13", "branch 25", "branch 14",  # 14 islands
    "branch 6 + branch 25", "gen 2", "gen 4", "gen 8 + branch 3",
)  # fmt: skip


def solved(table=None, without=(), **how):
    net = scopf.load_case("case39")
    inverters = scopf.Inverters.at_generators(net, without=without, **({"mq": 0.05} | how))
    found = scopf.solve(scopf.build(net, inverters, criterion="none", devices=table))
    assert found.solved
    return found


@pytest.fixture(scope="module")
def of_inverters():
    return solved()


@pytest.fixture(scope="module")
def of_all_kinds():
    """Machines with governors, one of them classical, two with regulators; grid-following ones."""
    table = scopf.devices_table("case39").set_index("bus").loc[[31, 32, 33, 35]].reset_index()
    table["device"] = ["one-axis", "classical", "avr", "avr"]
    table = table.assign(r=0.005, tg=0.3, d=2.0)
    table.loc[2:3, ["ka", "ta"]] = [[20, 0.05], [20, 0.0]]
    followers = pd.DataFrame({"bus": [30, 36], "device": "gfl", "kv": [0.0, 2.0]})
    gens = [2, 3, 4, 6, 1, 7]
    return solved(pd.concat([table, followers]), gens, mq=0.02, mp=0.01)


def settled(solution, outage, until):
    """The last point of a simulation and the power flow, both with NaN where there is nothing."""
    (flow,) = scopf.power_flow(solution, outages=[tuple(outage.split(" + "))])
    assert flow.converged
    run = solution.simulate(outage=outage, at=0.0, until=until, step=until / 20, tolerance=1e-8)
    assert run.completed, run
    left = run.origin.net.bus_positions(flow.operated.bus.id)
    vm = np.full(len(run.origin.net.bus), np.nan)
    vm[left] = flow.vm
    return run, vm, flow


def assert_settled(run, vm, flow):
    np.testing.assert_allclose(run.vm[-1], vm, atol=1e-6, rtol=0)
    motion = run.pieces[-1].motion
    buses = [*motion.inverters.bus.tolist(), *run.origin.devices.bus[motion.device].tolist()]
    place = [*motion.inverter, *(len(run.origin.inverters) + motion.device)]
    island = flow.operated.island[flow.operated.bus_positions(buses)] - 1
    deviation = run.frequency[-1, place] / run.origin.frequency - 1
    np.testing.assert_allclose(deviation, flow.frequency[island], atol=1e-6, rtol=0)
    gens = flow.operated.gen
    power = run.power[:, -1, place]
    for k, bus in enumerate(buses):
        own = gens.bus == bus
        wanted = np.array([flow.pg[own].sum(), flow.qg[own].sum()]) * run.origin.net.base_mva
        np.testing.assert_allclose(power[:, k], wanted, atol=1e-3)


@pytest.mark.parametrize("outage", OUTAGES)
def test_inverters_settle_where_their_droops_lead(of_inverters, outage):
    run, *wanted = settled(of_inverters, outage, 20)
    assert_settled(run, *wanted)
    if outage == "branch 14":
        assert np.ptp(run.frequency[-1]) > 10  # two islands


@pytest.mark.parametrize("outage", ["branch 3", "gen 2", "branch 13 + branch 3"])
def test_devices_of_all_kinds_settle_where_the_power_flow_says(of_all_kinds, outage):
    run, *wanted = settled(of_all_kinds, outage, 120)
    assert_settled(run, *wanted)
    assert len(run.origin.devices) == 6
