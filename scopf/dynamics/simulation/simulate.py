"""Simulation of a grid from an operating point on, through events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scopf.devices.mixed import Devices
from scopf.dynamics.droop import FREQUENCY
from scopf.dynamics.loads import Loads
from scopf.dynamics.simulation import faults
from scopf.dynamics.simulation.events import Event, applied
from scopf.dynamics.simulation.grid import Asked, Origin, State
from scopf.dynamics.simulation.run import Run, Watch
from scopf.dynamics.simulation.simulated import COMPLETED, Simulation
from scopf.errors import ScopfError, listing, number
from scopf.network.powers import MISMATCH, mismatch

if TYPE_CHECKING:
    from scopf.arrays import Complexes, Floats
    from scopf.devices.gfm import Inverters
    from scopf.dynamics.loads import Load
    from scopf.network.network import Network

TOLERANCE = 1e-7
IMPEDANCE_BELOW = 0.7  # p.u.
_STEPS = 1000  # outputs, unless a step is given
_MOST = 1_000_000  # outputs


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
    faults.check(events, net)
    moments = _moments(events, until, origin)
    run = Run(origin, step, tolerance, watch, origin.start if start is None else start)
    begins = [0.0, *(moment for moment, _, _ in moments)]
    asked = [origin.asked, *(one for _, one, _ in moments)]
    for begin, end, what in zip(begins, [*begins[1:], until], asked, strict=True):
        if (end > begin or not run.pieces) and not run.status:  # an event at 0 has a before, too
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
    if devices is not None and not isinstance(devices, Devices):
        raise ScopfError(
            f"devices are scopf.devices.mixed.Devices, got {type(devices).__name__}; a table goes "
            "to build(devices=...)"
        )
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
    for event in sorted(events, key=lambda one: one.time):
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
