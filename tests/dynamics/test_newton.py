"""The core of all power flows: networks side by side do not disturb each other."""

import dataclasses

import numpy as np
import pytest

import scopf
from scopf.dynamics.newton import Equations
from scopf.dynamics.set_points import SetPoints, divided
from tests.grids import side_by_side
from tests.small_networks import network


def equations(*nets, slack=SetPoints.reference):
    net = side_by_side(*nets).energized()
    return slack(net).equations(), net


def test_a_singular_network_leaves_the_others():
    good = scopf.load_case("case9")
    bad = network(3, [(1, 2, 0.0, 0.1), (2, 3, 0.0, 0.1), (2, 3, 0.0, -0.1)], [1], loads={3: 0.1})
    both, net = equations(good, bad, good)
    found = both.solve(np.ones(len(net.bus)), np.zeros(len(net.bus)))
    assert found.converged.tolist() == [True, False, True]
    alone, _ = equations(good)
    expected = alone.solve(np.ones(9), np.zeros(9))
    np.testing.assert_allclose(found.vm[:9], expected.vm, atol=1e-10)
    np.testing.assert_allclose(found.va[-9:], expected.va, atol=1e-10)
    assert np.isfinite(found.mismatch).all()


def test_networks_side_by_side_are_each_by_itself():
    nets = [scopf.load_case("case14").scaled(load=factor) for factor in (0.5, 9.0, 1.0)]
    both, net = equations(*nets)
    found = both.solve(net.bus.vm, net.bus.va)
    assert found.converged.tolist() == [True, False, True]
    for part, one in enumerate(nets):
        alone, _ = equations(one)
        expected = alone.solve(one.bus.vm, one.bus.va)
        assert expected.converged[0] == found.converged[part]
        if expected.converged[0]:
            assert expected.iterations[0] == found.iterations[part]
            np.testing.assert_allclose(found.vm[14 * part :][:14], expected.vm, atol=1e-10)
    assert found.bus[1] in range(14, 28)


def test_two_islands_of_one_part_stand_or_fall_together():
    both, net = equations(scopf.load_case("case9"), scopf.load_case("case14").scaled(load=9))
    one = dataclasses.replace(both, part=np.zeros(23, dtype=np.int64))
    assert one.solve(net.bus.vm, net.bus.va).converged.tolist() == [False]
    assert isinstance(one, Equations)


@pytest.mark.parametrize("load", [1.0, 1.0 + 1e-3])
def test_an_island_that_is_alone_balances_or_does_not(load):
    net = scopf.power_flow(scopf.load_case("case9"), slack="reference").net
    of = SetPoints.droop(net, scopf.Inverters.at_generators(net))
    without = dataclasses.replace(of, share=np.zeros(3)).equations()
    without = dataclasses.replace(without, set_power=without.set_power * load)
    found = without.solve(net.bus.vm, net.bus.va)
    assert without.alone.tolist() == [True]
    assert found.converged[0] == (load == 1.0)
    assert found.unmatched[0] == (load != 1.0)
    if load != 1.0:
        assert found.mismatch[0] == pytest.approx(abs(found.w[0]))
        assert found.bus[0] == 0


def test_totals_are_divided_by_ranges():
    at = np.array([0, 0, 1, 1, 2, 2, 3])
    low = np.array([-1.0, -3.0, -np.inf, -1.0, 0.0, 0.0, -1.0])
    high = np.array([1.0, 5.0, np.inf, 1.0, 0.0, 0.0, 1.0])
    total = np.array([1.0, 0.4, 0.6, 5.0])
    found = divided(total, at, low, high)
    np.testing.assert_allclose(np.bincount(at, found), total)
    used = (found - low)[:2] / (high - low)[:2]
    assert used[0] == pytest.approx(used[1])
    assert found[4:].tolist() == pytest.approx([0.3, 0.3, 5.0])
    assert np.isfinite(found).all()
