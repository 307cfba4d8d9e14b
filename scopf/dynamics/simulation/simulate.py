"""Simulation of a grid from an operating point on, through events."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scopf.devices.mixed import Devices
from scopf.dynamics.droop import FREQUENCY
from scopf.dynamics.loads import Loads
from scopf.dynamics.simulation.ends import end_of
from scopf.dynamics.simulation.events import Event, applied
from scopf.dynamics.simulation.grid import Asked, Origin, State
from scopf.dynamics.simulation.idas import Integrator, LostError, consistent, loosest
from scopf.dynamics.simulation.motion import Motion
from scopf.dynamics.simulation.simulated import (
    COLLAPSED,
    COMPLETED,
    Piece,
    Simulation,
)
from scopf.errors import ScopfError, listing, number
from scopf.network.powers import MISMATCH, mismatch

if TYPE_CHECKING:
    from scopf.arrays import Complexes, Floats
    from scopf.devices.gfm import Inverters
    from scopf.dynamics.loads import Load
    from scopf.network.network import Network

Watch = Callable[[float], str]

TOLERANCE = 1e-7
IMPEDANCE_BELOW = 0.7  # p.u.
_STEPS = 1000  # outputs, unless a step is given
_POINTS = 20  # outputs of one span
_MOST = 1_000_000  # outputs
_STEPS_AT_END = 2000  # of the integrator, where it creeps towards an end
_FINE = 1e-4  # s to which the end of a trajectory is found


def simulate(
    net: Network,
    inverters: Inverters,
    vm: Floats,
    va: Floats,
    devices: Devices | None = None,
    *,
    power: tuple[Floats, Floats],
    events: Sequence[Event] = (),
    until: float = 10.0,
    step: float | None = None,
    load: Load = "power",
    impedance_below: float = IMPEDANCE_BELOW,
    frequency: float = FREQUENCY,
    tolerance: float = TOLERANCE,
    start: State | None = None,
    watch: Watch | None = None,
) -> Simulation:
    """Integrate the equations of all devices from any operating point on.

    Args:
        net: energized network of n buses, with its loads and the powers of its DC lines, which are
            constant.
        inverters: grid-forming inverters.
        vm: voltages, per unit, shape (n,).
        va: angles, rad, shape (n,).
        devices: synchronous machines and grid-following inverters. Generators that are neither
            inverter nor device give constant power, as in `verify`.
        power: P and Q of all generators, per unit.
        events: what happens, in any order.
        until: end, s; the operating point is at 0.
        step: between outputs, s; a thousandth of `until` by default.
        load: how loads follow the voltage, as in `scopf.dynamics.verification.verify`.
        impedance_below: voltage, p.u., below which loads, generators and DC lines of constant power
            or current become constant impedances; 0 for never.
        frequency: nominal, Hz.
        tolerance: relative tolerance of the integrator.
        start: where it is at 0, if not at the operating point; voltages of buses without an
            inverter are where Newton's method starts.
        watch: called every now and then with the time reached, s; where its answer is not empty,
            the simulation ends there, and the answer is its status.

    Raises:
        ScopfError: for a point that is no power flow of the network, an island without inverter and
            machine, or an argument that makes no sense.
    """
    until, step = _span(until, step)
    tolerance = number("tolerance", tolerance)
    if not 1e-12 <= tolerance <= 1e-2:
        raise ScopfError(f"tolerance must be from 1e-12 to 0.01, got {tolerance:g}")
    below, frequency = number("impedance_below", impedance_below), number("frequency", frequency)
    if not 0 <= below < 1:
        raise ScopfError(f"impedance_below is a voltage from 0 to 1 p.u., got {below:g}")
    if not frequency > 0:
        raise ScopfError(f"frequency must be positive (Hz), got {frequency:g}")
    origin = _origin(net, inverters, vm, va, devices, power, load, below, frequency)
    moments = _moments(events, until, origin)
    run = _Run(origin, step, tolerance, watch, origin.start if start is None else start)
    begins = [0.0, *(moment for moment, _, _ in moments)]
    asked = [origin.asked, *(one for _, one, _ in moments)]
    for begin, end, what in zip(begins, [*begins[1:], until], asked, strict=True):
        if end > begin and not run.status:
            run.through(begin, end, what)
    happened = tuple((moment, text) for moment, _, text in moments)
    status = run.status or COMPLETED
    return Simulation(origin, tuple(run.pieces), happened, until, status, run.message)


def _span(until: float, step: float | None) -> tuple[float, float]:
    until = number("until", until)
    if not until > 0:
        raise ScopfError(f"until is a positive time (s), got {until:g}")
    step = until / _STEPS if step is None else number("step", step)
    if not 0 < step <= until:
        raise ScopfError(f"step is a time from 0 to {until:g} s, got {step:g}")
    if until / step > _MOST:
        raise ScopfError(
            f"{until / step:.0f} outputs are too many; the least step is {until / _MOST:g} s"
        )
    return until, step


def _origin(
    net: Network,
    inverters: Inverters,
    vm: Floats,
    va: Floats,
    devices: Devices | None,
    power: tuple[Floats, Floats],
    load: Load,
    below: float,
    frequency: float,
) -> Origin:
    if net.energized() is not net or not len(vm) == len(va) == len(net.bus):
        raise ScopfError("net has to be energized (net.energized()), vm and va those of its buses")
    if not len(power[0]) == len(power[1]) == len(net.gen):
        raise ScopfError(f"power is P and Q of the {len(net.gen)} generators")
    devices = Devices.none() if devices is None else devices.fitting(net, inverters)
    both: Complexes = np.asarray(power[0], np.float64) + 1j * np.asarray(power[1], np.float64)
    vm, va = np.asarray(vm, np.float64), np.asarray(va, np.float64)
    left = abs(mismatch(net, vm, va, both))
    worst = int(left.argmax())
    if not left[worst] <= MISMATCH:
        raise ScopfError(
            f"{left[worst]:.3g} p.u. of power is missing at bus {net.bus.id[worst]}, so there is "
            "no equilibrium to start from; what a model has beyond the network's tables belongs "
            "into them, as a load or a shunt"
        )
    sources = net.bus_positions(np.concatenate([inverters.bus, devices.machines.bus]))
    dead = ~np.isin(net.island, net.island[sources])
    if dead.any():
        buses = listing(net.bus.id[dead], 5)
        raise ScopfError(
            f"nothing holds voltage and frequency at bus {buses}: an island has neither inverter "
            "nor machine"
        )
    loads = Loads.of(net, vm, load)
    return Origin(net, inverters, devices, loads, vm, va, both, frequency, below)


def _moments(
    events: Sequence[Event], until: float, origin: Origin
) -> list[tuple[float, Asked, str]]:
    """Time of each event, what is asked for from then on, and a phrase."""
    found = list[tuple[float, Asked, str]]()
    asked = origin.asked
    for event in sorted(events, key=lambda one: number("time of an event", one.time)):
        if not 0 <= event.time < until:
            raise ScopfError(
                f"an event at {event.time:g} s is not between 0 and the end at {until:g} s"
            )
        asked = applied(event, asked, origin)
        if found and found[-1][0] == event.time:
            found[-1] = (event.time, asked, f"{found[-1][2]}; {event.text()}")
        else:
            found.append((float(event.time), asked, event.text()))
    return found


@dataclass
class _Run:
    """A simulation under way.

    Attributes:
        state: where it is.
        status: "" while it goes on.
        message: a sentence where it could not go on.
        pieces: what there is of it.
    """

    origin: Origin
    step: float
    tolerance: float
    watch: Watch | None
    state: State

    def __post_init__(self) -> None:
        self.status, self.message = "", ""
        self.pieces: list[Piece] = []
        self._idle: frozenset[int] = frozenset()

    def through(self, begin: float, end: float, asked: Asked) -> None:
        """Go from one event to the next."""
        gens = self._left_out(asked)
        if not len(np.setdiff1d(self.origin.sources, gens)):
            self.status = COLLAPSED
            self.message = f"at {begin:.4g} s no inverter and no machine is left to hold a voltage"
            return
        motion = self._motion(asked, gens)
        x, z = motion.packed(self.state)
        try:
            z = consistent(motion, x, z)
        except LostError as error:
            self._lost(begin, motion, x, z if error.z is None else error.z, at_event=True)
            return
        times, points = [np.array([begin])], [motion.unpacked(x[None], z[None])]
        outputs = [_outputs(motion, x[None], z[None])]
        count = max(1, math.ceil((end - begin) / self.step - 1e-9))
        runs: dict[int, Integrator] = {}
        done, now = 0, begin
        while done < count and not self.status:
            size = min(_POINTS, count - done)
            if size not in runs:
                runs[size] = Integrator(motion, size, self.tolerance)
            after = begin + (end - begin) * (done + size) / count
            try:
                xs, zs = runs[size](x, z, after - now)
                at = np.linspace(now, after, size + 1)[1:]
            except LostError:
                at, xs, zs = self._piecemeal(motion, x, z, now, after, size)
                if not len(at) or at[-1] < after:
                    last = (xs[-1], zs[-1]) if len(at) else (x, z)
                    self._lost(at[-1] if len(at) else now, motion, *last, at_event=False)
            if len(at):
                early = end_of(self.origin, at, motion.unpacked(xs, zs))
                if early:
                    self.status, self.message = early.status, early.message
                    at, xs, zs = at[: early.points], xs[: early.points], zs[: early.points]
            if len(at):
                times.append(at)
                points.append(motion.unpacked(xs, zs))
                outputs.append(_outputs(motion, xs, zs))
                x, z, now, done = xs[-1], zs[-1], float(at[-1]), done + size
            if self.watch is not None and not self.status:
                self.status = self.watch(now)
        together = State.joined(points)
        self.state = together.last()
        self.pieces.append(Piece(np.concatenate(times), together, np.concatenate(outputs), motion))

    def _left_out(self, asked: Asked) -> tuple[int, ...]:
        """Generators out of service: those that had lost their network stay out, too."""
        return tuple(sorted({*asked.out.gens, *self._idle}))

    def _motion(self, asked: Asked, gens: tuple[int, ...]) -> Motion:
        """The equations without these generators."""
        asked = asked.replace(out=dataclasses.replace(asked.out, gens=gens))
        motion = Motion(self.origin, asked)
        left = set(self.origin.net.gen.id.tolist()) - set(gens)
        self._idle |= left - set(motion.net.gen.id.tolist())
        return motion

    def _piecemeal(
        self, motion: Motion, x: Floats, z: Floats, now: float, after: float, count: int
    ) -> tuple[Floats, Floats, Floats]:
        """As far as the integrator comes, by `count` spans that get shorter where it fails."""
        one = Integrator(motion, 1, self.tolerance, _STEPS_AT_END)
        times: list[float] = []
        xs: list[Floats] = []
        zs: list[Floats] = []
        span = (after - now) / count
        while span > _FINE and now < after:
            then = after if now + 1.001 * span >= after else now + span
            try:
                found = one(x, z, then - now)
            except LostError:
                span /= 2
                continue
            x, z, now = found[0][-1], found[1][-1], then
            times.append(now)
            xs.append(x)
            zs.append(z)
        return np.array(times), np.array(xs), np.array(zs)

    def _lost(self, at: float, motion: Motion, x: Floats, z: Floats, *, at_event: bool) -> None:
        """Say where the algebraic equations have no solution any more."""
        self.status = COLLAPSED
        net, bus = self.origin.net, "the network"
        if len(z):
            bus = f"bus {net.bus.id[loosest(motion, x, z)[0]]}"
        va = motion.unpacked(x[None], z[None]).va[0][motion.bus]
        of = motion.net
        turned = va[of.branch_from] - va[of.branch_to] - of.branch.shift
        across = np.degrees(np.abs(np.angle(np.exp(1j * turned))))
        wide = ""
        if len(across) and across.max() > 90:
            k = int(across.argmax())
            ends = f"{of.branch.from_bus[k]}-{of.branch.to_bus[k]}"
            wide = f"; branch {of.branch.id[k]} ({ends}) is at {across[k]:.0f} degrees then"
        when = "after the event" if at_event else "then"
        self.message = (
            f"at {at:.4g} s the algebraic equations lose their solution at {bus}: no voltages "
            f"carry the powers {when} (voltage collapse){wide}"
        )


def _outputs(motion: Motion, x: Floats, z: Floats) -> Floats:
    """Values of `Motion.powers` at points, shape (k, values)."""
    found: Floats = motion.output(x.T, z.T).full().T
    return found
