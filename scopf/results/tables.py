"""Status, cost and labelled tables of a solve, in the user's own numbers and units."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from scopf.arrays import Flags, Floats, Ints
from scopf.devices.constant_power import ConstantPower, constant_power
from scopf.diagnosis.outages import Unsurvived
from scopf.errors import ScopfError, listing
from scopf.model.current_limits import limited
from scopf.model.problem import Problem, Scenario
from scopf.network.kron import Reduction
from scopf.optimizer.status import STEPS, Attempt, Iterate, Status
from scopf.results import claims, dispatch, screening
from scopf.results.point import Point
from scopf.results.screening import Screened
from scopf.results.states import INTACT, AfterOutages, State
from scopf.stability.rows import NOBODY

if TYPE_CHECKING:
    import pandas as pd

    from scopf.devices.gfm import Inverters
    from scopf.network.network import Network
    from scopf.results.accuracy import Accuracy
    from scopf.results.checks import Check
    from scopf.results.prices import Prices
    from scopf.stability.criterion import Claim
    from scopf.stability.rows import Stability
    from scopf.stability.setting import Setting

BINDING = 1e-6  # p.u. voltage: a stability row with less slack than this counts as binding


@dataclass(frozen=True, eq=False)
class Result:
    """Numbers and tables of a solve; what can be asked of them is in `Solution`.

    After a solve that failed, the cost and every price are NaN, nothing counts as binding, and the
    tables show the last iterate.

    Attributes:
        status: how the solve ended.
        message: the same as a sentence.
        cost: objective, in the case's currency per hour.
        iterations: interior-point iterations, of all attempts together.
        seconds: wall time of compiling and solving.
        attempts: in order; the last one gave the result.
        problem: the problem; its numbers may have been changed since.
        scenario, inverter_data: its numbers and inverters as they had last been given to `build` or
            `update` (what was set by hand on the Pyomo model shows in the tables only).
        point, prices, stability: the numbers of the tables.
        unique: makes flags of the inverters whose price is the only one.
        accuracy: errors in the original problem, independent of the solver.
        setting: the network, droops and margins that the criterion was about.
        rewritten: changes by hand on the Pyomo model that no network and no droops have.
        iterate: where the solver ended, for a warm start.
        fingerprint: of the numbers that were solved, see `NLP.fingerprint`.
        checks: every solve and exact check of `solve(..., certify=True)`.
        after: the states after outages; None for a problem without.
        screened: what screening found after outages.
        unsurvived: outages that were left out, because no dispatch survives them.
        violated: rows of `violations`.
    """

    status: Status
    message: str
    cost: float
    iterations: int
    seconds: float
    attempts: tuple[Attempt, ...] = field(repr=False)
    problem: Problem = field(repr=False)
    scenario: Scenario = field(repr=False)
    inverter_data: Inverters = field(repr=False)
    point: Point = field(repr=False)
    prices: Prices = field(repr=False)
    stability: Stability = field(repr=False)
    unique: Callable[[], Flags] = field(repr=False)
    accuracy: Accuracy = field(repr=False)
    setting: Setting = field(repr=False)
    rewritten: Sequence[str] = field(repr=False)
    iterate: Iterate = field(repr=False)
    fingerprint: str = field(repr=False)
    checks: tuple[Check, ...] = field(default=(), repr=False)
    after: AfterOutages | None = field(default=None, repr=False)
    screened: tuple[Screened, ...] = field(default=(), repr=False)
    unsurvived: tuple[Unsurvived, ...] = field(default=(), repr=False)
    violated: tuple[dict[str, Any], ...] = field(default=(), repr=False)

    @property
    def certified(self) -> bool | None:
        """Whether the exact check was passed; None when it was not asked for.

        A check that is undecided is not passed.
        """
        return self.checks[-1].stable is True if self.checks else None

    @property
    def constant_power(self) -> ConstantPower | None:
        """The generators without an inverter, which count as constant power; None if none do.

        It is a condition of every claim, and of the exact check.
        """
        pg = self.point.pg if self.solved else np.full(len(self.point.pg), np.nan)
        return constant_power(self.problem.base, self.inverter_data, pg)

    @property
    def attempt(self) -> str:
        """Name of the attempt that gave the result, such as "reduced"."""
        return self.attempts[-1].name

    @cached_property
    def unmet(self) -> tuple[str, ...]:
        """Assumptions of the criterion's claim that the point does not meet, a clause each."""
        if not self.solved:
            return ("there is no solution",)
        point = self.point
        at = (point.vm, point.va), (point.pg, point.qg)
        criterion, setting = self.problem.criterion, self.setting
        if criterion.claim is None:
            return ()
        if not point.alpha > 0:
            return (f"the grid strength is {point.alpha:g}",)
        if point.shed.any():  # the network that is reduced has the loads as they are served
            served = Reduction(setting.net.replace(bus=point.loads), setting.reduction.keep)
            setting = dataclasses.replace(setting, reduction=served)
        found = claims.unmet(criterion, setting, self.energized, *at)
        return (*self.rewritten, *found)

    @property
    def claim(self) -> Claim | None:
        """The claim of the criterion, if the point meets all of its assumptions; else None."""
        return None if self.unmet else self.problem.criterion.claim

    @property
    def solved(self) -> bool:
        """True when there is a solution."""
        return self.status.solved

    @cached_property
    def buses(self) -> pd.DataFrame:
        """Voltages, loads, locational marginal prices and prices of voltage limits, by bus.

        `lmp_p_per_mwh` and `lmp_q_per_mvarh` are dJ*/d(load), each the sum of two parts: `balance`
        with the stability limits held, and `limits`, which follow the loads.
        """
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
    def violations(self) -> pd.DataFrame:
        """Limits that are violated at their price (`soft`), after outages as well.

        Family, limit and element, by how much it is violated in its unit, the price, and the cost,
        which is part of `cost`; largest costs first.
        """
        import pandas as pd

        columns = ["family", "limit", "element", "violation", "unit", "price_per_unit",
                   "cost_per_h"]  # fmt: skip
        return pd.DataFrame(list(self.violated), columns=columns)

    @cached_property
    def gens(self) -> pd.DataFrame:
        """Dispatch, cost and prices of the P and Q limits, by generator."""
        import pandas as pd

        gen, base = self.problem.base.gen, self.problem.base.base_mva
        point = self.point
        return pd.DataFrame(
            {
                "gen": gen.id,
                "bus": gen.bus,
                **self._islands(self.problem.base.gen_at),
                "p_mw": point.pg * base,
                "q_mvar": point.qg * base,
                "cost_per_h": point.costs,
                **self.prices.gens,
            }
        )

    @cached_property
    def branches(self) -> pd.DataFrame:
        """Flows into both ends, losses, loading and prices of the limits, by branch.

        `loading_percent` is of |S|, or of |I| with the limit "current", and `mu_s_..._per_mvah` is
        the value of more rating, then MVA at 1 p.u. voltage.
        """
        import pandas as pd

        net, base = self.problem.base, self.problem.base.base_mva
        pf, qf, pt, qt = self.point.flows * base
        loading = np.maximum(*self.problem.opf.thermal.loading(self.point.flows, self.point.vm))
        return pd.DataFrame(
            {
                "branch": net.branch.id,
                "from_bus": net.branch.from_bus,
                "to_bus": net.branch.to_bus,
                **self._islands(net.branch_from),
                "pf_mw": pf,
                "qf_mvar": qf,
                "pt_mw": pt,
                "qt_mvar": qt,
                "p_loss_mw": pf + pt,
                "loading_percent": np.where(np.isfinite(net.branch.rate), 100 * loading, np.nan),
                **self.prices.branches,
            }
        )

    @cached_property
    def dclines(self) -> pd.DataFrame:
        """Powers at both ends, cost and prices of the limits, by DC line.

        `pf_mw` leaves the from bus and `pt_mw` arrives at the to bus; `qf_mvar` and `qt_mvar` are
        injected into them.
        """
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

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Every stability row: bus, neighbour, slack, whether it binds, its price.

        Rows that are about all neighbours at once have no `neighbor`.
        """
        import pandas as pd

        columns = self.columns("pairs")
        return pd.DataFrame({**columns, "neighbor": _numbers(columns["neighbor"])})

    def _of_pairs(self) -> dict[str, Any]:
        rows = self.stability.rows
        margin = rows.limit - rows.value
        return {
            "bus": rows.bus,
            "neighbor": rows.neighbor,
            "value_pu": rows.value,
            "limit_pu": rows.limit,
            "margin": margin,
            "binding": self._binds(margin, rows.required),
            "price_per_pu": rows.price,
        }

    def _binds(self, margin: Floats, required: Floats | float) -> Flags:
        """Mask of the margins that are no larger than required; all False without a solution."""
        return (margin - required <= BINDING) & self.solved

    @cached_property
    def inverters(self) -> pd.DataFrame:
        """Every inverter: droop, operating point, stability limit and margin, and its NSSP.

        `units` generators act together as one inverter; mq is their combined droop on the system
        base. `loading_percent` is |S| over the rating, `current_pu` |I| over it (if any inverter
        has a limit `imax`). `cost_q_per_h` is the inverter's lost opportunity, `mu_s_per_mvah` and
        `mu_imax_per_pu` are the values of more rating and more current. `margin` is the least slack
        among the inverter's rows (p.u. voltage), `neighbor` the bus across that row, `nssp_per_pu`
        the Nodal Stability Shadow Price, per p.u. voltage of the limit (of stiffness 1/k for the
        criterion weighted). `price_unique` is False where that price and `dcost_dmq` are one of
        many, because the cost has a kink there and two slopes, and without a solution. `dcost_dmq`
        is dJ*/dm_q, currency/h per unit of m_q: the cost of a softer inverter to the dispatch.
        """
        import pandas as pd

        columns = self.columns("inverters")
        return pd.DataFrame({**columns, "neighbor": _numbers(columns["neighbor"])})

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
            "units": [len(group) for group in inv.gens],
            "mq": inv.mq,
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
            "binding": self._binds(found.margin, found.required),
            "nssp_per_pu": nssp if self.solved else missing,
            "price_unique": self.unique(),
            "dcost_dmq": slope if self.solved else missing,
        }

    # -- states after outages -------------------------------------------

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the operating states: "intact", and one for each outage."""
        return (INTACT, *(() if self.after is None else self.after.settled.names))

    def state(self, name: str) -> Self | State:
        """The tables of a state: `sol.state("branch 6").inverters`; "intact" is the solution.

        Raises:
            ScopfError: when there is no such state.
        """
        if name == INTACT:
            return self
        if self.after is None or name not in self.after.settled.names:
            raise ScopfError(
                f"there is no state {name!r}; there are {listing(self.states, most=8)}"
            )
        return self.after.state(name, self._after_binds())

    @cached_property
    def outages(self) -> pd.DataFrame:
        """One row for each outage: most loaded branch, least margin, frequency, price.

        `nssp_per_pu` is the sum of the NSSP of the state's inverters.
        """
        import pandas as pd

        return pd.DataFrame() if self.after is None else self.after.table(self._after_binds())

    @property
    def screening(self) -> pd.DataFrame:
        """Outages in the order in which they joined the dispatch, and those that never had to.

        `violation` is the worst at the dispatch of that round (p.u., rad, or the share of a
        rating), `reason` says where.
        """
        return screening.table(self.screened)

    def _after_binds(self) -> Flags:
        assert self.after is not None
        return self._binds(self.after.stability.margin, self.after.stability.required)

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
        (`inverter_stiffness` in co-design, `gen_qg_supplied`). Variables that are fixed, or have no
        bound, are left out. All is in the units of the model, per unit and rad for the package's
        own. `dcost_dlower` and `dcost_dupper` are dJ*/d(bound), with J the objective as you wrote
        it: not below and not above zero where it is minimised, the other way round where it is
        maximised. NaN without a solution.
        """
        import pandas as pd

        return pd.DataFrame(self.prices.bounds)

    @cached_property
    def trace(self) -> pd.DataFrame:
        """Every iteration of the solver, of all attempts in order.

        `attempt` counts from 1, `attempt_name` is its name; `iteration` starts again with each.
        `cost` is the objective, `primal_infeasibility` and `dual_infeasibility` the largest
        violations of the constraints and of the first-order conditions in Ipopt's scaling, `mu` the
        barrier parameter, `step` the length of the primal step, 1 for a full one; during
        `restoration` Ipopt looks for a feasible point, and cost does not count.
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

    @cached_property
    def net(self) -> Network:
        """The network at the operating point, to be written, solved or reduced again.

        Generators have their P, Q and voltage set points, buses their voltages and loads, branches
        the grid strength and DC lines their powers and voltages, as they were solved; an island
        has the reference that it was solved with. What is out of service, or in a dead island,
        is there as it was given.
        """
        return dispatch.whole(self.problem.given, self.energized)

    @cached_property
    def energized(self) -> Network:
        """The part of `net` that was solved; its rows are those of the tables."""
        return dispatch.energized(self.problem.base, self.point)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name; that of DC lines only if there are any."""
        names = ["buses", "gens", "branches", "inverters", "pairs"]
        if len(self.problem.base.dcline):
            names.insert(3, "dclines")
        return {name: getattr(self, name) for name in names}


def _numbers(bus: Ints) -> pd.arrays.IntegerArray:
    """Bus numbers, missing where there is nobody."""
    import pandas as pd

    return pd.arrays.IntegerArray(bus.astype(np.int64), bus == NOBODY)
