"""Labelled tables of a solve, in the user's own numbers and units."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scopf.arrays import Floats
from scopf.errors import ScopfError, check_names
from scopf.optimizer.status import STEPS
from scopf.results import hour_states, outages, screening
from scopf.results.hour_states import HourState
from scopf.results.hourly import Hourly
from scopf.results.intact import IntactTables
from scopf.results.outages import IntactState
from scopf.results.settlement import Settlement
from scopf.results.single import TABLES
from scopf.results.states import State

if TYPE_CHECKING:
    import pandas as pd


_OF_STATES = ("buses", "gens", "branches", "inverters", "devices")  # that states after outages have


class Result(IntactTables):
    """Numbers and tables of a solve; what can be asked of them is in `Solution`.

    After a solve that failed, the cost and every price are NaN, nothing counts as binding, and the
    tables show the last iterate.
    """

    # -- states: after outages, or hours -------------------------------------------

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states in the model: "intact", and one for each outage there; or hours."""
        return hour_states.states(self) or outages.states(self)

    def state(self, name: object) -> IntactState | State | HourState:
        """The tables of a state: `sol.state("branch 6").inverters`, of "intact", or of an hour.

        There is one after every outage that was asked for. Prices are the state's parts: their sum
        over `states` is what the tables of the solution have. An outage without a state in the
        model has the power flow in which the grid settles at this dispatch, and no prices: it does
        not bind.

        Raises:
            ScopfError: when there is no such state, or no dispatch survives the outage.
        """
        if self.problem.horizon is not None:
            return hour_states.state(self, name)
        return outages.state(self, str(name))

    def table(self, name: str) -> pd.DataFrame:
        """A table of all states of the model below each other, with a column `state`.

        Args:
            name: of the table: "buses", "gens", "branches", "dclines", "inverters", "pairs" or
                "devices", and with hours "storage" and "ramps".

        Raises:
            ScopfError: when the states have no table of this name.
        """
        import pandas as pd

        horizon = self.problem.horizon
        if horizon is None:
            known = [*_OF_STATES] if self.scenario.outages else [*TABLES]
        else:
            known = [*TABLES, *self._coupled]
        check_names("a state", "table", [name], known)
        if horizon is not None:
            return hour_states.table_of(self, name)
        parts = dict[str, pd.DataFrame]()
        for state in self.states:
            of = self if not self.scenario.outages else self.state(state)
            parts[state] = getattr(of, name)
        found = pd.concat(parts, names=["state", None]).reset_index(level="state")
        return found.reset_index(drop=True)

    @cached_property
    def outages(self) -> pd.DataFrame:
        """One row for each outage that was asked for, in this order.

        `status` is "in the dispatch" (its state is in the model), "secure" (a power flow at this
        dispatch violates nothing), "no dispatch survives" (left out), or "not screened" (the solve
        ended before). Then follow the most loaded branch, the inverter with the least margin, the
        largest deviation of an island's frequency, the sum of the NSSP of the state's inverters,
        the islands that are left and the load that is lost. `price_per_h` is what the outage costs,
        once it has been priced; `reason` is why it has this status. NaN where no state says.
        """
        return outages.table(self)

    @property
    def devices(self) -> pd.DataFrame:
        """Machines and grid-following inverters; no rows without any.

        `angle_deg` is the load angle, `field_pu` the internal voltage behind x_d (x'd of a
        classical machine), `slope_pu` -dQ/dV at the terminal with field or regulator at rest,
        `transient_slope_pu` at constant flux. `k_pu` has to be above zero, the steady-state limit
        of the load angle; `mu_k_per_pu` is what that costs, of all states together, zero where no
        row says so. NaN for grid-following inverters.
        """
        return self._of_single_state("devices")

    @cached_property
    def _devices(self) -> pd.DataFrame:
        found = outages.devices_of_intact(self)
        if self.after is not None:
            more = self.after.load_angles_by_gen
            return found.assign(mu_k_per_pu=found["mu_k_per_pu"] + found["gen"].map(more).fillna(0))
        return found

    # -- hours -------------------------------------------

    @property
    def _hourly(self) -> Hourly:
        """What hours cost and store.

        Raises:
            ScopfError: of a dispatch of a single one.
        """
        if self.hourly is None:
            raise ScopfError("the dispatch is of a single hour; give scopf.build hours")
        return self.hourly

    @property
    def _coupled(self) -> list[str]:
        """What couples the hours."""
        horizon = self.problem.horizon
        if horizon is None:
            return []
        there = {"storage": horizon.storage, "ramps": horizon.ramps}
        return [name for name, one in there.items() if one is not None]

    def _lmp(self) -> Floats:
        """Marginal price of active power at the buses of all hours, currency/MWh."""
        return self.prices.buses["lmp_p_per_mwh"]

    @cached_property
    def hours(self) -> pd.DataFrame:
        """One row for each hour: load, losses, storage, cost, mean price, and stability.

        `p_storage_mw` is what storage gives to the grid, `e_mwh` its energy at the end of the hour.
        `cost` is `cost_per_h` times the duration; their sum is `cost` of the solution. The price is
        the mean over the loads. Then follow the inverter with the least margin, and the sum of the
        NSSP, per hour.

        Raises:
            ScopfError: of a dispatch of a single hour.
        """
        hourly, of = self._hourly, self.stability
        horizon, part = hourly.horizon, hourly.horizon.hour(self.inverter_data.bus)
        least = dict[str, list[Any]](inverter=[], margin=[])
        for k in range(len(horizon)):
            here = np.flatnonzero((part == k) & ~np.isnan(of.margin))
            worst = here[np.argmin(of.margin[here])] if len(here) else None
            bus = None if worst is None else int(horizon.own(self.inverter_data.bus[worst]))
            least["inverter"].append(bus)
            least["margin"].append(np.nan if worst is None else of.margin[worst])
        missing = 0.0 if self.solved else np.nan
        nssp = np.bincount(part, of.nssp, len(horizon)) + missing
        found = hourly.hours(self.point, self._lmp(), {**least, "nssp_per_pu": nssp})
        return found.astype({"inverter": "Int64"})

    @cached_property
    def storage(self) -> pd.DataFrame:
        """Storage over all hours: energies, cycles, earnings, and what more of it is worth.

        `earned` is its active and reactive power times the prices of its bus, over all hours.
        `value_per_mwh`
        is -dJ*/d(capacity), `value_per_mw` of both limits on its powers, `value_per_mva` of its
        rating, each in currency over all hours. `at_once_mwh` is energy that is charged while as
        much is discharged, which loses energy and pays where prices are negative.

        Raises:
            ScopfError: of a dispatch without storage.
        """
        hourly = self._hourly
        if hourly.horizon.storage is None:
            raise ScopfError("the dispatch has no storage; give scopf.build storage")
        return hourly.storage(hour_states.storage_prices(self))

    @cached_property
    def ramps(self) -> pd.DataFrame:
        """Generators with a ramp rate: how much of it they use, and what a larger one is worth.

        `largest_percent` is of the limit, over all hours; `value_per_mw_per_h` is -dJ*/d(rate).

        Raises:
            ScopfError: of a dispatch without ramps.
        """
        if "ramps" not in self._coupled:
            raise ScopfError("the dispatch has no ramps; give scopf.build hours and ramps")
        return self._hourly.ramps()

    @cached_property
    def nssp_by_state(self) -> pd.DataFrame:
        """NSSP and margin of the inverters in every state of the model, "intact" included.

        The sum of an inverter's NSSP is that of `inverters`.
        """
        if self.problem.horizon is not None:
            return self.table("inverters")[["state", "bus", "nssp_per_pu", "margin"]]
        return outages.nssp(self)

    @cached_property
    def lmp_by_state(self) -> pd.DataFrame:
        """Locational marginal prices in every state of the model, "intact" included.

        Their sum at a bus is that of `buses`.
        """
        if self.problem.horizon is not None:
            return self.table("buses")[["state", "bus", "lmp_p_per_mwh", "lmp_q_per_mvarh"]]
        return outages.lmp(self)

    @cached_property
    def settlement(self) -> Settlement:
        """Who pays and who earns at the balance prices, and what the surplus between them is for.

        It has the tables `accounts`, `loads`, `gens`, `inverters`, `dclines`, `surplus` and
        `states`, in currency per hour. NaN without a solution.
        """
        return Settlement.of(self)

    @property
    def screening(self) -> pd.DataFrame:
        """Outages in the order in which they joined the dispatch, and those that never had to.

        `violation` is the worst at the dispatch of that round (p.u., rad, or the share of a
        rating), `reason` says where.
        """
        return screening.table(self.screened)

    @property
    def violations(self) -> pd.DataFrame:
        """Limits that are violated at their price (`soft`), after outages as well.

        Family, limit and element, by how much it is violated in its unit, the price, and the cost,
        which is part of `cost`; largest costs first. Prices and costs are per hour, so that with
        hours a cost counts times the duration of its hour.
        """
        import pandas as pd

        columns = ["family", "limit", "element", "violation", "unit", "price_per_unit",
                   "cost_per_h"]  # fmt: skip
        return pd.DataFrame(list(self.violated), columns=columns)

    @cached_property
    def constraints(self) -> pd.DataFrame:
        """Rows that you added to the Pyomo model, or rewrote there: value, limits and price.

        `lower` and `upper` limit `value`, in the units that the constraint was written in.
        `dcost_dlimit` is dJ*/d(limit), currency/h per unit of the row, of the limit that binds:
        not above zero for an upper one, not below for a lower one, either for an equation. J is the
        objective as you wrote it: where it is maximised, the signs are the other way round. NaN
        without a solution.
        """
        import pandas as pd

        return pd.DataFrame(self.prices.added)

    @cached_property
    def bounds(self) -> pd.DataFrame:
        """Bounds without a price in another table: value, bounds and the prices of both.

        These are the variables that you added to the Pyomo model, and those of the package that
        usually have no bounds (`bus_va`) or whose bounds are no limits of the network
        (`inverter_stiffness` in co-design, `gen_qg_supplied`), and those of storage, whose lower
        bounds have no other price. Variables that are fixed, or have no bound, are left out. All is
        in the units of the model, per unit and rad for the package's own. `dcost_dlower` and
        `dcost_dupper` are dJ*/d(bound), with J the objective as you wrote it: not below and not
        above zero where it is minimised, the other way round where it is maximised. NaN without a
        solution.
        """
        import pandas as pd

        return pd.DataFrame(self.prices.bounds)

    @cached_property
    def trace(self) -> pd.DataFrame:
        """Every iteration of the solver, of all attempts in order.

        `attempt` counts from 1, `attempt_name` is its name; `iteration` starts again with each.
        `cost` is the objective, `primal_infeasibility` and `dual_infeasibility` the largest
        violations of the constraints (in a first attempt with rows on call, of those that were in
        its working set) and of the first-order conditions in Ipopt's scaling, `mu` the
        barrier parameter, `step` the length of the primal step, 1 for a full one; during
        `restoration` Ipopt looks for a feasible point, and cost does not count. `regularization` is
        what was added to the Hessian's diagonal, `length` the largest entry of a full step.
        """
        import pandas as pd

        sizes = [len(attempt.steps) for attempt in self.attempts]
        places = np.repeat(np.arange(len(sizes)), sizes)
        values = np.concatenate([attempt.steps for attempt in self.attempts])
        frame = pd.DataFrame(values, columns=list(STEPS))
        frame.insert(0, "attempt", 1 + places)
        names = np.array([attempt.name for attempt in self.attempts], dtype=object)
        frame.insert(1, "attempt_name", names[places])
        return frame.astype({"iteration": "int64", "restoration": "bool"})

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name; those of DC lines and of outages only if there are any."""
        names = ["buses", "gens", "branches", "inverters", "pairs"]
        names += [] if self.setting.devices is None else ["devices"]
        if len(self.problem.base.dcline):
            names.insert(3, "dclines")
        if self.problem.horizon is not None:
            found = {name: self.table(name) for name in names}
            found |= {"hours": self.hours}
            for name in self._coupled:
                found |= {name: getattr(self, name), f"{name}_by_hour": self.table(name)}
            return found
        if self.scenario.outages:
            names += ["outages", "nssp_by_state", "lmp_by_state"]
        return {name: getattr(self, name) for name in names}
