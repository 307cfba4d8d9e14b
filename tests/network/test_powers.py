"""Injections and their derivatives, sparse and dense, against finite differences."""

import numpy as np
import pytest

import scopf
from scopf.network.powers import injections, jacobian, jacobians


@pytest.mark.parametrize("case", ["case9", "case14"])
def test_derivatives_are_the_slopes_of_the_injections(case):
    net = scopf.load_case(case).energized()
    y, n, rng = net.ybus(), len(net.bus), np.random.default_rng(1)
    vm, va = rng.uniform(0.9, 1.1, n), rng.uniform(-0.4, 0.4, n)

    def stacked(change):
        power = injections(y, vm + change[n:], va + change[:n])
        return np.concatenate([power.real, power.imag])

    steps = 1e-6 * np.eye(2 * n)
    expected = np.array([(stacked(h) - stacked(-h)) / 2e-6 for h in steps]).T
    assert jacobian(y, vm, va).toarray() == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_many_dense_networks_at_once_are_the_sparse_ones():
    net, rng = scopf.load_case("case9").energized(), np.random.default_rng(2)
    n, nets = len(net.bus), [net, net.lossless()]
    y = np.stack([one.ybus().toarray() for one in nets])[:, None]
    vm, va = rng.uniform(0.9, 1.1, (2, 3, n)), rng.uniform(-0.4, 0.4, (2, 3, n))
    power, slopes = injections(y, vm, va), jacobians(y, vm, va)
    for i, j in np.ndindex(2, 3):
        sparse, point = nets[i].ybus(), (vm[i, j], va[i, j])
        assert power[i, j] == pytest.approx(injections(sparse, *point))
        assert slopes[i, j] == pytest.approx(jacobian(sparse, *point).toarray())
