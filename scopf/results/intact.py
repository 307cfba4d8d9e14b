"""Labelled tables of the intact network; prices are those of the dispatch, over all states."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats, Ints
from scopf.devices import kinds, mbase
from scopf.devices.strength import short_circuit_ratios
from scopf.model.current_limits import limited
from scopf.results import flow_table, single
from scopf.results.record import Record
from scopf.stability.rows import NOBODY

if TYPE_CHECKING:
    import pandas as pd


class IntactTables(Record):
    """The tables of buses, generators, branches, DC lines, inverters and pairs.

    A dispatch of several hours has them for each hour: those of all hours side by side, in numbers
    of their own, are `frame`.
    """

    def frame(self, table: str) -> pd.DataFrame:
        """A table with the rows of all hours, if there are several, in numbers of their own.

        Args:
            table: its name, such as "buses".
        """
        found: pd.DataFrame = getattr(self, f"_{table}")
        return found

    @cached_property
    def divided(self) -> dict[tuple[str, str], pd.DataFrame]:
        """Tables of hours by table and hour, once they have been asked for."""
        return {}

    def _of_single_state(self, table: str) -> pd.DataFrame:
        """A table of a dispatch of a single hour.

        Raises:
            ScopfError: where there are several.
        """
        if self.problem.horizon is not None:
            raise single.refused(self.problem.horizon, table)
        return self.frame(table)

    @property
    def buses(self) -> pd.DataFrame:
        """Voltages, loads, locational marginal prices and prices of voltage limits, by bus.

        `lmp_p_per_mwh` and `lmp_q_per_mvarh` are dJ*/d(load), each the sum of two parts: `balance`
        with the stability limits held, and `limits`, which follow the loads.
        """
        return self._of_single_state("buses")

    @cached_property
    def _buses(self) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(self.columns("buses"))

    def columns(self, table: str, *, island: bool = False) -> dict[str, Any]:
        """Columns of buses, inverters or pairs: for loops that have no time for pandas.

        A `neighbor` that is nobody is -1 here.

        Args:
            table: its name.
            island: whether buses and inverters have a column `island` in any case.
        """
        if table == "pairs":
            return self._of_pairs()
        return {"buses": self._of_buses, "inverters": self._of_inverters}[table](island)

    def _islands(self, at: Ints, always: bool = False) -> dict[str, Ints]:
        """The column `island` of what is at these buses (positions), where there are several."""
        net = self.problem.base
        return {"island": net.island[at]} if always or net.islands > 1 else {}

    def _of_buses(self, island: bool) -> dict[str, Any]:
        net, point = self.problem.base, self.point
        prices = self.prices.buses
        if self.scenario.outages:  # the same columns, whether any is in the dispatch
            more = np.zeros((2, len(net.bus)))
            if self.after is not None:
                more = self.after.load_prices() / net.base_mva
            for letter, unit, part in zip("pq", ("mwh", "mvarh"), more, strict=True):
                total = f"lmp_{letter}_per_{unit}"
                prices = {**prices, total: prices[total] + part,
                          f"lmp_{letter}_outages_per_{unit}": part}  # fmt: skip
        return {
            "bus": net.bus.id,
            **self._islands(np.arange(len(net.bus)), island),
            "vm": point.vm,
            "va_deg": np.degrees(point.va),
            "p_load_mw": point.demand[0] * net.base_mva,
            "q_load_mvar": point.demand[1] * net.base_mva,
            **self._shed(),
            **prices,
        }

    def _shed(self) -> dict[str, Floats]:
        """Load that is not served, where load may be shed."""
        if self.problem.opf.shedding is None:
            return {}
        p, q = self.point.shed * self.problem.base.base_mva
        return {"p_shed_mw": p, "q_shed_mvar": q}

    @property
    def gens(self) -> pd.DataFrame:
        """Dispatch, cost and prices of the P and Q limits, by generator.

        `device` is what it is: "gfm" (a unit of a grid-forming inverter), "one-axis", "classical",
        "avr" or "gfl" as in the table of devices, "constant power", or "dispatchable load".
        """
        return self._of_single_state("gens")

    @cached_property
    def _gens(self) -> pd.DataFrame:
        import pandas as pd

        gen, base = self.problem.base.gen, self.problem.base.base_mva
        point = self.point
        return pd.DataFrame(
            {
                "gen": gen.id,
                "bus": gen.bus,
                "device": kinds.of_gens(gen, self.inverter_data.units.gen, self.setting.devices),
                **self._islands(self.problem.base.gen_at),
                "p_mw": point.pg * base,
                "q_mvar": point.qg * base,
                "cost_per_h": point.costs,
                **self.prices.gens,
            }
        )

    @property
    def branches(self) -> pd.DataFrame:
        """Flows into both ends, losses, loading and prices of the limits, by branch.

        `loading_percent` is of |S|, or of |I| with the limit "current", and `mu_s_..._per_mvah` is
        the value of more rating, then MVA at 1 p.u. voltage.
        """
        return self._of_single_state("branches")

    @cached_property
    def _branches(self) -> pd.DataFrame:
        import pandas as pd

        net, flows = self.problem.base, self.point.flows
        loading = np.maximum(*self.problem.opf.thermal.loading(flows, self.point.vm))
        island = self._islands(net.branch_from)
        return pd.DataFrame(
            {**flow_table.columns(net, flows, loading, island), **self.prices.branches}
        )

    @property
    def dclines(self) -> pd.DataFrame:
        """Powers at both ends, cost and prices of the limits, by DC line.

        `pf_mw` leaves the from bus and `pt_mw` arrives at the to bus; `qf_mvar` and `qt_mvar` are
        injected into them.
        """
        return self._of_single_state("dclines")

    @cached_property
    def _dclines(self) -> pd.DataFrame:
        import pandas as pd

        line, base = self.problem.base.dcline, self.problem.base.base_mva
        pf, qf, pt, qt, cost = self.point.dclines
        return pd.DataFrame(
            {
                "dcline": line.id,
                "from_bus": line.from_bus,
                "to_bus": line.to_bus,
                "pf_mw": pf * base,
                "qf_mvar": qf * base,
                "pt_mw": pt * base,
                "qt_mvar": qt * base,
                "p_loss_mw": (pf - pt) * base,
                "cost_per_h": cost,
                **self.prices.dclines,
            }
        )

    @property
    def pairs(self) -> pd.DataFrame:
        """Every stability row: bus, neighbour, slack, whether it binds, its price.

        Rows that are about all neighbours at once have no `neighbor`. `slopes` are those of the
        devices that a row has, "steady" or "transient", where there are rows of both.
        """
        return self._of_single_state("pairs")

    @cached_property
    def _pairs(self) -> pd.DataFrame:
        import pandas as pd

        columns = self.columns("pairs")
        return pd.DataFrame({**columns, "neighbor": with_gaps(columns["neighbor"])})

    def _of_pairs(self) -> dict[str, Any]:
        rows = self.stability.rows
        margin = rows.limit - rows.value
        return {
            "bus": rows.bus,
            "neighbor": rows.neighbor,
            **({} if rows.slopes is None else {"slopes": rows.slopes}),
            "value_pu": rows.value,
            "limit_pu": rows.limit,
            "margin": margin,
            "binding": self.binds(margin, rows.required),
            "price_per_pu": rows.price,
        }

    @property
    def inverters(self) -> pd.DataFrame:
        """Every inverter: droop, operating point, stability limit and margin, and its NSSP.

        `units` generators act together as one inverter; mq is their combined droop on the system
        base, `droop_percent` the same in per cent of the rating (NaN where the rating is a nominal
        mBase). `loading_percent` is |S| over the rating, `current_pu` |I| over it (if any inverter
        has a limit `imax`). `cost_q_per_h` is the inverter's lost opportunity, `mu_s_per_mvah` and
        `mu_imax_per_pu` are the values of more rating and more current. `margin` is the least slack
        among the inverter's rows (p.u. voltage), `neighbor` the bus across that row, `nssp_per_pu`
        the Nodal Stability Shadow Price, per p.u. voltage of the limit (of stiffness 1/k for the
        criterion weighted). `price_unique` is False where that price and `dcost_dmq` are one of
        many, because the cost has a kink there and two slopes, and without a solution. `dcost_dmq`
        is dJ*/dm_q, currency/h per unit of m_q: the cost of a softer inverter to the dispatch.
        `scr` is the short-circuit ratio 1/(|Z_ii| S_i), S_i the rating and Z that of the network
        with all other sources: see `scopf.devices.strength`.
        """
        return self._of_single_state("inverters")

    @cached_property
    def _inverters(self) -> pd.DataFrame:
        import pandas as pd

        columns = self.columns("inverters")
        neighbor = with_gaps(columns["neighbor"])
        return pd.DataFrame({**columns, "neighbor": neighbor, "scr": self._strength()})

    def _strength(self) -> Floats:
        """Short-circuit ratios of the inverters, NaN at a grid strength that no network has."""
        point, bus = self.point, self.inverter_data.bus
        if not point.alpha > 0:
            return np.full(len(bus), np.nan)
        net, devices = self.problem.base.scaled(susceptance=point.alpha), self.setting.devices
        machines = None if devices is None else devices.machines
        return short_circuit_ratios(net, bus, point.rating, machines)

    @property
    def _droop_percent(self) -> Floats:
        """Droops of the inverters in per cent of their ratings, NaN where these are nominal."""
        problem, inv = self.problem, self.inverter_data
        own = inv.bus if problem.horizon is None else problem.horizon.own(inv.bus)
        nominal = mbase.nominal_at(problem.given.energized(), problem.own_inverters)
        return np.where(np.isin(own, nominal), np.nan, 100.0 * inv.k * self.point.rating)

    def _of_inverters(self, island: bool) -> dict[str, Any]:
        net, inv, point = self.problem.base, self.inverter_data, self.point
        at, found = net.bus_positions(inv.bus), self.stability
        p_mw, q_mvar = (inv.total(net, power) * net.base_mva for power in (point.pg, point.qg))
        rating = point.rating * net.base_mva
        currents = dict[str, Floats]()
        if limited(inv).any():
            currents["current_pu"] = np.hypot(p_mw, q_mvar) / (rating * point.vm[at])
            currents["imax"] = inv.imax
        missing = np.full(len(inv), np.nan)
        nssp, slope = found.nssp, found.dcost_dmq
        if self.after is not None:
            after, count = self.after, len(inv)
            nssp = nssp + after.by_inverter(after.stability.nssp, count)
            slope = slope + after.by_inverter(after.dcost_dmq, count)
        return {
            "bus": inv.bus,
            **self._islands(at, island),
            "gens": ["+".join(map(str, group)) for group in inv.gens],
            "units": np.array([len(group) for group in inv.gens], dtype=np.int64),
            "mq": inv.mq,
            "droop_percent": self._droop_percent,
            "beta_q": inv.beta_q,
            "rating_mva": rating,
            "vm": point.vm[at],
            "p_mw": p_mw,
            "q_mvar": q_mvar,
            "loading_percent": 100 * np.hypot(p_mw, q_mvar) / rating,
            **currents,
            "cost_q_per_h": point.opportunity,
            **self.prices.inverters,
            "limit_pu": found.limit,
            "margin": found.margin,
            "neighbor": found.neighbor,
            "binding": self.binds(found.margin, found.required),
            "nssp_per_pu": nssp if self.solved else missing,
            "price_unique": self.unique(),
            "dcost_dmq": slope if self.solved else missing,
        }


def with_gaps(bus: Ints) -> pd.arrays.IntegerArray:
    """Bus numbers, missing where there is nobody."""
    import pandas as pd

    return pd.arrays.IntegerArray(bus.astype(np.int64), bus == NOBODY)
