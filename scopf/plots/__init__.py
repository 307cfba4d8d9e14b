"""Pictures of solutions, sweeps and simulations: functions that return matplotlib axes.

>>> from scopf import plots
>>> plots.network(solution)
>>> plots.prices(runs, x="mq")

Each draws into `ax`, or into a new figure if that is None, changes no setting of matplotlib and
shows nothing; `ax.figure.savefig(...)` writes a file. `style` is the one place for the look.
Needs matplotlib, `pip install "scopf[plot]"`.
"""

from __future__ import annotations

from scopf.plots.bars import nssp
from scopf.plots.curves import costs, margins, prices
from scopf.plots.gap_maps import gap
from scopf.plots.hour_panels import hours
from scopf.plots.maps import heatmap
from scopf.plots.network_map import network
from scopf.plots.outage_bars import outages
from scopf.plots.plane import eigenvalues
from scopf.plots.response_panels import response
from scopf.plots.share_panels import inverter_share
from scopf.plots.trace import convergence

__all__ = [
    "convergence",
    "costs",
    "eigenvalues",
    "gap",
    "heatmap",
    "hours",
    "inverter_share",
    "margins",
    "network",
    "nssp",
    "outages",
    "prices",
    "response",
]
