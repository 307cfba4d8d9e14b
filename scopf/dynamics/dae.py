"""Grid-forming inverters with droop on the full network: its equations, and the linear ones.

The equations of an inverter stand in `scopf.dynamics.droop`. P and Q are its output: the net
injection of its bus into the network, plus the load there, less the power of generators there that
are no inverter. At all other buses the powers balance. Generators without an inverter inject
constant powers. The set points P0, V0, Q0 are those that make the given operating point an
equilibrium, so its frequency is the nominal one.

Only angle differences matter. All angles are taken relative to that of the first inverter of their
island, which removes the zero eigenvalue of each island's common angle exactly, in networks with
losses as well. An island of one inverter has no angle left. Islands have no equation in common: DC
lines carry constant power.
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from scopf.dynamics.droop import FREQUENCY, Droops
from scopf.dynamics.inertia import left_eigenvalues, negatives, schur_complement
from scopf.dynamics.loads import junctions
from scopf.errors import ScopfError, number
from scopf.network.powers import injections, jacobian

if TYPE_CHECKING:
    from collections.abc import Callable

    from scopf.arrays import Floats, Ints
    from scopf.devices.gfm import Inverters
    from scopf.dynamics.loads import Loads
    from scopf.network.network import Network

log = logging.getLogger(__name__)

_SINGULAR = 1e13  # condition number from which the balance of the other buses counts as singular


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
    """Inverters, network and loads around an operating point.

    The variables x are, in this order: angles of the inverters but the first of each island
    (relative to it, rad), frequency deviations dw of all inverters (per unit), their voltages;
    angles and voltages of the other buses. The first `states` of them, 3 m - i for m inverters in i
    islands, have a rate; the others fulfil the power balance.

    Attributes:
        net: energized network of n buses, an inverter in every island.
        inverters: m inverters at buses of it.
        vm, va: operating point, per unit and rad, shape (n,).
        loads: at the buses.
        frequency: nominal, Hz.

    Raises:
        ScopfError: when an island has no inverter, or for a frequency that is not positive.
    """

    net: Network
    inverters: Inverters
    vm: Floats
    va: Floats
    loads: Loads
    frequency: float = FREQUENCY

    def __post_init__(self) -> None:
        if not len(self.inverters):
            name = self.net.name
            raise ScopfError(
                f"{name} has no inverter: there are no dynamics whose stability to ask"
            )
        if len(np.unique(self.net.island[self.at])) < self.net.islands:
            raise ScopfError(f"{self.net.name}: an island has no inverter; leave it out")
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
        return 2 * len(self.inverters) + len(self.turning)

    @property
    def conserves_energy(self) -> bool:
        """True without resistance, shunt conductance and active load that follows the voltage.

        Charging, capacitors, taps and phase shifts are fine. The network then has an energy
        function (see `scopf.dynamics.energy`).
        """
        return not (self.net.has_losses or self.loads.dp.any())

    @property
    def droops(self) -> Droops:
        """Coefficients of the inverters' equations."""
        inv = self.inverters
        mp, k, tau_p, tau_q = np.stack([inv.mp * inv.beta_p, inv.k, inv.tau_p, inv.tau_q])[
            ..., None
        ]
        return Droops(mp, k, tau_p, tau_q, self.frequency)

    @property
    def speed(self) -> float:
        """w_b, rad/s."""
        return self.droops.speed

    @cached_property
    def columns(self) -> tuple[Ints, Ints, Ints]:
        """Positions in x of angles and voltages of the buses, and of inverters' frequencies.

        -1 for the angle of an island's first inverter.
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
        origin = np.zeros(1 + self.net.islands)
        origin[self.net.island[self.at]] = self.va[self.at[self.first]]
        free = angle >= 0
        x[angle[free]] = (self.va - origin[self.net.island])[free]
        x[magnitude] = self.vm
        return x

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
        dv = (vm - self.vm)[self.at]
        return np.concatenate(self._rows(*(part[:, None] for part in (dw, dv, power))))[:, 0]

    def _rows(self, dw: Any, dv: Any, power: Any) -> list[Any]:
        """Rates of the states and mismatches of the other buses, in the order of x.

        From deviations of frequencies and voltages at inverters and of powers at all buses, P above
        Q: columns of values or of derivatives.
        """
        at, rest, n = self.at, self.rest, len(self.net.bus)
        states = self.droops.rates(dw, dv, power[at], power[n + at], self.first)
        return [*states, power[np.concatenate([rest, n + rest])]]

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
        place = np.concatenate(self.columns)
        fixed = np.flatnonzero(place < 0)  # angles that the others are relative to; they come last
        place[fixed] = size + np.arange(len(fixed))
        order = np.empty(len(place), dtype=np.int64)  # of angles, voltages and frequencies in x
        order[place] = np.arange(len(place))
        power, unit = self.balance.copy(), sparse.eye_array(len(place), format="csr")
        power.resize(2 * n, len(place))
        rows = self._rows(unit[2 * n :], unit[n + self.at], power)
        return sparse.vstack([part.tocsr() for part in rows]).tocsc()[:, order[:size]]

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
