"""Prices by inverter as bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopf.errors import ScopfError
from scopf.plots import style
from scopf.plots.subject import nssp_label, of_state, priced, prices
from scopf.results.prices import TRACE

_VALUES = 16  # bars up to which each carries its number
_SHADES = 5  # parts of a bar
_HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx")


def nssp(
    solution: Any,
    *,
    pairs: bool = False,
    state: str | None = None,
    most: int = 30,
    ax: Any = None,
    title: str | None = None,
) -> Any:
    """Bars of the Nodal Stability Shadow Prices by inverter, in the order of the buses.

    Args:
        solution: solved, with inverters.
        pairs: whether to divide each bar into the prices of its rows, one for each neighbour, the
            highest at the foot; of more than five all but four are one.
        state: of a dispatch of several hours the hour, else "branch 6" after an outage or "intact";
            None for all states together.
        most: bars to draw; of more inverters those with the highest prices, and a note.
        ax: axes to draw into; a new figure if None.
        title: above; None for the name of the network.

    Returns:
        The matplotlib axes.

    Raises:
        ScopfError: without matplotlib, for a solve that failed, without an inverter; of several
            hours without one of them.
    """
    found = priced(solution, "nssp")
    shown = of_state(found, "nssp", state)
    if most < 1:
        raise ScopfError(f"most has to be at least 1, got {most}")
    if pairs and not hasattr(shown, "pairs"):
        raise ScopfError(f"the state {state!r} has no table of pairs: draw it without pairs")
    every = prices(shown)
    ranked = np.argsort(-shown.inverters["nssp_per_pu"].to_numpy(), kind="stable")
    drawn, left_out = np.sort(ranked[:most]), ranked[most:]
    price, buses = every[drawn], shown.inverters["bus"].to_numpy()[drawn]
    ax = style.axes(ax, (max(4.2, min(9.5, 1.6 + 0.42 * len(price))), 3.8))
    place = np.arange(len(price))
    top = max(float(price.max(initial=0.0)), TRACE)
    if pairs:
        _stack(ax, shown, buses, top)
    else:
        ax.bar(place, price, width=0.72, color=style.BLUE, label="NSSP", zorder=2)
    if len(price) <= _VALUES:
        text = style.compact()
        for k, value in enumerate(price.tolist()):
            ax.annotate(
                text(value), (k, value), xytext=(0, 2), textcoords="offset points", ha="center",
                va="bottom", fontsize=style.SMALL, color=style.INK if value else style.SOFT,
            )  # fmt: skip
    ax.set_xticks(place, [str(bus) for bus in buses], rotation=90 if len(price) > 20 else 0)
    ax.set_xlim(-0.6, len(price) - 0.4)
    ax.set_ylim(0, top * 1.12 if price.any() else 1.0)
    name = found.problem.base.name if title is None else title
    if title is None and state is not None:
        name += f", {'hour ' if found.problem.horizon is not None else ''}{state}"
    style.dress(ax, name, "inverter at bus", nssp_label(found), grid="y")
    ax.tick_params(axis="x", length=0)
    ax.yaxis.set_major_formatter(style.numbers())
    if not price.any():
        style.note(ax, f"none of the {len(every)} inverters is priced")
    elif len(left_out):
        highest = float(every[left_out[0]])
        bound = f"each below {style.compact()(highest)}" if highest else "all zero"
        style.note(ax, f"{len(left_out)} more inverters, {bound}")
    return ax


def _stack(ax: Any, found: Any, buses: Any, top: float) -> None:
    """Bars divided by neighbour."""
    pairs = found.pairs
    pairs = pairs[pairs["price_per_pu"] > TRACE]
    for k, bus in enumerate(buses.tolist()):
        foot = 0.0
        for place, (text, price) in enumerate(_parts(pairs[pairs["bus"] == bus])):
            shade = style.colormap()(0.9 - 0.2 * place)
            ax.bar(
                k, price, bottom=foot, width=0.72, color=shade, edgecolor="white", linewidth=0.8,
                hatch=_HATCHES[place], zorder=2, label="_pair",
            )  # fmt: skip
            if price > 0.05 * top:
                ax.text(
                    k, foot + price / 2, text, ha="center", va="center", fontsize=style.SMALL - 1,
                    color=style.INK, zorder=4,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.9},
                )  # fmt: skip
            foot += price


def _parts(rows: Any) -> list[tuple[str, float]]:
    """Parts of the bar of one inverter, the highest first and many small ones as one."""
    import pandas as pd

    ranked = rows.sort_values("price_per_pu", ascending=False)
    parts = [
        ("all" if pd.isna(neighbor) else f"to {neighbor}", float(price))
        for neighbor, price in zip(ranked["neighbor"], ranked["price_per_pu"], strict=True)
    ]
    if len(parts) <= _SHADES:
        return parts
    rest = parts[_SHADES - 1 :]
    return [*parts[: _SHADES - 1], (f"{len(rest)} more", sum(price for _, price in rest))]
