"""Random grids of inverters, machines and grid-following inverters, and their equations by hand."""

import numpy as np

import scopf
from scopf.arrays import texts
from scopf.devices.gfl import Followers
from scopf.devices.machine import Machines
from scopf.devices.mixed import Devices
from scopf.network.powers import mismatch
from tests.small_networks import network


def machines(gen, bus, kind="one-axis", **columns):
    """Machines with the same or given numbers; any column may be left out."""
    n = len(gen)
    values = {
        "xd": 1.2, "xq": 0.9, "xd1": 0.3, "h": 4.0, "d": 2.0, "td0": 6.0, "ka": 0.0, "ta": 0.0,
        "r": np.inf, "tg": 0.0,
    }  # fmt: skip
    full = {name: np.full(n, value) * 1.0 for name, value in (values | columns).items()}
    kinds = texts(np.broadcast_to(kind, n))
    return Machines(np.array(gen, np.int64), np.array(bus, np.int64), kinds, **full)


def followers(gen, bus, **columns):
    """Grid-following inverters, likewise."""
    values = {"bw_pll": 40.0, "bw_i": 200.0, "kv": 0.0, "tv": 0.0}
    full = {name: np.full(len(gen), value) * 1.0 for name, value in (values | columns).items()}
    return Followers(np.array(gen, np.int64), np.array(bus, np.int64), **full)


def random_grid(rng, *, losses=0.0, energy=False, inverters=True):
    """A network at a random operating point, its inverters and devices, and powers of generators.

    Args:
        rng: of random numbers.
        losses: r over x of the lines.
        energy: with neither regulators nor grid-following inverters.
        inverters: whether there are some, at one bus or more.

    Returns:
        Network, inverters, devices, magnitudes, angles, and P and Q of all generators.
    """
    n = int(rng.integers(2, 8))
    ends = [(i, int(rng.integers(1, i))) for i in range(2, n + 1)]
    ends += [tuple(rng.choice(n, 2, replace=False) + 1) for _ in range(int(rng.integers(0, n)))]
    lines = [
        (i, j, losses * x, x, rng.uniform(0, 0.1), rng.uniform(0.9, 1.1), rng.uniform(-0.2, 0.2))
        for (i, j), x in zip(ends, rng.uniform(0.05, 0.5, len(ends)), strict=True)
    ]
    buses = np.arange(1, n + 1)
    at = rng.choice(buses, int(rng.integers(1, n + 1)), replace=False) if inverters else buses[:0]
    machine_at = rng.choice(buses, int(rng.integers(1, 5)))
    follower_at = rng.choice(buses, 0 if energy else int(rng.integers(0, 3)))
    own = np.concatenate([np.sort(at), machine_at, follower_at])
    net = network(n, lines, own, shunts={b: 1j * rng.uniform(-0.1, 0.3) for b in buses.tolist()})
    inv = scopf.Inverters.at_generators(net, buses=[])
    if inverters:  # only the first generator of each bus
        inv = scopf.Inverters.at_generators(net, buses=at.tolist())
        inv = inv.without_units(net.gen.id[len(at) :].tolist())
    m, k, f = len(inv), len(machine_at), len(follower_at)
    inv = inv.replace(
        mq=np.exp(rng.uniform(np.log(0.02), np.log(3), m)), mp=rng.uniform(0.01, 0.3, m),
        tau_p=rng.uniform(0.02, 0.5, m), tau_q=rng.uniform(0.02, 0.5, m),
        beta_q=rng.uniform(0.5, 2, m),
    )  # fmt: skip
    xd = rng.uniform(0.2, 2, k)
    xd1 = xd * rng.uniform(0.15, 0.7, k)
    governed = rng.random(k) < 0.5
    regulated = (rng.random(k) < 0.4) & (not energy)
    classical = ~regulated & (rng.random(k) < 0.3)
    synchronous = machines(
        net.gen.id[len(at) : len(at) + k], machine_at,
        np.where(classical, "classical", np.where(regulated, "avr", "one-axis")),
        xd=xd, xd1=xd1, xq=rng.uniform(0.7, 1, k) * xd, h=rng.uniform(1, 8, k),
        d=rng.uniform(0.5, 4, k), td0=np.where(classical, 0.0, rng.uniform(3, 9, k)),
        ka=np.where(regulated, rng.uniform(5, 60, k), 0.0),
        ta=np.where(regulated & (rng.random(k) < 0.7), 0.05, 0.0),
        r=np.where(governed, rng.uniform(0.02, 0.1, k), np.inf),
        tg=np.where(governed & (rng.random(k) < 0.7), rng.uniform(0.1, 0.6, k), 0.0),
    )  # fmt: skip
    kv = rng.choice([0.0, 1.0, 5.0], f)
    lagging = (kv > 0) & (rng.random(f) < 0.5)
    following = followers(
        net.gen.id[len(at) + k :], follower_at, bw_pll=rng.uniform(10, 60, f),
        bw_i=rng.uniform(100, 400, f), kv=kv, tv=np.where(lagging, 0.1, 0.0),
    )  # fmt: skip
    vm, va = rng.uniform(0.85, 1.1, n), rng.uniform(-0.5, 0.5, n)
    p, q = rng.uniform(0, 1, len(own)), rng.uniform(-0.7, 0.6, len(own))
    p[: len(at)] = q[: len(at)] = 0.0
    left = mismatch(net, vm, va, p + 1j * q)
    held = net.bus_positions(np.sort(at))
    p[: len(at)], q[: len(at)] = -left.real[held], -left.imag[held]
    left[held] = 0.0
    net = net.replace(bus={"pd": left.real, "qd": left.imag})
    return net, inv, Devices(synchronous, following), vm, va, (p, q)


class ByHand:
    """The same grid, one device after another, angles absolute, in the d and q axes of machines.

    The state is a list of numbers; voltages of buses without an inverter are found by Newton's
    method.
    """

    speed = 2 * np.pi * 60

    def __init__(self, net, inverters, devices, vm, va, power, load=(0.0, 0.0)):
        self.y, self.vm, self.va, self.load = net.ybus().toarray(), vm, va, load
        self.demand = net.bus.pd + 1j * net.bus.qd
        self.inv, self.of, self.gfl = inverters, devices.machines, devices.followers
        place = {bus: i for i, bus in enumerate(net.bus.id.tolist())}
        self.at, self.machine_at, self.gfl_at = (
            [place[b] for b in of.bus.tolist()] for of in (inverters, self.of, self.gfl)
        )
        self.rest = [i for i in range(len(vm)) if i not in self.at]
        gen = {number: i for i, number in enumerate(net.gen.id.tolist())}
        by_gen = power[0] + 1j * power[1]
        self.s = [by_gen[gen[g]] for g in self.of.gen.tolist()]
        self.s_gfl = [by_gen[gen[g]] for g in self.gfl.gen.tolist()]
        self.start, self.fields = self._start()
        self.guess = np.concatenate([va[self.rest], vm[self.rest]])
        self.power_0 = np.zeros(len(vm), complex)
        self.power_0 = self._left(self.start, vm, va)[self.at]

    def _start(self):
        x, fields = [], []
        for i in self.at:
            x += [self.va[i], 0.0, self.vm[i]]
        for k, i in enumerate(self.machine_at):
            v = self.vm[i] * np.exp(1j * self.va[i])
            current = np.conj(self.s[k] / v)
            delta = np.angle(v + 1j * self.of.xq[k] * current)
            turned, v_q = current * np.exp(-1j * delta), (v * np.exp(-1j * delta)).real
            i_d = -turned.imag
            flux = v_q + self.of.xd1[k] * i_d
            fields.append(v_q + self.of.xd[k] * i_d)
            x += [delta, 0.0, flux, 0.0, fields[-1]]
        for k, i in enumerate(self.gfl_at):
            current = np.conj(self.s_gfl[k]) / self.vm[i]
            x += [self.va[i], 0.0, current.real, current.imag, 0.0]
        return np.array(x), fields

    def _machine(self, x, k, v, theta):
        delta, flux = x[3 * len(self.at) + 5 * k], x[3 * len(self.at) + 5 * k + 2]
        v_d, v_q = v * np.sin(delta - theta), v * np.cos(delta - theta)
        i_d, i_q = (flux - v_q) / self.of.xd1[k], v_d / self.of.xq[k]
        return v_d * i_d + v_q * i_q + 1j * (v_q * i_d - v_d * i_q), i_d

    def _follower(self, x, k, v, theta):
        part = x[3 * len(self.at) + 5 * len(self.machine_at) + 5 * k :]
        current = (part[2] + 1j * part[3]) * np.exp(1j * part[0])
        return v * np.exp(1j * theta) * np.conj(current)

    def _left(self, x, vm, va):
        """Injection into the network plus load less what devices put out."""
        v, (n_p, n_q) = vm * np.exp(1j * va), self.load
        ratio, demand = vm / self.vm, self.demand
        left = v * np.conj(self.y @ v) + demand.real * ratio**n_p + 1j * demand.imag * ratio**n_q
        for k, i in enumerate(self.machine_at):
            left[i] -= self._machine(x, k, vm[i], va[i])[0]
        for k, i in enumerate(self.gfl_at):
            left[i] -= self._follower(x, k, vm[i], va[i])
        return left

    def rate(self, x):
        """Rates of the states."""
        vm, va = self.vm.copy(), self.va.copy()
        for k, i in enumerate(self.at):
            va[i], vm[i] = x[3 * k], x[3 * k + 2]

        def balance(y):
            va[self.rest], vm[self.rest] = np.split(y, 2)
            left = self._left(x, vm, va)[self.rest]
            return np.concatenate([left.real, left.imag])

        y = self.guess.copy()
        for _ in range(8 if len(y) else 0):
            steps = 1e-7 * np.eye(len(y))
            slope = [(balance(y + step) - balance(y - step)) / 2e-7 for step in steps]
            y -= np.linalg.solve(np.array(slope).T, balance(y))
        balance(y)
        left, rates = self._left(x, vm, va), []
        for k, i in enumerate(self.at):
            beyond = left[i] - self.power_0[k]
            inv, w = self.inv, x[3 * k + 1]
            rates += [
                self.speed * w,
                (-w - inv.mp[k] * inv.beta_p[k] * beyond.real) / inv.tau_p[k],
                (self.vm[i] - vm[i] - inv.mq[k] * inv.beta_q[k] * beyond.imag) / inv.tau_q[k],
            ]
        for k, i in enumerate(self.machine_at):
            of, first = self.of, 3 * len(self.at) + 5 * k
            _, w, flux, governor, voltage = x[first : first + 5]
            power, i_d = self._machine(x, k, vm[i], va[i])
            mechanical = self.s[k].real + (governor if of.tg[k] else -w / of.r[k])
            asked = self.fields[k] + of.ka[k] * (self.vm[i] - vm[i])
            field = voltage if of.ka[k] and of.ta[k] else asked
            fixed = of.kind[k] == "classical"
            rates += [
                self.speed * w,
                (mechanical - power.real - of.d[k] * w) / (2 * of.h[k]),
                0 if fixed else (field - flux - (of.xd[k] - of.xd1[k]) * i_d) / of.td0[k],
                (-governor - w / of.r[k]) / of.tg[k] if of.tg[k] else 0,
                (asked - voltage) / of.ta[k] if of.ta[k] else 0,
            ]
        for k, i in enumerate(self.gfl_at):
            of, first = self.gfl, 3 * len(self.at) + 5 * len(self.machine_at) + 5 * k
            angle, integral, i_d, i_q, support = x[first : first + 5]
            error = vm[i] * np.sin(va[i] - angle) / self.vm[i]
            wanted = of.kv[k] * (self.vm[i] - vm[i])
            asked = self.s_gfl[k].imag + (support if of.tv[k] else wanted)
            rates += [
                2 * of.bw_pll[k] * error + integral,
                of.bw_pll[k] ** 2 * error,
                of.bw_i[k] * (self.s_gfl[k].real / vm[i] - i_d),
                of.bw_i[k] * (-asked / vm[i] - i_q),
                (wanted - support) / of.tv[k] if of.tv[k] else 0,
            ]
        return np.array(rates)

    def jacobian(self, step=3e-5):
        """Derivatives of the rates by the states, by finite differences of fourth order."""
        columns = []
        for k in range(len(self.start)):
            up = step * np.eye(len(self.start))[k]
            near = self.rate(self.start + up) - self.rate(self.start - up)
            far = self.rate(self.start + 2 * up) - self.rate(self.start - 2 * up)
            columns.append((8 * near - far) / (12 * step))
        return np.array(columns).T

    def eigenvalues(self):
        """Of the states that move and what they do."""
        a = self.jacobian()
        moving = abs(a).max(axis=1) > 0  # constant states have no equation
        return np.linalg.eigvals(a[np.ix_(moving, moving)])
