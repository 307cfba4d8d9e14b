"""Exact check of the small-signal stability of an operating point, with modes and participation."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

import numpy as np

from scopf.devices.constant_power import constant_power, device_power, output
from scopf.devices.mixed import Devices
from scopf.dynamics import critical, damping
from scopf.dynamics.dae import SingularError, System
from scopf.dynamics.droop import FREQUENCY
from scopf.dynamics.loads import Loads
from scopf.dynamics.modes import METHODS, spectrum
from scopf.dynamics.multipliers import certificate
from scopf.dynamics.verdict import missing_power, verdict
from scopf.dynamics.verified import Verification
from scopf.errors import ScopfError, listing
from scopf.network.powers import mismatch

if TYPE_CHECKING:
    from scopf.arrays import Complexes, Floats
    from scopf.devices.gfm import Inverters
    from scopf.dynamics.loads import Load
    from scopf.network.network import Network

log = logging.getLogger(__name__)


def verify(
    net: Network,
    inverters: Inverters,
    vm: Floats,
    va: Floats,
    devices: Devices | None = None,
    *,
    power: tuple[Floats, Floats] | None = None,
    load: Load = "power",
    frequency: float = FREQUENCY,
    modes: int = 10,
    method: str = "auto",
    proof: bool | None = None,
    min_damping: float = 0.0,
) -> Verification:
    """Check any operating point of a network.

    There is no verdict on a point that is no power flow of it: where more than 1e-4 p.u. of power
    is missing at a bus, `stable` is None, and the verdict names the bus and the amount. Nor is
    there one where an AC island has generators but neither inverter nor machine, which would hold
    its voltage and frequency: then `stable` is None unless another island is unstable.

    Args:
        net: energized network; its loads are those of the operating point, and so are the powers
            of its DC lines (columns pf, qf, qt), which are constant.
        inverters: grid-forming inverters.
        vm: voltages, per unit, shape (n,).
        va: angles, rad, shape (n,).
        devices: synchronous machines and grid-following inverters; there may be machines only.
            Generators that are neither inverter nor device inject constant powers.
        power: P and Q of all generators, inverters or not, per unit. If it is left out, what
            generators and inverters put out is what balances the powers at their buses, equal parts
            of it at a bus with several, and only the other buses are checked.
        load: how loads follow the voltage: "power", "current", "impedance", an exponent, a pair
            (n_p, n_q), or any of these by bus number (other buses then have constant power).
            Constant-current loads of the network stay constant-current.
        frequency: nominal, Hz.
        modes: number of modes to report.
        method: "dense", "arnoldi", or "auto" (see `scopf.dynamics.modes`).
        proof: where the grid has no energy function, whether to look for multipliers that prove the
            point stable (`scopf.dynamics.multipliers`). None does so where the eigenvalues say that
            it is, in islands of up to 25 inverters, and of up to 60 by the swept form alone. True
            does so always, of more than 150 by the swept form; a proof then decides where the
            search for eigenvalues was given up.
        min_damping: damping ratio -Re/|lambda| that every oscillation shall have, from 0 to below 1
            (operators ask for 0.03 to 0.05). `stable` does not depend on it, `damped` does.

    Raises:
        ContradictionError: when a proof and the eigenvalues do not agree, an error of this package.
        ScopfError: without an inverter or a machine, or for an argument that makes no sense.
    """
    if not isinstance(modes, (int, np.integer)) or modes < 1:
        raise ScopfError(f"modes must be a whole number from 1, got {modes!r}")
    if method not in METHODS:
        raise ScopfError(f"method is {listing(METHODS)}, got {method!r}")
    min_damping = damping.checked(min_damping)
    if proof not in (True, False, None):
        raise ScopfError(f"proof is True, False or None, got {proof!r}")
    if net.energized() is not net or not len(vm) == len(va) == len(net.bus):
        raise ScopfError(
            f"net has to be energized (net.energized()), vm and va those of its "
            f"{len(net.energized().bus)} buses; got {len(net.bus)}, {len(vm)} and {len(va)}"
        )
    if power is not None:
        power = np.asarray(power[0], np.float64), np.asarray(power[1], np.float64)
        if not len(power[0]) == len(power[1]) == len(net.gen):
            count = f"{len(power[0])} and {len(power[1])} values"
            raise ScopfError(f"power is P and Q of the {len(net.gen)} generators; got {count}")
    vm, va = np.asarray(vm, np.float64), np.asarray(va, np.float64)
    devices = Devices.none() if devices is None else devices.fitting(net, inverters)
    given = None if power is None else power[0] + 1j * power[1]
    left = mismatch(net, vm, va, np.zeros(len(net.gen), complex) if given is None else given)
    own = device_power(net, inverters, devices, left, given)
    loads = Loads.of(net, vm, load)
    system, loose = _system(net, inverters, vm, va, loads, frequency, devices, own)
    pg = output(net, inverters, -left.real, devices.gens) if power is None else power[0]
    missing = missing_power(net, inverters, left, given=power is not None)
    found = _checked(system, missing, method, int(modes), proof)
    if loose and found.stable is not False and not missing:
        text = f"undecided: {loose}; elsewhere {found.verdict}"
        found = dataclasses.replace(found, stable=None, verdict=text)
    constant = constant_power(net, inverters, pg, devices.gens)
    return dataclasses.replace(found, constant_power=constant).asked(min_damping)


def _system(
    net: Network,
    inverters: Inverters,
    vm: Floats,
    va: Floats,
    loads: Loads,
    frequency: float,
    devices: Devices,
    power: Complexes,
) -> tuple[System, str]:
    """The equations of the islands with an inverter or a machine, and a sentence on the others."""
    at = net.bus_positions(np.concatenate([inverters.bus, devices.machines.bus]))
    held = np.isin(net.island, net.island[at])
    if held.all() or not len(at):  # without anything that holds a voltage the system says so
        return System(net, inverters, vm, va, loads, frequency, devices, power), ""
    islands = np.unique(net.island[~held])
    buses = listing(net.bus.id[~held], 5)
    which = f"island {listing(islands)} (bus {buses})"
    text = f"{which} has no inverter or machine, so that nothing there holds voltage and frequency"
    if len(islands) > 1:
        text = f"no inverter or machine holds voltage and frequency in {which}"
    part, there = net.part(held), held[net.bus_positions(devices.bus)]
    others = loads.take(held), frequency, devices.take(there), power[there]
    return System(part, inverters, vm[held], va[held], *others), text


def _checked(
    system: System, missing: str, method: str, modes: int, proof: bool | None
) -> Verification:
    """The check of a system; undecided if there is a sentence on missing power."""
    lossless = system.conserves_energy
    if missing:
        return Verification(None, lossless, None, None, None, missing, system, None, modes)
    try:
        _ = system.inner
    except SingularError as error:
        text = f"not stable: {error}"
        return Verification(False, lossless, None, None, None, text, system, None, modes)
    negative = past = None
    if lossless:
        form = critical.EnergyForm(system)
        negative, past = form.negative(system.inverters.k), form.negative_at_loads()
    past = system.past_nose() if past is None else past
    found = spectrum(system, method)
    if negative is not None and past is not None and negative - past != found.unstable:
        log.warning(
            "%s: by H %d modes grow, by the eigenvalues %d (rightmost at %.3g rad/s); H decides",
            system.net.name, negative - past, found.unstable, found.rightmost,
        )  # fmt: skip
    stable, text = verdict(negative, past, found)
    proven = None
    if not lossless and (proof or (proof is None and stable)):
        proven = certificate(system, past, asked=bool(proof))
        proven.check(system.net.name, found)
        if proven.holds and stable is None:  # the search for modes was given up
            stable, text = True, "stable: proven, though not all modes near the axis were found"
    counts = negative, past, found.unstable
    return Verification(stable, lossless, *counts, text, system, found, modes, certificate=proven)
