"""What a simulation says of voltages that fall, buses that die and machines out of step."""

import numpy as np
import pandas as pd
import pytest

import scopf
from scopf import Event


@pytest.fixture(scope="module")
def nine():
    return scopf.solve(scopf.build(scopf.load_case("case9"), mq=0.05, criterion="none"))


def test_voltages_fall_further_with_every_load(nine):
    """Newton's method alone finds none at 500 MW, from where the voltages were."""
    steps = [{5: (p, 0.4 * p)} for p in (300, 450, 500, 550)]
    runs = [nine.simulate(load_step=step, until=3) for step in steps]
    assert all(run.completed for run in runs)
    lowest = [run.facts["vm_min_pu"] for run in runs]
    assert (np.diff(lowest) < 0).all()
    assert lowest[0] < 0.7


def test_a_dispatch_below_the_fallback_is_where_it_begins():
    """A load of constant power has it at its own voltage, however low that is."""
    net = scopf.load_case("case9")
    low = net.replace(bus={"vmin": 0.8 + 0 * net.bus.vmin, "vmax": 0.97 + 0 * net.bus.vmax})
    sol = scopf.solve(scopf.build(low, mq=0.05, criterion="none"))
    run = sol.simulate(until=2, impedance_below=0.99)
    assert sol.point.vm.min() < 0.99
    assert abs(run.vm - sol.point.vm).max() < 1e-6


def test_a_bus_that_dies_is_named_with_its_load(nine):
    event = Event(2, reclose="branch 2")
    run = nine.simulate(outage="branch 2 + branch 3", events=[event], until=3)
    first, second = run.unserved
    assert (first.time, first.buses, second.buses) == (1.0, (5,), ())
    assert first.p_mw == pytest.approx(90)
    assert run.facts["unserved_mw"] == pytest.approx(90)
    assert "from 1 s no voltage at 1 bus (5), 90 MW not served" in str(run)
    assert "from 2 s all buses have a voltage again" in str(run)


def test_a_load_that_is_stepped_keeps_an_island_alive(nine):
    """As its source does: bus 1 has an inverter and no load at the dispatch."""
    for step in ({1: (50, 5)}, None):
        events = [Event(0.5, load_step=step), Event(1, outage="branch 1")]
        run = nine.simulate(events=events, until=10)
        assert run.completed
        assert np.isfinite(run.vm[-1]).all()


def test_what_did_not_happen_is_no_event(nine):
    events = [Event(1, load_step={5: (1500, 500)}), Event(3, outage="branch 1")]
    run = nine.simulate(events=events, impedance_below=0)
    assert run.status == "collapsed"
    assert run.events["time"].tolist() == [1.0]


def test_a_generator_has_one_set_point(nine):
    with pytest.raises(scopf.ScopfError, match="another one by another key"):
        nine.simulate(set_point={1: {"p_mw": 50}, "gen 1": {"p_mw": 90}})


def test_a_generator_that_lost_its_network_takes_no_set_point():
    net = scopf.load_case("case9")
    table = {"gen": [2], "device": ["gfl"]}
    inverters = scopf.Inverters.at_generators(net, buses=[1, 3])
    sol = scopf.solve(scopf.build(net, inverters, criterion="none", devices=pd.DataFrame(table)))
    lost = int(net.branch.id[(net.branch.from_bus == 2) | (net.branch.to_bus == 2)][0])
    events = [Event(1, outage=lost), Event(2, reclose=lost), Event(3, set_point={2: {"p_mw": 9}})]
    with pytest.raises(scopf.ScopfError, match=r"at 3 s: set_point of bus 2: .* is left there"):
        sol.simulate(events=events)


def test_machines_out_of_step_are_named():
    net = scopf.load_case("case39")
    given = {"devices": scopf.devices_table("case39"), "criterion": "none"}
    run = scopf.solve(scopf.build(net, **given)).simulate(outage="branch 1", until=5)
    time, low, high = run.out_of_step
    assert 1.5 < run.facts["out_of_step"] == time < 4
    assert low == "machine at bus 39"  # the largest one stays behind
    assert high.startswith("machine at bus")
    assert f"out of step from {time:.4g} s" in str(run)


def test_a_steepest_change_needs_outputs_close_together(nine):
    assert nine.simulate(outage=3, until=5).facts["rocof_hz_s"] > 0.5
    assert nine.simulate(outage=3, until=100, step=1).facts["rocof_hz_s"] is None


def test_whole_turns_of_an_island_by_itself_are_no_loss_of_synchronism(nine):
    """Bus 1 is joined again where it has turned by one more turn than the others."""
    lost = nine.simulate(outage="branch 1", until=3)
    piece = lost.pieces[1]
    apart = piece.state.va[:, 0] - piece.state.va[:, 1]
    turn = np.abs(apart - apart[0]) / (2 * np.pi)
    assert turn[-1] > 1.5
    back = float(piece.times[np.flatnonzero(turn >= 1)[0]])
    again = nine.simulate(outage="branch 1", reclose_at=back, until=6)
    after = again.pieces[2].state.va
    assert np.abs(after[-1, 0] - after[-1, 1]) > 1.5 * np.pi
    assert again.completed
    assert again.out_of_step is None
