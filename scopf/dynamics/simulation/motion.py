"""The equations of motion of a grid between two events, as CasADi functions.

x' = f(x, z) and 0 = g(x, z), in a frame that turns with the nominal frequency: x are angle,
frequency and voltage of every inverter and the states of the devices, z angle and voltage of every
bus without an inverter. The equations of inverters, machines and grid-following inverters are those
of `scopf.dynamics.droop` and `scopf.devices`, given symbols in place of numbers.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import casadi as ca
import numpy as np

from scopf.devices.machine import Machines
from scopf.devices.mixed import taken
from scopf.dynamics.droop import Droops
from scopf.dynamics.simulation.grid import State
from scopf.errors import CaseError
from scopf.network.tables import positions

if TYPE_CHECKING:
    from scipy import sparse

    from scopf.arrays import Flags, Floats, Ints
    from scopf.devices.gfl import Followers
    from scopf.devices.gfm import Inverters
    from scopf.dynamics.simulation.grid import Asked, Origin
    from scopf.network.network import Network


class DarkError(Exception):
    """No inverter and no machine is left to hold a voltage."""


class Motion:
    """The grid of one interval.

    Args:
        origin: the intact grid.
        asked: set points and what is out of service.

    Attributes:
        net: the network with all buses that something holds at voltage.
        bus: position of each of its buses in the intact network.
        inverters: that are left.
        inverter: position of each among the intact grid's.
        device: position of each device that is left.
        x, z: symbols.
        f, g: rates of x, and what has to be zero.
        powers: P of the inverters and devices, then their Q, then what the frequency of the phase-
            locked loops deviates by, p.u.
    """

    def __init__(self, origin: Origin, asked: Asked) -> None:
        self._origin, self._asked = origin, asked
        self.net, self.inverters = _left(origin, asked)
        intact, net = origin.net, self.net
        self.bus = positions(intact.bus.id, net.bus.id)
        self.inverter = positions(origin.inverters.bus, self.inverters.bus)
        self.device = np.flatnonzero(np.isin(origin.devices.gens, net.gen.id))
        self._gen = positions(intact.gen.id, net.gen.id)
        self._at = net.bus_positions(self.inverters.bus)
        self._rest = np.setdiff1d(np.arange(len(net.bus)), self._at)
        self._symbols()
        self._equations()

    def _symbols(self) -> None:
        m, rest = len(self._at), len(self._rest)
        active = [kind.active for kind, _ in self._origin.kinds]
        every = np.concatenate([*active, np.zeros((5, 0), dtype=bool)], axis=1)
        self._active: Flags = every[:, self.device]
        theta, w, v = (ca.SX.sym(name, m) for name in ("theta", "w", "v"))
        own = ca.SX.sym("device", int(self._active.sum()))
        angle, magnitude = ca.SX.sym("angle", rest), ca.SX.sym("magnitude", rest)
        self.x, self.z = ca.vertcat(theta, w, v, own), ca.vertcat(angle, magnitude)
        back = np.argsort(np.concatenate([self._at, self._rest])).tolist()
        self._va, self._vm = ca.vertcat(theta, angle)[back], ca.vertcat(v, magnitude)[back]
        self._w, self._own = _scalars(w), _scalars(own)

    # -- equations -------------------------------------------

    def _equations(self) -> None:
        origin, asked, at = self._origin, self._asked, self._at
        vm, va = _scalars(self._vm), _scalars(self._va)
        p, q = self._network()
        load_p, load_q = self._loads(vm)
        p, q = p + load_p, q + load_q
        rates, given = self._devices(vm, va)
        place, bus = origin.device_at[self.device], np.full(len(origin.net.bus), -1)
        bus[self.bus] = np.arange(len(self.bus))
        for k, (device_p, device_q, _) in zip(bus[place].tolist(), given, strict=True):
            p[k], q[k] = p[k] - device_p, q[k] - device_q
        units, of = positions(origin.net.gen.id, self.inverters.units.gen), self.inverters.units
        set_point = np.zeros(len(at), dtype=np.complex128)
        np.add.at(set_point, of.inverter, asked.power[units])
        dv = vm[at] - asked.v_inverter[self.inverter]
        dp, dq = p[at] - set_point.real, q[at] - set_point.imag
        columns = (part[:, None] for part in (self._w, dv, dp, dq))
        turn, swing, rise = self._droops.rates(*columns)
        inverters = [part[:, 0] for part in (turn, swing, rise)]
        self.f = _vector([*inverters, rates])
        rest = self._rest  # as currents: powers would balance at zero voltage, too
        self.g = _vector([p[rest] / vm[rest], q[rest] / vm[rest]])
        outputs = np.array(given, dtype=object).reshape(-1, 3)
        self.powers = _vector([p[at], outputs[:, 0], q[at], outputs[:, 1], outputs[:, 2]])

    @property
    def _droops(self) -> Droops:
        return Droops.of(self.inverters, self._origin.frequency)

    def _network(self) -> tuple[Any, Any]:
        """Power that each bus injects into the network: scalars."""
        y = self.net.ybus()
        g, b = _matrix(y.real), _matrix(y.imag)
        e, f = self._vm * ca.cos(self._va), self._vm * ca.sin(self._va)
        real, imaginary = g @ e - b @ f, g @ f + b @ e
        return _scalars(e * real + f * imaginary), _scalars(f * real - e * imaginary)

    def _loads(self, vm: Any) -> tuple[Any, Any]:
        """Loads of the buses, less the constant powers of generators and DC lines."""
        origin, asked, least = self._origin, self._asked, self._origin.impedance_below
        held, part = vm, np.ones(len(vm))
        if least > 0:
            held = np.array([ca.fmax(v, least) for v in vm], dtype=object)
            part = np.array([ca.fmin(v / least, 1) ** 2 for v in vm], dtype=object)
        loads = origin.loads.stepped(asked.pd, asked.qd).take(self.bus)
        p, q = loads.power(held)
        net, given = self.net, self._origin.net.dcline
        line = positions(given.id, net.dcline.id)
        constant = net.dcline_sum(*(getattr(given, key)[line] for key in ("pf", "qf", "qt")))
        other = origin.constant[self._gen]
        np.add.at(constant, net.gen_at[other], asked.power[self._gen[other]])
        return (p - constant.real) * part, (q - constant.imag) * part

    def _devices(self, vm: Any, va: Any) -> tuple[Any, list[tuple[Any, Any, Any]]]:
        """Rates of the devices' states; P, Q and the deviation of the own frequency of each."""
        origin, asked, net = self._origin, self._asked, self.net
        states = origin.start.devices[:, self.device].astype(object)
        states[self._active] = self._own
        rates, given = np.zeros_like(states), list[tuple[Any, Any, Any]]()
        bus = net.bus_positions(origin.devices.bus[self.device])
        gens = origin.device_gen[self.device]
        for kind, place in origin.kinds:
            mine = (self.device >= place.start) & (self.device < place.stop)
            if not mine.any():
                continue
            power, those = asked.power[gens[mine]], self.device[mine]
            of: Machines | Followers
            if machines := isinstance(kind, Machines):
                of, third = taken(kind, those - place.start), asked.field[those]
            else:
                of, third = taken(kind, those - place.start), power.imag
            at, where = (power.real, asked.v_device[those], third), bus[mine]
            args = states[:, mine], vm[where], va[where], 0.0, at, origin.speed
            with np.errstate(divide="ignore", invalid="ignore"):
                found, p, q = of.rates(*args)
            rates[:, mine] = found
            deviation = states[1, mine] if machines else found[0] / origin.speed
            given += zip(p.tolist(), q.tolist(), deviation.tolist(), strict=True)
        return rates[self._active], given

    # -- functions -------------------------------------------

    @cached_property
    def balance(self) -> ca.Function:
        """(x, z) -> g and its derivative by z."""
        derivative = ca.jacobian(self.g, self.z)
        return ca.Function("balance", [self.x, self.z], [self.g, derivative])

    @cached_property
    def output(self) -> ca.Function:
        """(x, z) -> `powers`."""
        return ca.Function("output", [self.x, self.z], [self.powers])

    # -- states -------------------------------------------

    def packed(self, state: State) -> tuple[Floats, Floats]:
        """The numbers x and z of a state; buses without a voltage start at 1 p.u. and a mean."""
        va, vm = state.va[self.bus], state.vm[self.bus]
        lost, island = np.isnan(vm), self.net.island - 1
        if lost.any():
            there = ~lost
            count = np.bincount(island[there], minlength=self.net.islands)
            total = np.bincount(island[there], va[there], minlength=self.net.islands)
            mean = total / np.maximum(count, 1)
            vm, va = np.where(lost, 1.0, vm), np.where(lost, mean[island], va)
        own = state.devices[:, self.device][self._active]
        at, rest = self._at, self._rest
        x = np.concatenate([va[at], state.dw[self.inverter], vm[at], own])
        return x, np.concatenate([va[rest], vm[rest]])

    def unpacked(self, x: Floats, z: Floats) -> State:
        """States of numbers x and z, shapes (k, nx) and (k, nz)."""
        origin, k, m, rest = self._origin, len(x), len(self._at), len(self._rest)
        va, vm = np.full((2, k, len(origin.net.bus)), np.nan)
        dw = np.full((k, len(origin.inverters)), np.nan)
        devices = np.full((k, 5, len(origin.devices)), np.nan)
        va[:, self.bus[self._at]], vm[:, self.bus[self._at]] = x[:, :m], x[:, 2 * m : 3 * m]
        va[:, self.bus[self._rest]], vm[:, self.bus[self._rest]] = z[:, :rest], z[:, rest:]
        dw[:, self.inverter] = x[:, m : 2 * m]
        own = np.broadcast_to(origin.start.devices[:, self.device], (k, 5, len(self.device)))
        own = own.copy()
        own[:, self._active] = x[:, 3 * m :]
        devices[:, :, self.device] = own
        return State(vm, va, dw, devices)

    @property
    def intact(self) -> Network:
        """The intact network."""
        return self._origin.net

    def magnitudes(self) -> Ints:
        """Positions of the buses, in the intact network, whose voltages z ends with."""
        return self.bus[self._rest]


def _left(origin: Origin, asked: Asked) -> tuple[Network, Inverters]:
    """The islands that an inverter or a machine holds at voltage, and the inverters there."""
    try:
        net = asked.out.network(origin.net)
    except CaseError as error:  # nothing generates, or all islands are dead
        raise DarkError from error
    inverters = origin.inverters.without_units(asked.out.gens)
    inverters = inverters.without(np.setdiff1d(inverters.bus, net.bus.id))
    machines = origin.devices.machines
    machine_bus = machines.bus[np.isin(machines.gen, net.gen.id)]
    sources = net.bus_positions(np.concatenate([inverters.bus, machine_bus]))
    held = np.isin(net.island, net.island[sources])
    if not held.any():
        raise DarkError
    return (net if held.all() else net.part(held)), inverters


def _scalars(vector: Any) -> Any:
    """The elements of a symbolic vector as an array of objects."""
    found = np.empty(vector.numel(), dtype=object)
    found[:] = ca.vertsplit(vector) if len(found) else []
    return found


def _vector(parts: list[Any]) -> Any:
    """One symbolic vector of arrays of objects."""
    elements = [ca.SX(one) for part in parts for one in part.tolist()]
    return ca.vertcat(*elements) if elements else ca.SX(0, 1)


def _matrix(of: sparse.csc_array) -> ca.DM:
    of = of.tocsc()
    of.sort_indices()
    pattern = ca.Sparsity(*of.shape, of.indptr.tolist(), of.indices.tolist())
    return ca.DM(pattern, of.data.tolist())
