"""The grid in one state as a map shows it: loading of branches, and what an outage has taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.devices.kinds import AtBuses
from scopf.network import drawing
from scopf.network.outages import INTACT
from scopf.plots import style
from scopf.plots.subject import nssp_label, solved
from scopf.results.prices import TRACE

if TYPE_CHECKING:
    from scopf.network.network import Network

_UNLOADED, _UNRATED = "#D0D0D0", "#9A9A9A"
DOTS = (0, (1.2, 1.6))
DARK = "not energized"
_OVER = 1.0005  # share of the rating from which on a branch counts as overloaded
_SAMPLES = (0.0, 0.5, 1.0)  # loadings in the legend


@dataclass(frozen=True, eq=False)
class StateMap:
    """A state of a solution, on the buses and branches of the intact network.

    Attributes:
        name: of the state.
        inverters: buses of those that are left.
        values: by what colours may show ("nssp", "lmp", "voltage"), of each bus; NaN where there is
            none.
        labels: of these.
        loading: of each branch, share of the rating; NaN where it has none or is out.
        lost, dead, dark, units: positions of the branches that the outage takes, of others that
            are not energized, of the buses that are not, and of the buses of lost units.
        island: number of each bus's island in this state; 0 where it is not energized.
        hour: whether it is one of several hours, and nothing is lost.
    """

    name: str
    inverters: Ints
    values: dict[str, Floats]
    labels: dict[str, str]
    loading: Floats
    lost: Ints
    dead: Ints
    dark: Ints
    units: Ints
    island: Ints
    hour: bool = False

    @property
    def title(self) -> str:
        """What stands behind the name of the network."""
        if self.hour:
            return f", hour {self.name}"
        return "" if self.name == INTACT else f" after {self.name}"

    @property
    def rated(self) -> bool:
        """Whether any branch has a loading."""
        return bool(np.isfinite(self.loading).any())


def of(what: Any, name: str) -> StateMap:
    """A state of a solution.

    Raises:
        ScopfError: when it is no solution, or has no such state.
    """
    found = solved(what, "network")
    horizon = found.problem.horizon
    state, net = found.state(name), intact(found)
    buses, inverters, branches = state.buses, state.inverters, state.branches
    at = net.bus_positions(buses["bus"].to_numpy())
    price = inverters["nssp_per_pu"].to_numpy(dtype=np.float64)
    loading = np.full(len(net.branch), np.nan)
    there = np.isin(net.branch.id, branches["branch"])
    loading[there] = branches["loading_percent"].to_numpy() / 100
    gens = np.setdiff1d(net.gen.id, state.gens["gen"])
    if horizon is not None:
        gens = np.setdiff1d(gens, horizon.storage_gen)
    asked = [one.branches for one in found.scenario.outages if one.name == name]
    out = np.isin(net.branch.id, asked[0]) if asked else ~there
    lost, dead = np.flatnonzero(~there & out), np.flatnonzero(~there & ~out)
    island = np.zeros(len(net.bus), dtype=np.int64)
    island[at] = buses["island"].to_numpy() if "island" in buses else 1
    dark = np.setdiff1d(np.arange(len(net.bus)), at)
    units = np.unique(net.gen_at[np.isin(net.gen.id, gens)])
    of_inverters = net.bus_positions(inverters["bus"].to_numpy())
    columns = {
        "nssp": (of_inverters, np.where(price > TRACE, price, 0.0)),
        "lmp": (at, buses["lmp_p_per_mwh"].to_numpy(dtype=np.float64)),
        "voltage": (at, buses["vm"].to_numpy(dtype=np.float64)),
    }
    values = {}
    for key, (place, column) in columns.items():
        values[key] = np.full(len(net.bus), np.nan)
        values[key][place] = column
    labels = {
        "nssp": nssp_label(found), "lmp": "LMP (currency/MWh)", "voltage": "voltage (p.u.)",
    }  # fmt: skip
    left = inverters["bus"].to_numpy()
    units = np.setdiff1d(units, dark)
    hour = horizon is not None
    return StateMap(
        name, left, values, labels, loading, lost, dead, dark, units, island,
        hour,
    )  # fmt: skip


def intact(found: Any) -> Network:
    """The energized network of a solution; of several hours that of the first one."""
    horizon = found.problem.horizon
    net: Network = found.problem.base if horizon is None else horizon.one
    return net


def stands(found: Any) -> AtBuses:
    """Kinds of what stands at the buses of that network."""
    inverters, devices, horizon = found.inverter_data, found.setting.devices, found.problem.horizon
    if horizon is None:
        return AtBuses.of(found.problem.base, inverters, devices)
    own = horizon.inverters(inverters, 0)
    return AtBuses.of(horizon.one, own, found.scenario.devices, horizon.storage_gen)


def branches(ax: Any, net: Network, place: Floats, after: StateMap, width: float) -> None:
    """Lines by loading, the heaviest on top; lost ones dashed, with a cross."""
    from matplotlib.collections import LineCollection

    ends = np.column_stack([net.branch_from, net.branch_to])
    here = np.setdiff1d(np.arange(len(ends)), np.append(after.lost, after.dead))
    order = here[np.argsort(np.nan_to_num(after.loading[here], nan=-1.0), kind="stable")]
    looks = [_look(share, width) for share in after.loading[order].tolist()]
    if len(order):
        lines = LineCollection(
            place[ends[order]], colors=[color for color, _ in looks],
            linewidths=[size for _, size in looks], zorder=1, label="_branch",
        )  # fmt: skip
        ax.add_collection(lines)
    pairs = drawing.connections(np.column_stack([net.dcline_from, net.dcline_to]))
    if len(pairs):
        look = {"colors": _UNRATED, "linewidths": width, "linestyles": [style.DASHES[1]]}
        ax.add_collection(LineCollection(place[pairs], zorder=1, label="_dcline", **look))
    if len(after.dead):
        look = {"colors": style.SOFT, "linewidths": 0.9, "linestyles": [DOTS]}
        dead = place[ends[after.dead]]
        ax.add_collection(LineCollection(dead, zorder=1, label="_dead_branch", **look))
    if len(after.lost):
        wide = max(1.3 * width, 1.3)
        look = {"colors": style.VERMILLION, "linewidths": wide, "linestyles": [(0, (4, 3))]}
        lost = place[ends[after.lost]]
        ax.add_collection(LineCollection(lost, zorder=1.5, label="_lost", **look))
        middle = lost.mean(axis=1)
        ax.scatter(*middle.T, s=60, marker="x", color=style.VERMILLION, linewidths=2.2, zorder=5,
                   label="_lost_cross")  # fmt: skip


def crosses(ax: Any, place: Floats, after: StateMap) -> None:
    """A cross beside every bus that has lost a unit."""
    from matplotlib import patheffects

    around = [patheffects.withStroke(linewidth=2.4, foreground="white")]
    for k in after.units.tolist():
        ax.annotate(
            "×", place[k], xytext=(8, 7), textcoords="offset points", ha="center", va="center",
            fontsize=15, fontweight="bold", color=style.VERMILLION, zorder=5, path_effects=around,
        )  # fmt: skip


def keys(after: StateMap, width: float) -> list[tuple[Any, str]]:
    """Handles and labels of the legend."""
    from matplotlib.lines import Line2D

    found = list[tuple[Any, str]]()
    if after.rated:
        shares = [(share, f"{100 * share:.0f} % loaded") for share in _SAMPLES]
        if np.nanmax(after.loading) > _OVER:
            shares.append((1.1, "overloaded"))
        for share, label in shares:
            color, size = _look(share, width)
            found.append((Line2D([], [], color=color, linewidth=size), label))
    else:
        found.append((Line2D([], [], color=_UNRATED, linewidth=width), "branch without rating"))
    blank = {"linestyle": "", "marker": "x", "markersize": 6, "markeredgewidth": 1.8}
    blank |= {"color": style.VERMILLION}
    if len(after.lost):
        look: dict[str, Any] = {**blank, "linestyle": (0, (4, 3)), "linewidth": 1.3}
        found.append((Line2D([], [], **look), "lost branch"))
    if len(after.units):
        found.append((Line2D([], [], **blank), "lost unit"))
    if len(after.dark):
        found.append((dark_key(), DARK))
    return found


def dark_key() -> Any:
    """Handle of what is not energized."""
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], color=style.SOFT, linestyle=DOTS, linewidth=0.9, marker="o", markersize=5.5,
        markerfacecolor=style.NOTHING, markeredgecolor=style.SOFT,
    )  # fmt: skip


def _look(share: float, width: float) -> tuple[Any, float]:
    """Colour and width of a branch by its loading."""
    from matplotlib.colors import to_rgb

    if not np.isfinite(share):
        return _UNRATED, width
    if share > _OVER:
        return style.VERMILLION, 2.8 * width
    pale, dark = np.array(to_rgb(_UNLOADED)), np.array(to_rgb(style.INK))
    return tuple(pale + share * (dark - pale)), width * (0.8 + 1.7 * share)
