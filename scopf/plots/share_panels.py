"""Studies over the share of inverters: what limits, what it costs, critical droop, strength."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.errors import ScopfError
from scopf.plots import style
from scopf.results.prices import TRACE
from scopf.studies.inverter_share import InverterShare
from scopf.sweeps.analysis.units import CURRENCY

if TYPE_CHECKING:
    import pandas as pd

    from scopf.arrays import Floats

_SIZE, _STRIP = (8.6, 6.2), 0.3  # inches; of the picture, and of a study's strip
_FREE = 1e-6  # of the cost, up to which stability costs nothing
_ALONE = 2.0  # %, half of a cell of a share that stands alone
_BOX = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
VERDICTS = {
    "no dispatch found": (style.VERMILLION, ""),
    "a mode grows": (style.PURPLE, "////"),
    "undecided": (style.NOTHING, "...."),
    "stable, at a cost": (style.ORANGE, ""),
    "stable at no cost": ("#BFE3D6", ""),
}


def inverter_share(
    found: InverterShare | Mapping[str, InverterShare],
    *,
    unit: str = CURRENCY,
    ax: Any = None,
    title: str | None = None,
) -> list[Any]:
    """Panels over the share of inverters: verdict, cost of stability, critical droop, strength.

    The uppermost has a strip for each study. "No dispatch found": none that meets the rows of the
    criterion. "A mode grows": there is one, and the dynamics say that it is not stable. "+34" is
    the bus where the machine is an inverter from here on, where it is one at a time. Costs are
    those of stable dispatches; a price (NSSP) beside them is the largest, with its bus. Critical
    droops beyond the edges of their panel are at the edge: no limit, or none that is small enough.
    In the lowest panel are the inertia and the least short-circuit ratio.

    Args:
        found: a study (`scopf.studies.inverter_share`), or several by name.
        unit: of the costs; of several hours they are over all hours.
        ax: four axes to draw into; new ones if None.
        title: above; None for the name of the network.

    Returns:
        The matplotlib axes, from top to bottom.

    Raises:
        ScopfError: without matplotlib, for something else than such studies, and for another number
            of axes.
    """
    studies = _studies(found)
    strips = _STRIP * len(studies)
    heights = [strips, 1.2, 1.6, 1.2]
    axes = style.column(heights, (_SIZE[0], _SIZE[1] + strips)) if ax is None else list(ax)
    if len(axes) != len(heights):
        raise ScopfError(f"plots.inverter_share draws 4 panels; ax has {len(axes)} axes")
    verdict, cost, droop, strength = (style.axes(one) for one in axes)
    looks, limits = style.lines(list(studies), ordered=False), _limits(studies)
    for k, (name, study) in enumerate(studies.items()):
        table, look = _rows(study), {**looks[k], "label": name, "zorder": 3 - 0.1 * k}
        x = 100 * table["share"].to_numpy(float)
        _strip(verdict, k, x, table)
        _costs(cost, x, table, look)
        _droops(droop, x, table["critical_mq"].to_numpy(float), limits, look)
        _curve(strength, x, table["inertia_s"], look)
        hollow = {"markerfacecolor": "white", "markeredgecolor": look["color"]}
        _curve(strength, x, table["scr_min"], {**look, **hollow, "linewidth": 0.9})
    name = next(iter(studies.values())).case if title is None else title
    _dress_strips(verdict, list(studies), name)
    _dress_curves((cost, droop, strength), studies, limits)
    style.dress(cost, y=f"cost of stability\n({unit})")
    return list(axes)


def _studies(found: Any) -> dict[str, InverterShare]:
    given = dict(found) if isinstance(found, Mapping) else {"": found}
    wrong = [one for one in given.values() if not isinstance(one, InverterShare)]
    if wrong or not given:
        kind = type(wrong[0]).__name__ if wrong else "none"
        raise ScopfError(
            "plots.inverter_share draws what scopf.studies.inverter_share returns, or a mapping of "
            f"names to such studies, got {kind}"
        )
    return {str(name): one for name, one in given.items()}


def _rows(study: InverterShare) -> pd.DataFrame:
    """The rows in the order of the share, each dispatch once."""
    return study.table.drop_duplicates("share").sort_values("share", ignore_index=True)


def _verdict(row: Mapping[Any, Any]) -> str:
    """The verdict on a row, by its solve, its dynamics and its cost."""
    if row["status"] != "optimal":
        return "no dispatch found"
    if not isinstance(row["stable"], (bool, np.bool_)):
        return "undecided"
    if not row["stable"]:
        return "a mode grows"
    free = abs(row["stability_cost"]) <= _FREE * abs(row["cost"])
    return "stable at no cost" if free else "stable, at a cost"


def _strip(ax: Any, place: int, x: Floats, table: pd.DataFrame) -> None:
    """Cells of verdicts, up to the middle between neighbours, and the bus that is new in each."""
    middle = (x[1:] + x[:-1]) / 2
    first, last = (middle[0] - x[0], x[-1] - middle[-1]) if len(x) > 1 else (_ALONE, _ALONE)
    edges = np.concatenate([[x[0] - first], middle, [x[-1] + last]])
    rows = table.to_dict("records")
    for k, (row, new) in enumerate(zip(rows, _added(rows), strict=True)):
        color, hatch = VERDICTS[_verdict(row)]
        ax.barh(
            place, edges[k + 1] - edges[k], left=edges[k], height=0.86, color=color, hatch=hatch,
            edgecolor="white", linewidth=1.2, label="_cell",
        )  # fmt: skip
        if new:
            ax.text(
                x[k], place, f"+{new}", ha="center", va="center", fontsize=style.SMALL,
                color=style.INK, bbox=_BOX if hatch else None,
            )  # fmt: skip
    ax.set_xlim(min(edges[0], ax.dataLim.x0), max(edges[-1], ax.dataLim.x1))


def _added(rows: list[dict[Any, Any]]) -> list[str]:
    """The bus that is new in each row; nothing where a row has several."""
    buses = [set[str](), *(set(row["inverters"].split()) for row in rows)]
    new = [sorted(after - before) for before, after in pairwise(buses)]
    return ["".join(one) if len(max(new, key=len)) < 2 else "" for one in new]


def _curve(ax: Any, x: Floats, values: Any, look: dict[str, Any]) -> None:
    ax.plot(x, np.asarray(values, float), clip_on=False, **look)


def _costs(ax: Any, x: Floats, table: pd.DataFrame, look: dict[str, Any]) -> None:
    """The cost of stable dispatches, with the largest price of each that has one, and its bus."""
    stable = table["stable"].fillna(False).to_numpy(bool)
    costs = np.where(stable, table["stability_cost"].to_numpy(float), np.nan)
    _curve(ax, x, np.where(np.abs(costs) <= _FREE * table["cost"].abs(), 0.0, costs), look)
    text = style.compact()
    for where, cost, row in zip(x, costs, table.to_dict("records"), strict=True):
        if np.isfinite(cost) and row["nssp_max"] > TRACE:
            ax.annotate(
                f"NSSP {text(row['nssp_max'])} at {row['nssp_bus']}", (where, cost), xytext=(6, 2),
                textcoords="offset points", fontsize=style.SMALL, color=style.INK, bbox=_BOX,
            )  # fmt: skip


def _droops(
    ax: Any, x: Floats, values: Floats, limits: tuple[float, float], look: dict[str, Any]
) -> None:
    """Critical droops; those beyond the edges of the panel are at the edge."""
    _curve(ax, x, np.where(np.isnan(values), np.nan, np.clip(values, *limits)), look)
    for where in x[np.isposinf(values)][:1]:
        ax.annotate(
            "no limit", (where, limits[1]), xytext=(0, 4), textcoords="offset points",
            ha="center", fontsize=style.SMALL, color=style.INK,
        )  # fmt: skip


def _limits(studies: Mapping[str, InverterShare]) -> tuple[float, float]:
    """Range of droops that is drawn."""
    values = np.concatenate([one.table["critical_mq"].to_numpy(float) for one in studies.values()])
    values = np.concatenate([values, [one.mq for one in studies.values()]])
    values = values[np.isfinite(values) & (values > 0)]
    return float(values.min()) / 1.6, float(values.max()) * 1.6


def _dress_strips(ax: Any, names: list[str], title: str) -> None:
    from matplotlib.patches import Patch

    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_yticks(range(len(names)), names)
    handles = [
        Patch(facecolor=color, hatch=hatch, edgecolor="white", label=label)
        for label, (color, hatch) in VERDICTS.items()
        if any(one.get_facecolor() == _rgba(color) for one in ax.patches)
    ]
    place: dict[str, Any] = {
        "loc": "lower left",
        "bbox_to_anchor": (-0.01, 0.97),
        "ncols": len(VERDICTS),
    }
    style.legend(ax, handles=handles, labels=[one.get_label() for one in handles], **place)
    style.dress(ax, title, grid="", pad=24)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0, labelbottom=False)


def _rgba(color: str) -> Any:
    from matplotlib.colors import to_rgba

    return to_rgba(color)


def _dress_curves(
    panels: tuple[Any, Any, Any], studies: Mapping[str, InverterShare], limits: tuple[float, float]
) -> None:
    from matplotlib.lines import Line2D

    cost, droop, strength = panels
    style.dress(droop, y=f"critical droop\n{style.symbol('m_q')} (p.u.)")
    style.dress(strength, y="strength", x="share of inverters (% of Pmax)")
    droop.set_yscale("log")
    droop.set_ylim(limits)
    for mq in sorted({one.mq for one in studies.values()}):
        droop.axhline(mq, color=style.INK, linestyle="--", linewidth=1.1)
        droop.axhspan(limits[0], mq, color=style.SHADE, zorder=0)
        droop.annotate(
            f"in use: {mq:g}", (1, mq), xycoords=("axes fraction", "data"), xytext=(0, -3),
            textcoords="offset points", ha="right", va="top", fontsize=style.SMALL,
        )  # fmt: skip
    dots = [
        Line2D([], [], color=style.SOFT, marker="o", markerfacecolor=fill, markersize=5)
        for fill in (style.SOFT, "white")
    ]
    text = ["inertia (s)", "least short-circuit ratio"]
    style.legend(strength, handles=dots, labels=text, loc="upper right")
    if len(studies) > 1:
        style.legend(cost, loc="upper right")
    for ax in (cost, strength):
        ax.set_ylim(0, max(1.12 * ax.dataLim.y1, TRACE))
    for ax in panels:
        ax.yaxis.set_major_formatter(style.numbers())
