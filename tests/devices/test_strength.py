"""Short-circuit ratios: by hand, by dense matrices, and by pandapower's IEC 60909."""

import numpy as np
import pandapower
import pandapower.shortcircuit
import pandas as pd
import pytest

import scopf
from scopf.devices import device_table
from scopf.devices.strength import short_circuit_ratios
from tests.grids import side_by_side
from tests.mixed_networks import machines
from tests.small_networks import network, random_network

X = 0.15  # coupling reactance of the docs, p.u. of the rating


def dense(net, bus, rating, of=None):
    """The ratios by an inverse for each inverter, of a matrix that never has its own source."""
    n, found = len(net.bus), []
    bare = np.zeros((n, n), dtype=complex)
    at, branch = {number: k for k, number in enumerate(net.bus.id.tolist())}, net.branch
    columns = (branch.from_bus, branch.to_bus, branch.r, branch.x, branch.tap, branch.shift)
    for f, t, r, x, tap, shift in zip(*(column.tolist() for column in columns), strict=True):
        i, j, y, ratio = at[f], at[t], 1 / complex(r, x), tap * np.exp(1j * shift)
        bare[i, i] += y / tap**2
        bare[j, j] += y
        bare[i, j] -= y / np.conj(ratio)
        bare[j, i] -= y / ratio
    if of is not None:
        for number, reactance in zip(of.bus.tolist(), of.xd1.tolist(), strict=True):
            bare[at[number], at[number]] += 1 / (1j * reactance)
    for number, own in zip(bus.tolist(), rating.tolist(), strict=True):
        y = bare.copy()
        for other, size in zip(bus.tolist(), rating.tolist(), strict=True):
            if other != number:
                y[at[other], at[other]] += size / (1j * X)
        found.append(1 / (abs(np.linalg.inv(y)[at[number], at[number]]) * own))
    return np.array(found)


def test_two_buses_by_hand():
    net = network(2, [(1, 2, 0.0, 0.2, 0.4)], [1, 2], shunts={2: 0.3j}, loads={2: 1 + 0.5j})
    of = machines([1], [1], xd=1.8, xq=1.7, xd1=0.3)
    (found,) = short_circuit_ratios(net, np.array([2]), np.array([0.8]), of)
    assert found == pytest.approx(1 / ((0.3 + 0.2) * 0.8), rel=1e-12)
    both = short_circuit_ratios(net, np.array([1, 2]), np.array([1.5, 0.5]))
    by_hand = [1 / ((0.2 + X / 0.5) * 1.5), 1 / ((0.2 + X / 1.5) * 0.5)]
    np.testing.assert_allclose(both, by_hand, rtol=1e-12)


def test_without_another_source_it_is_zero():
    net = network(3, [(1, 2, 0.0, 0.2, 0.4), (2, 3, 0.01, 0.1)], [1])
    assert short_circuit_ratios(net, np.array([1]), np.array([2.0])) == [0.0]
    assert len(short_circuit_ratios(net, np.zeros(0, dtype=np.int64), np.zeros(0))) == 0


def test_a_matrix_that_is_singular_has_no_ratio():
    net = network(2, [(1, 2, 0.0, -0.5)], [1, 2])
    found = short_circuit_ratios(net, np.array([1, 2]), np.array([0.6, 0.6]))
    assert np.isnan(found).all()  # .25 + .25 - .5 around the loop


@pytest.mark.parametrize("name", ["case9", "case39", "case118"])
def test_large_networks_by_dense_matrices(name):
    net, of, buses = scopf.load_case(name).energized(), None, None
    if name == "case39":
        table = scopf.devices_table("case39").query("bus in [31, 33, 35, 37, 39]")
        of, buses = device_table.read(table, net).machines, [30, 32, 34, 36, 38]
    inverters = scopf.Inverters.at_generators(net, buses=buses, rating_factor=1.1)
    found = short_circuit_ratios(net, inverters.bus, inverters.rating, of)
    np.testing.assert_allclose(found, dense(net, inverters.bus, inverters.rating, of), rtol=1e-9)


def test_islands_do_not_meet():
    rng, parts = np.random.default_rng(4), []
    while len(parts) < 3:
        net, inverters, *_ = random_network(rng, losses=0.3)
        if len(inverters) > 1:
            parts.append((net, inverters))
    one = side_by_side(*(net for net, _ in parts)).energized()
    bus = np.concatenate([inv.bus + 1000 * k for k, (_, inv) in enumerate(parts)])
    rating = rng.uniform(0.5, 3, len(bus))
    found = short_circuit_ratios(one, bus, rating)
    start = 0
    for net, inverters in parts:
        own = slice(start, start + len(inverters))
        np.testing.assert_allclose(found[own], dense(net, inverters.bus, rating[own]), rtol=1e-9)
        start += len(inverters)


def test_pandapower_finds_the_same_short_circuit_power():
    """With cos(phi) for which the correction factor K_G of IEC 60909 is one."""
    grid, c = pandapower.create_empty_network(sn_mva=100), 1.1
    for _ in range(5):
        pandapower.create_bus(grid, 110.0)
    for f, t, length in ((0, 1, 30), (1, 2, 40), (2, 3, 25), (3, 4, 50), (4, 0, 60), (1, 3, 35)):
        pandapower.create_line_from_parameters(
            grid, f, t, length, r_ohm_per_km=0.06, x_ohm_per_km=0.4, c_nf_per_km=9, max_i_ka=1
        )
    pandapower.create_load(grid, 3, 80, 20)
    reactance = {0: 0.3, 2: 0.25, 4: X}
    rating = {0: 150.0, 2: 200.0, 4: 120.0}
    for bus, x in reactance.items():
        pandapower.create_gen(
            grid, bus, 50, vn_kv=110, sn_mva=rating[bus], xdss_pu=x, rdss_ohm=0,
            cos_phi=np.sqrt(1 - ((c - 1) / x) ** 2), slack=bus == 0, min_p_mw=0, max_p_mw=200,
            min_q_mvar=-99, max_q_mvar=99,
        )  # fmt: skip
    pandapower.create_poly_cost(grid, 0, "gen", cp1_eur_per_mw=1)
    net = scopf.load_case(grid).energized()
    given = pd.DataFrame({"bus": [0, 2], "device": "classical", "xd1": [0.3, 0.25], "h": 3,
                          "s_mva": [150, 200]})  # fmt: skip
    of = device_table.read(given, net).machines
    (found,) = short_circuit_ratios(net, np.array([4]), np.array([1.2]), of)
    grid.gen.loc[2, "in_service"] = False  # the inverter's own source
    pandapower.shortcircuit.calc_sc(grid, case="max", ip=False, ith=False)
    power = grid.res_bus_sc.skss_mw.loc[4] / c
    assert found == pytest.approx(power / 120, rel=1e-9)
