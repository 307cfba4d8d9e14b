"""Inverters, machines and other devices on the full network: its equations, and the linear ones.

The equations of an inverter stand in `scopf.dynamics.droop`. P and Q are its output: the net
injection of its bus into the network, plus the load there, less the power of generators there that
are no inverter. At all other buses the powers balance. Synchronous machines and grid-following
inverters have equations of their own (`scopf.dynamics.attached`); other generators inject constant
powers. The set points P0, V0, Q0 are those that make the given operating point an equilibrium, so
its frequency is the nominal one.

Only angle differences matter. All angles are taken relative to that of the first inverter of their
island, or of the first machine where there is no inverter. This removes the zero eigenvalue of each
island's common angle exactly, in networks with losses as well. An island of one inverter has no
angle left. Islands have no equation in common: DC lines carry constant power.
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from scopf.devices.mixed import Devices
from scopf.dynamics import attached
from scopf.dynamics.attached import Attached
from scopf.dynamics.droop import FREQUENCY, Droops
from scopf.dynamics.inertia import left_eigenvalues, negatives, schur_complement
from scopf.dynamics.loads import junctions
from scopf.errors import ScopfError, number
from scopf.network.powers import injections, jacobian

if TYPE_CHECKING:
    from collections.abc import Callable

    from scopf.arrays import Complexes, Floats, Ints, Strings
    from scopf.devices.gfm import Inverters
    from scopf.dynamics.loads import Loads
    from scopf.network.network import Network

log = logging.getLogger(__name__)

_NONE = Devices.none()
_SINGULAR = 1e13  # condition number from which the balance of the other buses counts as singular


def _no_power() -> Complexes:
    return np.empty(0, dtype=np.complex128)


class SingularError(ScopfError):
    """The power balance of the buses without an inverter does not determine their voltages.

    Attributes:
        bus: number of the bus whose voltage is the least determined.
    """

    def __init__(self, bus: int) -> None:
        self.bus = bus
        super().__init__(
            f"the power balance of the buses without an inverter is singular, at bus {bus} above "
            "all: the network cannot carry more there (the nose of the PV curve)"
        )

    def __reduce__(self) -> tuple[type[SingularError], tuple[int]]:
        return type(self), (self.bus,)


@dataclass(frozen=True, eq=False)
class System:
    """Inverters, other devices, network and loads around an operating point.

    The variables x are, in this order: angles of the inverters but the first of each island
    (relative to it, rad), frequency deviations dw of all inverters (per unit), their voltages;
    states of the other devices; angles and voltages of the buses without an inverter. The first
    `states` of them, 3 m - i for m inverters in i islands and no other device, have a rate; the
    others fulfil the power balance. In an island without inverter the angle of its first machine is
    no variable.

    Attributes:
        net: energized network of n buses, an inverter or a machine in every island.
        inverters: m inverters at buses of it.
        vm, va: operating point, per unit and rad, shape (n,).
        loads: at the buses.
        frequency: nominal, Hz.
        devices: machines and grid-following inverters, of generators of the network.
        device_power: P + jQ of each device at the operating point, per unit.

    Raises:
        ScopfError: when an island has neither inverter nor machine, or for a frequency that is not
            positive.
    """

    net: Network
    inverters: Inverters
    vm: Floats
    va: Floats
    loads: Loads
    frequency: float = FREQUENCY
    devices: Devices = _NONE
    device_power: Complexes = field(default_factory=_no_power)

    def __post_init__(self) -> None:
        name, machines = self.net.name, self.devices.machines
        if not len(self.inverters) + len(machines):
            raise ScopfError(
                f"{name} has no inverter and no machine: there are no dynamics whose stability to "
                "ask"
            )
        forming = np.concatenate([self.at, self.net.bus_positions(machines.bus)])
        if len(np.unique(self.net.island[forming])) < self.net.islands:
            raise ScopfError(f"{name}: an island has no inverter and no machine; leave it out")
        if not number("frequency", self.frequency) > 0:
            raise ScopfError(f"frequency must be positive (Hz), got {self.frequency}")

    def __getstate__(self) -> dict[str, Any]:
        """Without what is computed, some of which cannot be pickled."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @cached_property
    def at(self) -> Ints:
        """Positions of the inverters' buses."""
        return self.net.bus_positions(self.inverters.bus)

    @cached_property
    def rest(self) -> Ints:
        """Positions of the other buses."""
        return np.setdiff1d(np.arange(len(self.net.bus)), self.at)

    @cached_property
    def first(self) -> Ints:
        """Position of the first inverter of each one's island, shape (m,)."""
        _, first, island = np.unique(
            self.net.island[self.at], return_index=True, return_inverse=True
        )
        return np.asarray(first[island])

    @cached_property
    def turning(self) -> Ints:
        """Positions of the inverters whose angle is a variable."""
        return np.flatnonzero(self.first != np.arange(len(self.at)))

    @property
    def states(self) -> int:
        """Number of variables with a rate."""
        return 2 * len(self.inverters) + len(self.turning) + self.attached.states

    @property
    def conserves_energy(self) -> bool:
        """True without resistance, shunt conductance and active load that follows the voltage.

        Charging, capacitors, taps and phase shifts are fine, and so are machines without regulator.
        The network then has an energy function (see `scopf.dynamics.energy`).
        """
        return self.dissipates is None

    @property
    def dissipates(self) -> str | None:
        """Why there is no energy function; None if there is one."""
        if self.net.has_losses:
            return "with losses"
        if self.loads.dp.any():
            return "voltage-dependent loads"
        if not self.devices.conserve_energy:
            return "lossless, no energy function"
        return None

    @cached_property
    def attached(self) -> Attached:
        """The equations of the devices that are no grid-forming inverters."""
        bus, island = self.net.bus_positions(self.devices.bus), self.net.island
        machines = bus[: len(self.devices.machines)]
        fixed = np.zeros(len(bus), dtype=bool)
        _, first = np.unique(island[machines], return_index=True)
        fixed[first] = ~np.isin(island[machines[first]], island[self.at])
        args = self.vm, self.va, fixed, self.speed
        return Attached(self.devices, self.device_power, bus, *args)

    @cached_property
    def reference(self) -> Ints:
        """Position in x of the frequency that angles of each bus's island are relative to."""
        m, turning, island = len(self.at), len(self.turning), self.net.island
        place = np.zeros(1 + self.net.islands, dtype=np.int64)
        machines = island[self.net.bus_positions(self.devices.machines.bus)]
        alone = 2 * m + turning + self.attached.speeds
        place[machines[::-1]] = alone[::-1]  # the first one of an island stays
        place[island[self.at]] = turning + self.first
        return place[island]

    @property
    def droops(self) -> Droops:
        """Coefficients of the inverters' equations."""
        return Droops.of(self.inverters, self.frequency)

    @property
    def speed(self) -> float:
        """w_b, rad/s."""
        return self.droops.speed

    @cached_property
    def columns(self) -> tuple[Ints, Ints, Ints]:
        """Positions in x of angles and voltages of the buses, and of inverters' frequencies.

        -1 for the angle of an island's first inverter. States of other devices follow those of the
        inverters.
        """
        m, n, turning = len(self.at), len(self.net.bus), len(self.turning)
        angle, magnitude = np.full(n, -1), np.empty(n, dtype=np.int64)
        angle[self.at[self.turning]] = np.arange(turning)
        angle[self.rest] = self.states + np.arange(n - m)
        magnitude[self.at] = turning + m + np.arange(m)
        magnitude[self.rest] = self.states + n - m + np.arange(n - m)
        return angle, magnitude, turning + np.arange(m)

    @property
    def equilibrium(self) -> Floats:
        """The variables x at the operating point."""
        angle, magnitude, _ = self.columns
        x = np.zeros(self.states + 2 * len(self.rest))
        origin = self._origin
        free = angle >= 0
        x[angle[free]] = (self.va - origin)[free]
        x[magnitude] = self.vm
        x[self._own] = self.attached.equilibrium(origin)
        return x

    @property
    def _own(self) -> slice:
        """Places in x of the states of the devices."""
        return slice(self.states - self.attached.states, self.states)

    @property
    def _origin(self) -> Floats:
        """Angle, at the operating point, that the angle of each bus is relative to."""
        origin, island = np.zeros(1 + self.net.islands), self.net.island
        for kind in self.attached.kinds:
            alone = np.flatnonzero(kind.place[0] < 0)
            origin[island[kind.bus[alone]]] = kind.rest[0, alone]
        origin[island[self.at]] = self.va[self.at[self.first]]
        return origin[island]

    @cached_property
    def output(self) -> tuple[Floats, Floats]:
        """Net injection plus load of each bus, active and reactive, at the operating point."""
        return self._powers(self.vm, self.va)

    def _powers(self, vm: Floats, va: Floats) -> tuple[Floats, Floats]:
        power = injections(self.net.ybus(), vm, va)
        p, q = self.loads.power(vm)
        return power.real + p, power.imag + q

    def rates(self, x: Floats) -> Floats:
        """The nonlinear equations: rates of the states, then mismatches of the other buses.

        Args:
            x: variables, shape (states + 2 (n - m),).
        """
        angle, magnitude, frequency = self.columns
        va = np.where(angle >= 0, x[angle], 0.0)
        vm, dw = x[magnitude], x[frequency]
        power = np.concatenate(self._powers(vm, va)) - np.concatenate(self.output)
        own, more = self.attached.rates(x[self._own], vm, va, x[self.reference])
        power -= np.concatenate([more.real, more.imag])
        dv = (vm - self.vm)[self.at]
        return np.concatenate(self._rows(*(part[:, None] for part in (dw, dv, power, own))))[:, 0]

    def _rows(self, dw: Any, dv: Any, power: Any, own: Any) -> list[Any]:
        """Rates of the states and mismatches of the other buses, in the order of x.

        From deviations of frequencies and voltages at inverters and of powers at all buses, P above
        Q, and from the rates of other devices: columns of values or of derivatives.
        """
        at, rest, n = self.at, self.rest, len(self.net.bus)
        states = self.droops.rates(dw, dv, power[at], power[n + at], self.first)
        return [*states, own, power[np.concatenate([rest, n + rest])]]

    @cached_property
    def balance(self) -> sparse.csr_array:
        """Derivatives of net injection plus load: rows P then Q, columns angles then voltages."""
        load = self.loads.dp + 1j * self.loads.dq
        return jacobian(self.net.ybus(), self.vm, self.va, load)

    @cached_property
    def matrix(self) -> sparse.csc_array:
        """A of the linear equations E x' = A x, E = diag(1, ..., 1, 0, ..., 0) with `states` ones.

        It is the derivative of `rates` at the equilibrium.
        """
        n, size = len(self.net.bus), self.states + 2 * len(self.rest)
        first = sum(map(len, self.columns))
        device_places = np.arange(self._own.start, self._own.stop)
        place = np.concatenate([*self.columns, device_places])
        fixed = np.flatnonzero(place < 0)  # angles that the others are relative to; they come last
        place[fixed] = size + np.arange(len(fixed))
        order = np.empty(len(place), dtype=np.int64)  # of angles, voltages and frequencies in x
        order[place] = np.arange(len(place))
        power, unit = self.balance.copy(), sparse.eye_array(len(place), format="csr")
        power.resize(2 * n, len(place))
        own = unit[first:]
        if len(self.devices):
            reference = order[self.reference]
            own, more = self.attached.derivatives(n, len(place), first, reference)
            power = power - more
        rows = self._rows(unit[2 * n : first], unit[n + self.at], power, own)
        return sparse.vstack([part.tocsr() for part in rows]).tocsc()[:, order[:size]]

    # -- who is in a mode ------------------------------------------------

    @cached_property
    def owner(self) -> Ints:
        """Inverter or, after them, device that each state belongs to."""
        m = len(self.at)
        own = m + self.attached.owner
        return np.concatenate([self.turning, np.arange(m), np.arange(m), own])

    @cached_property
    def moves(self) -> Strings:
        """What each state is a part of: "frequency", "voltage", "swing", "control" or "PLL"."""
        m = len(self.at)
        turning = [attached.FREQUENCY] * (len(self.turning) + m)
        words = [*turning, *[attached.VOLTAGE] * m, *self.attached.moves]
        return np.array(words, dtype=object)

    @cached_property
    def angle_moves(self) -> Strings:
        """The same of each of `angles`."""
        counts = len(self.at), len(self.devices.machines), len(self.devices.followers)
        return np.repeat([attached.FREQUENCY, attached.SWING, attached.PLL], counts).astype(object)

    @cached_property
    def angles(self) -> tuple[Ints, Ints]:
        """Positions in x of all angles, -1 for those that others are relative to; and their bus."""
        own = self.attached.turns
        place = np.full(len(self.at), -1)
        place[self.turning] = np.arange(len(self.turning))
        bus = np.concatenate([self.at, self.net.bus_positions(self.devices.bus)])
        return np.concatenate([place, np.where(own >= 0, self._own.start + own, -1)]), bus

    # -- without the other buses -------------------------------------------

    @cached_property
    def junctions(self) -> Ints:
        """Junction (zero-injection) buses, positions."""
        return junctions(self.net, self.at)

    def past_nose(self) -> int | None:
        """Number of eigenvalues with a negative real part of the loads' own Jacobian.

        That is d(P, Q)/d(theta, ln V) of the buses without an inverter, the junction buses
        eliminated: a series capacitor may make their part indefinite without any load. Before the
        nose there is none.

        Returns:
            The number; None when it could not be found.
        """
        k, count = self.states, len(self.rest)
        by_logarithm = sparse.diags_array(np.r_[np.ones(count), self.vm[self.rest]])
        jacobian = (self.matrix[k:, k:] @ by_logarithm).tocsc()
        if negatives((0.5 * (jacobian + jacobian.T)).tocsc()) == 0:
            return 0  # then the junction buses may be eliminated, and it is true of what is left
        place = np.searchsorted(self.rest, self.junctions)
        loads = schur_complement(jacobian, np.r_[place, count + place])
        return None if loads is None else left_eigenvalues(loads)

    @cached_property
    def inner(self) -> Any:
        """Sparse factors of the balance of the other buses; None when there are none.

        Raises:
            SingularError: when the balance is singular.
        """
        from scipy.sparse import linalg

        k, count = self.states, len(self.rest)
        if not count:
            return None
        matrix = self.matrix[k:, k:].tocsc()
        size = abs(matrix).max(axis=1).toarray().ravel()
        if size.all():
            scaled = (sparse.diags_array(1 / size) @ matrix).tocsc()
            try:
                lu = linalg.splu(matrix)
            except RuntimeError:  # "Factor is exactly singular"
                raise self._singular(scaled) from None
            inverse = linalg.LinearOperator(
                matrix.shape,
                matvec=lambda x: lu.solve(size * x.ravel()),
                rmatvec=lambda x: size * lu.solve(x.ravel(), "T"),
                dtype=np.float64,
            )
            if linalg.onenormest(inverse) * abs(scaled).sum(axis=0).max() < _SINGULAR:
                return lu
        else:  # a bus that nothing connects
            scaled = matrix
        raise self._singular(scaled)

    def _singular(self, matrix: sparse.csc_array) -> SingularError:
        """The error, with the bus that moves most in the direction in which nothing changes."""
        from scipy.sparse import linalg

        count = len(self.rest)
        nudged = matrix + 1e-10 * sparse.eye_array(2 * count)
        loose = linalg.splu(nudged.tocsc()).solve(np.ones(2 * count))
        return SingularError(int(self.net.bus.id[self.rest[np.argmax(abs(loose[count:]))]]))

    def reduced_jacobian(self) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
        """The derivative of (P, Q/V) over (theta, V) of the inverters, and its transpose, as maps.

        The other buses are eliminated; both take and give vectors of shape (2 m,).
        """
        n = len(self.net.bus)
        scaled = sparse.diags_array(np.r_[np.ones(n), 1 / self.vm]) @ self.balance
        own, others = np.r_[self.at, n + self.at], np.r_[self.rest, n + self.rest]
        direct, there = scaled[own][:, own], scaled[own][:, others]
        back = self.balance[others][:, own]

        def solve(x: Any, transposed: str) -> Any:
            if not np.iscomplexobj(x):
                return self.inner.solve(x, transposed)
            both = self.inner.solve(np.stack([x.real, x.imag], axis=1), transposed)
            return both[:, 0] + 1j * both[:, 1]

        def apply(x: Any) -> Any:
            return direct @ x - (there @ solve(back @ x, "N") if len(others) else 0)

        def transpose(x: Any) -> Any:
            return direct.T @ x - (back.T @ solve(there.T @ x, "T") if len(others) else 0)

        return apply, transpose
