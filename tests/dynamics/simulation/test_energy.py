"""The stored energy of a lossless grid falls along every trajectory, by what its devices dissipate.

    Phi = W + sum over inverters [w_b tau_p w^2 / (2 k_p) + (V - V_0 ln V) / k_q]
            + sum over machines [w_b M w^2 / 2 + w_b r T_g p^2 / 2 + W_m - P_0 delta
                                 + (E' - E_fd)^2 / (2 (x_d - x'd))]
            + sum over buses [(P_load - P_0) theta + (Q_load - Q_0) ln V]

with k_p = m_p beta_p, k_q = m_q beta_q, W the energy of the network and W_m that of a machine.
"""

import numpy as np
import pytest

import scopf
from scopf.dynamics.simulation.simulate import simulate
from tests.mixed_networks import random_grid

SPEED = 2 * np.pi * 60


class Energy:
    """Phi, and the power that is dissipated, of the points of an interval; written by hand."""

    def __init__(self, run, piece, *, load=None, p=None, v=None, v_machine=None):
        self.net, self.inv = run.origin.net, run.origin.inverters
        self.of, self.state = run.origin.devices.machines, piece.state
        start, power = run.origin.start, run.origin.power.copy()
        self.load = self.net.bus.pd + 1j * self.net.bus.qd
        for bus, more in (load or {}).items():
            self.load[bus - 1] += complex(*more) / 100
        for gen, value in (p or {}).items():
            power[gen - 1] = value / 100 + 1j * power[gen - 1].imag
        self.at, self.bus = self.inv.bus - 1, self.of.bus - 1
        self.p_machine = power[self.of.gen - 1].real
        self.s_0 = np.zeros(len(self.at), complex)
        np.add.at(self.s_0, self.inv.units.inverter, power[self.inv.units.gen - 1])
        self.v_0 = start.vm[self.at].copy()
        for bus, value in (v or {}).items():
            self.v_0[self.inv.bus == bus] = value
        self.field = start.devices[4]
        self.moving = (self.of.kind != "classical") & (self.of.xd > self.of.xd1)
        self.governed = np.isfinite(self.of.r) & (self.of.tg > 0)

    def _machines(self):
        of = self.of
        delta, w, flux, p, _ = np.moveaxis(self.state.devices, 1, 0)
        v, phi = self.state.vm[:, self.bus], delta - self.state.va[:, self.bus]
        return delta, w, flux, p, v, phi, of

    def stored(self):
        vm, va, dw, inv = self.state.vm, self.state.va, self.state.dw, self.inv
        voltage = vm * np.exp(1j * va)
        total = -0.5 * np.einsum("ki,ij,kj->k", voltage.conj(), self.net.ybus().toarray(), voltage)
        found = total.imag + va @ self.load.real + np.log(vm) @ self.load.imag
        own, k = vm[:, self.at], inv.mq * inv.beta_q
        kinetic = SPEED * inv.tau_p / (2 * inv.mp * inv.beta_p) * dw**2
        found += (kinetic + (own - self.v_0 * np.log(own)) / k).sum(axis=1)
        found -= va[:, self.at] @ self.s_0.real + np.log(own) @ self.s_0.imag
        delta, w, flux, p, v, phi, of = self._machines()
        cos, sin = np.cos(phi), np.sin(phi)
        found += (flux**2 / (2 * of.xd1) - flux * v * cos / of.xd1).sum(axis=1)
        found += (v**2 / 2 * (cos**2 / of.xd1 + sin**2 / of.xq)).sum(
            axis=1
        ) - delta @ self.p_machine
        found += (SPEED * of.h * w**2).sum(axis=1)
        g, m = self.governed, self.moving
        found += (SPEED * of.r[g] * of.tg[g] * p[:, g] ** 2 / 2).sum(axis=1)
        winding = (flux - self.field)[:, m] ** 2 / (2 * (of.xd - of.xd1)[m])
        return found + winding.sum(axis=1)

    def dissipated(self):
        """Of inverters by their powers at the buses, of machines by their states."""
        vm, va, dw, inv = self.state.vm, self.state.va, self.state.dw, self.inv
        _, w, flux, p, v, phi, of = self._machines()
        voltage = vm * np.exp(1j * va)
        s = voltage * (voltage @ self.net.ybus().toarray().T).conj() + self.load
        i_d = (flux - v * np.cos(phi)) / of.xd1
        given = flux * v * np.sin(phi) / of.xd1
        given = given + v**2 * np.sin(phi) * np.cos(phi) * (1 / of.xq - 1 / of.xd1)
        q = (v * np.cos(phi) * i_d) - v**2 * np.sin(phi) ** 2 / of.xq
        for k, bus in enumerate(self.bus.tolist()):
            s[:, bus] -= given[:, k] + 1j * q[:, k]
        k, own = inv.mq * inv.beta_q, vm[:, self.at]
        rise = -(own - self.v_0 + k * (s[:, self.at] - self.s_0).imag) / inv.tau_q
        found = (SPEED * dw**2 / (inv.mp * inv.beta_p)).sum(axis=1)
        found += (inv.tau_q * rise**2 / (k * own)).sum(axis=1)
        droop = np.where(np.isfinite(of.r) & ~self.governed, 1 / of.r, 0)
        found += (SPEED * (of.d + droop) * w**2).sum(axis=1)
        g, m = self.governed, self.moving
        found += (SPEED * of.r[g] * p[:, g] ** 2).sum(axis=1)
        pull = (flux - self.field)[:, m] + (of.xd - of.xd1)[m] * i_d[:, m]
        return found + (pull**2 / (of.td0 * (of.xd - of.xd1))[m]).sum(axis=1)


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 6, 7])  # 5 is near its nose
def test_the_stored_energy_falls_by_what_is_dissipated(seed):
    net, inverters, devices, vm, va, power = random_grid(np.random.default_rng(seed), energy=True)
    bus, gen = int(net.bus.id[seed % len(net.bus)]), int(inverters.units.gen[0])
    first = int(inverters.bus[0])
    step, p = {bus: (-8.0, 5.0)}, 100 * float(power[0][gen - 1]) + 6
    change = {f"gen {gen}": {"p_mw": p, "vm": 1.02}}
    events = [scopf.Event(0, load_step=step), scopf.Event(1.0, set_point=change)]
    run = simulate(
        net, inverters, vm, va, devices, power=power, events=events, until=2.5, step=0.0025,
        impedance_below=0, tolerance=1e-9,
    )  # fmt: skip
    asked = {"load": step}
    assert len(run.pieces) == 3  # a point before the first event
    for piece, more in zip(run.pieces[1:], [{}, {"p": {gen: p}, "v": {first: 1.02}}], strict=True):
        energy = Energy(run, piece, **asked, **more)
        stored, loss = energy.stored(), energy.dissipated()
        assert (loss >= 0).all()
        assert np.diff(stored).max() < 1e-9 * (1 + abs(stored).max())
        spent = np.concatenate([[0], np.cumsum(np.diff(piece.times) * (loss[1:] + loss[:-1]) / 2)])
        fall = stored[0] - stored
        assert fall[-1] > 1e-5
        np.testing.assert_allclose(fall, spent, rtol=5e-3, atol=5e-3 * fall[-1])
