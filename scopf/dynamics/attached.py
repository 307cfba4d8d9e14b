"""Machines and grid-following inverters as a part of the equations of a grid.

Their equations stand in `scopf.devices.machine` and `scopf.devices.gfl`: rates of their states and
powers at their terminals, as functions of the states, the voltage and angle of the terminal, and
the frequency that angles are relative to. The functions are analytic, so that their derivatives
follow from a step in the imaginary direction, exact to rounding: d f/dx = Im f(x + j h) / h.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from scopf.devices.machine import Machines

if TYPE_CHECKING:
    from scopf.arrays import Complexes, Flags, Floats, Ints
    from scopf.devices.gfl import Followers
    from scopf.devices.mixed import Devices

_STEP = 1e-30
_V, _THETA, _REFERENCE = 5, 6, 7  # inputs of the equations, after five states
_P, _Q = 5, 6  # outputs, after five rates
_DELTA, _FLUX = 0, 2  # states of a machine

SWING, FREQUENCY, VOLTAGE, CONTROL, PLL = "swing", "frequency", "voltage", "control", "PLL"
_MOVES = {
    "angle": SWING, "speed": SWING, "flux": VOLTAGE, "governor": CONTROL, "field": CONTROL,
}  # fmt: skip
_MOVES_OF_FOLLOWERS = {"angle": PLL, "integral": PLL}


@dataclass(frozen=True, eq=False)
class Kind:
    """Devices of one kind around an operating point; n of them.

    Attributes:
        of: the devices.
        place: of each state among all of devices, -1 where there is none, shape (5, n).
        bus: positions of their buses.
        rest: states at the operating point, angles absolute, shape (5, n).
        at: P, V, and E_fd or Q of the operating point.
        theta: angles of their buses there, rad.
        speed: w_b, rad/s.
    """

    of: Machines | Followers
    place: Ints
    bus: Ints
    rest: Floats
    at: tuple[Floats, Floats, Floats]
    theta: Floats
    speed: float

    def equations(self, x: Any) -> Any:
        """Rates of the states, then P and Q, shape (7, n), by states, V, theta and reference."""
        v, theta, reference = x[_V], x[_THETA], x[_REFERENCE]
        with np.errstate(divide="ignore", invalid="ignore"):  # of states that there are not
            found = self.of.rates(x[:5], v, theta, reference, self.at, self.speed)
        return np.array([*found[0], found[1], found[2]])

    @property
    def point(self) -> Floats:
        """What the equations depend on, at the operating point; shape (8, n)."""
        return np.array([*self.rest, self.at[1], self.theta, np.zeros(len(self.of))])

    def derivatives(self) -> Floats:
        """Of the equations at the operating point, shape (7, 8, n)."""
        found = np.zeros((7, 8, len(self.of)))
        for column in range(8):
            x = self.point + 0j
            x[column] += 1j * _STEP
            found[:, column] = self.equations(x).imag / _STEP
        return found


class Attached:
    """The devices of a system around its operating point.

    Args:
        devices: at buses of the system.
        power: P + jQ of each, per unit.
        bus: positions of their buses.
        vm, va: operating point.
        fixed: flags of the devices whose angle is the reference of their island.
        speed: w_b, rad/s.

    Attributes:
        kinds: machines and grid-following inverters, those that there are.
        states: number of their states.
        owner: device that each state belongs to, shape (states,).
        moves: "swing", "voltage", "control" or "PLL" for each state.
        turns: place of the angle of each device among the states, -1 for a reference.
        speeds: place of the speed of each machine.
    """

    def __init__(
        self,
        devices: Devices,
        power: Complexes,
        bus: Ints,
        vm: Floats,
        va: Floats,
        fixed: Flags,
        speed: float,
    ) -> None:
        self.kinds: list[Kind] = []
        self.states, start = 0, 0
        owner, moves, turns = [np.empty(0, np.int64)], list[str](), [np.empty(0, np.int64)]
        self.speeds = np.empty(0, np.int64)
        kinds: tuple[Machines | Followers, ...] = (devices.machines, devices.followers)
        for of in kinds:
            stop = start + len(of)
            own = bus[start:stop]
            p, q, v, theta = power[start:stop].real, power[start:stop].imag, vm[own], va[own]
            rest = of.equilibrium(p, q, v, theta)
            active = of.active.copy()
            active[0, fixed[start:stop]] = False
            place = np.full(active.shape, -1)
            place[active] = self.states + np.arange(active.sum())
            self.states += int(active.sum())
            state, device = np.nonzero(active)
            words = _MOVES if isinstance(of, Machines) else _MOVES_OF_FOLLOWERS
            moves += [words.get(of.STATES[i], CONTROL) for i in state.tolist()]
            owner.append(start + device)
            turns.append(place[0])
            if isinstance(of, Machines):
                self.speeds = place[1]
            if len(of):
                third = rest[4] if isinstance(of, Machines) else q
                self.kinds.append(Kind(of, place, own, rest, (p, v, third), theta, speed))
            start = stop
        self.owner, self.turns = np.concatenate(owner), np.concatenate(turns)
        self.moves = np.array(moves, dtype=object)

    def equilibrium(self, origin: Floats) -> Floats:
        """The states at the operating point; `origin` is the reference angle at each bus."""
        x = np.zeros(self.states)
        for kind in self.kinds:
            rest = kind.rest.copy()
            rest[0] -= origin[kind.bus]
            x[kind.place[kind.place >= 0]] = rest[kind.place >= 0]
        return x

    def rates(
        self, x: Floats, vm: Floats, va: Floats, reference: Floats
    ) -> tuple[Floats, Complexes]:
        """Rates of the states, and what the devices put out at each bus beyond the given point.

        Args:
            x: states, angles relative to the reference, which is zero.
            vm: voltages of all buses.
            va: their angles, relative as well.
            reference: frequency of the reference at each bus.
        """
        rates, power = np.zeros(self.states), np.zeros(len(vm), dtype=np.complex128)
        for kind in self.kinds:
            there, full = kind.place >= 0, kind.rest.copy()
            full[0] = 0.0
            full[there] = x[kind.place[there]]
            args = [*full, vm[kind.bus], va[kind.bus], reference[kind.bus]]
            found = kind.equations(np.array(args))
            rates[kind.place[there]] = found[:5][there]
            p, q = found[[_P, _Q]] - kind.equations(kind.point)[[_P, _Q]]
            np.add.at(power, kind.bus, p + 1j * q)
        return rates, power

    def derivatives(
        self, buses: int, size: int, first: int, reference: Ints
    ) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Derivatives of the rates, shape (states, size), and of P above Q, (2 buses, size).

        Their columns are angles of all buses, voltages of all buses, others.

        Args:
            buses: number of all.
            size: number of columns.
            first: column of the first state of devices.
            reference: column of the reference frequency at each bus.
        """
        rates, powers = _Triplets(), _Triplets()
        for kind in self.kinds:
            place = np.where(kind.place >= 0, first + kind.place, -1)
            columns = np.array([*place, buses + kind.bus, kind.bus, reference[kind.bus]])
            found = kind.derivatives()
            rates.add(kind.place, columns, found[:5])
            powers.add(np.array([kind.bus, buses + kind.bus]), columns, found[[_P, _Q]])
        return rates.matrix((self.states, size)), powers.matrix((2 * buses, size))

    def hessian(self, buses: int) -> sparse.csc_array:
        """Second derivatives of the machines' energy over theta and V of all buses, delta and E'.

        With dW/d delta = P, dW/d theta = -P, dW/dV = -Q/V, and dW/dE' (with the field's energy) the
        rate of the flux times -T'd0 / (x_d - x'd). The part of Q/V^2 is left out: at a bus it adds
        up to zero with that of the network, the loads and the inverters.
        """
        found, size = _Triplets(), 2 * buses
        for kind in self.kinds:
            of, derivatives = kind.of, kind.derivatives()
            if not isinstance(of, Machines):
                continue
            delta = size + np.arange(len(of))
            moving = ~of.classical & (of.xd > of.xd1)
            flux = np.full(len(of), -1)
            flux[moving] = delta[-1] + 1 + np.arange(moving.sum())
            size += len(of) + int(moving.sum())
            with np.errstate(divide="ignore", invalid="ignore"):
                by_flux = -of.td0 / (of.xd - of.xd1) * derivatives[_FLUX]
            p, q = derivatives[_P], derivatives[_Q]
            rows = np.array([kind.bus, buses + kind.bus, delta, flux])
            values = np.array([-p, -q / kind.at[1], p, by_flux])
            found.add(rows, rows, values[:, [_THETA, _V, _DELTA, _FLUX]])
        return found.matrix((size, size)).tocsc()


class _Triplets:
    """Entries of a sparse matrix that blocks of derivatives add up to."""

    def __init__(self) -> None:
        self._rows: list[Ints] = []
        self._columns: list[Ints] = []
        self._values: list[Floats] = []

    def add(self, rows: Ints, columns: Ints, values: Floats) -> None:
        """Values of shape (r, c, n) in rows (r, n) and columns (c, n); -1 for none."""
        row, column = np.broadcast_arrays(rows[:, None], columns[None])
        there = (row >= 0) & (column >= 0) & (values != 0)
        self._rows.append(row[there])
        self._columns.append(column[there])
        self._values.append(values[there])

    def matrix(self, shape: tuple[int, int]) -> sparse.csr_array:
        """The sum, rows and columns as they are."""
        if not self._rows:
            return sparse.csr_array(shape)
        entries = (np.concatenate(part) for part in (self._values, self._rows, self._columns))
        values, rows, columns = entries
        return sparse.coo_array((values, (rows, columns)), shape=shape).tocsr()
