"""How simulations end: at rest, in a collapse, by running away, or by whoever watches."""

import os
import re
import signal

import numpy as np
import pytest

import scopf
from scopf.devices.mixed import Devices
from scopf.dynamics.simulation import run as running
from scopf.dynamics.simulation.simulate import simulate
from tests.dynamics.simulation.test_equations import random_motion
from tests.mixed_networks import followers
from tests.small_networks import network


@pytest.fixture(scope="module")
def plain():
    return scopf.solve(scopf.build(scopf.load_case("case39").lossless(), criterion="none"))


@pytest.mark.parametrize(("factor", "returns"), [(0.95, True), (1.05, False)])
def test_a_stable_point_comes_back_and_an_unstable_one_does_not(plain, factor, returns):
    """The droops a bit below and above those at which verification says that a mode grows."""
    critical = plain.verify().critical_mq
    net, point = plain.energized, plain.point
    inverters = scopf.Inverters.at_generators(net, mq=factor * critical)
    push = [scopf.Event(0, load_step={8: (5, 5)}), scopf.Event(0.1, load_step={8: (-5, -5)})]
    run = simulate(
        net, inverters, point.vm, point.va, power=(point.pg, point.qg), events=push, until=100.0,
        impedance_below=0,
    )  # fmt: skip
    beyond = abs(run.vm - point.vm).max(axis=1)
    assert run.completed == returns
    assert (beyond[-1] < 1e-5) == returns
    if not returns:
        assert run.status in ("collapsed", "unstable")
        assert re.search(r"at [\d.]+ s .* bus \d+", run.message)
        assert run.message in str(run)
        assert run.times[-1] < 100


def test_a_load_beyond_the_nose_names_time_and_bus(plain):
    run = plain.simulate(load_step={8: (6000, 3000)}, at=0.5, impedance_below=0)
    assert run.status == "collapsed"
    assert run.message.startswith("at 0.5 s the algebraic equations lose their solution at bus ")
    assert "voltage collapse" in run.message
    assert run.times[-1] == 0.5
    assert run.facts["end"] == 0.5


def test_a_phase_locked_loop_that_loses_its_grid_has_run_away():
    """Beyond what its line can carry, a grid-following inverter turns ever faster."""
    net = network(2, [(1, 2, 0.0, 0.5)], [1, 2])
    inverters = scopf.Inverters.at_generators(net, buses=[1])
    devices = Devices(Devices.none().machines, followers([2], [2]))
    va = np.array([0.0, np.arcsin(0.5)])
    power = np.array([-1.0, 1.0]), np.full(2, 2 * (1 - np.cos(va[1])))
    run = simulate(
        net, inverters, np.ones(2), va, devices, power=power, until=20,
        events=[scopf.Event(1, set_point={2: {"p_mw": 400}})],
    )  # fmt: skip
    assert run.status in ("unstable", "collapsed")
    assert re.match(r"at [\d.]+ s the gfl at bus 2 is at [\d.]+ Hz", run.message)
    assert float(run.message.split()[1]) == pytest.approx(run.times[-1], rel=1e-3)


def test_a_grid_without_anything_that_holds_its_voltage_ends_there(plain):
    gens = plain.energized.gen.id.tolist()
    events = [scopf.Event(0.1, outage=f"gen {gens[0]}")]
    events.append(scopf.Event(0.2, outage=[f"gen {gen}" for gen in gens[1:]]))
    run = plain.simulate(events=events, until=1, step=0.1, impedance_below=0)
    assert run.status == "collapsed"
    assert run.message.startswith("at 0.2 s no inverter and no machine is left to hold a voltage")
    assert run.times[-1] == 0.2


def test_a_collapse_at_the_very_start_has_the_dispatch_only(plain):
    run = plain.simulate(load_step={8: (9000, 9000)}, at=0, impedance_below=0)
    assert run.status == "collapsed"
    assert run.vm.shape == run.va.shape == (1, 39)
    assert run.power.shape == (2, 1, 10)
    np.testing.assert_allclose(run.buses["vm"], plain.point.vm)
    assert len(run.devices) == 10
    assert "0 of 10 s simulated: collapsed" in str(run)


def test_a_voltage_that_falls_to_zero_is_a_collapse():
    """Seed found by drawing: the magnitude would go on below zero, with outputs up to there."""
    args, power, _, _ = random_motion(10_101, losses=0.3)
    step, gen = 0.05, int(args[0].gen.id[2])
    event = scopf.Event(0.7, outage=f"gen {gen}")
    run = simulate(*args, power=power, events=[event], until=3.0, step=step)
    assert run.status == "collapsed"
    assert re.match(r"at [\d.]+ s the voltage at bus \d has fallen to zero", run.message)
    assert np.nanmin(run.vm) > 0
    assert np.diff(run.times).max() == pytest.approx(step)
    assert 0 < float(run.message.split()[1]) - run.times[-1] < 1.01 * step


def test_whoever_watches_ends_it(plain):
    args, power, _, _ = random_motion(1)
    seen = []

    def watch(reached):
        seen.append(reached)
        return "enough" if reached >= 4 else ""

    run = simulate(*args, power=power, until=10, watch=watch)
    assert run.status == "enough"
    assert run.times[-1] == seen[-1] == pytest.approx(4, abs=0.3)
    assert not run.completed
    assert plain.simulate(time_limit=1e-9, until=0.5).status == "time limit"


def test_ctrl_c_ends_it_where_it_is(plain, monkeypatch):
    original, count = running._outputs, []

    def outputs(*args):
        count.append(1)
        if len(count) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return original(*args)

    monkeypatch.setattr(running, "_outputs", outputs)
    run = plain.simulate(until=0.5)
    assert run.status == "interrupted"
    assert 0 < run.times[-1] < 0.5
    assert "of 0.5 s simulated: interrupted" in str(run)
