"""Ends of a trajectory before its time, and the sentences on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scopf.devices.machine import Machines
from scopf.dynamics.simulation.idas import loosest
from scopf.dynamics.simulation.simulated import COLLAPSED, UNSTABLE

if TYPE_CHECKING:
    from scopf.arrays import Floats
    from scopf.dynamics.simulation.grid import Origin, State
    from scopf.dynamics.simulation.motion import Motion

_FAR = 0.5  # deviation of a frequency, p.u.


class End(NamedTuple):
    """An end before its time.

    Attributes:
        points: number of those up to it.
        status: of the simulation.
        message: a sentence.
    """

    points: int
    status: str
    message: str


def end_of(origin: Origin, times: Floats, points: State) -> End | None:
    """The first point where a frequency has run away or a voltage is not positive.

    Args:
        origin: the intact grid.
        times: of the points, s.
        points: of a trajectory, with NaN for what is not in operation.
    """
    found = [end for end in (_far_away(origin, times, points), _dark(origin, times, points)) if end]
    return min(found, key=lambda end: end.points, default=None)


def _far_away(origin: Origin, times: Floats, points: State) -> End | None:
    parts = [points.dw]
    for kind, place in origin.kinds:  # speed of a machine, integral of a phase-locked loop
        unit = 1.0 if isinstance(kind, Machines) else origin.speed
        parts.append(points.devices[:, 1, place] / unit)
    deviations = np.concatenate(parts, axis=1)
    far = np.abs(deviations) > _FAR
    if not far.any():
        return None
    row, column = (int(one[0]) for one in np.nonzero(far))
    names = [f"the inverter at bus {bus}" for bus in origin.inverters.bus.tolist()]
    names += [f"the {label}" for label in origin.devices.labels]
    hertz = origin.frequency * (1 + deviations[row, column])
    message = (
        f"at {times[row]:.4g} s {names[column]} is at {hertz:.3g} Hz, more than "
        f"{100 * _FAR:g} % off: it has run away, and the rest was not simulated"
    )
    return End(row + 1, UNSTABLE, message)


def _dark(origin: Origin, times: Floats, points: State) -> End | None:
    below = points.vm <= 0
    if not below.any():
        return None
    row, column = (int(one[0]) for one in np.nonzero(below))
    message = (
        f"at {times[row]:.4g} s the voltage at bus {origin.net.bus.id[column]} has fallen to zero "
        "(voltage collapse), and the rest was not simulated"
    )
    return End(row, COLLAPSED, message)  # a magnitude below zero is none


def lost(at: float, motion: Motion, x: Floats, z: Floats, *, at_event: bool) -> str:
    """A sentence on where the algebraic equations have no solution any more.

    Args:
        at: time, s.
        motion: the equations.
        x: the last point.
        z: the last point, or as far as Newton's method came.
        at_event: whether it is an event that they do not survive.
    """
    bus = "the network"
    if len(z):
        bus = f"bus {motion.intact.bus.id[loosest(motion, x, z)[0]]}"
    va = motion.unpacked(x[None], z[None]).va[0][motion.bus]
    of = motion.net
    turned = va[of.branch_from] - va[of.branch_to] - of.branch.shift
    across = np.degrees(np.abs(np.angle(np.exp(1j * turned))))
    wide = ""
    if len(across) and across.max() > 90:
        k = int(across.argmax())
        ends = f"{of.branch.from_bus[k]}-{of.branch.to_bus[k]}"
        wide = f"; branch {of.branch.id[k]} ({ends}) is at {across[k]:.0f} degrees then"
    when = "after the event" if at_event else "from there on"
    return (
        f"at {at:.4g} s the algebraic equations lose their solution at {bus}: no voltages were "
        f"found that carry the powers {when} (voltage collapse){wide}"
    )
