"""The page of one simulation: sentences, curves, and the map in motion, in one HTML file."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.errors import counted
from scopf.pages import animation, trajectories
from scopf.pages import figure as f
from scopf.pages.document import put, template
from scopf.plots.response_content import simulation_of
from scopf.results import standing

if TYPE_CHECKING:
    from scopf.dynamics.simulation.simulated import Simulation

log = logging.getLogger(__name__)

_SCRIPTS = ("theme.js", "tables.js", "symbols.js", "map.js", "curves.js", "response.js")
_HEADS = {
    "frequency": "Frequencies", "voltage": "Voltages", "power": "Active powers",
    "reactive": "Reactive powers", "angle": "Angles",
}  # fmt: skip
_ANGLES = (
    "Of rotors, and of the voltages of all others, relative to the reference bus of the island."
)
_EXTREMES = (
    ("lowest frequency", "frequency_min", "hz", "Hz", "device"),
    ("highest frequency", "frequency_max", "hz", "Hz", "device"),
    ("lowest voltage", "vm_min", "pu", "p.u.", "bus"),
    ("highest voltage", "vm_max", "pu", "p.u.", "bus"),
)


def write(run: Simulation, path: str | Path) -> Path:
    """Write the report of a simulation as one HTML page, which opens without a connection.

    Args:
        run: of `Solution.simulate`.
        path: of the page; it is replaced if it exists.

    Returns:
        The path.

    Raises:
        ScopfError: for a simulation without a trajectory; when a package of the extra `report` is
            missing, or the page cannot be written.
    """
    target, page = Path(path), html(run)
    put(page, target)
    log.info("report of a simulation of %s: %s", run.origin.net.name, target)
    return target


def html(run: Simulation) -> str:
    """The page as text; see `write`."""
    run = simulation_of(run, "the report")
    made = template("response.html")
    curves, drawn = trajectories.data(run), animation.data(run)
    events = [[k, *one] for k, one in enumerate(curves["events"], 1)]
    data = {
        "run": curves,
        "map": drawn,
        "tables": {
            "events": {"heads": ["number", "time [s]", "event"], "rows": events},
            "extremes": {"heads": ["extreme", "value", "unit", "at", "time [s]"],
                         "rows": _extremes(run)},
        },
    }  # fmt: skip
    words = str(run)
    return made.page(
        data,
        _SCRIPTS,
        name=run.origin.net.name,
        lead=words.partition("\n")[0],
        message=run.message,
        conditions=standing.of_simulation(run),
        words=words,
        tiles=_tiles(run),
        ending=curves["ending"],
        thinned=_thinned(run, len(curves["times"])),
        panels=[
            {"name": one["name"], "head": _HEADS[one["name"]], "note": _note(one)}
            for one in curves["panels"]
        ],
        frames=0 if drawn is None else len(drawn["frames"]),
        note=_map_note(run, drawn),
    )


def _tiles(run: Simulation) -> list[tuple[str, str]]:
    """Key numbers: label and text."""
    facts, found = run.facts, list[tuple[str, str]]()
    for label, key, unit, text, who in _EXTREMES:
        if facts[f"{key}_{unit}"] is not None:
            place = facts[f"{key}_{who}"]
            where = f"bus {place}" if who == "bus" else place
            value = f"{facts[f'{key}_{unit}']:.4f} {text}, {where}"
            found.append((label.capitalize(), value))
    if facts["rocof_hz_s"] is not None:
        found.append(("Steepest change over 0.5 s", f"{facts['rocof_hz_s']:.3g} Hz/s"))
    moves = facts["moves_hz"], facts["moves_pu"]
    if np.isfinite(moves).all():
        text = f"{moves[0]:.2g} Hz, {moves[1]:.2g} p.u."
        found.append(("Movement in the last tenth", text))
    return found


def _extremes(run: Simulation) -> list[list[Any]]:
    facts, found = run.facts, []
    for label, key, unit, text, who in _EXTREMES:
        if facts[f"{key}_{unit}"] is not None:
            place = facts[f"{key}_{who}"]
            where = f"bus {place}" if who == "bus" else place
            value, time = f.number(facts[f"{key}_{unit}"], 6), f.number(facts[f"{key}_time"], 5)
            found.append([label, value, text, where, time])
    return found


def _thinned(run: Simulation, shown: int) -> str:
    total = len(run.times)
    if shown == total:
        return ""
    return f"Drawn are {shown} of {total} times, closer together where more moves."


def _note(panel: dict[str, Any]) -> str:
    parts = [_ANGLES] if panel["name"] == "angle" else []
    if panel["left"]:
        kind = ("bus", "buses") if panel["name"] == "voltage" else ("device", "devices")
        parts.append(f"Without {counted(panel['left'], *kind)} that move less.")
    return " ".join(parts)


def _map_note(run: Simulation, drawn: dict[str, Any] | None) -> str:
    if drawn is None:
        count, most = len(run.origin.net.bus), animation.MOST_BUSES
        return f"The network has {count} buses; the map is drawn of networks of up to {most}."
    shades = "The loading of branches is in per cent of the rating."
    if drawn["share"]:
        shades = (
            "No branch has a rating: shades are apparent powers in per cent of the largest in this "
            "run."
        )
    steps = f"{len(drawn['frames'])} frames, closer together in time where more moves."
    return f"{shades} {steps}"
