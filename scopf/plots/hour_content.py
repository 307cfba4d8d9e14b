"""What pictures show of a dispatch of several hours: curves over its hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats
from scopf.errors import ScopfError
from scopf.plots.subject import solved
from scopf.results.prices import TRACE

if TYPE_CHECKING:
    from scopf.results.solution import Solution

MOST = 6  # generators or storage units that have a look of their own
OTHERS, STORAGE = "others", "storage"
_NAMES = 13


@dataclass(frozen=True, eq=False)
class HourContent:
    """Numbers by hour, each of shape (hours,).

    Attributes:
        names: of the hours.
        edges: of the hours, h from the beginning, shape (hours + 1,).
        generation: output of the generators with the most energy by name, of all others, and of
            storage, MW; together they are what the grid and its loads take.
        load: MW.
        energy: in storage by name, MWh, shape (hours + 1,): at the edges.
        lmp: mean price over the loads, its least and its highest among the buses, currency/MWh.
        nssp: sum of the NSSP, currency/h per p.u.; zero for what is no price.
        stable: whether there are stability rows.
    """

    names: tuple[str, ...]
    edges: Floats
    generation: dict[str, Floats]
    load: Floats
    energy: dict[str, Floats]
    lmp: tuple[Floats, Floats, Floats]
    nssp: Floats
    stable: bool

    @property
    def centres(self) -> Floats:
        """Middles of the hours."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    @property
    def named(self) -> range:
        """Places of the hours whose names are written at the axis."""
        return range(0, len(self.names), -(-len(self.names) // _NAMES))


def of(given: Any, what: str, most: int = MOST) -> HourContent:
    """The curves of a solution.

    Args:
        given: by the user.
        what: the picture, for messages.
        most: generators, and storage units, that have curves of their own.

    Raises:
        ScopfError: when it is no solution, one of a single hour, or the solve failed.
    """
    found = solved(given, what)
    if found.problem.horizon is None:
        name = found.problem.base.name
        raise ScopfError(f"{name} was solved for a single hour; give scopf.build hours")
    table = found.hours
    edges = np.concatenate([[0.0], np.cumsum(table["duration_h"].to_numpy(dtype=np.float64))])
    nssp = table["nssp_per_pu"].to_numpy(dtype=np.float64)
    return HourContent(
        found.states,
        edges,
        _generation(found, np.diff(edges), most),
        table["p_load_mw"].to_numpy(dtype=np.float64),
        _energy(found, most),
        _prices(found, table["lmp_p_per_mwh"].to_numpy(dtype=np.float64)),
        np.where(nssp > TRACE, nssp, 0.0),
        not bool(table["margin"].isna().all()),
    )


def _generation(found: Solution, durations: Floats, most: int) -> dict[str, Floats]:
    """Output by generator, the one with the most energy first, all others, and storage."""
    gens = _wide(found.table("gens"), "gen", "p_mw", found.states)
    energy = {gen: float(np.abs(power) @ durations) for gen, power in gens.items()}
    ranked = sorted(gens, key=lambda gen: -energy[gen])
    own = ranked if len(ranked) <= most else ranked[: most - 1]
    parts = {f"gen {gen}": gens[gen] for gen in own}
    if len(own) < len(ranked):
        parts[OTHERS] = np.sum([gens[gen] for gen in ranked[len(own) :]], axis=0)
    horizon = found.problem.horizon
    if horizon is not None and horizon.storage is not None:
        parts[STORAGE] = found.hours["p_storage_mw"].to_numpy(dtype=np.float64)
    return parts


def _energy(found: Solution, most: int) -> dict[str, Floats]:
    """Energy by storage, or of all of many."""
    horizon = found.problem.horizon
    assert horizon is not None
    of_all = horizon.storage
    if of_all is None:
        return {}
    after = _wide(found.table("storage"), "storage", "e_mwh", found.states)
    start = dict(zip(of_all.id.tolist(), (of_all.start * of_all.base_mva).tolist(), strict=True))
    bus = dict(zip(of_all.id.tolist(), of_all.bus.tolist(), strict=True))
    parts = {k: np.concatenate([[start[k]], energy]) for k, energy in after.items()}
    if len(parts) <= most:
        return {f"storage {k} at bus {bus[k]}": energy for k, energy in parts.items()}
    return {f"all {len(parts)} storage units": np.sum(list(parts.values()), axis=0)}


def _prices(found: Solution, mean: Floats) -> tuple[Floats, Floats, Floats]:
    table = found.table("buses")
    by_hour = table.groupby("state", sort=False)["lmp_p_per_mwh"]
    low, high = (by_hour.agg(which).reindex(found.states) for which in ("min", "max"))
    return mean, low.to_numpy(dtype=np.float64), high.to_numpy(dtype=np.float64)


def _wide(table: Any, owner: str, column: str, states: tuple[str, ...]) -> dict[int, Floats]:
    """A column of a long table by owner, each with its values by hour."""
    wide = table.pivot(index="state", columns=owner, values=column).reindex(states)
    return {int(one): wide[one].to_numpy(dtype=np.float64) for one in wide}
