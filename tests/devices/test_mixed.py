"""Machines and grid-following inverters as a set: slopes, labels, what does not fit."""

import numpy as np
import pytest
from scipy.optimize import root

import scopf
from scopf.devices.mixed import Devices
from tests.mixed_networks import followers, machines
from tests.small_networks import network


def small(gens):
    return network(3, [(1, 2, 0, 0.1), (2, 3, 0, 0.2)], gens)


def reactive_power(v, one, operating, transient):
    """Q of a machine at another voltage and the same P, out of its axes' equations."""
    xd, xq, xd1, ka, fixed = one
    p, q, v_0 = operating
    current = np.conj((p + 1j * q) / v_0)
    delta_0 = np.angle(v_0 + 1j * xq * current)
    i_d = -(current * np.exp(-1j * delta_0)).imag
    v_q = v_0 * np.cos(delta_0)
    field, flux_0 = v_q + xd * i_d, v_q + xd1 * i_d

    def parts(x):
        delta, flux = x
        v_d, v_q = v * np.sin(delta), v * np.cos(delta)
        i_d, i_q = (flux - v_q) / xd1, v_d / xq
        return v_d * i_d + v_q * i_q, v_q * i_d - v_d * i_q, i_d

    def equations(x):
        power, _, i_d = parts(x)
        held = flux_0 if transient or fixed else field + ka * (v_0 - v) - (xd - xd1) * i_d
        return power - p, x[1] - held

    return parts(root(equations, [delta_0, flux_0], tol=1e-13).x)[1]


@pytest.mark.parametrize("transient", [False, True])
def test_slopes_are_those_of_finite_differences_summed_by_bus(transient):
    net = small([1, 2, 2, 3, 3])
    kind = ["one-axis", "avr", "classical"]
    xd, xq, xd1 = np.array([[1.3, 0.8, 0.2], [1.8, 1.7, 0.3], [1.0, 0.6, 0.25]]).T
    ka = np.array([0.0, 25.0, 0.0])
    own = machines([1, 2, 3], [1, 2, 2], kind, xd=xd, xq=xq, xd1=xd1, ka=ka)
    devices = Devices(own, followers([4, 5], [3, 3], kv=[2.0, 3.0], tv=[0.1, 0.0]))
    p, q = np.array([0.6, 0.4, 0.7, 0.3, 0.2]), np.array([0.3, -0.1, 0.2, 0.1, 0.0])
    v = np.array([1.0, 0.96, 1.05])
    found = devices.slopes_at(net, p, q, v)
    expected, h = np.zeros(3), 1e-5
    for k, bus in enumerate([0, 1, 1]):
        one, at = (xd[k], xq[k], xd1[k], ka[k], kind[k] == "classical"), (p[k], q[k], v[bus])
        high, low = (reactive_power(v[bus] + s, one, at, transient) for s in (h, -h))
        expected[bus] -= v[bus] * (high - low) / (2 * h)
    expected[2] = (3.0 if transient else 5.0) * v[2]
    assert (found.transient if transient else found.steady) == pytest.approx(expected, rel=1e-7)
    assert (found.k > 0).all()
    assert (found.k_transient > 0).all()


def test_labels_name_generators_where_a_bus_has_several():
    devices = Devices(machines([1, 2], [1, 2]), followers([3, 4, 5], [2, 3, 3]))
    assert devices.labels == [
        "machine at bus 1", "machine at bus 2", "gfl at bus 2", "gfl 4 at bus 3", "gfl 5 at bus 3",
    ]  # fmt: skip
    assert devices.kinds == ["one-axis"] * 2 + ["gfl"] * 3
    assert len(devices) == 5
    assert str(devices) == "2 machines, 3 grid-following inverters"
    assert str(Devices.none()) == ""
    assert devices.take(np.array([0, 1, 0, 0, 1], bool)).gens.tolist() == [2, 5]


def test_what_does_not_fit_a_network_is_refused():
    net = small([1, 2, 3])
    inverters = scopf.Inverters.at_generators(net, buses=[1])
    none = Devices.none()
    with pytest.raises(scopf.ScopfError, match="generator 2: it is a device twice"):
        Devices(machines([2], [2]), followers([2], [2]))
    for gen, bus, said in (
        (7, 2, "generator 7: small does not have it at its bus"),
        (2, 3, "generator 2: small does not have it at its bus"),
        (1, 1, "generator 1: it is a unit of a grid-forming inverter"),
    ):
        with pytest.raises(scopf.ScopfError, match=said):
            Devices(machines([gen], [bus]), none.followers).fitting(net, inverters)
    fitting = Devices(machines([2], [2]), none.followers)
    assert fitting.fitting(net, inverters).gens.tolist() == [2]
