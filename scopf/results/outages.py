"""Outages that were asked for: what came of each, and the states of a solution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.errors import ScopfError, listing, nearest
from scopf.network.outages import INTACT
from scopf.results import device_states, secure
from scopf.results.intact import IntactTables, with_gaps
from scopf.results.screening import Extremes
from scopf.results.states import AfterOutages, State

if TYPE_CHECKING:
    import pandas as pd

    from scopf.network.network import Network
    from scopf.network.outages import Outage

OutageStatus = Literal["in the dispatch", "secure", "no dispatch survives", "not screened"]

_OF_BUSES = ("p_load_mw", "q_load_mvar", "lmp_p_per_mwh", "lmp_q_per_mvarh",
             "mu_vm_min_per_pu", "mu_vm_max_per_pu")  # fmt: skip
_OF_BRANCHES = ("branch", "from_bus", "to_bus", "pf_mw", "qf_mvar", "pt_mw", "qt_mvar", "p_loss_mw",
                "loading_percent", "mu_s_from_per_mvah", "mu_s_to_per_mvah")  # fmt: skip
_OF_INVERTERS = ("bus", "vm", "p_mw", "q_mvar", "limit_pu", "margin", "neighbor", "binding",
                 "nssp_per_pu", "dcost_dmq", "scr")  # fmt: skip


def states(found: IntactTables) -> tuple[str, ...]:
    """Names of the states in the model."""
    return (INTACT, *(() if found.after is None else found.after.settled.names))


def status(found: IntactTables) -> dict[str, OutageStatus]:
    """What came of every outage, by name and in the order in which they were asked for."""
    lost = {one.state for one in found.unsurvived}
    inside = set(states(found))
    screened = {one.state for one in found.screened if not one.added}

    def of(name: str) -> OutageStatus:
        if name in lost:
            return "no dispatch survives"
        if name in inside:
            return "in the dispatch"
        return "secure" if name in screened else "not screened"

    return {outage.name: of(outage.name) for outage in found.scenario.outages}


@dataclass(frozen=True, eq=False)
class IntactState:
    """The tables of the intact network with the columns of a `State`, prices its own parts.

    Attributes:
        _tables: those of the solution, whose prices are sums over states.
    """

    _tables: IntactTables

    @property
    def name(self) -> str:
        """Of the state: "intact"."""
        return INTACT

    def __repr__(self) -> str:
        return f"State({self.name!r})"

    @property
    def frequency(self) -> Floats:
        """P.u. deviation of the frequency of its islands with inverters or machines: zero."""
        net, setting = self._tables.problem.base, self._tables.setting
        return np.zeros(len(np.unique(net.island[setting.sources])))

    @cached_property
    def buses(self) -> pd.DataFrame:
        """Voltages, loads and prices by bus."""
        table = self._tables.buses
        first = ["bus", *(["island"] if "island" in table else []), "vm", "va_deg"]
        return table[[*first, *_OF_BUSES]].assign(**lmp_of_intact(self._tables))

    @cached_property
    def gens(self) -> pd.DataFrame:
        """Output by generator."""
        return self._tables.gens[["gen", "bus", "device", "p_mw", "q_mvar"]]

    @cached_property
    def branches(self) -> pd.DataFrame:
        """Flows, loading and prices of the ratings, by branch."""
        return self._tables.branches[list(_OF_BRANCHES)]

    @cached_property
    def inverters(self) -> pd.DataFrame:
        """Output, limit, margin and prices by inverter."""
        of = self._tables.stability
        missing = 0.0 if self._tables.solved else np.nan
        table = self._tables.inverters[list(_OF_INVERTERS)]
        return table.assign(nssp_per_pu=of.nssp + missing, dcost_dmq=of.dcost_dmq + missing)

    @property
    def devices(self) -> pd.DataFrame:
        """Machines and grid-following inverters."""
        return devices_of_intact(self._tables)


def devices_of_intact(found: IntactTables) -> pd.DataFrame:
    """One row for each device of the intact network, of all hours if there are several."""
    price = found.machine_prices if len(found.machine_prices) else 0.0
    price = price + (0.0 if found.solved else np.nan)
    return device_states.table(found.setting.devices, found.problem.base, found.point, price)


def lmp_of_intact(found: IntactTables) -> dict[str, Floats]:
    """Parts of the locational marginal prices that the intact network has, by column."""
    names = "lmp_p_per_mwh", "lmp_q_per_mvarh"
    return {name: found.prices.buses[name] for name in names}


def state(found: IntactTables, name: str) -> IntactState | State:
    """The tables of a state.

    Raises:
        ScopfError: when there is none.
    """
    if name == INTACT:
        return IntactState(found)
    outages = {outage.name: outage for outage in found.scenario.outages}
    if name not in outages:
        near = nearest(str(name), [INTACT, *outages])
        hint = f"did you mean {near!r}? There" if near else "there"
        there = listing([INTACT, *outages], most=8)
        raise ScopfError(f"there is no state {name!r}; {hint} are {there}")
    if found.after is not None and name in found.after.settled.names:
        stability = found.after.stability
        return found.after.state(name, found.binds(stability.margin, stability.required))
    why = [one for one in found.unsurvived if one.state == name]
    if why:
        raise ScopfError(str(why[0]))
    if not found.solved:
        raise ScopfError(f"there is no operating point to lose {name} from: {found.message}")
    outside = secure.after(found, outages[name])
    return outside.state(name, np.zeros(len(outside.settled.inverters), dtype=bool))


# -- one row for each outage -------------------------------------------


def extremes(after: AfterOutages) -> Iterator[tuple[str, Extremes, float]]:
    """Name, extremes and sum of the NSSP of every state in the model."""
    settled, loading = after.settled, np.maximum(*after.loading)
    branch, part = settled.stack.part_of("branch"), settled.inverters.bus // settled.stack.step
    for k, name in enumerate(settled.names):
        here, w = part == k, np.array([key[0] == name for key in settled.islands], dtype=bool)
        buses = settled.inverters.bus[here] % settled.stack.step
        net, margin = settled.stack.parts[k], after.stability.margin[here]
        found = Extremes.of(net, loading[branch == k], buses, margin, after.frequency[w])
        yield name, found, float(after.stability.nssp[here].sum())


def table(found: IntactTables) -> pd.DataFrame:
    """One row for each outage that was asked for."""
    import pandas as pd

    came = status(found)
    reasons = {one.state: one.reason for one in found.screened}
    reasons |= {one.state: one.reason for one in found.unsurvived}
    known = {one.state: (one.extremes, 0.0) for one in found.screened if not one.added}
    if found.after is not None:
        known |= {name: (one, price) for name, one, price in extremes(found.after)}
    lost = {one.state for one in found.unsurvived}
    rows = []
    for outage in found.scenario.outages:
        name = outage.name
        unknown = name in lost or name not in known
        ends, price = (Extremes(), np.nan) if unknown else known[name]
        islands, unserved = _left(found, outage)
        rows.append(
            {
                "state": name,
                "status": came[name],
                "branch": ends.branch,
                "loading_percent": 100 * ends.loading,
                "inverter": ends.inverter,
                "margin": ends.margin,
                "frequency_pu": ends.frequency,
                "nssp_per_pu": price,
                "islands": islands,
                "unserved_mw": unserved,
                "price_per_h": found.outage_prices.get(name, np.nan),
                "reason": reasons.get(name, _otherwise(came[name])),
            }
        )
    columns = [*_COLUMNS] if not rows else None
    frame = pd.DataFrame(rows, columns=columns)
    gaps = {
        name: with_gaps(frame[name].to_numpy(dtype=np.int64)) for name in ("branch", "inverter")
    }
    return frame.assign(**gaps)


_COLUMNS = ("state", "status", "branch", "loading_percent", "inverter", "margin", "frequency_pu",
            "nssp_per_pu", "islands", "unserved_mw", "price_per_h", "reason")  # fmt: skip


def _otherwise(came: OutageStatus) -> str:
    if came == "in the dispatch":
        return "in the model before it was solved"
    return "the solve ended before" if came == "not screened" else ""


def _left(found: IntactTables, outage: Outage) -> tuple[int, float]:
    """Number of islands after an outage, and the load that is lost at 1 p.u. voltage, MW."""
    before = found.connected
    if not outage.leaves_generation(before):
        load = before.bus.demand(np.ones(len(before.bus)))[0].sum()
        return 0, float(load * before.base_mva)
    after: Network | None = None
    if found.after is not None and outage.name in found.after.settled.names:
        after = found.after.settled.stack.parts[found.after.settled.names.index(outage.name)]
    after = after or outage.network(before)
    lost = ~np.isin(before.bus.id, after.bus.id)
    load = before.bus.demand(np.ones(len(lost)))[0][lost].sum()
    return after.islands, float(load * before.base_mva)


# -- prices by state -------------------------------------------


def nssp(found: IntactTables) -> pd.DataFrame:
    """NSSP and margin by state and inverter."""
    own, inverters = found.stability, found.inverter_data
    missing = 0.0 if found.solved else np.nan
    parts = [(INTACT, inverters.bus, {"nssp_per_pu": own.nssp + missing, "margin": own.margin})]
    if (after := found.after) is not None:
        of, step = after.stability, after.settled.stack.step
        bus = after.settled.inverters.bus
        values = {"nssp_per_pu": of.nssp + missing, "margin": of.margin}
        parts += list(_by_state(after, bus // step, bus % step, values))
    return _long(parts)


def lmp(found: IntactTables) -> pd.DataFrame:
    """Locational marginal prices by state and bus."""
    parts = [(INTACT, found.problem.base.bus.id, lmp_of_intact(found))]
    if (after := found.after) is not None:
        stack, base = after.settled.stack, found.problem.base.base_mva
        p, q = after.lmp / base
        values = {"lmp_p_per_mwh": p, "lmp_q_per_mvarh": q}
        parts += list(_by_state(after, stack.bus_part, stack.ids("bus"), values))
    return _long(parts)


def _by_state(
    after: AfterOutages, part: Ints, bus: Ints, values: dict[str, Floats]
) -> Iterator[tuple[str, Ints, dict[str, Floats]]]:
    for k, name in enumerate(after.settled.names):
        here = part == k
        yield name, bus[here], {key: column[here] for key, column in values.items()}


def _long(parts: list[tuple[str, Ints, dict[str, Floats]]]) -> pd.DataFrame:
    import pandas as pd

    columns: dict[str, Any] = {
        "state": np.repeat(
            np.array([name for name, _, _ in parts], dtype=object),
            [len(bus) for _, bus, _ in parts],
        ),
        "bus": np.concatenate([bus for _, bus, _ in parts]),
    }
    for key in parts[0][2]:
        columns[key] = np.concatenate([values[key] for _, _, values in parts])
    return pd.DataFrame(columns)
