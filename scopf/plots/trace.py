"""How the solver got there."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopf.arrays import Floats
from scopf.errors import ScopfError
from scopf.plots import style
from scopf.plots.subject import solution_of

_LINES = {
    "primal_infeasibility": "primal infeasibility",
    "dual_infeasibility": "dual infeasibility",
    "mu": "barrier parameter μ",
}
_LEAST = 1e-16  # below, numbers are rounding
_LETTER = 4.4  # points, about


def convergence(solution: Any, *, ax: Any = None, title: str | None = None) -> Any:
    """Infeasibilities, barrier parameter and distance from the final cost by iteration.

    All attempts of the solve follow each other, each under its name; in the shaded iterations Ipopt
    looked for a feasible point. Values are those of `solution.trace`, in Ipopt's scaling; the
    distance of the cost is relative, and drawn when there is a solution.

    Args:
        solution: solved or not.
        ax: axes to draw into; a new figure if None.
        title: above; None for the status and the number of iterations.

    Returns:
        The matplotlib axes, logarithmic.

    Raises:
        ScopfError: without matplotlib, or when there was no iteration.
    """
    found = solution_of(solution, "convergence")
    trace = found.trace
    if trace.empty:
        raise ScopfError(f"there is no iteration to draw: {found.message}")
    ax = style.axes(ax, (6.8, 4.0))
    x = np.arange(len(trace))
    starts = np.flatnonzero(np.diff(trace["attempt"].to_numpy(), prepend=0))
    curves = {text: trace[name].to_numpy(dtype=np.float64) for name, text in _LINES.items()}
    if found.solved:
        cost = trace["cost"].to_numpy(dtype=np.float64)
        distance = np.abs(cost - cost[-1]) / max(abs(cost[-1]), 1.0)
        distance[-1] = np.nan  # zero by definition
        curves["distance from the final cost, relative"] = distance
    looks = style.lines(list(curves), ordered=False)
    for (name, values), look in zip(curves.items(), looks, strict=True):
        places, drawn = _broken(x, np.where(values > _LEAST, values, np.nan), starts)
        step = max(1, len(x) // 25)
        ax.plot(places, drawn, label=name, markevery=step, **look)
    ax.set_yscale("log")
    _attempts(ax, trace, starts)
    shown = f"{found.status}, {found.iterations} iterations" if title is None else title
    style.dress(ax, shown, "iteration", "value (Ipopt's scaling)")
    ax.set_xlim(-0.5, len(x) - 0.5)
    style.legend(ax, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    return ax


def _broken(x: Any, values: Floats, starts: Any) -> tuple[Floats, Floats]:
    """A curve with a gap before every attempt but the first."""
    gaps = starts[1:]
    return np.insert(x.astype(float), gaps, np.nan), np.insert(values, gaps, np.nan)


def _attempts(ax: Any, trace: Any, starts: Any) -> None:
    """Where attempts begin, their names, and the search for feasibility."""
    from matplotlib.transforms import blended_transform_factory

    restoring = trace["restoration"].to_numpy()
    edges = np.flatnonzero(np.diff(restoring.astype(int), prepend=0, append=0)).reshape(-1, 2)
    for begin, end in edges.tolist():
        ax.axvspan(
            begin - 0.5, end - 0.5, color=style.SHADE, linewidth=0, zorder=0.5,
            label="_" * int(begin > edges[0, 0]) + "search for a feasible point",
        )  # fmt: skip
    if len(starts) < 2:
        return
    across = blended_transform_factory(ax.transData, ax.transAxes)
    width = ax.get_position().width * ax.figure.get_figwidth() * 72
    ax.set_ylim(top=ax.get_ylim()[1] * 1e3)  # space for the names
    ends = [*starts[1:].tolist(), len(trace)]
    for begin, end in zip(starts.tolist(), ends, strict=True):
        if begin:
            ax.axvline(begin - 0.5, color=style.SOFT, linewidth=0.9, linestyle=(0, (4, 3)))
        name = trace["attempt_name"].iloc[begin]
        wide = _LETTER * len(name) < width * (end - begin) / len(trace)
        ax.text(
            begin - 0.2, 0.985, name, transform=across, va="top", ha="left",
            fontsize=style.SMALL - 0.5, color=style.INK, rotation=0 if wide else 90, zorder=4,
        )  # fmt: skip
