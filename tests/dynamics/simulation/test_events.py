"""Events: what is refused, what comes back, in which order, and what loads do in between."""

import casadi as ca
import numpy as np
import pandas as pd
import pytest

import scopf
from scopf import Event
from scopf.dynamics.simulation.grid import State
from tests.small_networks import network


@pytest.fixture(scope="module")
def plain():
    net = scopf.load_case("case39")
    return scopf.solve(scopf.build(net, criterion="none", mq=0.05))


@pytest.fixture(scope="module")
def mixed():
    """Inverter and machine at bus 1, a grid-following inverter at 2, constant power at 3."""
    net = network(3, [(1, 2, 0.0, 0.1), (2, 3, 0.0, 0.1), (1, 3, 0.0, 0.1)], [1, 1, 2, 3])
    net = net.replace(bus={"pd": np.array([0.2, 0.3, 0.6]), "qd": np.array([0.0, 0.1, 0.2])})
    table = pd.DataFrame(
        {"gen": [2, 3], "device": ["one-axis", "gfl"], "s_mva": [100.0, 50.0], "h": [4, np.nan]}
    )
    inverters = scopf.Inverters.at_generators(net, buses=[1], without=[2])
    return scopf.solve(scopf.build(net, inverters, criterion="none", devices=table))


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([Event(1, outage="branch 6"), Event(2, outage="branch 6")], "already out of service"),
        ([Event(1, outage="gen 3"), Event(2, outage="gen 3 + branch 6")], "gen 3: already out"),
        ([Event(1, reclose="branch 6")], "branch 6: in service, so it cannot reclose"),
        ([Event(1, outage="gen 3"), Event(2, reclose="gen 3")], "only branches reclose"),
        ([Event(1, outage="branch 99")], "(?s)event at 1 s: .*no branch 99"),
        ([Event(1, load_step={99: (1, 1)})], "no energized bus 99"),
        ([Event(1, load_step={8: 5.0})], "is a pair"),
        ([Event(1, load_step={8: (5.0, "x")})], "load_step of bus 8"),
        ([Event(1, set_point={99: {"vm": 1.0}})], "no energized bus 99"),
        ([Event(1, set_point={"gen 99": {"vm": 1.0}})], "no such generator"),
        ([Event(1, set_point={"unit 3": {"vm": 1.0}})], 'or "gen 3"'),
        ([Event(1, set_point={32: {"pm": 1.0}})], "is a mapping of p_mw"),
        ([Event(1, set_point={32: {"vm": -1.0}})], "a voltage vm that is not positive"),
        ([Event(1, set_point={8: {"p_mw": 1.0}})], "no inverter, machine or grid-following"),
        ([Event(1, outage="gen 3"), Event(2, set_point={32: {"p_mw": 1}})], "is left there"),
        ([Event(10)], "not between 0 and the end at 10 s"),
        ([Event(-1)], "not between 0 and the end"),
        ([Event(np.nan)], "time of an event"),
    ],
)
def test_events_that_make_no_sense_are_refused_in_a_sentence(plain, events, words):
    with pytest.raises(scopf.ScopfError, match=words):
        plain.simulate(events=events)


@pytest.mark.parametrize(
    ("set_point", "words"),
    [
        ({1: {"p_mw": 10}}, 'several devices share the bus; name one by its generator, "gen 3"'),
        ({"gen 2": {"vm": 1.0}}, "machine at bus 1 regulates no voltage"),
        ({"gen 2": {"q_mvar": 1.0}}, "a machine has no set point q_mvar"),
        ({2: {"vm": 1.0}}, "gfl at bus 2 regulates no voltage"),
        ({3: {"p_mw": 1.0}}, "no inverter, machine or grid-following inverter"),
    ],
)
def test_set_points_of_devices_without_them_are_refused(mixed, set_point, words):
    with pytest.raises(scopf.ScopfError, match=words):
        mixed.simulate(set_point=set_point)


def test_set_points_go_to_the_device_that_is_named(mixed):
    """The machine has no governor, so it gives what it is asked for once all is at rest."""
    p = dict(zip(mixed.gens.gen, mixed.gens.p_mw, strict=True))
    asked = {"gen 2": {"p_mw": p[2] + 5}, 2: {"p_mw": p[3] + 3, "q_mvar": 7.0}}
    run = mixed.simulate(set_point=asked, until=60, step=0.5)
    last = run.devices[run.devices.time == 60].set_index("device")
    drift = last.frequency_hz.max() / 60 - 1
    assert abs(drift) > 1e-5
    assert last.p_mw["machine at bus 1"] == pytest.approx(p[2] + 5, abs=1e-3)
    assert last.p_mw["gfl at bus 2"] == pytest.approx(p[3] + 3, abs=1e-4)
    assert last.q_mvar["gfl at bus 2"] == pytest.approx(7, abs=1e-4)


def test_the_order_of_events_does_not_matter_nor_whether_they_are_one(plain):
    parts = [
        Event(1, outage="branch 6"), Event(1, load_step={8: (50, 20)}),
        Event(1.5, set_point={32: {"p_mw": 600, "vm": 1.0}}), Event(2, reclose="branch 6"),
    ]  # fmt: skip
    whole = [Event(1, outage="branch 6", load_step={8: (50, 20)}), *parts[2:]]
    runs = [
        plain.simulate(events=events, until=3, step=0.05) for events in (parts, parts[::-1], whole)
    ]
    for run in runs[1:]:
        np.testing.assert_array_equal(run.vm, runs[0].vm)
        np.testing.assert_array_equal(run.frequency, runs[0].frequency)
    assert len(runs[0].pieces) == 4


def test_what_has_a_rate_does_not_jump_at_an_event(plain):
    run = plain.simulate(outage="branch 6", reclose_at=2, until=3, step=0.1)
    load = run.origin.net.bus_positions([4])
    for piece in run.pieces:  # and what has none balances from the first point on
        state = State(*(getattr(piece.state, name)[0] for name in ("vm", "va", "dw", "devices")))
        assert abs(piece.motion.balance(*piece.motion.packed(state))[0].full()).max() < 1e-10
    for before, after in zip(run.pieces, run.pieces[1:], strict=False):
        assert before.times[-1] == after.times[0]
        old, new = before.state, after.state
        at = run.origin.at
        for name in ("vm", "va"):
            np.testing.assert_array_equal(getattr(old, name)[-1, at], getattr(new, name)[0, at])
        np.testing.assert_array_equal(old.dw[-1], new.dw[0])
        assert abs(old.vm[-1, load] - new.vm[0, load]) > 1e-4


def test_an_island_that_lost_its_voltage_is_energised_again_without_its_generators():
    """Bus 37 with generator 8, of constant power, behind its only transformer."""
    net = scopf.load_case("case39")
    inverters = scopf.Inverters.at_generators(net, mq=0.05, without=[8])
    sol = scopf.solve(scopf.build(net, inverters, criterion="none"))
    ids, bus = sol.net.bus.id, 37
    (branch,) = sol.net.branch.id[(sol.net.branch.from_bus == bus) | (sol.net.branch.to_bus == bus)]
    run = sol.simulate(outage=f"branch {branch}", reclose_at=3, until=60, step=0.5)
    assert run.completed
    (there,) = np.flatnonzero(ids == bus)
    dark = np.isnan(run.vm[:, there])
    lost = (run.times > 1) & (run.times < 3)
    assert dark[lost].all()
    assert not dark[(run.times < 1) | (run.times > 3)].any()
    (flow,) = scopf.power_flow(sol, outages=["gen 8"])
    motion = run.pieces[-1].motion
    assert 8 not in motion.net.gen.id
    assert 8 in run.pieces[0].motion.net.gen.id
    np.testing.assert_allclose(run.vm[-1], flow.vm, atol=1e-6)


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_loads_are_impedances_below_the_given_voltage(plain, exponent):
    """P(V) = P(.7) (V / .7)^2 below, as it is above, without a jump in between."""
    run = plain.simulate(load=exponent, impedance_below=0.7, until=0.01, step=0.01)
    motion, at = run.pieces[0].motion, run.origin.net.bus_positions([8])[0]
    found = ca.Function("load", [motion.x, motion.z], [motion.g])
    place = int(np.flatnonzero(motion.magnitudes() == at)[0])
    x, z = motion.packed(run.origin.start)
    half = len(z) // 2
    vm, va = run.origin.start.vm.copy(), run.origin.start.va

    def load(v):
        z[half + place] = vm[at] = v
        balance = found(x, z).full()[[place, half + place], 0] * v
        voltage = vm * np.exp(1j * va)
        network = voltage[at] * np.conj(run.origin.net.ybus()[[at]] @ voltage)
        return complex(*balance) - complex(network[0])

    first = run.origin.start.vm[at]
    given = run.origin.net.bus.pd[at] + 1j * run.origin.net.bus.qd[at]
    for v in (0.9, 0.71):
        assert load(v) == pytest.approx(given * (v / first) ** exponent, rel=1e-9)
    corner = given * (0.7 / first) ** exponent
    for v in (0.69, 0.3, 0.05):
        assert load(v) == pytest.approx(corner * (v / 0.7) ** 2, rel=1e-7)
    assert load(0.7 - 1e-9) == pytest.approx(load(0.7 + 1e-9), rel=1e-7)
