"""Prices by outage as bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopf.arrays import Floats
from scopf.errors import ScopfError
from scopf.network import labels
from scopf.plots import style
from scopf.plots.subject import nssp_label, priced
from scopf.results.prices import TRACE

_INVERTERS = 5  # that have a colour of their own
_HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "")


def outages(solution: Any, *, most: int = 15, ax: Any = None, title: str | None = None) -> Any:
    """Bars of the NSSP by state, the highest at the top, divided by inverter.

    The intact network is one of the states. Of more than five inverters with prices the four with
    the highest have colours of their own. States of the model whose price is zero are counted in a
    note, as outages are that the dispatch survives without one.

    Args:
        solution: solved, of a problem with outages.
        most: bars to draw.
        ax: axes to draw into; a new figure if None.
        title: above; None for the name of the network.

    Returns:
        The matplotlib axes.

    Raises:
        ScopfError: without matplotlib, without outages or inverters, for a solve that failed.
    """
    found = priced(solution, "outages")
    if most < 1:
        raise ScopfError(f"most has to be at least 1, got {most}")
    if not found.scenario.outages:
        raise ScopfError(
            f"{found.problem.base.name} was solved without outages, so there is nothing to draw; "
            "give scopf.build outages"
        )
    names, buses, prices = by_state(found)
    total = prices.sum(axis=1)
    ranked = [k for k in np.argsort(-total, kind="stable").tolist() if total[k] or not k]
    drawn, left = ranked[:most], ranked[most:]
    if 0 in left:
        drawn[-1] = 0
    ax = style.axes(ax, (6.4, 1.5 + 0.27 * max(len(drawn), 3)))
    place, foot = np.arange(len(drawn)), np.zeros(len(drawn))
    for k, (label, width) in enumerate(_parts(buses, prices[drawn])):
        color = style.NOTHING if label == "others" else style.CATEGORIES[k]
        ax.barh(
            place, width, left=foot, height=0.7, color=color, edgecolor="white", linewidth=0.7,
            hatch=_HATCHES[k], zorder=2, label=label,
        )  # fmt: skip
        foot = foot + width
    text = style.compact()
    for k, value in enumerate(total[drawn].tolist()):
        ax.annotate(
            text(value), (value, k), xytext=(3, 0), textcoords="offset points", ha="left",
            va="center", fontsize=style.SMALL, color=style.INK if value else style.SOFT,
        )  # fmt: skip
    known = labels.outages(found.scenario.outages, found.problem.given)
    ax.set_yticks(place, [known.get(names[k], names[k]) for k in drawn])
    ax.set_ylim(len(drawn) - 0.4, -0.6)
    ax.set_xlim(0, 1.14 * max(float(total.max()), TRACE) if total.any() else 1.0)
    name = found.problem.base.name if title is None else title
    style.dress(ax, name, f"{nssp_label(found)}, sum over inverters", grid="x", pad=14)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_formatter(style.numbers())
    if total.any():
        style.legend(ax, title="inverter at bus", loc="lower right")
    style.note(ax, _note(found, total, len(ranked) - len(drawn)))
    return ax


def by_state(found: Any) -> tuple[list[str], list[int], Floats]:
    """Names of the states in the model, "intact" first, inverters, and NSSP of shape (s, n).

    Those of hours are times their durations.
    """
    table, horizon = found.nssp_by_state, found.problem.horizon
    names, buses = list(found.states), found.inverter_data.bus.tolist()
    if horizon is not None:
        buses = list(dict.fromkeys(horizon.own(found.inverter_data.bus).tolist()))
    wide = table.pivot(index="state", columns="bus", values="nssp_per_pu")
    values = wide.reindex(index=names, columns=buses).to_numpy(dtype=np.float64)
    values = np.where(values > TRACE, values, 0.0)
    if horizon is not None:
        values = values * horizon.hours.duration[:, None]
    return names, buses, values


def _parts(buses: list[int], prices: Floats) -> list[tuple[str, Floats]]:
    """Bars of the inverters with the highest prices, and of all others."""
    total = prices.sum(axis=0)
    ranked = [k for k in np.argsort(-total, kind="stable").tolist() if total[k]]
    own = ranked if len(ranked) <= _INVERTERS else ranked[: _INVERTERS - 1]
    parts = [(str(buses[k]), prices[:, k]) for k in own]
    if len(own) < len(ranked):
        parts.append(("others", prices[:, ranked[len(own) :]].sum(axis=1)))
    return parts


def _note(found: Any, total: Floats, left_out: int) -> str:
    """Sentence on the outages that have no bar."""
    came = found.outages["status"].tolist()
    parts = [] if total.any() else ["no state is priced"]
    if left_out:
        parts.append(f"{left_out} more with lower prices")
    zero = int((total[1:] == 0).sum()) + came.count("secure")
    if zero and total.any():
        parts.append(f"{zero} of {len(came)} outages have no price")
    lost = came.count("no dispatch survives")
    if lost:
        parts.append(f"no dispatch survives {lost}")
    return "; ".join(parts)
