"""Curves of a simulation for the script of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scopf.pages import figure as f
from scopf.plots import response_content
from scopf.plots.response_content import ALL, TITLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scopf.dynamics.simulation.simulated import Simulation

TIMES = 300  # of the curves
LINES = 40  # of a figure


def data(
    run: Simulation, what: Sequence[str] = ALL, *, times: int = TIMES, lines: int = LINES
) -> dict[str, Any]:
    """Curves at some of the times, and what happens when.

    Args:
        run: the simulation.
        what: quantities, one panel each.
        times: at most so many, closer together where more moves.
        lines: at most so many in a panel, those that move most.
    """
    chosen = response_content.moments(run, times)
    looks: dict[bool, dict[str, int]] = {True: {}, False: {}}
    panels = []
    for panel in response_content.panels(run, what):
        title, unit = TITLES[panel.name]
        known, named = looks[panel.name == "voltage"], panel.named
        drawn = [*named, *(k for k in panel.ranked.tolist() if k not in named)][:lines]
        curves = []
        for k in sorted(drawn, key=lambda k: k in named):  # those with a name are on top
            name = panel.names[k]
            look = known.setdefault(name, len(known)) if k in named else None
            values = f.numbers(panel.values[chosen, k].tolist(), 6)
            curves.append({"name": name, "look": look, "values": values})
        left = len(panel.ranked) - len(drawn)
        panels.append(
            {"name": panel.name, "title": title, "unit": unit, "lines": curves, "left": left}
        )
    return {
        "times": f.numbers(run.times[chosen].tolist(), 6),
        "end": f.number(float(run.times[-1]), 8),
        "events": [list(one) for one in response_content.events(run)],
        "ending": response_content.ending(run),
        "status": run.status,
        "panels": panels,
    }
