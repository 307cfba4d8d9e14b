"""The map of a simulation, frame by frame, for the script of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.devices.kinds import AtBuses
from scopf.network import drawing
from scopf.network.powers import branch_powers
from scopf.network.tables import positions
from scopf.pages import figure as f
from scopf.pages import places
from scopf.plots import response_content

if TYPE_CHECKING:
    from scopf.arrays import Flags, Floats, Ints
    from scopf.dynamics.simulation.simulated import Simulation

MOST_BUSES = 2000
_FRAMES, _NUMBERS = 120, 400_000
_RANGE = (0.7, 1.3)  # p.u. that the colours tell apart at most
_LEVELS = (25, 50, 75, 100.05)  # per cent, as in map.js


def data(run: Simulation) -> dict[str, Any] | None:
    """Places of buses and branches, and frames; None of a network that is too large."""
    net = run.origin.net
    if len(net.bus) > MOST_BUSES:
        return None
    most = min(_FRAMES, _NUMBERS // (len(net.bus) + 2 * len(net.branch)))
    chosen = response_content.moments(run, most)
    power, apparent = _flows(run, chosen)
    rate, rated = net.branch.rate * net.base_mva, bool(np.isfinite(net.branch.rate).any())
    largest = float(np.nanmax(apparent, initial=0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        loading = 100 * apparent / (np.where(np.isfinite(rate), rate, np.nan) if rated else largest)
    vm, times = run.vm[chosen], run.times[chosen]
    out, dark = np.isnan(power), np.isnan(vm)
    ends = np.column_stack([net.branch_from, net.branch_to])
    dead = out & (dark[:, ends[:, 0]] | dark[:, ends[:, 1]])
    lost = out & ~dead
    gone = _units(run, chosen)
    frames = []
    for k in range(len(chosen)):
        units = np.unique(net.gen_at[gone[k]])
        frames.append(
            {
                "time": f.number(float(times[k]), 6),
                "before": bool(k + 1 < len(times) and times[k + 1] == times[k]),
                "vm": f.numbers(vm[k].tolist(), 4),
                "loading": f.numbers(loading[k].tolist(), 3),
                "power": f.numbers(power[k].tolist(), 3),
                "lost": np.flatnonzero(lost[k]).tolist(),
                "dead": np.flatnonzero(dead[k]).tolist(),
                "units": units[~dark[k, units]].tolist(),
            }
        )
    at = AtBuses.of(net, run.origin.inverters, run.origin.devices)
    return {
        **places.content(net, at, run.origin.inverters, drawing.Dead.none(), {}),
        "low": float(np.nanmin(vm).clip(*_RANGE)), "high": float(np.nanmax(vm).clip(*_RANGE)),
        "levels": _levels(loading, ~out), "lost": bool(lost.any()), "dead": bool(dead.any()),
        "share": "" if rated else "part of the largest flow", "frames": frames,
    }  # fmt: skip


def _flows(run: Simulation, chosen: Ints) -> tuple[Floats, Floats]:
    """P into the from ends, MW, and |S| at the heavier ends, MVA; NaN of branches that are out."""
    net = run.origin.net
    power, apparent = np.full((2, len(chosen), len(net.branch)), np.nan)
    edges = np.cumsum([0, *(len(piece.times) for piece in run.pieces)])
    for piece, low, high in zip(run.pieces, edges[:-1], edges[1:], strict=True):
        there, bus = positions(net.branch.id, piece.net.branch.id), piece.motion.bus
        for row in np.flatnonzero((chosen >= low) & (chosen < high)).tolist():
            at = chosen[row]
            v = run.vm[at, bus] * np.exp(1j * run.va[at, bus])
            into_from, into_to = branch_powers(piece.net, v)
            power[row, there] = into_from.real * net.base_mva
            apparent[row, there] = np.maximum(abs(into_from), abs(into_to)) * net.base_mva
    return power, apparent


def _units(run: Simulation, chosen: Ints) -> Flags:
    """Whether each generator of the intact grid is out at these times."""
    ids = run.origin.net.gen.id
    edges = np.cumsum([len(piece.times) for piece in run.pieces])
    of = np.searchsorted(edges, chosen, side="right").tolist()
    gone = [~np.isin(ids, piece.net.gen.id) for piece in run.pieces]
    return np.array([gone[k] for k in of]).reshape(len(chosen), len(ids))


def _levels(loading: Floats, there: Flags) -> list[int]:
    """Levels of loading that the legend needs; -1 is that of branches without a rating."""
    values = loading[there]
    found = np.searchsorted(_LEVELS, values[np.isfinite(values)], side="right")
    return [*([-1] if np.isnan(values).any() else []), *np.unique(found).tolist()]
