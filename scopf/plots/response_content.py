"""Content of pictures of a simulation: curves over time, and events."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.dynamics.simulation.simulated import Simulation
from scopf.errors import ScopfError, listing

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints

TITLES = {
    "frequency": ("frequency", "Hz"),
    "voltage": ("voltage", "p.u."),
    "power": ("active power", "MW"),
    "reactive": ("reactive power", "MVAr"),
    "angle": ("angle", "degrees"),
}
ALL = tuple(TITLES)
_TOLD_APART = 12  # curves of a panel that all have a name and a colour
_NAMED = 6  # curves that have them where there are more


@dataclass(frozen=True, eq=False)
class Panel:
    """Curves of one quantity.

    Attributes:
        name: of the quantity, a key of `TITLES`.
        names: of the devices or buses.
        values: shape (times, len(names)); NaN where something is out of service.
    """

    name: str
    names: tuple[str, ...]
    values: Floats

    @property
    def title(self) -> str:
        """The quantity and its unit."""
        return "{} ({})".format(*TITLES[self.name])

    @property
    def ranked(self) -> Ints:
        """Places of the curves: the highest, the lowest, then those that move most."""
        there = np.isfinite(self.values).any(axis=0)
        found = np.flatnonzero(there)
        if not len(found):
            return found
        low, high = (pick(self.values[:, found], axis=0) for pick in (np.nanmin, np.nanmax))
        order = np.argsort(low - high, kind="stable")
        first = [int(np.argmax(high)), int(np.argmin(low))]
        return found[list(dict.fromkeys([*first, *order.tolist()]))]

    @property
    def named(self) -> list[int]:
        """Places of the curves with a name and a colour: all, or of many the first in rank."""
        ranked = self.ranked.tolist()
        return sorted(ranked if len(ranked) <= _TOLD_APART else ranked[:_NAMED])


def simulation_of(given: Any, what: str) -> Simulation:
    """A simulation with a trajectory.

    Args:
        given: by the user.
        what: that needs it, for the message.

    Raises:
        ScopfError: when it is something else, or ended before it began.
    """
    if not isinstance(given, Simulation):
        kind = type(given).__name__
        raise ScopfError(f"{what} needs a Simulation, which Solution.simulate returns, got {kind}")
    if not len(given.times):
        reason = given.message or given.status
        raise ScopfError(f"{what}: the simulation has no trajectory: {reason}")
    return given


def panels(
    run: Simulation,
    what: str | Sequence[str] = ALL,
    devices: Iterable[Any] | None = None,
    buses: Iterable[Any] | None = None,
) -> list[Panel]:
    """Curves of a simulation; see `scopf.plots.response`.

    Raises:
        ScopfError: for a quantity, device or bus that there is not.
    """
    asked = [what] if isinstance(what, str) else list(what)
    unknown = [name for name in asked if name not in TITLES]
    if unknown or not asked:
        there = ", ".join(TITLES)
        got = listing(list(map(str, unknown))) if unknown else "nothing"
        raise ScopfError(f"what is some of {there}; got {got}")
    kept, at = _devices(run, devices), _buses(run, buses)
    found = []
    for name in asked:
        if name == "voltage":
            names = [f"bus {bus}" for bus in run.origin.net.bus.id[at].tolist()]
            values = run.vm[:, at]
        else:
            names = [label for label, keep in zip(run.labels, kept, strict=True) if keep]
            values = _quantity(run, name)[:, kept]
        found.append(Panel(name, tuple(names), values))
    return found


def _quantity(run: Simulation, name: str) -> Floats:
    """Values of the inverters, then the devices."""
    if name == "frequency":
        return run.frequency
    if name in ("power", "reactive"):
        both: Floats = run.power[int(name == "reactive")]
        return both
    return _angles(run)


def _angles(run: Simulation) -> Floats:
    """Angles of rotors, and of the voltages of all others, degrees.

    They are relative to the reference bus of the island, as `run.va` is.
    """
    origin = run.origin
    degrees: Floats = np.degrees(run.va[:, np.concatenate([origin.at, origin.device_at])])
    degrees[np.isnan(run.power[0])] = np.nan
    machines = origin.devices.machines
    if len(machines):
        delta = run.devices["delta_deg"].to_numpy().reshape(degrees.shape)
        place = slice(len(origin.inverters), len(origin.inverters) + len(machines))
        degrees[:, place] += delta[:, place]
    return degrees


def _devices(run: Simulation, chosen: Iterable[Any] | None) -> Flags:
    """Mask of the devices with one of these names, or at one of these buses."""
    bus = np.concatenate([run.origin.inverters.bus, run.origin.devices.bus]).tolist()
    if chosen is None:
        return np.ones(len(bus), dtype=bool)
    keys = [chosen] if isinstance(chosen, str) else list(chosen)
    unknown = [key for key in keys if key not in run.labels and key not in bus]
    if unknown or not keys:
        got = listing(list(map(str, unknown))) if unknown else "nothing"
        some = ", ".join(run.labels[:3])
        raise ScopfError(f"devices are names ({some}, ...) or bus numbers; got {got}")
    pairs = zip(run.labels, bus, strict=True)
    return np.array([label in keys or one in keys for label, one in pairs], dtype=bool)


def _buses(run: Simulation, chosen: Iterable[Any] | None) -> Ints:
    """Positions of these buses."""
    net = run.origin.net
    if chosen is None:
        return np.arange(len(net.bus))
    keys = list(chosen)
    there = set(net.bus.id.tolist())
    unknown = [key for key in keys if key not in there]
    if unknown or not keys:
        got = f"no bus {listing(list(map(str, unknown)))}" if unknown else "no bus is given"
        raise ScopfError(f"buses: {got} in {net.name}")
    return net.bus_positions(np.array(keys, dtype=np.int64))


def events(run: Simulation) -> list[tuple[float, str]]:
    """Time (s) and phrase of what happened before the end."""
    end = float(run.times[-1])
    return [(moment, text) for moment, text in run.happened if moment <= end]


def ending(run: Simulation) -> str:
    """A phrase for an end before the one that was asked for; "" if there is none."""
    if run.completed:
        return ""
    reason = re.split(": |, ", re.sub(r"^at \S+ s ", "", run.message))[0]
    return f"{run.status}: {reason}" if reason else run.status


def moments(run: Simulation, most: int) -> Ints:
    """Places of at most some of the times, closer together where more moves.

    The first and the last of each interval between events are always among them.
    """
    times = run.times
    edges = np.cumsum([0, *(len(piece.times) for piece in run.pieces)])
    fixed = np.unique(np.concatenate([edges[:-1], edges[1:] - 1]))
    left = most - len(fixed)
    if len(times) <= most or left < 1:
        return np.arange(len(times)) if len(times) <= most else fixed
    travelled = np.zeros(len(times))
    for values in (times[:, None], run.frequency, run.vm):
        length = np.nan_to_num(np.abs(np.diff(values, axis=0))).mean(axis=1)
        if length.sum() > 0:
            travelled[1:] += np.cumsum(length / length.sum())
    found, goals = fixed, left
    while goals < 64 * most:  # several goals may fall on one time
        marks = np.linspace(0, travelled[-1], goals + 2)[1:-1]
        more = np.unique(np.concatenate([fixed, np.searchsorted(travelled, marks)]))
        if len(more) > most:
            break
        found, goals = more, goals + max(1, (most - len(more)) // 2)
    return found
