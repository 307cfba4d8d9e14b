"""The equations of motion around an operating point, against those that `verify` linearises."""

import casadi as ca
import numpy as np
import pytest

from scopf.dynamics.modes import state_matrix
from scopf.dynamics.simulation.grid import State
from scopf.dynamics.simulation.simulate import simulate
from scopf.dynamics.verification import verify
from tests.mixed_networks import random_grid


def random_motion(seed, **how):
    """A random grid as the arguments of `simulate`, and its equations without any event."""
    net, inverters, devices, vm, va, power = random_grid(np.random.default_rng(seed), **how)
    args = net, inverters, vm, va, devices
    run = simulate(*args, power=power, until=1e-3, step=1e-3)
    return args, power, run.pieces[0].motion, run.origin.start


def state_jacobian(motion, state):
    """Of the rates of x, with z where it balances: and the largest rate at that point."""
    x, z = motion.packed(state)
    slopes = [ca.jacobian(of, by) for of in (motion.f, motion.g) for by in (motion.x, motion.z)]
    found = ca.Function("all", [motion.x, motion.z], [*slopes, motion.f, motion.g])(x, z)
    f_x, f_z, g_x, g_z, f, g = (one.full() for one in found)
    inner = np.linalg.solve(g_z, g_x) if len(z) else np.zeros((0, len(x)))
    return f_x - f_z @ inner, max(abs(f).max(), abs(g).max(initial=0))


@pytest.mark.parametrize("seed", range(8))
def test_rates_are_those_whose_modes_are_verified(seed):
    """Zero at the operating point, and with its eigenvalues and that of the common angle there."""
    how = {"losses": 0.3 * (seed % 2), "inverters": seed % 4 != 2}
    args, power, motion, state = random_motion(seed, **how)
    jacobian, rate = state_jacobian(motion, state)
    assert rate < 1e-11
    system = verify(*args, power=power, modes=1).system
    values, wanted = np.linalg.eigvals(jacobian).tolist(), np.linalg.eigvals(state_matrix(system))
    assert len(values) == len(wanted) + 1
    for one in wanted:
        near = int(np.argmin([abs(one - value) for value in values]))
        assert abs(values.pop(near) - one) < 1e-6 * max(1, abs(one))
    assert abs(values[0]) < 1e-6


def pushed(system, state, vector):
    """The state moved by a vector over the variables of `dae.System`."""
    angle, magnitude, frequency = system.columns
    va = state.va + np.where(angle >= 0, vector[angle], 0.0)
    vm, devices, start = state.vm + vector[magnitude], state.devices.copy(), 0
    own = vector[system.states - system.attached.states : system.states]
    for kind in system.attached.kinds:
        count = len(kind.of)
        there = kind.place >= 0
        devices[:, start : start + count][there] += own[kind.place[there]]
        start += count
    return State(vm, va, state.dw + vector[frequency], devices)


def observed(run, system):
    """The points of a trajectory as the variables that have a rate, less the operating point's.

    Angles are relative to that of the island's first inverter, or machine.
    """
    angle, magnitude, frequency = system.columns
    state, start = run.pieces[0].state, run.origin.start
    x = np.zeros((len(run.pieces[0].times), len(angle) * 2 + system.states))
    free = angle >= 0
    va, devices = state.va - start.va, state.devices - start.devices
    common = va[:, system.at[0]] if len(system.at) else devices[:, 0, 0]
    x[:, angle[free]] = va[:, free] - common[:, None]
    x[:, magnitude] = state.vm - start.vm
    x[:, frequency] = state.dw
    first = system.states - system.attached.states
    own = np.zeros((len(x), system.attached.states))
    devices[:, 0] -= common[:, None]
    begin = 0
    for kind in system.attached.kinds:
        there, count = kind.place >= 0, len(kind.of)
        own[:, kind.place[there]] = devices[:, :, begin : begin + count][:, there]
        begin += count
    x[:, first : system.states] = own
    return x[:, : system.states]


@pytest.mark.parametrize("seed", range(20))
def test_a_small_push_moves_at_the_rate_and_the_frequency_of_the_rightmost_mode(seed):
    """Pushed into the mode, the trajectory is Re(c v exp(s t)); s against the eigenvalue."""
    losses = 0.3 * (seed % 2)
    args, power, _, state = random_motion(seed, losses=losses, inverters=seed % 5 != 4)
    found = verify(*args, power=power, modes=1)
    system, wanted = found.system, complex(*found.modes.iloc[0][["real", "imag"]])
    values, vectors = np.linalg.eig(state_matrix(system))
    mode = vectors[:, np.argmin(abs(values - wanted))]
    mode = 1e-6 * mode / abs(mode).max()
    until = min(1 / abs(wanted.real), 30 / max(abs(wanted), 1e-9))
    inner = np.zeros(2 * len(system.rest))  # of the other buses; found by Newton's method
    start = pushed(system, state, np.concatenate([mode.real, inner]))
    run = simulate(*args, power=power, start=start, until=until, step=until / 200, tolerance=1e-12)
    basis = np.array([mode.real, -mode.imag]).T
    x = observed(run, system)
    if wanted.imag == 0:
        size = x @ basis[:, 0] / (basis[:, 0] @ basis[:, 0])
        rate = np.log(size[-1] / size[0]) / until + 0j
    else:
        size = np.linalg.lstsq(basis, x.T)[0].T @ [1, 1j]
        turned = np.unwrap(np.angle(size))
        rate = complex(np.log(abs(size[-1] / size[0])), turned[-1] - turned[0]) / until
    assert rate.real == pytest.approx(wanted.real, rel=1e-3)
    assert rate.imag == pytest.approx(wanted.imag, rel=1e-3, abs=1e-9)
