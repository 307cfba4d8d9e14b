"""Machines and grid-following inverters in the dynamics, against equations written by hand."""

import numpy as np
import pytest

from scopf.dynamics import modes
from scopf.dynamics.critical import by_modes
from scopf.dynamics.dae import System
from scopf.dynamics.energy import hessian
from scopf.dynamics.loads import Loads
from scopf.dynamics.numerical_range import bounds
from scopf.dynamics.verification import verify
from scopf.network.susceptances import Grid
from tests.mixed_networks import ByHand, random_grid


def system(grid, load="power"):
    net, inv, devices, vm, va, power = grid
    own = (power[0] + 1j * power[1])[devices.gens - 1]
    return System(net, inv, vm, va, Loads.of(net, vm, load), devices=devices, device_power=own)


def unmatched(found, by_hand):
    """What is left of the one set without its nearest partners in the other, and the distances."""
    left, distances = list(by_hand), []
    for value in found:
        k = int(np.argmin([abs(value - other) for other in left]))
        distances.append(abs(value - left[k]) / (1 + abs(value)))
        left.pop(k)
    return left, max(distances)


@pytest.mark.parametrize("trial", range(12))  # losses, inverters and loads of each kind
def test_eigenvalues_are_those_of_equations_by_hand(trial):
    """The common angle, which the package takes out, has a zero eigenvalue there."""
    rng = np.random.default_rng(trial)
    grid = random_grid(rng, losses=0.3 * (trial % 3), inverters=trial % 4 > 0)
    load = ("power", "impedance", (0.7, 1.6))[trial % 5 % 3]
    exponents = {"power": (0, 0), "impedance": (2, 2)}.get(load, load)
    s = system(grid, load)
    x = s.equilibrium
    assert abs(s.rates(x)).max() < 1e-9
    found = np.linalg.eigvals(modes.state_matrix(s))
    left, distance = unmatched(found, ByHand(*grid, load=exponents).eigenvalues())
    assert abs(np.array(left)).max() < 1e-4
    assert distance < 1e-6
    assert len(left) == 1


def test_the_matrix_is_the_derivative_of_the_equations():
    for trial in range(6):
        rng = np.random.default_rng(100 + trial)
        s = system(random_grid(rng, losses=0.2, inverters=trial % 3 > 0), (1.2, 0.6))
        x, matrix = s.equilibrium, s.matrix.toarray()
        assert matrix.shape == (len(x), len(x))
        for k in range(len(x)):
            step = 1e-6 * np.eye(len(x))[k]
            difference = (s.rates(x + step) - s.rates(x - step)) / 2e-6
            assert matrix[:, k] == pytest.approx(difference, rel=1e-5, abs=1e-3)


def past_angle_limit(grid):
    net, _, devices, vm, _, power = grid
    found = devices.slopes_at(net, *power, vm)
    return bool(((found.k <= 0) | (found.k_transient <= 0)).any())


def test_h_counts_the_growing_modes_of_lossless_grids_with_machines():
    rng, stable, unstable, past_limit, past_nose, inverterless = np.random.default_rng(3), *[0] * 5
    for trial in range(250):
        grid = random_grid(rng, energy=True, inverters=trial % 4 > 0)
        net, inv, devices, vm, va, power = grid
        load = (0, float(rng.choice([0.0, 2.0])))
        found = verify(net, inv, vm, va, devices, power=power, load=load)
        assert found.lossless
        assert found.negative - found.past_nose == found.unstable
        assert found.stable == (found.negative == 0)
        stable, unstable = stable + found.stable, unstable + (found.unstable > 0)
        past_limit += past_angle_limit(grid)
        past_nose += found.past_nose > 0
        inverterless += found.stable and not len(inv)
    assert min(stable, unstable) > 60
    assert min(past_limit, past_nose, inverterless) > 10


def test_the_slope_of_a_machine_in_its_bus_decides_alike_within_its_angle_limit():
    """Of the Hessian of the network with s / V^2 at the terminal, in place of the machine's."""
    rng, counted = np.random.default_rng(4), 0
    for _ in range(60):
        grid = random_grid(rng, energy=True)
        net, inv, devices, vm, va, power = grid
        slopes = devices.slopes_at(net, *power, vm)
        if (slopes.k <= 0).any() or (slopes.k_transient <= 0).any():
            continue
        n, stiffness = len(vm), np.zeros(len(vm))
        stiffness[net.bus_positions(inv.bus)] = 1 / inv.k
        h = hessian(Grid.full(net), vm, va, stiffness + slopes.steady / vm, np.zeros(n))
        negative = int((np.linalg.eigvalsh(h.toarray()[1:, 1:]) < 0).sum())
        assert verify(net, inv, vm, va, devices, power=power).stable == (negative == 0)
        counted += 1
    assert counted > 40


def test_with_regulators_or_grid_following_inverters_eigenvalues_decide():
    rng, verdicts = np.random.default_rng(6), set()
    for trial in range(50):
        net, inv, devices, vm, va, power = random_grid(rng, energy=trial % 3 == 0)
        found = verify(net, inv, vm, va, devices, power=power)
        plain = not (devices.machines.ka.any() or len(devices.followers))
        assert found.lossless == plain
        assert (found.negative is None) == (not plain)
        assert found.stable == (not (found.unstable or found.past_nose))
        verdicts.add((plain, found.stable))
    assert len(verdicts) == 4


@pytest.mark.parametrize("losses", [0.0, 0.2])
def test_the_search_finds_what_lapack_finds(losses):
    rng, growing = np.random.default_rng(8), 0
    for trial in range(25):
        net, inv, devices, vm, va, power = random_grid(rng, losses=losses, inverters=trial % 3 > 0)
        args = net, inv, vm, va, devices
        every, near = (verify(*args, power=power, method=how) for how in ("dense", "arnoldi"))
        assert (near.stable, near.unstable) == (every.stable, every.unstable)
        expected = every.spectrum.values
        expected = expected[expected.real > near.spectrum.edge]
        assert near.spectrum.values[: len(expected)] == pytest.approx(expected, rel=1e-6, abs=1e-7)
        growing += every.unstable > 0
        top, right = bounds(every.system)
        values = np.linalg.eigvals(modes.state_matrix(every.system))
        assert values.real.max() <= max(right, 1e-9)
        assert abs(values.imag).max() <= top + 1e-9
    assert growing > 5


def test_the_critical_factor_scales_droops_only():
    rng, finite = np.random.default_rng(12), 0
    for trial in range(15):
        net, inv, devices, vm, va, power = random_grid(rng, energy=trial % 2 == 0)
        args = net, vm, va, devices
        found = verify(net, inv, *args[1:], power=power)
        factor = found.critical_factor
        if not 0 < factor < np.inf:
            continue
        finite += 1
        for share, stable in ((0.999, True), (1.001, False)):
            other = inv.replace(mq=inv.mq * factor * share)
            assert verify(net, other, *args[1:], power=power).stable is stable
        assert by_modes(found.system, "dense") == pytest.approx(factor, rel=1e-5)
    assert finite > 5


# -- what participates -----------------------------------------------


def plain_shares(grid):
    """Of the eigenvectors of the equations by hand, absolute angles and all."""
    by_hand = ByHand(*grid)
    _, inv, devices, *_ = grid
    owner = [*np.repeat(np.arange(len(inv)), 3)]
    owner += [*np.repeat(len(inv) + np.arange(len(devices)), 5)]
    a = by_hand.jacobian()
    values, right = np.linalg.eig(a)
    left = np.linalg.pinv(right)
    shares = abs(right * left.T)
    found = np.zeros((len(inv) + len(devices), len(values)))
    np.add.at(found, owner, shares)
    return values, found / found.sum(axis=0)


def test_shares_are_those_of_the_equations_by_hand():
    checked = 0
    for trial in range(8):
        grid = random_grid(np.random.default_rng(300 + trial), inverters=trial % 3 > 0, losses=0.1)
        net, inv, devices, vm, va, power = grid
        values, shares = plain_shares(grid)
        found = verify(net, inv, vm, va, devices, power=power, modes=6)
        for mode, value in enumerate(found.spectrum.values[:6], 1):
            gaps = np.sort(abs(values - value))
            if gaps[1] < 1e-2 * abs(value) or abs(value) < 1e-3:
                continue  # of two that are near each other vectors are not determined
            table = found.participation
            own = table[table["mode"] == mode]
            expected = np.sort(shares[:, abs(values - value).argmin()])[::-1]
            assert own["share"].to_numpy() == pytest.approx(expected, abs=1e-4)
            assert own["share"].sum() == pytest.approx(1)
            checked += 1
    assert checked > 30
