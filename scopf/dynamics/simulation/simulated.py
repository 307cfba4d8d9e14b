"""Outcome of a simulation: trajectories of buses and devices, and what to know of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf import display
from scopf.devices.constant_power import constant_power
from scopf.devices.machine import Machines
from scopf.errors import counted, listing
from scopf.network.islands import first_references

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Floats, Ints
    from scopf.dynamics.simulation.grid import Origin, State
    from scopf.dynamics.simulation.motion import Motion
    from scopf.network.network import Network

COMPLETED, COLLAPSED, UNSTABLE = "completed", "collapsed", "unstable"
INTERRUPTED, TIME_LIMIT = "interrupted", "time limit"
_SHOWN = {
    "what": ("", "{}"),
    "value": ("value", "{}"),
    "where": ("at", "{}"),
    "time": ("time [s]", "{:.3g}"),
}


@dataclass(frozen=True, eq=False)
class Piece:
    """The trajectory between two events.

    Attributes:
        times: s, shape (k,); the first is right after the event.
        state: the points.
        powers: values of `Motion.powers`, shape (k, ...).
        motion: the equations.
    """

    times: Floats
    state: State
    powers: Floats
    motion: Motion

    @property
    def net(self) -> Network:
        """The network of all buses that have a voltage."""
        return self.motion.net


@dataclass(frozen=True)
class Unserved:
    """Buses without voltage from a time on, and their load; as text, a phrase.

    Attributes:
        time: s.
        buses: their numbers.
        p_mw: load there, MW at the voltages of the operating point.
        dclines: number of DC lines that stand still.
    """

    time: float
    buses: tuple[int, ...]
    p_mw: float
    dclines: int

    def __str__(self) -> str:
        if not self.buses:
            return "all buses have a voltage again"
        where = f"{counted(len(self.buses), 'bus', 'buses')} ({listing(self.buses, 5)})"
        lines = f", {counted(self.dclines, 'DC line stands', 'DC lines stand')} still"
        return f"no voltage at {where}, {self.p_mw:.4g} MW not served{lines * bool(self.dclines)}"


@dataclass(frozen=True, eq=False)
class Simulation:
    """Trajectories of a grid from an operating point on.

    Attributes:
        origin: the grid at the operating point.
        pieces: between events, one after the other.
        happened: time (s) of each event, and a phrase.
        until: end that was asked for, s.
        status: "completed", "collapsed" (the algebraic equations lost their solution),
            "unstable" (a frequency went more than half of the nominal one away), "interrupted" or
            "time limit".
        message: a sentence where it collapsed or ran away.
    """

    origin: Origin
    pieces: tuple[Piece, ...]
    happened: tuple[tuple[float, str], ...]
    until: float
    status: str
    message: str

    @property
    def completed(self) -> bool:
        """Whether it came to its end."""
        return self.status == COMPLETED

    # -- arrays -------------------------------------------

    @cached_property
    def times(self) -> Floats:
        """Times, s, shape (k,); that of an event stands twice, before and after it."""
        return self._joined([piece.times for piece in self.pieces])

    @cached_property
    def vm(self) -> Floats:
        """Voltages of the energized network's buses, p.u., shape (k, n); NaN without one."""
        return self._joined([piece.state.vm for piece in self.pieces], len(self.origin.net.bus))

    @cached_property
    def va(self) -> Floats:
        """Angles, rad, shape (k, n), relative to the reference bus of each island."""
        found = []
        for piece in self.pieces:
            net, own = piece.net, piece.state.va[:, piece.motion.bus]
            anchors = first_references(net.island, net.bus)
            relative = np.full(piece.state.va.shape, np.nan)
            relative[:, piece.motion.bus] = own - own[:, anchors[net.island - 1]]
            start = self.origin.va[piece.motion.bus[anchors]]
            relative[:, piece.motion.bus] += start[net.island - 1]
            found.append(relative)
        return self._joined(found, len(self.origin.net.bus))

    @cached_property
    def frequency(self) -> Floats:
        """Frequencies of the inverters, then the devices, Hz, shape (k, m + d).

        That of a grid-following inverter is the one of its phase-locked loop.
        """
        found = []
        for piece in self.pieces:
            motion, count = piece.motion, len(piece.motion.device)
            deviation = np.full((len(piece.times), self._count), np.nan)
            m = len(self.origin.inverters)
            deviation[:, :m] = piece.state.dw
            deviation[:, m + motion.device] = piece.powers[:, piece.powers.shape[1] - count :]
            found.append(self.origin.frequency * (1 + deviation))
        return self._joined(found, self._count)

    @cached_property
    def power(self) -> Floats:
        """P and Q of the inverters, then the devices, MW and MVAr, shape (2, k, m + d)."""
        found = []
        for piece in self.pieces:
            both = np.full((2, len(piece.times), self._count), np.nan)
            place, count = self._place(piece.motion), len(self._place(piece.motion))
            both[0][:, place] = piece.powers[:, :count]
            both[1][:, place] = piece.powers[:, count : 2 * count]
            found.append(both * self.origin.net.base_mva)
        return np.concatenate([np.zeros((2, 0, self._count)), *found], axis=1)

    @property
    def _count(self) -> int:
        return len(self.origin.inverters) + len(self.origin.devices)

    def _place(self, motion: Motion) -> Ints:
        """Place of each inverter, then device, of an interval among all."""
        return np.concatenate([motion.inverter, len(self.origin.inverters) + motion.device])

    def _joined(self, parts: list[Floats], *shape: int) -> Floats:
        return np.concatenate([np.zeros((0, *shape)), *parts])

    # -- what was lost on the way -------------------------------------------

    @cached_property
    def unserved(self) -> tuple[Unserved, ...]:
        """Each change of what has no voltage because no inverter or machine holds it."""
        net, loads, found = self.origin.net, self.origin.loads, list[Unserved]()
        p = loads.p + loads.p_current * self.origin.vm
        for piece in self.pieces:
            dark = np.setdiff1d(np.arange(len(net.bus)), piece.motion.bus)
            lines = len(net.dcline.id) - len(piece.net.dcline.id)
            power = float(net.base_mva * p[dark].sum())
            now = Unserved(float(piece.times[0]), tuple(net.bus.id[dark].tolist()), power, lines)
            if now.buses != (found[-1].buses if found else ()):
                found.append(now)
        return tuple(found)

    @cached_property
    def out_of_step(self) -> tuple[float, str, str] | None:
        """Time (s) at which two sources of an island first are half a turn apart, and which."""
        origin, m = self.origin, len(self.origin.inverters)
        count = m + len(origin.devices.machines)
        for piece in self.pieces:
            angle = np.full((len(piece.times), count), np.nan)
            angle[:, :m] = piece.state.va[:, origin.at]
            angle[:, :m][:, np.isnan(piece.state.dw[0])] = np.nan
            angle[:, m:] = piece.state.devices[:, 0, : count - m]
            bus = np.full(len(origin.net.bus), 0)
            bus[piece.motion.bus] = piece.net.island
            island = bus[np.concatenate([origin.at, origin.device_at[: count - m]])]
            for number in np.unique(island[~np.isnan(angle[0])]).tolist():
                own = np.flatnonzero((island == number) & ~np.isnan(angle[0]))
                turned = _without_turns(angle[:, own])
                apart = np.ptp(turned, axis=1) > np.pi
                if apart.any():
                    k = int(apart.argmax())
                    ends = own[turned[k].argmin()], own[turned[k].argmax()]
                    low, high = (self.labels[one] for one in ends)
                    return float(piece.times[k]), low, high
        return None

    # -- tables -------------------------------------------

    @property
    def labels(self) -> list[str]:
        """Names of the inverters, then the devices."""
        buses = self.origin.inverters.bus.tolist()
        return [*(f"inverter at bus {bus}" for bus in buses), *self.origin.devices.labels]

    @cached_property
    def buses(self) -> pd.DataFrame:
        """A row for each time and bus: `time` (s), `bus`, `vm` (p.u.) and `va_deg`.

        Angles are relative to that of the island's reference bus, whose own is that of the
        operating point. NaN at buses without voltage.
        """
        import pandas as pd

        ids, times = self.origin.net.bus.id, self.times
        columns = {
            "time": np.repeat(times, len(ids)),
            "bus": np.tile(ids, len(times)),
            "vm": self.vm.ravel(),
            "va_deg": np.degrees(self.va).ravel(),
        }
        return pd.DataFrame(columns)

    @cached_property
    def devices(self) -> pd.DataFrame:
        """A row for each time and device: frequency and powers, and its states.

        Columns are `time` (s), `bus`, `device`, `frequency_hz`, `p_mw`, `q_mvar`; of machines
        `delta_deg` (relative to the angle of the terminal), `flux` (E'), `governor` (its power) and
        `field` (E_fd); of grid-following inverters `current_d` and `current_q` and `support`; per
        unit. NaN where a device has no such state, or is out of service.
        """
        import pandas as pd

        origin, k, times = self.origin, self._count, self.times
        bus = np.concatenate([origin.inverters.bus, origin.devices.bus])
        columns: dict[str, Any] = {
            "time": np.repeat(times, k),
            "bus": np.tile(bus, len(times)),
            "device": np.tile(np.array(self.labels, dtype=object), len(times)),
            "frequency_hz": self.frequency.ravel(),
            "p_mw": self.power[0].ravel(),
            "q_mvar": self.power[1].ravel(),
        }
        columns |= {name: values.ravel() for name, values in self._states().items()}
        return pd.DataFrame(columns)

    def _states(self) -> dict[str, Floats]:
        origin, m = self.origin, len(self.origin.inverters)
        pieces, n = [piece.state for piece in self.pieces], len(origin.net.bus)
        states = self._joined([one.devices for one in pieces], 5, len(origin.devices))
        va = self._joined([one.va for one in pieces], n)
        found: dict[str, Floats] = {}
        for kind, place in origin.kinds:
            machines = isinstance(kind, Machines)
            for number, name in enumerate(kind.STATES):
                if name in ("speed", "integral") or (name == "angle" and not machines):
                    continue
                values = states[:, number, place].copy()
                if name == "angle":
                    name = "delta_deg"
                    values = np.degrees(values - va[:, origin.device_at[place]])
                else:
                    values[:, ~kind.active[number]] = np.nan
                    if name == "flux":
                        values = states[:, number, place]
                full = np.full((len(values), self._count), np.nan)
                full[:, m + place.start : m + place.stop] = values
                found[name] = full
        return found

    @cached_property
    def events(self) -> pd.DataFrame:
        """A row for each event: `time` (s) and what happens."""
        import pandas as pd

        return pd.DataFrame(list(self.happened), columns=["time", "event"])

    # -- as text -------------------------------------------

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Extremes and the end, for tables and JSON; None where there is nothing to say.

        Keys are `status`, `message`, `until` and `end` (s); least and largest frequency, with the
        device and the time (`frequency_min_hz`, ...); the same of voltages, with the bus; the
        steepest change of a frequency over .5 s (`rocof_hz_s`); when two sources of an island are
        half a turn apart (`out_of_step`, s); the most load (`unserved_mw`, at the voltages of the
        dispatch) and the most buses (`dark_buses`) without voltage; and by how much frequencies and
        voltages still move in the last tenth (`moves_hz`, `moves_pu`).
        """
        found: dict[str, Any] = {
            "status": self.status,
            "message": self.message,
            "until": self.until,
            "end": float(self.times[-1]) if len(self.times) else 0.0,
        }
        ids = self.origin.net.bus.id
        found |= self._extremes("frequency", "hz", self.frequency, self.labels, "device")
        found |= self._extremes("vm", "pu", self.vm, ids.tolist(), "bus")
        found["rocof_hz_s"] = self._steepest()
        apart = self.out_of_step
        found["out_of_step"] = None if apart is None else apart[0]
        found["unserved_mw"] = max((one.p_mw for one in self.unserved), default=0.0)
        found["dark_buses"] = max((len(one.buses) for one in self.unserved), default=0)
        last = self.times >= 0.9 * found["end"]
        found["moves_hz"], found["moves_pu"] = (
            _range(values[last]) for values in (self.frequency, self.vm)
        )
        return found

    def _extremes(
        self, name: str, unit: str, values: Floats, names: list[Any], what: str
    ) -> dict[str, Any]:
        found = dict[str, Any]()
        for word, pick in (("min", np.nanargmin), ("max", np.nanargmax)):
            key, empty = f"{name}_{word}", not np.isfinite(values).any()
            row, column = (0, 0) if empty else np.unravel_index(pick(values), values.shape)
            found[f"{key}_{unit}"] = None if empty else float(values[row, column])
            found[f"{key}_{what}"] = None if empty else names[int(column)]
            found[f"{key}_time"] = None if empty else float(self.times[row])
        return found

    def _steepest(self) -> float | None:
        """Largest mean rate of a frequency over half a second, Hz/s."""
        window, most = 0.5, 0.0
        if not len(self.times) or self.times[-1] < window or np.diff(self.times).max() > window:
            return None
        later = np.searchsorted(self.times, self.times + window)
        ends = np.flatnonzero(later < len(self.times))
        with np.errstate(invalid="ignore"):
            rise = self.frequency[later[ends]] - self.frequency[ends]
        rate = np.abs(rise) / (self.times[later[ends]] - self.times[ends])[:, None]
        if rate.size and np.isfinite(rate).any():
            most = float(np.nanmax(rate))
        return most

    def _blocks(self) -> list[display.Block]:
        facts, net = self.facts, self.origin.net
        ends = "" if self.completed else f" of {self.until:g}"
        lines: list[display.Block] = [
            f"{net.name}, {facts['end']:g}{ends} s simulated: {self.status}"
        ]
        if self.message:
            lines.append(self.message)
        lines += [f"  at {moment:.4g} s  {text}" for moment, text in self.happened]
        lines += [f"from {one.time:.4g} s {one}" for one in self.unserved]
        if (apart := self.out_of_step) is not None:
            lines.append(f"out of step from {apart[0]:.4g} s: {apart[1]} and {apart[2]}")
        idle = constant_power(
            net, self.origin.inverters, self.origin.power.real, self.origin.devices.gens
        )
        lines += [str(idle)] if idle is not None else []
        if facts["frequency_min_hz"] is not None:
            lines += ["", display.Table(self._shown(), _SHOWN, "extremes"), "", self._settling()]
        return lines

    def _shown(self) -> pd.DataFrame:
        import pandas as pd

        facts, rows = self.facts, []
        for name, unit, who in (("frequency", "hz", "device"), ("vm", "pu", "bus")):
            for word, label in (("min", "lowest"), ("max", "highest")):
                key = f"{name}_{word}"
                value, where = facts[f"{key}_{unit}"], facts[f"{key}_{who}"]
                place = where if who == "device" else f"bus {where}"
                text = {"hz": "Hz", "pu": "p.u."}[unit]
                what = f"{label} {'frequency' if name == 'frequency' else 'voltage'}"
                rows.append((what, f"{value:.4f} {text}", place, facts[f"{key}_time"]))
        return pd.DataFrame(rows, columns=list(_SHOWN))

    def _settling(self) -> str:
        facts = self.facts
        moves = f"{facts['moves_hz']:.2g} Hz and {facts['moves_pu']:.2g} p.u."
        steep = facts["rocof_hz_s"]
        rate = "" if steep is None else f"; steepest change over .5 s {steep:.3g} Hz/s"
        return f"still moving in the last tenth: {moves}{rate}"

    def __str__(self) -> str:
        return display.text(self._blocks())

    def _repr_html_(self) -> str:
        return display.html(self._blocks())

    def as_dict(self) -> dict[str, Any]:
        """For JSON: `facts`, and `events` as (time, phrase)."""
        return {**self.facts, "events": [list(one) for one in self.happened]}


def _without_turns(angles: Floats) -> Floats:
    """Angles over time, shape (k, n), without the whole turns that lay between them at first.

    They may have come from an island that turned by itself until it was joined.
    """
    first = angles[0]
    mean = np.angle(np.exp(1j * first).mean())
    whole = 2 * np.pi * np.round((first - mean) / (2 * np.pi))
    return np.asarray(angles - whole)


def _range(values: Floats) -> float:
    """Largest difference between the highest and the lowest of each column."""
    there = np.isfinite(values).any(axis=0)
    if not there.any():
        return float("nan")
    columns = values[:, there]
    return float((np.nanmax(columns, axis=0) - np.nanmin(columns, axis=0)).max())
